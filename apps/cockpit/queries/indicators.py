"""Indicators: cards, trends, the parts of a region and the departments, what was published before, targets."""

from datetime import date

import polars as pl
import streamlit as st

from apps.cockpit.queries.release import DEPARTMENT_NAMES, Source, frame

# The nearest place on the way up from the chosen region for which an indicator is published, and its months there.
_SERIES = """
with place as (
    select region_code, region_level, min(list_position($path, region_code)) as distance
    from city.base.dim_region
    where list_contains($path, region_code)
    group by region_code, region_level
),

published_level as (
    select distinct indicator_id, region_level from city.indicator.indicator_value where period_type = 'month'
),

shown_place as (
    select published_level.indicator_id, arg_min(place.region_code, place.distance) as region_code
    from published_level
    join place on published_level.region_level = place.region_level
    group by published_level.indicator_id
),

series as (
    select
        indicator_value.*,
        period_start = $month as is_selected,
        period_start - interval 1 month as previous_month,
        period_start - interval 1 year as month_a_year_ago
    from city.indicator.indicator_value
    join shown_place using (indicator_id, region_code)
    join city.indicator.dim_indicator using (indicator_id)
    where
        indicator_value.period_type = 'month'
        and dim_indicator.page = $page
        and department_code is not distinct from case when dim_indicator.has_department then $department end
)
"""

_CARDS = """
select
    dim_indicator.*,
    department_name_zh as owner_zh,
    department_name_en as owner_en,
    shown_place.region_code,
    dim_region.region_name_zh,
    dim_region.region_name_en,
    shown_place.region_code is distinct from $path[1] as is_wider_region,
    $department is not null and not dim_indicator.has_department as is_all_departments,
    now.numerator,
    now.denominator,
    now.value,
    now.target,
    now.is_flagged_100,
    now.run_id,
    now.data_as_of,
    now.period_start,
    now.period_end,
    coalesce((
        select bool_and(is_complete) from city.indicator.indicator_value
        where period_type = 'month' and period_start = $month
    ), false) as is_complete,
    now.value is not null as has_value,
    case when dim_indicator.unit = '%' then 'points' else 'percent' end as change_kind,
    case
        when not now.is_complete then null
        when dim_indicator.unit = '%' then now.value - previous.value
        else (now.value - previous.value) * 100 / nullif(abs(previous.value), 0)
    end as change_on_month,
    case
        when not now.is_complete then null
        when dim_indicator.unit = '%' then now.value - a_year_ago.value
        else (now.value - a_year_ago.value) * 100 / nullif(abs(a_year_ago.value), 0)
    end as change_on_year,
    case now.target_direction
        when 'up' then now.value >= now.target
        when 'down' then now.value <= now.target
    end as is_on_target
from city.indicator.dim_indicator
left join shown_place using (indicator_id)
left join city.base.dim_region on shown_place.region_code = dim_region.region_code
left join city.base.dim_department on dim_indicator.owner_department_code = dim_department.department_code
left join series as now on dim_indicator.indicator_id = now.indicator_id and now.is_selected
left join series as previous
    on now.indicator_id = previous.indicator_id and now.previous_month = previous.period_start
left join series as a_year_ago
    on now.indicator_id = a_year_ago.indicator_id and now.month_a_year_ago = a_year_ago.period_start
where dim_indicator.page = $page
qualify row_number() over (partition by dim_indicator.indicator_id order by dim_region.valid_from desc nulls last) = 1
order by dim_indicator.indicator_id
"""

_TRENDS = """
select
    indicator_id,
    strftime(period_start, '%Y-%m') as month,
    value,
    target,
    is_complete,
    is_selected
from series
order by indicator_id, period_start
"""

_FIGURES = "numerator, denominator, value, target, target_direction"

# What the members of a comparison share: bar lengths against the largest, and the light against the target. A member
# that need not be shown (a department, what could not be located) is left out where it has nothing at all.
_COMPARED = """
select
    compared.*,
    dim_indicator.decimals,
    coalesce(greatest(value, 0) * 100 / nullif(max(value) over (partition by indicator_id), 0), 0) as bar_pct,
    case target_direction when 'up' then value >= target when 'down' then value <= target end as is_on_target
from compared
join city.indicator.dim_indicator using (indicator_id)
qualify is_always_shown or max(coalesce(denominator, value, 0)) over (partition by member) > 0
order by indicator_id, is_last, member
"""

