"""Encodings of text: which mark may begin a file, and whether decoded text can be what somebody meant.

Bytes of one encoding often decode in another without an error: Big5 and accented Latin as GB18030, GB18030 as Big5.
What comes out then is characters that nobody uses, which is how it is noticed. Nothing here knows lines or columns.
"""

import codecs
import re
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from ingestion import refusals

CODECS = {
    "UTF-8": "utf-8",
    "UTF-8-SIG": "utf-8",
    "GB18030": "gb18030",
    # What Windows calls Big5 has a few characters of names (恒, 裏) that the bare standard lacks.
    "Big5": "cp950",
    "UTF-16": "utf-16",
    "UTF-16LE": "utf-16-le",
    "UTF-16BE": "utf-16-be",
}
_MARKS = {
    b"\xef\xbb\xbf": "UTF-8",
    b"\x84\x31\x95\x33": "GB18030",
    b"\xff\xfe": "UTF-16LE",
    b"\xfe\xff": "UTF-16BE",
}
_SNIFFED_BYTES = 8192
_LEGACY = ("GB18030", "Big5")
_SAMPLE_BYTES = 64 << 10
_NOT_ASCII_BYTE = re.compile(rb"[\x80-\xff]")
_FEWEST_TO_COMPARE = 8
_FEWEST_TO_JUDGE = 20
_LEAST_SHARE = 0.5
_LEAST_SHARE_OF_ANOTHER = 0.8
_MARGIN = 0.2
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_INSIDE_A_WORD = re.compile(r"(?:(?<=[A-Za-z])[^\x00-\x7f](?![^\x00-\x7f])|(?<![^\x00-\x7f])[^\x00-\x7f](?=[A-Za-z]))")
_LATIN_SHARE = 0.8


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """At most that many bytes; none at the end."""
        ...


def resolve(head: bytes, encoding: str) -> tuple[str, int]:
    """The codec of a file that begins with ``head``, and the length of its mark. Raises RefusedFile.

    A mark of another encoding, zero bytes where the encoding has none, and none where it must have them are refused.
    """
    mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
    seen = _MARKS.get(mark)
    if encoding == "UTF-16":
        if seen not in ("UTF-16LE", "UTF-16BE"):
            raise _wrong(encoding, "文件没有 UTF-16 的字节顺序标记", "The file has no byte order mark of UTF-16")
        return CODECS[seen], len(mark)
    if seen is not None and seen != encoding.removesuffix("-SIG"):
        raise _seen(encoding, seen)
    _check_zero_bytes(head[len(mark) : _SNIFFED_BYTES], encoding)
    return CODECS[encoding], len(mark)


