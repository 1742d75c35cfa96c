-- One row per urban management case, from report to closure.
-- Grain: case_key; natural key case_code.
-- Nuance: one deadline serves handling and closure. A case still open past its deadline is not on time
-- now, not only when it closes; whether a case is on time is null while that is still open.
with urban_case as (
    select * from {{ ref('stg_urban_management__urban_case') }}
    where not is_deleted
),

deadline as (
    select * from {{ ref('int_case_deadline') }}
    where dataset = 'urban_management.urban_case'
),

run as (
    select as_of_date from {{ source('ledger', 'run') }}
),

department as (
    select * from {{ ref('dim_department') }}
),

place as (
    {{ region_of_code('urban_case', 'region_code') }}
),

handling as (
    {{ time_taken('urban_case', 'urban_management.urban_case', 'dispatched_at', 'handled_at') }}
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
    handling.suspended_seconds / 3600 as suspended_hours,
    handling.working_seconds / 3600 as handling_working_hours,
    {{ is_on_time('urban_case.handled_at') }} as is_handled_on_time,
    {{ is_on_time('urban_case.closed_at') }} as is_closed_on_time
from urban_case
inner join place on urban_case.region_code is not distinct from place.delivered_code
inner join handling on urban_case.case_code = handling.case_code
cross join run
left join deadline on urban_case.case_code = deadline.case_code
left join department on urban_case.department_code = department.department_code
