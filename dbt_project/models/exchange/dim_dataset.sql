-- One row per dataset that a department has promised, whether or not anything came yet.
-- Grain: dataset.
-- Nuance: as today's contracts say; a delivery's own contract version is in fct_delivery.
select
    dataset,
    department_code,
    dataset_name_zh,
    dataset_name_en,
    contract_version,
    delivery_mode,
    frequency_days,
    latency_hours,
    quarantine_tolerance_pct
from {{ source('ledger', 'dataset') }}
