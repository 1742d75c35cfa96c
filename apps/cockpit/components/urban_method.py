"""Of the page Urban expansion: the rank-size rule, the way of the light, the satellites, and how far to trust it."""

from html import escape
from typing import Any

import polars as pl
import streamlit as st

from apps.cockpit import queries, urban_figures
from apps.cockpit.components.markup import block, table
from apps.cockpit.components.urban_map import urban_section
from apps.cockpit.formats import NO_VALUE, number
from apps.cockpit.view import Studied, View

Row = dict[str, Any]
_CAVEATS = ("fitted", "conflict", "corrected", "saturation", "outlines", "coefficients", "rank")
_TABLES = ("elvidge_2014", "elvidge_2009", "liu_2012", "wu_2013")


def rank_size(view: View, studied: Studied) -> None:
    """The cities by rank and size in the chosen year, and the exponent of every year, both with their uncertainty."""
    fits = queries.rank_sizes(view.source, studied.series)
    fit = next(fits.filter(pl.col("year") == studied.year).iter_rows(named=True), None)
    urban_section(view, "rank_size", view.say("urban.rank_size_hint", count=fit["unit_count"] if fit else 0))
    if fit is None or fit["q"] is None:
        st.info(view.say("urban.no_fit"))
        return
    said = view.say(
        "urban.fit",
        year=studied.year,
        q=number(fit["q"], 3),
        error=number(fit["standard_error"], 3),
        r2=number(fit["r2"], 3),
        count=fit["unit_count"],
        two=number(fit["primacy_two"], 2),
        four=number(fit["primacy_four"], 2),
    )
    block(view.language, "legend", escape(said))
    left, right = st.columns(2)
    with left:
        cities = queries.ranked_cities(view.source, studied.year, studied.series)
        named = cities.with_columns(name=pl.col(f"city_name_{view.language}"))
        words = {"rank": view.say("urban.rank"), "area": view.say("urban.area"), "city": view.say("urban.city")}
        chart = urban_figures.rank_size(named, words, height=280)
        st.altair_chart(chart, alt=view.say("chart.alt", name=view.say("urban.rank_size")))
    with right:
        words = {"year": view.say("urban.year"), "low": view.say("urban.low"), "high": view.say("urban.high")}
        chart = urban_figures.exponent_by_year(fits, studied.year, words, height=280)
        st.altair_chart(chart, alt=view.say("chart.alt", name="q"))


def light_path(view: View, studied: Studied) -> None:
    """Where the centre of the city's light went, and the ellipse about it."""
    of_city = queries.city_years(view.source).filter(
        (pl.col("city_code") == studied.city) & (pl.col("series") == studied.series)
    )
    seen = of_city.drop_nulls("east_km")
    urban_section(view, "path", view.say("urban.path_hint"))
    if seen.is_empty():
        st.info(view.say("urban.no_light"))
        return
    left, right = st.columns([2, 3])
    with left:
        words = {name: view.say(f"urban.{name}") for name in ("year", "east", "north")}
        chart = urban_figures.light_path(seen, studied.year, words, size=320)
        st.altair_chart(chart, width="content", alt=view.say("chart.alt", name=view.say("urban.path")))
    with right:
        ends = seen.filter(pl.col("year").is_in([seen["year"].min(), studied.year, seen["year"].max()]))
        rows = [
            (
                str(row["year"]),
                number(row["east_km"], 2),
                number(row["north_km"], 2),
                number(row["ellipse_major_km"], 1),
                number(row["ellipse_minor_km"], 1),
                number(row["ellipse_azimuth_deg"], 0),
                number(row["compactness"], 3),
                number(row["fractal_dimension"], 3),
                number(row["compound_light_index"], 4),
            )
            for row in ends.iter_rows(named=True)
        ]
        head = ("year", "east", "north", "major", "minor", "azimuth", "compactness", "fractal", "cnli")
        table(view.language, view.say("urban.path"), [escape(view.say(f"urban.{name}")) for name in head], rows)


def quality(view: View, studied: Studied) -> None:
    """The composites behind the chosen year, how far they differ, and what the correction changed."""
    of_city = (pl.col("city_code") == studied.city) & (pl.col("year") == studied.year)
    years = {row["series"]: row for row in queries.city_years(view.source).filter(of_city).iter_rows(named=True)}
    urban_section(view, "quality", _differences(view, years))
    rows = [
        (
            escape(row["satellite"]),
            f'<div class="ck-wrap">{escape(row["file_name"])}</div>',
            number(100 * row["lit_share"], 1),
            number(100 * row["saturated_share"], 1),
            number(row["total_light_recorded"]),
            number(row["total_light_calibrated"]),
            number(row["missing_cell_count"]),
            number(row["cloud_free_mean_count"], 1),
        )
        for row in queries.satellites(view.source, studied.city, studied.year).iter_rows(named=True)
    ]
    head = ("satellite", "file", "lit_share", "saturated", "recorded", "calibrated", "missing", "cloud_free")
    heads = [escape(view.say(f"urban.{name}")) for name in head]
    table(view.language, view.say("urban.quality"), heads, rows, texts=2)


def _differences(view: View, years: dict[str, Row]) -> str:
    raw, corrected = years.get("raw"), years.get("corrected")
    if raw is None or corrected is None:
        return NO_VALUE
    changed = view.say(
        "urban.changed",
        zeroed=number(corrected["zeroed_cell_count"]),
        raised=number(corrected["raised_cell_count"]),
        count=number(corrected["cell_count"]),
    )
    if raw["satellite_difference"] is None:
        return changed
    return f"{view.say('urban.difference', size=number(raw['satellite_difference'], 2))} {changed}"


def urban_method(view: View, studied: Studied) -> None:
    """How it was done and what it cannot tell, in words, with the choices that were made here."""
    of_city = (pl.col("city_code") == studied.city) & (pl.col("series") == studied.series)
    found = queries.city_years(view.source).filter(of_city & (pl.col("year") == studied.year))
    row = found.row(0, named=True)
    curve = row["calibration_table"]
    said = view.say(
        "urban.method_text",
        scope=view.say(f"urban.scope_{row['scope']}"),
        table=view.say(f"urban.table_{curve}") if curve in _TABLES else view.say("urban.table_none"),
        publisher=row["published_by"] or NO_VALUE,
        year=studied.year,
        published=number(row["published_km2"], 2),
        threshold=number(row["threshold"], 0),
        residual=number(row["residual_pct"], 1),
        lower=number(row["one_step_lower_km2"], 1),
        higher=number(row["one_step_higher_km2"], 1),
    )
    urban_section(view, "method", "")
    block(view.language, "definition", escape(said))
    caveats = "".join(f"<li>{escape(view.say(f'urban.caveat_{name}'))}</li>" for name in _CAVEATS)
    block(view.language, "definition", f"<ul>{caveats}</ul>")
    block(view.language, "source", escape(view.say("urban.map_credit")))
