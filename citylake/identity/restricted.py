"""The door to what names people: the vault's identity tables, for the owner alone."""

import os
from collections.abc import Generator
from contextlib import contextmanager

import duckdb

from citylake.lake.attach import open_lakes
from citylake.lake.errors import EnvironmentProblem, NoRelease
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, of_another_account


@contextmanager
def open_identity(settings: Settings) -> Generator[duckdb.DuckDBPyConnection]:
    """A connection that reads the vault.

    Raises EnvironmentProblem for an account that is not the owner, NoRelease before identity has run for the first
    time.
    """
    zones = Zones.of(settings)
    if zones.home.exists() and not os.access(zones.vault, os.R_OK | os.X_OK):
        raise of_another_account(zones.home) or EnvironmentProblem(
            f"{zones.vault} cannot be read: see citylake doctor."
        )
    if not zones.catalog("vault").exists():
        raise _not_yet()
    with open_lakes(settings, ("vault",), read_only=True) as connection:
        if "linkage_run" not in tables(connection):
            raise _not_yet()
        yield connection


def tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The tables of ``vault.identity``."""
    rows = connection.execute(
        "select table_name from duckdb_tables() where database_name = 'vault' and schema_name = 'identity'"
    ).fetchall()
    return {name for (name,) in rows}


def _not_yet() -> NoRelease:
    return NoRelease("尚未归并身份。 No night has linked records yet: citylake refresh.")
