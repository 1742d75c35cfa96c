"""Writes extracts as departments do: the contract's own headings, format, encoding and words for "nothing".

What is in an extract is decided elsewhere; here frames with our column names become a file in landing. A file is
written aside, gets its time of arrival and is then moved to its place.
"""

import codecs
import gzip
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import polars as pl
import xlsxwriter

from citylake.contracts.model import Column, Contract, Format, InvalidContract
from sample_city.defects import BREACH, NO_DATE, break_lines, break_values, dated_column

_BLOCK = 100_000
_GZIP = ".gz"

Write = Callable[[pl.DataFrame], None]
"""Takes some rows as they are to be written, and the column of breaches."""


@dataclass(frozen=True)
class Delivery:
    """One file to be delivered."""

    contract: Contract
    extract_date: date
    arrives: date
    """The day whose morning (01:00, at the source's clock) it reaches landing."""
    revision: int = 0
    without: str | None = None
    """The column that is left out, heading and all: the delivery will be refused."""

    @property
    def columns(self) -> list[Column]:
        """The contract's columns that are in the file."""
        return [column for column in self.contract.columns if column.name != self.without]

    @property
    def is_gzip(self) -> bool:
        """Whether the contract says that its files are packed."""
        return self.contract.path.endswith(_GZIP)

    @property
    def file_name(self) -> str:
        """As landing names files; ``.synthetic`` says what it is."""
        revision = f"_r{self.revision}" if self.revision else ""
        ending = self.contract.dialect.extension + (_GZIP if self.is_gzip else "")
        return f"{self.contract.name}_{self.extract_date:%Y%m%d}{revision}.synthetic.{ending}"

    @property
    def arrived_at(self) -> datetime:
        """When it reaches landing."""
        minutes = timedelta(minutes=5 * self.revision)
        return datetime.combine(self.arrives, time(1), ZoneInfo(self.contract.dialect.timezone)) + minutes


@dataclass(frozen=True)
class Delivered:
    """What was written."""

    delivery: Delivery
    path: Path
    rows: int
    malformed: int


def write_extract(landing: Path, delivery: Delivery, frames: Iterable[pl.DataFrame]) -> Delivered:
    """Write the frames as one extract. Each has the contract's columns by our names, and the column of breaches."""
    contract = delivery.contract
    folder = landing / contract.department / contract.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / delivery.file_name
    aside = folder / f".{delivery.file_name}.part"
    names = [column.name for column in delivery.columns]
    rows = malformed = 0
    with _WRITERS[contract.dialect.format](aside, delivery) as write:
        for block in (block for frame in frames for block in _blocks(frame)):
            write(break_values(_written(block, contract), contract).select(*names, BREACH))
            rows += block.height
            malformed += block[BREACH].count()
    arrival = delivery.arrived_at.timestamp()
    os.utime(aside, (arrival, arrival))
    aside.replace(path)
    return Delivered(delivery, path, rows, malformed)


def _blocks(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Slices of a frame; of an empty one itself, for a day without records is a file with headings alone."""
    yield from frame.iter_slices(_BLOCK) if frame.height else (frame,)


def _written(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Values as extracts have them: dates and times are text where the format has no type for them."""
    written: list[pl.Expr] = []
    for column in contract.columns:
        if column.name not in frame.columns:
            if column.required:
                raise InvalidContract(f"{contract.dataset}: the sample city has no values for {column.name!r}.")
            written.append(pl.lit(None, pl.String).alias(column.name))
            continue
        value = pl.col(column.name)
        match contract.dialect.format, column.logical_type:
            case (("csv" | "json"), "date"):
                written.append(value.dt.strftime("%Y-%m-%d"))
            case (("csv" | "json"), "timestamp"):
                written.append(value.dt.strftime("%Y-%m-%d %H:%M:%S"))
            case "csv", "array":
                written.append(_as_json(value).alias(column.name))
            case "csv", _:
                written.append(value.cast(pl.String))
            case _:
                written.append(value)
    return frame.select(*written, BREACH)


def _as_json(values: pl.Expr) -> pl.Expr:
    """A list of records as text."""
    record = pl.element().struct.json_encode()
    return pl.lit("[") + values.list.eval(record).list.join(",") + pl.lit("]")


@contextmanager
def _text_file(path: Path, delivery: Delivery) -> Generator[Write]:
    """CSV or JSON Lines. What writes a byte order mark is a program of Windows, where lines end with CR LF."""
    contract = delivery.contract
    dialect = contract.dialect
    end = "\r\n" if dialect.encoding in {"UTF-8-SIG", "UTF-16"} else "\n"
    encoder = codecs.getincrementalencoder(dialect.encoding)()
    with path.open("wb") as raw, _packed(raw) if delivery.is_gzip else raw as file:

        def write_lines(lines: Iterable[str]) -> None:
            file.write(encoder.encode(end.join(lines) + end))

        def write(rows: pl.DataFrame) -> None:
            if rows.height:
                write_lines(break_lines(_lines(rows, delivery), rows[BREACH], contract))

        if dialect.format == "csv":
            write_lines([*_preamble(contract), *map(dialect.delimiter.join, _heading_lines(delivery))])
        yield write


def _packed(file: IO[bytes]) -> gzip.GzipFile:
    """Without name and time: the same bytes every time."""
    return gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)


