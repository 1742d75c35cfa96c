"""What tests of ingestion share: contracts written in place, files written and read in one call."""

import gzip
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from citylake.contracts.labels import Label
from citylake.contracts.model import Column, Contract, Dialect, RowRule
from ingestion.examination import Examination, examine
from ingestion.readers.delimited import read_delimited
from ingestion.readers.extract import Extract
from ingestion.readers.json_lines import read_json_lines
from ingestion.readers.source import write_lines


def column(name: str, logical_type: Any = "string", **facts: Any) -> Column:
    return Column(name, facts.pop("heading", name), Label(name, name), logical_type, **facts)


def contract(*columns: Column, **facts: Any) -> Contract:
    nothing = Label("", "")
    rules: tuple[RowRule, ...] = facts.pop("row_rules", ())
    made = Contract(
        dataset="office.thing",
        version="1.0.0",
        title=Label("事物", "thing"),
        domain="base",
        purpose=nothing,
        owner=nothing,
        legal_basis=nothing,
        path="",
        dialect=facts.pop("dialect", Dialect("csv")),
        mode=facts.pop("mode", "append"),
        columns=columns,
        quarantine_tolerance=facts.pop("tolerance", 1.0),
        row_rules=rules,
    )
    return replace(made, **facts)


def texts(*names: str, **facts: Any) -> Contract:
    """A contract of required text columns."""
    return contract(*(column(name, required=True) for name in names), **facts)


def read(content: bytes, agreed: Contract, folder: Path) -> Extract:
    file = folder / "extract"
    file.write_bytes(content)
    lines = write_lines(file, folder / "lines.txt", agreed.dialect.encoding)
    reader = read_delimited if agreed.dialect.format == "csv" else read_json_lines
    return reader(lines, agreed, folder / "parts")


def rows(extract: Extract) -> list[tuple[Any, ...]]:
    return extract.records.collect().sort("_line").rows()


def rejected(extract: Extract) -> list[tuple[int, str]]:
    return extract.rejected.collect().sort("_line").select("_line", "rule").rows()


@dataclass(frozen=True)
class Outcome:
    """A file examined, with its two frames in memory."""

    examination: Examination
    accepted: pl.DataFrame
    rejected: pl.DataFrame


def examined(content: bytes, agreed: Contract, folder: Path) -> Outcome:
    file = folder / "extract"
    file.write_bytes(content)
    workplace = folder / "work"
    workplace.mkdir()
    examination = examine(file, agreed, workplace)
    if examination.validated is None:
        return Outcome(examination, pl.DataFrame(), pl.DataFrame())
    return Outcome(
        examination,
        pl.read_parquet(examination.validated.accepted).sort("_line"),
        pl.read_parquet(examination.validated.rejected).sort("line"),
    )


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
