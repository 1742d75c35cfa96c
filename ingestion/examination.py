"""One extract examined against its contract: read, validated, judged. Deliveries and lakes are not known here.

Loading and checking both go through :func:`examine`, so that a check says what loading would do.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import polars as pl

from citylake.contracts.model import Contract
from citylake.lake.attach import bare_connection
from citylake.lake.deliveries import Refusal
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion import refusals
from ingestion.readers.extract import LINE, Batch, Extract
from ingestion.readers.reading import read_extract
from ingestion.reasons import REPEATED_HEADER
from ingestion.refusals import RefusedFile
from ingestion.validation import Stamp, Validated, validate


@dataclass(frozen=True)
class Examination:
    """What came of an extract. Refused files have a refusal; ``validated`` is None when they could not be read."""

    refusal: Refusal | None
    rows_read: int | None = None
    new_columns: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()
    validated: Validated | None = None


def examine(  # noqa: PLR0913  # a file, its contract, and what is asked of it
    settings: Settings,
    file: Path,
    contract: Contract,
    folder: Path,
    stamp: Stamp = dict,
    *,
    erased: Sequence[int] = (),
) -> Examination:
    """Read and validate a file; all that is written lies in ``folder``, which the caller removes.

    ``erased``: lines of records that were erased, whatever is left in their place; they are neither read nor counted.
    """
    with ExitStack() as stack:

        @cache
        def engine() -> duckdb.DuckDBPyConnection:
            """Opened by whoever needs it first: most extracts never do, and it costs as much as a small one takes."""
            connection = bare_connection(Zones.of(settings), settings, extensions=(), spill=folder / "spill")
            return stack.enter_context(connection)

        try:
            extract = read_extract(file, contract, folder, engine)
            validated = validate(_without(extract, erased), contract, folder, engine, stamp)
        except RefusedFile as refused:
            return Examination(refused.refusal)
    return Examination(
        _judge(validated, contract, len(erased)),
        validated.rows_read,
        extract.new_columns,
        extract.missing_columns,
        validated,
    )


def _without(extract: Extract, erased: Sequence[int]) -> Extract:
    """The extract as if the erased records had never been in it; an element of an array, or a row, leaves a gap."""
    if not erased:
        return extract
    is_left = ~pl.col(LINE).is_in(list(erased))

    def batches() -> Iterator[Batch]:
        for batch in extract.batches():
            yield Batch(batch.records.filter(is_left), batch.rejected.filter(is_left))

    return Extract(batches, extract.missing_columns, extract.new_columns)


def _judge(validated: Validated, contract: Contract, erased: int) -> Refusal | None:
    """A whole snapshot without rows would delete everything; too many bad rows mean that the file itself is wrong.

    So do headings among the rows: what follows them is another table, whatever it looks like. Shares are of the rows
    that were delivered: no erasure makes a file a bad one.
    """
    read, rejected = validated.rows_read + erased, validated.rows_rejected
    if read == 0 and contract.mode == "snapshot":
        return refusals.empty().refusal
    if REPEATED_HEADER in validated.rules_rejected:
        repeated = pl.scan_parquet(validated.rejected, glob=False).filter(pl.col("rule") == REPEATED_HEADER)
        return refusals.second_table(repeated.select(pl.col("line").min()).collect().item()).refusal
    if read and rejected / read > contract.quarantine_tolerance:
        return refusals.over_tolerance(rejected, read, contract.quarantine_tolerance).refusal
    return None
