"""Reading JSON: one object a line, or one array of objects; values as text, nested values as JSON text.

Objects may differ in their keys. An array is laid out one object a line first, and its records are numbered from 1.
DuckDB's JSON functions parse lines that were read as text, so that a bad line is rejected alone and by its number.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl

from citylake.contracts.model import Contract
from ingestion.readers.extract import LINE, REJECTED_SCHEMA, Batch, Extract, without_empty
from ingestion.readers.json_array import laid_out
from ingestion.readers.source import text_blocks

_JUDGE = """
create or replace temp table lines as
select
    _line,
    text,
    list_contains($undecodable, _line) as is_undecodable,
    if(json_valid(text), json_type(text) = 'OBJECT', false) as is_object
from block
"""
_SHAPES = "select distinct json_keys(text) as keys from lines where is_object"
_PARSE = """
select
    _line,
    text,
    case
        when is_undecodable then 'row.encoding'
        when not is_object or list_contains($repeating::varchar[][], json_keys(text)) then 'row.json'
    end as rule,
    if(is_object, json_transform(text, $structure), null) as fields
from lines
"""


def read_json(file: Path, contract: Contract, engine: duckdb.DuckDBPyConnection) -> Extract:
    """Read JSON Lines or a JSON array. Reading raises RefusedFile when it is neither."""
    names = {column.heading: column.name for column in contract.columns}

    def batches() -> Iterator[Batch]:
        keys: set[str] = set()
        for block in laid_out(text_blocks(file, contract.dialect)):
            lines = pl.read_lines(block.content, name="text") if block.content else pl.DataFrame({"text": []})
            numbered = lines.cast({"text": pl.String}).with_row_index(LINE, block.first_line).cast({LINE: pl.Int64})
            parsed, found = _parse(engine, numbered, list(names), list(block.undecodable))
            is_good = pl.col("rule").is_null()
            keys.update(found)
            records = parsed.filter(is_good).select(
                LINE, *(pl.col("fields").struct.field(heading).alias(name) for heading, name in names.items())
            )
            yield Batch(without_empty(records), parsed.filter(~is_good).select(*REJECTED_SCHEMA))
        extract.new_columns = tuple(sorted(keys - names.keys()))

    extract = Extract(batches)
    return extract


def _parse(
    engine: duckdb.DuckDBPyConnection, block: pl.DataFrame, headings: list[str], undecodable: list[int]
) -> tuple[pl.DataFrame, set[str]]:
    """The lines of a block, parsed, and the keys found in them. Lines share few sets of keys: these are looked at."""
    engine.register("block", block.filter(pl.col("text").str.contains(r"\S")))
    engine.execute(_JUDGE, {"undecodable": undecodable})
    shapes: list[list[str]] = [keys for (keys,) in engine.execute(_SHAPES).fetchall()]
    repeating = [keys for keys in shapes if len(set(keys)) < len(keys)]
    structure = json.dumps(dict.fromkeys(headings, "VARCHAR"), ensure_ascii=False)
    parsed = engine.execute(_PARSE, {"structure": structure, "repeating": repeating}).pl()
    return parsed, {key for keys in shapes for key in keys}
