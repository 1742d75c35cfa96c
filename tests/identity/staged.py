"""Staging tables by hand, and nights of identity over them."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from citylake.contracts.model import find_contract
from citylake.identity.resolve import resolve_identities
from citylake.lake.attach import open_lakes
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare

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
        if self.nights == 1:
            self._let_empty_tables_have_held_a_row()
        self.nights += 1
        return resolve_identities(self.settings, f"run-{self.nights}", DAY, full=full)

    def _let_empty_tables_have_held_a_row(self) -> None:
        """Half of a tiny night is DuckLake asking for the statistics of tables that never had any, again and again.

        Hardly a table of a city's is so for long.
        """
        with open_lakes(self.settings, ("vault",)) as connection:
            catalog = "__ducklake_metadata_vault"
            never_written = connection.execute(
                f"select table_name from {catalog}.ducklake_table inner join {catalog}.ducklake_schema as schemas "
                "using (schema_id) where schemas.schema_name = 'identity' and ducklake_table.end_snapshot is null "
                f"and table_id not in (select table_id from {catalog}.ducklake_table_stats)"
            ).fetchall()
            for statement in ("insert into {} default values", "delete from {}"):
                connection.execute("begin")
                for (table,) in never_written:
                    connection.execute(statement.format(f"vault.identity.{table}"))
                connection.execute("commit")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with open_lakes(self.settings, ("vault",), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def keys(self, kind: str = "person") -> dict[str, str]:
        """The keys by record number; numbers of different datasets differ in these tests."""
        return dict(self.rows(f"select register_no, {kind}_key from vault.identity.{kind}_record"))  # type: ignore[arg-type]

    def events(self) -> list[tuple[object, ...]]:
        return self.rows("select event_type, old_key, new_key, changed_date from vault.identity.key_event order by all")


def _table(dataset: str) -> str:
    return f"stg_{dataset.replace('.', '__')}"
