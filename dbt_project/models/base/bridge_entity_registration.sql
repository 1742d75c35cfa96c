-- One row per number under which the register has a record of an entity, or had one that was shown.
-- Grain: entity_key, registration_code.
-- Nuance: dim_entity shows one number of each entity, its unified code where it has one; this leads from any other, the
-- one it had before 2015 say, to the entity.
select
    entity_record.entity_key,
    register.registration_code
from {{ ref('stg_market_supervision__entity_register') }} as register
inner join {{ source('identity', 'entity_record') }} as entity_record
    on
        entity_record.source_dataset = 'market_supervision.entity_register'
        and {{ entity_record_id(['register.registration_code']) }} = entity_record.register_no
where not register.is_deleted
union distinct
select
    entity_key,
    registration_code
from {{ ref('dim_entity_version') }}