_BY_REGION = f"""
with member as (
    select region_code, region_name_zh, region_name_en, region_level, is_unallocated
    from city.base.dim_region
    where
        parent_code = $region
        and region_level in ('district', 'street')
        and coalesce(valid_from, date '0001-01-01') <= last_day($month)
        and coalesce(valid_to, date '9999-12-31') > $month
),

compared as (
    select
        indicator_id,
        member.region_code as member,
        region_name_zh as name_zh,
        region_name_en as name_en,
        true as is_region,
        is_unallocated,
        is_unallocated as is_last,
        not is_unallocated as is_always_shown,
        {_FIGURES}
    from city.indicator.indicator_value
    join member using (region_code)
    join city.indicator.dim_indicator using (indicator_id)
    where
        indicator_value.period_type = 'month'
        and period_start = $month
        and page = $page
        and department_code is not distinct from case when has_department then $department end
)
{_COMPARED}
"""

_BY_DEPARTMENT = f"""
with compared as (
    select
        indicator_id,
        department_code as member,
        {DEPARTMENT_NAMES},
        false as is_region,
        false as is_unallocated,
        department_name_zh is null as is_last,
        false as is_always_shown,
        {_FIGURES}
    from city.indicator.indicator_value
    left join city.base.dim_department using (department_code)
    join city.indicator.dim_indicator using (indicator_id)
    where
        indicator_value.period_type = 'month'
        and period_start = $month
        and page = $page
        and region_code = $region
        and department_code is not null
        and has_department
)
{_COMPARED}
"""


@st.cache_data(max_entries=256, show_spinner=False)
def cards(source: Source, page: str, path: list[str], department: str | None, month: date) -> pl.DataFrame:
    """One row an indicator of a page: its registry entry, value, target, and changes on the month and the year.

    ``path`` leads from the chosen region up to the city; an indicator that is not published at the region's level is
    shown for the nearest place above. Changes are percentage points for rates and per cent for the others, and are
    left out for a month that is not over.
    """
    sql = f"{_SERIES} {_CARDS}"
    return frame(source, sql, page=page, path=path, department=department, month=month)


@st.cache_data(max_entries=256, show_spinner=False)
def trends(source: Source, page: str, path: list[str], department: str | None, month: date) -> pl.DataFrame:
    """Every month of every indicator of a page, for the same places as :func:`cards`; ``month`` is marked."""
    sql = f"{_SERIES} {_TRENDS}"
    return frame(source, sql, page=page, path=path, department=department, month=month)


@st.cache_data(max_entries=256, show_spinner=False)
def by_region(source: Source, page: str, region: str, department: str | None, month: date) -> pl.DataFrame:
    """The parts of a region, for every indicator of a page that is published for them; unallocated last."""
    return frame(source, _BY_REGION, page=page, region=region, department=department, month=month)


@st.cache_data(max_entries=256, show_spinner=False)
def by_department(source: Source, page: str, region: str, month: date) -> pl.DataFrame:
    """The departments of a region, for every indicator of a page that has departments."""
    return frame(source, _BY_DEPARTMENT, page=page, region=region, month=month)


@st.cache_data(max_entries=256, show_spinner=False)
def vintages(source: Source, indicator: str, region: str, department: str | None, month: date) -> pl.DataFrame:
    """Every figure that was ever published for one indicator, region, department and month, newest first."""
    return frame(
        source,
        """
        select
            run_id,
            (try_strptime(split_part(run_id, '-', 1), '%Y%m%dT%H%M%SZ') + interval 8 hours)::date as computed_date,
            numerator,
            denominator,
            value
        from city.indicator.indicator_vintage
        where
            indicator_id = $indicator
            and period_type = 'month'
            and period_start = $month
            and region_code = $region
            and department_code is not distinct from $department
        order by run_id desc
        """,
        indicator=indicator,
        region=region,
        department=department,
        month=month,
    )


@st.cache_data(max_entries=256, show_spinner=False)
def targets(source: Source, indicator: str, path: list[str], month: date) -> pl.DataFrame:
    """The targets in force at a month's end, nearest place first: who set them, when, on what ground, how long."""
    return frame(
        source,
        """
        select value, set_by, set_on, source, valid_from, (valid_to - interval 1 day)::date as last_valid_date
        from city.indicator.indicator_target
        where
            indicator_id = $indicator
            and list_contains($path, region_code)
            and last_day($month) >= valid_from
            and last_day($month) < coalesce(valid_to, 'infinity'::date)
        order by list_position($path, region_code)
        """,
        indicator=indicator,
        path=path,
        month=month,
    )
