import json
import re
from pathlib import Path

import polars as pl
import pytest

from citylake.contracts.model import load_contracts
from citylake.lake.deliveries import LandedFile
from tests.integration.small_city import SmallCity

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CITIZEN_ID = re.compile(
    rb"(?<![0-9A-Fa-f])[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX](?![0-9A-Fa-f])"
)
MOBILE = re.compile(rb"(?<![0-9A-Fa-f.])1[3-9]\d{9}(?![0-9A-Fa-f])")
ENOUGH = 6
"""Shorter values (a two-character name) occur by chance; they are looked for in text columns, as whole values."""


def _identifiers(city: SmallCity) -> set[str]:
    """Every value of every column that a contract classes as identifier, as it was delivered."""
    values: set[str] = set()
    for contract in load_contracts(city.settings.contracts).values():
        headings = [column.heading for column in contract.columns if column.classification == "identifier"]
        for path in (city.zones.landing / contract.department / contract.name).iterdir():
            assert LandedFile.parse(path, contract.department) is not None
            text = path.read_text(encoding=contract.dialect.encoding)
            if contract.dialect.format == "json":
                records = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
                values.update(str(record[h]) for record in records for h in headings if record.get(h))
            else:
                frame = pl.read_csv(text.encode(), infer_schema=False, truncate_ragged_lines=True, ignore_errors=True)
                values.update(v for h in headings if h in frame.columns for v in frame[h].drop_nulls())
    return values


def _published_files(city: SmallCity) -> list[Path]:
    """Data and catalogs of people and city, the frozen ones too, and all that a release says of itself."""
    zones = city.zones
    roots = [zones.people, zones.city, zones.releases]
    return [path for root in roots for path in root.rglob("*") if path.is_file()]


def test_no_identifier_of_a_person_is_in_any_published_file(first_night: SmallCity) -> None:
    # By value, in the bytes: catalogs keep minima and maxima of columns, and a table nobody thinks of keeps a phone.
    needles = {value.encode() for value in _identifiers(first_night) if len(value) >= ENOUGH}
    assert len(needles) > 500
    files = _published_files(first_night)
    assert any(path.suffix == ".sqlite" for path in files)
    assert any(path.suffix == ".parquet" for path in files)
    leaks = {}
    for path in files:
        content = path.read_bytes()
        leaks[path.name] = sum(needle in content for needle in needles)
    assert {name: count for name, count in leaks.items() if count} == {}


def test_no_identifier_is_a_value_of_any_published_column(first_night: SmallCity) -> None:
    # Parquet compresses: a value may hide from a search in bytes. So every text column is read as well.
    identifiers = _identifiers(first_night)
    leaks: dict[str, int] = {}
    for name, frame in first_night.tables().items():
        if name.startswith("vault."):
            continue
        for column in frame.select(pl.col(pl.String)).iter_columns():
            found = column.drop_nulls().is_in(list(identifiers)).sum()
            leaks.update({f"{name}.{column.name}": int(found)} if found else {})
    assert leaks == {}


def test_nothing_published_looks_like_a_citizen_id_or_a_mobile_number(first_night: SmallCity) -> None:
    # By pattern: an identifier that came from nowhere we know of (free text, a typo of a valid id).
    leaks: dict[str, list[str]] = {}
    for name, frame in first_night.tables().items():
        if name.startswith("vault."):
            continue
        for column in frame.select(pl.col(pl.String)).iter_columns():
            text = "\n".join(column.drop_nulls().unique()).encode()
            found = [*CITIZEN_ID.findall(text), *MOBILE.findall(text)]
            leaks.update({f"{name}.{column.name}": [item.decode()[:4] for item in found[:3]]} if found else {})
    assert leaks == {}
