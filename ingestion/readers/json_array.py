"""A JSON array laid out one element a line, so that it is read like JSON Lines.

An array is one text: where an element cannot be read, nothing says where the next begins, so the whole is refused.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain
from json import JSONDecoder
from pathlib import Path

from citylake.contracts.model import Dialect
from ingestion import refusals
from ingestion.readers.source import BLOCK_BYTES, TextBlock, text_blocks

_WHITE_SPACE = re.compile(r"[ \t\n\r]*")
_PIECE_CHARACTERS = 1 << 20
_LONGEST_ELEMENT_CHARACTERS = 64 << 20


def laid_out(blocks: Iterator[TextBlock]) -> Iterator[TextBlock]:
    """The lines themselves, or the elements of the array that they are. Raises RefusedFile when an array is broken."""
    first: list[TextBlock] = []
    for block in blocks:
        first.append(block)
        if block.content.strip():
            break
    whole = chain(first, blocks)
    return _elements_of(whole) if first and first[-1].content.lstrip()[:1] == b"[" else whole


def is_array(file: Path, dialect: Dialect) -> bool:
    """Whether a file is one array of objects and no JSON Lines; false for what cannot be decoded."""
    try:
        head = next((block.content for block in text_blocks(file, dialect) if block.content.strip()), b"")
    except refusals.RefusedFile:
        return False
    return head.lstrip()[:1] == b"["


def elements(file: Path, dialect: Dialect) -> Iterator[str]:
    """The text of each element of a file that is one array. Raises RefusedFile where the array is broken."""
    return _elements(_Text(text_blocks(file, dialect)))


def _elements_of(blocks: Iterator[TextBlock]) -> Iterator[TextBlock]:
    """The elements of an array, one a line."""
    lines: list[bytes] = []
    size, first = 0, 1
    for element in _elements(_Text(blocks)):
        # Outside strings a line end is white space, and strings cannot contain one as it is.
        lines.append(element.replace("\n", " ").encode() + b"\n")
        size += len(lines[-1])
        if size >= BLOCK_BYTES:
            yield TextBlock(b"".join(lines), first)
            lines, size, first = [], 0, first + len(lines)
    yield TextBlock(b"".join(lines), first, is_last=True)


def _elements(text: "_Text") -> Iterator[str]:
    """The text of each element, in order."""
    text.expect("[")
    if text.peek() == "]":
        text.expect("]")
    else:
        while True:
            yield text.element()
            if text.expect(",]") == "]":
                break
    if text.peek():
        raise text.broken()


class _Text:
    """A text read piece by piece, from a place that only moves on."""

    def __init__(self, blocks: Iterator[TextBlock]) -> None:
        self._pieces = _pieces(blocks)
        self._text = ""
        self._place = 0
        self._line = 1
        self._decoder = JSONDecoder()

    def peek(self) -> str:
        """The next character that is no white space; nothing at the end."""
        while True:
            found = _WHITE_SPACE.match(self._text, self._place)
            self._move(found.end() if found else self._place)
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._read_on():
                return ""

    def expect(self, characters: str) -> str:
        """Move over the next character, which is one of these. Raises RefusedFile when it is another."""
        found = self.peek()
        if not found or found not in characters:
            raise self.broken()
        self._move(self._place + 1)
        return found

    def element(self) -> str:
        """Move over the next value and give its text. Raises RefusedFile when it is none."""
        self.peek()
        while True:
            try:
                _, end = self._decoder.raw_decode(self._text, self._place)
            except (json.JSONDecodeError, RecursionError) as problem:
                end = len(self._text)
                if end - self._place > _LONGEST_ELEMENT_CHARACTERS or not self._read_on():
                    raise self.broken() from problem
                continue
            # A number at the very end of what was read may go on.
            if end < len(self._text) or not self._read_on():
                start = self._place
                self._move(end)
                return self._text[start:end]

    def broken(self) -> refusals.RefusedFile:
        """The refusal of an array that breaks here."""
        return refusals.wrong_structure(
            f"JSON 数组在第{self._line}行处不完整或格式有误。",
            f"The JSON array is broken or cut off at line {self._line}.",
        )

    def _move(self, place: int) -> None:
        self._line += self._text.count("\n", self._place, place)
        self._place = place

    def _read_on(self) -> bool:
        """Read on, twice as far each time; what lies behind is forgotten. False at the end of the text."""
        wanted = max(_PIECE_CHARACTERS, len(self._text) - self._place)
        pieces: list[str] = []
        while wanted > 0 and (piece := next(self._pieces, "")):
            pieces.append(piece)
            wanted -= len(piece)
        self._text = "".join((self._text[self._place :], *pieces))
        self._place = 0
        return bool(pieces)


def _pieces(blocks: Iterator[TextBlock]) -> Iterator[str]:
    """The text in pieces. Raises RefusedFile at a line that could not be decoded."""
    for block in blocks:
        if block.undecodable:
            line = block.undecodable[0]
            raise refusals.wrong_structure(
                f"JSON 数组第{line}行含有无法解码的字节。",
                f"Line {line} of the JSON array contains bytes that cannot be decoded.",
            )
        text = block.content.decode()
        yield from (text[place : place + _PIECE_CHARACTERS] for place in range(0, len(text), _PIECE_CHARACTERS))
