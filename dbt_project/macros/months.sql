-- Stocks by month and place, from what entered and what left.

-- The months from the calendar's first to the run's, and before them the opening balance's.
-- Columns: month_date, is_opening.
{% macro months_with_opening() -%}
    select distinct
        calendar.month_date,
        false as is_opening
    from {{ ref('dim_date') }} as calendar
    inner join {{ source('ledger', 'run') }} as run on calendar.date_day <= run.as_of_date
    union all
    select
        cast(min(month_date) - interval '1 month' as date) as month_date,
        true as is_opening
    from {{ ref('dim_date') }}
{%- endmacro %}

-- The month that a day is counted in: what came before the calendar begins, or on an unknown day, is opening balance.
{% macro month_or_opening(day) -%}
    greatest(
        coalesce(cast(date_trunc('month', {{ day }}) as date), date '0001-01-01'),
        (select month_date from month_and_opening where is_opening)
    )
{%- endmacro %}

-- What came, went and was there, by month and place: the month of the data ends on its day.
-- unit names a CTE with region_code, registered_date, cancelled_date and is_in_stock (false: it came, but went on an
-- unknown day, so no month has it in stock). One row per month and place, without the opening balance.
{% macro stock_by_month(unit) -%}
    with month_and_opening as (
        {{ months_with_opening() }}
    ),

    change as (
        select
            unit.region_code,
            {{ month_or_opening('unit.registered_date') }} as month_date,
            1 as came_count,
            0 as left_count,
            case when unit.is_in_stock then 1 else 0 end as stock_change
        from {{ unit }} as unit
        cross join {{ source('ledger', 'run') }} as run
        where coalesce(unit.registered_date <= run.as_of_date, true)
        union all
        select
            unit.region_code,
            {{ month_or_opening('unit.cancelled_date') }} as month_date,
            0 as came_count,
            1 as left_count,
            -1 as stock_change
        from {{ unit }} as unit
        cross join {{ source('ledger', 'run') }} as run
        where unit.cancelled_date <= run.as_of_date
    ),

    by_month as (
        select
            region_code,
            month_date,
            sum(came_count) as came_count,
            sum(left_count) as left_count,
            sum(stock_change) as stock_change
        from change
        group by region_code, month_date
    ),

    stock as (
        select
            month_and_opening.month_date,
            month_and_opening.is_opening,
            place.region_code,
            coalesce(by_month.came_count, 0) as came_count,
            coalesce(by_month.left_count, 0) as left_count,
            coalesce(by_month.stock_change, 0) as stock_change,
            sum(coalesce(by_month.stock_change, 0)) over (
                partition by place.region_code order by month_and_opening.month_date rows unbounded preceding
            ) as stock_count
        from month_and_opening
        cross join (select distinct region_code from by_month) as place
        left join by_month
            on month_and_opening.month_date = by_month.month_date and place.region_code = by_month.region_code
    )

    select
        stock.month_date,
        stock.region_code,
        dim_region.region_level,
        cast(stock.came_count as bigint) as came_count,
        cast(stock.left_count as bigint) as left_count,
        cast(stock.stock_count - stock.stock_change as bigint) as stock_at_start_count,
        cast(stock.stock_count as bigint) as stock_count
    from stock
    left join {{ ref('dim_region') }} as dim_region on stock.region_code = dim_region.region_code
    where not stock.is_opening
{%- endmacro %}
