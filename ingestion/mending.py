"""Rejected rows as their department mends them: column, value, what the contract says and how to mend it, a row each.

Reason and record are what loading stored; what the contract says and how to mend it is today's contract, under which
the rows will be delivered again. Set-based: a rule's words are looked up, a row's values taken from its record.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from citylake.contracts.model import Column, Contract
from ingestion.reasons import Explanation, explain

UNPARSED = "_line"
"""Under which heading a record keeps a line that could not be taken apart."""
_KEY = r'"(?:[^"\\]|\\.)*":'
"""A key of a record, with its colon: within a text the quote before a colon is escaped."""
_LINES_SHOWN = 5
_BETWEEN_RULES = "\n"
_NO_VALUE = "（空 empty）"
_PERSONAL_NUMBER = (
    r"(^|[^0-9])((00)?(86)?[ -]?1[0-9]{2}[ -]?[0-9]{4}[ -]?[0-9]{4}|[0-9]{15}"
    r"|[0-9]{6}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{3}[0-9Xx])([^0-9]|$)"
)
"""Of a mobile phone or a citizen id, in groups or not."""
_ENDS_SHOWN_FROM = 8
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class BrokenRule:
    """A rule that rows of an extract break."""

    explanation: Explanation
    rows: int
    lines: tuple[int, ...]
    """The first lines that break it."""


def broken_rules(contract: Contract, rows: pl.LazyFrame, line: str, rules: str) -> list[BrokenRule]:
    """The rules that rows break, most broken first. ``line`` and ``rules`` name the columns that say where and which.

    A row that breaks several counts at each.
    """
    found = (
        rows.select(line=pl.col(line), rule=pl.col(rules))
        .explode("rule")
        .drop_nulls("rule")
        .group_by("rule")
        .agg(pl.len().alias("rows"), pl.col("line").bottom_k(_LINES_SHOWN).sort().alias("lines"))
        .sort(["rows", "rule"], descending=[True, False])
        .collect(engine="streaming")
    )
    return [BrokenRule(explain(contract, rule), count, tuple(lines)) for rule, count, lines in found.iter_rows()]


def headings_of(rows: pl.LazyFrame, contract: Contract) -> list[str]:
    """The headings of the original records: today's, then those that deliveries under other contracts had."""
    keys = pl.col("record").str.extract_all(_KEY).explode().unique()
    found: list[str] = rows.select(keys).collect(engine="streaming").to_series().drop_nulls().to_list()
    others = {str(json.loads(key.removesuffix(":"))) for key in found} - {UNPARSED}
    return list(dict.fromkeys([*(column.heading for column in contract.columns), *sorted(others)]))


def original(headings: Sequence[str]) -> pl.Expr:
    """The record as it came, a struct of texts: these headings, and :data:`UNPARSED`."""
    return pl.col("record").str.json_decode(pl.Struct(dict.fromkeys([*headings, UNPARSED], pl.String)))


def to_mend(explanations: Sequence[Explanation], *, is_seen: bool) -> dict[str, pl.Expr]:
    """What the department needs of each rejected row; of a row that breaks several rules, one line each.

    ``is_seen``: for a screen, whose contents end in logs: values of identifiers are masked, and so is what looks like
    a person's number in another column.
    """
    headings = [column.heading for one in explanations for column in one.columns]
    record = original(list(dict.fromkeys(headings)))
    values = {one.rule: _value(one.columns, record, is_seen=is_seen) for one in explanations}
    texts: Mapping[str, dict[str, pl.Expr]] = {
        "rules": {one.rule: pl.lit(one.rule) for one in explanations},
        "columns": {one.rule: pl.lit(one.headings or "整行 whole row") for one in explanations},
        "values": values,
        "asks_zh": {one.rule: pl.lit(one.asks.zh) for one in explanations},
        "asks_en": {one.rule: pl.lit(one.asks.en) for one in explanations},
        "mend_zh": {one.rule: pl.lit(one.mend.zh) for one in explanations},
        "mend_en": {one.rule: pl.lit(one.mend.en) for one in explanations},
    }
    return {name: _line_each(said).alias(name) for name, said in texts.items()}


def masked(text: pl.Expr) -> pl.Expr:
    """A value that nobody can read back: of long ones the two characters at either end, of others the length alone."""
    length = text.str.len_chars()
    ends = pl.concat_str(text.str.head(2), pl.lit("…"), text.str.tail(2))
    shown = pl.when(length >= _ENDS_SHOWN_FROM).then(ends).otherwise(pl.lit("…"))
    return pl.format("{}（{} 位 characters）", shown, length)


def _line_each(said: Mapping[str, pl.Expr]) -> pl.Expr:
    """The texts of the rules that a row breaks, in the order in which its reasons name them."""
    if not said:
        return pl.lit("")
    broken = pl.col("rules")
    # Of each row, so that texts which are the same for all rows are as many as there are rows.
    texts = pl.concat_list([pl.when(broken.is_not_null()).then(text) for text in said.values()])
    places = pl.element().replace_strict(list(said), range(len(said)), default=None, return_dtype=pl.UInt32)
    return texts.list.gather(broken.list.eval(places)).list.join(_BETWEEN_RULES, ignore_nulls=True)


def _value(columns: Sequence[Column], record: pl.Expr, *, is_seen: bool) -> pl.Expr:
    texts = [(column, record.struct.field(column.heading)) for column in columns]
    values = [(_shown(column, text) if is_seen else text).fill_null(_NO_VALUE) for column, text in texts]
    if not values:
        return pl.lit("")
    if len(values) == 1:
        return values[0]
    named = [pl.format("{}={}", pl.lit(column.heading), value) for column, value in zip(columns, values, strict=True)]
    return pl.concat_str(named, separator="，")


def _shown(column: Column, text: pl.Expr) -> pl.Expr:
    if column.classification == "identifier":
        return masked(text)
    cut = pl.when(text.str.len_chars() > _LONGEST_SHOWN).then(text.str.head(_LONGEST_SHOWN) + pl.lit("…"))
    return (
        pl.when(text.str.normalize("NFKC").str.contains(_PERSONAL_NUMBER))
        .then(masked(text))
        .otherwise(cut.otherwise(text))
    )
