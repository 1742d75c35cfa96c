-- One row per case that has fallen due, as it stood at the end of the month in which it did.
-- Grain: case_key.
-- Nuance: what happens after that month never changes a row; for the month of the data, its day is the end. A
-- step counts whether it came before or after the deadline, as long as it came in or before that month.
with urban_case as (
    select * from {{ ref('fct_urban_case') }}
),

run as (
    select as_of_date from {{ source('ledger', 'run') }}
),

due as (
    select
        urban_case.*,
        cast(date_trunc('month', urban_case.due_date) as date) as month_date,
        least(last_day(urban_case.due_date), run.as_of_date) as period_end
    from urban_case
    cross join run
    where urban_case.due_date <= run.as_of_date
)

select
    case_key,
    category_code,
    due_date,
    month_date,
    period_end,
    region_code,
    region_level,
    department_code,
    coalesce(handled_date <= period_end, false) as is_handled,
    coalesce(handled_at <= due_at, false) as is_handled_on_time,
    coalesce(closed_date <= period_end, false) as is_closed,
    coalesce(closed_at <= due_at, false) as is_closed_on_time
from due
