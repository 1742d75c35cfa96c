"""One extract examined against its contract: read, validated, judged. Deliveries and lakes are not known here.

Loading and checking both go through :func:`examine`, so that a check says what loading would do.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from citylake.contracts.model import Contract
from citylake.lake.attach import bare_connection
from citylake.lake.deliveries import Refusal
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion import refusals
from ingestion.readers.delimited import read_delimited
from ingestion.readers.extract import Extract
from ingestion.readers.json_lines import read_json_lines
from ingestion.readers.source import write_lines
from ingestion.refusals import RefusedFile
from ingestion.validation import Validated, validate


@dataclass(frozen=True)
class Examination:
    """What came of an extract. Refused files have a refusal; ``validated`` is None when they could not be read."""

    refusal: Refusal | None
    rows_read: int | None = None
    new_columns: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()
    validated: Validated | None = None


def examine(settings: Settings, file: Path, contract: Contract, folder: Path) -> Examination:
    """Read and validate a file; all that is written lies in ``folder``, which the caller removes."""
    with bare_connection(Zones.of(settings), settings, extensions=(), spill=folder / "spill") as engine:
        try:
            extract = _read(file, contract, folder, engine)
        except RefusedFile as refused:
            return Examination(refused.refusal)
        validated = validate(extract, contract, folder, engine)
    return Examination(
        _judge(extract.rows_read, validated.rows_rejected, contract),
        extract.rows_read,
        extract.new_columns,
        extract.missing_columns,
        validated,
    )


def _read(file: Path, contract: Contract, folder: Path, engine: duckdb.DuckDBPyConnection) -> Extract:
    lines = write_lines(file, folder / "lines.txt", contract.dialect.encoding)
    if contract.dialect.format == "csv":
        return read_delimited(lines, contract, folder / "parts")
    return read_json_lines(lines, contract, folder / "parts", engine)


def _judge(read: int, rejected: int, contract: Contract) -> Refusal | None:
    """A whole snapshot without rows would delete everything; too many bad rows mean that the file itself is wrong."""
    if read == 0 and contract.mode == "snapshot":
        return refusals.empty().refusal
    if read and rejected / read > contract.quarantine_tolerance:
        return refusals.over_tolerance(rejected, read, contract.quarantine_tolerance).refusal
    return None
