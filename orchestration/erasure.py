"""An erasure from being asked for to its certificate: the order of its steps, each of which may be done twice.

Whatever moment it dies at, the next `citylake erase` or the next night goes on from the journal. What a step does is in
``ingestion.erasing``, ``citylake.identity.erasure`` and ``citylake.lake``; nothing of Dagster is needed here.
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from citylake.contracts.model import load_contracts
from citylake.identity.erasure import (
    delete,
    forget_traders,
    records_with_the_business,
    records_with_the_name,
    remember,
    rows_left,
    suppressed_kinds,
)
from citylake.identity.seeking import seek
from citylake.lake.erasures import Certificate, Journal, ZoneSearched, close, journal_path, note, unfinished
from citylake.lake.errors import UsageError
from citylake.lake.purging import drop_releases_before, purge
from citylake.lake.releases import current_id, list_releases
from citylake.lake.settings import Settings
from citylake.lake.traces import search
from citylake.lake.zones import Zones
from ingestion.erasing import Facts, erase_from_deliveries, lines_left
from ingestion.suppressing import mark_all


@dataclass(frozen=True)
class Outcome:
    """What became of an erasure for now."""

    erasure_id: str
    waiting_for: str = ""
    """Why it is not finished; empty when it is."""
    searched: list[ZoneSearched] = field(default_factory=list[ZoneSearched])
    traces: list[str] = field(default_factory=list[str])
    """Files in which something was still found."""
    kept: dict[str, int] = field(default_factory=dict[str, int])
    """What of the person stands in records of others: see :class:`citylake.lake.erasures.Certificate`."""
    certificate: Path | None = None


def ask(settings: Settings, key: str, basis: str, by: str) -> Journal:
    """Record that a person is to be erased. The caller holds the writer's lock. Raises UsageError; changes no data."""
    if not basis.strip():
        raise UsageError("须写明删除依据。 Give the basis of the erasure: a law, a request's number. Name no person.")
    sought = seek(settings, key)
    if sought.is_named_in(basis):
        raise UsageError(
            "删除依据会长期保存，不得含有该人员的姓名、号码或键。 The basis is kept for good, and it has a name, a "
            "number or the key of the person: give the law or the request's number alone. Nothing was changed."
        )
    asked_at = datetime.now(UTC)
    journal = Journal(
        erasure_id=f"{asked_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
        asked_at=asked_at,
        by=by,
        basis=basis.strip(),
        sought=sought,
    )
    note(Zones.of(settings), journal)
    return journal


def carry_on(settings: Settings) -> list[Journal]:
    """Do what can be done before a release without the person is published. The caller holds the writer's lock."""
    return [_erase_at_source(settings, journal) for journal in unfinished(Zones.of(settings))]


def _erase_at_source(settings: Settings, journal: Journal) -> Journal:
    zones = Zones.of(settings)
    if not journal.is_past("suppressed"):
        is_first = not suppressed_kinds(settings)
        remember(settings, journal.sought, journal.erasure_id)
        if is_first:
            mark_all(zones)
        journal = _done(zones, journal, step="suppressed")
    if not journal.is_past("files"):
        facts = Facts(journal.erasure_id, journal.asked_at, journal.by, journal.basis)
        erased = erase_from_deliveries(settings, load_contracts(settings.contracts), journal.sought, facts)
        counts = {
            "landing.lines": erased.landing_lines,
            "raw.rows": erased.raw_rows,
            "quarantine.rows": erased.quarantine_rows,
            "landing.damaged_files": len(erased.damaged),
        }
        journal = _done(zones, journal, step="files", counts=counts)
    if not journal.is_past("vault"):
        delete(settings, journal.sought, lambda counts: _count(zones, journal, counts))
        purge(settings, ("vault",))
        counted = next(one for one in unfinished(zones) if one.erasure_id == journal.erasure_id)
        journal = _done(zones, counted, step="vault", vault_done_at=datetime.now(UTC))
    return journal


def _count(zones: Zones, journal: Journal, counts: dict[str, int]) -> None:
    """Keep what the vault lost. A second attempt finds nothing any more: the first one's counts stay."""
    stored = next(one for one in unfinished(zones) if one.erasure_id == journal.erasure_id)
    if any(counts.values()) or not counts.keys() <= stored.counts.keys():
        _done(zones, stored, counts=counts)


def _done(zones: Zones, journal: Journal, **facts: object) -> Journal:
    counts = facts.pop("counts", {})
    merged = {**journal.counts, **(counts if isinstance(counts, dict) else {})}
    journal = journal.model_copy(update={**facts, "counts": merged})
    note(zones, journal)
    return journal


def finish(settings: Settings) -> list[Outcome]:
    """Drop what was published before, purge, look for traces, certify. The caller holds the writer's lock."""
    return [_finish_one(settings, journal) for journal in unfinished(Zones.of(settings))]


def _finish_one(settings: Settings, journal: Journal) -> Outcome:
    zones, erased_at = Zones.of(settings), journal.vault_done_at
    if erased_at is None:
        return Outcome(journal.erasure_id, "报送数据和保险库尚未处理完 what was delivered is not erased yet")
    current = next((one for one in list_releases(zones) if one.release_id == current_id(zones)), None)
    if current is not None and current.created_at < erased_at:
        return Outcome(
            journal.erasure_id,
            "不含该人员的发布版本 a release without the person (citylake refresh)",
        )
    dropped, waiting = drop_releases_before(zones, erased_at)
    journal = _done(
        zones,
        journal,
        step="released",
        counts={"releases.dropped": journal.counts.get("releases.dropped", 0) + dropped},
    )
    if waiting:
        names = "、".join(waiting)
        return Outcome(journal.erasure_id, f"仍有读者使用的旧版本 earlier releases that somebody still reads: {names}")
    forget_traders(settings, journal.sought)
    purge(settings)
    journal = _done(zones, journal, step="purged")
    return _prove(settings, journal)


def _prove(settings: Settings, journal: Journal) -> Outcome:
    """Search everything; a certificate when nothing was found, else where something was."""
    zones, sought = Zones.of(settings), journal.sought
    table, traces = search(zones, sought, [journal_path(zones, journal.erasure_id)])
    found = [f"{trace.zone}: {trace.path}" for trace in traces]
    left = {**lines_left(settings, load_contracts(settings.contracts), sought), **rows_left(settings, sought)}
    found += [f"{place}: {rows} 行 rows" for place, rows in left.items()]
    if found:
        return Outcome(journal.erasure_id, "仍有痕迹 traces that were found", table, found)
    kept = {
        "ids": sought.shared_id_count,
        "records_with_these_ids": sought.records_of_others,
        "records_with_the_name": records_with_the_name(settings, sought),
        "records_with_the_business": records_with_the_business(settings, sought),
    }
    certificate = Certificate(
        erasure_id=journal.erasure_id,
        asked_at=journal.asked_at,
        finished_at=datetime.now(UTC),
        by=journal.by,
        basis=journal.basis,
        counts=journal.counts,
        kept=kept,
        searched=table,
    )
    return Outcome(journal.erasure_id, "", table, [], kept, close(zones, journal, certificate))
