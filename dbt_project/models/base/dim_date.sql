-- One row per calendar day, with the work calendar that deadlines run on.
-- Grain: date_day.
-- Nuance: in a year that is not decided yet every weekday is a workday; calendar_source then says weekend_rule.
with calendar_day as (
    select * from {{ ref('int_calendar_day') }}
)

select
    date_day,
    cast(date_trunc('month', date_day) as date) as month_date,
    cast(extract(year from date_day) as integer) as calendar_year,
    cast(extract(quarter from date_day) as integer) as calendar_quarter,
    cast(extract(month from date_day) as integer) as calendar_month,
    strftime(date_day, '%Y-%m') as year_month,
    cast(extract(isodow from date_day) as integer) as weekday_number,
    is_workday,
    not is_workday and holiday_name is not null as is_holiday_statutory,
    is_workday and extract(isodow from date_day) > 5 as is_makeup_workday,
    holiday_name,
    calendar_source,
    cast(count(*) filter (where is_workday) over (order by date_day) as integer) as workday_number
from calendar_day
