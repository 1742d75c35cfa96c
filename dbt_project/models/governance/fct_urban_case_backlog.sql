-- One row per case and month at whose end it was open past its deadline.
-- Grain: case_key, month_date.
-- Nuance: the month of the data ends on its day. A case is open until it is closed, handled or not.
with urban_case as (
    select * from {{ ref('fct_urban_case') }}
    where due_date is not null
),

period as (
    {{ months_so_far() }}
)

select
    urban_case.case_key,
    period.month_date,
    urban_case.region_code,
    urban_case.region_level,
    urban_case.department_code
from urban_case
inner join period
    on
        urban_case.due_date <= period.period_end
        and coalesce(urban_case.closed_date, date '9999-12-31') > period.period_end
