"""What tests of ingestion share: contracts written in place, files written and read in one call."""

import gzip
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from citylake.contracts.labels import Label
from citylake.contracts.model import Column, Contract, Dialect, RowRule, load_contract
from citylake.lake.attach import bare_connection
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.examination import Examination, examine
from ingestion.readers.extract import Extract
from ingestion.readers.reading import read_extract


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
    with engine(folder) as connection:
        extract = read_extract(file, agreed, folder, lambda: connection)
        batches = list(extract.batches())
    return Extract(lambda: iter(batches), extract.missing_columns, extract.new_columns)


def small(folder: Path) -> Settings:
    return Settings(home=folder / "home", memory_limit="256MB", threads=1)


def engine(folder: Path) -> duckdb.DuckDBPyConnection:
    return bare_connection(Zones.of(small(folder)), small(folder), extensions=(), spill=folder / "spill")


def records(extract: Extract) -> pl.DataFrame:
    return pl.concat((batch.records for batch in extract.batches()), how="diagonal")


def rows(extract: Extract) -> list[tuple[Any, ...]]:
    return records(extract).rows()


def rejected(extract: Extract) -> list[tuple[int, str]]:
    found = pl.concat(batch.rejected for batch in extract.batches())
    return found.select("_line", "rule").rows()


def rows_read(extract: Extract) -> int:
    return sum(batch.rows for batch in extract.batches())


@dataclass(frozen=True)
class Outcome:
    """A file examined, with its two frames in memory."""

    examination: Examination
    accepted: pl.DataFrame
    rejected: pl.DataFrame


def examined(content: bytes, agreed: Contract, folder: Path, settings: Settings | None = None) -> Outcome:
    file = folder / "extract"
    file.write_bytes(content)
    workplace = folder / "work"
    workplace.mkdir()
    examination = examine(settings or small(folder), file, agreed, workplace)
    if examination.validated is None:
        return Outcome(examination, pl.DataFrame(), pl.DataFrame())
    return Outcome(
        examination,
        pl.read_parquet(examination.validated.accepted).sort("_line"),
        pl.read_parquet(examination.validated.rejected).sort("line"),
    )


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: office.thing
name: thing
version: {version}
status: active
domain: base
description: {{purpose: 测试 Test}}
team: {{name: 办公室 Office}}
servers: [{{server: landing, type: local, format: csv, path: "office/thing/thing_*.csv*"}}]
customProperties:
  - {{property: deliveryMode, value: snapshot}}
  - {{property: quarantineTolerance, value: {tolerance}}}
  - {{property: legalBasis, value: 无 None}}
schema:
  - name: thing
    businessName: 事物 Thing
    properties:
      - name: thing_id
        physicalName: 编号
        businessName: 编号 Number
        logicalType: string
        primaryKey: true
        required: true
        classification: identifier
      - {{name: count, physicalName: 数量, businessName: 数量 Count, logicalType: integer}}
"""


def write_contract(contracts: Path, version: str = "1.0.0", tolerance: float = 0.5) -> Contract:
    folder = contracts / "office"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "thing.odcs.yaml").write_text(CONTRACT.format(version=version, tolerance=tolerance), "utf-8")
    return load_contract(folder / "thing.odcs.yaml")
