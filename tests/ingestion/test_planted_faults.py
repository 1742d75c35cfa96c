"""The fuzz test on our own readers with a fault planted behind them: it must find what it is there to find."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingestion.readers.extract import LINE, Extract
from ingestion.readers.reading import read_extract
from tests.ingestion.fuzz import Broken, run
from tests.ingestion.specimens import Specimen, specimens

Fault = Callable[[Extract], Extract]
_ENOUGH = 200
"""So many mutations at most until the first finding."""


def _bad_lines_left_out(extract: Extract) -> Extract:
    bad = extract.rejected.collect().height
    return replace(extract, rows_read=extract.rows_read - bad, rejected=extract.rejected.clear())


def _short_lines_padded(extract: Extract) -> Extract:
    bad = extract.rejected.collect()
    names = [name for name in extract.records.collect_schema() if name != LINE]
    fields = [str(text).split(",") for text in bad["text"]]
    short = [len(one) < len(names) and '"' not in str(one) for one in fields]
    padded = [one + [None] * (len(names) - len(one)) for one, is_short in zip(fields, short, strict=True) if is_short]
    rows = pl.DataFrame(padded, schema=dict.fromkeys(names, pl.String), orient="row").with_columns(
        bad.filter(pl.Series(short, dtype=pl.Boolean))[LINE]
    )
    records = pl.concat([extract.records, rows.select(extract.records.collect_schema().names()).lazy()])
    return replace(extract, records=records, rejected=bad.filter(~pl.Series(short, dtype=pl.Boolean)).lazy())


def _a_field_shifted_by_a_row(extract: Extract) -> Extract:
    if not extract.rejected.collect().height:
        return extract
    return replace(extract, records=extract.records.with_columns(pl.col("note").shift(1)))


def _a_neighbour_swallowed(extract: Extract) -> Extract:
    if not extract.rejected.collect().height:
        return extract
    return replace(extract, rows_read=extract.rows_read - 1, records=extract.records.slice(1))


@pytest.mark.parametrize(
    "fault", [_bad_lines_left_out, _short_lines_padded, _a_field_shifted_by_a_row, _a_neighbour_swallowed]
)
def test_a_fault_behind_a_reader_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    # A fuzz test that nobody has seen fail may be one that cannot.
    def faulty(file: Path, *arguments: Any) -> Extract:
        return fault(read_extract(file, *arguments))

    monkeypatch.setattr("ingestion.examination.read_extract", faulty)
    with pytest.raises(Broken, match=r"row|record"):
        _all(specimens()[0])


def _all(specimen: Specimen) -> None:
    for seed in range(_ENOUGH):
        run(specimen, seed)
