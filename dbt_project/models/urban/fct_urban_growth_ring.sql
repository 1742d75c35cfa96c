-- One row per city studied, series and run of years: the cells that were built up throughout it, as an outline.
-- Grain: city_code, series, first_year, last_year.
-- Nuance: the built-up area of a measured year is the rings that have begun and not ended in it. Summed over all years
-- the rings count a cell again for each time it came back.
select
    region_code as city_code,
    region_name_zh as city_name_zh,
    series,
    first_year,
    last_year,
    area_km2,
    ring_geojson,
    data_origin
from {{ source('nightlights', 'growth_ring') }}
