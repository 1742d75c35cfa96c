"""A contract compiled, once, to polars expressions: values in their types, and the rules that they may break.

The text of a column is read under ``_text.<name>``, which frees ``name`` for the typed value. Every rule has an id,
``<column>.<kind>`` or the name of a row rule, and an expression that is true where a row breaks it and never null.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo

import polars as pl

from citylake.contracts.identifiers import CHECKS, FINDINGS, Grade
from citylake.contracts.labels import Label
from citylake.contracts.model import Column, Contract, Dialect, Severity
from ingestion import reasons
from ingestion.readers.extract import as_text

_DATE = r"^[0-9]{4}(-[0-9]{2}-[0-9]{2}|[0-9]{4})$"
_TIMESTAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$"
_ZONED = r"(Z|[+-][0-9]{2}:?[0-9]{2})$"
_DECIMAL_TYPE = re.compile(r"^decimal\((\d+),\s*(\d+)\)$", re.IGNORECASE)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "是": True, "否": False, "y": True, "n": False}


@dataclass(frozen=True)
class Rule:
    """One thing that a row may break."""

    rule_id: str
    column: str | None
    severity: Severity
    broken: pl.Expr
    reason: pl.Expr | Label
    """Either one reason for all, or a struct of ``zh`` and ``en`` that depends on the row."""


@dataclass(frozen=True)
class Value:
    """A typed value, or what an identifier rule found."""

    name: str
    expression: pl.Expr
    """Right for every text."""


@dataclass(frozen=True)
class Compiled:
    """A contract as expressions."""

    contract: Contract
    typed: tuple[Value, ...]
    """Typed values under the contract's names, in its order; then what identifier rules found."""
    rules: tuple[Rule, ...]

    @property
    def values(self) -> list[pl.Expr]:
        """The same as expressions over the texts."""
        return [value.expression.alias(value.name) for value in self.typed]

    def texts(self, records: pl.DataFrame) -> list[pl.Expr]:
        """The text of every column under ``_text.<name>``, null where it means no value or the records lack it."""
        nulls = [*self.contract.dialect.null_values, ""]
        return [
            (
                _without_nulls(as_text(pl.col(column.name), records.schema[column.name]), nulls)
                if column.name in records.columns
                else pl.lit(None, pl.String)
            ).alias(text_name(column.name))
            for column in self.contract.columns
        ]

    def usual_texts(self, records: pl.DataFrame) -> list[pl.Expr]:
        """The same, but that a text of white space alone may be left as it is, and so are values.

        Values are written as texts where the contract asks something of texts: a pattern, a list, what means no value.
        """
        nulls, kinds = set(self.contract.dialect.null_values) - {""}, records.schema

        def usual(column: Column) -> pl.Expr:
            if column.name not in kinds:
                return pl.lit(None, pl.String)
            value, kind = pl.col(column.name), kinds[column.name]
            if kind != pl.String and not (nulls or _asks_of_texts(column)):
                return value
            text = as_text(value, kind)
            return _without_nulls(text, [*nulls, ""]) if nulls else text

        return [usual(column).alias(text_name(column.name)) for column in self.contract.columns]

    def broken_with(self, severity: Severity) -> list[Rule]:
        """The rules of this severity, in the contract's order."""
        return [rule for rule in self.rules if rule.severity == severity]


def text_name(column: str) -> str:
    """Under which name the text of a column lies beside its typed value."""
    return f"_text.{column}"


def finding_name(column: Column) -> str:
    """Under which name what an identifier rule found lies beside the column."""
    return f"_finding.{column.name}"


def _asks_of_texts(column: Column) -> bool:
    """Whether a column has a rule that only its texts can tell of."""
    return bool(column.pattern or column.enum or column.min_length is not None or column.max_length is not None)


def _text(column: Column) -> pl.Expr:
    return pl.col(text_name(column.name))


@cache
def compile_contract(contract: Contract) -> Compiled:
    """Compile a contract's types and rules; once, for to a small extract it would cost more than its rows."""
    values = [_value(column, contract.dialect) for column in contract.columns]
    findings = [_finding(column) for column in contract.columns if column.check is not None]
    rules = [rule for column in contract.columns for rule in _column_rules(column)]
    row_rules = [
        Rule(rule.name, None, rule.severity, _not(pl.sql_expr(rule.expression)), reasons.row_rule(rule.reason))
        for rule in contract.row_rules
    ]
    return Compiled(contract, (*values, *findings), (_repeated_header(contract), *rules, *row_rules))


def _repeated_header(contract: Contract) -> Rule:
    """Files put together from several keep their headers: a row that has headings for all that is required is none."""
    telling = [column for column in contract.columns if column.required] or contract.columns
    is_header = pl.all_horizontal((_text(column) == column.heading).fill_null(value=False) for column in telling)
    return Rule("row.header", None, "error", is_header, reasons.STRUCTURE["row.header"])


def polars_type(column: Column) -> pl.DataType:
    """The type in which a column is kept."""
    decimal = _DECIMAL_TYPE.match(column.physical_type or "")
    if column.logical_type == "number" and decimal:
        return pl.Decimal(int(decimal[1]), int(decimal[2]))
    return {
        "string": pl.String(),
        "integer": pl.Int64(),
        "number": pl.Float64(),
        "boolean": pl.Boolean(),
        "date": pl.Date(),
        "timestamp": pl.Datetime("us", "UTC"),
        "array": pl.String(),
    }[column.logical_type]


def _without_nulls(text: pl.Expr, nulls: list[str]) -> pl.Expr:
    return pl.when(~text.str.strip_chars().is_in(nulls)).then(text)