def _lines(rows: pl.DataFrame, delivery: Delivery) -> pl.Series:
    dialect = delivery.contract.dialect
    if dialect.format == "json":
        record = pl.struct(pl.col(column.name).alias(column.heading) for column in delivery.columns)
        return rows.select(line=record.struct.json_encode()).to_series()
    quote, delimiter = dialect.quote, dialect.delimiter
    escaped = (dialect.escape or quote) + quote
    fields = (
        pl.when(pl.col(column.name).str.contains(f"[{delimiter}{quote}\r\n]"))
        .then(quote + pl.col(column.name).str.replace_all(quote, escaped, literal=True) + quote)
        .otherwise(pl.col(column.name).fill_null(dialect.null_values[-1]))
        for column in delivery.columns
    )
    return rows.select(line=pl.concat_str(*fields, separator=delimiter)).to_series()


@contextmanager
def _workbook(path: Path, delivery: Delivery) -> Generator[Write]:
    """One sheet; dates are dates, numbers are numbers, and every code is text, as it must be."""
    blocks: list[pl.DataFrame] = []
    yield blocks.append
    dialect = delivery.contract.dialect
    rows = pl.concat(blocks)
    *above, _ = _heading_lines(delivery)
    top = dialect.preamble_lines + len(above)
    with xlsxwriter.Workbook(path) as book:
        # The time of creation is the extract's, not the clock's: the same bytes every time.
        book.set_properties({"created": delivery.arrived_at.astimezone(UTC).replace(tzinfo=None)})
        sheet = book.add_worksheet(dialect.sheet)
        sheet.write_column(0, 0, [*_preamble(delivery.contract), *(line[0] for line in above)])
        rows.select(pl.col(column.name).alias(column.heading) for column in delivery.columns).write_excel(
            book, sheet, position=(top, 0), autofilter=False
        )
        dated = dated_column(delivery.contract)
        place = next((place for place, column in enumerate(delivery.columns) if column == dated), None)
        if place is not None:
            for row in rows[BREACH].eq("type").arg_true():
                sheet.write_string(top + 1 + row, place, NO_DATE)


@contextmanager
def _parquet_file(path: Path, delivery: Delivery) -> Generator[Write]:
    """Typed columns under the department's headings."""
    blocks: list[pl.DataFrame] = []
    yield blocks.append
    headings = (pl.col(column.name).alias(column.heading) for column in delivery.columns)
    pl.concat(blocks).select(headings).write_parquet(path)


def _preamble(contract: Contract) -> list[str]:
    """The lines before the headings: a title, then nothing."""
    title = f"{contract.title}【合成数据 synthetic】"
    return [title, *[""] * contract.dialect.preamble_lines][: contract.dialect.preamble_lines]


def _heading_lines(delivery: Delivery) -> list[list[str]]:
    """The headings on the last of their lines; above it what they have in common."""
    headings = [column.heading for column in delivery.columns]
    group = [delivery.contract.title.zh, *[""] * (len(headings) - 1)]
    return [*[group] * (delivery.contract.dialect.header_lines - 1), headings]


_WRITERS: dict[Format, Callable[[Path, Delivery], AbstractContextManager[Write]]] = {
    "csv": _text_file,
    "json": _text_file,
    "xlsx": _workbook,
    "parquet": _parquet_file,
}
