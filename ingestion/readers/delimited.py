"""Reading delimited text: the header verified first, then the fast path for clean files, the careful one for the rest.

A record is what RFC 4180 says: fields between delimiters, a field either free of quotes or wholly inside them, with
quotes inside doubled. Both paths hold to that, which a property test shows; the fast one only takes files in which
nothing needs care: no quote or escape, no blank line, the same number of delimiters, of one byte, on every line.
"""

from pathlib import Path

import polars as pl

from citylake.contracts.model import Contract, Dialect
from ingestion.readers.careful import read_carefully
from ingestion.readers.extract import LINE, REJECTED_SCHEMA, Extract
from ingestion.readers.header import Header, read_header
from ingestion.readers.source import Lines


def read_delimited(lines: Lines, contract: Contract, folder: Path) -> Extract:
    """Read a delimited file. Raises RefusedFile when header or text are not what the contract says."""
    header = read_header(lines, contract)
    extract = read_fast(lines, header, contract.dialect)
    if extract is not None:
        return extract
    parts = read_carefully(lines, header, contract.dialect, folder)
    return parts.extract(header.new, header.missing)


def read_fast(lines: Lines, header: Header, dialect: Dialect) -> Extract | None:
    """Read a file in which every line is a record as it stands; None when it is not such a file."""
    text = pl.col("text")
    width = len(header.columns)
    if header.line != 1 or lines.undecodable or width == 1 or len(dialect.delimiter.encode()) > 1:
        return None
    special = [mark for mark in (dialect.quote, dialect.escape) if mark]
    is_clean = (
        pl.scan_lines(lines.path, name="text", glob=False)
        .select(
            (text.str.count_matches(dialect.delimiter, literal=True) == width - 1).all()
            & ~pl.any_horizontal(
                pl.lit(value=False), *(text.str.contains(mark, literal=True).any() for mark in special)
            )
        )
        .collect(engine="streaming")
        .item()
    )
    if not is_clean:
        return None
    places = [f"_{place}" for place in range(width)]
    records = pl.scan_csv(
        lines.path,
        has_header=False,
        skip_rows=1,
        schema=dict.fromkeys(places, pl.String),
        separator=dialect.delimiter,
        quote_char=None,
        empty_string_is_null=False,
        row_index_name=LINE,
        row_index_offset=2,
        raise_if_empty=False,
        glob=False,
    ).select(pl.col(LINE).cast(pl.Int64), *_named(header.columns))
    return Extract(records, pl.LazyFrame(schema=REJECTED_SCHEMA), lines.count - 1, header.new, header.missing)


def _named(columns: tuple[str | None, ...]) -> list[pl.Expr]:
    return [pl.col(f"_{place}").alias(name) for place, name in enumerate(columns) if name is not None]
