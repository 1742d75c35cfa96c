"""The one way to a release: a pinned, locked, read-only connection, and what every question shares."""

from typing import NamedTuple

import duckdb
import polars as pl
import streamlit as st

from citylake.lake.reader import connect
from citylake.lake.settings import CockpitRole


class Source(NamedTuple):
    """Which release is read, and by whom. Sign-in will bring more roles; what a role may read is decided here."""

    release_id: str
    role: CockpitRole = "leader"


_READ_PEOPLE: frozenset[CockpitRole] = frozenset({"analyst"})
"""The roles that the people lake is attached for, where the account that runs the cockpit may read it itself."""


# A department that the registry does not know is called by its code.
DEPARTMENT_NAMES = """
coalesce(department_name_zh, department_code) as name_zh,
coalesce(department_name_en, department_code) as name_en
""".strip()


@st.cache_resource(max_entries=4, show_spinner=False)
def _released(source: Source) -> duckdb.DuckDBPyConnection:
    """One locked, read-only connection a release; while it lives, maintenance keeps that release's files."""
    return connect(source.release_id, people=None if source.role in _READ_PEOPLE else False, locked=True)


def frame(source: Source, sql: str, **values: object) -> pl.DataFrame:
    """The answer to a question, its values bound."""
    return _released(source).cursor().execute(sql, values or None).pl()


@st.cache_data(max_entries=64, show_spinner=False)
def has_table(source: Source, table: str) -> bool:
    """Whether a reader has ``lake.schema.table``: older releases lack the newer tables, and most roles the people."""
    known = """
        select count(*) > 0 as is_there
        from duckdb_tables()
        where concat_ws('.', database_name, schema_name, table_name) = $table
    """
    return bool(frame(source, known, table=table).item())