def _check_zero_bytes(head: bytes, encoding: str) -> None:
    """ASCII in UTF-16 is every other byte zero, and every extract has delimiters and line ends."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if not encoding.startswith("UTF-16"):
        if even + odd:
            raise _wrong(encoding, "文件含有空字节，可能是 UTF-16", "The file contains zero bytes and may be in UTF-16")
        return
    if not even + odd:
        raise _wrong(encoding, "文件不是 UTF-16", "The file is not in UTF-16")
    if (even > odd) != (encoding == "UTF-16BE"):
        raise _seen(encoding, "UTF-16BE" if even > odd else "UTF-16LE")


def as_utf8(stream: Readable, codec: str) -> Readable:
    """A stream of UTF-16 as one of UTF-8. What is no character there is none here, so that its line is found out."""
    return _Utf16(stream, codec) if codec.startswith("utf-16") else stream


class _Utf16:
    """Lone halves of pairs are passed on in a form that UTF-8 does not allow; so is an odd byte at the end."""

    def __init__(self, stream: Readable, codec: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(codec)("surrogatepass")
        self._is_over = False

    def read(self, size: int, /) -> bytes:
        while not self._is_over:
            piece = self._stream.read(size)
            self._is_over = not piece
            try:
                text = self._decoder.decode(piece, final=self._is_over)
            except UnicodeDecodeError:
                return b"\xff"
            if text:
                return text.encode("utf-8", "surrogatepass")
        return b""


@dataclass
class Plausibility:
    """Lines with other than ASCII characters, collected until there are enough of them to tell encodings apart."""

    encoding: str
    sample: bytes = b""

    def add(self, chunk: bytes) -> None:
        """Take note of a chunk of whole lines, as delivered."""
        place = 0
        while self.encoding in _LEGACY and len(self.sample) < _SAMPLE_BYTES:
            found = _NOT_ASCII_BYTE.search(chunk, place)
            if found is None:
                return
            end = chunk.find(b"\n", found.start())
            place = end if end >= 0 else len(chunk)
            start = chunk.rfind(b"\n", 0, found.start()) + 1
            self.sample += chunk[start : min(place, start + _SAMPLE_BYTES)] + b"\n"

    def check(self) -> None:
        """Raises RefusedFile when the sample makes sense in another encoding, or none in its own."""
        count, own = _common_share(self.sample, self.encoding)
        other, share = max(
            ((name, _common_share(self.sample, name)[1]) for name in ("UTF-8", *_LEGACY) if name != self.encoding),
            key=lambda found: found[1],
        )
        if count >= _FEWEST_TO_COMPARE and share >= max(_LEAST_SHARE_OF_ANOTHER, own + _MARGIN):
            raise _seen(self.encoding, other)
        if count >= _FEWEST_TO_COMPARE and _latin_share(self.sample, self.encoding) >= _LATIN_SHARE:
            raise _wrong(
                self.encoding, "文件像是西文编码（Latin-1）", "The file looks like Latin text with accents (Latin-1)"
            )
        if count >= _FEWEST_TO_JUDGE and own < _LEAST_SHARE:
            raise _wrong(
                self.encoding,
                "解码后大多是生僻字，文件可能是其他编码",
                "Decoded, it is mostly characters that nobody uses: the file may be in another encoding",
            )


def likely(sample: bytes) -> str | None:
    """The encoding in which a sample of bytes makes sense; None when none of those known here is."""
    found = {name: _common_share(sample, name) for name in ("UTF-8", *_LEGACY)}
    name, (count, share) = max(found.items(), key=lambda item: item[1][1])
    return name if count >= _FEWEST_TO_COMPARE and share >= _LEAST_SHARE_OF_ANOTHER else None


def _common_share(sample: bytes, encoding: str) -> tuple[int, float]:
    """How many characters other than ASCII the sample has in an encoding, and which share of them is in common use.

    Four-byte sequences of GB18030 have a form that text in no other encoding has: they count as common.
    """
    text = sample.decode(CODECS[encoding], errors="replace")
    foreign = _NOT_ASCII.findall(text)
    if not foreign:
        return 0, 0.0
    common = _common_characters()
    is_gb = encoding == "GB18030"
    hits = sum(one in common or (is_gb and one != "\ufffd" and len(one.encode("gb18030")) == 4) for one in foreign)
    return len(foreign), hits / len(foreign)


def _latin_share(sample: bytes, encoding: str) -> float:
    """Which share of its characters would be an accented letter in the middle of a word.

    In Latin-1 such a letter is one byte, and the one after it the next letter: read as a pair, they make one Chinese
    character that stands alone within a word, even one in common use.
    """
    text = sample.decode(CODECS[encoding], errors="replace")
    inside = "".join(_INSIDE_A_WORD.findall(text)).encode(CODECS[encoding], errors="ignore")
    return len(re.findall(rb"[\x80-\xff][A-Za-z]", inside)) / max(1, len(_NOT_ASCII.findall(text)))


@cache
def _common_characters() -> frozenset[str]:
    """The characters that both standards put first as those in common use, with punctuation and full-width forms."""
    gb = bytes(
        byte for row in (*range(0xA1, 0xA4), *range(0xB0, 0xD8)) for cell in range(0xA1, 0xFF) for byte in (row, cell)
    )
    cells = (*range(0x40, 0x7F), *range(0xA1, 0xFF))
    big5 = bytes(byte for row in range(0xA1, 0xC7) for cell in cells for byte in (row, cell))
    text = gb.decode("gb2312", errors="ignore") + big5.decode("big5", errors="ignore")
    return frozenset(text) | frozenset("\u00b7\u2022\u2014\u2026")


def _seen(declared: str, seen: str) -> refusals.RefusedFile:
    return _wrong(declared, f"文件是 {seen} 编码", f"The file is in {seen}")


def _wrong(declared: str, zh: str, en: str) -> refusals.RefusedFile:
    return refusals.wrong_encoding(declared, f"{zh}。", f"{en}.")
