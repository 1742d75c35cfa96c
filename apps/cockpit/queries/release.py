"""The one way to a release: a pinned, locked, read-only connection, and what every question shares."""

from typing import Literal, NamedTuple

import duckdb
import polars as pl
import streamlit as st

from citylake.lake.reader import connect

Role = Literal["leader"]


class Source(NamedTuple):
    """Which release is read, and by whom. Sign-in will bring more roles; what a role may read is decided here."""

    release_id: str
    role: Role = "leader"


_READ_PEOPLE: frozenset[str] = frozenset()
"""The roles that the people lake is attached for: none so far, no page needs a person."""


# A department that the registry does not know is called by its code.
DEPARTMENT_NAMES = """
coalesce(department_name_zh, department_code) as name_zh,
coalesce(department_name_en, department_code) as name_en
""".strip()


@st.cache_resource(max_entries=4, show_spinner=False)
def _released(source: Source) -> duckdb.DuckDBPyConnection:
    """One locked, read-only connection a release; while it lives, maintenance keeps that release's files."""
    return connect(source.release_id, people=source.role in _READ_PEOPLE, locked=True)


def frame(source: Source, sql: str, **values: object) -> pl.DataFrame:
    """The answer to a question, its values bound."""
    return _released(source).cursor().execute(sql, values or None).pl()
