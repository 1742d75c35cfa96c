-- One row per month and place: residents at the month's end.
-- Grain: month_date, region_code.
-- Nuance: the month of the data ends on its day. Where a person lives is known as of now only, so a move changes past
-- months too. Who left on an unknown day is in no month.
with month_and_opening as (
    {{ months_with_opening() }}
),

person as (
    select * from {{ ref('dim_person') }}
    where status_code = '1' or cancelled_date is not null
),

run as (
    select as_of_date from {{ source('ledger', 'run') }}
),

change as (
    select
        region_code,
        {{ month_or_opening('registered_date') }} as month_date,
        1 as resident_change
    from person
    cross join run
    where coalesce(registered_date <= as_of_date, true)
    union all
    select
        region_code,
        {{ month_or_opening('cancelled_date') }} as month_date,
        -1 as resident_change
    from person
    cross join run
    where cancelled_date <= as_of_date
),

by_month as (
    select
        region_code,
        month_date,
        sum(resident_change) as resident_change
    from change
    group by region_code, month_date
),

place as (
    select distinct region_code from by_month
),

stock as (
    select
        month_and_opening.month_date,
        month_and_opening.is_opening,
        place.region_code,
        sum(coalesce(by_month.resident_change, 0)) over (
            partition by place.region_code order by month_and_opening.month_date rows unbounded preceding
        ) as resident_count
    from month_and_opening
    cross join place
    left join by_month
        on month_and_opening.month_date = by_month.month_date and place.region_code = by_month.region_code
)

select
    stock.month_date,
    stock.region_code,
    dim_region.region_level,
    cast(stock.resident_count as bigint) as resident_count
from stock
left join {{ ref('dim_region') }} as dim_region on stock.region_code = dim_region.region_code
where not stock.is_opening
