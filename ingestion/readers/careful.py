"""The careful path of delimited text: quotes, line breaks inside them, and lines that are no record, named one by one.

Whether a quoted field goes on over a line break follows from the parity of quotes. A stray quote would so swallow what
follows: a line with an odd number of quotes opens a record over several lines only if those lines together are one
good record; otherwise it is rejected alone, and reading goes on with the very next line.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from citylake.contracts.model import Dialect
from ingestion.readers.extract import BLOCK_BYTES, LINE, REJECTED_SCHEMA, Parts, blocks
from ingestion.readers.header import Header
from ingestion.readers.source import Lines

_LONGEST_RECORD_LINES = 100


@dataclass(frozen=True)
class _Grammar:
    """How one field looks, with the delimiter before it."""

    field: str
    delimiter: str
    quote: str
    width: int

    @classmethod
    def of(cls, dialect: Dialect, width: int) -> "_Grammar":
        delimiter, quote = re.escape(dialect.delimiter), re.escape(dialect.quote)
        pattern = rf"{delimiter}(?:{quote}(?:[^{quote}]|{quote}{quote})*{quote}|[^{delimiter}{quote}\n]*)"
        return cls(pattern, dialect.delimiter, dialect.quote, width)

    def is_record(self, text: str) -> bool:
        """Whether a text is exactly one record of the right width."""
        return re.fullmatch(f"(?:{self.field}){{{self.width}}}", self.delimiter + text) is not None


@dataclass
class _Spans:
    """Which lines of a block belong together, and which open a quote that nothing closes."""

    starts: dict[int, int] = field(default_factory=dict[int, int])
    """First line of each record of several lines, by each of its lines."""
    stray: set[int] = field(default_factory=set[int])
    unfinished: int | None = None
    """The line from which on the next block is needed to decide."""


def read_carefully(
    lines: Lines, header: Header, dialect: Dialect, folder: Path, *, block_bytes: int = BLOCK_BYTES
) -> Parts:
    """Read every line after the header block by block; the parts lie in ``folder``."""
    columns = header.columns
    grammar = _Grammar.of(dialect, len(columns))
    names = [name for name in columns if name is not None]
    parts = Parts(folder, {LINE: pl.Int64, **dict.fromkeys(names, pl.String)})
    undecodable = pl.Series(LINE, lines.undecodable, dtype=pl.Int64)
    carried = pl.DataFrame(schema={LINE: pl.Int64, "text": pl.String})
    for block in blocks(lines.path, block_bytes):
        frame = pl.concat([carried, block.lines.filter(pl.col(LINE) > header.line)])
        spans = _find_spans(frame, grammar, is_last=block.is_last)
        if spans.unfinished is None:
            carried = frame.clear()
        else:
            carried = frame.filter(pl.col(LINE) >= spans.unfinished)
            frame = frame.filter(pl.col(LINE) < spans.unfinished)
        parts.add(*_split(_join_lines(frame, spans, undecodable), grammar, columns))
    return parts


def _find_spans(frame: pl.DataFrame, grammar: _Grammar, *, is_last: bool) -> _Spans:
    """Decide on the lines with an odd number of quotes, in order. These are few: only they are looked at singly."""
    quotes = frame["text"].str.count_matches(grammar.quote, literal=True)
    odd: list[int] = (quotes % 2 == 1).arg_true().to_list()
    texts = frame["text"]
    first = int(frame[LINE][0]) if frame.height else 1
    spans = _Spans()
    place = 0
    while place < len(odd):
        start, end = odd[place], odd[place + 1] if place + 1 < len(odd) else None
        place += 1
        if end is None:
            could_go_on = not is_last and frame.height - start < _LONGEST_RECORD_LINES
            if could_go_on:
                spans.unfinished = first + start
            else:
                spans.stray.add(first + start)
        elif end - start < _LONGEST_RECORD_LINES and grammar.is_record("\n".join(texts[start : end + 1])):
            spans.starts |= dict.fromkeys(range(first + start, first + end + 1), first + start)
            place += 1
        else:
            spans.stray.add(first + start)
    return spans


def _join_lines(frame: pl.DataFrame, spans: _Spans, undecodable: pl.Series) -> pl.DataFrame:
    """One row a record: ``_line`` of its start, ``text``, whether stray or undecodable. Blank lines are dropped."""
    flagged = frame.with_columns(
        is_stray=pl.col(LINE).is_in(list(spans.stray)), is_undecodable=pl.col(LINE).is_in(undecodable.implode())
    )
    if not spans.starts:
        return flagged.filter(pl.col("text").str.strip_chars() != "")
    start = pl.DataFrame(
        {LINE: list(spans.starts), "start": list(spans.starts.values())}, schema={LINE: pl.Int64, "start": pl.Int64}
    )
    together = flagged.join(start, on=LINE, how="inner", maintain_order="left")
    joined = together.group_by("start", maintain_order=True).agg(
        pl.col("text").str.join("\n"), pl.col("is_stray", "is_undecodable").any()
    )
    alone = flagged.join(start, on=LINE, how="anti").filter(pl.col("text").str.strip_chars() != "")
    return pl.concat([alone, joined.rename({"start": LINE}).select(alone.columns)]).sort(LINE)


def _split(
    records: pl.DataFrame, grammar: _Grammar, columns: tuple[str | None, ...]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fields of the good records; line, rule and text of the others.

    The fields found must tile the text without a gap: what lies between two of them is a misplaced quote.
    """
    split = records.with_columns(
        fields=(grammar.delimiter + pl.col("text")).str.extract_all(grammar.field)
    ).with_columns(
        rule=pl.when("is_undecodable")
        .then(pl.lit("row.encoding"))
        .when(
            pl.col("is_stray")
            | (
                pl.col("fields").list.join("").str.len_bytes()
                != pl.col("text").str.len_bytes() + len(grammar.delimiter.encode())
            )
        )
        .then(pl.lit("row.quote"))
        .when(pl.col("fields").list.len() != grammar.width)
        .then(pl.lit("row.columns"))
    )
    good = split.filter(pl.col("rule").is_null()).select(
        LINE,
        *(
            _field(pl.col("fields").list.get(place), grammar).alias(name)
            for place, name in enumerate(columns)
            if name is not None
        ),
    )
    return good, split.filter(pl.col("rule").is_not_null()).select(*REJECTED_SCHEMA)


def _field(found: pl.Expr, grammar: _Grammar) -> pl.Expr:
    """The value of a field as found: without its delimiter, without the quotes around it, quotes inside single."""
    text = found.str.slice(len(grammar.delimiter))
    inner = text.str.slice(1, text.str.len_chars() - 2).str.replace_all(grammar.quote * 2, grammar.quote, literal=True)
    return pl.when(text.str.starts_with(grammar.quote)).then(inner).otherwise(text)
