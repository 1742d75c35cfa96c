-- One row per person known to the registers, under an opaque key.
-- Grain: person_key.
-- Nuance: where several records describe one person, a registered one is preferred to a cancelled one, then the newest;
-- but a second registration makes nobody a newcomer: the first of that status counts.
with record as (
    select * from {{ ref('int_person_record') }}
),

ranked as (
    select
        *,
        count(*) over (partition by person_key) as source_record_count,
        min(registered_date) over (partition by person_key, status_code) as first_registered_date,
        row_number() over (
            partition by person_key
            order by case status_code when '1' then 0 else 1 end asc, updated_at desc, source_record_key asc
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
