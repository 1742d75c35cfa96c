-- One row per delivery of a department, whatever became of it.
-- Grain: delivery_id.
-- Nuance: derived from manifests alone; when and by which run it was loaded is left out, because nothing depends on it.
-- A heading that the contract does not know is the department's own text: one that could be a value is not shown.
select
    delivery_id,
    dataset,
    department as department_code,
    extract_date,
    revision,
    mode as delivery_mode,
    status,
    origin,
    received_at,
    {{ local_date('received_at') }} as received_date,
    contract_version,
    rows_read,
    rows_accepted,
    rows_quarantined,
    rows_erased,
    drift as drift_mode,
    {{ headings('new_columns') }} as new_headings,
    {{ headings('missing_columns') }} as missing_headings,
    refusal_rule,
    refusal_reason_zh as refusal_zh,
    refusal_reason_en as refusal_en
from {{ source('ledger', 'delivery') }}
