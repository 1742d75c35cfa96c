"""What every reader gives: an extract's records as text, batch by batch, and the lines among them that are none."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from citylake.contracts.model import Column, LogicalType

LINE = "_line"
NEW_COLUMNS = "_new_columns"
"""One text column for all that the contract does not know: see :func:`packed`."""
REJECTED_SCHEMA: dict[str, type[pl.DataType]] = {LINE: pl.Int64, "rule": pl.String, "text": pl.String}


_VALUES: dict[LogicalType, type[pl.DataType]] = {
    "integer": pl.Int64,
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "timestamp": pl.Datetime,
}
_EXACT_AS_FLOAT = 1 << 53
_EPOCH = date(1970, 1, 1)
_IN_A_DAY = {"ms": 86_400_000, "us": 86_400_000_000}


def has_values(column: Column, kind: pl.DataType) -> bool:
    """Whether a column of this type holds the contract's values already. Decimals are read from their digits."""
    return column.physical_type is None and isinstance(kind, _VALUES.get(column.logical_type, pl.Null))


def as_text(value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Values, or texts, as texts that mean the same."""
    if isinstance(kind, pl.Date | pl.Datetime):
        zone = "%:z" if isinstance(kind, pl.Datetime) and kind.time_zone else ""
        form = "%Y-%m-%d" if isinstance(kind, pl.Date) else f"%Y-%m-%d %H:%M:%S%.f{zone}"
        return of_the_calendar(value, kind).dt.to_string(form).fill_null(beyond_the_calendar(value))
    if kind.is_float():
        is_whole = (value == value.floor()) & (value.abs() < _EXACT_AS_FLOAT)
        whole = value.cast(pl.Int64, strict=False).cast(pl.String)
        return pl.when(is_whole).then(whole).otherwise(value.cast(pl.String))
    return value.cast(pl.String)


def of_the_calendar(value: pl.Expr, kind: pl.Date | pl.Datetime) -> pl.Expr:
    """Days or times with a year of four digits; null for those that a text cannot say, nor polars write."""
    if isinstance(kind, pl.Datetime) and kind.time_unit == "ns":
        return value
    in_a_day = 1 if isinstance(kind, pl.Date) else _IN_A_DAY[kind.time_unit]
    first, last = ((day - _EPOCH).days for day in (date.min, date.max))
    return pl.when(value.to_physical().is_between(first * in_a_day, (last + 1) * in_a_day - 1)).then(value)


def beyond_the_calendar(value: pl.Expr) -> pl.Expr:
    """What is shown of such a day or time: its number, which no rule takes for one."""
    return pl.format("{} since 1970", value.to_physical())


def without_empty(texts: pl.DataFrame) -> pl.DataFrame:
    """Columns of texts with null for the empty ones; other columns stay as they are."""
    text = pl.col(pl.String)
    return texts.with_columns(pl.when(text.str.len_bytes() > 0).then(text))


def packed(texts: Mapping[str, pl.Expr]) -> list[pl.Expr]:
    """What a row has under each new heading, as one JSON object, ``_new_columns``; null where it has nothing.

    One expression, or none without new headings: then nothing is paid for them.
    """
    if not texts:
        return []
    members = [
        pl.when(text.str.len_bytes() > 0).then(
            pl.struct(text.alias(heading)).struct.json_encode().str.strip_prefix("{").str.strip_suffix("}")
        )
        for heading, text in texts.items()
    ]
    together = pl.concat_str(members, separator=",", ignore_nulls=True)
    return [pl.when(together != "").then(pl.concat_str(pl.lit("{"), together, pl.lit("}"))).alias(NEW_COLUMNS)]


@dataclass(frozen=True)
class Batch:
    """Some records of an extract; several batches follow each other in the order of their lines."""

    records: pl.DataFrame
    """``_line`` and one column a contract column that the file has, under the contract's ``name``: texts, or values.

    An empty text is null; one of white space alone may be there. Values are given where a format has types of its own
    and they are what the contract asks for (:func:`has_values`); :func:`as_text` is how their texts are written. Where
    there are headings that the contract does not know, ``_new_columns`` too.
    """
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED_SCHEMA))
    """``_line``, ``rule`` (``row.…``) and the original ``text`` of what is no record."""

    @property
    def rows(self) -> int:
        """Records, good and bad; header and blank lines are none."""
        return self.records.height + self.rejected.height


@dataclass
class Extract:
    """An extract whose headings were verified; its records are read when somebody asks for them."""

    batches: Callable[[], Iterator[Batch]]
    """Reads from the beginning at each call. Raises RefusedFile when only reading on shows what a file is."""
    missing_columns: tuple[str, ...] = ()
    new_columns: tuple[str, ...] = ()
    """Headings that the contract does not know; of formats that have headings in each record, once all are read."""


@dataclass
class Parts:
    """Batches kept on disk, of a format that is dear to read."""

    folder: Path
    _written: int = 0

    def add(self, batch: Batch) -> None:
        """Keep one batch."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, frame in (("records", batch.records), ("rejected", batch.rejected)):
            frame.write_parquet(self.folder / f"{self._written:06d}.{name}", compression="lz4")
        self._written += 1

    def __call__(self) -> Iterator[Batch]:
        """All of them, in the order in which they came."""
        for number in range(self._written):
            records, rejected = (
                pl.read_parquet(self.folder / f"{number:06d}.{name}", glob=False) for name in ("records", "rejected")
            )
            yield Batch(records, rejected)
