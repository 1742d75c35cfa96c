-- Every record in force of the person register has a person. A record that identity overlooked would lower the
-- population without a trace.
with delivered as (
    select count(*) as record_count from {{ ref('stg_public_security__person_register') }}
    where not is_deleted
),

counted as (
    select coalesce(sum(source_record_count), 0) as record_count from {{ ref('dim_person') }}
)

select
    delivered.record_count as delivered_count,
    counted.record_count as counted_count
from delivered
cross join counted
where delivered.record_count <> counted.record_count
