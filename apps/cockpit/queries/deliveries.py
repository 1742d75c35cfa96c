"""What departments delivered: of the page Deliveries, and of the section on other pages."""

from datetime import date

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


# Of the page Deliveries: extracts promised in the window, those that the department was due or has brought.
_DUE = """
select *
from city.exchange.fct_delivery_due
where
    month_date between $since and $as_of
    and timeliness <> 'open'
    and ($department is null or department_code = $department)
"""

# Deliveries in the window, by the extract's day, or by that of arrival where none is due on a day; what was withdrawn
# counts as never delivered.
_CAME = """
select
    fct_delivery.*,
    case when dim_dataset.dataset is not null and frequency_days is null then received_date else extract_date end
        as counted_date
from city.exchange.fct_delivery
left join city.exchange.dim_dataset using (dataset)
where
    date_trunc('month', counted_date) between $since and $as_of
    and status <> 'withdrawn'
    and ($department is null or fct_delivery.department_code = $department)
"""

# Rows of deliveries that were taken in, whether or not a newer one has replaced them since.
_ROWS = """
coalesce(sum(rows_read) filter (status <> 'refused'), 0)::bigint as rows_read,
coalesce(sum(rows_accepted) filter (status <> 'refused'), 0)::bigint as rows_accepted,
coalesce(sum(rows_quarantined) filter (status <> 'refused'), 0)::bigint as rows_quarantined,
sum(rows_accepted) filter (status <> 'refused') * 100.0
/ nullif(sum(rows_read) filter (status <> 'refused'), 0) as accepted_pct,
count(*) filter (status = 'refused') as refused_count
""".strip()

_TIMES = """
count(*) as due_count,
count(received_at) as came_count,
count(*) filter (timeliness = 'late') as late_count,
count(*) filter (timeliness = 'missing') as missing_count
""".strip()

# How a dataset stands: by the newest extract that is due or has come. What is promised at no fixed time is never late,
# and its newest extract, however old, is the newest there is.
_DATASETS = f"""
with due as ({_DUE}),

came as ({_CAME}),

unscheduled as (
    select
        dataset,
        max(extract_date) filter (status <> 'refused') as last_extract_date,
        arg_max(received_at, extract_date) filter (status <> 'refused') at time zone 'Asia/Shanghai' as last_received_at
    from city.exchange.fct_delivery
    where
        status <> 'withdrawn'
        and dataset in (select dataset from city.exchange.dim_dataset where frequency_days is null)
    group by dataset
),

timeliness as (
    select
        dataset,
        {_TIMES},
        arg_max(timeliness, extract_date) as newest_timeliness
    from due
    group by dataset
),

received as (
    select
        dataset,
        max(extract_date) filter (status <> 'refused') as newest_extract_date,
        max(counted_date) filter (status <> 'refused') as newest_accepted_date,
        max(counted_date) filter (status = 'refused') as newest_refused_date,
        arg_max(received_at, extract_date) filter (status <> 'refused') at time zone 'Asia/Shanghai' as received_at,
        {_ROWS}
    from came
    group by dataset
)

select
    dim_dataset.*,
    {DEPARTMENT_NAMES},
    coalesce(due_count, 0) as due_count,
    coalesce(came_count, 0) as came_count,
    coalesce(late_count, 0) as late_count,
    coalesce(missing_count, 0) as missing_count,
    coalesce(newest_extract_date, last_extract_date) as newest_extract_date,
    coalesce(received.received_at, last_received_at) as received_at,
    $as_of - coalesce(newest_extract_date, last_extract_date) as age_days,
    coalesce(rows_read, 0) as rows_read,
    coalesce(rows_quarantined, 0) as rows_quarantined,
    accepted_pct,
    coalesce(refused_count, 0) as refused_count,
    case
        when newest_refused_date > coalesce(newest_accepted_date, date '0001-01-01') then 'refused'
        when coalesce(newest_extract_date, last_extract_date) is null then 'never'
        when frequency_days is null then 'unscheduled'
        else coalesce(newest_timeliness, 'on_time')
    end as state
from city.exchange.dim_dataset
left join timeliness using (dataset)
left join received using (dataset)
left join unscheduled using (dataset)
left join city.base.dim_department using (department_code)
where $department is null or department_code = $department
order by department_code, dataset
"""

_DELIVERED = f"""
with due as ({_DUE}),

came as ({_CAME}),

timeliness as (select {{group}} as grain, {_TIMES} from due group by grain),

received as (select {{extract_group}} as grain, {_ROWS} from came group by grain)

select
    grain,
    coalesce(due_count, 0) as due_count,
    coalesce(came_count, 0) as came_count,
    coalesce(late_count, 0) as late_count,
    coalesce(missing_count, 0) as missing_count,
    came_count * 100.0 / nullif(due_count, 0) as came_pct,
    (came_count - late_count) * 100.0 / nullif(due_count, 0) as on_time_pct,
    coalesce(rows_read, 0) as rows_read,
    coalesce(rows_accepted, 0) as rows_accepted,
    coalesce(rows_quarantined, 0) as rows_quarantined,
    accepted_pct,
    coalesce(refused_count, 0) as refused_count
from timeliness
full join received using (grain)
order by grain
"""

