-- One row per market entity in the register, active or not.
-- Grain: entity_key; natural key registration_code.
-- Nuance: a sole trader is a natural person in business: name and domicile stay in the vault. Of several records of one
-- entity the one under a unified code is preferred, then one that goes on. An entity that the register does not know
-- has a key in the facts that name it, and no row here.
with entity as (
    select
        register.*,
        entity_record.entity_key,
        {{ is_sole_trader('register.registration_code', 'register.entity_type') }} as is_sole_trader
    from {{ ref('stg_market_supervision__entity_register') }} as register
    inner join {{ source('identity', 'entity_record') }} as entity_record
        on
            entity_record.source_dataset = 'market_supervision.entity_register'
            and {{ entity_record_id(['register.registration_code']) }} = entity_record.register_no
    where not register.is_deleted
    qualify row_number() over (
        partition by entity_record.entity_key
        order by
            case length(register.registration_code) when 18 then 0 else 1 end asc,
            case coalesce(register.status_code, '存续') when '存续' then 0 else 1 end asc,
            register.registered_date desc nulls last,
            register.registration_code asc
    ) = 1
),

place as (
    select * from {{ ref('int_entity_place') }}
),

run as (
    select as_of_date from {{ source('ledger', 'run') }}
)

select
    entity.entity_key,
    entity.registration_code,
    case length(entity.registration_code)
        when 18 then 'uscc'
        when 15 then 'legacy_registration_number'
        else 'legacy_other'
    end as registration_code_type,
    case when not entity.is_sole_trader then entity.entity_name end as entity_name,
    entity.is_sole_trader,
    entity.entity_type,
    entity.registered_date,
    entity.cancelled_date,
    coalesce(entity.status_code, '存续') as status_code,
    coalesce(entity.status_code, '存续') = '存续' and coalesce(entity.cancelled_date > run.as_of_date, true) as is_active,
    try_cast({{ capital_amount('entity.registered_capital') }} as decimal(18, 2)) as registered_capital_amount,
    {{ capital_currency('entity.registered_capital') }} as registered_capital_currency,
    place.region_code,
    place.region_level,
    place.has_district_conflict,
    case when not entity.is_sole_trader then entity.domicile end as domicile
from entity
inner join place on entity.registration_code = place.registration_code
cross join run
