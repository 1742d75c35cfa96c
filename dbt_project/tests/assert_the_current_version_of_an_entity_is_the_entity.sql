-- Today's version says what the dimension says, of every entity in the register and of no other.
with entity as (
    select * from {{ ref('dim_entity') }}
),

current_version as (
    select * from {{ ref('dim_entity_version') }}
    where is_current
)

select
    entity.entity_key,
    current_version.entity_key as version_entity_key
from entity
full join current_version on entity.entity_key = current_version.entity_key
where
    entity.entity_key is null
    or current_version.entity_key is null
    or entity.region_code <> current_version.region_code
    or entity.status_code <> current_version.status_code
    or entity.entity_name is distinct from current_version.entity_name
    or entity.domicile is distinct from current_version.domicile
    or entity.cancelled_date is distinct from current_version.cancelled_date
    or entity.registered_capital_amount is distinct from current_version.registered_capital_amount
    or entity.registered_capital_currency is distinct from current_version.registered_capital_currency
