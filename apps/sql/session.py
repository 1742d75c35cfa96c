"""One analyst's session: a locked-down connection on one release, statements run on it, and errors explained.

Knows nothing of prompts or formats.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import duckdb

from citylake.lake.errors import UsageError
from citylake.lake.reader import PEOPLE_BY_ROLE, connect
from citylake.lake.releases import Release, current_id, find_release
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

_TABLES = """
select
    if(database_name = 'city', '', database_name || '.') || schema_name || '.' || table_name as "table",
    comment
from (
    select database_name, schema_name, table_name, comment from duckdb_tables() where not internal
    union all
    select database_name, schema_name, view_name, comment from duckdb_views() where not internal
)
where database_name in ('city', 'people', 'temp', 'memory')
order by all
"""
_COLUMNS = """
select database_name || '.' || schema_name || '.' || table_name, column_name, data_type, comment
from duckdb_columns()
where database_name in ('city', 'people', 'temp', 'memory') and not internal
order by database_name, schema_name, table_name, column_index
"""
_HINTS: tuple[tuple[type[duckdb.Error], str], ...] = (
    (duckdb.PermissionException, "此会话只能读取本发布版本的数据。 This session reads one release and no other file."),
    (
        duckdb.CatalogException,
        "输入 .tables 查看所有表。 Type .tables for the tables, .describe TABLE for its columns.",
    ),
    (duckdb.BinderException, "输入 .describe 表名 查看字段。 Type .describe TABLE for the columns of a table."),
    (duckdb.OutOfMemoryException, "查询超出内存。 Aggregate or filter first, or raise CITYLAKE_MEMORY_LIMIT."),
    (duckdb.InterruptException, "已取消。 Cancelled."),
)
_NUMBERS = {
    *("tinyint", "smallint", "integer", "bigint", "hugeint", "float", "double", "decimal"),
    *("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"),
}
_KINDS_THAT_WRITE_FILES = {
    duckdb.StatementType.COPY,
    duckdb.StatementType.COPY_DATABASE,
    duckdb.StatementType.EXPORT,
}
_KINDS_AROUND_OTHERS = {duckdb.StatementType.EXPLAIN, duckdb.StatementType.PREPARE}
_WRITES = re.compile(r"\b(copy|export)\b", re.IGNORECASE)
_KEEPS_RECORDS = re.compile(r"\b(enable|disable)_(logging|profil\w+)", re.IGNORECASE)
_NO_PEOPLE = re.compile(
    r"""(catalog|database|schema)( with name)? "?people"? does not exist|named "people" found""", re.IGNORECASE
)
_READ_ONLY = (
    "发布版本只读, 可用 create temp table 存放中间结果。 A release is read-only; create temp table keeps results."
)


@dataclass(frozen=True)
class Answer:
    """What a statement gave: column names, whether each is a number, and the rows, read as they are asked for."""

    columns: tuple[str, ...]
    is_number: tuple[bool, ...]
    rows: Iterator[tuple[Any, ...]]
    origin: str
    """Whether the release that it was read from is synthetic, real or mixed."""


class Session:
    """A locked-down connection and the release that it reads."""

    def __init__(self, settings: Settings, release: str | None = None, on: date | None = None) -> None:
        self._settings = settings
        self._follows_current = release is None and on is None
        self._connection = connect(release, date=on, locked=True, settings=settings)
        row = self._connection.execute("select getvariable('release_id')").fetchone()
        self.release: Release = find_release(Zones.of(settings), str(row[0]) if row else None)

    @property
    def newer_release(self) -> str | None:
        """The id of the current release when it is no longer the one that this session began with."""
        current = current_id(Zones.of(self._settings))
        return current if self._follows_current and current != self.release.release_id else None

    def run(self, sql: str) -> Iterator[Answer | None]:
        """Run statements one after another; None for one that gives no rows. Raises UsageError, explained."""
        try:
            # Taken apart by this connection, for DuckDB carries out some pragmas while it does so.
            for statement in self._connection.extract_statements(sql):
                _refuse_to_write_files(statement)
                _refuse_to_keep_records(statement)
                cursor = self._connection.execute(statement)
                if statement.expected_result_type == [duckdb.ExpectedResultType.QUERY_RESULT]:
                    yield self._answer(cursor)
                elif statement.query:  # A pivot begins with a statement that nobody wrote.
                    yield None
        except duckdb.Error as error:
            raise UsageError(explain(error)) from error

    def tables(self, part: str = "") -> Answer:
        """The tables with this in their name, with their comments."""
        answer = self._answer(self._connection.execute(_TABLES))
        return replace(answer, rows=(row for row in answer.rows if part in row[0]))

    def describe(self, table: str) -> Answer:
        """The columns of a table, with types and comments. Raises UsageError unless one table is meant."""
        wanted = f".{table.strip().strip(';').replace(chr(34), '')}"
        found = [row for row in self._connection.execute(_COLUMNS).fetchall() if f".{row[0]}".endswith(wanted)]
        names = {row[0] for row in found}
        if len(names) != 1:
            which = "No table is" if not names else f"{len(names)} tables are"
            raise UsageError(f"{which} called {table}. 输入 .tables 查看所有表。 Type .tables for all of them.")
        rows = (row[1:] for row in found)
        return Answer(("column", "type", "comment"), (False, False, False), rows, self.release.origin)

    def words(self) -> list[str]:
        """Names worth completing: tables and columns."""
        rows = self._connection.execute(
            "select distinct unnest([schema_name || '.' || table_name, table_name, column_name]) from duckdb_columns() "
            "where database_name in ('city', 'people') and not internal order by all"
        ).fetchall()
        return [row[0] for row in rows]

    def _answer(self, cursor: duckdb.DuckDBPyConnection) -> Answer:
        columns = cursor.description or []
        return Answer(
            tuple(column[0] for column in columns),
            tuple(column[1].id in _NUMBERS for column in columns),
            _batches(cursor),
            self.release.origin,
        )


def _refuse_to_write_files(statement: duckdb.Statement) -> None:
    """Refuse COPY: the release's own files are open to DuckDB, and it would write over them where the account may."""
    is_hidden = statement.type in _KINDS_AROUND_OTHERS and _WRITES.search(statement.query) is not None
    if statement.type in _KINDS_THAT_WRITE_FILES or is_hidden:
        raise UsageError(
            "此会话不写文件; 请用 --format csv 输出并重定向。 This session writes no file: put the query itself behind "
            "citylake sql --format csv, and redirect what it prints."
        )


def _refuse_to_keep_records(statement: duckdb.Statement) -> None:
    """Refuse DuckDB's own log and profile, which no setting locks; a way around this costs only one's own session.

    A log that may not be written ends the process; the others go to standard output, into the middle of the answers.
    """
    if _KEEPS_RECORDS.search(statement.query):
        raise UsageError(
            "此会话不写日志，也不输出性能剖析; 请在语句前加 explain analyze。 This session keeps no log and prints no "
            "profile beside its answers: put explain analyze before the statement to see where its time goes."
        )


def _batches(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    try:
        while batch := cursor.fetchmany(10_000):
            yield from batch
    except duckdb.Error as error:
        raise UsageError(explain(error)) from error


def explain(error: duckdb.Error) -> str:
    """DuckDB's message, and what it means here."""
    message = str(error).strip()
    if "read-only mode" in message or "configuration has been locked" in message:
        return f"{message}\n{_READ_ONLY}"
    if _NO_PEOPLE.search(message):
        return f"{message}\n{PEOPLE_BY_ROLE}"
    hint = next((text for kind, text in _HINTS if isinstance(error, kind)), None)
    return f"{message}\n{hint}" if hint else message
