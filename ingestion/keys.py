"""Keys that come twice in one delivery: identical repeats are kept with a warning, contradictions are quarantined.

Only hashes of 128 bits and line numbers are compared, by an engine that spills to disk, so that the number of rows
does not matter. Most deliveries repeat no key: a pass over the keys alone shows that, and nothing more is done.
"""

from pathlib import Path

import duckdb
import polars as pl

from citylake.lake.attach import quoted
from ingestion.readers.extract import LINE
from ingestion.rules import Compiled, text_name

CONFLICT = "key.conflict"
REPEATED = "key.repeated"
FINDING = "_key_finding"
FINDING_LINE = "_key_line"

_IS_REPEATED = "select exists (from read_parquet($hashes) group by key_1, key_2 having count(*) > 1)"
_FINDINGS = """
copy (
    select
        _line as _key_line,
        case
            when is_rejected or place = 1 then null
            when first_1 = content_1 and first_2 = content_2 then 'key.repeated'
            else 'key.conflict'
        end as _key_finding
    from (
        select
            *,
            first_value(content_1) over same_key as first_1,
            first_value(content_2) over same_key as first_2,
            row_number() over same_key as place
        from read_parquet($hashes)
        window same_key as (partition by is_rejected, key_1, key_2 order by _line)
    )
    order by _line
) to '{target}' (format parquet)
"""


def find_repeated_keys(
    typed: pl.LazyFrame, is_rejected: pl.Expr, compiled: Compiled, folder: Path, engine: duckdb.DuckDBPyConnection
) -> pl.LazyFrame | None:
    """What is to be said of each row's key (and sequence), in the order of the rows; None when none comes twice.

    ``_key_finding`` is null for the first row of a key, and for rows that other rules reject: these do not count. The
    row's line stands beside it as ``_key_line``, so that the two can be put side by side: a join would hold every
    finding in memory. ``typed`` has ``_line``, rising, and texts and values.
    """
    contract = compiled.contract
    if not contract.key:
        return None
    key = _hashed("key", [*contract.key, *([contract.sequence] if contract.sequence else [])])
    keys = folder / "key_hashes.parquet"
    typed.select(*key).sink_parquet(keys)
    if engine.execute(_IS_REPEATED, {"hashes": str(keys)}).fetchone() == (False,):
        return None
    content = _hashed("content", [text_name(column.name) for column in contract.columns])
    rows, findings = folder / "row_hashes.parquet", folder / "key_findings.parquet"
    typed.select(LINE, *key, *content, is_rejected=is_rejected).sink_parquet(rows)
    engine.execute(_FINDINGS.format(target=quoted(findings)), {"hashes": str(rows)})
    return pl.scan_parquet(findings, glob=False)


def _hashed(name: str, columns: list[str]) -> list[pl.Expr]:
    return [pl.struct(columns).hash(seed).alias(f"{name}_{seed}") for seed in (1, 2)]
