-- One row per government service case (办件), as its newest record says.
-- Grain: case_key; natural key case_no.
-- Nuance: the promised limit runs from acceptance on the work calendar, suspended time out. Of an applicant who is a
-- natural person only that it is one.
with service_case as (
    select
        *,
        case_no as case_code,
        case
            when applicant_type_code = 'entity' then {{ entity_record_id(['case_no'], 'applicant_entity_code') }}
        end as applicant_no
    from ({{ newest_record(ref('stg_government_service__service_case'), ['case_no'], 'updated_at') }})
),

deadline as (
    select * from {{ ref('int_case_deadline') }}
    where dataset = 'government_service.service_case'
),

run as (
    select as_of_date from {{ source('ledger', 'run') }}
),

department as (
    select * from {{ ref('dim_department') }}
),

place as (
    {{ region_of_code('service_case', 'region_code') }}
),

handling as (
    {{ time_taken('service_case', 'government_service.service_case', 'accepted_at', 'finished_at') }}
)

select
    {{ key('government_service', ['service_case.case_no']) }} as case_key,
    service_case.case_no as case_code,
    service_case.task_code,
    service_case.task_name,
    service_case.task_group_code,
    service_case.project_no as project_code,
    service_case.stage_code,
    service_case.channel_code,
    service_case.applicant_type_code,
    applicant.entity_key as applicant_entity_key,
    applicant.source_record_key as applicant_record_key,
    place.region_code,
    place.region_level,
    department.department_code,
    service_case.applied_at,
    {{ local_date('service_case.applied_at') }} as applied_date,
    service_case.accepted_at,
    {{ local_date('service_case.accepted_at') }} as accepted_date,
    service_case.promise_value,
    service_case.promise_unit,
    deadline.due_at,
    {{ local_date('deadline.due_at') }} as due_date,
    coalesce(deadline.is_clock_stopped, false) as is_suspended,
    service_case.finished_at,
    {{ local_date('service_case.finished_at') }} as finished_date,
    service_case.result_code,
    handling.working_seconds / 25200 as handling_working_days,
    {{ is_on_time('service_case.finished_at') }} as is_finished_on_time
from service_case
inner join place on service_case.region_code is not distinct from place.delivered_code
inner join handling on service_case.case_code = handling.case_code
cross join run
left join {{ source('identity', 'entity_record') }} as applicant
    on
        applicant.source_dataset = 'government_service.service_case'
        and service_case.applicant_no = applicant.register_no
left join deadline on service_case.case_code = deadline.case_code
left join department on service_case.department_code = department.department_code
