"""From the bytes of an extract to verified text: decompressed, decoded, one line ending, line numbers kept.

Everything here streams: a file of any size needs the memory of one chunk. Nothing here knows columns.
"""

import gzip
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ingestion import refusals

_CHUNK_BYTES = 4 << 20
_LONGEST_LINE_BYTES = 64 << 20
_SNIFFED_BYTES = 8192
_BYTE_ORDER_MARKS = {"UTF-8": b"\xef\xbb\xbf", "GB18030": b"\x84\x31\x95\x33"}
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_WORST_UNDECODABLE_SHARE = 0.1
_PLAUSIBLE_SAMPLE = 50
_PLAUSIBLE_SHARE = 0.6


@dataclass(frozen=True)
class Lines:
    """An extract as UTF-8 text with LF line endings, line by line as delivered."""

    path: Path
    count: int
    undecodable: "array[int]"
    """1-based numbers of lines with bytes outside the declared encoding; those bytes stand as U+FFFD."""


def write_lines(source: Path, target: Path, encoding: str) -> Lines:
    """Write an extract's text to ``target``. Raises RefusedFile when it is not text of the declared encoding."""
    undecodable = array("q")
    count = 0
    try:
        with _open(source) as stream, target.open("wb") as out:
            for number, chunk in enumerate(_whole_lines(stream, encoding)):
                text, bad = _decode(chunk, encoding)
                if number == 0:
                    _check_plausible(text, encoding)
                undecodable.extend(count + line for line in bad)
                count += text.count(b"\n") + (not text.endswith(b"\n"))
                out.write(text)
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise refusals.unreadable(
            "压缩文件不完整或已损坏，请重新报送。", "The compressed file is cut off or damaged. Deliver it again."
        ) from problem
    if len(undecodable) > max(1, _WORST_UNDECODABLE_SHARE * count):
        raise refusals.wrong_encoding(
            encoding,
            f"{count}行中有{len(undecodable)}行无法解码。",
            f"{len(undecodable)} of {count} lines cannot be decoded.",
        )
    return Lines(target, count, undecodable)


def _open(source: Path) -> BinaryIO | gzip.GzipFile:
    """Gzip is known by its first bytes: names are not to be trusted."""
    with source.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return gzip.open(source) if is_gzip else source.open("rb")


def _whole_lines(stream: BinaryIO | gzip.GzipFile, encoding: str) -> Iterator[bytes]:
    """Chunks that end where a line ends. Neither encoding uses the bytes of CR or LF inside a character."""
    head = stream.read(_CHUNK_BYTES)
    _sniff(head, encoding)
    rest = head.removeprefix(_BYTE_ORDER_MARKS[encoding])
    if not rest.strip():
        raise refusals.empty()
    while piece := stream.read(_CHUNK_BYTES):
        # A CR at the very end may be half of a CRLF: it waits for the next piece.
        cut = max(rest.rfind(b"\n"), rest.rfind(b"\r", 0, len(rest) - 1)) + 1
        if cut:
            yield rest[:cut]
        elif len(rest) > _LONGEST_LINE_BYTES:
            raise refusals.wrong_structure(
                "文件没有换行，无法逐行读取。", "The file has no line ends and cannot be read."
            )
        rest = rest[cut:] + piece
    yield rest


def _sniff(head: bytes, encoding: str) -> None:
    """Refuse what is visibly no text of this encoding."""
    if not head:
        raise refusals.empty()
    if head.startswith(b"version https://git-lfs"):
        raise refusals.unreadable(
            "这是 Git LFS 指针，不是数据文件本身。", "This is a git-LFS pointer, not the data. Deliver the file itself."
        )
    if head.startswith(_SPREADSHEETS):
        raise refusals.unreadable(
            "这是 Excel 或压缩包，不是约定的文本文件。",
            "This is a spreadsheet or an archive, not the text file agreed on.",
        )
    if head.startswith(_UTF_16_MARKS) or b"\x00" in head[:_SNIFFED_BYTES]:
        raise refusals.wrong_encoding(
            encoding, "文件含有空字节，可能是 UTF-16。", "The file contains zero bytes and may be UTF-16."
        )
    if encoding != "UTF-8" and head.startswith(_BYTE_ORDER_MARKS["UTF-8"]):
        raise refusals.wrong_encoding(encoding, "文件是 UTF-8 编码。", "The file is in UTF-8.")


def _decode(chunk: bytes, encoding: str) -> tuple[bytes, list[int]]:
    """A chunk as UTF-8 with LF, and which of its lines (1-based) could not be decoded."""
    lines = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in chunk else chunk
    if b"\x00" not in lines:
        try:
            text = lines.decode(encoding)
            return (lines if encoding == "UTF-8" else text.encode()), []
        except UnicodeError:
            pass
    return _decode_singly(lines, encoding)


def _decode_singly(lines: bytes, encoding: str) -> tuple[bytes, list[int]]:
    """Line by line, which only a chunk with a fault in it needs: a bad line must not take its neighbours along."""
    texts: list[bytes] = []
    bad: list[int] = []
    for number, line in enumerate(lines.split(b"\n"), start=1):
        try:
            if b"\x00" in line:
                raise UnicodeError  # noqa: TRY301  # a zero byte is as unreadable as a wrong one
            texts.append(line.decode(encoding).encode())
        except UnicodeError:
            bad.append(number)
            readable = line.decode(encoding, errors="replace").encode("utf-8", errors="replace")
            texts.append(readable.replace(b"\x00", "\ufffd".encode()))
    return b"\n".join(texts), bad


def _check_plausible(text: bytes, encoding: str) -> None:
    """Big5, and Latin with accents, decode as GB18030 without an error, but into characters that nobody uses.

    Nearly all Chinese in use is in GB 2312: a text most of whose characters are not is in another encoding.
    """
    if encoding != "GB18030":
        return
    foreign = "".join(
        character for character in text[: _CHUNK_BYTES // 8].decode(errors="ignore") if ord(character) > 127
    )
    if len(foreign) < _PLAUSIBLE_SAMPLE:
        return
    common = len(foreign.encode("gb2312", errors="ignore")) / 2
    if common < _PLAUSIBLE_SHARE * len(foreign):
        raise refusals.wrong_encoding(
            encoding,
            "解码后大多是生僻字，文件可能是 Big5 或其他编码。",
            "Decoded, it is mostly characters that nobody uses: the file may be in Big5 or another encoding.",
        )
