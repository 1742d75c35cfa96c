"""Reading Parquet: columns by name, whatever type the writer gave them this time, as long as nothing is lost by it.

A system's types drift: a number becomes text, a date a time. Every type that says the same without loss is read as the
text that validation expects; one that does not (nested values, fractions for a code) refuses the delivery by name.
Line numbers are those of the rows, from 1.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from citylake.contracts.labels import Label
from citylake.contracts.model import Column, Contract, LogicalType
from ingestion import refusals
from ingestion.pipelining import in_order
from ingestion.readers.extract import (
    LINE,
    Batch,
    Extract,
    as_text,
    beyond_the_calendar,
    has_values,
    of_the_calendar,
    packed,
    without_empty,
)
from ingestion.readers.header import match_headings
from ingestion.readers.kinds import check_kind

_TYPES: dict[LogicalType, Label] = {
    "string": Label("文本", "text"),
    "integer": Label("整数", "whole number"),
    "number": Label("数值", "number"),
    "boolean": Label("是否值", "yes or no"),
    "date": Label("日期", "date"),
    "timestamp": Label("时间", "time"),
    "array": Label("列表", "list"),
}
_ROWS_AT_ONCE = 100_000


def read_parquet(file: Path, contract: Contract) -> Extract:
    """Read a Parquet file. Raises RefusedFile when it is none, lacks columns, or a type loses what they need."""
    with file.open("rb") as stream:
        check_kind(stream.read(16), "parquet")
    try:
        metadata = pq.read_metadata(file)
        declared = metadata.num_rows
        groups = [int(metadata.row_group(place).num_rows) for place in range(metadata.num_row_groups)]
        schema = pl.scan_parquet(file, glob=False).collect_schema()
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError) as problem:
        raise damaged() from problem
    header = match_headings(0, schema.names(), contract)
    columns = {name: heading for heading, name in zip(schema, header.columns, strict=True) if name is not None}
    texts = [_column(contract.column(name), heading, schema[heading]).alias(name) for name, heading in columns.items()]
    records = pl.scan_parquet(file, glob=False, row_index_name=LINE, row_index_offset=1).select(
        pl.col(LINE).cast(pl.Int64), *texts, *packed({name: _any_text(name, schema[name]) for name in header.new})
    )

    def read(rows: range) -> pl.DataFrame:
        return without_empty(records.slice(rows.start, len(rows)).collect())

    def batches() -> Iterator[Batch]:
        missing = declared
        with refusing_damage(file):
            for rows in in_order(read, _together(groups)):
                missing -= rows.height
                yield from map(Batch, rows.iter_slices(_ROWS_AT_ONCE))
        if missing:
            # Where a damaged length leads beyond the file, polars may read no row and say nothing.
            raise damaged()

    return Extract(batches, header.missing, header.new)


def _together(groups: Iterable[int]) -> Iterator[range]:
    """The rows of one row group, or of several small ones, at a time: a reader that streams would run far ahead."""
    start = end = 0
    for rows in groups:
        end += rows
        if end - start >= _ROWS_AT_ONCE:
            yield range(start, end)
            start = end
    if start < end:
        yield range(start, end)


def damaged() -> refusals.RefusedFile:
    """A file that begins like Parquet and cannot be read."""
    return refusals.unreadable(
        "Parquet 文件已损坏或不完整，请重新导出。", "The Parquet file is damaged or cut off. Export it again."
    )


@contextmanager
def refusing_damage(file: Path) -> Generator[None]:
    """While rows are read: a failure is the file's fault if it is named so, or another library cannot read it either.

    Raises RefusedFile for a damaged file; any other failure goes on as it is.
    """
    try:
        yield
    except pl.exceptions.ComputeError as problem:
        raise damaged() from problem
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        _read_through(file)
        raise


def _read_through(file: Path) -> None:
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            missing = parquet.metadata.num_rows
            for batch in parquet.iter_batches():
                batch.validate(full=True)  # Otherwise it takes any bytes for text.
                missing -= batch.num_rows
    except (pa.ArrowException, OSError) as problem:
        raise damaged() from problem
    if missing:
        raise damaged()


def _column(column: Column, heading: str, kind: pl.DataType) -> pl.Expr:
    """Values where they are what the contract asks for, else texts. Raises RefusedFile."""
    is_exact = not isinstance(kind, pl.Datetime) or kind.time_unit != "ns"
    return pl.col(heading) if has_values(column, kind) and is_exact else _text(column, heading, kind)


def _text(column: Column, heading: str, kind: pl.DataType) -> pl.Expr:
    """A column of some type as text; what its values mean is the same. Raises RefusedFile."""
    expected = column.logical_type
    for is_kind, can_be, text in _ways(heading, kind, is_date=expected == "date"):
        if is_kind and expected in can_be:
            return text()
    raise refusals.wrong_dialect(
        Label(f"列「{heading}」为{_TYPES[expected].zh}", f"column {heading} as {_TYPES[expected].en}"),
        Label(f"类型 {kind}", f"type {kind}"),
    )


def _any_text(heading: str, kind: pl.DataType) -> pl.Expr:
    """A column that nothing is agreed about, as text: plain values as they are, others as JSON, bytes not at all."""
    value = pl.col(heading)
    plain = (text for is_kind, _, text in _ways(heading, kind, is_date=False) if is_kind)
    nested = (lambda: pl.lit(None, pl.String)) if _has_bytes(kind) else (lambda: _as_json(value))
    return next(plain, nested)()


def _has_bytes(kind: pl.DataType) -> bool:
    """Whether a type has parts that JSON cannot say."""
    if isinstance(kind, pl.List | pl.Array):
        return _has_bytes(kind.inner)  # pyright: ignore[reportArgumentType]  # an instance, as a schema has it
    if isinstance(kind, pl.Struct):
        return any(_has_bytes(field.dtype) for field in kind.fields)  # pyright: ignore[reportArgumentType]  # as above
    return isinstance(kind, pl.Binary | pl.Object)


def _ways(
    heading: str, kind: pl.DataType, *, is_date: bool
) -> tuple[tuple[bool, Collection[str], Callable[[], pl.Expr]], ...]:
    """Whether the type is of some kind, what values of that kind can stand for, and how they are written."""
    value = pl.col(heading)
    is_plain = isinstance(kind, pl.String | pl.Null | pl.Categorical | pl.Enum)
    return (
        (is_plain, {*_TYPES}, lambda: value.cast(pl.String)),
        (kind.is_integer(), {*_TYPES} - {"array"}, lambda: value.cast(pl.String)),
        (isinstance(kind, pl.Boolean), {"boolean"}, lambda: value.cast(pl.String)),
        (kind.is_decimal(), {"string", "integer", "number"}, lambda: _without_zeros(value.cast(pl.String))),
        (kind.is_float(), {"integer", "number"}, lambda: as_text(value, kind)),
        (isinstance(kind, pl.Date), {"string", "date"}, lambda: as_text(value, kind)),
        (isinstance(kind, pl.Date), {"timestamp"}, lambda: as_text(value, kind) + " 00:00:00"),
        (
            isinstance(kind, pl.Datetime),
            {"string", "date", "timestamp"},
            lambda: _of_time(value, kind, is_date=is_date),
        ),
        (isinstance(kind, pl.List | pl.Array) and not _has_bytes(kind), {"array"}, lambda: _as_json(value)),
    )


def _as_json(value: pl.Expr) -> pl.Expr:
    """A value as JSON text."""
    json = pl.struct(value.alias("_")).struct.json_encode()
    return pl.when(value.is_not_null()).then(json.str.strip_prefix('{"_":').str.strip_suffix("}"))


def _of_time(value: pl.Expr, kind: pl.DataType, *, is_date: bool) -> pl.Expr:
    """A time with its zone if it has one; for a date, midnight is none. Beyond microseconds nothing is cut off."""
    if not isinstance(kind, pl.Datetime):
        raise TypeError(kind)
    known = of_the_calendar(value, kind)
    micro = known.cast(pl.Datetime("us", kind.time_zone))
    zone = "%:z" if kind.time_zone else ""
    text = micro.dt.to_string(f"%Y-%m-%d %H:%M:%S%.6f{zone}")
    if kind.time_unit == "ns":
        is_exact = micro.cast(pl.Datetime("ns", kind.time_zone)) == value
        text = pl.when(is_exact).then(text).otherwise(value.dt.to_string(f"%Y-%m-%d %H:%M:%S%.9f{zone}"))
    if is_date:
        text = pl.when(known.dt.time() == pl.time(0)).then(known.dt.to_string("%Y-%m-%d")).otherwise(text)
    return text.fill_null(beyond_the_calendar(value))


def _without_zeros(text: pl.Expr) -> pl.Expr:
    """A decimal without zeros that its scale alone put there."""
    has_fraction = text.str.contains(".", literal=True)
    return pl.when(has_fraction).then(text.str.strip_chars_end("0").str.strip_suffix(".")).otherwise(text)
