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
