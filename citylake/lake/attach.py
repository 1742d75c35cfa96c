"""DuckDB connections on the head of the lakes, for whoever writes. Readers use :mod:`citylake.lake.reader`."""

import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import duckdb

from citylake.lake.errors import EnvironmentProblem
from citylake.lake.settings import Settings
from citylake.lake.zones import READABLE, Zones

Lake = Literal["vault", "people", "city"]
LAKES: tuple[Lake, ...] = ("vault", "people", "city")
EXTENSIONS = ("sqlite_scanner", "ducklake")


def install_extensions(zones: Zones) -> None:
    """Copy DuckDB's extensions from their wheels to where every reader can load them. Needs no network."""
    target = zones.extensions
    if not all(list(target.glob(f"v{duckdb.__version__}/*/{name}.duckdb_extension")) for name in EXTENSIONS):
        _install(target)


def _install(target: Path) -> None:
    with duckdb.connect(config={"extension_directory": str(target)}) as connection:
        for name in EXTENSIONS:
            try:
                wheel = Path(str(importlib.resources.files(f"duckdb_extension_{name}") / "extensions"))
                file = next(wheel.glob(f"v{duckdb.__version__}/*.duckdb_extension"))
            except (ModuleNotFoundError, StopIteration) as problem:
                raise EnvironmentProblem(
                    f"DuckDB's extension {name} for {duckdb.__version__} is not installed: "
                    f"install the package duckdb-extension-{name.replace('_', '-')}=={duckdb.__version__}."
                ) from problem
            connection.install_extension(str(file), force_install=True)
            connection.load_extension(name)  # Checks its signature, once for all that load it later.
    for path in target.rglob("*"):
        path.chmod(READABLE if path.is_dir() else READABLE & 0o666)


def bare_connection(
    zones: Zones, settings: Settings, *, extensions: Sequence[str] = EXTENSIONS, spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with the lake's extensions loaded and nothing attached; what outgrows memory spills there."""
    connection = duckdb.connect(
        config={
            "extension_directory": str(zones.extensions),
            "autoinstall_known_extensions": "false",
            # Checking the signatures again takes 0.35 s of every connection's 0.37. The folder is the owner's, the
            # signatures were checked at installation, and the permission ends below, for good.
            "allow_unsigned_extensions": "true",
            "memory_limit": settings.memory_limit,
            **({"threads": str(settings.threads)} if settings.threads else {}),
            **({"temp_directory": str(spill)} if spill else {}),
        }
    )
    for name in extensions:
        connection.load_extension(name)
    connection.execute("set allow_unsigned_extensions = false")
    connection.execute("set timezone = 'UTC'")
    # Whoever shows progress does so for the whole run; a bar per statement would break into it.
    connection.execute("set enable_progress_bar = false")
    return connection


def open_lakes(
    settings: Settings, lakes: Sequence[Lake] = LAKES, *, read_only: bool = False
) -> duckdb.DuckDBPyConnection:
    """A connection with the heads of these lakes attached under their names. The caller closes it.

    Writing needs the writer's lock. Missing lakes are created, unless ``read_only``.
    """
    zones = Zones.of(settings)
    install_extensions(zones)
    connection = bare_connection(zones, settings, spill=zones.scratch)
    for lake in lakes:
        is_new = not read_only and not zones.catalog(lake).exists()
        rights = "READ_ONLY" if read_only else "DATA_INLINING_ROW_LIMIT 0"
        connection.execute(
            f"attach 'ducklake:sqlite:{quoted(zones.catalog(lake))}' as {lake} "
            f"({data_options(zones, lake)}, {rights}, META_JOURNAL_MODE 'WAL')"
        )
        if is_new and lake == "vault":
            # Of the size of Snappy's files, and read in two thirds of the time; who else would read the vault's files?
            connection.execute(f"call {lake}.set_option('parquet_compression', 'lz4_raw')")
    return connection


def data_options(zones: Zones, lake: Lake) -> str:
    """ATTACH's options for a lake's data where they lie now: a catalog names the place where it was made."""
    return f"DATA_PATH '{quoted(zones.data(lake))}/', OVERRIDE_DATA_PATH true"


def quoted(value: object) -> str:
    """A value inside a SQL literal: ATTACH and SET take no parameters, and binding one imports pandas (0.5 s)."""
    return str(value).replace("'", "''")
