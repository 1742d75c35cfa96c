-- One row per time in which a case's clock stood still; times that overlap are one.
-- Grain: dataset, case_code, suspended_at.
-- Nuance: a suspension without an end lasts until the case is handled or closed; if it is neither, resumed_at is null
-- and the clock stands still now. What came before the clock started or after closure does not count.
with limited_case as (
    {{ cases_with_limit() }}
),

delivered as (
    select
        *,
        unnest(from_json(suspensions, '[{"挂起时间": "TIMESTAMP", "恢复时间": "TIMESTAMP"}]')) as suspension
    from limited_case
    where suspensions is not null
),

bounded as (
    select
        delivered.*,
        greatest({{ instant_of('delivered.suspension.挂起时间') }}, delivered.started_at) as suspended_at,
        {{ instant_of('delivered.suspension.恢复时间') }} as resume_at
    from delivered
    where delivered.suspension.挂起时间 is not null
),

ended as (
    select
        dataset,
        case_code,
        suspended_at,
        coalesce(
            resume_at,
            case when handled_at >= suspended_at then handled_at end,
            case when closed_at >= suspended_at then closed_at end
        ) as resumed_at
    from bounded
    where closed_at is null or suspended_at < closed_at
),

-- A suspension opens a new time when it begins after all earlier ones have ended.
chained as (
    select
        *,
        coalesce(
            suspended_at > max(coalesce(resumed_at, timestamptz '9999-01-01')) over (
                partition by dataset, case_code
                order by suspended_at, resumed_at
                rows between unbounded preceding and 1 preceding
            ),
            true
        ) as opens_new_time
    from ended
    where resumed_at is null or resumed_at > suspended_at
),

numbered as (
    select
        *,
        sum(case when opens_new_time then 1 else 0 end) over (
            partition by dataset, case_code order by suspended_at, resumed_at rows unbounded preceding
        ) as time_number
    from chained
),

merged as (
    select
        dataset,
        case_code,
        min(suspended_at) as suspended_at,
        case when count(*) = count(resumed_at) then max(resumed_at) end as resumed_at
    from numbered
    group by dataset, case_code, time_number
),

calendar as (
    select * from {{ ref('dim_date') }}
)

select
    merged.dataset,
    merged.case_code,
    merged.suspended_at,
    merged.resumed_at,
    {{ working_seconds('merged.suspended_at', 'calendar_suspended') }} as suspended_working_second,
    {{ working_seconds('merged.resumed_at', 'calendar_resumed') }} as resumed_working_second
from merged
left join calendar as calendar_suspended on {{ local_date('merged.suspended_at') }} = calendar_suspended.date_day
left join calendar as calendar_resumed on {{ local_date('merged.resumed_at') }} = calendar_resumed.date_day
