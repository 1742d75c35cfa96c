"""Records of an extract emptied where they stand, so that every other keeps its line: text, JSON arrays, Parquet.

What is left of a record is its line ends, ``null`` in an array, a row of nulls in Parquet; a workbook's rows are
:mod:`ingestion.emptied_workbook`'s. Bytes of other records stay as they were delivered; an array is written one element
a line. Which records are to go is not decided here. Emptying what is empty already changes nothing.
"""

import codecs
import gzip
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from citylake.contracts.model import Contract
from citylake.lake.written import loose_pattern, plain_bytes
from ingestion.emptied_workbook import empty_sheet_rows, sheet_rows_with
from ingestion.readers.encodings import CODECS, resolve
from ingestion.readers.json_array import elements, is_array
from ingestion.readers.kinds import is_gzip, unpacked
from ingestion.refusals import RefusedFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

Span = tuple[int, int]
"""First and last line of a record."""
_BLOCK_BYTES = 4 << 20
_SNIFFED_BYTES = 64 << 10
_ROWS_AT_ONCE = 100_000
_LF, _CR = ord("\n"), ord("\r")


def empty_records(
    file: Path, target: Path, contract: Contract, spans: Collection[Span], words: Collection[str]
) -> None:
    """Write a file to ``target`` without these records, packed by gzip if it was; both lie in ``target``'s folder.

    ``words`` are struck out also elsewhere in a workbook, which has places that no reader looks at.
    Raises RefusedFile when the file is too damaged to be taken apart.
    """
    is_packed = _is_packed(file)
    plain = unpacked(file, target.parent)
    out = target.with_name("emptied") if is_packed else target
    firsts = {first for first, _ in spans}
    match contract.dialect.format:
        case "xlsx":
            empty_sheet_rows(plain, out, contract.dialect.sheet, firsts, words)
        case "parquet":
            _empty_parquet(plain, out, firsts)
        case "json" if is_array(plain, contract.dialect):
            try:
                _empty_elements(plain, out, contract, firsts)
            except RefusedFile:  # As when it was searched.
                _empty_lines(plain, out, contract.dialect.encoding, spans)
        case _:
            _empty_lines(plain, out, contract.dialect.encoding, spans)
    if is_packed:
        _pack(out, target)


def records_with(file: Path, contract: Contract, words: Collection[str], folder: Path) -> list[int]:
    """The lines (rows, elements) of a file in which one of these words occurs, whatever their letters' case.

    Finds them also in text that cannot be read as the contract says; what has to be unpacked lies in ``folder``.
    Raises RefusedFile for a damaged file of another kind.
    """
    if not words:
        return []
    plain, dialect = unpacked(file, folder), contract.dialect
    match dialect.format:
        case "xlsx":
            return sheet_rows_with(plain, dialect.sheet, words)
        case "parquet":
            return _parquet_rows_with(plain, words)
        case "json" if is_array(plain, dialect):
            sought = [plain_bytes(word.encode()) for word in words]
            written = (plain_bytes(element.encode()) for element in elements(plain, dialect))
            found = (any(word in element for word in sought) for element in written)
            try:
                return [number for number, is_found in enumerate(found, start=1) if is_found]
            except RefusedFile:  # A broken array is only known by its lines.
                return list(_lines_with(plain, dialect.encoding, words))
        case _:
            return list(_lines_with(plain, dialect.encoding, words))


def _is_packed(file: Path) -> bool:
    with file.open("rb") as stream:
        return is_gzip(stream.read(2))


def _pack(source: Path, target: Path) -> None:
    """Without a time or name in its head: the same content gives the same bytes whenever it is packed."""
    with (
        source.open("rb") as stream,
        target.open("wb") as sink,
        gzip.GzipFile(fileobj=sink, mode="wb", filename="", mtime=0) as packed,
    ):
        shutil.copyfileobj(stream, packed, 1 << 20)


def _empty_lines(source: Path, target: Path, encoding: str, spans: Collection[Span]) -> None:
    """Bytes between line ends taken out, block by block; the mark at the beginning stays."""
    rising = sorted(spans)
    with source.open("rb") as stream, target.open("wb") as out:
        for first, block, unit, mark in _blocks_of_lines(stream, encoding):
            starts, stops = _line_bounds(block, unit)
            place = 0
            for span in rising:
                for line in range(max(span[0], first), min(span[1], first + len(starts) - 1) + 1):
                    start, stop = int(starts[line - first]), int(stops[line - first])
                    start += mark if line == 1 else 0
                    out.write(block[place : max(place, start)])
                    place = max(place, start, stop)
            out.write(block[place:])


def _lines_with(source: Path, encoding: str, words: Collection[str]) -> Iterator[int]:
    """Numbers of lines in whose bytes one of the words occurs, however its digits are written."""
    sought = [plain_bytes(word.encode()) for word in words]

    def has_any(content: bytes, codec: str | None) -> bool:
        plain = plain_bytes(content if codec is None else content.decode(codec, "replace").encode())
        return any(word in plain for word in sought)

    with source.open("rb") as stream:
        for first, block, unit, _ in _blocks_of_lines(stream, encoding):
            codec = {"<u2": "utf-16-le", ">u2": "utf-16-be"}.get(unit.str)
            if not has_any(block, codec):
                continue
            starts, stops = _line_bounds(block, unit)
            for number, (start, stop) in enumerate(zip(starts, stops, strict=True), start=first):
                if has_any(block[start:stop], codec):
                    yield number


