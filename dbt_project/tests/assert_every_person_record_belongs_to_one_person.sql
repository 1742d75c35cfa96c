-- Every record in force of the registers that describe persons has a person. A record that identity overlooked, or
-- whose number it writes otherwise than the models do, would lower the population without a trace.
with delivered as (
    select register_no from {{ ref('stg_public_security__person_register') }}
    where not is_deleted
    union all
    select permit_no from {{ ref('stg_public_security__residence_permit') }}
    where not is_deleted
),

expected as (
    select count(*) as record_count from delivered
),

counted as (
    select coalesce(sum(source_record_count), 0) as record_count from {{ ref('dim_person') }}
)

select
    expected.record_count as delivered_count,
    counted.record_count as counted_count
from expected
cross join counted
where expected.record_count <> counted.record_count
