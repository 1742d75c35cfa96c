"""Traces: every file under the home looked through for texts, whatever it is packed in.

Files are searched as bytes; packed ones (gzip, workbooks) also unpacked, and of Parquet every value of every type.
"""

import gzip
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Protocol, cast

import duckdb

from citylake.lake.erasures import Sought, ZoneSearched
from citylake.lake.zones import Zones

_PIECE_BYTES = 4 << 20
_LONGEST_WORD_BYTES = 256
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)
_OF_DEPARTMENTS = ("landing", "raw", "quarantine")
_ZONES = ("landing", "raw", "quarantine", "vault", "people", "city", "releases", "ledger", "dagster")


_WIDE = {"utf-16-le": rb"[0-9A-Za-z]\x00", "utf-16-be": rb"\x00[0-9A-Za-z]"}
"""A letter or digit as each encoding writes it."""


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """At most that many bytes; none at the end."""
        ...


@dataclass(frozen=True)
class Trace:
    """A file in which something was found. Its name may be shown, what was found never."""

    zone: str
    path: Path


@dataclass(frozen=True)
class Wanted:
    """What is sought in one file."""

    anywhere: frozenset[str]
    """Found also within longer texts."""
    whole: frozenset[str] = frozenset()
    """Numbers, which longer numbers may contain: found where neither letter nor digit is beside them."""

    @cached_property
    def in_bytes(self) -> re.Pattern[bytes] | None:
        """As a pattern over bytes; what is found anywhere also in UTF-16."""
        wide = [word.encode(codec) for word in self.anywhere for codec in ("utf-16-le", "utf-16-be")]
        alone = [rb"(?<![0-9A-Za-z])" + re.escape(word.encode()) + rb"(?![0-9A-Za-z])" for word in sorted(self.whole)]
        found = [*(re.escape(word) for word in sorted([*(word.encode() for word in self.anywhere), *wide])), *alone]
        return re.compile(b"|".join(found), re.IGNORECASE) if found else None

    @cached_property
    def in_wide_bytes(self) -> list[re.Pattern[bytes]]:
        """Numbers as patterns over UTF-16, one an encoding."""
        return [
            re.compile(
                b"|".join(
                    b"(?<!" + beside + b")" + re.escape(word.encode(codec)) + b"(?!" + beside + b")"
                    for word in sorted(self.whole)
                ),
                re.IGNORECASE,
            )
            for codec, beside in _WIDE.items()
            if self.whole
        ]

    def is_in(self, piece: bytes) -> bool:
        """Whether any of it is in a piece of a file that begins on an even byte: there UTF-16 has its characters."""
        return (self.in_bytes is not None and self.in_bytes.search(piece) is not None) or any(
            found.start() % 2 == 0 for pattern in self.in_wide_bytes for found in pattern.finditer(piece)
        )

    @cached_property
    def in_values(self) -> str:
        """As a pattern over texts, in the syntax that DuckDB shares with Python."""
        alone = (f"(^|[^0-9A-Za-z]){re.escape(word)}([^0-9A-Za-z]|$)" for word in sorted(self.whole))
        return "|".join([*(re.escape(word) for word in sorted(self.anywhere)), *alone])


def search(zones: Zones, sought: Sought, leaving_out: Collection[Path]) -> tuple[list[ZoneSearched], list[Trace]]:
    """Look through every file of the home and of landing for a person: a line a zone, and the files with a trace.

    Ids and phones are sought everywhere, the key everywhere but in the vault, where it stays as a spent one. Record
    numbers are their dataset's own: another's may have the same for somebody else, so they are sought in files of their
    dataset and, where they are more than digits, in everything that is published or logged. Names are not sought: too
    many people have one, and finding it would prove nothing.
    """
    found: list[Trace] = []
    table: list[ZoneSearched] = []
    left_out = {path.resolve() for path in leaving_out}
    with duckdb.connect() as engine:
        engine.execute("set enable_progress_bar = false")
        for zone, folders in _places(zones).items():
            files = hits = unreadable = 0
            for place, path in ((folder, path) for folder in folders for path in _files(folder)):
                if path.resolve() in left_out or (zone == "other" and _is_in_a_zone(path, zones)):
                    continue
                is_hit, is_damaged = has_any(path, _wanted(zone, path.relative_to(place), sought), engine)
                files, hits, unreadable = files + 1, hits + is_hit, unreadable + is_damaged
                found += [Trace(zone, path)] * is_hit
            table.append(ZoneSearched(zone=zone, files=files, hits=hits, unreadable=unreadable))
    return table, found


def _wanted(zone: str, place: Path, sought: Sought) -> Wanted:
    ids, key = frozenset(sought.ids), {sought.key} if sought.key else set[str]()
    phones = frozenset(sought.phones)
    if zone in _OF_DEPARTMENTS:
        return Wanted(ids | key, phones.union(sought.long_numbers(".".join(place.parts[:2]))))
    if zone == "vault":
        table = place.parts[2].removeprefix("stg_") if place.parts[:2] == ("data", "staging") else ""
        return Wanted(ids, phones.union(sought.long_numbers(table.replace("__", ".", 1))))
    return Wanted(ids | key, phones.union(number for number in sought.long_numbers() if not number.isdigit()))


def has_any(path: Path, wanted: Wanted, engine: duckdb.DuckDBPyConnection) -> tuple[bool, bool]:
    """Whether what is wanted is in a file, and whether it is packed and does not unpack. Case does not count."""
    is_damaged = False
    if wanted.in_bytes is None:
        return False, False
    try:
        if any(wanted.is_in(piece) for piece in pieces_of(path)):
            return True, False
    except FileNotFoundError:
        return False, False
    except _DAMAGED:
        is_damaged = True
    return _is_parquet(path) and _has_value(path, wanted.in_values, engine), is_damaged


def pieces_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, then what it unpacks to, in pieces that overlap by more than the longest word."""
    with path.open("rb") as stream:
        head = stream.read(4)
        stream.seek(0)
        yield from _overlapping(stream)
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(path) as stream:
            inner = stream.read(4)
            stream.seek(0)
            yield from _overlapping(stream)
        if inner == b"PK\x03\x04":
            with gzip.open(path) as stream:
                yield from _members(cast("IO[bytes]", stream))
    elif head == b"PK\x03\x04":
        with path.open("rb") as stream:
            yield from _members(stream)


def _members(stream: IO[bytes]) -> Iterator[bytes]:
    with zipfile.ZipFile(stream) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as member:
                yield from _overlapping(member)


def _overlapping(stream: Readable) -> Iterator[bytes]:
    rest = b""
    while piece := stream.read(_PIECE_BYTES):
        yield rest + piece
        rest = piece[-_LONGEST_WORD_BYTES:]


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def _has_value(path: Path, pattern: str, engine: duckdb.DuckDBPyConnection) -> bool:
    try:
        return (
            engine.execute(
                "select 1 from read_parquet($path) as row where regexp_matches(row::varchar, $pattern, 'i') limit 1",
                {"path": str(path), "pattern": pattern},
            ).fetchone()
            is not None
        )
    except duckdb.Error:
        return False  # A delivered file that is no sound Parquet was refused; its bytes were searched.


def _places(zones: Zones) -> dict[str, list[Path]]:
    named = {name: [zones.landing if name == "landing" else zones.home / name] for name in _ZONES}
    return {**named, "other": [zones.home]}


def _is_in_a_zone(path: Path, zones: Zones) -> bool:
    own = [*(zones.home / name for name in _ZONES if name != "landing"), zones.landing, zones.extensions]
    return any(path.is_relative_to(folder) for folder in own)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
