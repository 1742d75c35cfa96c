"""Validation: an extract's records against their contract, into two Parquet files, accepted and rejected.

Streams from disk to disk; rows are judged in :mod:`ingestion.judging`. Knows nothing of deliveries.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from citylake.contracts.model import Contract
from ingestion import reasons
from ingestion.judging import REJECTED_SCHEMA, WARNINGS, Acquittals, Judge, RejectedRows
from ingestion.keys import KeyHashes, find_repeated_keys
from ingestion.pipelining import behind, in_order
from ingestion.readers.extract import LINE, Batch, Extract
from ingestion.rules import compile_contract

_ROWS_IN_A_GROUP = 80_000
"""Readers take a Parquet file row group by row group: few large ones cost them least."""

Stamp = Callable[[], Mapping[str, pl.Expr]]
"""Further columns of accepted rows, the same in each; asked for when the first rows are written."""


@dataclass(frozen=True)
class Validated:
    """What validation left in its folder."""

    accepted: Path
    """Contract columns, ``_line``, ``_warnings``."""
    rejected: Path
    """Columns of :data:`REJECTED_SCHEMA`."""
    rows_read: int
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
    engine: Callable[[], duckdb.DuckDBPyConnection],
    stamp: Stamp = dict,
) -> Validated:
    """Write accepted and rejected rows into ``folder`` and count both.

    ``engine`` gives a connection; it is asked for one only when keys may repeat.
    Raises RowsLost when a row went missing, RefusedFile when only reading on shows what the file is.
    """
    compiled = compile_contract(contract)
    accepted, rejected = folder / "accepted_rows.parquet", folder / "rejected_rows.parquet"
    judge = Judge(compiled, RejectedRows(folder / "rejected"), KeyHashes.of(contract))
    rows_read = _write_accepted(extract, judge, accepted, stamp)
    if not judge.keys.are_unique():
        repeated_keys = find_repeated_keys(accepted, contract, folder, engine())
        judge = Judge(compiled, RejectedRows(folder / "rejected_again"), KeyHashes.of(contract), repeated_keys)
        rows_read = _write_accepted(extract, judge, accepted, stamp)
    judge.rejected.scan().sort("line").sink_parquet(rejected)
    return _count(rows_read, accepted, rejected)


def _write_accepted(extract: Extract, judge: Judge, target: Path, stamp: Stamp) -> int:
    """One pass over the records, from disk to disk: batches are judged while others are read and written."""

    def acquit(batch: Batch) -> tuple[int, pl.DataFrame, Acquittals]:
        return batch.rows, batch.rejected, judge.acquit(batch.records)

    rows_read = 0
    with AcceptedFile(target, judge, stamp) as file, behind(file.write) as write:
        for rows, unparsed, acquittals in in_order(acquit, extract.batches()):
            rows_read += rows
            if unparsed.height:
                judge.rejected.add(unparsed, _unparsed)
            write(judge.settle(acquittals))
        write(judge.finish())
    return rows_read


class AcceptedFile:
    """The Parquet file of accepted rows. It has its schema even when no row is written."""

    def __init__(self, target: Path, judge: Judge, stamp: Stamp) -> None:
        self._target, self._judge, self._stamp = target, judge, stamp
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.write(pl.DataFrame(schema=self._judge.schema))
            self._write_group()
        if self._writer is not None:
            self._writer.close()

    def write(self, rows: pl.DataFrame) -> None:
        """Append rows; they are on disk once there are enough for a row group, or the file is closed."""
        self._waiting.append(rows.with_columns(**self._stamp()).to_arrow())
        if sum(table.num_rows for table in self._waiting) >= _ROWS_IN_A_GROUP:
            self._write_group()

    def _write_group(self) -> None:
        table = pa.concat_tables(self._waiting)
        self._waiting.clear()
        if self._writer is None:
            few = {column.name for column in self._judge.compiled.contract.columns if column.enum}
            repeated: Any = sorted(few | (set(table.column_names) - self._judge.schema.keys()))  # typed as a mere flag
            self._writer = pq.ParquetWriter(
                self._target, table.schema, compression="lz4", use_dictionary=repeated, write_statistics=False
            )
        if table.num_rows:
            self._writer.write_table(table)


def _unparsed(rejected: pl.DataFrame) -> pl.DataFrame:
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
    rows_accepted, rows_rejected = (pq.read_metadata(file).num_rows for file in (accepted, rejected))
    if rows_read != rows_accepted + rows_rejected:
        raise RowsLost(
            f"{rows_read} rows were read, but {rows_accepted} accepted and {rows_rejected} rejected: "
            "nothing was loaded. This is a fault in citylake; please report it with the file's contract."
        )
    return Validated(
        accepted,
        rejected,
        rows_read,
        rows_accepted,
        rows_rejected,
        rows_per_rule(bad, "rules"),
        rows_per_rule(good, WARNINGS),
    )


def rows_per_rule(rows: pl.LazyFrame, column: str) -> dict[str, int]:
    """How many rows have each of the rules that a column lists."""
    counts = rows.select(rule=pl.col(column).explode()).drop_nulls().group_by("rule").len().collect(engine="streaming")
    return dict(sorted(counts.iter_rows()))
