-- One row per market entity: the district and, where its domicile names one, the street or town that it belongs to.
-- Grain: registration_code.
-- Nuance: the division in the registration code wins over the district named in the domicile, because a code is checked
-- and a text is not; the street must then lie in that district.
with entity as (
    select
        registration_code,
        domicile,
        case length(registration_code)
            when 18 then substring(registration_code, 3, 6)
            when 15 then left(registration_code, 6)
        end as division_code
    from {{ ref('stg_market_supervision__entity_register') }}
    where not is_deleted
),

region as (
    select * from {{ ref('dim_region') }}
    where not is_unallocated
),

district_by_code as (
    select
        entity.registration_code,
        coalesce(region.successor_code, region.region_code) as district_code
    from entity
    inner join region on entity.division_code = region.region_code and region.region_level = 'district'
),

district_by_name as (
    select
        entity.registration_code,
        max_by(coalesce(region.successor_code, region.region_code), length(region.region_name_zh)) as district_code
    from entity
    inner join region on region.region_level = 'district' and entity.domicile like '%' || region.region_name_zh || '%'
    group by entity.registration_code
),

placed as (
    select
        entity.registration_code,
        entity.domicile,
        coalesce(district_by_code.district_code, district_by_name.district_code) as district_code
    from entity
    left join district_by_code on entity.registration_code = district_by_code.registration_code
    left join district_by_name on entity.registration_code = district_by_name.registration_code
),

street as (
    select
        placed.registration_code,
        max_by(region.region_code, length(region.region_name_zh)) as street_code
    from placed
    inner join region
        on
            placed.district_code = region.district_code
            and region.region_level = 'street'
            and placed.domicile like '%' || region.region_name_zh || '%'
    group by placed.registration_code
),

city as (
    select region_code from region
    where region_level = 'city'
)

select
    placed.registration_code,
    coalesce(street.street_code, placed.district_code, city.region_code) as region_code,
    case
        when street.street_code is not null then 'street'
        when placed.district_code is not null then 'district'
        else 'city'
    end as region_level
from placed
left join street on placed.registration_code = street.registration_code
cross join city
