"""The scorecard of deliveries: promised and brought, in time or not, accepted or not, and the rules broken most."""

from collections.abc import Callable
from html import escape
from typing import Any

import polars as pl
import streamlit as st

from apps.cockpit import figures, queries
from apps.cockpit.components.markup import block, heading, line, span, table
from apps.cockpit.formats import NO_VALUE, local_minute, number, quantity
from apps.cockpit.view import View

Row = dict[str, Any]
_PCT_DECIMALS = 2
_STATES = {"on_time": "good", "late": "warn", "missing": "bad", "refused": "bad", "never": "bad", "unscheduled": "none"}


def delivery_summary(view: View) -> None:
    """Four figures: how the datasets stand, extracts that came, rows that were accepted, deliveries refused."""
    known = _asked(view, queries.datasets)
    total = _asked(view, queries.delivered)
    row: Row = total.row(0, named=True) if total.height else dict.fromkeys(total.columns)
    promised = known.filter(pl.col("state") != "unscheduled")
    on_time = promised.filter(pl.col("state") == "on_time").height
    missing, late = row["missing_count"] or 0, row["late_count"] or 0
    cards = (
        ("standing", f"{on_time} / {promised.height}", view.say("scorecard.standing_note")),
        (
            "came",
            f"{number(row['came_count'] or 0)} / {number(row['due_count'] or 0)}",
            view.say("scorecard.came_note", late=number(late), missing=number(missing)),
        ),
        (
            "accepted",
            quantity(row["accepted_pct"], _PCT_DECIMALS, "%"),
            view.say(
                "scorecard.accepted_note", read=number(row["rows_read"]), quarantined=number(row["rows_quarantined"])
            ),
        ),
        ("refused", number(row["refused_count"] or 0), view.say("scorecard.refused_note")),
    )
    with st.container(key="ck-summary"):
        columns = st.columns(len(cards))
    for column, (name, value, note) in zip(columns, cards, strict=True):
        with column, st.container(border=True, height="stretch", key=f"ck-card-scorecard-{name}", gap="xsmall"):
            title = line("card-title", escape(view.say(f"scorecard.{name}")))
            block(view.language, "card", title, line("figure-line", span("value", value)), line("source", escape(note)))


def datasets_compared(view: View) -> None:
    """Every dataset that a department has promised: newest extract, how it stands, and the last twelve months."""
    known = _asked(view, queries.datasets)
    _section(view, "datasets", view.say("scorecard.datasets_hint", as_of=view.release.data_as_of))
    head = (
        *("dataset", "state", "newest", "received"),
        *("due", "came_short", "late", "missing", "rows_read", "accepted_pct", "refused_short"),
    )
    rows = [
        (
            _dataset(view, row),
            span(f"state-{_STATES[row['state']]}", view.say(f"scorecard.state_{row['state']}")),
            str(row["newest_extract_date"] or NO_VALUE),
            local_minute(row["received_at"]) if row["received_at"] else NO_VALUE,
            *(number(row[column]) for column in ("due_count", "came_count", "late_count", "missing_count")),
            number(row["rows_read"]),
            number(row["accepted_pct"], _PCT_DECIMALS),
            number(row["refused_count"]),
        )
        for row in known.iter_rows(named=True)
    ]
    _table(view, "datasets", head, rows, texts=4)


def delivery_months(view: View) -> None:
    """Month by month, and the share accepted as a line once there are two months to compare."""
    months = _asked(view, queries.delivered_by_month)
    if months.is_empty():
        return
    _section(view, "months", view.say("scorecard.months_hint"))
    if months["value"].drop_nulls().len() > 1:
        words = figures.TrendWords(
            view.say("chart.month"), view.say("scorecard.accepted_pct"), view.say("chart.target")
        )
        chart = figures.trend(months, words, decimals=_PCT_DECIMALS, height=160, label_every=2)
        st.altair_chart(chart, alt=view.say("chart.alt", name=view.say("scorecard.accepted_pct")))
    head = (
        *("month", "due", "came_short", "late", "missing", "on_time_pct"),
        *("rows_read", "rows_accepted", "rows_quarantined", "accepted_pct", "refused_short"),
    )
    rows = [
        (
            row["month"],
            *(number(row[column]) for column in ("due_count", "came_count", "late_count", "missing_count")),
            number(row["on_time_pct"], 1),
            *(number(row[column]) for column in ("rows_read", "rows_accepted", "rows_quarantined")),
            number(row["accepted_pct"], _PCT_DECIMALS),
            number(row["refused_count"]),
        )
        for row in months.reverse().iter_rows(named=True)
    ]
    _table(view, "months", head, rows)