_MONTHS_SHOWN = 12


def window_start(as_of: date) -> date:
    """The first day of the twelve months that the page Deliveries is about, the month of the data included."""
    months = as_of.year * 12 + as_of.month - _MONTHS_SHOWN
    return date(months // 12, months % 12 + 1, 1)


def _asked(source: Source, sql: str, department: str | None, as_of: date) -> pl.DataFrame:
    return frame(source, sql, department=department, since=window_start(as_of), as_of=as_of)


@st.cache_data(max_entries=8, show_spinner=False)
def delivering_departments(source: Source) -> pl.DataFrame:
    """The departments that have promised a dataset: code and names."""
    return frame(
        source,
        f"""
        select distinct
            department_code,
            {DEPARTMENT_NAMES}
        from city.exchange.dim_dataset
        left join city.base.dim_department using (department_code)
        order by department_code
        """,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def datasets(source: Source, department: str | None, as_of: date) -> pl.DataFrame:
    """One row a promised dataset, of one department or all: its newest extract and its last twelve months.

    ``state`` is how its newest promised extract stands: on_time, late, missing; refused where the newest delivery was,
    never where none came, unscheduled where some came and none was ever due.
    """
    return _asked(source, _DATASETS, department, as_of)


@st.cache_data(max_entries=64, show_spinner=False)
def delivered(source: Source, department: str | None, as_of: date) -> pl.DataFrame:
    """The last twelve months in one row: extracts due, come, late and missing; rows and the share accepted."""
    return _asked(source, _DELIVERED.format(group="1", extract_group="1"), department, as_of)


@st.cache_data(max_entries=64, show_spinner=False)
def delivered_by_month(source: Source, department: str | None, as_of: date) -> pl.DataFrame:
    """The same by month (``grain``), oldest first: of the extract's day, or of arrival where none is due.

    Only months with a promise or a delivery.
    """
    grouped = _DELIVERED.format(group="month_date", extract_group="date_trunc('month', counted_date)::date")
    months = _asked(source, grouped, department, as_of)
    return months.with_columns(
        month=pl.col("grain").dt.strftime("%Y-%m"),
        value=pl.col("accepted_pct"),
        target=pl.lit(None, pl.Float64),
        is_complete=pl.col("grain").dt.month_end() <= as_of,
        is_selected=False,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def worst_rules(source: Source, department: str | None, as_of: date) -> pl.DataFrame:
    """The rules that most rows broke in the last twelve months, ten of each severity, errors first."""
    sql = f"""
        with came as ({_CAME})

        select
            dataset_name_zh,
            dataset_name_en,
            severity,
            rule,
            any_value(column_headings) as column_headings,
            any_value(reason_zh) as reason_zh,
            any_value(reason_en) as reason_en,
            any_value(asks_zh) as asks_zh,
            any_value(asks_en) as asks_en,
            sum(row_count)::bigint as row_count,
            count(*) as delivery_count,
            max(fct_delivery_rule.extract_date) as newest_extract_date
        from city.exchange.fct_delivery_rule
        join came using (delivery_id)
        join city.exchange.dim_dataset on fct_delivery_rule.dataset = dim_dataset.dataset
        group by dim_dataset.dataset, dataset_name_zh, dataset_name_en, severity, rule
        qualify row_number() over (partition by severity order by sum(row_count) desc, dim_dataset.dataset, rule) <= 10
        order by severity, row_count desc, dim_dataset.dataset, rule
        """
    return _asked(source, sql, department, as_of)


@st.cache_data(max_entries=64, show_spinner=False)
def refused(source: Source, department: str | None, as_of: date) -> pl.DataFrame:
    """The latest ten refused deliveries of the last twelve months and why, newest first."""
    sql = f"""
        with came as ({_CAME})

        select dataset_name_zh, dataset_name_en, extract_date, received_date, refusal_zh, refusal_en
        from came
        join city.exchange.dim_dataset using (dataset)
        where status = 'refused'
        order by extract_date desc, received_at desc
        limit 10
        """
    return _asked(source, sql, department, as_of)


@st.cache_data(max_entries=64, show_spinner=False)
def changed_columns(source: Source, department: str | None, as_of: date) -> pl.DataFrame:
    """Datasets whose newest delivery has columns that the contract does not know, or lacks optional ones."""
    sql = f"""
        with came as ({_CAME}),

        newest as (
            select *
            from came
            where status <> 'refused'
            qualify row_number() over (partition by dataset order by extract_date desc, revision desc, delivery_id) = 1
        )

        select dataset_name_zh, dataset_name_en, extract_date, new_headings, missing_headings
        from newest
        join city.exchange.dim_dataset using (dataset)
        where new_headings is not null or missing_headings is not null
        order by dataset
        """
    return _asked(source, sql, department, as_of)


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
