"""Which rows of a delivery are a person's: by their record, by a number in them, or by what columns say together.

Rows are read as they were loaded or as they were rejected; what is in the file alone is :mod:`ingestion.emptying`'s.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from citylake.contracts.model import Contract
from citylake.identity.attributing import Read, Told, bound, told
from citylake.identity.seeking import RecordId, record_ids
from citylake.lake.erasures import Sought

_OURS = {"_line", "_warnings", "_delivery_id", "_extract_date"}


def accepted_lines(engine: duckdb.DuckDBPyConnection, file: Path, contract: Contract, sought: Sought) -> set[int]:
    """Lines of accepted rows that are the person's, or in which an id or a phone stands."""
    columns = columns_of(engine, file)
    texts = [f'"{name}"::varchar' for name in columns - _OURS]
    named = [one.sql for one in record_ids(contract) if {p for p in one.parts if not p.startswith("'")} <= columns]
    by_record = " or ".join(f"list_contains($records::varchar[], {sql})" for sql in named) or "false"
    found = engine.execute(
        f"select _line from read_parquet($file) where ({by_record}) "
        f"or regexp_matches(concat_ws(' ', {', '.join(sorted(texts))}), $pattern, 'i')",
        _bound({"file": str(file), "pattern": sought.pattern}, named, sought.records.get(contract.dataset, [])),
    )
    lines = {line for (line,) in found.fetchall()}
    return lines | _told_lines(engine, file, "_line", told(contract).present_in(columns), as_loaded, sought)


def rejected_lines(engine: duckdb.DuckDBPyConnection, file: Path, contract: Contract, sought: Sought) -> set[int]:
    """The same of rejected rows, whose record is JSON text; a line that is no record is searched for numbers too."""
    named = [json_record_id(one, contract) for one in record_ids(contract)]
    by_record = " or ".join(f"list_contains($records::varchar[], {sql})" for sql in named) or "false"
    found = engine.execute(
        f"select line from read_parquet($file) where ({by_record}) or regexp_matches(record, $pattern, 'i') "
        "or (json_exists(record, '/_line') and regexp_matches(record, $numbers, 'i'))",
        _bound(
            {
                "file": str(file),
                "pattern": sought.pattern,
                "numbers": rf"\b({_pattern(sought.long_numbers(contract.dataset))})\b",
            },
            named,
            sought.records.get(contract.dataset, []),
        ),
    )
    lines = {line for (line,) in found.fetchall()}
    return lines | _told_lines(engine, file, "line", told(contract), as_rejected(contract), sought)


def _told_lines(  # noqa: PLR0913, PLR0917  # a file, how its rows are read, and what is sought
    engine: duckdb.DuckDBPyConnection, file: Path, line: str, columns: Told, read: Read, sought: Sought
) -> set[int]:
    """Lines of rows that are the person's by what their columns say together."""
    if not (sought.codes or sought.named_ids) or not (columns.numbers or columns.persons):
        return set()
    where = columns.where(read)
    parameters = {name: values for name, values in bound(sought).items() if f"${name}" in where}
    rows = engine.execute(
        f"select {line} as line{columns.select(read)} from read_parquet($file) where {where}",
        {"file": str(file), **parameters},
    ).pl()
    return {*columns.theirs(rows, sought)["line"]}


def columns_of(engine: duckdb.DuckDBPyConnection, file: Path) -> set[str]:
    """The columns of a file of loaded rows: older ones lack some that the contract has now."""
    return {row[0] for row in engine.execute("describe from read_parquet(?)", [str(file)]).fetchall()}


def as_loaded(column: str) -> str:
    """A column of loaded rows as text."""
    return f'"{column}"::varchar'


def as_rejected(contract: Contract) -> Read:
    """How a column is read of rejected rows, whose ``record`` has the department's own headings."""
    headings = {column.name: column.heading for column in contract.columns}
    return lambda column: f"json_extract_string(record, '/{_pointer(headings[column])}')"


def json_record_id(one: RecordId, contract: Contract) -> str:
    """The record id as an expression over rejected rows."""
    read = as_rejected(contract)
    parts = [part if part.startswith("'") else read(part) for part in one.parts]
    return f"concat_ws('|', {', '.join(parts)})"


def _pointer(heading: str) -> str:
    """A heading within a JSON pointer, within a SQL literal."""
    return heading.replace("~", "~0").replace("/", "~1").replace("'", "''")


def _bound(bound: dict[str, object], named: Sequence[str], records: Sequence[str]) -> dict[str, object]:
    return {**bound, "records": list(records)} if named else bound


def _pattern(words: Sequence[str]) -> str:
    """One of the words; without any, what matches nothing."""
    return "|".join(re.escape(word) for word in words) or "$.^"
