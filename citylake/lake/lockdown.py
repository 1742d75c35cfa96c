"""A connection for SQL from strangers: it reads one release and nothing else, writes nothing, changes no setting.

DuckDB's own restrictions cover what DuckDB opens. Its SQLite extension opens files by itself, past them, so it must
not be there at all: the frozen catalogs are copied from SQLite into DuckDB's own format first, in a private folder.

What DuckDB may read it may also write, so far as the OS lets it: the release's files are read-only, yet root is above
that. Whoever passes on SQL under root must refuse COPY, as the analysts' session does.
"""

from pathlib import Path

import duckdb

from citylake.lake.attach import Lake, bare_connection, data_options, quoted
from citylake.lake.frozen import referenced_files
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones


def open_locked(settings: Settings, catalogs: dict[Lake, Path], scratch: Path) -> duckdb.DuckDBPyConnection:
    """Open these frozen catalogs under their lakes' names, locked down; ``scratch`` is private to the connection."""
    zones = Zones.of(settings)
    copies: dict[Lake, Path] = {lake: scratch / f"{lake}.ducklake" for lake in catalogs}
    with bare_connection(zones, settings) as connection:
        for lake, catalog in catalogs.items():
            _copy_catalog(connection, catalog, copies[lake], zones.data(lake))
    connection = bare_connection(zones, settings, extensions=("ducklake",), spill=scratch)
    for lake, copy in copies.items():
        connection.execute(f"attach 'ducklake:{quoted(copy)}' as {lake} (READ_ONLY, {data_options(zones, lake)})")
    # The release's files one by one: their folders hold other releases' files too, and unpublished ones.
    files = [path for lake, catalog in catalogs.items() for path in referenced_files(catalog, zones.data(lake))]
    allowed = ", ".join(f"'{quoted(path)}'" for path in [*copies.values(), *files])
    connection.execute(f"set allowed_paths = [{allowed}]")
    return connection


def lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Close the door: from here on no setting can be changed, and no file opened that was not allowed before."""
    for setting in (
        "autoload_known_extensions = false",
        "allow_community_extensions = false",
        "python_enable_replacements = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"set {setting}")


def _copy_catalog(connection: duckdb.DuckDBPyConnection, catalog: Path, copy: Path, data: Path) -> None:
    """Copy a DuckLake catalog from SQLite to DuckDB's format; DuckLake makes the tables, so the types are its own."""
    connection.execute(f"attach 'ducklake:{quoted(copy)}' as made (DATA_PATH '{quoted(data)}/')")
    connection.execute("detach made")
    connection.execute(f"attach '{quoted(copy)}' as duckdb_copy")
    connection.execute(f"attach '{quoted(catalog)}' as sqlite_original (type sqlite, read_only)")
    tables = connection.execute("select table_name from duckdb_tables() where database_name = 'duckdb_copy'").fetchall()
    for (table,) in tables:
        connection.execute(f'delete from duckdb_copy."{table}"')
        connection.execute(f'insert into duckdb_copy."{table}" by name select * from sqlite_original."{table}"')
    connection.execute("detach duckdb_copy")
    connection.execute("detach sqlite_original")
