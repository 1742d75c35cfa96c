-- One row per service case and month in which it was finished, or at whose end it was open past its promised limit.
-- Grain: case_key, month_date.
-- Nuance: what on-time completion is made of. The month of the data ends on its day; finishing a case later changes no
-- past month.
with service_case as (
    select * from {{ ref('fct_service_case') }}
    where accepted_at is not null
),

period as (
    {{ months_so_far() }}
)

select
    service_case.case_key,
    period.month_date,
    service_case.region_code,
    service_case.region_level,
    service_case.department_code,
    coalesce(service_case.finished_date <= period.period_end, false) as is_finished,
    coalesce(service_case.finished_date <= period.period_end and service_case.is_finished_on_time, false)
        as is_finished_on_time
from service_case
inner join period
    on
        service_case.finished_date between period.month_date and period.period_end
        or (
            service_case.due_date <= period.period_end
            and coalesce(service_case.finished_date, date '9999-12-31') > period.period_end
        )
