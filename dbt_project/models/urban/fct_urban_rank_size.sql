-- One row per year, series, set of units and measure: the rank-size rule fitted over the cities studied.
-- Grain: year, series, unit_set, measure.
-- Nuance: with a handful of cities q is hardly defined: read it with its standard error and n.
select
    year,
    series,
    unit_set,
    measure,
    unit_count,
    q,
    standard_error,
    r2,
    primacy_two,
    primacy_four,
    data_origin
from {{ source('nightlights', 'rank_size') }}
