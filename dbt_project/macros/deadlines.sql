-- Cases with a time limit, of whatever system: one clock, one deadline, one way to count the time they take.

-- Every case whose clock has started, and what its clock depends on; suspensions are a JSON list of 挂起时间, 恢复时间.
{% macro cases_with_limit() -%}
    select
        'urban_management.urban_case' as dataset,
        case_code,
        filed_at as started_at,
        handled_at,
        closed_at,
        time_limit_type,
        time_limit_value,
        suspensions
    from {{ ref('stg_urban_management__urban_case') }}
    where not is_deleted and filed_at is not null
    union all
    select
        'government_service.service_case' as dataset,
        case_no as case_code,
        accepted_at as started_at,
        null as handled_at,
        finished_at as closed_at,
        promise_unit as time_limit_type,
        promise_value as time_limit_value,
        suspensions
    from ({{ newest_record(ref('stg_government_service__service_case'), ['case_no'], 'updated_at') }}) as service_case
    where accepted_at is not null
{%- endmacro %}

-- Whether a step of a case came in time: true or false once that is decided, null before. Reads deadline and run.
-- A step that came before the case's clock was stopped is in time: the deadline will be later than the stop.
{% macro is_on_time(step) -%}
    case
        when deadline.case_code is null then cast(null as boolean)
        when {{ step }} is null then case when {{ local_date('deadline.due_at') }} <= run.as_of_date then false end
        when deadline.is_clock_stopped then true
        else {{ step }} <= deadline.due_at
    end
{%- endmacro %}

-- What each case of a relation (with case_code) took from one step to another: working_seconds, suspended time out, and
-- suspended_seconds of any hour until the end of the day of the data. Null where one of the steps is missing.
{% macro time_taken(relation, dataset, from_step, to_step) -%}
    with worked as (
        select
            unit.case_code,
            {{ working_seconds('unit.' ~ from_step, 'calendar_from') }} as from_second,
            {{ working_seconds('unit.' ~ to_step, 'calendar_to') }} as to_second
        from {{ relation }} as unit
        left join {{ ref('dim_date') }} as calendar_from on {{ local_date('unit.' ~ from_step) }} = calendar_from.date_day
        left join {{ ref('dim_date') }} as calendar_to on {{ local_date('unit.' ~ to_step) }} = calendar_to.date_day
    ),

    suspended as (
        select
            suspension.case_code,
            sum(
                extract(
                    epoch from coalesce(suspension.resumed_at, {{ instant_of("run.as_of_date + interval '1 day'") }})
                ) - extract(epoch from suspension.suspended_at)
            ) as suspended_seconds,
            sum(
                greatest(
                    least(coalesce(suspension.resumed_working_second, worked.to_second), worked.to_second)
                    - greatest(suspension.suspended_working_second, worked.from_second),
                    0
                )
            ) as suspended_working_seconds
        from {{ ref('int_case_suspension') }} as suspension
        inner join worked on suspension.case_code = worked.case_code
        cross join {{ source('ledger', 'run') }} as run
        where suspension.dataset = '{{ dataset }}'
        group by suspension.case_code
    )

    select
        worked.case_code,
        coalesce(suspended.suspended_seconds, 0) as suspended_seconds,
        worked.to_second - worked.from_second - coalesce(suspended.suspended_working_seconds, 0) as working_seconds
    from worked
    left join suspended on worked.case_code = suspended.case_code
{%- endmacro %}

-- The months (month_date, period_end) of the calendar up to the month of the data, which ends on its day.
{% macro months_so_far() -%}
    select
        calendar.month_date,
        max(calendar.date_day) as period_end
    from {{ ref('dim_date') }} as calendar
    inner join {{ source('ledger', 'run') }} as run on calendar.date_day <= run.as_of_date
    group by calendar.month_date
{%- endmacro %}
