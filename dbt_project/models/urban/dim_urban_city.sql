-- One row per city studied: its names, and what is measured of it.
-- Grain: city_code.
-- Nuance: the outline is for drawing; areas are measured on a finer one. The lake's own city is one of them, if at all.
select
    region_code as city_code,
    region_name_zh as city_name_zh,
    region_name_en as city_name_en,
    scope,
    land_area_km2,
    region_code in (
        select dim_region.region_code from {{ ref('dim_region') }} as dim_region
        where dim_region.region_level = 'city'
    ) as is_own_city,
    outline_geojson,
    data_origin
from {{ source('nightlights', 'city') }}
