"""Erasures: what is sought, how far one has come, and the certificate that is left of it.

A journal lies in the vault, its owner's alone, from the moment an erasure is asked for until it is proved; it holds the
identifiers that are being erased and is the last of them to go. The certificate, in the ledger, holds none. Files of
deliveries are ``ingestion``'s, who a person is :mod:`citylake.identity.seeking`'s.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from citylake.lake.files import sync_folder, write_atomically
from citylake.lake.written import loose_pattern
from citylake.lake.zones import OWNER_ONLY, Zones

Step = Literal["asked", "suppressed", "files", "vault", "released", "purged"]
"""What is done of an erasure, in this order: recorded; remembered, so that a new delivery of the person is noticed;
landing, raw and quarantine; the vault; a release without the person published; everything before it gone."""
STEPS: tuple[Step, ...] = ("asked", "suppressed", "files", "vault", "released", "purged")
FEWEST_CHARACTERS = 10
"""A shorter record number occurs by chance in other numbers, so that finding it proves nothing."""
_WHOLE_ID = 18


class Sought(BaseModel):
    """What is sought of one person: never printed, never logged."""

    model_config = ConfigDict(frozen=True)

    ids: list[str]
    """Citizen ids that nobody else's records carry, in every written form, letters in upper case."""
    shared_ids: list[str] = []
    """Valid ids that records of other persons carry too, in the same forms: they tell of nobody, so that only the
    person's own records go."""
    records_of_others: int = 0
    """How many records of other persons carry them."""
    records: dict[str, list[str]] = {}
    """By dataset, the ids of the person's records there."""
    numbers: dict[str, list[str]] = {}
    """By dataset, those of the record ids that number the person."""
    traders: dict[str, list[str]] = {}
    """By dataset, those of the records that are about the sole trader who the person is: a register's, a licence."""
    codes: list[str] = []
    """Numbers of that sole trader which no other entity's records carry, in plain capitals."""
    named_ids: list[str] = []
    """Shared ids, each beside a name of the person that none of the others has, as one text: what tells them apart."""
    phones: list[str] = []
    """Phones of the person that nobody else is known by, in every form that registers write."""
    shared_phones: list[str] = []
    names: list[str] = []
    """As written and as linking compares them. Not sought: too many people have the same."""
    key: str | None = None

    def __repr__(self) -> str:
        return f"Sought({len(self.ids)} ids, {sum(map(len, self.records.values()))} records)"

    __str__ = __repr__

    @property
    def shared_id_count(self) -> int:
        """How many ids, in whatever forms, others carry too."""
        return sum(len(one) == _WHOLE_ID for one in self.shared_ids)

    def is_named_in(self, text: str) -> bool:
        """Whether a text tells who is sought, however it spaces or widens what it writes."""
        told = _plain(text)
        numbers = {*self.ids, *self.shared_ids, *self.phones, *self.shared_phones, *self.codes}
        numbers |= {one for ids in self.records.values() for one in ids if len(one) >= FEWEST_CHARACTERS}
        words = {_plain(word) for word in (*numbers, *self.names, self.key or "")}
        return any(len(word) > 1 and word in told for word in words)

    @property
    def pattern(self) -> str:
        """Ids, however written and anywhere in a text, and phones, which longer numbers may contain.

        In DuckDB's syntax, without regard to letters' case.
        """
        alone = (f"(^|[^0-9A-Za-z]){re.escape(phone)}([^0-9A-Za-z]|$)" for phone in self.phones)
        return "|".join([*map(loose_pattern, self.ids), *alone]) or "$.^"

    def long_numbers(self, dataset: str | None = None) -> list[str]:
        """Numbers of the person, of one dataset or of all, that are long enough to be sought in texts."""
        found = self.numbers.values() if dataset is None else [self.numbers.get(dataset, [])]
        return sorted({number for numbers in found for number in numbers if len(number) >= FEWEST_CHARACTERS})


class Erasure(BaseModel):
    """Rows of one person, taken out of a delivery for good."""

    model_config = ConfigDict(frozen=True)

    erasure_id: str
    at: datetime
    by: str
    basis: str
    lines: list[tuple[int, int]]
    """First and last line of each record that was emptied in landing (rows of a sheet or of Parquet, elements of an
    array)."""
    rows_accepted: int
    rows_quarantined: int
    sha256: str | None = None
    """Of the file in landing since then; None when it was no longer there."""
    file_size: int | None = None


class Journal(BaseModel):
    """One erasure that is under way."""

    erasure_id: str
    asked_at: datetime
    by: str
    basis: str
    step: Step = "asked"
    sought: Sought
    counts: dict[str, int] = {}
    """What was erased so far, by zone and kind."""
    vault_done_at: datetime | None = None
    """Releases from before it hold the person."""

    def is_past(self, step: Step) -> bool:
        """Whether this step is done."""
        return STEPS.index(self.step) >= STEPS.index(step)


class Certificate(BaseModel):
    """What is left of an erasure: nothing that tells who it was about."""

    model_config = ConfigDict(frozen=True)

    erasure_id: str
    asked_at: datetime
    finished_at: datetime
    by: str
    basis: str
    counts: dict[str, int]
    kept: dict[str, int] = {}
    """What stands in records of others and stays: ids that they carry too, records with these, records of that name,
    records that refer to the sole trader who the person was."""
    searched: list["ZoneSearched"]


class ZoneSearched(BaseModel):
    """One zone, looked through for the identifiers afterwards."""

    model_config = ConfigDict(frozen=True)

    zone: str
    files: int
    hits: int
    """Files in which something was found."""
    shared: int = 0
    """Files in which an id stands that records of others carry too: no trace of the person."""
    unreadable: int
    """Packed files that do not unpack: what is in them cannot be told."""


def journal_path(zones: Zones, erasure_id: str) -> Path:
    """Where the journal of an erasure lies while it is under way."""
    return _folder(zones) / f"{erasure_id}.json"


def unfinished(zones: Zones) -> list[Journal]:
    """Erasures that are under way, oldest first."""
    return [Journal.model_validate_json(path.read_bytes()) for path in sorted(_folder(zones).glob("[!.]*.json"))]


def note(zones: Zones, journal: Journal) -> None:
    """Write down how far an erasure has come. The caller holds the writer's lock."""
    _folder(zones).mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY)
    write_atomically(journal_path(zones, journal.erasure_id), journal.model_dump_json(indent=1))


def close(zones: Zones, journal: Journal, certificate: Certificate) -> Path:
    """Leave the certificate, then forget who it was about."""
    folder = zones.ledger / "erasures"
    folder.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY)
    path = folder / f"{certificate.erasure_id}.json"
    write_atomically(path, certificate.model_dump_json(indent=1))
    journal_path(zones, journal.erasure_id).unlink()
    sync_folder(_folder(zones))
    return path


def certificates(zones: Zones) -> Iterator[Certificate]:
    """Every erasure that was finished, oldest first."""
    for path in sorted((zones.ledger / "erasures").glob("[!.]*.json")):
        yield Certificate.model_validate_json(path.read_bytes())


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text)).upper()


def _folder(zones: Zones) -> Path:
    return zones.vault / "erasures"
