"""Keys that come twice in one delivery: identical repeats are kept with a warning, contradictions are quarantined.

Most deliveries repeat no key: eight bytes a row, kept while rows are judged, show that. Where they do not, the accepted
rows are looked at by an engine that spills to disk; contents are compared by hash, whatever the rows' width.
"""

from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl

from citylake.contracts.model import Contract
from citylake.lake.attach import quoted
from ingestion.readers.extract import LINE

CONFLICT = "key.conflict"
REPEATED = "key.repeated"

_REPEATED_ROWS = """
copy (
    select _line, content_hash <> first_hash as is_conflict
    from (
        select
            *,
            first_value(content_hash) over same_key as first_hash,
            row_number() over same_key as place
        from (
            select _line, {key}, md5_number(cast(row({content}) as varchar)) as content_hash
            from read_parquet($accepted)
            where hash({key}) in (
                select hash({key}) from read_parquet($accepted) group by hash({key}) having count(*) > 1
            )
        )
        window same_key as (partition by {key} order by _line)
    )
    where place > 1
    order by _line
) to '{target}' (format parquet)
"""


@dataclass
class KeyHashes:
    """A hash of the key, and sequence, of every accepted row so far."""

    names: tuple[str, ...]
    _batches: list[pl.Series] = field(default_factory=list[pl.Series])

    @classmethod
    def of(cls, contract: Contract) -> "KeyHashes":
        """For a new pass over an extract of this contract."""
        return cls(_key(contract))

    def add(self, accepted: pl.DataFrame) -> None:
        """Keep those of one batch."""
        if self.names:
            self._batches.append(accepted.select(pl.struct(self.names).hash().alias("hash")).to_series())

    def are_unique(self) -> bool:
        """Whether no key can have come twice; false does not say that one has."""
        if not self._batches:
            return True
        hashes = pl.concat(self._batches).sort()
        return not (hashes == hashes.shift(1)).any()


@dataclass(frozen=True)
class RepeatedKeys:
    """Lines of rows whose key, and sequence, came before in the same delivery; eight bytes each."""

    conflicts: pl.Series
    """Rising. The first row of the key has other content."""
    repeats: pl.Series
    """Rising. The first row of the key is the same."""

    def among(self, lines: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Where these lines are conflicts, and where they are repeats."""
        return _members(lines, self.conflicts), _members(lines, self.repeats)


def find_repeated_keys(
    accepted: Path, contract: Contract, folder: Path, engine: duckdb.DuckDBPyConnection
) -> RepeatedKeys | None:
    """Which rows of an accepted extract repeat a key; None when none does. Rejected rows do not count."""
    key, content = (
        ", ".join(f'"{name}"' for name in names) for names in (_key(contract), [c.name for c in contract.columns])
    )
    target = folder / "repeated_keys.parquet"
    engine.execute(_REPEATED_ROWS.format(key=key, content=content, target=quoted(target)), {"accepted": str(accepted)})
    rows = pl.read_parquet(target)
    if rows.is_empty():
        return None
    return RepeatedKeys(rows.filter("is_conflict")[LINE], rows.filter(~pl.col("is_conflict"))[LINE])


def _key(contract: Contract) -> tuple[str, ...]:
    sequence = [contract.sequence] if contract.key and contract.sequence else []
    return tuple(dict.fromkeys([*contract.key, *sequence]))


def _members(lines: pl.Series, of: pl.Series) -> pl.Series:
    """Whether each line is one of ``of``, which rises: only the stretch between the outermost lines is looked at."""
    if lines.is_empty() or of.is_empty():
        return pl.repeat(value=False, n=len(lines), dtype=pl.Boolean, eager=True)
    first, last = pl.select(first=lines.min(), last=lines.max()).row(0)
    start, end = of.search_sorted(first, side="left"), of.search_sorted(last, side="right")
    return lines.is_in(of[start:end].implode())