def _value(column: Column, dialect: Dialect) -> Value:
    """A column's typed value; null where the text has no value or not one of that type."""
    text = _text(column)
    if column.check is not None:
        return Value(column.name, CHECKS[column.check](text).value)
    stripped = text.str.strip_chars()
    if column.logical_type == "timestamp":
        return Value(column.name, _timestamp(stripped, dialect.timezone))
    if column.logical_type == "date":
        digits = pl.when(stripped.str.contains(_DATE)).then(stripped.str.replace_all("-", "", literal=True))
        return Value(column.name, digits.str.to_date("%Y%m%d", strict=False))
    if column.logical_type == "boolean":
        lower = stripped.str.to_lowercase()
        return Value(column.name, lower.replace_strict(_BOOLEANS, default=None, return_dtype=pl.Boolean))
    if column.logical_type in ("integer", "number"):
        return Value(column.name, _number(stripped, polars_type(column)))
    return Value(column.name, text)


def _finding(column: Column) -> Value:
    """What the identifier rule of a column found: nothing, for most."""
    return Value(finding_name(column), CHECKS[column.check or ""](_text(column)).finding)


def _number(text: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """A finite number in exactly that type: no digit is rounded away from a whole number or a decimal."""
    if isinstance(kind, pl.Float64):
        number = text.cast(kind, strict=False)
        return pl.when(number.is_finite()).then(number)
    form = r"^[+-]?[0-9]{1,19}$"  # What of nineteen digits is too large has no value.
    if isinstance(kind, pl.Decimal):
        fraction = rf"(\.[0-9]{{1,{kind.scale}}})?" if kind.scale else ""
        form = rf"^[+-]?[0-9]{{1,{kind.precision - kind.scale}}}{fraction}$"
    return pl.when(text.str.contains(form)).then(text.str.strip_prefix("+")).cast(kind, strict=False)


def _timestamp(text: pl.Expr, timezone: str) -> pl.Expr:
    """Local time of the contract's zone unless the text names an offset. A local time that never was is no value."""
    sound = pl.when(text.str.contains(_TIMESTAMP)).then(text.str.replace("T", " ", literal=True))
    is_zoned = sound.str.contains(_ZONED)
    local = pl.when(~is_zoned).then(sound)
    local_time = pl.coalesce(
        local.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False),
        local.str.to_datetime("%Y-%m-%d %H:%M", time_unit="us", strict=False),
    )
    zoned = pl.when(is_zoned).then(sound.str.replace("Z$", "+00:00").str.replace(r"([+-]\d{2})(\d{2})$", "$1:$2"))
    return pl.coalesce(
        local_time.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null").dt.convert_time_zone(
            "UTC"
        ),
        zoned.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False),
        zoned.str.to_datetime("%Y-%m-%d %H:%M%:z", time_unit="us", time_zone="UTC", strict=False),
    )


def _column_rules(column: Column) -> Iterator[Rule]:
    text, value = _text(column), pl.col(column.name)
    stripped = text.str.strip_chars()

    def rule(kind: str, broken: pl.Expr, severity: Severity = column.severity) -> Rule:
        return Rule(f"{column.name}.{kind}", column.name, severity, broken, reasons.column_rule(column, kind))

    if column.required:
        yield rule("required", text.is_null(), "error")
    if column.logical_type == "array":
        yield rule("type", _not(stripped.str.contains(r"^(?s:\[.*\])$")))
    elif column.logical_type != "string":
        yield rule("type", text.is_not_null() & value.is_null())
    if column.pattern is not None:
        yield rule("pattern", _not(text.str.contains(ascii_digits(column.pattern))))
    if column.enum:
        yield rule("enum", _not(stripped.is_in(list(column.enum))))
    if column.min_length is not None or column.max_length is not None:
        length = text.str.len_chars()
        yield rule("length", _not(length.is_between(column.min_length or 0, column.max_length or (1 << 31))))
    yield from (rule("range", broken) for broken in out_of_range(column, value))
    if column.check is not None:
        yield from _check_rules(column)


def _check_rules(column: Column) -> Iterator[Rule]:
    finding = pl.col(finding_name(column))
    kinds: list[tuple[Grade, str, Severity]] = [("invalid", "check", column.severity), ("legacy", "legacy", "warning")]
    for grade, kind, severity in kinds:
        findings = {code: found.label for code, found in FINDINGS.items() if found.grade == grade}
        broken = finding.is_in(list(findings)).fill_null(value=False)
        reason = reasons.identifier_rule(column, finding, findings)
        yield Rule(f"{column.name}.{kind}", column.name, severity, broken, reason)


def out_of_range(column: Column, value: pl.Expr) -> Iterator[pl.Expr]:
    """Where a column's value is beyond its bounds; nothing when it has none."""
    bounds = [
        is_outside(_bound(column, bound))
        for bound, is_outside in ((column.minimum, value.__lt__), (column.maximum, value.__gt__))
        if bound is not None
    ]
    if bounds:
        yield pl.any_horizontal(bounds).fill_null(value=False)


def _bound(column: Column, bound: str | float) -> pl.Expr:
    if column.logical_type == "date":
        return pl.lit(date.fromisoformat(str(bound)))
    if column.logical_type == "timestamp":
        return pl.lit(datetime.fromisoformat(str(bound)).replace(tzinfo=ZoneInfo("UTC")), pl.Datetime("us", "UTC"))
    return pl.lit(bound)


def _not(holds: pl.Expr) -> pl.Expr:
    """Where a condition is false; a condition on a missing value counts as holding."""
    return ~holds.fill_null(value=True)


def ascii_digits(pattern: str) -> str:
    r"""In polars ``\d`` takes the digits of every script, full-width ones among them; a contract means 0 to 9."""
    return pattern.replace(r"\d", "[0-9]")
