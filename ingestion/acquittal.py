"""Which rows of a batch need a closer look, told at small cost: most rows of most extracts are plainly in order.

A row is acquitted when every text of it is written in the usual form and breaks nothing; its values are then what the
contract's full expressions (:mod:`ingestion.rules`) give, and no rule, error or warning, applies to it. Of the others
nothing is said: the full expressions judge them. A property test holds both to the same outcome.
"""

import re
from collections.abc import Callable, Collection, Iterator
from datetime import date, datetime, timedelta
from functools import cache, partial, reduce
from operator import or_
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from citylake.contracts.identifiers import PLAIN
from citylake.contracts.model import Column, Contract
from ingestion.readers.extract import of_the_calendar
from ingestion.rules import ascii_digits, compile_contract, finding_name, out_of_range, text_name

_NO_WHITE_SPACE = re.compile(r"^\^(?:[A-Za-z0-9]|\\d|\[[A-Za-z0-9-]+\]|\{[0-9,]+\}|[()?|]|\(\?:)+\$$")
"""Patterns that visibly match no text of white space: letters, digits, classes of them, groups and counts."""
_SHORTEST_TIMESTAMP_BYTES = len("2026-11-01 08:00")
_DAY = timedelta(days=1)
_MOST_YEARS = 150
"""Where times lie further apart, the offset of each is as quick to find: a year takes half a millisecond to look at,
and 9999-12-31, which often stands for ever, would have eight thousand looked at."""

Cast = Callable[[pl.Series], pl.Series]


class Acquittal:
    """One contract's: calling it on texts (``_text.<name>``) gives values, and which rows need a closer look.

    A column may hold values instead of texts, as readers give them (:func:`ingestion.readers.extract.has_values`).
    """

    def __init__(self, contract: Contract) -> None:
        full = compile_contract(contract)
        self._contract = contract
        self._casts = {
            column.name: cast
            for column in contract.columns
            if (cast := _cast(column, contract.dialect.timezone)) is not None
        }
        as_they_are = [pl.col(text_name(column.name)).alias(column.name) for column in contract.columns]
        settled = {*self._casts, *(name for column in contract.columns for name in _texts_that_are_values(column))}
        others = [value.expression.alias(value.name) for value in full.typed if value.name not in settled]
        self._values = {expression.meta.output_name(): expression for expression in (*as_they_are, *others)}
        row_rules = {rule.name for rule in contract.row_rules}
        self._suspicions: dict[frozenset[str], pl.Expr] = {}
        self._broken = [rule.broken for rule in full.rules if rule.rule_id in row_rules]

    def __call__(self, texts: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
        """Texts and values of all rows; true for each row whose values may not be right or that may break a rule."""
        given = {column.name for column in self._contract.columns if texts.schema[text_name(column.name)] != pl.String}
        cast = {name: cast(texts[text_name(name)]) for name, cast in self._casts.items()}
        values = {name: value for name, value in self._values.items() if name not in given}
        as_given = {name: pl.col(text_name(name)) for name in given}
        typed = texts.with_columns(**(values | as_given | cast))
        return typed, typed.select(self._is_suspicious(frozenset(given))).to_series()

    def _is_suspicious(self, given: frozenset[str]) -> pl.Expr:
        """True for each row that needs a closer look; made once for all batches whose columns hold the same."""
        if given not in self._suspicions:
            columns = self._contract.columns
            suspicions = (one for column in columns for one in _suspicions(column, is_given=column.name in given))
            found = reduce(or_, [*suspicions, *self._broken, _may_be_header(self._contract, given)])
            self._suspicions[given] = found.alias("is_suspicious")
        return self._suspicions[given]


def _texts_that_are_values(column: Column) -> list[str]:
    """Names of what need not be made for a column: in the usual form its texts are its values, with no finding."""
    if column.check in PLAIN:
        return [column.name, finding_name(column)]
    return [column.name] if column.check is None and column.logical_type in ("string", "array") else []


def _cast(column: Column, timezone: str) -> Cast | None:
    """The short way to a column's values, null where a text is not in the usual form; None where there is none."""
    if column.check is not None:
        return None
    if column.logical_type == "date":
        return _dates
    if column.logical_type == "timestamp":
        return partial(_instants, timezone=timezone)
    return None


def _dates(texts: pl.Series) -> pl.Series:
    """``2026-11-01``. Arrow's parser is strict and quick, but gives up at the first text that is none."""
    if isinstance(texts.dtype, pl.Date):
        return texts.to_frame().select(of_the_calendar(pl.col(texts.name), texts.dtype)).to_series()
    try:
        return pl.Series(pc.cast(texts.to_arrow(), pa.date32()))
    except pa.ArrowInvalid:
        usual = pl.when(pl.col("text").str.contains("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")).then("text")
        parsed = usual.str.to_date("%Y-%m-%d", strict=False, cache=False)
        return texts.to_frame("text").select(parsed).to_series()


def _instants(texts: pl.Series, timezone: str) -> pl.Series:
    """``2026-11-01 08:00:00``, local; one that never was is null."""
    local = _local_times(texts)
    if local.dtype == pl.Datetime("us", "UTC"):
        return local
    offset = _only_offset(timezone, local)
    if offset is not None:
        return (local - offset).dt.replace_time_zone("UTC")
    zoned = local.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def _local_times(texts: pl.Series) -> pl.Series:
    """As the texts say; values that name a zone are in UTC."""
    if isinstance(texts.dtype, pl.Datetime):
        known = texts.to_frame().select(of_the_calendar(pl.col(texts.name), texts.dtype)).to_series()
        micro = known.cast(pl.Datetime("us", texts.dtype.time_zone))
        return micro if texts.dtype.time_zone is None else micro.dt.convert_time_zone("UTC")
    try:
        return pl.Series(pc.cast(texts.to_arrow(), pa.timestamp("us")))
    except pa.ArrowInvalid:
        form = "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"
        usual = pl.when(pl.col("text").str.contains(form)).then("text")
        parsed = usual.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False, cache=False)
        return texts.to_frame("text").select(parsed).to_series()


