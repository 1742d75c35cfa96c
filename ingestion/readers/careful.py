"""The careful path of delimited text: quotes, line breaks inside them, and lines that are no record, named one by one.

Whether a quoted field goes on over a line break follows from the parity of quotes. A stray quote would so swallow what
follows: a line with an odd number of quotes opens a record over several lines only if those lines together are one
good record; otherwise it is rejected alone, and reading goes on with the very next line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from ingestion.readers.extract import LINE, REJECTED_SCHEMA, Batch, packed, without_empty
from ingestion.readers.grammar import Grammar
from ingestion.readers.source import TextBlock

_LONGEST_RECORD_LINES = 100


@dataclass
class _Spans:
    """Which lines of a block belong together, and which open a quote that nothing closes."""

    starts: dict[int, int] = field(default_factory=dict[int, int])
    """First line of each record of several lines, by each of its lines."""
    stray: set[int] = field(default_factory=set[int])
    unfinished: int | None = None
    """The line from which on the next block is needed to decide."""


@dataclass
class CarefulReader:
    """Reads blocks of one extract, in their order; what a block leaves undecided waits for the next."""

    columns: tuple[str | None, ...]
    """The contract's name of each field, in the file's order; None for one that it does not know."""
    grammar: Grammar
    has_tail: bool = False
    """Whether every record ends with delimiters too many, which are left off. In any other file a delimiter too many
    has shifted fields, and nothing says which."""
    new: Mapping[str, int] = field(default_factory=dict[str, int])
    """The field of each heading that the contract does not know."""
    _waiting: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={LINE: pl.Int64, "text": pl.String}))
    _undecodable: list[int] = field(default_factory=list[int])

    @property
    def is_waiting(self) -> bool:
        """Whether the next block is needed to decide on lines of the last."""
        return not self._waiting.is_empty()

    def read(self, block: TextBlock) -> Batch:
        """The records of a block and of what waited for it."""
        grammar, columns = self.grammar, self.columns
        records = self._records(block)
        fields = pl.col("fields")
        if not self.has_tail:
            of_wrong_width = pl.when(fields.list.len() != len(columns)).then(pl.lit("row.columns"))
            records = records.with_columns(rule=pl.coalesce("rule", of_wrong_width))
        good = records.filter(pl.col("rule").is_null()).select(
            LINE,
            *(
                grammar.values(fields.list.get(place)).alias(name)
                for place, name in enumerate(columns)
                if name is not None
            ),
            *packed({heading: grammar.values(fields.list.get(place)) for heading, place in self.new.items()}),
        )
        return Batch(without_empty(good), records.filter(pl.col("rule").is_not_null()).select(*REJECTED_SCHEMA))

    def all_have_tail(self, block: TextBlock) -> bool:
        """Whether every record of a block, and of what waited for it, ends with delimiters too many."""
        fields, width = pl.col("fields"), len(self.columns)
        tail = fields.list.slice(width).list.join("")
        is_empty = tail.str.len_bytes() == (fields.list.len() - width) * len(self.grammar.single.encode())
        has_tail = (fields.list.len() > width) & is_empty
        return bool(self._records(block).filter(pl.col("rule").is_null()).select(has_tail.all()).item())

    def _records(self, block: TextBlock) -> pl.DataFrame:
        """One row a record: its fields, and the rule that it breaks already."""
        lines = pl.read_lines(block.content, name="text") if block.content else pl.DataFrame(schema={"text": pl.String})
        numbered = lines.with_row_index(LINE, block.first_line).select(pl.col(LINE).cast(pl.Int64), "text")
        frame = pl.concat([self._waiting, numbered])
        self._undecodable += block.undecodable
        spans = _find_spans(frame, self.grammar, len(self.columns), is_last=block.is_last)
        if spans.unfinished is None:
            self._waiting = frame.clear()
        else:
            self._waiting = frame.filter(pl.col(LINE) >= spans.unfinished)
            frame = frame.filter(pl.col(LINE) < spans.unfinished)
        undecodable = pl.Series(LINE, self._undecodable, dtype=pl.Int64)
        return _split(_join_lines(frame, spans, undecodable, self.grammar), self.grammar)


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


def _join_lines(frame: pl.DataFrame, spans: _Spans, undecodable: pl.Series, grammar: Grammar) -> pl.DataFrame:
    """One row a record: ``_line`` of its start, ``text``, whether stray or undecodable. Blank lines are dropped."""
    flagged = frame.with_columns(
        is_stray=pl.col(LINE).is_in(list(spans.stray)), is_undecodable=pl.col(LINE).is_in(undecodable.implode())
    )
    if not spans.starts:
        return flagged.filter(~grammar.is_blank(pl.col("text")))
    start = pl.DataFrame(
        {LINE: list(spans.starts), "start": list(spans.starts.values())}, schema={LINE: pl.Int64, "start": pl.Int64}
    )
    together = flagged.join(start, on=LINE, how="inner", maintain_order="left")
    joined = together.group_by("start", maintain_order=True).agg(
        pl.col("text").str.join("\n"), pl.col("is_stray", "is_undecodable").any()
    )
    alone = flagged.join(start, on=LINE, how="anti").filter(~grammar.is_blank(pl.col("text")))
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
