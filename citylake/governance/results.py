"""What a check of the audit says, and what all checks are given."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

import duckdb
import polars as pl
from pydantic import BaseModel, ConfigDict

from citylake.contracts.labels import Label
from citylake.contracts.model import Contract
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

Status = Literal["passed", "failed", "warned"]


class CheckResult(BaseModel):
    """One check of one run."""

    model_config = ConfigDict(frozen=True)

    check_id: str
    """``<subject>.<what must hold>``"""
    status: Status
    observed: float
    expected: float
    message: Label
    """What was found and what it means; never a value of an identifier."""


@dataclass(frozen=True)
class Subject:
    """The run under audit: the heads of the lakes, what was delivered, and what was promised."""

    settings: Settings
    zones: Zones
    run_id: str
    as_of: date
    connection: duckdb.DuckDBPyConnection
    """All three lakes attached."""
    contracts: dict[str, Contract]
    ledger: pl.DataFrame
    """The deliveries as this run saw them."""

    @property
    def in_force(self) -> pl.DataFrame:
        return self.ledger.filter(pl.col("status") == "in_force")

    def count(self, sql: str, *parameters: object) -> int:
        """The one number that a query gives; null counts as 0."""
        row = self.connection.execute(sql, list(parameters)).fetchone()
        return int(row[0] or 0) if row else 0

    def columns(self, *, named: str | None = None, text_only: bool = False) -> list[tuple[str, str]]:
        """(full name of the table, column) of what ``city`` and ``people`` publish, the audit's own table apart."""
        found = self.connection.execute(
            """
            select database_name || '.' || schema_name || '.' || table_name, column_name
            from duckdb_columns()
            where database_name in ('city', 'people') and not internal
                and (schema_name, table_name) <> ('quality', 'fct_audit_check')
                and (not $text_only or data_type like 'VARCHAR%') and column_name = coalesce($named, column_name)
            order by all
            """,
            {"text_only": text_only, "named": named},
        ).fetchall()
        return [(table, column) for table, column in found]

    @cached_property
    def tables(self) -> frozenset[str]:
        """Every table that was in the lakes when first asked, ``<lake>.<schema>.<table>``.

        Listed once: DuckDB lists the tables of a lake with the size of each, whichever one is asked for.
        """
        sql = "select database_name || '.' || schema_name || '.' || table_name from duckdb_tables()"
        return frozenset(name for (name,) in self.connection.execute(sql).fetchall())


def nothing_wrong(check_id: str, wrong: int, message: Label, *, otherwise: Status = "failed") -> CheckResult:
    """A check that counts what is wrong: passed at 0."""
    return CheckResult(
        check_id=check_id, status=otherwise if wrong else "passed", observed=wrong, expected=0, message=message
    )
