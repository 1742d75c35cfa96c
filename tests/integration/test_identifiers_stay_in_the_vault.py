import gzip
import json
import re
from pathlib import Path

import polars as pl
import pytest

from citylake.contracts.model import Contract, load_contracts
from citylake.lake.landed import LandedFile
from tests.integration.small_city import SmallCity

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CITIZEN_ID = re.compile(
    rb"(?<![0-9A-Fa-f])[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX](?![0-9A-Fa-f])"
)
MOBILE = re.compile(rb"(?<![0-9A-Fa-f.])1[3-9]\d{9}(?![0-9A-Fa-f])")
ENOUGH, ENOUGH_DIGITS = 6, 11
"""Shorter values (a two-character name, ten digits within twenty) occur by chance; they are looked for in text columns,
as whole values."""


def _identifiers(city: SmallCity) -> set[str]:
    """Every value of every identifier column, as it was delivered, but for the names of organisations."""
    values: set[str] = set()
    for contract in load_contracts(city.settings.contracts).values():
        headings = [column.heading for column in contract.columns if column.classification == "identifier"]
        for path in (city.zones.landing / contract.department / contract.name).iterdir():
            assert LandedFile.parse(path, contract.department) is not None
            frame = _delivered(path, contract)
            values.update(str(v) for h in headings if h in frame.columns for v in frame[h].drop_nulls())
    entities = city.tables()["city.base.dim_entity"].filter(~pl.col("is_sole_trader"))
    return values - set(entities["entity_name"])


def _delivered(path: Path, contract: Contract) -> pl.DataFrame:
    """A file of the sample city, read by other means than ingestion's."""
    content = path.read_bytes()
    match contract.dialect.format:
        case "parquet":
            return pl.read_parquet(path)
        case "xlsx":
            return pl.read_excel(
                path,
                sheet_name=contract.dialect.sheet,
                infer_schema_length=0,
                read_options={"header_row": contract.dialect.preamble_lines},
            )
        case "json":
            lines = content.decode(contract.dialect.encoding).splitlines()
            records = [json.loads(line) for line in lines if line.startswith("{")]
            return pl.DataFrame(records, infer_schema_length=None, strict=False)
        case "csv":
            text = gzip.decompress(content) if path.suffix == ".gz" else content
            text = text.decode(contract.dialect.encoding).encode()
            return pl.read_csv(text, infer_schema=False, truncate_ragged_lines=True, ignore_errors=True)


def _published_files(city: SmallCity) -> list[Path]:
    """Data and catalogs of people and city, the frozen ones too, and all that a release says of itself."""
    zones = city.zones
    roots = [zones.people, zones.city, zones.releases]
    return [path for root in roots for path in root.rglob("*") if path.is_file()]


def test_no_identifier_of_a_person_is_in_any_published_file(first_night: SmallCity) -> None:
    # By value, in the bytes: catalogs keep minima and maxima of columns, and a table nobody thinks of keeps a phone.
    identifiers = _identifiers(first_night)
    needles = {v.encode() for v in identifiers if len(v) >= (ENOUGH_DIGITS if v.isdigit() else ENOUGH)}
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
