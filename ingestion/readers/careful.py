"""The careful path of delimited text: quotes, line breaks inside them, and lines that are no record, named one by one.

Whether a quoted field goes on over a line break follows from the parity of quotes. A stray quote would so swallow what
follows: a line with an odd number of quotes opens a record over several lines only if those lines together are one
good record; otherwise it is rejected alone, and reading goes on with the very next line.
"""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from citylake.contracts.model import Dialect
from ingestion.readers.extract import BLOCK_BYTES, LINE, REJECTED_SCHEMA, Parts, blocks
from ingestion.readers.grammar import Grammar
from ingestion.readers.header import Header
from ingestion.readers.source import Lines

_LONGEST_RECORD_LINES = 100


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
    """Read every line after the header block by block; the parts lie in ``folder``.

    Some writers end every record with a delimiter too many. In a file where all records have such an empty tail it
    is left off; in any other, a delimiter too many has shifted fields, and nothing says which.
    """
    habits = (True, False) if header.may_have_tail else (False,)
    readings = (
        _read(lines, header, dialect, folder / f"tail_{has_tail}", block_bytes, has_tail=has_tail)
        for has_tail in habits
    )
    return next(parts for parts in readings if parts is not None)


def _read(  # noqa: PLR0913  # one reading of one file, told once
    lines: Lines, header: Header, dialect: Dialect, folder: Path, block_bytes: int, *, has_tail: bool
) -> Parts | None:
    """One reading; None when records were to have an empty tail and one has none."""
    columns = header.columns
    grammar = Grammar.of(dialect)
    names = [name for name in columns if name is not None]
    parts = Parts(folder, {LINE: pl.Int64, **dict.fromkeys(names, pl.String)})
    undecodable = pl.Series(LINE, lines.undecodable, dtype=pl.Int64)
    carried = pl.DataFrame(schema={LINE: pl.Int64, "text": pl.String})
    for block in blocks(lines.path, block_bytes):
        frame = pl.concat([carried, block.lines.filter(pl.col(LINE) > header.line)])
        spans = _find_spans(frame, grammar, len(columns), is_last=block.is_last)
        if spans.unfinished is None:
            carried = frame.clear()
        else:
            carried = frame.filter(pl.col(LINE) >= spans.unfinished)
            frame = frame.filter(pl.col(LINE) < spans.unfinished)
        records = _split(_join_lines(frame, spans, undecodable), grammar)
        if has_tail and not _all_have_tail(records, grammar, len(columns)):
            return None
        parts.add(*_sorted_out(records, grammar, columns, has_tail=has_tail))
    return parts


def _find_spans(frame: pl.DataFrame, grammar: Grammar, width: int, *, is_last: bool) -> _Spans:
    """Decide on the lines with an odd number of quotes, in order. These are few: only they are looked at singly."""
    quotes = frame.select(grammar.count_quotes(pl.col("text"))).to_series()
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
        elif end - start < _LONGEST_RECORD_LINES and grammar.is_record("\n".join(texts[start : end + 1]), width):
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


def _split(records: pl.DataFrame, grammar: Grammar) -> pl.DataFrame:
    """The fields of each record, and the rule that it breaks already."""
    text, fields = pl.col("text"), pl.col("fields")
    return records.with_columns(fields=grammar.fields(text)).with_columns(
        rule=pl.when("is_undecodable")
        .then(pl.lit("row.encoding"))
        .when(pl.col("is_stray") | grammar.is_misplaced(text, fields))
        .then(pl.lit("row.quote"))
    )


def _all_have_tail(records: pl.DataFrame, grammar: Grammar, width: int) -> bool:
    fields = pl.col("fields")
    tail = fields.list.slice(width).list.join("")
    is_empty = tail.str.len_bytes() == (fields.list.len() - width) * len(grammar.single.encode())
    has_tail = (fields.list.len() > width) & is_empty
    return bool(records.filter(pl.col("rule").is_null()).select(has_tail.all()).item())


def _sorted_out(
    records: pl.DataFrame, grammar: Grammar, columns: tuple[str | None, ...], *, has_tail: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Values of the good records; line, rule and text of the others."""
    fields = pl.col("fields")
    if not has_tail:
        of_wrong_width = pl.when(fields.list.len() != len(columns)).then(pl.lit("row.columns"))
        records = records.with_columns(rule=pl.coalesce("rule", of_wrong_width))
    good = records.filter(pl.col("rule").is_null()).select(
        LINE,
        *(grammar.values(fields.list.get(place)).alias(name) for place, name in enumerate(columns) if name is not None),
    )
    return good, records.filter(pl.col("rule").is_not_null()).select(*REJECTED_SCHEMA)
