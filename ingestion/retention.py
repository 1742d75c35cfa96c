"""How long delivered files and what was made of them are kept: by default for ever; a city's rules may say otherwise.

Counted from the day on which a delivery reached landing. What is in force keeps its rows whatever its age, and its
file in landing, which a replay needs, unless the city says that this goes too. Manifests and counts always stay. Old
releases and snapshots are :mod:`citylake.lake.maintenance`'s. The caller holds the writer's lock.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from citylake.lake.deliveries import Manifest, manifests, read_ledger
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.loading import rasters_of, rows_of

_NO_LONGER_COUNT = ("superseded", "outdated")


def delete_expired(settings: Settings, now: datetime | None = None) -> dict[str, int]:
    """Delete what is past its time; how many files of each zone went, and their bytes."""
    zones, moment = Zones.of(settings), now or datetime.now(UTC)
    landing, quarantine, raw = (
        None if days is None else moment - timedelta(days=days)
        for days in (settings.retain_landing_days, settings.retain_quarantine_days, settings.retain_raw_days)
    )
    facts = {"landing_files_expired": 0, "quarantine_files_expired": 0, "raw_files_expired": 0, "bytes_expired": 0}
    if landing is None and quarantine is None and raw is None:
        return facts
    status = dict(read_ledger(zones).select("delivery_id", "status").iter_rows())
    for manifest, folder, _ in list(manifests(zones)):
        accepted, rejected = rows_of(manifest, folder, zones)
        is_in_force = status[manifest.delivery_id] == "in_force"
        if _is_past(manifest, landing) and (settings.expire_landing_in_force or not is_in_force):
            _delete(_landed(manifest, zones), "landing_files_expired", facts)
        if _is_past(manifest, quarantine):
            _delete([rejected], "quarantine_files_expired", facts)
        if _is_past(manifest, raw) and status[manifest.delivery_id] in _NO_LONGER_COUNT:
            _delete([accepted, *rasters_of(folder)], "raw_files_expired", facts)
    return facts


def _is_past(manifest: Manifest, limit: datetime | None) -> bool:
    """Whether every file that brought the delivery came before the limit."""
    return limit is not None and max(arrival.received_at for arrival in manifest.arrivals) < limit


def _landed(manifest: Manifest, zones: Zones) -> Iterator[Path]:
    """The delivery's files in landing; one that has other content since is another delivery's."""
    for name in {arrival.file_name for arrival in manifest.arrivals}:
        path = zones.landing / name
        if path.is_file() and not path.is_symlink():
            facts = path.stat()
            if (name, facts.st_size, facts.st_mtime_ns) in manifest.known_files:
                yield path


def _delete(files: Iterable[Path], kind: str, facts: dict[str, int]) -> None:
    for file in files:
        try:
            size = file.stat().st_size
            file.unlink()
        except FileNotFoundError:
            continue
        facts[kind] += 1
        facts["bytes_expired"] += size
