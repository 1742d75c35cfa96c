"""The end of a night: old releases go, and with them what nothing names any more, so that disk use levels off.

Deletes only what neither a head catalog nor any kept frozen catalog names, and only after the grace time. The caller
holds the writer's lock; readers go on undisturbed.
"""

import fcntl
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from citylake.lake.attach import LAKES, Lake, open_lakes, quoted
from citylake.lake.frozen import PUBLISHED_LAKES, referenced_files
from citylake.lake.publications import held
from citylake.lake.releases import IN_USE, Release, current_id, is_rolled_back, list_releases, remove_release
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

MERGE_FROM_FILES = 24
"""A table is merged when it has so many files: each merging writes it anew, while kept releases hold the old ones."""
REWRITE_FROM_SHARE = 0.5
"""A file is rewritten when so much of it is deleted."""


def maintain(settings: Settings) -> dict[str, int]:
    """Drop releases, expire snapshots, compact tables, delete files; how many of each, and the bytes freed.

    Kept are the newest releases, month ends, the current one, the one that a rollback holds, and those in use.
    """
    zones = Zones.of(settings)
    dropped = _drop_releases(settings, zones)
    kept = list_releases(zones)
    facts = {
        "releases_kept": len(kept),
        "releases_dropped": dropped,
        "snapshots_expired": 0,
        "tables_merged": 0,
        "files_deleted": 0,
        "bytes_freed": 0,
    }
    with open_lakes(settings) as connection:
        for lake in LAKES:
            facts["snapshots_expired"] += expire(connection, lake, kept)
            facts["tables_merged"] += _compact(connection, lake)
            deleted, freed = delete_files(settings, connection, lake, kept)
            facts["files_deleted"] += deleted
            facts["bytes_freed"] += freed
    return facts


def _drop_releases(settings: Settings, zones: Zones) -> int:
    hold = held(zones)
    kept = {current_id(zones), hold.release_id if hold else None} | _kept_by_age(settings, zones)
    dropped = 0
    for release in list_releases(zones):
        if release.release_id not in kept:
            with exclusively(zones, release.release_id) as is_free:
                if is_free:
                    remove_release(zones, release.release_id)
                    dropped += 1
    return dropped


def _kept_by_age(settings: Settings, zones: Zones) -> set[str | None]:
    """The newest releases, and the last one of each of the newest months that was not rolled back."""
    releases = list_releases(zones)
    month_ends: dict[tuple[int, int], str] = {}
    for release in releases:
        if not is_rolled_back(zones, release.release_id):
            month_ends.setdefault((release.data_as_of.year, release.data_as_of.month), release.release_id)
    months = sorted(month_ends, reverse=True)[: settings.keep_month_ends]
    return {*(release.release_id for release in releases[: settings.keep_releases]), *(month_ends[m] for m in months)}


@contextmanager
def exclusively(zones: Zones, release_id: str) -> Generator[bool]:
    """Whether nobody reads this release; while inside, nobody can begin to."""
    with (zones.releases / release_id / IN_USE).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def expire(connection: duckdb.DuckDBPyConnection, lake: Lake, kept: Iterable[Release]) -> int:
    """Expire the head's snapshots but the newest and those of kept releases, whose files are thereby doubly safe."""
    versions = sorted(row[0] for row in connection.execute(f"select snapshot_id from {lake}.snapshots()").fetchall())
    needed = {release.snapshots.get(lake) for release in kept} if lake in PUBLISHED_LAKES else set[int | None]()
    older = [version for version in versions[:-1] if version not in needed]
    if older:
        connection.execute(f"call ducklake_expire_snapshots('{lake}', versions => {older})")
    return len(older)


def _compact(connection: duckdb.DuckDBPyConnection, lake: Lake) -> int:
    """Rewrite files that are mostly deleted, merge tables of many files; how many tables were merged."""
    connection.execute(f"call ducklake_rewrite_data_files('{lake}', delete_threshold => {REWRITE_FROM_SHARE})")
    tables = connection.execute(
        f"select schema_name, table_name from ducklake_table_info('{lake}') as info "
        f"inner join __ducklake_metadata_{lake}.ducklake_schema as schemas on info.schema_id = schemas.schema_id "
        f"where schemas.end_snapshot is null and info.file_count >= {MERGE_FROM_FILES}"
    ).fetchall()
    for schema, table in tables:
        connection.execute(
            f"call ducklake_merge_adjacent_files('{lake}', '{quoted(table)}', schema => '{quoted(schema)}')"
        )
    return len(tables)


def delete_files(
    settings: Settings, connection: duckdb.DuckDBPyConnection, lake: Lake, kept: Iterable[Release]
) -> tuple[int, int]:
    """Delete scheduled and orphaned files that are past the grace time and that no release names: number and bytes.

    DuckLake's own clean-up knows the head alone. What merging replaces in the head, frozen catalogs still name; so we
    do what DuckLake's specification says of the schedule, leaving out what releases need.
    """
    zones = Zones.of(settings)
    data, cutoff = zones.data(lake), datetime.now(UTC) - timedelta(hours=settings.delete_grace_hours)
    protected = _named_by_releases(zones, lake, kept)
    schedule = f"__ducklake_metadata_{lake}.ducklake_files_scheduled_for_deletion"
    rows = connection.execute(
        f"select data_file_id, case when path_is_relative <> 0 then '{quoted(data)}/' else '' end || path "
        f"from {schedule} where schedule_start::timestamptz <= '{cutoff.isoformat()}'::timestamptz"
    ).fetchall()
    scheduled = {Path(path): number for number, path in rows if Path(path) not in protected}
    orphans = connection.execute(
        f"call ducklake_delete_orphaned_files('{lake}', dry_run => true, "
        f"older_than => '{cutoff.isoformat()}'::timestamptz)"
    ).fetchall()
    unnamed = {Path(row[0]) for row in orphans} - protected
    freed = [_unlink(path) for path in scheduled.keys() | unnamed]
    if scheduled:
        numbers = ", ".join(str(number) for number in scheduled.values())
        connection.execute(f"delete from {schedule} where data_file_id in ({numbers})")
    return sum(1 for size in freed if size is not None), sum(size or 0 for size in freed)


def _named_by_releases(zones: Zones, lake: Lake, kept: Iterable[Release]) -> set[Path]:
    if lake not in PUBLISHED_LAKES:
        return set()
    catalogs = [zones.releases / release.release_id / f"{lake}.sqlite" for release in kept]
    return {path for catalog in catalogs for path in referenced_files(catalog, zones.data(lake))}


def _unlink(path: Path) -> int | None:
    """Delete a file and its folder when it was the last one there; its size, None when it was gone before."""
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return None
    with suppress(OSError):
        path.parent.rmdir()
    return size
