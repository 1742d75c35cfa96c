-- One row per patch of cells that became built up within a period.
-- Grain: city_code, start_year, end_year, series, threshold_rule, patch.
-- Nuance: patches of the two rules of the threshold are measured apart, and those of overlapping periods overlap.
select
    region_code as city_code,
    region_name_zh as city_name_zh,
    start_year,
    end_year,
    series,
    threshold_rule,
    patch,
    longitude,
    latitude,
    cell_count,
    area_km2,
    lei,
    expansion_type,
    data_origin
from {{ source('nightlights', 'patch_period') }}
