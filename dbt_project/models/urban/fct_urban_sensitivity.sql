-- One row per city studied, year, series and published figure: what that figure would give.
-- Grain: city_code, year, series, published_by, published_scope.
-- Nuance: figures of scopes that are never taken are here too; is_chosen says which one was.
select
    region_code as city_code,
    region_name_zh as city_name_zh,
    year,
    series,
    published_km2,
    published_by,
    published_scope,
    is_chosen,
    threshold,
    built_up_km2,
    agreement,
    data_origin
from {{ source('nightlights', 'sensitivity') }}
