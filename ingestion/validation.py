"""Validation: an extract's records against their contract, into two Parquet files, accepted and rejected.

Streams from disk to disk; rows are judged in :mod:`ingestion.judging`. Knows nothing of deliveries.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
from polars.io.plugins import register_io_source

from citylake.contracts.model import Contract
from ingestion import reasons
from ingestion.judging import REJECTED_SCHEMA, WARNINGS, Judge, RejectedRows
from ingestion.keys import KeyHashes, find_repeated_keys
from ingestion.readers.extract import LINE, Extract
from ingestion.rules import compile_contract

_BATCH_ROWS = 100_000


@dataclass(frozen=True)
class Validated:
    """What validation left in its folder."""

    accepted: Path
    """Contract columns, ``_line``, ``_warnings``."""
    rejected: Path
    """Columns of :data:`REJECTED_SCHEMA`."""
    rows_accepted: int
    rows_rejected: int
    rules_rejected: dict[str, int]
    rules_warned: dict[str, int]


class RowsLost(RuntimeError):
    """Rows read and rows written differ: a fault in citylake itself, never a department's."""


def validate(
    extract: Extract,
    contract: Contract,
    folder: Path,
    engine: duckdb.DuckDBPyConnection,
    stamp: Mapping[str, pl.Expr] | None = None,
) -> Validated:
    """Write accepted and rejected rows into ``folder`` and count both. Raises RowsLost when a row went missing.

    ``stamp``: further columns of accepted rows, the same in each.
    """
    compiled = compile_contract(contract)
    accepted, rejected = folder / "accepted_rows.parquet", folder / "rejected_rows.parquet"
    judge = Judge(compiled, RejectedRows(folder / "rejected"), KeyHashes.of(contract))
    _write_accepted(extract, judge, accepted, stamp or {})
    if not judge.keys.are_unique():
        repeated_keys = find_repeated_keys(accepted, contract, folder, engine)
        judge = Judge(compiled, RejectedRows(folder / "rejected_again"), KeyHashes.of(contract), repeated_keys)
        _write_accepted(extract, judge, accepted, stamp or {})
    pl.concat([judge.rejected.scan(judge.describe), _unparsed(extract.rejected)]).sort("line").sink_parquet(rejected)
    return _count(extract.rows_read, accepted, rejected)


def _write_accepted(extract: Extract, judge: Judge, target: Path, stamp: Mapping[str, pl.Expr]) -> None:
    """One pass over the records, from disk to disk."""

    def judged(*_: object) -> Iterator[pl.DataFrame]:
        batches = extract.records.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True, engine="streaming")
        return map(judge, batches)

    register_io_source(judged, schema=judge.schema, is_pure=True).with_columns(**stamp).sink_parquet(
        target, compression="snappy", statistics=False
    )


def _unparsed(rejected: pl.LazyFrame) -> pl.LazyFrame:
    """Lines that are no record, in the shape of rejected rows."""
    said = {
        language: {rule: getattr(label, language) for rule, label in reasons.STRUCTURE.items()}
        for language in ("zh", "en")
    }
    return rejected.select(
        line=LINE,
        rule="rule",
        rules=pl.concat_list("rule"),
        column_name=pl.lit(None, pl.String),
        reason_zh=pl.col("rule").replace_strict(said["zh"], return_dtype=pl.String),
        reason_en=pl.col("rule").replace_strict(said["en"], return_dtype=pl.String),
        record=pl.struct(pl.col("text").alias("_line")).struct.json_encode(),
    ).select(*REJECTED_SCHEMA)


def _count(rows_read: int, accepted: Path, rejected: Path) -> Validated:
    """Count what was written, by reading it, and hold it against what was read."""
    good, bad = pl.scan_parquet(accepted, glob=False), pl.scan_parquet(rejected, glob=False)
    rows_accepted, rows_rejected = (int(frame.select(pl.len()).collect().item()) for frame in (good, bad))
    if rows_read != rows_accepted + rows_rejected:
        raise RowsLost(
            f"{rows_read} rows were read, but {rows_accepted} accepted and {rows_rejected} rejected: "
            "nothing was loaded. This is a fault in citylake; please report it with the file's contract."
        )
    return Validated(
        accepted, rejected, rows_accepted, rows_rejected, _per_rule(bad, "rules"), _per_rule(good, WARNINGS)
    )


def _per_rule(rows: pl.LazyFrame, column: str) -> dict[str, int]:
    counts = rows.select(rule=pl.col(column).explode()).drop_nulls().group_by("rule").len().collect(engine="streaming")
    return dict(sorted(counts.iter_rows()))
