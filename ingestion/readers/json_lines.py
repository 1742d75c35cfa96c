"""Reading JSON: one object a line, or one array of objects; values as text, nested values as JSON text.

Objects may differ in their keys. An array is laid out one object a line first, and its records are numbered from 1.
DuckDB's JSON functions parse lines that were read as text, so that a bad line is rejected alone and by its number.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.json

from citylake.contracts.model import Column, Contract
from ingestion.pipelining import in_order
from ingestion.readers.extract import LINE, NEW_COLUMNS, REJECTED_SCHEMA, Batch, Extract, without_empty
from ingestion.readers.json_array import laid_out
from ingestion.readers.source import TextBlock, text_blocks

_JUDGE = """
create or replace temp table lines as
select
    _line,
    text,
    list_contains($undecodable, _line) as is_undecodable,
    if(json_valid(text) and not list_contains($unsound, _line), json_type(text) = 'OBJECT', false) as is_object
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
    if(is_object, json_transform(text, $structure), null) as fields,
    {new_columns} as _new_columns,
    if(is_object, list_contains(json_type(text, $exact::varchar[]), 'DOUBLE'), false) as has_fraction
from lines
"""
# Key by key: objects may have any number of new ones, and none of them need have a place of its own.
_NEW_COLUMNS = """
'{' || nullif(array_to_string(list_transform(
    if(is_object, json_keys(text), []),
    lambda key: if(
        list_contains($known, key),
        null,
        to_json(key)
        || ':' || to_json(nullif(text ->> ('/' || replace(replace(key, '~', '~0'), '/', '~1')), ''))
    )
), ','), '') || '}'
"""


def read_json(file: Path, contract: Contract, engine: duckdb.DuckDBPyConnection) -> Extract:
    """Read JSON Lines or a JSON array. Reading raises RefusedFile when it is neither."""

    def read(block: TextBlock) -> tuple[Batch, set[str]]:
        # Blocks are read several at once: each has a connection, and what is registered with it, of its own.
        with engine.cursor() as own:
            return read_fast(block, contract, own) or read_carefully(block, contract, own)

    def batches() -> Iterator[Batch]:
        keys: set[str] = set()
        for batch, found in in_order(read, laid_out(text_blocks(file, contract.dialect))):
            keys |= found
            yield batch
        extract.new_columns = tuple(sorted(keys - {column.heading for column in contract.columns}))

    extract = Extract(batches)
    return extract


def read_fast(block: TextBlock, contract: Contract, engine: duckdb.DuckDBPyConnection) -> tuple[Batch, set[str]] | None:
    """Records of a block in which every line is one object with the contract's types, and all keys; else None.

    Arrow's parser takes no key twice and no value of another type than it was told to expect; but it does not look at
    lines, so that each must begin and end as an object does.
    """
    if block.undecodable or not block.has_lines_of("{", "}"):
        return None
    lists = [column for column in contract.columns if column.logical_type == "array"]
    kinds = [(column.heading, _arrow_type(column)) for column in contract.columns if column not in lists]
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(block.content),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(block.content) + 1),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=pa.schema(kinds)),
        )
    except pa.ArrowInvalid:
        return None
    keys = set(table.column_names)
    are_lists = all(_is_list(table.schema.field(one.heading).type) for one in lists if one.heading in keys)
    if table.num_rows != block.count or not are_lists:
        return None
    names = [column.name for column in contract.columns if column not in lists]
    values = cast("pl.DataFrame", pl.from_arrow(table.select([name for name, _ in kinds]).rename_columns(names)))
    lines = pl.int_range(block.first_line, block.first_line + block.count, dtype=pl.Int64, eager=True).alias(LINE)
    nested = _texts_of(engine, block, [one for one in lists if one.heading in keys])
    known = [column.heading for column in contract.columns]
    new = [] if keys <= {*known} else _new_columns_of(engine, block, known)
    return Batch(without_empty(values.select(lines, pl.all()).hstack([*nested, *new]))), keys


def _arrow_type(column: Column) -> Any:  # noqa: ANN401  # Arrow has no types of its own for types
    """What Arrow is told to expect; numbers with all their digits where a float would lose some."""
    if column.logical_type == "number" and column.physical_type is None:
        return pa.float64()
    return {"integer": pa.int64(), "boolean": pa.bool_()}.get(column.logical_type, pa.string())


def _is_list(kind: Any) -> bool:  # noqa: ANN401  # as above
    return pa.types.is_list(kind) or pa.types.is_null(kind)


def _texts_of(engine: duckdb.DuckDBPyConnection, block: TextBlock, columns: Sequence[Column]) -> list[pl.Series]:
    """The JSON text of nested values; null where there is none."""
    if not columns:
        return []
    engine.register("block", pl.read_lines(block.content, name="text"))
    paths = [f'$."{column.heading}"' for column in columns]
    values = ", ".join(f"nullif(json_extract(text, ${place}), 'null')::varchar" for place in range(1, len(paths) + 1))
    found = engine.execute(f"select {values} from block", paths).pl()
    return [found[:, place].alias(column.name) for place, column in enumerate(columns)]


def _new_columns_of(engine: duckdb.DuckDBPyConnection, block: TextBlock, known: list[str]) -> list[pl.Series]:
    """What each object has under keys that the contract does not know."""
    engine.register("block", pl.read_lines(block.content, name="text"))
    objects = "(select text, true as is_object from block)"
    found = engine.execute(f"select {_NEW_COLUMNS} as {NEW_COLUMNS} from {objects}", {"known": known}).pl()
    return [found[NEW_COLUMNS]]


def read_carefully(block: TextBlock, contract: Contract, engine: duckdb.DuckDBPyConnection) -> tuple[Batch, set[str]]:
    """Records of a block, and all keys, line by line: a bad line is rejected alone."""
    names = {column.heading: column.name for column in contract.columns}
    lines = pl.read_lines(block.content, name="text") if block.content else pl.DataFrame(schema={"text": pl.String})
    numbered = lines.with_row_index(LINE, block.first_line).cast({LINE: pl.Int64})
    exact = [column.heading for column in contract.columns if column.logical_type == "string" or column.physical_type]
    parsed, keys = _parse(engine, numbered, list(names), exact, [*block.undecodable], _with_commas_too_many(numbered))
    parsed = _with_numbers_as_written(parsed, exact)
    is_good = pl.col("rule").is_null()
    records = parsed.filter(is_good).select(
        LINE,
        *(pl.col("fields").struct.field(heading).alias(name) for heading, name in names.items()),
        *([] if keys <= names.keys() else [NEW_COLUMNS]),
    )
    return Batch(without_empty(records), parsed.filter(~is_good).select(*REJECTED_SCHEMA)), keys


def _with_commas_too_many(lines: pl.DataFrame) -> list[int]:
    """Lines with a comma before a closing bracket, which DuckDB takes and no standard does; those few one by one."""
    candidates = lines.filter(pl.col("text").str.contains(r",\s*[}\]]"))
    return [line for line, text in candidates.iter_rows() if not _is_json(text)]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _with_numbers_as_written(parsed: pl.DataFrame, headings: list[str]) -> pl.DataFrame:
    """Where digits count (codes, amounts), numbers with a fraction as they stand: DuckDB makes floats of them."""
    lines = parsed.filter(pl.col("has_fraction") & pl.col("rule").is_null())
    if lines.is_empty():
        return parsed
    said = [json.loads(text, parse_float=_Written, parse_int=_Written) for text in lines["text"]]
    numbers = {
        name: [value if isinstance(value := one.get(name), _Written) else None for one in said] for name in headings
    }
    schema = {LINE: pl.Int64, **dict.fromkeys(headings, pl.String)}
    written = pl.DataFrame({LINE: lines[LINE], **numbers}, schema=schema)
    joined = parsed.join(written, on=LINE, how="left", maintain_order="left")
    fields = pl.col("fields")
    return joined.with_columns(
        fields.struct.with_fields(
            pl.coalesce(heading, fields.struct.field(heading)).alias(heading) for heading in headings
        )
    )


class _Written(str):
    """A number by its digits."""

    __slots__ = ()


def _parse(  # noqa: PLR0913, PLR0917  # what is known of a block comes from as many places
    engine: duckdb.DuckDBPyConnection,
    block: pl.DataFrame,
    headings: list[str],
    exact: list[str],
    undecodable: list[int],
    unsound: list[int],
) -> tuple[pl.DataFrame, set[str]]:
    """The lines of a block, parsed, and the keys found in them. Lines share few sets of keys: these are looked at."""
    engine.register("block", block.filter(pl.col("text").str.contains(r"\S")))
    engine.execute(_JUDGE, {"undecodable": undecodable, "unsound": unsound})
    shapes: list[list[str]] = [keys for (keys,) in engine.execute(_SHAPES).fetchall()]
    repeating = [keys for keys in shapes if len(set(keys)) < len(keys)]
    structure = json.dumps(dict.fromkeys(headings, "VARCHAR"), ensure_ascii=False)
    found = {key for keys in shapes for key in keys}
    pointers = ["/" + heading.replace("~", "~0").replace("/", "~1") for heading in exact]
    bound: dict[str, object] = {"structure": structure, "repeating": repeating, "exact": pointers}
    if found <= {*headings}:
        return engine.execute(_PARSE.format(new_columns="null::varchar"), bound).pl(), found
    return engine.execute(_PARSE.format(new_columns=_NEW_COLUMNS), {**bound, "known": headings}).pl(), found
