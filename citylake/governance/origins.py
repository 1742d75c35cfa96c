"""Where in the deliveries a finding of the audit comes from: dataset, delivery and line, never the value.

Only looked for when something was found, so its cost is no night's.
"""

from collections.abc import Iterable, Sequence

import polars as pl

from citylake.contracts.labels import Label
from citylake.governance.results import Subject

_SHOWN = 5
_PLACE = ("_delivery_id", "_line")


def lines_with(subject: Subject, values: pl.Series, columns: Iterable[tuple[str, str]]) -> Label:
    """The lines of deliveries that hold one of these values in one of these columns (staging table, column)."""
    selects = [
        f'{_select(table, column)} where "{column}"::varchar in (select value from finding)'
        for table, column in _with_lines(subject, columns)
    ]
    return _listed(subject, values, selects)


def lines_with_number(subject: Subject, numbers: pl.Series, pattern: str) -> Label:
    """The lines of deliveries with one of these numbers inside any text; the pattern's first group is the number."""
    quoted = pattern.replace("'", "''")
    selects = [
        f'{_select(table, column)} where strlen("{column}") >= {numbers.str.len_bytes().min()} '
        f"and list_has_any(regexp_extract_all(\"{column}\", '{quoted}', 1), (select list(value) from finding))"
        for table, column in _with_lines(subject, _texts(subject))
    ]
    return _listed(subject, numbers, selects)


def _texts(subject: Subject) -> list[tuple[str, str]]:
    return subject.connection.execute(
        """
        select database_name || '.' || schema_name || '.' || table_name, column_name from duckdb_columns()
        where database_name = 'vault' and schema_name = 'staging' and data_type = 'VARCHAR'
            and not starts_with(column_name, '_')
        """
    ).fetchall()


def _with_lines(subject: Subject, columns: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of tables that say which line of which delivery a row is."""
    tables = {
        table
        for (table,) in subject.connection.execute(
            "select database_name || '.' || schema_name || '.' || table_name from duckdb_columns() "
            f"where column_name in {_PLACE} group by all having count(*) = {len(_PLACE)}"
        ).fetchall()
    }
    return [(table, column) for table, column in columns if table in tables]


def _select(table: str, column: str) -> str:
    dataset = table.rsplit(".", 1)[1].removeprefix("stg_").replace("__", ".", 1)
    return (
        f"select '{dataset}' as dataset, '{column}' as column_name, _delivery_id as delivery_id, _line as line "
        f"from {table}"
    )


def _listed(subject: Subject, values: pl.Series, selects: Sequence[str]) -> Label:
    if not selects:
        return Label("", "")
    connection = subject.connection
    connection.register("found_values", values.unique().to_frame("value").to_arrow())
    connection.execute("create or replace temp table finding as select value from found_values")
    connection.unregister("found_values")
    query = f"from ({' union all '.join(selects)})"
    total = subject.count(f"select count(*) {query}")
    rows = connection.execute(f"{query} order by all limit {_SHOWN}").fetchall()
    connection.execute("drop table finding")
    if not rows:
        return Label("", "")
    zh = "；".join(f"{delivery} 第 {line} 行（{column}）" for _, column, delivery, line in rows)
    en = "; ".join(f"{delivery} line {line} ({column})" for _, column, delivery, line in rows)
    more_zh, more_en = (f" 等 {total} 处", f" and {total - _SHOWN} more") if total > _SHOWN else ("", "")
    return Label(f"；来源：{zh}{more_zh}", f"; from: {en}{more_en}")
