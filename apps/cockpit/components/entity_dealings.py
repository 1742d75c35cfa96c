"""Of the page Entity 360 an enterprise's dealings: figures, decisions of authorities, services, ties of persons.

Penalties whose publicity has ended are neither shown nor counted; persons are counted, and shown by key to those alone
who may read people.
"""

from html import escape
from typing import Any

import polars as pl
import streamlit as st

from apps.cockpit import queries
from apps.cockpit import view as viewing
from apps.cockpit.components.entity_register import REGISTER, entity_section, entity_table, sourced
from apps.cockpit.components.markup import block, line, span
from apps.cockpit.formats import NO_VALUE, number
from apps.cockpit.view import View

Row = dict[str, Any]
LICENCES = "credit_office.administrative_licence"
PENALTIES = "credit_office.administrative_penalty"
SERVICES = "government_service.service_case"
INSURANCE = "human_resources.social_insurance"
_RELATIONS = ("legal_representative", "employed_by", "holds_licence")
_LICENCE_CLASSES = {"01", "02", "03", "04", "05", "06"}
_PENALTY_CLASSES = {
    "警告": "warning",
    "通报批评": "criticism",
    "罚款": "fine",
    "没收违法所得、没收非法财物": "confiscation",
    "暂扣许可证件": "suspended",
    "降低资质等级": "downgraded",
    "吊销许可证件": "revoked",
    "限制开展生产经营活动": "restricted",
    "责令停产停业": "halted",
    "责令关闭": "closed",
    "限制从业": "barred",
    "行政拘留": "detained",
    "其他": "other",
}
_LICENCE_STATES = {"valid": "good", "not_yet": "warn", "expired": "bad", "ended": "bad"}


def entity_summary(view: View, key: str) -> None:
    """Four figures: licences that are valid, penalties that may be shown, their fines, and employees insured."""
    licences = queries.licences(view.source, key, view.release.data_as_of)
    penalties = queries.penalties(view.source, key, viewing.today())
    valid = licences["valid_count"].item(0) if licences.height else 0
    every = licences["licence_count"].item(0) if licences.height else 0
    cards = (
        ("licences_valid", number(valid), view.say("entity.licences_valid_note", count=number(every))),
        ("penalties", number(_total(penalties, "penalty_count")), view.say("entity.penalties_note")),
        ("fines", number(_total(penalties, "total_fine_cny")), view.say("entity.fines_note")),
        ("employees", _persons(view, key, "employed_by"), view.say("entity.employees_note")),
    )
    with st.container(key="ck-summary"):
        columns = st.columns(len(cards))
    for column, (name, value, note) in zip(columns, cards, strict=True):
        with column, st.container(border=True, height="stretch", key=f"ck-card-entity-{name}", gap="xsmall"):
            title = line("card-title", escape(view.say(f"entity.{name}")))
            block(view.language, "card", title, line("figure-line", span("value", value)), line("source", escape(note)))


def entity_licences(view: View, key: str) -> None:
    """Licences, those valid on the day of the data first."""
    known = queries.licences(view.source, key, view.release.data_as_of)
    hint = view.say("entity.licences_hint", as_of=view.release.data_as_of)
    entity_section(view, "licences", _more(view, known, "licence_count", hint))
    sourced(view, LICENCES)
    rows = [
        (
            span(f"state-{_LICENCE_STATES[row['state']]}", view.say(f"entity.licence_{row['state']}")),
            escape(_licence_class(view, row["class_code"])),
            _wrapped(row["document_no"]),
            _wrapped(row["authority_name"]),
            str(row["decision_date"]),
            str(row["valid_from_date"]),
            str(row["valid_to_date"] or view.say("entity.no_end")),
        )
        for row in known.iter_rows(named=True)
    ]
    head = ("status", "class", "document", "authority", "decided", "valid_from", "valid_to")
    _table_or_none(view, "licences", head, rows)


