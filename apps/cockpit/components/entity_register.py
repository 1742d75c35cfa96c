"""Of the page Entity 360 what the register says of an enterprise: its facts today, and what changed when."""

from html import escape
from typing import Any

import polars as pl

from apps.cockpit import queries
from apps.cockpit.components.entity_search import entity_name, place_name, status_of
from apps.cockpit.components.markup import block, facts, heading, line, span, table
from apps.cockpit.formats import NO_VALUE, number
from apps.cockpit.view import View

Row = dict[str, Any]
REGISTER = "market_supervision.entity_register"
_CODE_TYPES = {"uscc", "legacy_registration_number", "legacy_other"}
_OF_KEYS = {"key_merge", "key_split"}


def entity_register(view: View, key: str) -> None:
    """Who it is: name and state, then the facts of the register."""
    known = queries.entity(view.source, key)
    if known.is_empty():
        heading(view.language, 2, "section", span("entity-name", view.say("entity.unregistered")))
        block(view.language, "answer", escape(view.say("entity.unregistered_note")))
        facts(view.language, [(view.say("entity.key"), key)])
        return
    row = known.row(0, named=True)
    state = span("state-good" if row["is_active"] else "state-bad", status_of(view, row["status_code"]))
    name = span("entity-name", entity_name(view, row))
    heading(view.language, 2, "section", name, state)
    sourced(view, REGISTER)
    facts(view.language, ((view.say(f"entity.{name}"), value) for name, value in _register_facts(view, row)))


def entity_history(view: View, key: str) -> None:
    """What happened to it, newest first, down to where its history begins."""
    events = queries.entity_history(view.source, key)
    if events.is_empty():
        return
    begun = events.filter(pl.col("event") == "begins")["event_date"].to_list()
    hint = view.say("entity.history_hint", date=begun[0]) if begun else view.say("entity.no_history")
    entity_section(view, "history", hint)
    sourced(view, REGISTER)
    rows = [
        (str(row["event_date"]), escape(view.say(f"entity.event_{row['event']}")), _change(view, row))
        for row in events.iter_rows(named=True)
    ]
    entity_table(view, "history", ("date", "event", "change"), rows)


def entity_section(view: View, name: str, hint: str) -> None:
    """The heading of a block, and how it is to be read."""
    heading(view.language, 2, "section", span("heading", view.say(f"entity.{name}")), span("hint", hint))


def entity_table(
    view: View, name: str, head: tuple[str, ...], rows: list[tuple[str, ...]], *, figures: int = 0
) -> None:
    """A table of texts, the last columns figures."""
    heads = [escape(view.say(f"entity.{column}")) for column in head]
    table(view.language, view.say(f"entity.{name}"), heads, rows, texts=len(head) - figures)


def sourced(view: View, *datasets: str) -> None:
    """From which datasets a block is, which day their newest extract describes, and from which release."""
    known = {row["dataset"]: row for row in queries.extracts(view.source).iter_rows(named=True)}
    named = [
        view.say(
            "entity.extract",
            name=known[dataset][f"name_{view.language}"] if dataset in known else dataset,
            date=(known[dataset]["newest_extract_date"] if dataset in known else None) or NO_VALUE,
        )
        for dataset in datasets
    ]
    listed = view.say("entity.and").join(named)
    said = view.say("entity.source", datasets=listed, release=view.release.release_id)
    block(view.language, "entity-source", escape(said))


def _register_facts(view: View, row: Row) -> list[tuple[str, str]]:
    """Names of the catalogue and values; what a sole trader's privacy keeps back is said so."""
    withheld = view.say("entity.withheld") if row["is_sole_trader"] else NO_VALUE
    code_type = row["code_type"]
    kind = view.say(f"entity.code_{code_type}") if code_type in _CODE_TYPES else code_type
    place = place_name(view, row["region_code"])
    return [
        ("code", row["registration_code"]),
        ("code_type", kind),
        *([("other_codes", row["other_codes"])] if row["other_codes"] else []),
        ("type", row["entity_type"] or view.say("entity.not_stated")),
        ("status", status_of(view, row["status_code"])),
        ("registered", str(row["registered_date"] or NO_VALUE)),
        ("cancelled", str(row["cancelled_date"] or NO_VALUE)),
        ("capital", _money(row["registered_capital_amount"], row["registered_capital_currency"])),
        ("place", view.say("entity.place_conflict", place=place) if row["has_district_conflict"] else place),
        ("domicile", row["domicile"] or withheld),
        ("key", row["entity_key"]),
    ]


def _change(view: View, row: Row) -> str:
    """What was and what is, where an event has both."""
    event, before, now = row["event"], row["said_before"], row["said"]
    if before is None and now is None:
        return NO_VALUE
    if event in _OF_KEYS:
        return f'<div class="ck-wrap">{escape(f"{before} → {now}")}</div>'
    written = [_written(view, event, value) for value in (before, now)]
    return f'<div class="ck-wrap">{line("before", escape(written[0]))}{line("now", escape(f"→ {written[1]}"))}</div>'


def _written(view: View, attribute: str, value: str | None) -> str:
    """A value of the register in the reader's language."""
    if value is None:
        return NO_VALUE
    if attribute == "status_code":
        return status_of(view, value)
    if attribute == "region_code":
        return place_name(view, value)
    if attribute == "registered_capital":
        amount, currency = value.rsplit(" ", 1)
        return _money(float(amount), currency)
    return value


def _money(amount: float | None, currency: str | None) -> str:
    """An amount in units of its currency; fractions only where there are some."""
    if amount is None:
        return NO_VALUE
    return f"{number(float(amount), 0 if float(amount).is_integer() else 2)} {currency}"
