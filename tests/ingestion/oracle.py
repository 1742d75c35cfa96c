"""What must come of a mutated extract, whoever reads it: the judge of the fuzz test, and itself put to the test.

A row that was not touched is there with its own values, as often as it was delivered. Of a touched record, whose text
is read here a second time and simply, no reader may make more than it says: no field padded, shifted, cut or guessed.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from tests.ingestion.specimens import HEADINGS, Specimen

Accepted = tuple[object, ...]
_TEXTS = 3
"""The first three columns are texts."""


@dataclass(frozen=True)
class Mutant:
    """A mutated extract and what may have come of its rows."""

    content: bytes
    intact: tuple[int, ...]
    """Places of the rows that the mutation did not touch, each as often as it is delivered."""
    others: int = 0
    """How many further rows there may be: touched, added."""
    may_reject: bool = False
    """Whether intact rows may be rejected too; changed they are never."""
    touched: bytes | None = None
    """What one record was made into, without its line end, when nothing else was touched."""


@dataclass(frozen=True)
class Reading:
    """What a reader made of an extract."""

    rows_read: int
    rows_rejected: int
    accepted: Sequence[Accepted]
    """Values in the order of the headings, but for those that are lacking."""
    lacking: Sequence[str] = ()


class Broken(AssertionError):
    """A mutant that was not read as it must be."""


def hold(specimen: Specimen, mutant: Mutant, reading: Reading) -> None:
    """Hold a reading against what may have come of the mutant. Raises Broken, which names no value."""
    if reading.rows_read != len(reading.accepted) + reading.rows_rejected:
        raise Broken("rows read are not rows accepted and quarantined")
    known = [place for place, heading in enumerate(HEADINGS) if heading not in reading.lacking]
    expected = Counter(tuple(specimen.truth[place][one] for one in known) for place in mutant.intact)
    found = Counter(reading.accepted)
    missing, strangers = expected - found, found - expected
    if missing and not mutant.may_reject:
        raise Broken(f"{missing.total()} rows that were not touched are not accepted as they are")
    if strangers.total() > mutant.others:
        raise Broken(f"{strangers.total()} accepted rows differ from what was delivered, {mutant.others} may")
    if mutant.touched is not None and not mutant.may_reject and not reading.lacking:
        _hold_record(specimen, mutant, mutant.touched, reading.rows_read, list(strangers.elements()))


def _hold_record(
    specimen: Specimen, mutant: Mutant, touched: bytes, rows_read: int, strangers: Sequence[Accepted]
) -> None:
    try:
        text = touched.decode(specimen.encoding)
    except UnicodeDecodeError:
        text = None
    is_one = not any(mark in (text if text is not None else touched.decode("latin-1")) for mark in "\r\n")
    if is_one and (text is None or text.strip()) and rows_read < len(mutant.intact) + 1:
        raise Broken("the touched record was left out without a word")
    if not is_one:
        return
    if strangers and text is None:
        raise Broken("a record was accepted that cannot be decoded")
    if text is not None and strangers:
        fields = _fields(specimen, text)
        if any(fields is None or not _says(fields, stranger) for stranger in strangers):
            raise Broken("the touched record was accepted as something that it does not say")


def _fields(specimen: Specimen, text: str) -> list[str] | None:
    """The texts of a record in the order of the headings; empty when that takes a parser; None for no record at all."""
    dialect = specimen.contract.dialect
    if dialect.format == "json":
        return [] if specimen.head else _fields_of_an_object(text)
    fields = text.split(dialect.delimiter)
    if len(fields) < len(HEADINGS):
        return None
    if dialect.quote in text or (dialect.escape and dialect.escape in text):
        return []
    return fields if len(fields) == len(HEADINGS) else None


def _fields_of_an_object(text: str) -> list[str] | None:
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return [_text(said.get(heading)) for heading in HEADINGS] if isinstance(said, dict) else None


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _says(fields: Sequence[str], accepted: Accepted) -> bool:
    """Whether a record of these texts can have these values."""
    return not fields or all(
        _means(place, text, value) for place, (text, value) in enumerate(zip(fields, accepted, strict=True))
    )


def _means(place: int, text: str, value: object) -> bool:
    bare = text.strip()
    if value is None or not bare:
        return value is None and not bare
    if place < _TEXTS:
        return value in (text, bare)
    if isinstance(value, date):
        digits = "".join(one for one in bare if one.isdecimal())
        return len(digits) != len("yyyymmdd") or digits == value.strftime("%Y%m%d")
    try:
        return isinstance(value, Decimal | int) and Decimal(bare) == value
    except InvalidOperation:
        return True
