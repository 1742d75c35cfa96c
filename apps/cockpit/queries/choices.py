"""What a reader can choose between: regions, months and departments."""

import polars as pl
import streamlit as st

from apps.cockpit.queries.release import DEPARTMENT_NAMES, Source, frame


@st.cache_data(max_entries=8, show_spinner=False)
def regions(source: Source) -> pl.DataFrame:
    """City, districts and streets, allocated ones only: code, names, level, parent, and the codes above."""
    return frame(
        source,
        """
        select region_code, region_name_zh, region_name_en, region_level, parent_code, city_code, district_code
        from city.base.dim_region
        where
            region_level in ('city', 'district', 'street')
            and not is_unallocated
            and coalesce(valid_to, date '9999-12-31') > (
                select max(period_start) from city.indicator.indicator_value where period_type = 'month'
            )
        qualify row_number() over (partition by region_code order by valid_from desc nulls last) = 1
        order by region_code
        """,
    )


@st.cache_data(max_entries=8, show_spinner=False)
def months(source: Source) -> pl.DataFrame:
    """The months that have values, newest first, and whether each was over when the figures were computed."""
    return frame(
        source,
        """
        select period_start as month, bool_and(is_complete) as is_complete
        from city.indicator.indicator_value
        where period_type = 'month'
        group by period_start
        order by period_start desc
        """,
    )


@st.cache_data(max_entries=8, show_spinner=False)
def departments(source: Source) -> pl.DataFrame:
    """The departments that any indicator is broken down by: code and names."""
    return frame(
        source,
        f"""
        select
            department_code,
            {DEPARTMENT_NAMES}
        from (select distinct department_code from city.indicator.indicator_value where department_code is not null)
        left join city.base.dim_department using (department_code)
        order by department_code
        """,
    )
