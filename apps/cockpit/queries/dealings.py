"""What an enterprise of the page Entity 360 has to do with authorities and persons: decisions, services, ties.

Penalties whose publicity has ended are left out here, so that no figure of them can reach a page. Of persons the city
has counts; keys are read only where the reader's role has the people lake.
"""

from datetime import date

import polars as pl
import streamlit as st

from apps.cockpit.queries.release import Source, frame, has_table

DECISIONS_SHOWN = 50
"""How many licences or penalties are listed, the nearest first; counts and sums are of all."""

TIES_SHOWN = 100
"""How many ties of persons are listed."""

_COUNTS = "city.base.fct_entity_person_count"
_TIES = "people.base.bridge_person_entity"

_LICENCES = """
with licence as (
    select
        *,
        case
            when status_code = '2' then 'ended'
            when valid_from_date > $as_of then 'not_yet'
            when valid_to_date < $as_of then 'expired'
            else 'valid'
        end as state
    from city.credit.fct_credit_event
    where event_type = 'licence' and subject_entity_key = $key
)

select
    state,
    class_code,
    document_no,
    authority_name,
    decision_date,
    valid_from_date,
    valid_to_date,
    count(*) over () as licence_count,
    count(*) filter (state = 'valid') over () as valid_count
from licence
order by state <> 'valid', valid_to_date desc nulls first, decision_date desc, document_no
limit $shown
"""

_PENALTIES = """
select
    class_code,
    violation_type,
    document_no,
    authority_name,
    decision_date,
    publicity_end_date,
    fine_cny,
    confiscated_cny,
    count(*) over () as penalty_count,
    sum(fine_cny) over () as total_fine_cny,
    sum(confiscated_cny) over () as total_confiscated_cny
from city.credit.fct_credit_event
where
    event_type = 'penalty'
    and subject_entity_key = $key
    and is_public
    and coalesce(publicity_end_date >= $today, true)
order by decision_date desc, document_no
limit $shown
"""

_SERVICES = """
select
    count(*) as case_count,
    count(*) filter (finished_at is null) as open_count,
    count(*) filter (finished_at is not null) as finished_count,
    count(*) filter (not is_finished_on_time) as late_count,
    max(applied_date) as newest_applied_date
from city.service.fct_service_case
where applicant_entity_key = $key
"""


@st.cache_data(max_entries=64, show_spinner=False)
def licences(source: Source, key: str, as_of: date) -> pl.DataFrame:
    """Licences of an enterprise, those valid on a day first, and how many there are of either sort."""
    return frame(source, _LICENCES, key=key, as_of=as_of, shown=DECISIONS_SHOWN)


@st.cache_data(max_entries=64, show_spinner=False)
def penalties(source: Source, key: str, today: date) -> pl.DataFrame:
    """Penalties of an enterprise that may be shown today, newest first, with their number and sums in yuan.

    A release is read for days after its data: what was public on its day may be so no longer, so today counts as well.
    """
    return frame(source, _PENALTIES, key=key, today=today, shown=DECISIONS_SHOWN)


@st.cache_data(max_entries=64, show_spinner=False)
def service_cases(source: Source, key: str) -> pl.DataFrame:
    """One row: service cases that an enterprise applied for, still open, finished, and late or overdue."""
    return frame(source, _SERVICES, key=key)


@st.cache_data(max_entries=64, show_spinner=False)
def person_counts(source: Source, key: str) -> pl.DataFrame | None:
    """Persons tied to an enterprise by relation; None where the release does not count them.

    ``person_count`` is null where there are some, but fewer than ``fewest_told_count``.
    """
    if not has_table(source, _COUNTS):
        return None
    return frame(
        source,
        f"select relation, person_count, fewest_told_count from {_COUNTS} where entity_key = $key order by relation",
        key=key,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def person_ties(source: Source, key: str) -> pl.DataFrame | None:
    """The ties of persons to an enterprise under opaque keys, those that hold first; None for who may not read them."""
    if not has_table(source, _TIES):
        return None
    return frame(
        source,
        f"""
        select relation, person_key, valid_from, valid_to, count(*) over () as tie_count
        from {_TIES}
        where entity_key = $key
        order by valid_to is not null, relation desc, valid_from desc, person_key
        limit $shown
        """,
        key=key,
        shown=TIES_SHOWN,
    )
