-- One row per region of the city at any level, and per "unallocated" member below each.
-- Grain: region_code.
-- Nuance: whatever the level, a row names its place at every level (the unallocated member where it has none), so that
-- rolling up is one join on region_code and a group by the code of the level wanted. Former districts stay, with their
-- validity and successor; facts are put under the successor.
with division as (
    select
        *,
        case region_level when 'city' then 1 when 'district' then 2 when 'street' then 3 else 4 end as depth
    from {{ ref('region') }}
),

city as (
    select region_code as city_code from division
    where depth = 1
),

placed as (
    select
        division.*,
        city.city_code,
        case when depth >= 2 then left(region_code, 6) else region_code || '-U' end as district_code,
        case when depth >= 3 then left(region_code, 9) else region_code || repeat('-U', 3 - depth) end as street_code,
        region_code || repeat('-U', 4 - depth) as community_code
    from division
    cross join city
),

member as (
    select
        placed.*,
        0 as steps_below
    from placed
    union all
    select
        placed.*,
        step.steps_below
    from placed
    inner join (values (1), (2), (3)) as step (steps_below) on placed.depth + step.steps_below <= 4
)

select
    region_code || repeat('-U', steps_below) as region_code,
    region_name_zh || case steps_below when 0 then '' else '（未细分）' end as region_name_zh,
    region_name_en || case steps_below when 0 then '' else ' (unallocated)' end as region_name_en,
    case depth + steps_below when 1 then 'city' when 2 then 'district' when 3 then 'street' else 'community' end
        as region_level,
    case steps_below when 0 then region_kind else 'unallocated' end as region_kind,
    case steps_below when 0 then parent_code else region_code || repeat('-U', steps_below - 1) end as parent_code,
    city_code,
    district_code,
    street_code,
    community_code,
    steps_below > 0 as is_unallocated,
    cast(nullif(valid_from, '') as date) as valid_from,
    cast(nullif(valid_to, '') as date) as valid_to,
    nullif(successor_code, '') || repeat('-U', steps_below) as successor_code
from member
