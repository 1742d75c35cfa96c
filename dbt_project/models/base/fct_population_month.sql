-- One row per month and place: residents at the month's end.
-- Grain: month_date, region_code.
-- Nuance: the month of the data ends on its day. Who moved counted at the former place until the extract that says so;
-- where a person lived before the first extract is not known, and the first place known counts. Who left on an unknown
-- day is in no month.
with resident as (
    select * from {{ ref('dim_person') }}
    where status_code = '1' or cancelled_date is not null
),

place as (
    select
        person_key,
        region_code,
        valid_from_date,
        lag(region_code) over (partition by person_key order by valid_from_date) as previous_region_code
    from {{ ref('dim_person_version') }}
),

-- From move to move; a change of status alone is none.
stay as (
    select
        person_key,
        region_code,
        case when previous_region_code is not null then valid_from_date end as moved_in_date,
        lead(valid_from_date) over (partition by person_key order by valid_from_date) as moved_out_date
    from place
    where region_code is distinct from previous_region_code
),

person as (
    select
        stay.region_code,
        greatest(resident.registered_date, stay.moved_in_date) as registered_date,
        least(resident.cancelled_date, stay.moved_out_date) as cancelled_date,
        true as is_in_stock
    from resident
    inner join stay on resident.person_key = stay.person_key
    where
        coalesce(resident.registered_date < stay.moved_out_date, true)
        and coalesce(resident.cancelled_date > stay.moved_in_date, true)
),

by_month as (
    {{ stock_by_month('person') }}
)

select
    month_date,
    region_code,
    region_level,
    stock_count as resident_count
from by_month
