-- One row per case whose clock has started: when its time limit ends, suspended time left out.
-- Grain: dataset, case_code.
-- Nuance: urgent hours and natural days run day and night, working hours and working days (7 hours each) in office
-- hours. A suspension counts only if the limit had not ended when it began, and then on the case's own clock. While a
-- case is suspended it has no deadline: due_at is null and is_clock_stopped true.
with limited_case as (
    {{ cases_with_limit() }}
),

calendar as (
    select * from {{ ref('dim_date') }}
),

-- Positions are seconds on the case's clock: of the calendar's office hours, or since 1970.
started as (
    select
        limited_case.dataset,
        limited_case.case_code,
        limited_case.time_limit_type in ('work_hour', 'work_day') as is_working_clock,
        case limited_case.time_limit_type
            when 'urgent_hour' then 3600
            when 'natural_day' then 86400
            when 'work_hour' then 3600
            when 'work_day' then 25200
        end * limited_case.time_limit_value as limit_seconds,
        case
            when limited_case.time_limit_type in ('work_hour', 'work_day')
                then {{ working_seconds('limited_case.started_at', 'calendar') }}
            else extract(epoch from limited_case.started_at)
        end as start_second
    from limited_case
    left join calendar on {{ local_date('limited_case.started_at') }} = calendar.date_day
),

suspension as (
    select
        started.dataset,
        started.case_code,
        started.start_second + started.limit_seconds as unsuspended_due_second,
        case
            when started.is_working_clock then suspended.suspended_working_second
            else extract(epoch from suspended.suspended_at)
        end as suspended_second,
        case
            when started.is_working_clock then suspended.resumed_working_second
            else extract(epoch from suspended.resumed_at)
        end as resumed_second,
        suspended.suspended_at,
        suspended.resumed_at
    from started
    inner join {{ ref('int_case_suspension') }} as suspended
        on started.dataset = suspended.dataset and started.case_code = suspended.case_code
),

stepped as (
    select
        *,
        unsuspended_due_second + coalesce(
            sum(resumed_second - suspended_second) over (
                partition by dataset, case_code order by suspended_at rows between unbounded preceding and 1 preceding
            ), 0
        ) as due_second_before
    from suspension
),

counted as (
    select
        dataset,
        case_code,
        coalesce(sum(resumed_second - suspended_second), 0) as suspended_seconds,
        count(*) > count(resumed_at) as is_clock_stopped
    from stepped
    where suspended_second < due_second_before
    group by dataset, case_code
),

due as (
    select
        started.dataset,
        started.case_code,
        started.is_working_clock,
        coalesce(counted.is_clock_stopped, false) as is_clock_stopped,
        cast(
            case
                when not coalesce(counted.is_clock_stopped, false)
                    then started.start_second + started.limit_seconds + coalesce(counted.suspended_seconds, 0)
            end as bigint
        ) as due_second
    from started
    left join counted on started.dataset = counted.dataset and started.case_code = counted.case_code
),

-- The workday in which the limit ends, and how many of its 25,200 working seconds are used by then.
ends as (
    select
        *,
        case when is_working_clock then (due_second + 25199) // 25200 end as workday_number,
        due_second - ((due_second + 25199) // 25200 - 1) * 25200 as seconds_of_workday
    from due
)

select
    ends.dataset,
    ends.case_code,
    ends.is_clock_stopped,
    case
        when ends.is_working_clock
            then {{ instant_of(worked_until('calendar.date_day', 'ends.seconds_of_workday')) }}
        else to_timestamp(ends.due_second)
    end as due_at
from ends
left join calendar
    on
        calendar.is_workday
        and ends.workday_number = calendar.workday_number
