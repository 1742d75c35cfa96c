"""Keys that come twice in one delivery: identical repeats are kept with a warning, contradictions are quarantined.

Only hashes of 128 bits and line numbers are compared, by an engine that spills to disk, so that the number of rows
does not matter. Most deliveries repeat no key: a pass over the keys alone shows that, and nothing more is done.
"""

from pathlib import Path

import duckdb
import polars as pl

from ingestion.readers.extract import LINE
from ingestion.rules import Compiled, text_name

CONFLICT = "key.conflict"
REPEATED = "key.repeated"
FINDING = "_key_finding"

_REPEATED_LINES = """
copy (
    select _line
    from read_parquet($hashes)
    qualify count(*) over (partition by key_1, key_2) > 1
) to '{target}' (format parquet)
"""
_FINDINGS = """
copy (
    select
        _line,
        if(first_1 = content_1 and first_2 = content_2, 'key.repeated', 'key.conflict') as _key_finding
    from (
        select
            *,
            first_value(content_1) over same_key as first_1,
            first_value(content_2) over same_key as first_2,
            row_number() over same_key as place
        from read_parquet($hashes)
        window same_key as (partition by key_1, key_2 order by _line)
    )
    where place > 1
) to '{target}' (format parquet)
"""


def find_repeated_keys(
    typed: pl.LazyFrame, is_rejected: pl.Expr, compiled: Compiled, folder: Path
) -> pl.LazyFrame | None:
    """Lines whose key (and sequence) came before in this delivery, with ``_key_finding``; None when there are none.

    Rows that other rules reject do not count. ``typed`` has ``_line``, texts and values.
    """
    contract = compiled.contract
    if not contract.key:
        return None
    key = [*contract.key, *([contract.sequence] if contract.sequence else [])]
    hashes, lines = folder / "key_hashes.parquet", folder / "key_lines.parquet"
    typed.select(LINE, *_hashed("key", key)).sink_parquet(hashes)
    _run(_REPEATED_LINES, hashes, lines, folder)
    repeated = pl.scan_parquet(lines, glob=False)
    if not repeated.select(pl.len()).collect().item():
        return None
    candidates = typed.join(repeated, on=LINE, how="semi").filter(~is_rejected)
    content = [text_name(column.name) for column in contract.columns]
    contents, findings = folder / "key_contents.parquet", folder / "key_findings.parquet"
    candidates.select(LINE, *_hashed("key", key), *_hashed("content", content)).sink_parquet(contents)
    _run(_FINDINGS, contents, findings, folder)
    return pl.scan_parquet(findings, glob=False)


def _hashed(name: str, columns: list[str]) -> list[pl.Expr]:
    return [pl.struct(columns).hash(seed).alias(f"{name}_{seed}") for seed in (1, 2)]


def _run(statement: str, hashes: Path, target: Path, folder: Path) -> None:
    with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(folder / "spill")}) as connection:
        connection.execute(statement.format(target=str(target).replace("'", "''")), {"hashes": str(hashes)})
