"""The cockpit's charts. Each function takes a polars frame of :mod:`apps.cockpit.queries` and returns an altair chart.

Streamlit ships the renderer; nothing is fetched. Texts are handed in by the caller.
"""

from dataclasses import dataclass

import altair as alt
import polars as pl

INK = "#1f5a96"
TARGET = "#b4690e"
GRID = "#e4e8ed"
MUTED = "#5b6673"

Drawn = alt.LayerChart | alt.FacetChart


@dataclass(frozen=True)
class TrendWords:
    """What a trend chart says, in the reader's language."""

    month: str
    value: str
    target: str


def trend(frame: pl.DataFrame, words: TrendWords, *, decimals: int, height: int, label_every: int) -> Drawn:
    """A value by month as a line, its target dashed, the chosen month emphasised, a month not over hollow.

    Args:
        frame: ``month`` (text), ``value``, ``target``, ``is_complete``, ``is_selected``, oldest first.
        words: the names of the axes in tooltips.
        decimals: of the value.
        height: in pixels.
        label_every: months between two labels of the axis, counted back from the newest.
    """
    labelled = frame["month"].to_list()[::-1][::label_every]
    x = alt.X("month:O", title=None, axis=alt.Axis(values=labelled, labelAngle=0, tickSize=4, grid=False))
    shown_decimals = _axis_decimals(frame, decimals)
    y = alt.Y(
        "value:Q",
        title=None,
        scale=alt.Scale(zero=False, nice=True, padding=6),
        axis=alt.Axis(
            tickCount=3, tickMinStep=10**-shown_decimals, format=f",.{shown_decimals}f", domain=False, ticks=False
        ),
    )
    tooltip = [
        alt.Tooltip("month:O", title=words.month),
        alt.Tooltip("value:Q", title=words.value, format=f",.{decimals}f"),
        alt.Tooltip("target:Q", title=words.target, format=f",.{decimals}f"),
    ][: 3 if frame["target"].is_not_null().any() else 2]
    base = alt.Chart(frame).encode(x=x)
    line = base.mark_line(color=INK, strokeWidth=2, invalid="break-paths-filter-domains").encode(y=y)
    target = base.mark_line(color=TARGET, strokeDash=[5, 4], strokeWidth=1.5, invalid="break-paths-filter-domains")
    points = base.mark_point(color=INK, filled=False, opacity=1, invalid="filter").encode(
        y=y,
        fill=alt.condition("datum.is_complete", alt.value(INK), alt.value("#ffffff")),
        size=alt.condition("datum.is_selected", alt.value(90), alt.value(18)),
        tooltip=tooltip,
    )
    layers = [target.encode(y=alt.Y("target:Q", title=None))] if frame["target"].is_not_null().any() else []
    return plain(*layers, line, points, height=height)


def plain(*layers: alt.Chart, height: int, **size: int) -> Drawn:
    """Layers as one chart in the cockpit's look: no frame, faint axes."""
    return (
        alt.layer(*layers)
        .properties(height=height, padding={"left": 0, "right": 12, "top": 6, "bottom": 0}, **size)
        .configure(background="transparent")
        .configure_view(strokeWidth=0)
        .configure_axis(gridColor=GRID, labelColor=MUTED, labelFontSize=11, domainColor=GRID, tickColor=GRID)
    )


def _axis_decimals(frame: pl.DataFrame, decimals: int) -> int:
    """Axis labels need no more decimals than tell the ticks apart."""
    values = frame["value"].drop_nulls()
    low, high = values.min(), values.max()
    if not isinstance(low, float) or not isinstance(high, float) or decimals == 0:
        return 0
    return 0 if high - low >= 5 else min(decimals, 1 if high - low >= 0.5 else 2)
