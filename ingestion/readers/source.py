"""From the bytes of an extract to verified text: decompressed, decoded, one line ending, line numbers kept.

Everything here streams: a file of any size needs the memory of one chunk. Nothing here knows columns.
"""

import gzip
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from citylake.contracts.model import Dialect
from ingestion import refusals
from ingestion.readers.encodings import Plausibility, Readable, as_utf8, likely, resolve
from ingestion.readers.kinds import check_kind, damaged_gzip, is_gzip, open_unpacked

_CHUNK_BYTES = 4 << 20
_HEAD_BYTES = 64 << 10
_LONGEST_LINE_BYTES = 64 << 20
_WORST_UNDECODABLE_SHARE = 0.1
_MOST_SAMPLED = 200


@dataclass(frozen=True)
class Lines:
    """An extract as UTF-8 text with LF line endings, line by line as delivered."""

    path: Path
    count: int
    undecodable: "array[int]"
    """1-based numbers of lines with bytes outside the declared encoding; those bytes stand as U+FFFD."""


@dataclass
class _Undecodable:
    """Lines that could not be decoded, and the first of them as they are: they tell what the encoding may be."""

    numbers: "array[int]"
    sample: list[bytes]


def write_lines(source: Path, target: Path, dialect: Dialect) -> Lines:
    """Write an extract's text to ``target``. Raises RefusedFile when it is not text of the declared encoding."""
    encoding = dialect.encoding
    bad = _Undecodable(array("q"), [])
    plausibility = Plausibility(encoding)
    count = 0
    try:
        with open_unpacked(source) as stream, target.open("wb") as out:
            for chunk, codec in _whole_lines(stream, dialect):
                plausibility.add(chunk)
                text = _decode(chunk, codec, count, bad)
                count += text.count(b"\n") + (not text.endswith(b"\n"))
                out.write(text)
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise damaged_gzip() from problem
    plausibility.check()
    _check_share(bad, count, encoding)
    return Lines(target, count, bad.numbers)


def lines_as_they_lie(source: Path, dialect: Dialect) -> Lines | None:
    """A file that is UTF-8 with LF line endings as it stands: no copy is needed; None when it is not.

    Raises RefusedFile when it is visibly no text of the declared encoding.
    """
    if dialect.encoding != "UTF-8":
        return None
    with source.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if is_gzip(head):
            return None
        check_kind(head, dialect.format)
        _, mark = resolve(head, dialect.encoding)
        file.seek(0)
        if mark or any(b"\r" in chunk or b"\x00" in chunk for chunk in iter(lambda: file.read(_CHUNK_BYTES), b"")):
            return None
    try:
        # Counting alone would not look at the bytes.
        seen = pl.scan_lines(source, name="text", glob=False).select(pl.len(), pl.col("text").str.len_bytes().sum())
        count = seen.collect(engine="streaming").item(0, 0)
    except pl.exceptions.ComputeError:
        return None
    return Lines(source, count, array("q"))


def _check_share(bad: _Undecodable, count: int, encoding: str) -> None:
    """Single lines may be damaged; where many are, the whole is in another encoding."""
    if len(bad.numbers) <= max(1, _WORST_UNDECODABLE_SHARE * count):
        return
    seen = likely(b"\n".join(bad.sample))
    raise refusals.wrong_encoding(
        encoding,
        f"{count}行中有{len(bad.numbers)}行无法解码" + (f"，文件像是 {seen} 编码。" if seen else "。"),
        f"{len(bad.numbers)} of {count} lines cannot be decoded" + (f"; it looks like {seen}." if seen else "."),
    )


def _whole_lines(stream: Readable, dialect: Dialect) -> Iterator[tuple[bytes, str]]:
    """Chunks that end where a line ends, with their codec. No encoding here uses CR or LF inside a character."""
    head = stream.read(_HEAD_BYTES)
    check_kind(head, dialect.format)
    codec, mark = resolve(head, dialect.encoding)
    text = as_utf8(_Continued(head[mark:], stream), codec)
    codec = "utf-8" if codec.startswith("utf-16") else codec
    rest = text.read(_CHUNK_BYTES)
    if not rest.strip():
        raise refusals.empty()
    while piece := text.read(_CHUNK_BYTES):
        # A CR at the very end may be half of a CRLF: it waits for the next piece.
        cut = max(rest.rfind(b"\n"), rest.rfind(b"\r", 0, len(rest) - 1)) + 1
        if cut:
            yield rest[:cut], codec
        elif len(rest) > _LONGEST_LINE_BYTES:
            raise refusals.wrong_structure(
                "文件没有换行，无法逐行读取。", "The file has no line ends and cannot be read."
            )
        rest = rest[cut:] + piece
    yield rest, codec


class _Continued:
    """A stream with what was read of it already put back."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int, /) -> bytes:
        piece, self._head = self._head[:size], self._head[size:]
        return piece or self._stream.read(size)


def _decode(chunk: bytes, codec: str, first: int, bad: _Undecodable) -> bytes:
    """A chunk as UTF-8 with LF; lines that could not be decoded are noted, counted on from ``first``."""
    lines = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in chunk else chunk
    if b"\x00" not in lines:
        try:
            text = lines.decode(codec)
            return lines if codec == "utf-8" else text.encode()
        except UnicodeError:
            pass
    return _decode_singly(lines, codec, first, bad)


def _decode_singly(lines: bytes, codec: str, first: int, bad: _Undecodable) -> bytes:
    """Line by line, which only a chunk with a fault in it needs: a bad line must not take its neighbours along."""
    texts: list[bytes] = []
    for number, line in enumerate(lines.split(b"\n"), start=first + 1):
        try:
            if b"\x00" in line:
                raise UnicodeError  # noqa: TRY301  # a zero byte is as unreadable as a wrong one
            texts.append(line.decode(codec).encode())
        except UnicodeError:
            bad.numbers.append(number)
            if len(bad.sample) < _MOST_SAMPLED:
                bad.sample.append(line)
            readable = line.decode(codec, errors="replace").encode("utf-8", errors="replace")
            texts.append(readable.replace(b"\x00", "\ufffd".encode()))
    return b"\n".join(texts)
