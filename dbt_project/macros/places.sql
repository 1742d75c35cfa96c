-- Where an entity is, by what the register says of it.

-- The district and, where its domicile names one, the street or town of each entity and domicile of the relation.
-- Where an entity is, is what its domicile says: the first district named there, and the first street, which must lie
-- in that district. The division in the registration code is that of the registering authority and stays when an entity
-- moves: it decides only where the domicile names no district. has_district_conflict: the two differ.
-- One row per row of the relation: registration_code, domicile, region_code, region_level, has_district_conflict.
{% macro place_of_entity(relation) -%}
    with entity as (
        select
            registration_code,
            domicile,
            case length(registration_code)
                when 18 then substring(registration_code, 3, 6)
                when 15 then left(registration_code, 6)
            end as division_code
        from {{ relation }}
    ),

    region as (
        select
            region_code,
            region_level,
            region_name_zh,
            case region_level when 'district' then coalesce(successor_code, region_code) else district_code end
                as district_code
        from {{ ref('dim_region') }}
        where not is_unallocated
    ),

    place_name as (
        select
            region_name_zh as place_name_zh,
            region_code,
            region_level,
            district_code
        from region
        union all
        select
            alias.place_name_zh,
            region.region_code,
            region.region_level,
            region.district_code
        from {{ ref('region_alias') }} as alias
        inner join region on alias.region_code = region.region_code
    ),

    -- The first of the names that a domicile holds; of two that begin at one place, the longer.
    named as (
        select
            entity.registration_code,
            entity.domicile,
            place_name.region_level,
            place_name.region_code,
            place_name.district_code,
            strpos(entity.domicile, place_name.place_name_zh) as position,
            length(place_name.place_name_zh) as name_length
        from entity
        inner join place_name on contains(entity.domicile, place_name.place_name_zh)
        where place_name.region_level in ('district', 'street')
    ),

    district_by_name as (
        select
            registration_code,
            domicile,
            min_by(district_code, position * 100 - name_length) as district_code
        from named
        where region_level = 'district'
        group by registration_code, domicile
    ),

    placed as (
        select
            entity.registration_code,
            entity.domicile,
            coalesce(district_by_name.district_code, by_code.district_code) as district_code,
            coalesce(district_by_name.district_code <> by_code.district_code, false) as has_district_conflict
        from entity
        left join region as by_code on entity.division_code = by_code.region_code and by_code.region_level = 'district'
        left join district_by_name
            on
                entity.registration_code = district_by_name.registration_code
                and entity.domicile = district_by_name.domicile
    ),

    street as (
        select
            named.registration_code,
            named.domicile,
            min_by(named.region_code, named.position * 100 - named.name_length) as street_code
        from named
        inner join placed on named.registration_code = placed.registration_code and named.domicile = placed.domicile
        where named.region_level = 'street' and named.district_code = coalesce(placed.district_code, named.district_code)
        group by named.registration_code, named.domicile
    ),

    city as (
        select region_code from region
        where region_level = 'city'
    )

    select
        placed.registration_code,
        placed.domicile,
        coalesce(street.street_code, placed.district_code, city.region_code) as region_code,
        case
            when street.street_code is not null then 'street'
            when placed.district_code is not null then 'district'
            else 'city'
        end as region_level,
        placed.has_district_conflict
    from placed
    left join street on placed.registration_code = street.registration_code and placed.domicile = street.domicile
    cross join city
{%- endmacro %}
