-- One row per extract that a department had promised by now, and whether it came in time.
-- Grain: dataset, extract_date.
-- Nuance: promises count from the first delivery on, up to the run's day. An extract is there once a delivery for its
-- day, or for a later one before the next, was accepted; a refused or withdrawn one is none. Whether one that did not
-- come is missing is judged at the end of the run's day. A correction does not make an extract late.
with delivery as (
    select * from {{ ref('fct_delivery') }}
    where status <> 'withdrawn'
),

first_delivery as (
    select
        dataset,
        min(extract_date) as first_extract_date
    from delivery
    group by dataset
),

promise as (
    select
        dim_dataset.*,
        first_delivery.first_extract_date
    from {{ ref('dim_dataset') }} as dim_dataset
    inner join first_delivery on dim_dataset.dataset = first_delivery.dataset
),

due as (
    select
        promise.dataset,
        promise.department_code,
        dim_date.date_day as extract_date,
        dim_date.month_date,
        promise.frequency_days,
        {{ instant_of(hours_after('dim_date.date_day', 'promise.latency_hours')) }} as due_at,
        {{ instant_of(hours_after('run.as_of_date', '24')) }} as judged_at
    from promise
    cross join {{ source('ledger', 'run') }} as run
    inner join {{ ref('dim_date') }} as dim_date
        on
            dim_date.date_day between promise.first_extract_date and run.as_of_date
            and {{ days_between('promise.first_extract_date', 'dim_date.date_day') }} % promise.frequency_days = 0
),

came as (
    select
        due.dataset,
        due.extract_date,
        min(delivery.received_at) as received_at
    from due
    inner join delivery
        on
            due.dataset = delivery.dataset
            and delivery.status <> 'refused'
            and {{ days_between('due.extract_date', 'delivery.extract_date') }} between 0 and due.frequency_days - 1
    group by due.dataset, due.extract_date
)

select
    due.dataset,
    due.department_code,
    due.extract_date,
    due.month_date,
    due.due_at,
    {{ local_date('due.due_at') }} as due_date,
    came.received_at,
    {{ local_date('came.received_at') }} as received_date,
    case
        when came.received_at <= due.due_at then 'on_time'
        when came.received_at is not null then 'late'
        when due.due_at <= due.judged_at then 'missing'
        else 'open'
    end as timeliness
from due
left join came
    on
        due.dataset = came.dataset
        and due.extract_date = came.extract_date
