-- One row per urban management case, from report to closure.
-- Grain: case_key; natural key case_code.
-- Nuance: one deadline serves handling and closure. A case still open past its deadline is not on time
-- now, not only when it closes; whether a case is on time is null while that is still open.
with urban_case as (
    select * from {{ ref('stg_urban_management__urban_case') }}
    where not is_deleted
),

deadline as (
    select * from {{ ref('int_urban_case_deadline') }}
),

run as (
    select
        as_of_date,
        {{ instant_of("as_of_date + interval '1 day'") }} as described_until
    from {{ source('ledger', 'run') }}
),

calendar as (
    select * from {{ ref('dim_date') }}
),

department as (
    select * from {{ ref('dim_department') }}
),

place as (
    {{ region_of_code('urban_case', 'region_code') }}
),

worked as (
    select
        urban_case.case_code,
        {{ working_seconds('urban_case.dispatched_at', 'calendar_dispatched') }} as dispatched_second,
        {{ working_seconds('urban_case.handled_at', 'calendar_handled') }} as handled_second
    from urban_case
    left join calendar as calendar_dispatched
        on {{ local_date('urban_case.dispatched_at') }} = calendar_dispatched.date_day
    left join calendar as calendar_handled on {{ local_date('urban_case.handled_at') }} = calendar_handled.date_day
),

suspended as (
    select
        suspension.case_code,
        sum(
            extract(epoch from coalesce(suspension.resumed_at, run.described_until))
            - extract(epoch from suspension.suspended_at)
        ) as suspended_seconds,
        sum(
            greatest(
                least(coalesce(suspension.resumed_working_second, worked.handled_second), worked.handled_second)
                - greatest(suspension.suspended_working_second, worked.dispatched_second),
                0
            )
        ) as suspended_handling_seconds
    from {{ ref('int_urban_case_suspension') }} as suspension
    inner join worked on suspension.case_code = worked.case_code
    cross join run
    group by suspension.case_code
)

select
    {{ key('urban_management', ['urban_case.case_code']) }} as case_key,
    urban_case.case_code,
    urban_case.category_code,
    urban_case.big_class_code,
    urban_case.small_class_code,
    urban_case.source_code,
    place.region_code,
    place.region_level,
    department.department_code,
    urban_case.time_limit_type,
    urban_case.time_limit_value,
    urban_case.reported_at,
    {{ local_date('urban_case.reported_at') }} as reported_date,
    urban_case.filed_at,
    {{ local_date('urban_case.filed_at') }} as filed_date,
    urban_case.dispatched_at,
    {{ local_date('urban_case.dispatched_at') }} as dispatched_date,
    urban_case.handled_at,
    {{ local_date('urban_case.handled_at') }} as handled_date,
    urban_case.closed_at,
    {{ local_date('urban_case.closed_at') }} as closed_date,
    deadline.due_at,
    {{ local_date('deadline.due_at') }} as due_date,
    coalesce(deadline.is_clock_stopped, false) as is_suspended,
    coalesce(suspended.suspended_seconds, 0) / 3600 as suspended_hours,
    (worked.handled_second - worked.dispatched_second - coalesce(suspended.suspended_handling_seconds, 0)) / 3600
        as handling_working_hours,
    {{ is_on_time('urban_case.handled_at') }} as is_handled_on_time,
    {{ is_on_time('urban_case.closed_at') }} as is_closed_on_time
from urban_case
inner join place on urban_case.region_code is not distinct from place.delivered_code
inner join worked on urban_case.case_code = worked.case_code
cross join run
left join deadline on urban_case.case_code = deadline.case_code
left join suspended on urban_case.case_code = suspended.case_code
left join department on urban_case.department_code = department.department_code
