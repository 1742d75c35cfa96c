-- One row per market entity and time in which what the register says of it was the same.
-- Grain: entity_key, valid_from_date.
-- Nuance: valid_from_date is an extract's date, so the first version begins with the first extract, however old the
-- entity is. An entity that the register deleted has no current version. Who represented it is a person's: people has
-- bridge_person_entity, with days of its own.
{% set shown = [
    'registration_code', 'entity_name', 'is_sole_trader', 'status_code', 'cancelled_date', 'registered_capital_amount',
    'registered_capital_currency', 'region_code', 'region_level', 'domicile'
] %}

with held as (
    select * from {{ ref('int_entity_version') }}
),

-- Where it is now is known; where it was is read from the domicile of then.
former as (
    select distinct
        held.registration_code,
        held.domicile
    from held
    left join {{ ref('stg_market_supervision__entity_register') }} as register
        on held.registration_code = register.registration_code and not register.is_deleted
    where
        held.registration_code is not null
        and (register.registration_code is null or held.domicile is distinct from register.domicile)
),

former_place as (
    {{ place_of_entity('former') }}
),

described as (
    select
        held.entity_key,
        held.registration_code,
        case when not held.is_sole_trader then held.entity_name end as entity_name,
        held.is_sole_trader,
        coalesce(held.status_code, '存续') as status_code,
        held.cancelled_date,
        try_cast({{ capital_amount('held.registered_capital') }} as decimal(18, 2)) as registered_capital_amount,
        {{ capital_currency('held.registered_capital') }} as registered_capital_currency,
        coalesce(former_place.region_code, place.region_code) as region_code,
        coalesce(former_place.region_level, place.region_level) as region_level,
        case when not held.is_sole_trader then held.domicile end as domicile,
        held.registration_code is null as is_absent,
        held.change_date
    from held
    left join former_place
        on
            held.registration_code = former_place.registration_code
            and held.domicile is not distinct from former_place.domicile
    left join {{ ref('int_entity_place') }} as place on held.registration_code = place.registration_code
),

-- What differs in nothing shown (a sole trader's name, capital in another spelling) is one version.
compared as (
    select
        *,
        row({{ shown | join(', ') }}) as said
    from described
),

changed as (
    select
        *,
        lag(said) over (partition by entity_key order by change_date) as said_before
    from compared
),

version_start as (
    select
        *,
        lead(change_date) over (partition by entity_key order by change_date) as next_date
    from changed
    where said is distinct from said_before
)

select
    entity_key,
    {{ shown | join(',\n    ') }},
    change_date as valid_from_date,
    next_date as valid_to_date,
    next_date is null as is_current
from version_start
where not is_absent
