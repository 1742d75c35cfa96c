"""Rows that break their contract: which of an extract's rows, and how. The contract says where a row can be hurt.

Kinds, in equal shares: ``type`` (a date that does not exist), ``required`` (a required value missing), ``enum`` (a
word where a code belongs), ``columns`` (a field too few, one too many or a quote out of place; in JSON a line cut off).
A workbook's rows always have their cells, and Parquet keeps its types: there some kinds cannot be.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from citylake.contracts.model import Column, Contract, Format
from sample_city.rates import MALFORMED

KINDS = ("type", "required", "enum", "columns")
_KINDS: dict[Format, tuple[str, ...]] = {"csv": KINDS, "json": KINDS, "xlsx": KINDS[:3], "parquet": KINDS[1:3]}
BREACH = "_breach"
"""The column that says how a row is malformed; null for a good one."""
NO_DATE = "2026-02-30"


def choose_breaches(rng: np.random.Generator, rows: int, contract: Contract, rate: float = MALFORMED) -> pl.Series:
    """The kind of breach of each row, null for nearly all; every kind as often as the others."""
    possible = _KINDS[contract.dialect.format]
    count = round(rows * rate)
    kinds = np.full(rows, -1)
    kinds[rng.permutation(rows)[:count]] = (np.arange(count) + rng.integers(len(possible))) % len(possible)
    names = pl.Series(kinds).replace_strict(range(len(possible)), possible, default=None, return_dtype=pl.String)
    return names.alias(BREACH)


def dated_column(contract: Contract) -> Column | None:
    """The column whose date a breach of kind ``type`` hurts."""
    required = _first(contract, lambda column: column.required and column.logical_type in ("date", "timestamp"))
    return required or _first(contract, lambda column: column.logical_type == "date")


def break_values(texts: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Put what breaks the contract into the rows that :data:`BREACH` names; ``columns`` is left to the lines.

    A column of real dates has no room for one that does not exist: there the value goes, and the cell is left to the
    workbook.
    """
    needed = _first(contract, lambda column: column.required and not column.primary_key)
    listed = _first(contract, lambda column: bool(column.enum))
    wrong = {"type": (dated_column(contract), NO_DATE), "required": (needed, None), "enum": (listed, "其他")}
    for kind, (column, value) in wrong.items():
        if column is not None and column.name in texts.columns:
            word = value if texts.schema[column.name] == pl.String else None
            hurt = pl.when(pl.col(BREACH) == kind).then(pl.lit(word)).otherwise(column.name)
            texts = texts.with_columns(hurt.alias(column.name))
    return texts


def break_lines(lines: pl.Series, breaches: pl.Series, contract: Contract) -> pl.Series:
    """Damage the structure of the lines whose breach is ``columns``."""
    line, delimiter = pl.col("line"), contract.dialect.delimiter
    if contract.dialect.format == "json":
        broken = line.str.slice(0, line.str.len_chars() // 2)
    else:
        number = pl.int_range(pl.len())
        broken = (
            pl.when(number % 3 == 0)
            .then(line.str.replace(f"{delimiter}[^{delimiter}]*$", ""))
            .when(number % 3 == 1)
            .then(line + pl.lit(delimiter) + pl.lit("多出的一列"))
            .otherwise(line.str.replace(f"{delimiter}([^{delimiter}])", f'{delimiter}$1"'))
        )
    frame = pl.DataFrame({"line": lines, BREACH: breaches})
    return frame.select(pl.when(pl.col(BREACH) == "columns").then(broken).otherwise("line")).to_series()


def _first(contract: Contract, condition: Callable[[Column], bool]) -> Column | None:
    return next((column for column in contract.columns if condition(column)), None)
