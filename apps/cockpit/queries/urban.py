"""Urban expansion from night lights: the cities studied, their years and periods, rings for maps, and the fits.

What is measured and how is said where it is made, in the marts of ``city.urban``. Releases from before they existed,
and those without a study, have no cities.
"""

import polars as pl
import streamlit as st

from apps.cockpit.queries.release import Source, frame, has_table

# The period in which a ring came: between two ends of periods. What was there in the first year that an area was found
# for came nobody knows since when.
_CAME = """
with bound as (select distinct unnest([start_year, end_year]) as year from city.urban.fct_urban_city_period),

ring as (
    select
        *,
        case
            when first_year > min(first_year) over (partition by city_code)
                then (select max(year) from bound where year < first_year) + 1
        end as since,
        coalesce((select min(year) from bound where year >= first_year), first_year) as until
    from city.urban.fct_urban_growth_ring
    where series = $series
)
"""
# A period that has no other within it: the whole span is none.
_STEP = """
not exists (
    select 1 from city.urban.fct_urban_city_period as inner_period
    where
        inner_period.start_year >= period.start_year and inner_period.end_year <= period.end_year
        and (inner_period.start_year, inner_period.end_year) <> (period.start_year, period.end_year)
)
""".strip()


@st.cache_data(max_entries=8, show_spinner=False)
def studied_cities(source: Source) -> pl.DataFrame:
    """The cities studied, the lake's own first: code, names, scope, land area, outline. Empty without a study."""
    columns = "city_code, city_name_zh, city_name_en, is_own_city, scope, land_area_km2, outline_geojson, data_origin"
    if not has_table(source, "city.urban.dim_urban_city"):
        return pl.DataFrame(schema=columns.split(", "))
    return frame(source, f"select {columns} from city.urban.dim_urban_city order by not is_own_city, city_code")


@st.cache_data(max_entries=8, show_spinner=False)
def measured_years(source: Source) -> list[int]:
    """The years studied, oldest first. Empty without a study."""
    if not has_table(source, "city.urban.fct_urban_city_year"):
        return []
    return frame(source, "select distinct year from city.urban.fct_urban_city_year order by year")["year"].to_list()