def _only_offset(timezone: str, local: pl.Series) -> timedelta | None:
    """What the zone was ahead of UTC by, if that was the same from the first of these times to the last."""
    first, last = local.min(), local.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return timedelta(0)
    if last.year - first.year > _MOST_YEARS:
        return None
    offsets = set[timedelta | None]().union(*(_offsets(timezone, year) for year in range(first.year, last.year + 1)))
    return offsets.pop() if len(offsets) == 1 else None


@cache
def _offsets(timezone: str, year: int) -> frozenset[timedelta | None]:
    """What the zone was ahead of UTC by, at the beginning of each day of a year and of the days around it."""
    if not date.min.year < year < date.max.year:
        return frozenset([None])
    days = pl.datetime_range(datetime(year - 1, 12, 31), datetime(year + 1, 1, 2), _DAY, eager=True)  # noqa: DTZ001
    zone = ZoneInfo(timezone)
    return frozenset(zone.utcoffset(day) for day in days)


def _suspicions(column: Column, *, is_given: bool) -> Iterator[pl.Expr]:
    """Each true where a text of the column may break one of its rules, or its value may not be right."""
    text, value = pl.col(text_name(column.name)), pl.col(column.name)
    if column.required:
        yield text.is_null()
    yield from out_of_range(column, value)
    if is_given:
        yield text.is_not_null() & value.is_null()
        if column.logical_type == "number":
            yield _where(~value.is_finite())
    else:
        yield from _suspicious_forms(column, text, value)
        yield from _suspicious_texts(column, text)


def _suspicious_texts(column: Column, text: pl.Expr) -> Iterator[pl.Expr]:
    """Where a text may break a rule for texts."""
    if column.pattern is not None:
        yield _where(~text.str.contains(ascii_digits(column.pattern)))
    if column.enum:
        yield _where(~text.is_in(list(column.enum)))
    elif _may_be_blank(column):
        yield _where((text < "!") | text.is_between(pl.lit("\x7f"), pl.lit("\u3fff")))
    if column.min_length is not None:
        yield _where(text.str.len_chars() < column.min_length)
    if column.max_length is not None:
        yield _where(text.str.len_chars() > column.max_length)


def _suspicious_forms(column: Column, text: pl.Expr, value: pl.Expr) -> Iterator[pl.Expr]:
    """Where a text may not be of its type, or be written in another form than the short way to its value takes."""
    if column.check in PLAIN:
        yield text.is_not_null() & ~PLAIN[column.check](text)
    elif column.check is not None:
        yield pl.col(finding_name(column)).is_not_null()
    elif column.logical_type == "array":
        yield _where(~text.str.contains(r"^(?s:\[.*\])$"))
    elif column.logical_type != "string":
        yield text.is_not_null() & value.is_null()
    if column.logical_type == "timestamp":
        # Arrow takes a mere date, or hour, for a time.
        yield _where(text.str.len_bytes() < _SHORTEST_TIMESTAMP_BYTES)


def _may_be_blank(column: Column) -> bool:
    """Whether a text of white space alone would pass for one: of other types it would have no value."""
    is_text = column.logical_type == "string" and column.check is None
    return is_text and not (column.pattern and _NO_WHITE_SPACE.match(column.pattern))


def _may_be_header(contract: Contract, given: Collection[str]) -> pl.Expr:
    """Where the first column that tells a header from data has its heading; a value is none."""
    telling = next((column for column in contract.columns if column.required), contract.columns[0])
    if telling.name in given:
        return pl.lit(value=False)
    return _where(pl.col(text_name(telling.name)) == telling.heading)


def _where(condition: pl.Expr) -> pl.Expr:
    return condition.fill_null(value=False)
