-- One row per record that describes a person and version of it, under the key of that person.
-- Grain: source_record_key, valid_from_date.
-- Nuance: what int_person_record says of today, for every day since the first extract; valid_to_date is the first day
-- on which it no longer held. A permit's last day ends its holder's residence without anybody delivering anything.
-- A record that was deleted ends with its tombstone, under the key of whoever carries its number today.
with run as (
    select as_of_date from {{ source('ledger', 'run') }}
),

register as (
    select
        'public_security.person_register' as source_dataset,
        {{ person_record_id(['register_no']) }} as register_no,
        1 as source_rank,
        residence_region_code,
        status_code,
        updated_at,
        version_from_date as valid_from_date,
        version_to_date as valid_to_date
    from {{ ref('hst_public_security__person_register') }}
    where not is_deleted
),

permit as (
    select
        *,
        case when status_code = '1' then valid_to_date + 1 end as lapse_date
    from {{ ref('hst_public_security__residence_permit') }}
    where not is_deleted
),

-- As long as it runs, and from when it had lapsed; of a version one of the two or both.
permit_stage as (
    select
        permit_no,
        residence_region_code,
        updated_at,
        '1' as status_code,
        version_from_date as valid_from_date,
        case when lapse_date <= run.as_of_date then least(version_to_date, lapse_date) else version_to_date end
            as valid_to_date
    from permit
    cross join run
    where lapse_date > version_from_date
    union all
    select
        permit_no,
        residence_region_code,
        updated_at,
        '3' as status_code,
        greatest(version_from_date, lapse_date) as valid_from_date,
        version_to_date as valid_to_date
    from permit
    cross join run
    where
        lapse_date is null
        or (lapse_date <= run.as_of_date and lapse_date < coalesce(version_to_date, date '9999-12-31'))
),

version as (
    select * from register
    union all by name
    select
        'public_security.residence_permit' as source_dataset,
        {{ person_record_id(['permit_no']) }} as register_no,
        2 as source_rank,
        residence_region_code,
        status_code,
        updated_at,
        valid_from_date,
        valid_to_date
    from permit_stage
),

person_record as (
    select
        source_dataset,
        register_no,
        source_record_key,
        person_key
    from {{ source('identity', 'person_record') }}
    union all
    select
        source_dataset,
        register_no,
        source_record_key,
        key as person_key
    from {{ source('identity', 'past_record') }}
    where kind = 'person'
)

select
    person_record.source_record_key,
    person_record.person_key,
    version.source_dataset,
    version.source_rank,
    version.residence_region_code,
    version.status_code,
    version.updated_at,
    version.valid_from_date,
    version.valid_to_date
from version
inner join person_record
    on version.source_dataset = person_record.source_dataset and version.register_no = person_record.register_no
