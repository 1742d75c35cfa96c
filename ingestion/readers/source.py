"""From the bytes of an extract to verified text: decompressed, decoded, one line ending, line numbers kept.

Everything here streams: a file of any size needs the memory of a few blocks. Nothing here knows columns.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from citylake.contracts.model import Dialect
from ingestion import refusals
from ingestion.readers.encodings import Plausibility, Readable, as_utf8, likely, resolve
from ingestion.readers.kinds import check_kind, damaged_gzip, open_unpacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_BYTES = 8 << 20
"""Larger ones leave the processor's caches before they are judged, smaller ones cost more than they hold."""
_LINE_END = ord("\n")
HEAD_BYTES = 256 << 10
_SNIFFED_BYTES = 64 << 10
_LONGEST_LINE_BYTES = 64 << 20
_WORST_UNDECODABLE_SHARE = 0.1
_MOST_SAMPLED = 200
_DECODED_AT_ONCE_BYTES = 1 << 20
"""Python's decoders hold the interpreter while they work: whoever judges meanwhile gets a turn in between."""


@dataclass(frozen=True)
class TextBlock:
    """Whole lines of an extract, as UTF-8 with LF line endings."""

    content: bytes
    first_line: int
    """1-based number of its first line."""
    undecodable: tuple[int, ...] = ()
    """Numbers of lines with bytes outside the declared encoding; those bytes stand as U+FFFD."""
    is_last: bool = False

    @cached_property
    def line_ends(self) -> "NDArray[np.intp]":
        """Where the line feeds are."""
        return np.flatnonzero(self._bytes == _LINE_END)

    @cached_property
    def count(self) -> int:
        """How many lines it has."""
        return len(self.line_ends) + bool(self.content and not self.content.endswith(b"\n"))

    @property
    def _bytes(self) -> "NDArray[np.uint8]":
        return np.frombuffer(self.content, np.uint8)

    def has_lines_of(self, first: str, last: str) -> bool:
        """Whether each line begins with one character and ends with another, both of one byte."""
        inner = self.line_ends[:-1] if self.content.endswith(b"\n") else self.line_ends
        starts, ends = self._bytes[inner + 1], self._bytes[self.line_ends - 1]
        is_whole = self.content[:1] == first.encode() and self.content.rstrip(b"\n")[-1:] == last.encode()
        return is_whole and bool((starts == ord(first)).all() and (ends == ord(last)).all())

    def lines(self) -> Iterator[str]:
        """Its lines, without their ends."""
        with io.TextIOWrapper(io.BytesIO(self.content), encoding="utf-8", newline="\n") as text:
            for line in text:
                yield line.removesuffix("\n")

    def after(self, line: int) -> "TextBlock":
        """What of it comes after a line."""
        if line < self.first_line:
            return self
        place = 0
        for _ in range(line - self.first_line + 1):
            place = self.content.find(b"\n", place) + 1
            if not place:
                return replace(self, content=b"", first_line=self.first_line + self.count)
        return replace(self, content=self.content[place:], first_line=line + 1)


@dataclass
class _Undecodable:
    """How many lines could not be decoded, and the first of them as they are: they tell what the encoding may be."""

    count: int = 0
    sample: list[bytes] = field(default_factory=list[bytes])


def text_blocks(source: Path, dialect: Dialect, block_bytes: int = BLOCK_BYTES) -> Iterator[TextBlock]:
    """An extract's text. Raises RefusedFile, in the end if only the whole shows it, when it is not what is declared."""
    encoding = dialect.encoding
    bad = _Undecodable()
    plausibility = Plausibility(encoding)
    first_line = 1
    try:
        with open_unpacked(source) as stream:
            for chunk, codec, is_last in _whole_lines(stream, dialect, block_bytes):
                plausibility.add(chunk)
                content, undecodable = _decode(chunk, codec, first_line, bad)
                block = TextBlock(content, first_line, undecodable, is_last)
                first_line += block.count
                yield block
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise damaged_gzip() from problem
    plausibility.check()
    _check_share(bad, first_line - 1, encoding)


def head_of(source: Path, dialect: Dialect) -> TextBlock:
    """The beginning of an extract: enough for its headings. Raises RefusedFile."""
    return next(iter(text_blocks(source, dialect, HEAD_BYTES)))


