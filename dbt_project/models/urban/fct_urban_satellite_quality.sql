-- One row per city studied, year and satellite: what the composite recorded there before and after calibration.
-- Grain: city_code, year, satellite.
-- Nuance: shares are of the area, saturation before calibration.
select
    region_code as city_code,
    region_name_zh as city_name_zh,
    year,
    satellite,
    file_name,
    data_origin,
    is_resampled,
    cell_count,
    missing_cell_count,
    lit_share,
    saturated_share,
    cloud_free_mean_count,
    total_light_recorded,
    total_light_calibrated,
    coefficients_note
from {{ source('nightlights', 'satellite_quality') }}
