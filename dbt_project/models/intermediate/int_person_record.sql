-- One row per record in force of the person register, under the key of the person whom it describes.
-- Grain: source_record_key.
-- Nuance: the one place where a register's own number meets a person key. It stays in the vault, and the number in it.
with record as (
    select * from {{ ref('stg_public_security__person_register') }}
    where not is_deleted
),

person_record as (
    select * from {{ source('identity', 'person_record') }}
    where source_dataset = 'public_security.person_register'
)

select
    person_record.source_record_key,
    person_record.person_key,
    cast(extract(year from record.birth_date) as integer) as birth_year,
    record.sex_code,
    record.residence_region_code,
    record.status_code,
    record.registered_date,
    record.cancelled_date,
    record.updated_at
from record
inner join person_record on record.register_no = person_record.register_no
