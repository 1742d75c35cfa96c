"""A JSON array laid out one element a line, so that it is read like JSON Lines.

An array is one text: where an element cannot be read, nothing says where the next begins, so the whole is refused.
"""

import json
import re
from array import array
from collections.abc import Iterator
from json import JSONDecoder
from pathlib import Path
from typing import TextIO

from ingestion import refusals
from ingestion.readers.source import Lines

_WHITE_SPACE = re.compile(r"[ \t\n\r]*")
_PIECE_CHARACTERS = 1 << 20
_LONGEST_ELEMENT_CHARACTERS = 64 << 20


def laid_out(lines: Lines) -> Lines:
    """The lines themselves, or the elements of the array that they are. Raises RefusedFile when an array is broken."""
    with lines.path.open(encoding="utf-8", newline="\n") as file:
        start = next((line for line in file if line.strip()), "").lstrip()[:1]
    if start != "[":
        return lines
    if lines.undecodable:
        raise refusals.wrong_structure(
            f"JSON 数组第{lines.undecodable[0]}行含有无法解码的字节。",
            f"Line {lines.undecodable[0]} of the JSON array contains bytes that cannot be decoded.",
        )
    target = lines.path.with_name("elements.txt")
    count = _write_elements(lines.path, target)
    return Lines(target, count, array("q"))


def _write_elements(source: Path, target: Path) -> int:
    count = 0
    with source.open(encoding="utf-8", newline="\n") as file, target.open("w", encoding="utf-8", newline="\n") as out:
        for element in _elements(file):
            # Outside strings a line end is white space, and strings cannot contain one as it is.
            out.write(element.replace("\n", " "))
            out.write("\n")
            count += 1
    return count


def _elements(file: TextIO) -> Iterator[str]:
    """The text of each element, in order."""
    text = _Text(file)
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

    def __init__(self, file: TextIO) -> None:
        self._file = file
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
        """Read another piece; what lies behind is forgotten. False at the end of the file."""
        piece = self._file.read(max(_PIECE_CHARACTERS, len(self._text) - self._place))
        self._text = self._text[self._place :] + piece
        self._place = 0
        return bool(piece)
