"""Reading JSON Lines: one object a line, values as text, nested values as JSON text.

DuckDB's JSON functions parse lines that were read as text, so that a bad line is rejected alone and by its number.
"""

import json
from pathlib import Path

import duckdb
import polars as pl

from citylake.contracts.model import Contract
from ingestion import refusals
from ingestion.readers.extract import LINE, REJECTED_SCHEMA, Extract, Parts, blocks
from ingestion.readers.source import Lines

_PARSE = """
with lines as (
    select _line, text, list_contains($undecodable, _line) as is_undecodable, json_valid(text) as is_valid
    from block
    where trim(text) != ''
),

objects as (
    select
        *,
        case when is_valid then json_type(text) end = 'OBJECT' as is_object,
        case when is_valid then json_keys(text) end as keys
    from lines
)

select
    _line,
    text,
    case
        when is_undecodable then 'row.encoding'
        when is_object is not true or len(keys) > len(list_distinct(keys)) then 'row.json'
    end as rule,
    case when is_object then json_transform(text, $structure) end as fields,
    case when is_object then list_filter(keys, lambda key: not list_contains($headings, key)) end as new_keys
from objects
"""


def read_json_lines(lines: Lines, contract: Contract, folder: Path) -> Extract:
    """Read a JSON Lines file. Raises RefusedFile when no line of it can be one."""
    _check_start(lines)
    names = {column.heading: column.name for column in contract.columns}
    parts = Parts(folder, {LINE: pl.Int64, **dict.fromkeys(names.values(), pl.String)})
    new: set[str] = set()
    with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
        for block in blocks(lines.path):
            parsed = _parse(connection, block.lines, list(names), list(lines.undecodable))
            is_good = pl.col("rule").is_null()
            new.update(parsed.filter(is_good)["new_keys"].explode().drop_nulls().unique())
            records = parsed.filter(is_good).select(
                LINE, *(pl.col("fields").struct.field(heading).alias(name) for heading, name in names.items())
            )
            parts.add(records, parsed.filter(~is_good).select(*REJECTED_SCHEMA))
    return Extract(parts.scan("records"), parts.scan("rejected"), parts.rows_read, tuple(sorted(new)), ())


def _parse(
    connection: duckdb.DuckDBPyConnection, block: pl.DataFrame, headings: list[str], undecodable: list[int]
) -> pl.DataFrame:
    connection.register("block", block)
    structure = json.dumps(dict.fromkeys(headings, "VARCHAR"), ensure_ascii=False)
    values = {"structure": structure, "headings": headings, "undecodable": undecodable}
    return connection.execute(_PARSE, values).pl()


def _check_start(lines: Lines) -> None:
    with lines.path.open(encoding="utf-8", newline="\n") as file:
        start = next((line for line in file if line.strip()), "").lstrip()[:1]
    if not start:
        raise refusals.empty()
    if start == "[":
        raise refusals.wrong_structure(
            "文件是一个 JSON 数组，约定的是每行一个 JSON 对象。",
            "The file is one JSON array; one JSON object a line was agreed on.",
        )
