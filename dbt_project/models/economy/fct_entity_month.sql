-- One row per month and place: market entities that came, went and were active.
-- Grain: month_date, region_code.
-- Nuance: the month of the data ends on its day. An entity that ended on an unknown day (revoked or moved out without a
-- date) counts as new in its month and in no stock; one registered on an unknown day is in every stock until it ends.
with month_and_opening as (
    {{ months_with_opening() }}
),

entity as (
    select
        dim_entity.*,
        dim_entity.is_active or dim_entity.cancelled_date is not null as is_in_stock
    from {{ ref('dim_entity') }} as dim_entity
),

run as (
    select as_of_date from {{ source('ledger', 'run') }}
),

change as (
    select
        region_code,
        {{ month_or_opening('registered_date') }} as month_date,
        1 as new_count,
        0 as cancelled_count,
        case when is_in_stock then 1 else 0 end as stock_change
    from entity
    cross join run
    where coalesce(registered_date <= as_of_date, true)
    union all
    select
        region_code,
        {{ month_or_opening('cancelled_date') }} as month_date,
        0 as new_count,
        1 as cancelled_count,
        -1 as stock_change
    from entity
    cross join run
    where cancelled_date <= as_of_date
),

by_month as (
    select
        region_code,
        month_date,
        sum(new_count) as new_count,
        sum(cancelled_count) as cancelled_count,
        sum(stock_change) as stock_change
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
        coalesce(by_month.new_count, 0) as new_count,
        coalesce(by_month.cancelled_count, 0) as cancelled_count,
        coalesce(by_month.stock_change, 0) as stock_change,
        sum(coalesce(by_month.stock_change, 0)) over (
            partition by place.region_code order by month_and_opening.month_date rows unbounded preceding
        ) as active_count
    from month_and_opening
    cross join place
    left join by_month
        on month_and_opening.month_date = by_month.month_date and place.region_code = by_month.region_code
)

select
    stock.month_date,
    stock.region_code,
    dim_region.region_level,
    cast(stock.new_count as bigint) as new_count,
    cast(stock.cancelled_count as bigint) as cancelled_count,
    cast(stock.active_count as bigint) as active_count,
    cast(stock.active_count - stock.stock_change as bigint) as active_at_start_count
from stock
left join {{ ref('dim_region') }} as dim_region on stock.region_code = dim_region.region_code
where not stock.is_opening
