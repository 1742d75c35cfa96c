"""Cells of a sheet that show nothing though something stands in them: errors, and formulas never computed.

The library that reads sheets gives them as empty. They are rare: the sheet's XML is only looked at for their signs.
"""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from posixpath import join, normpath
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.compute as pc

_PIECE_BYTES = 4 << 20
_SIGNS = (b't="e"', b"t='e'", b"<f", b":f>", b":f ")
_MERGED = b"mergeCell"
_ANY_SIGN = b"|".join((*_SIGNS, _MERGED)).decode()
_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]*>")
_IS_FIRST = re.compile(rb"""\br=["']1["']""")
_VALUE = re.compile(rb"<(?:\w+:)?(?:v|is)[\s>]")
_CELL = re.compile(rb"""<(?:\w+:)?c\s([^>]*[^>/])>(.*?)</(?:\w+:)?c>""", re.DOTALL)
_PLACE = re.compile(rb"""\br=["']([A-Z]+)(\d+)["']""")
_IS_ERROR = re.compile(rb"""\bt=["']e["']""")
_IS_TEXT = re.compile(rb"""\bt=["']str["']""")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_RESULT = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>[^<]")


@dataclass(frozen=True)
class Signs:
    """What the XML of a sheet says that the libraries do not."""

    without_result: set[tuple[int, int]]
    """Row (from 1) and column (from 0) of each cell that shows nothing though something stands in it."""
    may_be_uniform: bool
    """Whether its first row has a value and it has neither merged cells, nor formulas, nor errors."""


def look_through(workbook: Path, sheet: str) -> Signs:
    """Read the XML of a sheet once. Raises KeyError when the workbook lacks it, BadZipFile when it is damaged."""
    found: set[tuple[int, int]] = set()
    has_signs = has_merged = False
    begins_at_once: bool | None = None
    with zipfile.ZipFile(workbook) as archive, archive.open(sheet_part(archive, sheet)) as stream:
        rest = b""
        while piece := stream.read(_PIECE_BYTES):
            text = rest + piece
            cut = text.rfind(b"</") + 1
            begins_at_once = _begins_at_once(text) if begins_at_once is None else begins_at_once
            if _has_sign(text):
                has_merged = has_merged or _MERGED in text
                if any(sign in text for sign in _SIGNS):
                    has_signs = True
                    found |= _silent(text[:cut])
            # A cell may begin before the cut and end behind it.
            rest = text[max(text.rfind(b"<c ", 0, cut), text.rfind(b":c ", 0, cut) - 16, 0) :]
        found |= _silent(rest)
    return Signs(found, may_be_uniform=bool(begins_at_once) and not has_merged and not has_signs)


def _has_sign(text: bytes) -> bool:
    """Arrow looks for all signs at once, and lets others work meanwhile."""
    pieces, options = [pa.array([text], pa.large_binary())], pc.MatchSubstringOptions(_ANY_SIGN)
    return bool(pc.call_function("match_substring_regex", pieces, options)[0].as_py())


def _begins_at_once(text: bytes) -> bool | None:
    """Whether the first row has a value: the libraries begin with the first that has one. None before any row."""
    row = _ROW.search(text)
    if row is None:
        return None
    content = b"" if row[0].endswith(b"/>") else text[row.end() : text.find(b"row>", row.end())]
    return _IS_FIRST.search(row[0]) is not None and _VALUE.search(content) is not None


def sheet_names(workbook: Path) -> list[str]:
    """The names of a workbook's sheets, in their order. Raises ParseError, KeyError, BadZipFile when it is damaged."""
    with zipfile.ZipFile(workbook) as archive:
        book = _parsed(archive, "xl/workbook.xml")
        return [entry.get("name", "") for entry in book.iterfind("{*}sheets/{*}sheet")]


def sheet_part(archive: zipfile.ZipFile, sheet: str | None) -> str:
    """Where in the workbook a sheet lies, or its only one. Raises StopIteration or KeyError when it is not there."""
    book, relations = (_parsed(archive, f"xl/{name}") for name in ("workbook.xml", "_rels/workbook.xml.rels"))
    relation = next(
        value
        for entry in book.iterfind("{*}sheets/{*}sheet")
        if sheet in (None, entry.get("name"))
        for name, value in entry.items()
        if name.endswith("}id")
    )
    target = next(entry.attrib["Target"] for entry in relations if entry.get("Id") == relation)
    return target.removeprefix("/") if target.startswith("/") else normpath(join("xl", target))


def _parsed(archive: zipfile.ZipFile, name: str) -> ET.Element:
    return ET.fromstring(archive.read(name))  # noqa: S314  # Python's expat bounds what entities may grow to


def _silent(text: bytes) -> set[tuple[int, int]]:
    return {_place(facts) for facts, body in _CELL.findall(text) if _is_silent(facts, body)}


def _is_silent(facts: bytes, body: bytes) -> bool:
    if _IS_ERROR.search(facts):
        return True
    return bool(_FORMULA.search(body)) and not _RESULT.search(body) and not _IS_TEXT.search(facts)


def _place(facts: bytes) -> tuple[int, int]:
    """Row from 1 and column from 0. A cell that does not say where it is (few writers' are) counts for no place."""
    found = _PLACE.search(facts)
    if found is None:
        return (0, 0)
    column = 0
    for letter in found[1]:
        column = column * 26 + letter - ord("A") + 1
    return int(found[2]), column - 1
