"""The card of an indicator: name, value, unit, target, light, changes, trend, owner and period."""

from collections.abc import Sequence
from typing import Any

import polars as pl
import streamlit as st

from apps.cockpit import figures, queries
from apps.cockpit import view as viewing
from apps.cockpit.components.markup import block, heading, line, span
from apps.cockpit.components.tables import DATA_RECEIVED, delivery_status
from apps.cockpit.formats import change, month, number, target_sign
from apps.cockpit.view import View

_A_ROW = 3

Row = dict[str, Any]


def indicator_cards(view: View) -> None:
    """Every indicator of the page, three a row on a wide screen; data received has a section of its own."""
    shown = [row for row in _cards(view).iter_rows(named=True) if row["indicator_id"] != DATA_RECEIVED]
    if not any(row["has_value"] for row in shown):
        message = view.say("empty.region", region=view.region.name, month=month(view.language, view.month))
        st.info(message)
    for first in range(0, len(shown), _A_ROW):
        for column, row in zip(st.columns(_A_ROW), shown[first : first + _A_ROW], strict=False):
            with column:
                card(view, row)


def data_received(view: View) -> None:
    """What departments delivered: the indicator beside the state of the deliveries; only on the page it belongs to."""
    shown = _cards(view).filter(pl.col("indicator_id") == DATA_RECEIVED)
    if shown.is_empty():
        return
    heading(view.language, 2, "section", span("heading", view.say("deliveries.title")))
    figure, status = st.columns([1, 2])
    with figure:
        card(view, shown.row(0, named=True))
    with status:
        delivery_status(view)


def card(view: View, row: Row) -> None:
    """One indicator. Its name opens the definition."""
    indicator: str = row["indicator_id"]
    with st.container(border=True, height="stretch", key=f"ck-card-{indicator}", gap="xsmall"):
        st.button(
            row[f"name_{view.language}"],
            key=f"open_{indicator}",
            type="tertiary",
            icon=":material/info:",
            icon_position="right",
            help=view.say("card.details"),
            on_click=_open,
            args=(view, indicator),
        )
        block(view.language, "card", *_figure(view, row))
        trend_chart(view, row, height=120, label_every=5)
        block(view.language, "card", line("source", view.say("card.source", **_source(view, row))))


def trend_chart(view: View, row: Row, *, height: int, label_every: int) -> None:
    """The trend of an indicator, with what the reader needs to read it."""
    everything = queries.trends(view.source, view.page, view.path_codes, view.department, view.month)
    shown = everything.filter(pl.col("indicator_id") == row["indicator_id"])
    if shown["value"].is_null().all():
        return
    words = figures.TrendWords(view.say("chart.month"), view.say("chart.value"), view.say("chart.target"))
    chart = figures.trend(shown, words, decimals=row["decimals"], height=height, label_every=label_every)
    st.altair_chart(chart, alt=view.say("chart.alt", name=row[f"name_{view.language}"]))


def unit_of(view: View, row: Row) -> str:
    """The unit in the reader's language."""
    return str(row["unit_zh"] if view.language == "zh" else row["unit"])


def target_of(view: View, row: Row) -> str:
    """``Target ≥ 90.00 %``, and nothing where there is none."""
    if row["target"] is None:
        return ""
    sign, target = target_sign(row["direction"]), number(row["target"], row["decimals"])
    return f"{view.say('card.target', sign=sign, target=target)} {unit_of(view, row)}"


def _cards(view: View) -> pl.DataFrame:
    return queries.cards(view.source, view.page, view.path_codes, view.department, view.month)


def _open(view: View, indicator: str) -> None:
    viewing.go(view, indicator=indicator)


def _figure(view: View, row: Row) -> Sequence[str]:
    """Value and unit, light and target, changes, and what must be known about the figure."""
    value = span("value", number(row["value"], row["decimals"]))
    unit = span("unit", unit_of(view, row)) if row["has_value"] else ""
    return (
        line("figure-line", value, unit, _light(view, row)),
        line("marks", *_marks(view, row)),
        line("changes", *_changes(view, row)),
    )


def _light(view: View, row: Row) -> str:
    """On or off target, in words and colour; only where there is a target."""
    if row["is_on_target"] is None:
        return ""
    kind = "on_target" if row["is_on_target"] else "off_target"
    return span(kind, view.say(f"card.{kind}"), title=target_of(view, row))


def _marks(view: View, row: Row) -> list[str]:
    """Target, and everything that limits how the figure may be read."""
    marks = [span("target", target_of(view, row) or view.say("detail.no_target"))]
    if row["has_value"] and not row["is_complete"]:
        marks.append(span("mark", view.say("card.incomplete")))
    if row["is_flagged_100"]:
        marks.append(span("mark", view.say("card.flagged")))
    if row["is_wider_region"] and row["region_code"] is not None:
        marks.append(span("mark", view.say("card.whole_region", region=row[f"region_name_{view.language}"])))
    if row["is_all_departments"]:
        marks.append(span("mark", view.say("card.all_departments")))
    return marks


def _changes(view: View, row: Row) -> list[str]:
    """Against the previous month and the same month last year, once the month is over."""
    if not row["has_value"]:
        return []
    if not row["is_complete"]:
        return [span("change", view.say("card.not_compared"))]
    compared = (("card.previous", row["change_on_month"]), ("card.year_ago", row["change_on_year"]))
    return [
        span("change", f"{view.say(key)} {change(view.language, value, row['change_kind'])}") for key, value in compared
    ]


def _source(view: View, row: Row) -> dict[str, object]:
    return {
        "period": month(view.language, view.month),
        "owner": row[f"owner_{view.language}"] or row["owner_department_code"],
        "as_of": row["data_as_of"] or view.release.data_as_of,
    }
