"""Finding the enterprise of the page Entity 360: by name, by number, by key, and what is said when none or many fit.

What a reader typed is never shown again outside its own box, and a citizen's number is kept out of the address.
"""

import re
from html import escape
from typing import Any

import polars as pl
import streamlit as st

from apps.cockpit import queries
from apps.cockpit import view as viewing
from apps.cockpit.components.markup import block, heading, line, link, span, table
from apps.cockpit.formats import NO_VALUE, number
from apps.cockpit.view import LONGEST_SEARCH, View

Row = dict[str, Any]
STATUSES = {"存续": "active", "吊销": "revoked", "注销": "cancelled", "迁出": "moved_out"}
_BOX = "control_find"
_PERSON = "asked_for_a_person"
_SHORTEST_NAME = 2
# Division, a day of birth that may be one, and four more: whether the check character is right says nothing here.
_CITIZEN_FORM = re.compile(r"[1-8]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]", re.ASCII)


def entity_search(view: View) -> str | None:
    """The box to search in, and the key of the enterprise to show; None where the reader is answered otherwise."""
    heading(
        view.language, 1, "page-title", span("here", view.say("page.entity")), span("hint", view.say("entity.hint"))
    )
    st.session_state[_BOX] = view.find or ""
    st.text_input(
        view.say("entity.find"),
        key=_BOX,
        placeholder=view.say("entity.find_example"),
        max_chars=LONGEST_SEARCH,
        on_change=_search,
        args=(view,),
    )
    if st.session_state.pop(_PERSON, False):
        _answer(view, view.say("entity.no_persons"))
        return None
    if view.entity is not None:
        return _by_key(view, view.entity)
    return None if view.find is None else _by_text(view, view.find)


def entity_name(view: View, row: Row) -> str:
    """A name as it may be shown: a sole trader has none."""
    if row["is_sole_trader"]:
        return view.say("entity.sole_trader")
    return str(row["entity_name"] or view.say("entity.nameless"))


def status_of(view: View, code: str) -> str:
    """The register's status in the reader's language."""
    return view.say(f"entity.status_{STATUSES[code]}") if code in STATUSES else code


def place_name(view: View, region_code: str | None) -> str:
    """City › district › street, as far as it is known."""
    known = queries.regions(view.source).select("region_code", "parent_code", f"region_name_{view.language}")
    above = {code: (parent, name) for code, parent, name in known.iter_rows()}
    names: list[str] = []
    while region_code is not None and region_code in above:
        region_code, name = above[region_code]
        names.append(name)
    return " › ".join(reversed(names)) or NO_VALUE


def _search(view: View) -> None:
    """Write to the address what was typed; of what may number a citizen only the key of the enterprise it numbers."""
    text = str(st.session_state[_BOX]).strip()
    if not _may_number_a_citizen(text):
        viewing.go(view, find=text or None, entity=None)
        return
    numbered = queries.found(view.source, text, _code(text))["entity_key"].to_list()
    st.session_state[_PERSON] = not numbered
    viewing.go(view, find=None, entity=numbered[0] if numbered else None)


def _by_key(view: View, key: str) -> str | None:
    """Where a key leads today; a note where that is not the key itself."""
    parts = queries.followed(view.source, key)
    others = parts.filter(pl.col("entity_key") != key)
    if parts.is_empty():
        if _is_in_facts(view, key):
            return key
        _answer(view, view.say("entity.unknown_key"))
        return None
    if others.is_empty():
        return key
    changed = others["changed_date"].item(0)
    if parts.height == 1:
        _answer(view, view.say("entity.merged", date=changed))
        return str(others["entity_key"].item())
    if others.height < parts.height:
        _answer(view, view.say("entity.split_kept", date=changed))
        _list(view, others)
        return key
    _answer(view, view.say("entity.split", date=changed, count=parts.height))
    _list(view, parts)
    return None


def _by_text(view: View, text: str) -> str | None:
    """The one that fits; a list where several do."""
    if len("".join(text.split())) < _SHORTEST_NAME:
        _answer(view, view.say("entity.too_short"))
        return None
    found = queries.found(view.source, text, _code(text))
    if found.is_empty():
        _answer(view, view.say("entity.no_persons" if _may_number_a_citizen(text) else "entity.not_found"))
        return None
    if found.height == 1:
        return str(found["entity_key"].item())
    count = found["found_count"].item(0)
    more = "entity.found_more" if count > found.height else "entity.found"
    _answer(view, view.say(more, count=number(count), shown=found.height))
    _list(view, found)
    return None


def _is_in_facts(view: View, key: str) -> bool:
    """Whether decisions, services or ties name a key that the register does not have."""
    cases = queries.service_cases(view.source, key)["case_count"].item()
    decided = queries.licences(view.source, key, view.release.data_as_of).height
    decided += queries.penalties(view.source, key, viewing.today()).height
    counts = queries.person_counts(view.source, key)
    return bool(cases or decided or (counts is not None and counts.height))


def _list(view: View, rows: pl.DataFrame) -> None:
    head = ("name", "code", "status", "place")
    cells = [
        (
            _named(view, row),
            escape(row["registration_code"] or NO_VALUE),
            escape(status_of(view, row["status_code"]) if row["is_registered"] else view.say("entity.left_short")),
            escape(place_name(view, row["region_code"])),
        )
        for row in rows.iter_rows(named=True)
    ]
    heads = [escape(view.say(f"entity.{column}")) for column in head]
    table(view.language, view.say("page.entity"), heads, cells, texts=len(head))


def _named(view: View, row: Row) -> str:
    """The name as a link, and beneath it the former one that was found."""
    name = link(entity_name(view, row), view.to(entity=row["entity_key"], find=None))
    former = row["former_name"]
    if row["is_sole_trader"] or former is None or not row["is_registered"]:
        return name
    return f"{name}{line('source-line', escape(view.say('entity.former', name=former)))}"


def _answer(view: View, text: str) -> None:
    block(view.language, "answer", escape(text))


def _code(text: str) -> str:
    """A number in its written form: separators out, letters in upper case."""
    return re.sub(r"[\s-]", "", text).upper()


def _may_number_a_citizen(text: str) -> bool:
    """Whether a text has the form of a citizen's number, right or mistyped; an enterprise's code may have it too."""
    return _CITIZEN_FORM.fullmatch(_code(text)) is not None