def check_text(source: Path, dialect: Dialect) -> None:
    """Read a text through. Raises RefusedFile when it is not text of the declared encoding."""
    for _ in text_blocks(source, dialect):
        pass


def _check_share(bad: _Undecodable, count: int, encoding: str) -> None:
    """Single lines may be damaged; where many are, the whole is in another encoding."""
    if bad.count <= max(1, _WORST_UNDECODABLE_SHARE * count):
        return
    seen = likely(b"\n".join(bad.sample))
    raise refusals.wrong_encoding(
        encoding,
        f"{count}行中有{bad.count}行无法解码" + (f"，文件像是 {seen} 编码。" if seen else "。"),
        f"{bad.count} of {count} lines cannot be decoded" + (f"; it looks like {seen}." if seen else "."),
    )


def _whole_lines(stream: Readable, dialect: Dialect, size: int) -> Iterator[tuple[bytes, str, bool]]:
    """Chunks that end where a line ends, their codec, and whether they are the last.

    No encoding here uses CR or LF inside a character.
    """
    head = stream.read(_SNIFFED_BYTES)
    check_kind(head, dialect.format)
    codec, mark = resolve(head, dialect.encoding)
    text = as_utf8(_Continued(head[mark:], stream), codec)
    codec = "utf-8" if codec.startswith("utf-16") else codec
    rest, piece = b"", text.read(size)
    if not piece.strip():
        raise refusals.empty()
    while following := text.read(size):
        # A CR at the very end may be half of a CRLF: it waits for the next piece.
        cut = max(piece.rfind(b"\n"), piece.rfind(b"\r", 0, len(piece) - 1)) + 1
        if cut:
            yield b"".join((rest, memoryview(piece)[:cut])), codec, False
            rest = b""
        elif len(rest) + len(piece) > _LONGEST_LINE_BYTES:
            raise refusals.wrong_structure(
                "文件没有换行，无法逐行读取。", "The file has no line ends and cannot be read."
            )
        rest, piece = rest + piece[cut:], following
    yield rest + piece, codec, True


class _Continued:
    """A stream with what was read of it already put back."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int, /) -> bytes:
        piece, self._head = self._head[:size], self._head[size:]
        return piece + self._stream.read(size - len(piece)) if len(piece) < size else piece


def _decode(chunk: bytes, codec: str, first: int, bad: _Undecodable) -> tuple[bytes, tuple[int, ...]]:
    """A chunk as UTF-8 with LF, and the numbers of its lines that could not be decoded, counted on from ``first``."""
    lines = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in chunk else chunk
    if b"\x00" not in lines:
        try:
            return _as_utf8(lines, codec), ()
        except UnicodeError:
            pass
    return _decode_singly(lines, codec, first, bad)


def _as_utf8(lines: bytes, codec: str) -> bytes:
    """Raises UnicodeError."""
    if codec == "utf-8":
        _check_utf8(lines)
        return lines
    places = [0]
    while places[-1] < len(lines):
        end = lines.find(b"\n", places[-1] + _DECODED_AT_ONCE_BYTES) + 1
        places.append(end or len(lines))
    return b"".join(
        lines[start:end].decode(codec).encode() for start, end in zip(places, islice(places, 1, None), strict=False)
    )


def _check_utf8(lines: bytes) -> None:
    """Arrow validates text several times as fast as Python decodes it."""
    offsets = pa.py_buffer(np.array([0, len(lines)], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(lines)).validate(full=True)
    except pa.ArrowInvalid as problem:
        raise UnicodeError from problem


def _decode_singly(lines: bytes, codec: str, first: int, bad: _Undecodable) -> tuple[bytes, tuple[int, ...]]:
    """Line by line, which only a chunk with a fault in it needs: a bad line must not take its neighbours along."""
    texts: list[bytes] = []
    undecodable: list[int] = []
    for number, line in enumerate(lines.split(b"\n"), start=first):
        try:
            if b"\x00" in line:
                raise UnicodeError  # noqa: TRY301  # a zero byte is as unreadable as a wrong one
            texts.append(line.decode(codec).encode())
        except UnicodeError:
            undecodable.append(number)
            if len(bad.sample) < _MOST_SAMPLED:
                bad.sample.append(line)
            readable = line.decode(codec, errors="replace").encode("utf-8", errors="replace")
            texts.append(readable.replace(b"\x00", "\ufffd".encode()))
    bad.count += len(undecodable)
    return b"\n".join(texts), tuple(undecodable)
