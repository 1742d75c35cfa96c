"""Staging tables by hand, and nights of identity over them."""

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from citylake.contracts.model import find_contract
from citylake.identity.resolve import resolve_identities
from citylake.identity.tables import prepare_tables, transaction
from citylake.lake.attach import open_lakes
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare

DAY = date(2026, 10, 31)
REGISTER = "public_security.person_register"
ENTITIES = "market_supervision.entity_register"


def with_check_digit(body: str) -> str:
    """A citizen id (GB 11643) from its first seventeen digits."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


# Of the division that no real person has (710000).
ANNA, BO = with_check_digit("71000019900101001"), with_check_digit("71000019851231002")


class Staged:
    """A home whose staging tables are written by hand, and what identity makes of them night by night."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        prepare(self.settings)
        self.nights = 0

    def holds(self, records: Mapping[str, str | None]) -> None:
        """The person register has these numbers, with these citizen ids."""
        self.stage(REGISTER, "register_no, citizen_id", list(records.items()))

    def stage(self, dataset: str, columns: str, rows: Sequence[Sequence[str | None]], day: str = "2026-10-31") -> None:
        """The staging table of a dataset, all columns text, and the rows of its first delivery."""
        if not Zones.of(self.settings).catalog("vault").exists():
            shutil.copytree(_empty_vault(), Zones.of(self.settings).vault, dirs_exist_ok=True)
        typed = ", ".join(f"{c.name} varchar" for c in find_contract(self.settings.contracts, dataset).columns)
        with open_lakes(self.settings, ("vault",)) as connection:
            connection.execute("create schema if not exists vault.staging")
            connection.execute(
                f"create or replace table vault.staging.{_table(dataset)} "
                f"({typed}, is_deleted boolean, _extract_date date, _delivery_id varchar, _line bigint)"
            )
        self.add(dataset, columns, rows, day)

    def add(
        self, dataset: str, columns: str, rows: Sequence[Sequence[str | None]], day: str, *, deleted: bool = False
    ) -> None:
        """One more delivery of a staging table; of tombstones, if so."""
        names = columns.split(", ")
        frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").with_columns(
            pl.lit(value=deleted).alias("is_deleted"),
            pl.lit(day).str.to_date().alias("_extract_date"),
            pl.lit(day).alias("_delivery_id"),
            pl.int_range(pl.len(), dtype=pl.Int64).alias("_line"),
        )
        with open_lakes(self.settings, ("vault",)) as connection:
            connection.register("frame", frame)
            connection.execute(f"insert into vault.staging.{_table(dataset)} by name select * from frame")

    def reflects(self, dataset: str, *deliveries: str) -> None:
        """Staging says which deliveries of a dataset it reflects. ``add`` calls a delivery by its day."""
        with open_lakes(self.settings, ("vault",)) as connection:
            connection.execute(
                "create table if not exists vault.staging.applied_delivery "
                "(dataset varchar, delivery_id varchar, run_id varchar)"
            )
            connection.execute("delete from vault.staging.applied_delivery where dataset = ?", [dataset])
            connection.execute(
                "insert into vault.staging.applied_delivery select ?, unnest(?::varchar[]), 'run'",
                [dataset, list(deliveries)],
            )

    def night(self, *, full: bool = False) -> dict[str, int]:
        self.nights += 1
        return resolve_identities(self.settings, f"run-{self.nights}", DAY, full=full)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with open_lakes(self.settings, ("vault",), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def keys(self, kind: str = "person") -> dict[str, str]:
        """The keys by record number; numbers of different datasets differ in these tests."""
        return dict(self.rows(f"select register_no, {kind}_key from vault.identity.{kind}_record"))  # type: ignore[arg-type]

    def events(self) -> list[tuple[object, ...]]:
        return self.rows("select event_type, old_key, new_key, changed_date from vault.identity.key_event order by all")


@cache
def _empty_vault() -> Path:
    """A vault with identity's tables, each of which has held a row.

    Half of a tiny first night is making them, and DuckLake asking again and again for the statistics of tables that
    never had any. Hardly a table of a city's is so for long.
    """
    home = Path(tempfile.mkdtemp(prefix="citylake-vault-"))
    atexit.register(shutil.rmtree, home)
    settings = Settings(home=home)
    prepare(settings)
    with open_lakes(settings, ("vault",)) as connection:
        with transaction(connection):
            prepare_tables(connection)
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'identity'").fetchall()
        for statement in ("insert into vault.identity.{} default values", "delete from vault.identity.{}"):
            with transaction(connection):
                for (table,) in tables:
                    connection.execute(statement.format(table))
    return Zones.of(settings).vault


def _table(dataset: str) -> str:
    return f"stg_{dataset.replace('.', '__')}"
