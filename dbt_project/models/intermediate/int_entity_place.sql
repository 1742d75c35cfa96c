-- One row per market entity: the district and, where its domicile names one, the street or town that it belongs to.
-- Grain: registration_code.
-- Nuance: how a domicile is read stands in the macro place_of_entity.
with register as (
    select
        registration_code,
        domicile
    from {{ ref('stg_market_supervision__entity_register') }}
    where not is_deleted
),

place as (
    {{ place_of_entity('register') }}
)

select
    registration_code,
    region_code,
    region_level,
    has_district_conflict
from place
