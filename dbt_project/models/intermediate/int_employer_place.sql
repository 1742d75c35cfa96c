-- One row per employer that the register knows: the place at which its employees are counted.
-- Grain: entity_key.
-- Nuance: its own street or town, unless the total of that place would tell of an employer whose count is withheld;
-- then the district, then the city. What is left over of a district is told only with enough others of its places
-- (see placed_together).
with counted as (
    select
        tie.entity_key,
        count(distinct case
            when tie.valid_from <= run.as_of_date and coalesce(tie.valid_to >= run.as_of_date, true) then tie.person_key
        end) as person_count
    from {{ ref('bridge_person_entity') }} as tie
    cross join {{ source('ledger', 'run') }} as run
    where tie.relation = 'employed_by'
    group by tie.entity_key
),

by_street as (
    select
        counted.entity_key,
        counted.person_count,
        case when dim_entity.region_level = 'street' then dim_entity.region_code end as part_code,
        case when dim_entity.region_level = 'city' then dim_region.city_code else dim_region.district_code end
            as whole_code,
        dim_region.city_code
    from counted
    inner join {{ ref('dim_entity') }} as dim_entity on counted.entity_key = dim_entity.entity_key
    inner join {{ ref('dim_region') }} as dim_region on dim_entity.region_code = dim_region.region_code
),

street as (
    {{ placed_together('by_street') }}
),

by_district as (
    select
        entity_key,
        person_count,
        told_code as street_code,
        nullif(whole_code, city_code) as part_code,
        city_code as whole_code
    from street
),

district as (
    {{ placed_together('by_district') }}
)

select
    entity_key,
    case when told_code = whole_code then told_code else street_code end as region_code
from district
