"""Frozen catalogs: one plain, read-only SQLite file a lake, that carries one snapshot and nothing of any other.

What a release is made of. Which releases there are, and which is current, is :mod:`citylake.lake.releases`'s.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb

from citylake.lake.attach import Lake, data_options, quoted
from citylake.lake.errors import EnvironmentProblem
from citylake.lake.zones import Zones

PUBLISHED_LAKES: tuple[Lake, ...] = ("city", "people")

_SCHEDULED = "ducklake_files_scheduled_for_deletion"
_REFERENCED = """
select distinct
    case when file.path_is_relative
        then case when ducklake_table.path_is_relative
            then case when ducklake_schema.path_is_relative then ? else '' end || ducklake_schema.path else '' end
            || ducklake_table.path
        else '' end || file.path
from (
    select table_id, path, path_is_relative from ducklake_data_file
    union all
    select table_id, path, path_is_relative from ducklake_delete_file
) as file
inner join ducklake_table on file.table_id = ducklake_table.table_id
inner join ducklake_schema on ducklake_table.schema_id = ducklake_schema.schema_id
"""

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


def head_snapshot(zones: Zones, lake: Lake) -> int:
    """The newest snapshot of a lake's head."""
    with closing(sqlite3.connect(zones.catalog(lake))) as connection:
        return int(connection.execute("select max(snapshot_id) from ducklake_snapshot").fetchone()[0])


def freeze_catalog(connection: duckdb.DuckDBPyConnection, zones: Zones, lake: Lake, target: Path) -> None:
    """Copy a head catalog to ``target``, reduced to its newest snapshot; the connection is a bare one.

    Earlier snapshots were never published, or are another release's: a reader must not be able to travel there.
    The same goes for what catalogs say of columns, their bounds: of no row that only another snapshot has.
    The data files are shared with the head and stay untouched. The caller holds the writer's lock.
    """
    with closing(sqlite3.connect(zones.catalog(lake))) as head:
        head.execute("vacuum into ?", (str(target),))
    _strip_history(connection, target)
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        # Readers may stand in any folder; and what the head is about to delete is nobody else's business.
        data_path = f"{zones.data(lake)}/"
        copy.execute("update ducklake_metadata set value = ? where key = 'data_path' and scope is null", (data_path,))
        copy.execute(f"delete from {_SCHEDULED}")
        narrow_bounds(copy)
        copy.execute("vacuum")
    missing = sorted(path.name for path in referenced_files(target, zones.data(lake)) if not path.exists())
    if missing:
        raise EnvironmentProblem(
            f"{len(missing)} data files of the lake {lake} are missing (first: {missing[0]}). Nothing was published; "
            "readers keep the last release. Restore the files, or rebuild with: citylake refresh --full"
        )


def _strip_history(connection: duckdb.DuckDBPyConnection, catalog: Path) -> None:
    """Expire every snapshot but the newest, in this copy alone; DuckLake deletes no file by expiring."""
    connection.execute(f"attach 'ducklake:sqlite:{quoted(catalog)}' as copy_of_head")
    versions = [row[0] for row in connection.execute("select snapshot_id from copy_of_head.snapshots()").fetchall()]
    older = sorted(versions)[:-1]
    if older:
        connection.execute(f"call ducklake_expire_snapshots('copy_of_head', versions => {older})")
    connection.execute("detach copy_of_head")


def narrow_bounds(catalog: sqlite3.Connection) -> None:
    """Make a catalog's statistics say nothing of tables, files and texts that are gone: they hold values in clear."""
    for statement in (*_GONE, _TEXT_BOUNDS):
        catalog.execute(statement)


def referenced_files(catalog: Path, data: Path) -> set[Path]:
    """Every data and delete file that a catalog, head or frozen, names; ``data`` is its lake's data folder."""
    with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)) as connection:
        return {Path(row[0]) for row in connection.execute(_REFERENCED, (f"{data}/",))}


def attach_frozen(connection: duckdb.DuckDBPyConnection, zones: Zones, lake: Lake, catalog: Path) -> None:
    """Attach a frozen catalog under its lake's name, read-only, with the data where the lake lies now."""
    connection.execute(f"attach 'ducklake:sqlite:{quoted(catalog)}' as {lake} (READ_ONLY, {data_options(zones, lake)})")


def count_rows(connection: duckdb.DuckDBPyConnection, zones: Zones, folder: Path) -> dict[str, int]:
    """Rows of every table of the frozen catalogs in a folder, by full name: also the proof that they open."""
    for lake in PUBLISHED_LAKES:
        attach_frozen(connection, zones, lake, folder / f"{lake}.sqlite")
    tables = connection.execute(
        "select database_name, schema_name, table_name from duckdb_tables() "
        "where database_name in ('city', 'people') and not internal order by all"
    ).fetchall()
    counts = [f"""select '{".".join(name)}', count(*) from "{name[0]}"."{name[1]}"."{name[2]}" """ for name in tables]
    return dict(connection.execute(" union all ".join(counts)).fetchall()) if counts else {}
