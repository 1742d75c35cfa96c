-- One row per market entity and time in which what the register says of it was the same.
-- Grain: entity_key, valid_from_date.
-- Nuance: valid_from_date is an extract's date, so the first version begins with the first extract, however old the
-- entity is. An entity that the register deleted has no current version. Who represented it is a person's: people has
-- bridge_person_entity, with days of its own.
with version as (
    select
        *,
        {{ is_sole_trader('registration_code', 'entity_type') }} as is_sole_trader
    from {{ ref('hst_market_supervision__entity_register') }}
),

-- Where it is now is known; where it was is read from the domicile of then.
former as (
    select distinct
        version.registration_code,
        version.domicile
    from version
    left join {{ ref('stg_market_supervision__entity_register') }} as register
        on version.registration_code = register.registration_code and not register.is_deleted
    where
        not version.is_deleted
        and (register.registration_code is null or version.domicile is distinct from register.domicile)
),

former_place as (
    {{ place_of_entity('former') }}
),

described as (
    select
        {{ key('market_supervision', ['version.registration_code']) }} as entity_key,
        version.registration_code,
        case when not version.is_sole_trader then version.entity_name end as entity_name,
        version.is_sole_trader,
        coalesce(version.status_code, '存续') as status_code,
        version.cancelled_date,
        try_cast({{ capital_amount('version.registered_capital') }} as decimal(18, 2)) as registered_capital_amount,
        {{ capital_currency('version.registered_capital') }} as registered_capital_currency,
        coalesce(former_place.region_code, place.region_code) as region_code,
        coalesce(former_place.region_level, place.region_level) as region_level,
        case when not version.is_sole_trader then version.domicile end as domicile,
        version.is_deleted,
        version.version_from_date,
        version.version_to_date
    from version
    left join former_place
        on
            version.registration_code = former_place.registration_code
            and version.domicile is not distinct from former_place.domicile
    left join {{ ref('int_entity_place') }} as place on version.registration_code = place.registration_code
),

-- What differs in nothing shown (a sole trader's name, capital in another spelling) is one version.
numbered as (
    select
        *,
        row_number() over (partition by registration_code order by version_from_date)
        - row_number() over (
            partition by
                registration_code,
                is_deleted,
                entity_name,
                is_sole_trader,
                status_code,
                cancelled_date,
                registered_capital_amount,
                registered_capital_currency,
                region_code,
                domicile
            order by version_from_date
        ) as run_number
    from described
)

select
    entity_key,
    registration_code,
    entity_name,
    is_sole_trader,
    status_code,
    cancelled_date,
    registered_capital_amount,
    registered_capital_currency,
    region_code,
    region_level,
    domicile,
    min(version_from_date) as valid_from_date,
    case when count(*) = count(version_to_date) then max(version_to_date) end as valid_to_date,
    count(*) > count(version_to_date) as is_current
from numbered
where not is_deleted
group by
    entity_key,
    registration_code,
    entity_name,
    is_sole_trader,
    status_code,
    cancelled_date,
    registered_capital_amount,
    registered_capital_currency,
    region_code,
    region_level,
    domicile,
    run_number
