"""The charts and maps of urban expansion. Frames are those of :mod:`apps.cockpit.queries.urban`, texts the caller's.

Maps are drawn from outlines in the release: nothing is fetched, and there is no ground map.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from apps.cockpit.figures import INK, MUTED, TARGET, Drawn, plain

Feature = dict[str, Any]
_KM_A_DEGREE = 111.32
_SCALE_KM = 10
_LOW = 300
_FAINT = "#8a95a3"
_KINDS = {"found": INK, "published": TARGET, "other": _FAINT}
TYPE_COLOURS = ("#7a5195", "#2f8f83", "#e08214")
"""Infilling, edge expansion, outlying: told apart by those who see no red or green, too."""


def growth_map(
    outline: str, rings: pl.DataFrame, periods: Sequence[str], words: Mapping[str, str], *, height: int
) -> Drawn:
    """A city's built-up area by the period in which it came, oldest darkest, within its outline.

    Args:
        outline: GeoJSON of the city.
        rings: ``label`` (of ``periods``), ``area_km2``, ``outlines`` (list of GeoJSON).
        periods: All labels, oldest first: what has colours, whether or not it is there yet.
        words: ``period`` and ``area``.
        height: In pixels; a low map has neither legend nor scale, so that many fit side by side.
    """
    city, is_small = json.loads(outline), height < _LOW
    shapes = [
        {
            "type": "Feature",
            "geometry": _together(row["outlines"]),
            "properties": {"period": row["label"], "area": row["area_km2"]},
        }
        for row in rings.iter_rows(named=True)
    ]
    colour = alt.Color(
        "properties.period:O",
        title=words["period"],
        scale=alt.Scale(domain=list(periods), scheme="viridis"),
        legend=None
        if is_small
        else alt.Legend(
            orient="bottom",
            labelFontSize=12,
            titleFontSize=12,
            columns=3,
            symbolType="square",
            symbolStrokeWidth=0,
            symbolOpacity=1,
        ),
    )
    tooltip = [
        alt.Tooltip("properties.period:O", title=words["period"]),
        alt.Tooltip("properties.area:Q", title=words["area"], format=",.1f"),
    ]
    ground = alt.Chart(_data({"type": "Feature", "geometry": city})).mark_geoshape(
        fill="#f3f5f7", stroke=MUTED, strokeWidth=1
    )
    built = (
        alt.Chart(_data(*shapes))
        .mark_geoshape(stroke="#56606b", strokeWidth=0.25)
        .encode(color=colour, tooltip=tooltip)
    )
    layers = [ground, built] if is_small else [ground, built, *_scale(city)]
    return plain(*(layer.project(type="mercator") for layer in layers), height=height)


def _data(*features: Feature) -> alt.Data:
    return alt.Data(values=list(features))


def _together(outlines: Sequence[str]) -> Feature:
    """Outlines, each a polygon or several, as one geometry."""
    parts: list[Any] = []
    for shape in map(json.loads, outlines):
        parts += [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
    return {"type": "MultiPolygon", "coordinates": parts}


def _scale(city: Feature) -> list[alt.Chart]:
    """A bar of ten kilometres below the city, west; a degree of longitude is shorter the farther north."""
    whole = [city["coordinates"]] if city["type"] == "Polygon" else city["coordinates"]
    longitudes, latitudes = zip(*(place for part in whole for place in part[0]), strict=True)
    west, south = min(longitudes), min(latitudes) - 0.02
    length = _SCALE_KM / (_KM_A_DEGREE * math.cos(math.radians(south)))
    bar = {"type": "LineString", "coordinates": [[west, south], [west + length, south]]}
    text = pl.DataFrame({"longitude": [west + length / 2], "latitude": [south - 0.012], "text": [f"{_SCALE_KM} km"]})
    return [
        alt.Chart(_data({"type": "Feature", "geometry": bar})).mark_geoshape(filled=False, stroke=MUTED, strokeWidth=2),
        alt.Chart(text)
        .mark_text(color=MUTED, fontSize=11, baseline="top")
        .encode(longitude="longitude:Q", latitude="latitude:Q", text="text:N"),
    ]


def years_trend(
    frame: pl.DataFrame, year: int, kinds: Mapping[str, str], words: Mapping[str, str], *, height: int
) -> Drawn:
    """Areas by year, one line a kind, the chosen year marked.

    Args:
        frame: ``year``, ``kind`` (a key of ``kinds``), ``value``; what comes first is drawn beneath.
        year: The chosen one.
        kinds: found, published, other (the other series, fainter) → its name, in the order of the legend.
        words: ``year`` and ``area``.
        height: In pixels.
    """
    named = frame.with_columns(pl.col("kind").replace_strict(dict(kinds)).alias("name")).drop_nulls("value")
    colours = [_KINDS[kind] for kind in kinds]
    dashes = [[5, 4] if kind == "other" else [1, 0] for kind in kinds]
    names = list(kinds.values())
    x = _year_axis()
    base = alt.Chart(named).encode(
        x=x,
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4, format=",.0f")),
        color=alt.Color("name:N", scale=alt.Scale(domain=names, range=colours), legend=_legend(names)),
        tooltip=[
            alt.Tooltip("name:N", title=words["area"]),
            alt.Tooltip("year:Q", title=words["year"], format="d"),
            alt.Tooltip("value:Q", title="km²", format=",.1f"),
        ],
    )
    lines = base.mark_line(strokeWidth=2).encode(
        strokeDash=alt.StrokeDash("name:N", scale=alt.Scale(domain=names, range=dashes), legend=None)
    )
    return plain(_marked(year), lines, base.mark_point(filled=True, size=26), height=height)


def _marked(year: int) -> alt.Chart:
    return alt.Chart(pl.DataFrame({"year": [year]})).mark_rule(color=MUTED, strokeDash=[2, 3]).encode(x=_year_axis())


def _year_axis() -> alt.X:
    scale = alt.Scale(zero=False, nice=False, padding=8)
    return alt.X("year:Q", title=None, scale=scale, axis=alt.Axis(format="d", tickMinStep=1, tickCount=8, grid=False))


def _legend(names: Sequence[str]) -> alt.Legend | None:
    return (
        alt.Legend(title=None, orient="bottom", labelFontSize=12, labelLimit=320, columns=1) if len(names) > 1 else None
    )


def types_by_period(frame: pl.DataFrame, types: Mapping[str, str], words: Mapping[str, str], *, height: int) -> Drawn:
    """New area by period, stacked by the type of expansion.

    Args:
        frame: ``period``, ``type`` (a key of ``types``), ``rank`` of the type, ``area_km2``; periods in order.
        types: Type → its name, in the order in which they are stacked.
        words: ``period``, ``type`` and ``area``.
        height: In pixels.
    """
    named = frame.with_columns(pl.col("type").replace_strict(dict(types)).alias("name"))
    names = list(types.values())
    chart = (
        alt.Chart(named)
        .mark_bar()
        .encode(
            x=alt.X("period:O", sort=None, title=None, axis=alt.Axis(labelAngle=0, grid=False)),
            y=alt.Y("sum(area_km2):Q", title=None, axis=alt.Axis(tickCount=4, format=",.0f")),
            color=alt.Color("name:N", scale=alt.Scale(domain=names, range=list(TYPE_COLOURS)), legend=_legend(names)),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("period:O", title=words["period"]),
                alt.Tooltip("name:N", title=words["type"]),
                alt.Tooltip("area_km2:Q", title=words["area"], format=",.1f"),
            ],
        )
    )
    return plain(chart, height=height)


def rank_size(frame: pl.DataFrame, words: Mapping[str, str], *, height: int) -> Drawn:
    """Cities by rank and size, both logarithmic, with the fitted line and how far its slope may be off.

    Args:
        frame: ``rank``, ``built_up_km2``, ``name``, ``fitted_km2``, ``low_km2``, ``high_km2``.
        words: ``rank``, ``area``, ``city``.
        height: In pixels.
    """
    ranks = frame["rank"].to_list()
    x = alt.X(
        "rank:Q",
        title=words["rank"],
        scale=alt.Scale(type="log", nice=False, padding=16),
        axis=alt.Axis(values=ranks, format="d", grid=False),
    )
    scale = alt.Scale(type="log", nice=False, padding=12)
    y = alt.Y("built_up_km2:Q", title=words["area"], scale=scale)
    base = alt.Chart(frame).encode(x=x)
    band = base.mark_area(color=INK, opacity=0.13).encode(
        y=alt.Y("low_km2:Q", title=words["area"], scale=scale), y2="high_km2:Q"
    )
    line = base.mark_line(color=INK, strokeWidth=1.5).encode(y=alt.Y("fitted_km2:Q", scale=scale))
    points = base.mark_point(color=INK, filled=True, size=60, opacity=1).encode(
        y=y,
        tooltip=[
            alt.Tooltip("name:N", title=words["city"]),
            alt.Tooltip("rank:Q", title=words["rank"]),
            alt.Tooltip("built_up_km2:Q", title=words["area"], format=",.1f"),
        ],
    )
    names = base.mark_text(align="left", dx=7, dy=-7, color=MUTED, fontSize=12).encode(y=y, text="name:N")
    return plain(band, line, points, names, height=height)


def exponent_by_year(frame: pl.DataFrame, year: int, words: Mapping[str, str], *, height: int) -> Drawn:
    """The rank-size exponent by year with one standard error to both sides.

    Args:
        frame: ``year``, ``q``, ``q_low``, ``q_high``.
        year: The chosen one.
        words: ``year``, ``low`` and ``high``.
        height: In pixels.
    """
    x = _year_axis()
    scale = alt.Scale(zero=False)
    base = alt.Chart(frame.drop_nulls("q")).encode(x=x)
    band = base.mark_area(color=INK, opacity=0.13).encode(y=alt.Y("q_low:Q", title="q", scale=scale), y2="q_high:Q")
    line = base.mark_line(color=INK, strokeWidth=2, point=alt.OverlayMarkDef(color=INK, size=26)).encode(
        y=alt.Y("q:Q", title="q", scale=scale, axis=alt.Axis(tickCount=4, format=".2f")),
        tooltip=[
            alt.Tooltip("year:Q", title=words["year"], format="d"),
            alt.Tooltip("q:Q", title="q", format=".3f"),
            alt.Tooltip("q_low:Q", title=words["low"], format=".3f"),
            alt.Tooltip("q_high:Q", title=words["high"], format=".3f"),
        ],
    )
    return plain(_marked(year), band, line, height=height)


def light_path(frame: pl.DataFrame, year: int, words: Mapping[str, str], *, size: int) -> Drawn:
    """The way of the centre of light, kilometres east and north of where it first was; both axes in one scale.

    Args:
        frame: ``year``, ``east_km``, ``north_km``, oldest first.
        year: The chosen one.
        words: ``year``, ``east``, ``north``.
        size: Of the square, in pixels.
    """
    # Both axes show as many kilometres, about the middle of the path.
    places = [[float(value) for value in frame[name]] for name in ("east_km", "north_km")]
    half = max(0.1, *(max(along) - min(along) for along in places)) * 0.6
    middles = [(max(along) + min(along)) / 2 for along in places]
    x, y = (alt.Scale(domain=[middle - half, middle + half], nice=False, zero=False) for middle in middles)
    base = alt.Chart(frame).encode(
        x=alt.X("east_km:Q", title=words["east"], scale=x, axis=alt.Axis(tickCount=5)),
        y=alt.Y("north_km:Q", title=words["north"], scale=y, axis=alt.Axis(tickCount=5)),
        order="year:Q",
        tooltip=[
            alt.Tooltip("year:Q", title=words["year"], format="d"),
            alt.Tooltip("east_km:Q", title=words["east"], format=".2f"),
            alt.Tooltip("north_km:Q", title=words["north"], format=".2f"),
        ],
    )
    points = base.mark_point(filled=True, opacity=1).encode(
        color=alt.condition(alt.datum["year"] == year, alt.value(TARGET), alt.value(INK)),
        size=alt.condition(alt.datum["year"] == year, alt.value(110), alt.value(30)),
    )
    ends = frame.filter(pl.col("year").is_in([frame["year"].min(), year, frame["year"].max()]))
    names = (
        alt.Chart(ends)
        .mark_text(align="left", dx=8, color=MUTED, fontSize=12)
        .encode(x=alt.X("east_km:Q", scale=x), y=alt.Y("north_km:Q", scale=y), text=alt.Text("year:Q", format="d"))
    )
    return plain(base.mark_line(color=_FAINT, strokeWidth=1.5), points, names, height=size, width=size)
