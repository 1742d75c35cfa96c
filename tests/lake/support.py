"""What the lake's tests share: a small lake of two tables that must agree, and nights that publish it."""

from datetime import date

from citylake.lake.attach import open_lakes
from citylake.lake.releases import Release, freeze_and_publish
from citylake.lake.settings import Settings

DAY = date(2026, 11, 1)


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
