-- One row per month and place: residents at the month's end.
-- Grain: month_date, region_code.
-- Nuance: the month of the data ends on its day. Where a person lives is known as of now only, so a move changes past
-- months too. Who left on an unknown day is in no month.
with person as (
    select
        region_code,
        registered_date,
        cancelled_date,
        true as is_in_stock
    from {{ ref('dim_person') }}
    where status_code = '1' or cancelled_date is not null
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
