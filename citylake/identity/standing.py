"""Which records still hold, and when each was last updated, as their contracts say."""

from collections.abc import Mapping, Sequence
from datetime import date

import duckdb
import polars as pl

from citylake.contracts.model import Contract
from citylake.identity.tables import known_tables


def standing_contracts(
    connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract], datasets: pl.Series
) -> list[Contract]:
    """Those of these datasets that say which of their records hold, or when they were updated, and are staged."""
    staged = known_tables(connection, "staging")
    return [
        contract
        for contract in (contracts[dataset] for dataset in sorted(datasets))
        if (contract.sequence or contract.holds) and contract.mode != "append" and staged_table(contract) in staged
    ]


def stand(connection: duckdb.DuckDBPyConnection, standing: Sequence[Contract], as_of: date) -> None:
    """Temp table ``standing``: of each record that is ``sourced``, whether it holds and when it was updated."""
    connection.execute(
        "create or replace temp table standing "
        "(source_dataset varchar, register_no varchar, updated_at timestamptz, is_holding boolean)"
    )
    for contract in standing:
        connection.execute(f"insert into standing {_of(contract)}", _parameters(contract, as_of))


def staged_table(contract: Contract) -> str:
    """The table of staging that has a contract's records."""
    return f"stg_{contract.department}__{contract.name}"


def record_number(contract: Contract) -> str:
    """What a record is called, as the macro ``person_record_id`` calls numbered ones."""
    return f"concat_ws('|', {', '.join(contract.key)})"


def _of(contract: Contract) -> str:
    holds, is_holding = contract.holds, "true"
    if holds is not None:
        is_holding = f"coalesce({holds.column} in (select unnest($one_of::varchar[])), true)"
        if holds.until is not None:
            is_holding += f" and coalesce({holds.until} >= $as_of::date, true)"
    number = record_number(contract)
    return (
        f"select '{contract.dataset}', {number}, {contract.sequence or 'null'}::timestamptz, {is_holding} "
        f"from vault.staging.{staged_table(contract)} where not is_deleted and {number} in "
        f"(select register_no from sourced where source_dataset = '{contract.dataset}')"
    )


def _parameters(contract: Contract, as_of: date) -> dict[str, object]:
    if contract.holds is None:
        return {}
    values: dict[str, object] = {"one_of": list(contract.holds.one_of)}
    return values | ({"as_of": as_of} if contract.holds.until else {})
