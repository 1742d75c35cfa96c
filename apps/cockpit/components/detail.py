"""What opens when an indicator is clicked: everything that explains its figure, down to the run that computed it."""

from collections.abc import Iterable
from html import escape

import polars as pl
import streamlit as st

from apps.cockpit import queries
from apps.cockpit import view as viewing
from apps.cockpit.components.cards import Row, trend_chart, unit_of
from apps.cockpit.components.header import origin_mark
from apps.cockpit.components.markup import block, facts, heading, span, table
from apps.cockpit.components.tables import members_in_detail
from apps.cockpit.formats import NO_VALUE, month, number, part, quantity, target_sign
from apps.cockpit.view import View


def indicator_detail(view: View) -> None:
    """Open the indicator that the address names, if any."""
    if view.indicator is None:
        return
    known = queries.cards(view.source, view.page, view.path_codes, view.department, view.month)
    row = known.row(by_predicate=pl.col("indicator_id") == view.indicator, named=True)
    opened = st.dialog(row[f"name_{view.language}"], width="large", on_dismiss=lambda: viewing.go(view))
    opened(_contents)(view, row)


def _contents(view: View, row: Row) -> None:
    origin_mark(view)
    block(view.language, "definition", escape(row[f"definition_{view.language}"]))
    _facts(view, _figure_facts(view, row))
    _legend(view, row)
    trend_chart(view, row, height=220, label_every=2)
    _facts(view, _registry_facts(view, row))
    _members(view, row)
    _vintages(view, row)


def _facts(view: View, known: Iterable[tuple[str, str]]) -> None:
    facts(view.language, ((view.say(key), value) for key, value in known))


def _figure_facts(view: View, row: Row) -> list[tuple[str, str]]:
    """The figure itself: where, when, out of what."""
    department = _department_name(view, row)
    place = row[f"region_name_{view.language}"] or view.region.name
    return [
        ("detail.value", quantity(row["value"], row["decimals"], unit_of(view, row))),
        ("detail.formula", row["formula"]),
        ("detail.numerator", part(row["numerator"])),
        ("detail.denominator", part(row["denominator"])),
        ("detail.period", _period(view, row)),
        ("detail.scope", f"{place} | {department}"),
    ]


def _registry_facts(view: View, row: Row) -> list[tuple[str, str]]:
    """Who answers for the indicator, by which standard, against which target, from which data."""
    return [
        ("detail.unit", unit_of(view, row)),
        ("detail.direction", view.say(f"detail.direction_{row['direction']}")),
        ("detail.owner", row[f"owner_{view.language}"] or row["owner_department_code"]),
        ("detail.standard", row["standard"] or NO_VALUE),
        ("detail.target", _target(view, row)),
        ("detail.freshness", str(row["data_as_of"] or view.release.data_as_of)),
        ("detail.release", view.release.release_id),
        ("detail.run", row["run_id"] or NO_VALUE),
        ("detail.id", row["indicator_id"]),
    ]


def _department_name(view: View, row: Row) -> str:
    """The department that the figure is for."""
    if view.department is None or not row["has_department"]:
        return view.say("control.all_departments")
    known = queries.departments(view.source).filter(pl.col("department_code") == view.department)
    return str(known[f"name_{view.language}"].item())


def _period(view: View, row: Row) -> str:
    written = month(view.language, view.month)
    return written if row["is_complete"] else view.say("control.month_incomplete", month=written)


def _target(view: View, row: Row) -> str:
    """Who set the target, when, on what ground, and for how long."""
    if row["target"] is None:
        return view.say("detail.no_target")
    known = queries.targets(view.source, row["indicator_id"], view.path_codes, view.month)
    target = known.row(0, named=True)
    return view.say(
        "detail.target_line",
        sign=target_sign(row["direction"]),
        target=quantity(target["value"], row["decimals"], unit_of(view, row)),
        set_by=target["set_by"],
        set_on=target["set_on"],
        source=target["source"],
        validity=_validity(view, target),
    )


def _validity(view: View, target: Row) -> str:
    if target["last_valid_date"] is None:
        return view.say("detail.valid_on", from_day=target["valid_from"])
    return view.say("detail.valid_until", from_day=target["valid_from"], to_day=target["last_valid_date"])


def _legend(view: View, row: Row) -> None:
    key = "chart.legend" if row["target"] is None else "chart.legend_target"
    heading(view.language, 3, "section", span("subheading", view.say("detail.trend")), span("hint", view.say(key)))


def _members(view: View, row: Row) -> None:
    """The same figure for the parts of the region and for its departments."""
    same = pl.col("indicator_id") == row["indicator_id"]
    region = row["region_code"] or view.region.code
    regions = queries.by_region(view.source, view.page, region, view.department, view.month).filter(same)
    departments = queries.by_department(view.source, view.page, region, view.month).filter(same)
    level = "street" if view.region.level == "district" else "district"
    for members, title, head in (
        (regions, f"regions.title_{level}", "regions.region"),
        (departments, "departments.title", "departments.department"),
    ):
        if not members.is_empty():
            heading(view.language, 3, "section", span("subheading", view.say(title)))
            members_in_detail(view, members, view.say(head), row["decimals"], unit_of(view, row))


def _vintages(view: View, row: Row) -> None:
    """Every figure that was published for the same key: what was shown stays visible beside what is."""
    if row["region_code"] is None:
        return
    department = view.department if row["has_department"] else None
    known = queries.vintages(view.source, row["indicator_id"], row["region_code"], department, view.month)
    if known.is_empty():
        return
    heading(view.language, 3, "section", span("subheading", view.say("detail.vintages")))
    head = ("detail.vintage_published", "detail.run", "detail.value", "detail.numerator", "detail.denominator")
    rows = [
        (
            str(vintage["computed_date"] or NO_VALUE),
            escape(vintage["run_id"]),
            number(vintage["value"], row["decimals"]),
            part(vintage["numerator"]),
            part(vintage["denominator"]),
        )
        for vintage in known.iter_rows(named=True)
    ]
    table(view.language, view.say("detail.vintages"), [escape(view.say(key)) for key in head], rows, texts=2)
