"""Rows of a workbook (.xlsx) emptied where they stand, their texts taken out of the table that all sheets share.

The sheet's own XML is changed and nothing else: a library that loads and saves a workbook loses the results of its
formulas, and with them rows of other people; so every other row, format and part stays as it was delivered.
"""

import re
import zipfile
import zlib
from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from citylake.lake.written import loose_bytes
from ingestion.readers.sheet_xml import sheet_part
from ingestion.readers.workbook import damaged

_SHARED = "xl/sharedStrings.xml"
_ROW = re.compile(rb"<((?:\w+:)?row)\b([^>]*?)(/>|>(.*?)</\1>)", re.DOTALL)
_NUMBER = re.compile(rb"""\br=["'](\d+)["']""")
_SHARED_CELL = re.compile(rb"""<(?:\w+:)?c\s[^>]*\bt=["']s["'][^>/]*>\s*<(?:\w+:)?v[^>]*>\s*(\d+)\s*<""")
_TEXT = re.compile(rb"<((?:\w+:)?si)\b(?:/>|[^>]*?>.*?</\1>)", re.DOTALL)
_SHEET = re.compile(r"^xl/worksheets/[^/]+\.xml$")
_PIECE_BYTES = 1 << 20


def sheet_rows_with(workbook: Path, sheet: str | None, words: Collection[str]) -> list[int]:
    """Numbers of the rows of a sheet in which one of these words occurs. Raises RefusedFile for a damaged workbook."""
    with _refusing_damage(), zipfile.ZipFile(workbook) as archive:
        wanted = _pattern(words)
        texts = _TEXT.finditer(archive.read(_SHARED)) if _SHARED in archive.namelist() else ()
        named = {number for number, text in enumerate(texts) if wanted.search(text[0])}
        return [
            number
            for number, row in _rows(archive.read(sheet_part(archive, sheet)))
            if wanted.search(row) or not named.isdisjoint(_shared(row))
        ]


def empty_sheet_rows(workbook: Path, target: Path, sheet: str | None, rows: set[int], words: Collection[str]) -> None:
    """Write a workbook without these rows of a sheet, and without these words in any other part of it.

    Raises RefusedFile for a damaged workbook.
    """
    with _refusing_damage(), zipfile.ZipFile(workbook) as archive, zipfile.ZipFile(target, "w") as out:
        name = sheet_part(archive, sheet)
        emptied = _without_rows(archive.read(name), rows)
        others = [one for one in archive.namelist() if _SHEET.match(one) and one != name]
        used = {number for content in (emptied, *map(archive.read, others)) for number in _shared(content)}
        for entry in archive.infolist():
            if entry.filename == name:
                content = emptied
            elif entry.filename == _SHARED:
                content = _without_texts(archive.read(entry), used)
            elif words:
                content = archive.read(entry)
            else:
                _copy(archive, entry, out)
                continue
            # With the facts of the entry that it replaces: the same rows emptied give the same bytes.
            out.writestr(entry, _struck_out(content, words))


@contextmanager
def _refusing_damage() -> Generator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, ET.ParseError, EOFError, LookupError, StopIteration) as problem:
        raise damaged() from problem


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, out: zipfile.ZipFile) -> None:
    with archive.open(entry) as source, out.open(entry, "w") as sink:
        while piece := source.read(_PIECE_BYTES):
            sink.write(piece)


def _rows(content: bytes) -> list[tuple[int, bytes]]:
    """Each row with its number; one that does not say its own comes after the one before."""
    rows: list[tuple[int, bytes]] = []
    for found in _ROW.finditer(content):
        said = _NUMBER.search(found[2])
        rows.append((int(said[1]) if said else (rows[-1][0] if rows else 0) + 1, found[0]))
    return rows


def _without_rows(content: bytes, rows: set[int]) -> bytes:
    last = 0

    def emptied(found: re.Match[bytes]) -> bytes:
        nonlocal last
        said = _NUMBER.search(found[2])
        last = int(said[1]) if said else last + 1
        return found[0] if last not in rows else b'<%s r="%d"/>' % (found[1], last)

    return _ROW.sub(emptied, content)


def _shared(content: bytes) -> set[int]:
    """Numbers of the shared texts that cells show."""
    return {int(number) for number in _SHARED_CELL.findall(content)}


def _without_texts(content: bytes, used: set[int]) -> bytes:
    """The shared texts, empty where no cell shows them any more: their numbers stay."""
    number = -1

    def emptied(found: re.Match[bytes]) -> bytes:
        nonlocal number
        number += 1
        return found[0] if number in used else b"<%s><%st/></%s>" % (found[1], found[1].removesuffix(b"si"), found[1])

    return _TEXT.sub(emptied, content)


def _struck_out(content: bytes, words: Collection[str]) -> bytes:
    return _pattern(words).sub(lambda found: b"*" * len(found[0]), content) if words else content


def _pattern(words: Collection[str]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(loose_bytes(escape(word)) for word in sorted(words)), re.IGNORECASE)
