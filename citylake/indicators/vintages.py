"""Vintages: a figure once shown is kept, beside the one that replaced it.

A row is appended only when a figure differs from the last one that was published, so that the table grows with what
changed. Rows of runs that were never published (a failed audit, a killed night) are taken out again first.
"""

from collections.abc import Collection
from datetime import date

import duckdb

from citylake.indicators.tables import FIGURE_COLUMNS, KEY_COLUMNS, SCHEMA, create

_TABLE = f"{SCHEMA}.indicator_vintage"


def forget_unpublished(connection: duckdb.DuckDBPyConnection, published: Collection[str]) -> None:
    """Create the table if it is missing, and delete what no published release ever showed."""
    create(connection, "indicator_vintage", replace=False)
    connection.execute(f"delete from {_TABLE} where not list_contains(?::varchar[], run_id)", [list(published)])


def append_changed(connection: duckdb.DuckDBPyConnection, run_id: str, as_of: date) -> int:
    """Append the figures of ``city.indicator.indicator_value`` that differ from their latest vintage; how many."""
    key, figures = ", ".join(KEY_COLUMNS), ", ".join(FIGURE_COLUMNS)
    # Run ids sort by the time at which they were minted. EXCEPT takes two nulls for equal, as is meant here.
    found = connection.execute(
        f"""
        insert into {_TABLE} by name
        with latest as (
            select * from {_TABLE} qualify row_number() over (partition by {key} order by run_id desc) = 1
        ),
        changed as (
            select {key}, {figures} from {SCHEMA}.indicator_value
            except
            select {key}, {figures} from latest
        )
        select *, ?::varchar as run_id, ?::date as data_as_of from changed
        """,
        [run_id, as_of],
    ).fetchone()
    return 0 if found is None else int(found[0])
