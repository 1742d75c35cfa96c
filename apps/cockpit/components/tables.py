"""Tables that compare: the parts of a region, the departments, and the state of deliveries."""

from html import escape
from typing import Any

import polars as pl

from apps.cockpit import queries
from apps.cockpit.components.markup import block, heading, line, link, span, table
from apps.cockpit.formats import NO_VALUE, number, part
from apps.cockpit.view import View

Row = dict[str, Any]
DATA_RECEIVED = "D01"
"""What departments delivered; it has a section of its own, beside the state of the deliveries."""
_LOWEST_LEVEL = "street"


def regions_compared(view: View) -> None:
    """The districts of the city or the streets of a district, one column an indicator; names drill down."""
    if view.region.level == _LOWEST_LEVEL:
        return
    members = queries.by_region(view.source, view.page, view.region.code, view.department, view.month)
    if members.is_empty():
        return
    level = "street" if view.region.level == "district" else "district"
    heading(
        view.language,
        2,
        "section",
        span("heading", view.say(f"regions.title_{level}")),
        span("hint", view.say("regions.hint")),
    )
    _matrix(view, members, view.say("regions.region"), view.say(f"regions.title_{level}"))


def departments_compared(view: View) -> None:
    """The departments of the region, one column an indicator that has departments."""
    members = queries.by_department(view.source, view.page, view.region.code, view.month)
    members = members.filter(pl.col("indicator_id") != DATA_RECEIVED)
    if members.is_empty() or view.department is not None:
        return
    heading(view.language, 2, "section", span("heading", view.say("departments.title")))
    _matrix(view, members, view.say("departments.department"), view.say("departments.title"))


def members_in_detail(view: View, members: pl.DataFrame, head: str, decimals: int, unit: str) -> None:
    """One indicator by its members: value with a bar, numerator and denominator."""
    columns = (
        head,
        f"{view.say('detail.value')} ({unit})",
        view.say("detail.numerator"),
        view.say("detail.denominator"),
    )
    rows = [
        (
            _member(view, row, open_indicator=True),
            f"{_value(row, decimals)}{_bar(row['bar_pct'])}",
            part(row["numerator"]),
            part(row["denominator"]),
        )
        for row in members.iter_rows(named=True)
    ]
    table(view.language, head, [escape(column) for column in columns], rows)


def delivery_status(view: View) -> None:
    """Deliveries by department and by the statuses that occur, and why the latest refused ones were refused."""
    known = queries.deliveries(view.source)
    statuses = ("in_force", "superseded", "outdated", "withdrawn", "refused")
    counted = [status for status in statuses if known[f"{status}_count"].sum() > 0]
    head = ["department", "newest", *counted, "accepted", "quarantined"]
    rows = [
        (
            escape(row[f"name_{view.language}"]),
            str(row["newest_extract_date"] or NO_VALUE),
            *(number(row[f"{status}_count"]) for status in counted),
            number(row["rows_accepted"]),
            number(row["rows_quarantined"]),
        )
        for row in known.iter_rows(named=True)
    ]
    title = view.say("deliveries.title")
    table(view.language, title, [escape(view.say(f"deliveries.{column}")) for column in head], rows)
    refused = [
        line("refusal", escape(_refusal(view, row))) for row in queries.refusals(view.source).iter_rows(named=True)
    ]
    if refused:
        block(view.language, "refusals", line("refusal-title", escape(view.say("deliveries.refusals"))), *refused)


def _matrix(view: View, members: pl.DataFrame, head: str, caption: str) -> None:
    """Members down, indicators across. What is off its target is marked."""
    registry = queries.cards(view.source, view.page, view.path_codes, view.department, view.month)
    shown = registry.filter(pl.col("indicator_id").is_in(members["indicator_id"].unique().to_list()))
    indicators = shown.select("indicator_id", "decimals", "unit", "unit_zh", f"name_{view.language}").rows(named=True)
    found = {(row["member"], row["indicator_id"]): row for row in members.iter_rows(named=True)}
    rows = [
        (
            _member(view, row),
            *(_value(found.get((row["member"], i["indicator_id"])), i["decimals"]) for i in indicators),
        )
        for row in members.unique("member", keep="first", maintain_order=True)
        .sort("is_last", "member")
        .iter_rows(named=True)
    ]
    table(view.language, caption, [escape(head), *(_heading(view, indicator) for indicator in indicators)], rows)
    if not members["is_on_target"].fill_null(value=True).all():
        block(view.language, "legend", span("off", "●"), span("legend-text", view.say("card.off_target")))


def _heading(view: View, indicator: Row) -> str:
    unit = indicator["unit_zh"] if view.language == "zh" else indicator["unit"]
    return f"{escape(indicator[f'name_{view.language}'])}{span('head-unit', unit)}"


def _member(view: View, row: Row, *, open_indicator: bool = False) -> str:
    """A member's name; a region that has parts of its own is a link to it."""
    if row["is_unallocated"]:
        return span("unallocated", view.say("regions.unallocated"))
    name = str(row[f"name_{view.language}"])
    if not row["is_region"]:
        return escape(name)
    return link(name, view.to(region=row["member"], indicator=view.indicator if open_indicator else None))


def _value(row: Row | None, decimals: int) -> str:
    """A figure of a table, marked where it misses its target."""
    if row is None or row["value"] is None:
        return NO_VALUE
    mark = span("off", "●") if row["is_on_target"] is False else ""
    return f"{mark}{escape(number(row['value'], decimals))}"


def _bar(pct: float) -> str:
    return f'<div class="ck-bar"><div style="width:{pct:.1f}%"></div></div>'


def _refusal(view: View, row: Row) -> str:
    reason = row[f"reason_{view.language}"]
    return view.say(
        "deliveries.refusal", department=row[f"name_{view.language}"], date=row["extract_date"], reason=reason
    )
