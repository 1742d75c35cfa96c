-- Where something is: the finest region of dim_region that a delivered division code names.
-- A code of a former district leads to its successor, one that is unknown to its nearest known ancestor, any other
-- (null too) to the city. One row per distinct code of the relation: delivered_code (join it null-safe), region_code,
-- region_level.
{% macro region_of_code(relation, column) -%}
    select
        located.delivered_code,
        region.region_code,
        region.region_level
    from (
        select
            code.{{ column }} as delivered_code,
            coalesce(
                max_by(coalesce(known.successor_code, known.region_code), length(known.region_code)), min(city.region_code)
            ) as region_code
        from (select distinct {{ column }} from {{ relation }}) as code
        cross join (
            select region_code from {{ ref('dim_region') }} where region_level = 'city' and not is_unallocated
        ) as city
        left join {{ ref('dim_region') }} as known
            on code.{{ column }} like known.region_code || '%' and not known.is_unallocated
        group by code.{{ column }}
    ) as located
    inner join {{ ref('dim_region') }} as region on located.region_code = region.region_code
{%- endmacro %}
