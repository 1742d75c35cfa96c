"""The fuzz test on our own readers with a fault planted behind them: it must find what it is there to find."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestion.readers.extract import LINE, Batch, Extract
from ingestion.readers.reading import read_extract
from tests.ingestion.fuzz import run
from tests.ingestion.oracle import Broken
from tests.ingestion.specimens import Specimen, specimens

Fault = Callable[[Batch], Batch]
_ENOUGH = 200
"""So many mutations at most until the first finding."""


def _bad_lines_left_out(batch: Batch) -> Batch:
    return replace(batch, rejected=batch.rejected.clear())


def _short_lines_padded(batch: Batch) -> Batch:
    names = [name for name in batch.records.columns if name != LINE]
    fields = pl.col("text").str.split(",")
    is_short = (fields.list.len() < len(names)) & ~pl.col("text").str.contains('"', literal=True)
    padded = batch.rejected.filter(is_short).select(
        LINE, *(fields.list.get(place, null_on_oob=True).alias(name) for place, name in enumerate(names))
    )
    records = pl.concat([batch.records, padded.select(batch.records.columns)])
    return replace(batch, records=records, rejected=batch.rejected.filter(~is_short))


def _a_field_shifted_by_a_row(batch: Batch) -> Batch:
    return replace(batch, records=batch.records.with_columns(pl.col("note").shift(1)))


def _a_neighbour_swallowed(batch: Batch) -> Batch:
    return replace(batch, records=batch.records.slice(1))


@pytest.mark.parametrize(
    "fault", [_bad_lines_left_out, _short_lines_padded, _a_field_shifted_by_a_row, _a_neighbour_swallowed]
)
def test_a_fault_behind_a_reader_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    # A fuzz test that nobody has seen fail may be one that cannot.
    def faulty(file: Path, *arguments: Any) -> Extract:
        extract = read_extract(file, *arguments)

        def batches() -> Iterator[Batch]:
            # Only where there is a bad line: the fault of a reader that goes astray on it.
            return (fault(batch) if batch.rejected.height else batch for batch in extract.batches())

        return replace(extract, batches=batches)

    monkeypatch.setattr("ingestion.examination.read_extract", faulty)
    with pytest.raises(Broken, match=r": Broken: "):
        _all(specimens()[0])


def _all(specimen: Specimen) -> None:
    for seed in range(_ENOUGH):
        run(specimen, seed)
