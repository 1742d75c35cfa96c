"""Replaying: the files of landing validated again under today's contract, delivery by delivery.

For a contract that was mended, or in which a new column got its place. A delivery stays the delivery that it was: who
brought it, when, and whether it was withdrawn are not touched; it gets another result, and the one before goes on
record. Each is replaced in one move (:func:`ingestion.loading.supersede`), so a replay may die at any moment and be
started again. The caller holds the writer's lock.
"""

import filecmp
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb

from citylake.contracts.model import Contract
from citylake.lake.deliveries import Manifest, Result, manifests
from citylake.lake.landed import LandedFile
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.loading import (
    After,
    FileChanged,
    Seen,
    rows_aside,
    rows_of,
    supersede,
    superseding,
    sweep,
    unheard,
    validated_aside,
)

Outcome = Literal["replaced", "unchanged", "kept", "absent", "busy"]
"""What became of a delivery: it has another result; the same again; the old one, though it would be refused today; its
file is no longer in landing; somebody is still writing its file."""
_WHEN_AND_BY_WHOM = {"loaded_at", "loaded_by", "run_id"}


@dataclass(frozen=True)
class Replayed:
    """One delivery, replayed."""

    outcome: Outcome
    delivery: Manifest
    """As it now stands."""
    before: Result
    found: Result | None = None
    """What validation came to; None when there was nothing to validate."""


def replay(  # noqa: PLR0913  # each is a separate wish
    settings: Settings,
    contract: Contract,
    run_id: str,
    *,
    since: date | None = None,
    accept_refusals: bool = False,
    after: After = unheard,
) -> Iterator[Replayed]:
    """Validate every delivery of a dataset again, or those of extract dates from ``since`` on, oldest first.

    A delivery that was accepted and would be refused today keeps its result, unless ``accept_refusals``.
    """
    known = [(manifest, folder) for manifest, folder, _ in manifests(Zones.of(settings))]
    for manifest, folder in known:
        if manifest.dataset == contract.dataset and (since is None or manifest.extract_date >= since):
            yield _replay_one(settings, contract, run_id, manifest, folder, after, accept_refusals=accept_refusals)


def _replay_one(  # noqa: PLR0913, PLR0917  # one delivery, and what replay was asked for
    settings: Settings,
    contract: Contract,
    run_id: str,
    known: Manifest,
    folder: Path,
    after: After,
    *,
    accept_refusals: bool,
) -> Replayed:
    zones = Zones.of(settings)
    sweep(known, folder, zones)
    seen = _in_landing(known, zones)
    if seen is None:
        return Replayed("absent", known, known.result)
    try:
        with validated_aside(settings, contract, seen, run_id, after) as (aside, loaded):
            would_be_lost = known.status == "accepted" and loaded.status == "refused"
            if would_be_lost and not accept_refusals:
                return Replayed("kept", known, known.result, loaded.result)
            rows = (rows_of(known, folder, zones), rows_aside(aside))
            if _is_the_same(known, loaded) and (_are_equal(*rows) or (known.erasures and _hold_the_same(*rows))):
                return Replayed("unchanged", known, known.result, loaded.result)
            manifest = superseding(known, loaded)
            supersede(aside, folder, manifest, zones, after)
    except FileChanged:
        return Replayed("busy", known, known.result)
    return Replayed("replaced", manifest, known.result, loaded.result)


def _in_landing(known: Manifest, zones: Zones) -> Seen | None:
    """The file that brought a delivery, if landing still has one with the same content: the one that counts first."""
    for arrival in known.arrivals:
        path = zones.landing / arrival.file_name
        landed = LandedFile.parse(path, known.dataset.split(".", 1)[0])
        if landed is not None and path.is_file() and not path.is_symlink():
            with Seen.of(landed) as seen:
                # Once rows were erased, a file that still has them is none to build from.
                expected = known.erasures[-1].sha256 if known.erasures else known.sha256
                if seen.sha256 == expected:
                    return replace(seen, delivered=known)
    return None


def _is_the_same(known: Manifest, loaded: Manifest) -> bool:
    was, now = (one.result.model_dump(exclude=_WHEN_AND_BY_WHOM) for one in (known, loaded))
    return was == now and known.mode == loaded.mode


def _are_equal(before: tuple[Path, Path], now: tuple[Path, Path]) -> bool:
    """Whether the rows came out the same, byte for byte: a rule may have changed and the counts not."""
    return all(
        old.exists() == new.exists() and (not new.exists() or filecmp.cmp(old, new, shallow=False))
        for old, new in zip(before, now, strict=True)
    )


def _hold_the_same(before: tuple[Path, Path], now: tuple[Path, Path]) -> bool:
    """Whether the rows are the same, though the files are not: an erasure has written one of them anew."""
    same = "select * from read_parquet($one) except all select * from read_parquet($other)"
    with duckdb.connect() as connection:
        return all(
            old.exists() == new.exists()
            and not (
                new.exists()
                and any(
                    connection.execute(f"from ({same}) limit 1", {"one": str(one), "other": str(other)}).fetchone()
                    for one, other in ((old, new), (new, old))
                )
            )
            for old, new in zip(before, now, strict=True)
        )
