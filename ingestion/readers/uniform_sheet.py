"""A sheet whose columns each hold one type of cells: read at once, by the library that is quickest at it.

What it would not tell apart (a number among texts, digits a spreadsheet lost, times of a day in a column of dates)
makes a sheet one for the careful reader (:mod:`ingestion.readers.workbook`); a test holds both to the same records.
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import fastexcel
import polars as pl

from citylake.contracts.labels import Label
from citylake.contracts.model import Column, Contract
from ingestion.readers.cells import LOST_DIGITS, text_of
from ingestion.readers.extract import LINE, Batch, Extract, packed, without_empty
from ingestion.readers.header import match_headings, missing_headings

_ROWS_AT_ONCE = 100_000
_UNKNOWN = Column("", "", Label("", ""), "string")
"""A column that nothing is agreed about is read as text."""
_FIRST_DAY = datetime(1900, 1, 1)  # noqa: DTZ001  # cells know no zone
"""A time before it is one of a day that nobody named: zero, which a spreadsheet shows as a day that never was."""
# It warns of every column without a value, which is a matter of course in an extract; errors are raised.
logging.getLogger("fastexcel").setLevel(logging.ERROR)


def read_uniform_sheet(file: Path, sheet: str, contract: Contract) -> Extract | None:
    """Read a sheet that begins in the first row, with nothing merged, failed or computed; None if not uniform."""
    last = contract.dialect.preamble_lines + contract.dialect.header_lines
    if contract.dialect.header_lines > 1:
        return None
    try:
        found = fastexcel.read_excel(file).load_sheet(
            sheet, header_row=last - 1, dtype_coercion="strict", schema_sample_rows=None
        )
    except fastexcel.FastExcelError:
        return None
    headings = [column.name.strip() for column in found.selected_columns]
    is_named = all(column.column_name_from == "looked_up" for column in found.selected_columns)
    if not is_named or missing_headings(headings, contract) or _has_repeated(headings):
        return None
    header = match_headings(last, headings, contract)
    cells = found.to_polars()
    if cells.height and [None if cell is None else text_of(cell) for cell in cells.row(0)] == cells.columns:
        return None
    cells.columns = headings
    known = [(cells[heading], name) for heading, name in zip(headings, header.columns, strict=True) if name is not None]
    columns = [(_values(series, contract.column(name)), name) for series, name in known]
    values = [series.alias(name) for series, name in columns if series is not None]
    unknown = [series for heading in header.new if (series := _values(cells[heading], _UNKNOWN)) is not None]
    if len(values) < len(columns) or len(unknown) < len(header.new):
        return None
    values += pl.DataFrame(unknown).select(packed({name: pl.col(name) for name in header.new})).get_columns()
    lines = pl.int_range(last + 1, last + 1 + cells.height, dtype=pl.Int64, eager=True).alias(LINE)
    is_row = ~without_empty(cells).select(pl.all_horizontal(pl.all().is_null())).to_series()
    records = without_empty(pl.DataFrame([lines, *values])).filter(is_row)

    def batches() -> Iterator[Batch]:
        yield from map(Batch, records.iter_slices(_ROWS_AT_ONCE))

    return Extract(batches, header.missing, header.new)


def _has_repeated(headings: list[str]) -> bool:
    """Whether headings repeat; the library puts a number behind the later ones."""
    return any(heading.rpartition("_")[0] in headings or headings.count(heading) > 1 for heading in headings)


def _values(cells: pl.Series, column: Column) -> pl.Series | None:
    """Values as the contract has them, else texts as the cells show; None where that needs a look at each cell."""
    kind = cells.dtype
    if isinstance(kind, pl.String | pl.Null):
        return cells.cast(pl.String)
    if isinstance(kind, pl.Boolean):
        return cells if column.logical_type == "boolean" else cells.cast(pl.String)
    if kind.is_numeric():
        return None if (cells.abs() >= LOST_DIGITS).any() else _of_numbers(cells, column)
    return _of_times(cells, column) if isinstance(kind, pl.Datetime) else None


def _of_numbers(cells: pl.Series, column: Column) -> pl.Series:
    if cells.dtype.is_integer() or (cells == cells.floor()).all():
        whole = cells.cast(pl.Int64)
        return whole if column.logical_type == "integer" else whole.cast(pl.String)
    return pl.Series([None if cell is None else text_of(cell) for cell in cells.to_list()], dtype=pl.String)


def _of_times(cells: pl.Series, column: Column) -> pl.Series | None:
    if (cells < _FIRST_DAY).any():
        return None
    if column.logical_type == "timestamp":
        return cells.cast(pl.Datetime("us"))
    return cells.cast(pl.Date) if column.logical_type == "date" and _are_midnights(cells) else None


def _are_midnights(cells: pl.Series) -> bool:
    return bool((cells.dt.time() == datetime.min.time()).all())