def entity_penalties(view: View, key: str) -> None:
    """Penalties that may be shown today, newest first."""
    known = queries.penalties(view.source, key, viewing.today())
    entity_section(view, "penalties", _more(view, known, "penalty_count", view.say("entity.penalties_hint")))
    sourced(view, PENALTIES)
    rows = [
        (
            str(row["decision_date"]),
            _wrapped(_penalty_classes(view, row["class_code"])),
            _wrapped(row["violation_type"]),
            _wrapped(row["authority_name"]),
            _wrapped(row["document_no"]),
            str(row["publicity_end_date"] or NO_VALUE),
            number(row["fine_cny"]),
            number(row["confiscated_cny"]),
        )
        for row in known.iter_rows(named=True)
    ]
    head = ("decided", "class", "violation", "authority", "document", "publicity_end", "fine", "confiscated")
    _table_or_none(view, "penalties", head, rows, figures=2)


def entity_services(view: View, key: str) -> None:
    """Service cases that it applied for, counted."""
    row = queries.service_cases(view.source, key).row(0, named=True)
    entity_section(view, "services", view.say("entity.services_hint"))
    sourced(view, SERVICES)
    head = ("cases", "cases_open", "cases_finished", "cases_late", "newest_case")
    counts = (number(row[f"{name}_count"]) for name in ("case", "open", "finished", "late"))
    rows = [(*counts, str(row["newest_applied_date"]))] if row["case_count"] else []
    _table_or_none(view, "services", head, rows, figures=len(head))


def entity_people(view: View, key: str) -> None:
    """Persons by role: how many for everybody, and their keys for who may read people."""
    entity_section(view, "people", view.say("entity.people_hint"))
    sourced(view, INSURANCE, REGISTER, LICENCES, PENALTIES)
    counts = queries.person_counts(view.source, key)
    counted = [] if counts is None else counts["relation"].to_list()
    # Who is not known to represent an enterprise is not nobody; who is not insured there is.
    shown = [name for name in _RELATIONS if name in counted or name == "employed_by"]
    rows = [(escape(view.say(f"entity.relation_{name}")), _persons(view, key, name)) for name in shown]
    entity_table(view, "people", ("relation", "persons"), rows, figures=1)
    ties = queries.person_ties(view.source, key)
    if ties is None:
        block(view.language, "hint", escape(view.say("entity.keys_by_role")))
        return
    entity_section(view, "ties", _more(view, ties, "tie_count", view.say("entity.ties_hint")))
    tied = [
        (
            escape(view.say(f"entity.relation_{row['relation']}")),
            escape(row["person_key"]),
            str(row["valid_from"]),
            str(row["valid_to"] or view.say("entity.goes_on")),
        )
        for row in ties.iter_rows(named=True)
    ]
    _table_or_none(view, "ties", ("relation", "person_key", "valid_from", "valid_to"), tied)


def _persons(view: View, key: str, relation: str) -> str:
    """A count of persons as it may be told: none, few, or how many; a dash where the release does not count."""
    counts = queries.person_counts(view.source, key)
    if counts is None:
        return NO_VALUE
    for row in counts.filter(pl.col("relation") == relation).iter_rows(named=True):
        count = row["person_count"]
        return view.say("entity.few", fewest=row["fewest_told_count"]) if count is None else number(count)
    return number(0)


def _total(known: pl.DataFrame, column: str) -> float:
    """A total that every row repeats; nothing at all is none."""
    return float(known[column].item(0) or 0) if known.height else 0


def _more(view: View, known: pl.DataFrame, column: str, hint: str) -> str:
    """The hint, and that a list is not all where it is not."""
    every = known[column].item(0) if known.height else 0
    if every <= known.height:
        return hint
    return f"{hint} {view.say('entity.listed', shown=known.height, count=number(every))}"


def _table_or_none(
    view: View, name: str, head: tuple[str, ...], rows: list[tuple[str, ...]], *, figures: int = 0
) -> None:
    if rows:
        entity_table(view, name, head, rows, figures=figures)
    else:
        block(view.language, "hint", escape(view.say("entity.none")))


def _licence_class(view: View, code: str) -> str:
    return view.say(f"entity.licence_{code}") if code in _LICENCE_CLASSES else code


def _penalty_classes(view: View, classes: str) -> str:
    """The classes of a penalty, which the department separates by semicolons."""
    named = classes.replace("；", ";").split(";")
    known = {name: view.say(f"entity.penalty_{key}") for name, key in _PENALTY_CLASSES.items()}
    return view.say("entity.and").join(known.get(name, name) for name in named)


def _wrapped(text: str | None) -> str:
    """A text that may take several lines of its cell."""
    return f'<div class="ck-wrap ck-narrow">{escape(text or NO_VALUE)}</div>'
