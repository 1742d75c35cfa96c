-- One row per number under which the register has, or had, a record of an entity.
-- Grain: entity_key, registration_code.
-- Nuance: dim_entity shows one number of each entity, its unified code where it has one; this leads from any other, the
-- one it had before 2015 say, to the entity.
with entity_record as (
    select
        register_no,
        entity_key
    from {{ source('identity', 'entity_record') }}
    where source_dataset = 'market_supervision.entity_register'
    union all
    select
        register_no,
        key as entity_key
    from {{ source('identity', 'retired_record') }}
    where kind = 'entity' and source_dataset = 'market_supervision.entity_register'
)

select distinct
    entity_record.entity_key,
    register.registration_code
from {{ ref('hst_market_supervision__entity_register') }} as register
inner join entity_record on {{ entity_record_id(['register.registration_code']) }} = entity_record.register_no
