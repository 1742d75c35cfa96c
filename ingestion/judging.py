"""Records judged batch by batch: typed values, the rules a row breaks, and what to say of rejected rows.

Rules are expressions (:mod:`ingestion.rules`); here they meet data. A batch pays for what it has: texts in the usual
form take the short way to their values, and what no row of it breaks is not looked at again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from citylake.contracts.labels import Label
from citylake.contracts.model import Contract
from ingestion import reasons
from ingestion.keys import CONFLICT, REPEATED, KeyHashes, RepeatedKeys
from ingestion.readers.extract import LINE
from ingestion.rules import Compiled, Rule, Value, polars_type, text_name

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
_ROWS_IN_MEMORY = 50_000
_KEY_RULES = (
    Rule(CONFLICT, None, "error", pl.col(CONFLICT), reasons.KEY_CONFLICT),
    Rule(REPEATED, None, "warning", pl.col(REPEATED), reasons.KEY_CONFLICT),
)


@dataclass
class RejectedRows:
    """What was rejected so far; what many batches add up to is written to disk."""

    folder: Path
    _batches: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])
    _written: list[Path] = field(default_factory=list[Path])

    def add(self, rows: pl.DataFrame, describe: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        """Keep the rejected rows of one batch; ``describe`` says of many at once, in :data:`REJECTED_SCHEMA`, why."""
        self._batches.append(rows)
        if sum(batch.height for batch in self._batches) >= _ROWS_IN_MEMORY:
            self._write(describe)

    def scan(self, describe: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.LazyFrame:
        """All of them, described, in no order."""
        if self._batches:
            self._write(describe)
        return pl.scan_parquet(self._written, glob=False) if self._written else pl.LazyFrame(schema=REJECTED_SCHEMA)

    def _write(self, describe: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._written.append(self.folder / f"{len(self._written):06d}.parquet")
        describe(pl.concat(self._batches)).write_parquet(self._written[-1], compression="lz4")
        self._batches.clear()


@dataclass(frozen=True)
class Judge:
    """Judges batches of one extract: calling it gives the good rows of a batch and keeps the others in ``rejected``."""

    compiled: Compiled
    rejected: RejectedRows
    keys: KeyHashes
    repeated_keys: RepeatedKeys | None = None

    @cached_property
    def schema(self) -> dict[str, pl.DataType]:
        """Of accepted rows: the contract's columns in its order and types, ``_line``, ``_warnings``."""
        columns = {column.name: polars_type(column) for column in self.compiled.contract.columns}
        return {**columns, LINE: pl.Int64(), WARNINGS: pl.List(pl.String())}

    @cached_property
    def _rules(self) -> tuple[Rule, ...]:
        return self.compiled.rules if self.repeated_keys is None else (*self.compiled.rules, *_KEY_RULES)

    def __call__(self, records: pl.DataFrame) -> pl.DataFrame:
        """Judge one batch: ``_line`` and texts under the contract's names."""
        typed = self._typed(records)
        flags = typed.select(rule.broken.alias(rule.rule_id) for rule in self._rules)
        is_met = dict(zip(flags.columns, flags.select(pl.all().any()).row(0) or (), strict=True))
        met = [rule for rule in self._rules if is_met[rule.rule_id]]
        errors = [rule for rule in met if rule.severity == "error"]
        warned = [rule.rule_id for rule in met if rule.severity == "warning"]
        judged = typed.select(
            *(pl.col(column.name).cast(polars_type(column)) for column in self.compiled.contract.columns),
            LINE,
            _lists(flags.select(warned), typed.height).alias(WARNINGS),
        )
        if errors:
            is_rejected = flags.select(pl.any_horizontal(rule.rule_id for rule in errors)).to_series()
            self.rejected.add(typed.filter(is_rejected), self.describe)
            judged = judged.filter(~is_rejected)
        self.keys.add(judged)
        return judged

    def describe(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Of rejected rows line, rules, reasons and original texts: columns of :data:`REJECTED_SCHEMA`."""
        return _rejected(rows, [rule for rule in self._rules if rule.severity == "error"], self.compiled.contract)

    def _typed(self, records: pl.DataFrame) -> pl.DataFrame:
        """Texts and typed values; the long way is only gone for texts in an unusual form."""
        values = self.compiled.typed
        texts = records.select(LINE, *self.compiled.texts(records))
        if self.repeated_keys is not None:
            conflicts, repeats = self.repeated_keys.among(texts[LINE])
            texts = texts.with_columns(conflicts.alias(CONFLICT), repeats.alias(REPEATED))
        typed = texts.with_columns(
            (value.full if value.usual is None else value.usual).alias(value.name) for value in values
        )
        short = [value for value in values if value.is_unusual is not None]
        unusual = typed.select(value.is_unusual.alias(value.name) for value in short if value.is_unusual is not None)
        for value in short:
            rows = unusual[value.name].arg_true()
            if len(rows):
                typed = typed.with_columns(typed[value.name].scatter(rows, _full(typed, rows, value)))
        return typed


def _full(texts: pl.DataFrame, rows: pl.Series, value: Value) -> pl.Series:
    needed = texts.select(sorted(set(value.full.meta.root_names())))
    return needed[rows].select(value.full.alias(value.name)).to_series()


def _lists(flags: pl.DataFrame, height: int) -> pl.Series:
    """For each row the names of the flags it has. Few combinations occur: each is written once and looked up."""
    if not flags.width:
        return pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, height)
    number = flags.select(
        pl.sum_horizontal(pl.col(name).cast(pl.UInt64) * (1 << place) for place, name in enumerate(flags.columns))
    ).to_series()
    combinations = flags.with_columns(number.alias("_number")).unique("_number").sort("_number")
    lists = combinations.select(
        pl.concat_list(pl.when(name).then(pl.lit(name)) for name in flags.columns).list.drop_nulls()
    ).to_series()
    return lists.gather(combinations["_number"].search_sorted(number))


def _rejected(rows: pl.DataFrame, errors: list[Rule], contract: Contract) -> pl.DataFrame:
    """Line, rules, reasons and original texts of rows that each break a rule."""
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