def worst_rules(view: View) -> None:
    """What most rows broke: first what kept rows out, then what was let in with a remark."""
    known = _asked(view, queries.worst_rules)
    for severity in ("error", "warning"):
        found = known.filter(pl.col("severity") == severity)
        if found.is_empty():
            continue
        _section(view, f"rules_{severity}", view.say(f"scorecard.rules_{severity}_hint"))
        rows = [
            (
                escape(row[f"dataset_name_{view.language}"]),
                escape(row["column_headings"] or view.say("scorecard.whole_row")),
                _wrapped(row[f"reason_{view.language}"] or row["rule"]),
                _wrapped(row[f"asks_{view.language}"] or NO_VALUE),
                number(row["row_count"]),
                number(row["delivery_count"]),
                str(row["newest_extract_date"]),
            )
            for row in found.iter_rows(named=True)
        ]
        head = ("dataset", "column", "problem", "asks", "rows", "in_deliveries", "newest")
        _table(view, f"rules_{severity}", head, rows, texts=4)


def refused_deliveries(view: View) -> None:
    """Deliveries that were refused whole, and why."""
    rows = [
        (
            escape(row[f"dataset_name_{view.language}"]),
            str(row["extract_date"]),
            str(row["received_date"]),
            _wrapped(row[f"refusal_{view.language}"]),
        )
        for row in _asked(view, queries.refused).iter_rows(named=True)
    ]
    if rows:
        _section(view, "refusals", view.say("scorecard.refusals_hint"))
        _table(view, "refusals", ("dataset", "newest", "received", "reason"), rows, texts=4)


def changed_columns(view: View) -> None:
    """Columns that came unannounced or stayed away, in the newest delivery of each dataset."""
    rows = [
        (
            escape(row[f"dataset_name_{view.language}"]),
            str(row["extract_date"]),
            _wrapped(row["new_headings"] or NO_VALUE),
            _wrapped(row["missing_headings"] or NO_VALUE),
        )
        for row in _asked(view, queries.changed_columns).iter_rows(named=True)
    ]
    if rows:
        _section(view, "columns", view.say("scorecard.columns_hint"))
        _table(view, "columns", ("dataset", "newest", "new_columns", "missing_columns"), rows, texts=4)


def _asked(view: View, question: Callable[..., pl.DataFrame]) -> pl.DataFrame:
    return question(view.source, view.department, view.release.data_as_of)


def _section(view: View, name: str, hint: str) -> None:
    title = span("heading", view.say(f"scorecard.{name}"))
    heading(view.language, 2, "section", title, span("hint", hint))


def _table(view: View, name: str, head: tuple[str, ...], rows: list[tuple[str, ...]], *, texts: int = 1) -> None:
    heads = [escape(view.say(f"scorecard.{column}")) for column in head]
    table(view.language, view.say(f"scorecard.{name}"), heads, rows, texts=texts)


def _dataset(view: View, row: Row) -> str:
    """Name, and beneath it who has promised it, how often and within how many hours of the beginning of its day."""
    how_often = {None: "promise_never", 1: "promise_daily"}.get(row["frequency_days"], "promise_days")
    promise = view.say(f"scorecard.{how_often}", days=row["frequency_days"], hours=number(row["latency_hours"]))
    name = escape(row[f"dataset_name_{view.language}"])
    return f"{name}{line('source-line', escape(row[f'name_{view.language}']))}{line('source-line', escape(promise))}"


def _wrapped(text: str) -> str:
    """A text that may take several lines of its cell."""
    return f'<div class="ck-wrap">{escape(text)}</div>'
