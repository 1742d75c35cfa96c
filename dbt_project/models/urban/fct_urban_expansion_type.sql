-- One row per city studied, period, series and rule of the threshold: its new patches by type.
-- Grain: city_code, start_year, end_year, series, threshold_rule.
-- Nuance: what was lost is not subtracted; new area is that of new patches alone.
select
    region_code as city_code,
    region_name_zh as city_name_zh,
    start_year,
    end_year,
    series,
    threshold_rule,
    patch_count,
    new_km2,
    infilling_km2,
    edge_expansion_km2,
    outlying_km2,
    mean_lei,
    area_weighted_mean_lei,
    data_origin
from {{ source('nightlights', 'expansion_type') }}
