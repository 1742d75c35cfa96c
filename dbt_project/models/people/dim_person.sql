-- One row per person: those whom the registers describe, and those known only by a tie to an entity, under opaque keys.
-- Grain: person_key.
-- Nuance: the person register is believed before a residence permit. Where several of its records describe one person,
-- a registered one is preferred to a cancelled one, then the newest; but a second registration makes nobody a newcomer:
-- the first of that status counts.
with described as (
    select * from {{ ref('int_person_record') }}
),

person as (
    select person_key from described
    union distinct
    select person_key from {{ ref('int_person_entity') }}
),

record as (
    select
        person.person_key,
        described.source_record_key,
        described.source_rank,
        described.birth_year,
        described.sex_code,
        described.residence_region_code,
        described.status_code,
        described.registered_date,
        described.cancelled_date,
        described.updated_at
    from person
    left join described on person.person_key = described.person_key
),

ranked as (
    select
        *,
        count(source_record_key) over (partition by person_key) as source_record_count,
        min(registered_date) over (partition by person_key, source_rank, status_code) as first_registered_date,
        row_number() over (
            partition by person_key
            order by
                source_rank asc,
                case status_code when '1' then 0 else 1 end asc,
                updated_at desc,
                source_record_key asc
        ) as preference
    from record
),

place as (
    {{ region_of_code('record', 'residence_region_code') }}
)

select
    ranked.person_key,
    ranked.birth_year,
    ranked.sex_code,
    place.region_code,
    place.region_level,
    ranked.status_code,
    ranked.first_registered_date as registered_date,
    ranked.cancelled_date,
    cast(ranked.source_record_count as integer) as source_record_count
from ranked
inner join place on ranked.residence_region_code is not distinct from place.delivered_code
where ranked.preference = 1
