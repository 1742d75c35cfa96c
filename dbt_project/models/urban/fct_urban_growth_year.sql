-- One row per measured year of the lake's own city, raw series: what its yearly indicators are made of.
-- Grain: region_code, year_date.
-- Nuance: growth is since the measured year before, however long ago; the first measured year has none. A year whose
-- lights cannot be matched to the published area is none. The rank-size exponent is of all cities studied together.
-- Cities that are no region of this lake are in fct_urban_city_year alone.
with measured as (
    select
        city_year.city_code,
        city_year.year,
        city_year.built_up_km2,
        city_year.land_area_km2,
        city_year.data_origin,
        lag(city_year.year) over (order by city_year.year) as year_before,
        lag(city_year.built_up_km2) over (order by city_year.year) as built_up_before_km2
    from {{ ref('fct_urban_city_year') }} as city_year
    inner join {{ ref('dim_urban_city') }} as city on city_year.city_code = city.city_code
    where
        city.is_own_city
        and city_year.series = 'raw'
        and city_year.built_up_km2 is not null
        and not city_year.is_out_of_reach
)

select
    measured.city_code as region_code,
    region.region_level,
    cast(measured.year || '-01-01' as date) as year_date,
    measured.built_up_km2,
    measured.built_up_km2 - measured.built_up_before_km2 as growth_km2,
    measured.year - measured.year_before as year_count,
    measured.land_area_km2 * (measured.year - measured.year_before) as land_area_km2_years,
    rank_size.q as rank_size_q,
    measured.data_origin
from measured
inner join {{ ref('dim_region') }} as region on measured.city_code = region.region_code
left join {{ ref('fct_urban_rank_size') }} as rank_size
    on
        measured.year = rank_size.year
        and rank_size.series = 'raw'
        and rank_size.unit_set = 'cities'
        and rank_size.measure = 'built_up_area'
