"""How records of delimited text are written: fields between delimiters, a field free of quotes or wholly inside them.

A quote inside quotes is doubled or, where the contract declares an escape character, stands behind it. Said once, for
one text in Python (headers, records over several lines) and for columns of texts in polars. No files are known here.
"""

import re
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from citylake.contracts.model import Dialect

_STAND_IN = "\x1f"


@dataclass(frozen=True)
class Grammar:
    """The grammar of a dialect."""

    delimiter: str
    quote: str
    escape: str

    @classmethod
    def of(cls, dialect: Dialect) -> "Grammar":
        """The grammar of a contract's dialect."""
        escape = dialect.escape if dialect.escape and dialect.escape != dialect.quote else ""
        return cls(dialect.delimiter, dialect.quote, escape)

    @property
    def single(self) -> str:
        """The delimiter as one character: one that no text has stands in for a delimiter of several."""
        return self.delimiter if len(self.delimiter) == 1 else _STAND_IN

    @cached_property
    def field(self) -> str:
        """A field with the delimiter before it, as a regular expression that Python and Rust read alike."""
        d, q, e = _literal(self.single), _literal(self.quote), _literal(self.escape)
        escaped_inside, escaped_outside = (rf"|{e}(?s:.)", rf"|{e}[^\n]") if e else ("", "")
        bare = rf"(?:[^{d}{q}{e}\n]{escaped_outside})*"
        if not q:
            return rf"{d}{bare}"
        return rf"{d}(?:{q}(?:[^{q}{e}]|{q}{q}{escaped_inside})*{q}|{bare})"

    def split(self, text: str) -> list[str] | None:
        """The values of one record; None when a quote in it is misplaced or unpaired."""
        whole = self.single + self._standing_in(text)
        found: list[str] = re.findall(self.field, whole)
        if sum(map(len, found)) < len(whole) or self.is_ambiguous(text):
            return None
        return [self._value(field[1:]) for field in found]

    def split_headings(self, text: str) -> list[str] | None:
        """As :meth:`split`, but a quote inside a field that does not begin with one stands for itself."""
        strict = self.split(text)
        if strict is not None or not self.quote:
            return strict
        d, q = _literal(self.single), _literal(self.quote)
        whole = self.single + self._standing_in(text)
        found: list[str] = re.findall(rf"{self.field}(?={d}|$)|{d}(?!{q})[^{d}\n]*", whole)
        return None if sum(map(len, found)) < len(whole) else [self._value(field[1:]) for field in found]

    def is_record(self, text: str, width: int) -> bool:
        """Whether a text is exactly one record of that many fields."""
        whole = self.single + self._standing_in(text)
        return re.fullmatch(f"(?:{self.field}){{{width}}}", whole) is not None

    def is_ambiguous(self, text: str) -> bool:
        """Whether the text has the very character that stands in for a longer delimiter."""
        return len(self.delimiter) > 1 and _STAND_IN in text

    def is_blank(self, text: pl.Expr) -> pl.Expr:
        """Whether a line holds nothing but white space; a delimiter is none, so that empty fields make a record."""
        return (text.str.strip_chars() == "") & ~text.str.contains(self.delimiter, literal=True)

    def count_quotes(self, text: pl.Expr) -> pl.Expr:
        """How many quotes that open or close a field a text has."""
        if not self.quote:
            return pl.lit(0, pl.UInt32)
        unescaped = text.str.replace_all(rf"{_literal(self.escape)}.", "") if self.escape else text
        return unescaped.str.count_matches(self.quote, literal=True)

    def fields(self, text: pl.Expr) -> pl.Expr:
        """The fields found in each text, each with a delimiter before it. Without gaps, they make up the whole."""
        if len(self.delimiter) > 1:
            text = text.str.replace_all(self.delimiter, _STAND_IN, literal=True)
        return (self.single + text).str.extract_all(self.field)

    def is_misplaced(self, text: pl.Expr, fields: pl.Expr) -> pl.Expr:
        """Whether something lies between the fields found, which a misplaced quote leaves there."""
        if len(self.delimiter) > 1:
            has_stand_in = text.str.contains(_STAND_IN, literal=True)
            whole = text.str.replace_all(self.delimiter, _STAND_IN, literal=True)
            return has_stand_in | (fields.list.join("").str.len_bytes() != whole.str.len_bytes() + 1)
        return fields.list.join("").str.len_bytes() != text.str.len_bytes() + len(self.single.encode())

    def values(self, found: pl.Expr) -> pl.Expr:
        """The values of fields as found: without delimiter and the quotes around them, what was escaped plain."""
        text = found.str.slice(1)
        if self.quote:
            inner = text.str.slice(1, text.str.len_chars() - 2).str.replace_all(
                self.quote * 2, self.quote, literal=True
            )
            text = pl.when(text.str.starts_with(self.quote)).then(inner).otherwise(text)
        if self.escape:
            text = text.str.replace_all(self._escaped, "${1}")
        return text.str.replace_all(_STAND_IN, self.delimiter, literal=True) if len(self.delimiter) > 1 else text

    @property
    def _escaped(self) -> str:
        """Escaped characters that are meant plain; an escape before any other character is one itself."""
        return rf"{_literal(self.escape)}([{_literal(self.single)}{_literal(self.quote)}{_literal(self.escape)}])"

    def _standing_in(self, text: str) -> str:
        return text.replace(self.delimiter, _STAND_IN) if len(self.delimiter) > 1 else text

    def _value(self, text: str) -> str:
        if self.quote and text.startswith(self.quote):
            text = text[1:-1].replace(self.quote * 2, self.quote)
        if self.escape:
            text = re.sub(self._escaped, r"\1", text)
        return text.replace(_STAND_IN, self.delimiter) if len(self.delimiter) > 1 else text


def _literal(character: str) -> str:
    return f"\\u{ord(character):04x}" if character else ""