def _blocks_of_lines(stream: BinaryIO, encoding: str) -> Iterator[tuple[int, bytes, "np.dtype[Any]", int]]:
    """Whole lines: the number of the first, their bytes, what a character is made of, the length of a mark."""
    head = stream.read(_SNIFFED_BYTES)
    try:
        codec, mark = resolve(head, encoding)
    except RefusedFile:
        codec, mark = CODECS[encoding], 0
    unit = np.dtype({"utf-16-le": "<u2", "utf-16-be": ">u2"}.get(codec, "u1"))
    first, rest = 1, head
    while True:
        piece = stream.read(_BLOCK_BYTES)
        is_last = not piece
        rest += piece
        cut = len(rest) if is_last else _last_line_end(rest, unit)
        if cut:
            block, rest = rest[:cut], rest[cut:]
            yield first, block, unit, mark
            first += len(_line_bounds(block, unit)[0])
        if is_last:
            return


def _last_line_end(content: bytes, unit: "np.dtype[Any]") -> int:
    """Where the last line ends that certainly does: a CR at the very end may be half of a CRLF."""
    units = np.frombuffer(content[: len(content) // unit.itemsize * unit.itemsize], unit)[:-1]
    ends = np.flatnonzero((units == _LF) | (units == _CR))
    if not len(ends):
        return 0
    last = int(ends[-1])
    is_half = units[last] == _CR and last + 1 < len(content) // unit.itemsize
    following = np.frombuffer(content[(last + 1) * unit.itemsize :][: unit.itemsize], unit) if is_half else ()
    return (last + 1 + int(is_half and len(following) > 0 and following[0] == _LF)) * unit.itemsize


def _line_bounds(block: bytes, unit: "np.dtype[Any]") -> tuple["NDArray[np.intp]", "NDArray[np.intp]"]:
    """Where each line begins and where its text ends, in bytes; what ends a line is CRLF, LF or CR."""
    size = unit.itemsize
    units = np.frombuffer(block[: len(block) // size * size], unit)
    is_lf, is_cr = units == _LF, units == _CR
    follows_cr = np.concatenate(([False], is_cr[:-1])) if len(units) else is_lf
    is_end = is_lf | (is_cr & ~np.concatenate((is_lf[1:], [False])) if len(units) else is_cr)
    ends = np.flatnonzero(is_end)
    stops = ends - (is_lf & follows_cr)[ends]
    starts = np.concatenate(([0], ends + 1))
    if len(starts) and starts[-1] >= len(units):
        return starts[:-1] * size, stops * size
    return starts * size, np.append(stops * size, len(block))


def _empty_elements(source: Path, target: Path, contract: Contract, numbers: set[int]) -> None:
    with source.open("rb") as stream:
        codec, mark = resolve(stream.read(_SNIFFED_BYTES), contract.dialect.encoding)
        stream.seek(0)
        head = stream.read(mark)
    encoder = codecs.getincrementalencoder(codec)()
    with target.open("wb") as out:
        out.write(head + encoder.encode("["))
        for number, element in enumerate(elements(source, contract.dialect), start=1):
            out.write(encoder.encode((",\n" if number > 1 else "\n") + ("null" if number in numbers else element)))
        out.write(encoder.encode("\n]\n", final=True))


def _empty_parquet(source: Path, target: Path, rows: set[int]) -> None:
    """Rows of nulls in their place. Columns that must have values are allowed none; the schema is kept."""
    with pq.ParquetFile(source) as parquet:
        schema = pa.schema([field.with_nullable(True) for field in parquet.schema_arrow], parquet.schema_arrow.metadata)
        with pq.ParquetWriter(target, schema) as writer:
            first = 1
            for batch in parquet.iter_batches(batch_size=_ROWS_AT_ONCE):
                places = [None if first + place in rows else place for place in range(batch.num_rows)]
                first += batch.num_rows
                # Taking from nowhere gives null, whatever the type.
                columns = (
                    [column.take(pa.array(places, pa.int64())) for column in batch.columns]
                    if None in places
                    else batch.columns
                )
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def _parquet_rows_with(source: Path, words: Collection[str]) -> list[int]:
    """Rows with one of the words in any text, or in a number as it is written."""
    frame = pl.scan_parquet(source, glob=False, row_index_name="_row", row_index_offset=1)
    texts = [
        pl.col(name).cast(pl.String) if not kind.is_nested() else pl.struct(name).struct.json_encode()
        for name, kind in frame.collect_schema().items()
        if name != "_row" and not isinstance(kind, pl.Binary)
    ]
    if not texts:
        return []
    found = pl.any_horizontal(text.str.contains(f"(?i){'|'.join(map(loose_pattern, words))}") for text in texts)
    return frame.filter(found).select("_row").collect(engine="streaming")["_row"].to_list()
