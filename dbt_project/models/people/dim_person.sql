-- One row per person: those whom the registers describe, and those known only by a tie to an entity, under opaque keys.
-- Grain: person_key.
-- Nuance: year of birth, sex and place are each from the source that is believed first (source_priority.csv), whichever
-- that is. Status and dates are one record's: the person register is believed before a residence permit; where several
-- of its records describe one person, a registered one is preferred to a cancelled one, then the newest; but a second
-- registration makes nobody a newcomer: the first of that status counts.
with described as (
    select * from {{ ref('int_person_record') }}
),

chosen as (
    select * from {{ source('identity', 'person_description') }}
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
        described.source_dataset,
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

-- What the chosen source says; a record that identity has not looked at yet speaks for itself.
told as (
    select
        ranked.*,
        coalesce(chosen.birth_year, ranked.birth_year) as told_birth_year,
        coalesce(chosen.birth_year_source, case when ranked.birth_year is not null then ranked.source_dataset end)
            as birth_year_source,
        coalesce(chosen.sex_code, ranked.sex_code) as told_sex_code,
        coalesce(chosen.sex_source, case when ranked.sex_code is not null then ranked.source_dataset end) as sex_source,
        coalesce(chosen.region_code, ranked.residence_region_code) as told_region_code,
        coalesce(
            chosen.region_source, case when ranked.residence_region_code is not null then ranked.source_dataset end
        ) as region_source
    from ranked
    left join chosen on ranked.person_key = chosen.person_key
    where ranked.preference = 1
),

place as (
    {{ region_of_code('told', 'told_region_code') }}
)

select
    told.person_key,
    told.told_birth_year as birth_year,
    told.birth_year_source,
    told.told_sex_code as sex_code,
    told.sex_source,
    place.region_code,
    place.region_level,
    told.region_source,
    told.status_code,
    told.first_registered_date as registered_date,
    told.cancelled_date,
    cast(told.source_record_count as integer) as source_record_count
from told
inner join place on told.told_region_code is not distinct from place.delivered_code
