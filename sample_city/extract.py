"""Writes extracts as departments do: the contract's own headings, encoding, delimiter and words for "nothing".

What is in an extract is decided elsewhere; here frames with our column names become a file in landing. A file is
written aside, gets its time of arrival and is then moved to its place.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from citylake.contracts.model import Contract, InvalidContract
from sample_city.defects import BREACH, break_lines, break_values


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
    def file_name(self) -> str:
        """As landing names files; ``.synthetic`` says what it is."""
        revision = f"_r{self.revision}" if self.revision else ""
        return f"{self.contract.name}_{self.extract_date:%Y%m%d}{revision}.synthetic.{self.contract.dialect.extension}"

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
    columns = [column.name for column in contract.columns if column.name != delivery.without]
    folder = landing / contract.department / contract.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / delivery.file_name
    aside = folder / f".{delivery.file_name}.part"
    rows = malformed = 0
    with aside.open("wb") as file:
        if contract.dialect.format == "csv":
            headings = [contract.column(name).heading for name in columns]
            file.write(_encode(contract.dialect.delimiter.join(headings), contract))
        for frame in frames:
            if frame.is_empty():
                continue
            lines = _lines(break_values(_texts(frame, contract), contract).select(*columns, BREACH), contract)
            file.write(_encode("\n".join(break_lines(lines, frame[BREACH], contract)), contract))
            rows += frame.height
            malformed += frame[BREACH].count()
    arrival = delivery.arrived_at.timestamp()
    os.utime(aside, (arrival, arrival))
    aside.replace(path)
    return Delivered(delivery, path, rows, malformed)


def _encode(text: str, contract: Contract) -> bytes:
    return (text + "\n").encode(contract.dialect.encoding)


def _texts(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Dates and times as written in extracts; in CSV everything is text."""
    written: list[pl.Expr] = []
    for column in contract.columns:
        if column.name not in frame.columns:
            if column.required:
                raise InvalidContract(f"{contract.dataset}: the sample city has no values for {column.name!r}.")
            written.append(pl.lit(None, pl.String).alias(column.name))
            continue
        value = pl.col(column.name)
        match column.logical_type:
            case "date":
                written.append(value.dt.strftime("%Y-%m-%d"))
            case "timestamp":
                written.append(value.dt.strftime("%Y-%m-%d %H:%M:%S"))
            case _:
                written.append(value if contract.dialect.format == "json" else value.cast(pl.String))
    return frame.select(*written, BREACH)


def _lines(texts: pl.DataFrame, contract: Contract) -> pl.Series:
    columns = [column for column in contract.columns if column.name in texts.columns]
    if contract.dialect.format == "json":
        record = pl.struct(pl.col(column.name).alias(column.heading) for column in columns)
        return texts.select(line=record.struct.json_encode()).to_series()
    quote, delimiter = contract.dialect.quote, contract.dialect.delimiter
    fields = (
        pl.when(pl.col(column.name).str.contains(f"[{delimiter}{quote}\r\n]"))
        .then(quote + pl.col(column.name).str.replace_all(quote, quote * 2, literal=True) + quote)
        .otherwise(pl.col(column.name).fill_null(contract.dialect.null_values[-1]))
        for column in columns
    )
    return texts.select(line=pl.concat_str(*fields, separator=delimiter)).to_series()
