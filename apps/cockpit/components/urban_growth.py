"""Of the page Urban expansion: areas by year, cities compared, types of expansion, and growth against activity."""

from html import escape
from typing import Any

import polars as pl
import streamlit as st

from apps.cockpit import queries, urban_figures
from apps.cockpit.components.markup import line, span, table
from apps.cockpit.components.urban_map import urban_section
from apps.cockpit.formats import NO_VALUE, number
from apps.cockpit.view import SERIES, Studied, View

Row = dict[str, Any]
_TYPES = ("infilling", "edge_expansion", "outlying")
_RULES = ("dynamic", "fixed")


def area_trends(view: View, studied: Studied) -> None:
    """Built-up and lit area of the city by year."""
    of_city = queries.city_years(view.source).filter(pl.col("city_code") == studied.city)
    chosen, other = (of_city.filter(pl.col("series") == name) for name in _series(studied))
    built = pl.concat(
        [
            other.select("year", kind=pl.lit("other"), value="built_up_km2"),
            chosen.select("year", kind=pl.lit("published"), value="published_km2"),
            chosen.select("year", kind=pl.lit("found"), value="built_up_km2"),
        ]
    )
    lit = pl.concat(
        [
            other.select("year", kind=pl.lit("other"), value="lit_km2"),
            chosen.select("year", kind=pl.lit("found"), value="lit_km2"),
        ]
    )
    words = {"year": view.say("urban.year"), "area": view.say("urban.area")}
    this, that = (view.say(f"urban.series_{name}") for name in _series(studied))
    left, right = st.columns(2)
    with left:
        urban_section(view, "built_up", view.say("urban.built_up_hint"))
        kinds = {"found": view.say("urban.found", series=this), "published": view.say("urban.published")}
        kinds["other"] = view.say("urban.found", series=that)
        _trend(view, built, studied.year, kinds, words, "built_up")
    with right:
        urban_section(view, "lit", view.say("urban.lit_hint"))
        _trend(view, lit, studied.year, {"found": this, "other": that}, words, "lit")


def _trend(  # noqa: PLR0913, PLR0917  # one chart, with its words
    view: View, frame: pl.DataFrame, year: int, kinds: dict[str, str], words: dict[str, str], name: str
) -> None:
    if frame["value"].is_null().all():
        st.info(view.say("urban.no_area"))
        return
    chart = urban_figures.years_trend(frame, year, kinds, words, height=240)
    st.altair_chart(chart, alt=view.say("chart.alt", name=view.say(f"urban.{name}")))


def _series(studied: Studied) -> tuple[str, str]:
    """The chosen series and the other one."""
    return studied.series, next(name for name in SERIES if name != studied.series)


def expansion_types(view: View, studied: Studied) -> None:
    """New area of the city by type and period; the same with the first year's threshold held, in the table."""
    known = queries.expansion_types(view.source, studied.city, studied.series)
    urban_section(view, "types", view.say("urban.types_hint"))
    if known.is_empty():
        st.info(view.say("urban.no_types"))
        return
    left, right = st.columns([1, 1])
    with left:
        types = {name: view.say(f"urban.type_{name}") for name in _TYPES}
        words = {"period": view.say("urban.period"), "type": view.say("urban.type"), "area": view.say("urban.area")}
        stacked = pl.concat(
            known.filter(pl.col("threshold_rule") == "dynamic").select(
                period=_period(), type=pl.lit(name), rank=pl.lit(rank), area_km2=f"{name}_km2"
            )
            for rank, name in enumerate(_TYPES)
        )
        chart = urban_figures.types_by_period(stacked, types, words, height=240)
        st.altair_chart(chart, alt=view.say("chart.alt", name=view.say("urban.types")))
    with right:
        rows = [
            (
                escape(f"{row['start_year']}–{row['end_year']}"),
                escape(view.say(f"urban.rule_{row['threshold_rule']}")),
                *(number(row[f"{name}_km2"], 1) for name in _TYPES),
                number(row["mean_lei"], 1),
                number(row["area_weighted_mean_lei"], 1),
            )
            for rule in _RULES
            for row in known.filter(pl.col("threshold_rule") == rule).iter_rows(named=True)
        ]
        head = ("period", "rule", *(f"type_{name}" for name in _TYPES), "mei", "awmei")
        _table(view, "types", head, rows, texts=2)


