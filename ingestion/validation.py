"""Validation: an extract's records against their contract, into two Parquet files, accepted and rejected.

Streams from disk to disk; what rules say is compiled in :mod:`ingestion.rules`. Knows nothing of deliveries.
"""

from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import duckdb
import polars as pl

from citylake.contracts.labels import Label
from citylake.contracts.model import Contract
from ingestion import reasons
from ingestion.keys import CONFLICT, FINDING, FINDING_LINE, REPEATED, find_repeated_keys
from ingestion.readers.extract import LINE, Extract
from ingestion.rules import Compiled, Rule, compile_contract, polars_type, text_name

WARNINGS = "_warnings"
REJECTED_SCHEMA: dict[str, pl.DataType] = {
    "line": pl.Int64(),
    "rule": pl.String(),
    "rules": pl.List(pl.String()),
    "column_name": pl.String(),
    "reason_zh": pl.String(),
    "reason_en": pl.String(),
    "record": pl.String(),
}


@dataclass(frozen=True)
class Validated:
    """What validation left in its folder."""

    accepted: Path
    """Contract columns, ``_line``, ``_warnings``."""
    rejected: Path
    """Columns of :data:`REJECTED_SCHEMA`."""
    rows_accepted: int
    rows_rejected: int
    rules_rejected: dict[str, int]
    rules_warned: dict[str, int]


class RowsLost(RuntimeError):
    """Rows read and rows written differ: a fault in citylake itself, never a department's."""


def validate(extract: Extract, contract: Contract, folder: Path, engine: duckdb.DuckDBPyConnection) -> Validated:
    """Write accepted and rejected rows into ``folder`` and count both. Raises RowsLost when a row went missing."""
    compiled = compile_contract(contract)
    accepted, rejected = folder / "accepted_rows.parquet", folder / "rejected_rows.parquet"
    typed = _typed(extract, compiled)
    errors = compiled.broken_with("error")
    findings = find_repeated_keys(typed, _any([rule.broken for rule in errors]), compiled, folder, engine)
    if findings is not None:
        typed = pl.concat([typed, findings], how="horizontal").filter(pl.col(LINE) == pl.col(FINDING_LINE))
        errors = [
            *errors,
            Rule(CONFLICT, None, "error", pl.col(FINDING).eq_missing(pl.lit(CONFLICT)), reasons.KEY_CONFLICT),
        ]
    flagged = typed.with_columns(_is_rejected=_any([rule.broken for rule in errors]))
    good = flagged.filter(~pl.col("_is_rejected")).select(
        *contract_columns(contract), LINE, _warnings(compiled, has_findings=findings is not None)
    )
    bad = pl.concat([_rejected(flagged.filter("_is_rejected"), errors, contract), _unparsed(extract.rejected)])
    pl.collect_all([good.sink_parquet(accepted, lazy=True), bad.sink_parquet(rejected, lazy=True)], engine="streaming")
    return _count(extract.rows_read, accepted, rejected)


def contract_columns(contract: Contract) -> list[pl.Expr]:
    """The contract's columns in its order and its types."""
    return [pl.col(column.name).cast(polars_type(column)) for column in contract.columns]


def _typed(extract: Extract, compiled: Compiled) -> pl.LazyFrame:
    present = tuple(extract.records.collect_schema().names())
    texts = extract.records.select(LINE, *compiled.texts(present))
    return texts.with_columns(compiled.values)


def _any(broken: list[pl.Expr]) -> pl.Expr:
    return reduce(lambda left, right: left | right, broken, pl.lit(False))


def _warnings(compiled: Compiled, *, has_findings: bool) -> pl.Expr:
    """Ids of the warning rules that a row breaks."""
    ids = [pl.when(rule.broken).then(pl.lit(rule.rule_id)) for rule in compiled.broken_with("warning")]
    if has_findings:
        ids.append(pl.when(pl.col(FINDING) == REPEATED).then(pl.lit(REPEATED)))
    if not ids:
        return pl.lit([], pl.List(pl.String)).alias(WARNINGS)
    return pl.concat_list(ids).list.drop_nulls().alias(WARNINGS)


def _rejected(rows: pl.LazyFrame, errors: list[Rule], contract: Contract) -> pl.LazyFrame:
    """Line, rules, reasons and original texts of the rows that break a rule."""
    columns = {rule.rule_id: rule.column for rule in errors}
    found = rows.select(
        line=LINE,
        rules=pl.concat_list([pl.when(rule.broken).then(pl.lit(rule.rule_id)) for rule in errors]).list.drop_nulls(),
        reason_zh=_joined(errors, "zh", "；"),
        reason_en=_joined(errors, "en", "; "),
        record=pl.struct(
            pl.col(text_name(column.name)).alias(column.heading) for column in contract.columns
        ).struct.json_encode(),
    )
    first = pl.col("rules").list.first()
    return found.with_columns(
        rule=first, column_name=first.replace_strict(columns, default=None, return_dtype=pl.String)
    ).select(*REJECTED_SCHEMA)


def _joined(errors: list[Rule], language: str, separator: str) -> pl.Expr:
    texts = [
        pl.lit(getattr(rule.reason, language)) if isinstance(rule.reason, Label) else rule.reason.struct.field(language)
        for rule in errors
    ]
    said = [pl.when(rule.broken).then(text) for rule, text in zip(errors, texts, strict=True)]
    return pl.concat_str(said, separator=separator, ignore_nulls=True)


def _unparsed(rejected: pl.LazyFrame) -> pl.LazyFrame:
    """Lines that are no record, in the shape of rejected rows."""
    said = {
        language: {rule: getattr(label, language) for rule, label in reasons.STRUCTURE.items()}
        for language in ("zh", "en")
    }
    return rejected.select(
        line=LINE,
        rule="rule",
        rules=pl.concat_list("rule"),
        column_name=pl.lit(None, pl.String),
        reason_zh=pl.col("rule").replace_strict(said["zh"], return_dtype=pl.String),
        reason_en=pl.col("rule").replace_strict(said["en"], return_dtype=pl.String),
        record=pl.struct(pl.col("text").alias("_line")).struct.json_encode(),
    ).select(*REJECTED_SCHEMA)


def _count(rows_read: int, accepted: Path, rejected: Path) -> Validated:
    """Count what was written, by reading it, and hold it against what was read."""
    good, bad = pl.scan_parquet(accepted, glob=False), pl.scan_parquet(rejected, glob=False)
    rows_accepted, rows_rejected = (int(frame.select(pl.len()).collect().item()) for frame in (good, bad))
    if rows_read != rows_accepted + rows_rejected:
        raise RowsLost(
            f"{rows_read} rows were read, but {rows_accepted} accepted and {rows_rejected} rejected: "
            "nothing was loaded. This is a fault in citylake; please report it with the file's contract."
        )
    return Validated(
        accepted, rejected, rows_accepted, rows_rejected, _per_rule(bad, "rules"), _per_rule(good, WARNINGS)
    )


def _per_rule(rows: pl.LazyFrame, column: str) -> dict[str, int]:
    counts = rows.select(rule=pl.col(column).explode()).drop_nulls().group_by("rule").len().collect(engine="streaming")
    return dict(sorted(counts.iter_rows()))
