-- The population of the month of the data is the number of residents known that day. A doubled or lost place would make
-- every rate per resident wrong.
with run as (
    select as_of_date from {{ source('ledger', 'run') }}
),

resident as (
    select count(*) as resident_count from {{ ref('dim_person') }} as person
    cross join run
    where
        coalesce(person.registered_date <= run.as_of_date, true)
        and (person.status_code = '1' or person.cancelled_date is not null)
        and coalesce(person.cancelled_date > run.as_of_date, true)
),

counted as (
    select coalesce(sum(month.resident_count), 0) as resident_count from {{ ref('fct_population_month') }} as month
    inner join run on month.month_date = cast(date_trunc('month', run.as_of_date) as date)
)

select
    resident.resident_count as resident_total,
    counted.resident_count as counted_count
from resident
cross join counted
where resident.resident_count <> counted.resident_count