def _period() -> pl.Expr:
    return pl.format("{}–{}", "start_year", "end_year")


def coupling(view: View, studied: Studied) -> None:
    """How built-up area and lit area grew against each other, city by city and step by step."""
    known = queries.city_periods(view.source, studied.series).filter("is_step")
    tolerance = known["coupling_tolerance"].drop_nulls()
    percent = number(100 * tolerance[0]) if tolerance.len() else NO_VALUE
    urban_section(view, "coupling", view.say("urban.coupling_hint", tolerance=percent))
    periods = known.select("start_year", "end_year").unique().sort("start_year", "end_year").rows()
    found = {(row["city_code"], row["start_year"], row["end_year"]): row for row in known.iter_rows(named=True)}
    rows = [
        (_name(view, city), *(_coupled(view, found.get((city["city_code"], *period))) for period in periods))
        for city in queries.studied_cities(view.source).iter_rows(named=True)
    ]
    heads = [escape(view.say("urban.city")), *(f"{start}–{end}" for start, end in periods)]
    table(view.language, view.say("urban.coupling"), heads, rows, texts=1 + len(periods))


def _coupled(view: View, row: Row | None) -> str:
    if row is None or row["coupling_type"] is None:
        return NO_VALUE
    grown = view.say(
        "urban.grown", built=number(100 * row["built_up_growth"], 1), lit=number(100 * row["lit_growth"], 1)
    )
    kind: str = row["coupling_type"]
    return escape(view.say(f"urban.coupling_{kind}")) + line("source-line", escape(grown))


def cities_compared(view: View, studied: Studied) -> None:
    """Speed and intensities of all cities in the step that the chosen year is in."""
    known = queries.city_periods(view.source, studied.series).filter("is_step")
    if known.is_empty():
        return
    within = known.filter((pl.col("start_year") < studied.year) & (pl.col("end_year") >= studied.year))
    step = within if within.height else known.filter(pl.col("start_year") == known["start_year"].min())
    start, end = step.select("start_year", "end_year").row(0)
    urban_section(view, "compared", view.say("urban.compared_hint", start=start, end=end))
    found = {row["city_code"]: row for row in step.iter_rows(named=True)}
    rows = [
        (_name(view, city), *_indices(view, found[city["city_code"]]))
        for city in queries.studied_cities(view.source).iter_rows(named=True)
        if city["city_code"] in found
    ]
    head = ("city", "at_start", "at_end", "speed", "by_land", "class", "by_start", "compound", "differentiation")
    _table(view, "compared", head, rows)


def _indices(view: View, row: Row) -> tuple[str, ...]:
    kind = row["intensity_class"]
    return (
        number(row["built_up_start_km2"], 1),
        number(row["built_up_end_km2"], 1),
        number(row["speed_km2_per_year"], 2),
        number(row["intensity_by_land_area_pct"], 3),
        NO_VALUE if kind is None else escape(view.say(f"urban.class_{kind}")),
        number(row["dynamic_degree_pct"], 2),
        number(row["compound_growth_pct"], 2),
        number(row["differentiation"], 2),
    )


def _name(view: View, city: Row) -> str:
    return span("narrow", city[f"city_name_{view.language}"])


def _table(view: View, name: str, head: tuple[str, ...], rows: list[tuple[str, ...]], *, texts: int = 1) -> None:
    heads = [escape(view.say(f"urban.{column}")) for column in head]
    table(view.language, view.say(f"urban.{name}"), heads, rows, texts=texts)
