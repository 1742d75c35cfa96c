"""What a reader chooses: district, street, month, department. Each control shows the address and writes to it."""

import polars as pl
import streamlit as st

from apps.cockpit import queries
from apps.cockpit import view as viewing
from apps.cockpit.components.markup import heading, link, span
from apps.cockpit.formats import month, month_key
from apps.cockpit.view import View

_ALL = ""


def controls(view: View) -> None:
    """The breadcrumb and the four selectors."""
    breadcrumb(view)
    with st.container(key="ck-controls"):
        district, street, period, department = st.columns(4, vertical_alignment="bottom")
    with district:
        _region_selector(view, "district")
    with street:
        _region_selector(view, "street")
    with period:
        _selector(view, "month", _month_names(view), month_key(view.month))
    if not queries.cards(view.source, view.page, view.path_codes, view.department, view.month)["has_department"].any():
        return
    with department:
        known = queries.departments(view.source)
        names = dict(known.select("department_code", f"name_{view.language}").iter_rows())
        _selector(view, "department", {_ALL: view.say("control.all_departments"), **names}, view.department or _ALL)


def delivery_controls(view: View) -> None:
    """What the page is about, and the one selector that it has: the department."""
    since, as_of = queries.window_start(view.release.data_as_of), view.release.data_as_of
    window = view.say("scorecard.window", since=since, as_of=as_of)
    heading(view.language, 1, "page-title", span("here", view.say("page.deliveries")), span("hint", window))
    known = queries.delivering_departments(view.source)
    names = dict(known.select("department_code", f"name_{view.language}").iter_rows())
    with st.container(key="ck-controls"), st.columns(4)[0]:
        _selector(view, "department", {_ALL: view.say("control.all_departments"), **names}, view.department or _ALL)


def breadcrumb(view: View) -> None:
    """City › district › street, each but the last a link."""
    *above, here = view.path[::-1]
    steps = [link(place.name, view.to(region=place.code)) for place in above]
    heading(view.language, 1, "breadcrumb", *(f"{step}{span('step', '›')}" for step in steps), span("here", here.name))


def _region_selector(view: View, level: str) -> None:
    """The regions of one level below what is chosen above it; the first option is the whole of that."""
    above = next((place for place in view.path if place.level == ("city" if level == "district" else "district")), None)
    known = queries.regions(view.source)
    whole = above.code if above else _ALL
    below = known.filter((pl.col("region_level") == level) & (pl.col("parent_code") == whole))
    first = view.say("control.all_of", region=above.name) if above else view.say("control.district_first")
    names = {whole: first, **dict(below.select("region_code", f"region_name_{view.language}").iter_rows())}
    chosen = next((place.code for place in view.path if place.level == level), whole)
    _selector(view, level, names, chosen, disabled=above is None)


def _month_names(view: View) -> dict[str, str]:
    """Months as the reader writes them; those not over say so."""
    return {
        month_key(day): view.say("control.month_incomplete", month=month(view.language, day))
        if day in view.incomplete_months
        else month(view.language, day)
        for day in view.months
    }


def _selector(view: View, name: str, names: dict[str, str], chosen: str, *, disabled: bool = False) -> None:
    """A selector whose options are the keys of ``names``, in their order."""
    key = f"control_{name}"
    st.session_state[key] = chosen
    st.selectbox(
        view.say(f"control.{name}"),
        list(names),
        format_func=names.__getitem__,
        key=key,
        disabled=disabled,
        on_change=_choose,
        args=(view, name),
    )


def _choose(view: View, name: str) -> None:
    parameter = "region" if name in ("district", "street") else name
    viewing.go(view, **{parameter: st.session_state[f"control_{name}"] or None})
