"""Records judged batch by batch: typed values, the rules a row breaks, and what to say of rejected rows.

Rules are expressions (:mod:`ingestion.rules`); here they meet data. Most rows are acquitted at small cost
(:mod:`ingestion.acquittal`): the full expressions are only evaluated for the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import cast

import polars as pl

from citylake.contracts.labels import Label
from citylake.contracts.model import Contract
from ingestion import reasons
from ingestion.acquittal import Acquittal
from ingestion.keys import CONFLICT, REPEATED, KeyHashes, RepeatedKeys
from ingestion.readers.extract import LINE, NEW_COLUMNS
from ingestion.rules import Compiled, Rule, polars_type, text_name

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


Describe = Callable[[pl.DataFrame], pl.DataFrame]
"""Says why rows were rejected: columns of :data:`REJECTED_SCHEMA`."""


@dataclass
class RejectedRows:
    """What was rejected so far; what many batches add up to is written to disk."""

    folder: Path
    _batches: dict[Describe, list[pl.DataFrame]] = field(default_factory=dict[Describe, list[pl.DataFrame]])
    _written: list[Path] = field(default_factory=list[Path])

    def add(self, rows: pl.DataFrame, describe: Describe) -> None:
        """Keep the rejected rows of one batch; they are described many at once."""
        batches = self._batches.setdefault(describe, [])
        batches.append(rows)
        if sum(batch.height for batch in batches) >= _ROWS_IN_MEMORY:
            self._write()

    def scan(self) -> pl.LazyFrame:
        """All of them, described, in no order."""
        self._write()
        return pl.scan_parquet(self._written, glob=False) if self._written else pl.LazyFrame(schema=REJECTED_SCHEMA)

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for describe, batches in self._batches.items():
            self._written.append(self.folder / f"{len(self._written):06d}.parquet")
            describe(pl.concat(batches)).write_parquet(self._written[-1], compression="lz4")
        self._batches.clear()


@dataclass(frozen=True)
class Acquittals:
    """One batch after the short way: see :class:`ingestion.acquittal.Acquittal`."""

    accepted: pl.DataFrame
    """Rows as they are kept."""
    suspects: pl.DataFrame
    """Records that need a closer look."""


@dataclass(frozen=True)
class Judge:
    """Judges batches of one extract: gives the good rows of a batch and keeps the others in ``rejected``.

    Batches may be acquitted several at once, in any order; the rest is done one after the other.
    """

    compiled: Compiled
    rejected: RejectedRows
    keys: KeyHashes
    repeated_keys: RepeatedKeys | None = None
    _suspects: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])

    @cached_property
    def schema(self) -> dict[str, pl.DataType]:
        """Of accepted rows: the contract's columns in its order and types, ``_line``, ``_warnings``.

        Where the contract lets its columns evolve, ``_new_columns`` too.
        """
        columns = {column.name: polars_type(column) for column in self.compiled.contract.columns}
        return {**columns, LINE: pl.Int64(), WARNINGS: pl.List(pl.String()), **dict.fromkeys(self._kept, pl.String())}

    @cached_property
    def _kept(self) -> tuple[str, ...]:
        return (NEW_COLUMNS,) if self.compiled.contract.drift == "evolve" else ()

    @cached_property
    def _rules(self) -> tuple[Rule, ...]:
        return self.compiled.rules if self.repeated_keys is None else (*self.compiled.rules, *_KEY_RULES)

    @cached_property
    def _acquit(self) -> Acquittal:
        return Acquittal(self.compiled.contract)

    def acquit(self, records: pl.DataFrame) -> Acquittals:
        """Take the short way with one batch: ``_line`` and columns under the contract's names."""
        if self.repeated_keys is not None:
            conflicts, repeats = self.repeated_keys.among(records[LINE])
            records = records.with_columns(conflicts.alias(CONFLICT), repeats.alias(REPEATED))
        kept = (_new_columns(records) for _ in self._kept)
        plain, is_suspicious = self._acquit(records.select(LINE, *self.compiled.usual_texts(records), *kept))
        if self.repeated_keys is not None:
            is_suspicious |= records[CONFLICT] | records[REPEATED]
        accepted = self._accepted(plain, _lists(pl.DataFrame(), plain.height))
        suspects = records.filter(is_suspicious)
        if suspects.height:
            accepted = accepted.filter(~is_suspicious)
            # As they are, a few texts would keep all texts of their batch in memory.
            suspects = cast("pl.DataFrame", pl.from_arrow(suspects.to_arrow()))
        self.keys.add(accepted)
        return Acquittals(accepted, suspects)

    def settle(self, acquittals: Acquittals) -> pl.DataFrame:
        """The good rows of one batch.

        Rows that need a closer look are looked at many at once: they come with a later batch, or with :meth:`finish`.
        """
        if acquittals.suspects.height:
            self._suspects.append(acquittals.suspects)
        if sum(rows.height for rows in self._suspects) < _ROWS_IN_MEMORY:
            return acquittals.accepted
        return pl.concat([acquittals.accepted, self.finish()])

    def finish(self) -> pl.DataFrame:
        """Judge the rows that still wait for a closer look."""
        if not self._suspects:
            return pl.DataFrame(schema=self.schema)
        # A format with types of its own may give values in one batch and texts in the next.
        alike = groupby(self._suspects, key=lambda rows: rows.schema)
        accepted = pl.concat(self._judge(pl.concat(rows)) for _, rows in alike)
        self._suspects.clear()
        self.keys.add(accepted)
        return accepted

    def describe(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Of rejected rows line, rules, reasons and original texts: columns of :data:`REJECTED_SCHEMA`."""
        return _rejected(rows, [rule for rule in self._rules if rule.severity == "error"], self.compiled.contract)

    def _judge(self, records: pl.DataFrame) -> pl.DataFrame:
        """By the full expressions."""
        keys = pl.col(rf"^{CONFLICT}|{REPEATED}$")
        texts = records.select(LINE, keys, *self.compiled.texts(records), _new_columns(records))
        typed = texts.with_columns(self.compiled.values)
        flags = typed.select(rule.broken.alias(rule.rule_id) for rule in self._rules)
        is_met = dict(zip(flags.columns, flags.select(pl.all().any()).row(0) or (), strict=True))
        met = [rule for rule in self._rules if is_met[rule.rule_id]]
        errors = [rule for rule in met if rule.severity == "error"]
        warned = [rule.rule_id for rule in met if rule.severity == "warning"]
        judged = self._accepted(typed, _lists(flags.select(warned), typed.height))
        if errors:
            is_rejected = flags.select(pl.any_horizontal(rule.rule_id for rule in errors)).to_series()
            self.rejected.add(typed.filter(is_rejected), self.describe)
            judged = judged.filter(~is_rejected)
        return judged

    def _accepted(self, typed: pl.DataFrame, warnings: pl.Series) -> pl.DataFrame:
        columns = self.compiled.contract.columns
        return typed.select(
            *(pl.col(column.name).cast(polars_type(column)) for column in columns),
            LINE,
            warnings.alias(WARNINGS),
            *self._kept,
        )


def _new_columns(records: pl.DataFrame) -> pl.Expr:
    """What the rows have under headings that the contract does not know; null where the extract has none."""
    return pl.col(NEW_COLUMNS) if NEW_COLUMNS in records.columns else pl.lit(None, pl.String).alias(NEW_COLUMNS)


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
    record = pl.struct(
        pl.col(text_name(column.name)).alias(column.heading) for column in contract.columns
    ).struct.json_encode()
    new = pl.col(NEW_COLUMNS).str.strip_prefix("{")
    found = rows.select(
        line=LINE,
        rules=pl.concat_list([pl.when(rule.broken).then(pl.lit(rule.rule_id)) for rule in errors]).list.drop_nulls(),
        reason_zh=_joined(errors, "zh", "；"),
        reason_en=_joined(errors, "en", "; "),
        record=pl.coalesce(pl.concat_str(record.str.strip_suffix("}"), pl.lit(","), new), record),
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
