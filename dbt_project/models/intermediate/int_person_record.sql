-- One row per record in force that describes a person, under the key of that person.
-- Grain: source_record_key.
-- Nuance: the one place where what describes a person meets the person's key; no register's own number goes further.
-- Of the registers, source_rank 1 is believed first. A residence permit describes a resident until its last day: then,
-- or when it lapses, its holder counts as moved out.
with run as (
    select as_of_date from {{ source('ledger', 'run') }}
),

register as (
    select
        'public_security.person_register' as source_dataset,
        {{ person_record_id(['register_no']) }} as register_no,
        1 as source_rank,
        birth_date,
        sex_code,
        residence_region_code,
        status_code,
        registered_date,
        cancelled_date,
        updated_at
    from {{ ref('stg_public_security__person_register') }}
    where not is_deleted
),

permit as (
    select
        'public_security.residence_permit' as source_dataset,
        {{ person_record_id(['permit_no']) }} as register_no,
        2 as source_rank,
        birth_date,
        sex_code,
        residence_region_code,
        case when status_code = '1' and valid_to_date >= run.as_of_date then '1' else '3' end as status_code,
        issued_date as registered_date,
        case
            when status_code <> '1' then least(valid_to_date + 1, {{ local_date('updated_at') }})
            when valid_to_date < run.as_of_date then valid_to_date + 1
        end as cancelled_date,
        updated_at
    from {{ ref('stg_public_security__residence_permit') }}
    cross join run
    where not is_deleted
),

record as (
    select * from register
    union all
    select * from permit
)

select
    person_record.source_record_key,
    person_record.person_key,
    record.source_dataset,
    record.source_rank,
    cast(extract(year from record.birth_date) as integer) as birth_year,
    record.sex_code,
    record.residence_region_code,
    record.status_code,
    record.registered_date,
    record.cancelled_date,
    record.updated_at
from record
inner join {{ source('identity', 'person_record') }} as person_record
    on record.source_dataset = person_record.source_dataset and record.register_no = person_record.register_no
