"""What departments delivered: of the page Deliveries, and of the section on other pages."""

import polars as pl
import streamlit as st

from apps.cockpit.queries.release import DEPARTMENT_NAMES, Source, frame

_DELIVERIES = f"""
select
    department_code,
    {DEPARTMENT_NAMES},
    max(extract_date) filter (status = 'in_force') as newest_extract_date,
    count(*) filter (status = 'in_force') as in_force_count,
    count(*) filter (status = 'superseded') as superseded_count,
    count(*) filter (status = 'outdated') as outdated_count,
    count(*) filter (status = 'withdrawn') as withdrawn_count,
    count(*) filter (status = 'refused') as refused_count,
    coalesce(sum(rows_accepted) filter (status = 'in_force'), 0)::bigint as rows_accepted,
    coalesce(sum(rows_quarantined) filter (status = 'in_force'), 0)::bigint as rows_quarantined
from city.exchange.fct_delivery
left join city.base.dim_department using (department_code)
group by all
order by department_code
"""


@st.cache_data(max_entries=8, show_spinner=False)
def deliveries(source: Source) -> pl.DataFrame:
    """One row a delivering department: newest extract, deliveries by status, rows accepted and quarantined."""
    return frame(source, _DELIVERIES)


@st.cache_data(max_entries=8, show_spinner=False)
def refusals(source: Source) -> pl.DataFrame:
    """The latest refused deliveries and why, newest first."""
    return frame(
        source,
        f"""
        select
            extract_date,
            {DEPARTMENT_NAMES},
            refusal_zh as reason_zh,
            refusal_en as reason_en
        from city.exchange.fct_delivery
        left join city.base.dim_department using (department_code)
        where status = 'refused'
        order by extract_date desc, received_at desc
        limit 3
        """,
    )