@st.cache_data(max_entries=64, show_spinner=False)
def urban_indicators(source: Source, year: int) -> pl.DataFrame:
    """The yearly indicators of the lake's own city: registry entry, the year's value, and the one measured before."""
    return frame(
        source,
        """
        with measured as (
            select
                *,
                year(period_start) as year,
                lag(value) over earlier as value_before,
                lag(year(period_start)) over earlier as year_before
            from city.indicator.indicator_value
            where period_type = 'year' and region_level = 'city' and department_code is null
            window earlier as (partition by indicator_id, region_code order by period_start)
        )

        select
            dim_indicator.*,
            measured.value,
            measured.value_before,
            measured.year_before,
            measured.data_as_of,
            measured.run_id,
            region_name_zh,
            region_name_en,
            department_name_zh as owner_zh,
            department_name_en as owner_en
        from city.indicator.dim_indicator
        left join measured on dim_indicator.indicator_id = measured.indicator_id and measured.year = $year
        left join city.base.dim_region on measured.region_code = dim_region.region_code
        left join city.base.dim_department on dim_indicator.owner_department_code = dim_department.department_code
        where page = 'urban'
        order by dim_indicator.indicator_id
        """,
        year=year,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def growth_rings(source: Source, year: int, series: str) -> pl.DataFrame:
    """What was built up in a year in each city, by the period in which it came: area, and its outlines as GeoJSON.

    ``since`` and ``until`` are the first and last year of that period; ``since`` is null for what was there at the
    first.
    """
    return frame(
        source,
        f"""
        {_CAME}

        select
            city_code,
            since,
            until,
            sum(area_km2) as area_km2,
            list(ring_geojson order by first_year, last_year) as outlines
        from ring
        where $year between first_year and last_year
        group by all
        order by city_code, until, since nulls first
        """,
        year=year,
        series=series,
    )


@st.cache_data(max_entries=16, show_spinner=False)
def ring_periods(source: Source, series: str) -> pl.DataFrame:
    """The periods in which rings of any city came, oldest first: ``since`` and ``until``."""
    return frame(
        source, f"{_CAME} select distinct since, until from ring order by until, since nulls first", series=series
    )


@st.cache_data(max_entries=16, show_spinner=False)
def city_years(source: Source) -> pl.DataFrame:
    """Every city, year and series with its measures; east and north are km from the first year's centre of light."""
    return frame(
        source,
        """
        select
            *,
            (light_x_m - first_value(light_x_m) over by_year) / 1000 as east_km,
            (light_y_m - first_value(light_y_m) over by_year) / 1000 as north_km
        from city.urban.fct_urban_city_year
        window by_year as (partition by city_code, series order by year)
        order by city_code, series, year
        """,
    )


@st.cache_data(max_entries=16, show_spinner=False)
def city_periods(source: Source, series: str) -> pl.DataFrame:
    """Every city and period with its indices; ``is_step`` is false for the whole span, where there are steps in it."""
    return frame(
        source,
        f"""
        select period.*, {_STEP} as is_step
        from city.urban.fct_urban_city_period as period
        where series = $series
        order by start_year, end_year, city_code
        """,
        series=series,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def expansion_types(source: Source, city: str, series: str) -> pl.DataFrame:
    """New built-up area of a city by step and rule of the threshold: areas by type, MEI and AWMEI."""
    return frame(
        source,
        f"""
        select period.*
        from city.urban.fct_urban_expansion_type as period
        where city_code = $city and series = $series and {_STEP}
        order by start_year, threshold_rule
        """,
        city=city,
        series=series,
    )


@st.cache_data(max_entries=16, show_spinner=False)
def rank_sizes(source: Source, series: str) -> pl.DataFrame:
    """The rank-size rule over the built-up areas of the cities, by year: q, its standard error, R², n, primacy."""
    return frame(
        source,
        """
        select *, q - standard_error as q_low, q + standard_error as q_high
        from city.urban.fct_urban_rank_size
        where series = $series and unit_set = 'cities' and measure = 'built_up_area'
        order by year
        """,
        series=series,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def ranked_cities(source: Source, year: int, series: str) -> pl.DataFrame:
    """The cities of a year by rank, and the fitted size at each rank with the slope's standard error to both sides.

    The band turns about the middle of the points: it shows how well the slope is known, not where a city must lie.
    """
    return frame(
        source,
        """
        with ranked as (
            select
                city_code,
                built_up_km2,
                row_number() over (order by built_up_km2 desc, city_code) as rank
            from city.urban.fct_urban_city_year
            where year = $year and series = $series and built_up_km2 > 0
        ),

        middle as (select avg(ln(rank)) as x, avg(ln(built_up_km2)) as y from ranked)

        select
            ranked.*,
            city_name_zh,
            city_name_en,
            exp(y - q * (ln(rank) - x)) as fitted_km2,
            exp(y - q * (ln(rank) - x) - standard_error * abs(ln(rank) - x)) as low_km2,
            exp(y - q * (ln(rank) - x) + standard_error * abs(ln(rank) - x)) as high_km2
        from ranked
        cross join middle
        join city.urban.dim_urban_city using (city_code)
        left join city.urban.fct_urban_rank_size as fit
            on fit.year = $year and fit.series = $series and unit_set = 'cities' and measure = 'built_up_area'
        order by rank
        """,
        year=year,
        series=series,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def satellites(source: Source, city: str, year: int) -> pl.DataFrame:
    """The composites that a city's year is made of, as recorded."""
    return frame(
        source,
        """
        select * from city.urban.fct_urban_satellite_quality
        where city_code = $city and year = $year
        order by satellite
        """,
        city=city,
        year=year,
    )
