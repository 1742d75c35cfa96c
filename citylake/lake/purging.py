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
from citylake.lake.maintenance import delete_files, exclusively, expire
from citylake.lake.publications import held
from citylake.lake.releases import current_id, list_releases, remove_release
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

_TEXT_BOUNDS = """
update ducklake_table_column_stats as stats
set (min_value, max_value) = (
    select min(file.min_value), max(file.max_value)
    from ducklake_file_column_stats as file
    where file.table_id = stats.table_id and file.column_id = stats.column_id
)
where
    (stats.table_id, stats.column_id) in (
        select table_id, column_id from ducklake_column where column_type = 'varchar'
    )
    -- Where a file does not say, what the table says stays: too narrow bounds would hide rows.
    and not exists (
        select 1 from ducklake_file_column_stats as file
        where file.table_id = stats.table_id and file.column_id = stats.column_id
            and (file.min_value is null or file.max_value is null)
            and coalesce(file.value_count, 1) > coalesce(file.null_count, 0)
    )
    and not exists (
        select 1 from ducklake_data_file as data
        where data.table_id = stats.table_id and not exists (
            select 1 from ducklake_file_column_stats as file
            where file.data_file_id = data.data_file_id and file.column_id = stats.column_id
        )
    )
"""
_GONE = (
    "delete from ducklake_table_column_stats where table_id not in (select table_id from ducklake_table)",
    "delete from ducklake_file_column_stats where data_file_id not in (select data_file_id from ducklake_data_file)",
)


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
        for statement in (*_GONE, _TEXT_BOUNDS):
            catalog.execute(statement)
        catalog.execute("commit")
        catalog.execute("vacuum")
        catalog.execute("pragma wal_checkpoint(truncate)")
