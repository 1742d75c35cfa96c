-- One row per month and place: market entities that came, went and were active.
-- Grain: month_date, region_code.
-- Nuance: the month of the data ends on its day. An entity that ended on an unknown day (revoked or moved out without a
-- date) counts as new in its month and in no stock; one registered on an unknown day is in every stock until it ends.
with entity as (
    select
        region_code,
        registered_date,
        cancelled_date,
        is_active or cancelled_date is not null as is_in_stock
    from {{ ref('dim_entity') }}
),

by_month as (
    {{ stock_by_month('entity') }}
)

select
    month_date,
    region_code,
    region_level,
    came_count as new_count,
    left_count as cancelled_count,
    stock_count as active_count,
    stock_at_start_count as active_at_start_count
from by_month
