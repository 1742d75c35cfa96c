"""The judge of the fuzz test is put to the test by readers with one fault each: the faults that real readers have."""

import random
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation

import pytest

from tests.ingestion.fuzz import RECORD_MUTATIONS
from tests.ingestion.oracle import Accepted, Broken, Reading, hold
from tests.ingestion.specimens import HEADINGS, specimens

Fields = list[str]
Faulty = Callable[[list[Fields]], list[Fields]]
_WIDTH = len(HEADINGS)
_MUTANTS = 400


def _as_they_are(records: list[Fields]) -> list[Fields]:
    return records


def _padded(records: list[Fields]) -> list[Fields]:
    """What polars does."""
    return [fields + [""] * (_WIDTH - len(fields)) for fields in records]


def _cut_to_width(records: list[Fields]) -> list[Fields]:
    """What DuckDB does with null_padding and a header of its own."""
    return [fields[:_WIDTH] for fields in records]


def _left_out(records: list[Fields]) -> list[Fields]:
    """What ignore_errors does."""
    return [fields for fields in records if len(fields) == _WIDTH]


def _shifted(records: list[Fields]) -> list[Fields]:
    """A field too many is dropped where it hurts most."""
    return [fields[:1] + fields[2:] if len(fields) == _WIDTH + 1 else fields for fields in records]


def _swallowing(records: list[Fields]) -> list[Fields]:
    """A short record goes on in the next line."""
    found: list[Fields] = []
    for fields in records:
        if found and len(found[-1]) < _WIDTH:
            found[-1] = [*found[-1], *fields]
        else:
            found.append(list(fields))
    return found


def _repeated(records: list[Fields]) -> list[Fields]:
    """The last record of a chunk is read again with the next."""
    return [*records, records[-1]]


def _read(content: bytes, fault: Faulty, errors: str) -> Reading:
    """A simple reader of plain UTF-8, right but for its fault."""
    records: list[Fields] = []
    for line in content.replace(b"\r", b"\n").split(b"\n")[1:]:
        try:
            text = line.decode("utf-8", errors)
        except UnicodeDecodeError:
            text = "cannot be decoded"
        if text.strip():
            records.append(text.split(","))
    found = fault(records)
    accepted = [row for row in map(_row, found) if row is not None]
    return Reading(len(found), len(found) - len(accepted), accepted)


def _row(fields: Fields) -> Accepted | None:
    if len(fields) != _WIDTH or not fields[0].startswith("R") or not fields[1].strip():
        return None
    try:
        day = date.fromisoformat(fields[3]) if fields[3] else None
        amount = Decimal(fields[4]) if fields[4] else None
        count = int(fields[5]) if fields[5] else None
    except (ValueError, InvalidOperation):
        return None
    return (*(text if text.strip() else None for text in fields[:3]), day, amount, count)


def _breaches(fault: Faulty, errors: str = "strict") -> set[str]:
    specimen = specimens()[0]
    assert specimen.name == "utf8"
    found: set[str] = set()
    for seed in range(_MUTANTS):
        chance = random.Random(seed)
        mutant = chance.choice(RECORD_MUTATIONS)(specimen, chance)
        try:
            hold(specimen, mutant, _read(mutant.content, fault, errors))
        except Broken as problem:
            found.add(str(problem))
    return found


def test_a_reader_without_a_fault_is_not_blamed() -> None:
    # A judge that blames everybody is switched off.
    assert _breaches(_as_they_are) == set()


@pytest.mark.parametrize("fault", [_padded, _cut_to_width, _left_out, _shifted, _swallowing, _repeated])
def test_a_reader_that_changes_rows_silently_is_caught(fault: Faulty) -> None:
    # A fuzz test that holds whatever the reader does proves nothing.
    assert _breaches(fault)


@pytest.mark.parametrize("errors", ["replace", "ignore"])
def test_a_reader_that_guesses_at_bytes_is_caught(errors: str) -> None:
    # Names would be loaded with a character that nobody delivered.
    assert _breaches(_as_they_are, errors)
