-- One row per person and time in which place of residence and status were the same, by what the registers said then.
-- Grain: person_key, valid_from_date.
-- Nuance: valid_from_date is an extract's date, so the first version begins with the first extract, however long before
-- that the person was registered. Each day's records are chosen among as dim_person chooses among today's, under the
-- person keys of today. A person without a record on a day has no version then.
with version as (
    select
        version.*,
        priority.rank as region_rank,
        row(
            version.source_rank,
            case version.status_code when '1' then 0 else 1 end,
            -coalesce(epoch_us(version.updated_at), 0),
            version.source_record_key
        ) as preference
    from {{ ref('int_person_version') }} as version
    left join {{ source('identity', 'source_priority') }} as priority
        on
            priority.kind = 'person'
            and priority.attribute = 'region_code'
            and version.source_dataset = priority.dataset
),

change_day as (
    select
        person_key,
        valid_from_date as change_date
    from version
    union distinct
    select
        person_key,
        valid_to_date as change_date
    from version
    where valid_to_date is not null
),

-- What held from each day on which anything changed: the status of the best record, the place of the best that has one.
held as (
    select
        change_day.person_key,
        change_day.change_date,
        min_by(version.status_code, version.preference) as status_code,
        min_by(version.residence_region_code, row(version.region_rank, version.preference)) filter (
            where version.residence_region_code is not null and version.region_rank is not null
        ) as residence_region_code,
        count(version.source_record_key) = 0 as is_absent
    from change_day
    left join version
        on
            change_day.person_key = version.person_key
            and change_day.change_date >= version.valid_from_date
            and change_day.change_date < coalesce(version.valid_to_date, date '9999-12-31')
    group by change_day.person_key, change_day.change_date
),

place as (
    {{ region_of_code('held', 'residence_region_code') }}
),

placed as (
    select
        held.person_key,
        held.change_date,
        held.status_code,
        held.is_absent,
        place.region_code,
        place.region_level,
        row_number() over day_by_day as change_number,
        lag(held.is_absent) over day_by_day as was_absent,
        lag(held.status_code) over day_by_day as previous_status_code,
        lag(place.region_code) over day_by_day as previous_region_code
    from held
    inner join place on held.residence_region_code is not distinct from place.delivered_code
    window day_by_day as (partition by held.person_key order by held.change_date)
),

version_start as (
    select
        *,
        lead(change_date) over (partition by person_key order by change_date) as next_date
    from placed
    where
        change_number = 1
        or is_absent <> was_absent
        or status_code is distinct from previous_status_code
        or region_code is distinct from previous_region_code
)

select
    person_key,
    region_code,
    region_level,
    status_code,
    change_date as valid_from_date,
    next_date as valid_to_date,
    next_date is null as is_current
from version_start
where not is_absent
