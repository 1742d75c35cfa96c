"""What the lake's tests share: a small lake of two tables that must agree, nights that publish it, whole releases."""

from datetime import date

import duckdb

from citylake.lake.attach import open_lakes
from citylake.lake.releases import Release, find_release, freeze_and_publish
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

DAY = date(2026, 11, 1)
FIGURES = (
    "select format('run-{:03d}', max(night)) from base.left_side union "
    "select format('run-{:03d}', max(night)) from base.right_side"
)
"""The release that the tables' newest night belongs to: one row while they agree."""


def write_night(settings: Settings, number: int) -> None:
    """Replace one table and append to another, in one transaction: both carry the night's number."""
    connection = open_lakes(settings)
    connection.execute("create schema if not exists city.base")
    connection.execute("create schema if not exists people.base")
    connection.execute("create table if not exists city.base.left_side (night integer)")
    connection.execute("create table if not exists city.base.right_side (night integer)")
    connection.execute("create table if not exists people.base.dim_person (night integer)")
    connection.execute("begin")
    connection.execute("delete from city.base.left_side")
    connection.execute(f"insert into city.base.left_side values ({number})")
    connection.execute(f"insert into city.base.right_side values ({number})")
    connection.execute("comment on table city.base.left_side is '左 Left'")
    connection.execute("comment on column city.base.left_side.night is '夜 Night'")
    connection.execute("commit")
    connection.execute(f"insert into people.base.dim_person values ({number})")
    connection.close()


def publish(settings: Settings, run_id: str, data_as_of: date = DAY) -> Release:
    return freeze_and_publish(
        settings, run_id, data_as_of=data_as_of, origin="synthetic", deliveries={}, checks=[], created_by="test"
    )


def night(settings: Settings, number: int, data_as_of: date = DAY) -> Release:
    """One whole small night; its release is called ``run-<number>``."""
    write_night(settings, number)
    return publish(settings, f"run-{number:03d}", data_as_of)


def assert_whole(reader: duckdb.DuckDBPyConnection, settings: Settings, figures: str) -> str:
    """The id of the release that a connection reads, after making sure that it is that release and all of it.

    Every table must have the rows that the release was published with, and ``figures`` must give its id alone.
    """
    found = reader.execute("select getvariable('release_id'), list(database_name) from duckdb_databases()").fetchone()
    assert found is not None
    release_id, lakes = found
    release = find_release(Zones.of(settings), release_id)
    published = {table: rows for table, rows in release.rows.items() if table.split(".")[0] in lakes}
    counts = " union all ".join(f"select '{table}', count(*) from {table}" for table in published)
    assert dict(reader.execute(counts).fetchall()) == published, "not the rows that it was published with"
    assert reader.execute(figures).fetchall() == [(release_id,)], "figures of another run"
    return release_id
