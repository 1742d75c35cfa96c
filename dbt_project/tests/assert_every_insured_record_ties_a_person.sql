-- Every employment that social insurance delivered is a tie of a person to an employer. One that identity overlooked,
-- or whose number it writes otherwise than the models do, would lower insured employment without a trace.
with delivered as (
    select count(*) as record_count from {{ ref('stg_human_resources__social_insurance') }}
    where not is_deleted
),

tied as (
    select count(*) as record_count from {{ ref('int_person_entity') }}
    where relation = 'employed_by'
)

select
    delivered.record_count as delivered_count,
    tied.record_count as tied_count
from delivered
cross join tied
where delivered.record_count <> tied.record_count
