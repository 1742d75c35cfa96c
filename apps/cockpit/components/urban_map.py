"""Of the page Urban expansion: what is chosen, the year's indicators, and maps of growth rings."""

from html import escape
from typing import Any

import polars as pl
import streamlit as st

from apps.cockpit import queries, urban_figures
from apps.cockpit import view as viewing
from apps.cockpit.components.markup import block, heading, line, span, table
from apps.cockpit.formats import NO_VALUE, number, quantity
from apps.cockpit.view import SERIES, Studied, View

Row = dict[str, Any]
_A_ROW = 3


def urban_controls(view: View) -> Studied | None:
    """Title, city, year and series; None, and a sentence that says so, where the release has no study."""
    studied = view.studied
    if studied is None:
        heading(view.language, 1, "page-title", span("here", view.say("page.urban")))
        st.info(view.say("urban.nothing"))
        return None
    cities = dict(queries.studied_cities(view.source).select("city_code", f"city_name_{view.language}").iter_rows())
    hint = view.say("urban.hint", city=cities[studied.city])
    heading(view.language, 1, "page-title", span("here", view.say("page.urban")), span("hint", hint))
    years = queries.measured_years(view.source)
    series = {name: view.say(f"urban.series_{name}") for name in SERIES}
    with st.container(key="ck-controls"):
        city, year, kind = st.columns([1, 2, 1], vertical_alignment="bottom")
    for name, value in (("city", studied.city), ("year", studied.year), ("series", studied.series)):
        st.session_state[f"control_{name}"] = value
    with city:
        st.selectbox(view.say("urban.city"), list(cities), format_func=cities.__getitem__, **_control(view, "city"))
    with year:
        if len(years) > 1:
            st.select_slider(view.say("urban.year"), years, **_control(view, "year"))
        else:
            st.selectbox(view.say("urban.year"), years, **_control(view, "year"))
    with kind:
        st.selectbox(view.say("urban.series"), list(series), format_func=series.__getitem__, **_control(view, "series"))
    return studied


def _control(view: View, name: str) -> Row:
    return {"key": f"control_{name}", "on_change": _choose, "args": (view, name)}


def _choose(view: View, name: str) -> None:
    viewing.go(view, **{name: str(st.session_state[f"control_{name}"])})


def urban_indicators(view: View, studied: Studied) -> None:
    """The governed indicators of the year. They are of the lake's own city, whichever city is looked at below."""
    known = queries.urban_indicators(view.source, studied.year)
    own = queries.studied_cities(view.source).filter("is_own_city")
    if own.is_empty() or known["value"].is_null().all():
        st.info(view.say("urban.no_indicators", year=studied.year))
        return
    name = own[f"city_name_{view.language}"].item(0)
    urban_section(view, "indicators", view.say("urban.indicators_hint", city=name, year=studied.year))
    with st.container(key="ck-summary"):
        columns = st.columns(max(known.height, 1))
    for column, row in zip(columns, known.iter_rows(named=True), strict=True):
        key = f"ck-card-urban-{row['indicator_id']}"
        with column, st.container(border=True, height="stretch", key=key, gap="xsmall"):
            block(view.language, "card", *_card(view, row))


def _card(view: View, row: Row) -> list[str]:
    unit = row["unit_zh"] if view.language == "zh" else row["unit"]
    before = (
        view.say(
            "urban.before",
            year=row["year_before"],
            value=quantity(row["value_before"], row["decimals"], unit),
        )
        if row["value_before"] is not None
        else NO_VALUE
    )
    owner = row[f"owner_{view.language}"] or row["owner_department_code"]
    source = view.say("urban.card_source", id=row["indicator_id"], owner=owner, run=row["run_id"] or NO_VALUE)
    return [
        line("card-title", escape(row[f"name_{view.language}"])),
        line(
            "figure-line",
            span("value", number(row["value"], row["decimals"])),
            span("unit", unit) if row["value"] is not None else "",
        ),
        line("changes", span("change", before)),
        line("source", escape(row[f"definition_{view.language}"])),
        line("source", escape(source)),
    ]


def growth_maps(view: View, studied: Studied) -> None:
    """The rings of the city by the period in which they came, the same as a table, and all cities beside each other."""
    cities = queries.studied_cities(view.source)
    rings = queries.growth_rings(view.source, studied.year, studied.series)
    periods = _periods(view, queries.ring_periods(view.source, studied.series))
    rings = rings.join(periods, on=["since", "until"], nulls_equal=True)
    labels = periods["label"].to_list()
    urban_section(view, "rings", view.say("urban.rings_hint", year=studied.year))
    chosen = cities.row(by_predicate=pl.col("city_code") == studied.city, named=True)
    own = rings.filter(pl.col("city_code") == studied.city)
    if own.is_empty():
        st.info(view.say("urban.no_rings", year=studied.year))
    else:
        big, numbers = st.columns([2, 1])
        with big:
            _map(view, chosen, own, labels, height=470)
        with numbers:
            _ring_table(view, own)
    block(view.language, "source", escape(view.say(f"urban.map_source_{chosen['data_origin']}")))
    for first in range(0, cities.height, _A_ROW):
        for column, row in zip(st.columns(_A_ROW), cities.slice(first, _A_ROW).iter_rows(named=True), strict=False):
            with column:
                _small_map(view, row, rings.filter(pl.col("city_code") == row["city_code"]), labels)


def _small_map(view: View, city: Row, rings: pl.DataFrame, labels: list[str]) -> None:
    area = quantity(float(rings["area_km2"].sum()) if rings.height else None, 1, "km²")
    name = span("subheading", city[f"city_name_{view.language}"])
    block(view.language, "legend", name, " ", span("hint", area))
    _map(view, city, rings, labels, height=210)


def _map(view: View, city: Row, rings: pl.DataFrame, labels: list[str], *, height: int) -> None:
    words = {"period": view.say("urban.period"), "area": view.say("urban.area")}
    chart = urban_figures.growth_map(city["outline_geojson"], rings, labels, words, height=height)
    year = view.studied.year if view.studied else None
    st.altair_chart(chart, alt=view.say("urban.map_alt", city=city[f"city_name_{view.language}"], year=year))


def _ring_table(view: View, rings: pl.DataFrame) -> None:
    """What the map shows, in numbers."""
    whole = float(rings["area_km2"].sum())
    rows = [
        (escape(row["label"]), number(row["area_km2"], 1), number(100 * row["area_km2"] / whole, 1))
        for row in rings.iter_rows(named=True)
    ]
    total = (escape(view.say("urban.total")), number(whole, 1), number(100, 1))
    head = [view.say("urban.came"), view.say("urban.area"), view.say("urban.share")]
    table(view.language, view.say("urban.rings"), [escape(name) for name in head], [*rows, total])


def _periods(view: View, known: pl.DataFrame) -> pl.DataFrame:
    """How the periods of rings are called, oldest first."""
    labels = [_period_label(view, since, until) for since, until in known.iter_rows()]
    return known.with_columns(pl.Series("label", labels, pl.String))


def _period_label(view: View, since: int | None, until: int) -> str:
    """A period of years as its readers write it."""
    if since is None:
        return view.say("urban.until", year=until)
    return str(until) if since == until else f"{since}–{until}"


def urban_section(view: View, name: str, hint: str) -> None:
    """The heading of a part of the page, and what must be known to read it."""
    heading(view.language, 2, "section", span("heading", view.say(f"urban.{name}")), span("hint", hint))
