"""Purging: what was deleted made to vanish, from old snapshots, data files and catalogs. For erasures alone.

Maintenance keeps releases and a grace time; here what holds the erased goes at once: every release from before, unless
somebody reads it, every snapshot but those of kept releases, and the statistics that catalogs keep in clear.
The caller holds the writer's lock.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

from citylake.lake.attach import LAKES, Lake, open_lakes
from citylake.lake.frozen import narrow_bounds
from citylake.lake.maintenance import delete_files, exclusively, expire
from citylake.lake.publications import held
from citylake.lake.releases import current_id, list_releases, remove_release
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones


def drop_releases_before(zones: Zones, moment: datetime) -> tuple[int, list[str]]:
    """Take away every release made before; how many went, and the ids of those that have to stay for now.

    Stay: one that somebody reads at this moment, the current one, and one that a rollback holds.
    """
    hold = held(zones)
    kept = {current_id(zones), hold.release_id if hold else None}
    dropped, waiting = 0, list[str]()
    for release in list_releases(zones):
        if release.created_at >= moment:
            continue
        if release.release_id in kept:
            waiting.append(release.release_id)
            continue
        with exclusively(zones, release.release_id) as is_free:
            if is_free:
                remove_release(zones, release.release_id)
                dropped += 1
            else:
                waiting.append(release.release_id)
    return dropped, waiting


def purge(settings: Settings, lakes: Sequence[Lake] = LAKES) -> dict[str, int]:
    """Rewrite files with deleted rows, expire what no release needs, delete without grace, wipe the catalogs."""
    zones, at_once = Zones.of(settings), settings.model_copy(update={"delete_grace_hours": 0.0})
    kept = list_releases(zones)
    facts = {"snapshots_expired": 0, "files_deleted": 0, "bytes_freed": 0}
    with open_lakes(at_once, lakes) as connection:
        for lake in lakes:
            connection.execute(f"call ducklake_rewrite_data_files('{lake}', delete_threshold => 0)")
            facts["snapshots_expired"] += expire(connection, lake, kept)
            deleted, freed = delete_files(at_once, connection, lake, kept)
            facts["files_deleted"] += deleted
            facts["bytes_freed"] += freed
    for lake in lakes:
        _wipe(zones, lake)
    return facts


def _wipe(zones: Zones, lake: Lake) -> None:
    """Bring a catalog's bounds of texts up to date, and write the catalog anew without its free pages and its log."""
    with closing(sqlite3.connect(zones.catalog(lake), isolation_level=None)) as catalog:
        catalog.execute("pragma secure_delete = on")
        catalog.execute("begin immediate")
        narrow_bounds(catalog)
        catalog.execute("commit")
        catalog.execute("vacuum")
        catalog.execute("pragma wal_checkpoint(truncate)")
