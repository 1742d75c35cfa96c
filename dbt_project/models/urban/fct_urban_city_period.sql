-- One row per city studied, period and series: how much and how fast it grew.
-- Grain: city_code, start_year, end_year, series.
-- Nuance: periods overlap: from each epoch to the next, and from the first year to the last. They must not be added.
select
    region_code as city_code,
    region_name_zh as city_name_zh,
    start_year,
    end_year,
    series,
    land_area_km2,
    built_up_start_km2,
    built_up_end_km2,
    lit_start_km2,
    lit_end_km2,
    speed_km2_per_year,
    dynamic_degree_pct,
    intensity_by_land_area_pct,
    intensity_class,
    compound_growth_pct,
    differentiation,
    built_up_growth,
    lit_growth,
    elasticity,
    coupling_type,
    coupling_tolerance,
    shift_km,
    shift_azimuth_deg,
    data_origin
from {{ source('nightlights', 'city_period') }}
