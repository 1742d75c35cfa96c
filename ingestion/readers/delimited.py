"""Reading delimited text: the header verified first, then each block by the fast path or by the careful one.

A record is what RFC 4180 says: fields between delimiters, a field either free of quotes or wholly inside them, with
quotes inside doubled. Both paths hold to that, which a property test shows; the fast one only takes blocks in which
nothing needs care: no quote or escape, no blank line, the same number of delimiters, of one byte, on every line.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import polars as pl
import pyarrow as pa
import pyarrow.csv

from citylake.contracts.model import Contract, Dialect
from ingestion.pipelining import in_order
from ingestion.readers.careful import CarefulReader
from ingestion.readers.extract import LINE, Batch, Extract, packed
from ingestion.readers.grammar import Grammar
from ingestion.readers.header import Header, read_header
from ingestion.readers.source import BLOCK_BYTES, TextBlock, text_blocks


def read_delimited(file: Path, contract: Contract) -> Extract:
    """Read a delimited file. Raises RefusedFile when header or text are not what the contract says."""
    header = read_header(file, contract)
    return Extract(partial(batches, file, header, contract.dialect), header.missing, header.new)


def batches(file: Path, header: Header, dialect: Dialect, block_bytes: int = BLOCK_BYTES) -> Iterator[Batch]:
    """What comes after the header. Raises RefusedFile when the text turns out not to be what the dialect says.

    The fast path is tried on several blocks at once; the careful one must know how the block before ended.
    """
    has_tail = header.may_have_tail and _all_have_tail(file, header, dialect, block_bytes)
    careful = CarefulReader(header.columns, Grammar.of(dialect), has_tail=has_tail, new=header.new_places)

    def read(block: TextBlock) -> tuple[TextBlock, Batch | None]:
        body = block.after(header.line)
        return body, None if has_tail else read_fast(body, header, dialect)

    for body, batch in in_order(read, text_blocks(file, dialect, block_bytes)):
        yield batch if batch and not careful.is_waiting else careful.read(body)


def read_fast(block: TextBlock, header: Header, dialect: Dialect) -> Batch | None:
    """Read a block in which every line is a record as it stands; None when it is not such a block."""
    width, content, new = len(header.columns), block.content, header.new_places
    special = [mark.encode() for mark in (dialect.quote, dialect.escape) if mark]
    if not content or width == 1 or block.undecodable or len(dialect.delimiter.encode()) > 1:
        return None
    if any(mark in content for mark in special):
        return None
    names = [f"{place}" if name is None else f"_{name}" for place, name in enumerate(header.columns)]
    known = {name: pl.col(f"_{name}") for name in header.columns if name is not None}
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            read_options=pyarrow.csv.ReadOptions(column_names=names, block_size=len(content) + 1, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=False,
                double_quote=False,
                # Not ignored, an empty line is a record of nulls to Arrow; left out, the count below tells of it.
                ignore_empty_lines=True,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=[f"_{name}" for name in known] + [f"{place}" for place in new.values()],
                strings_can_be_null=True,
                null_values=[""],
                # Blocks are valid UTF-8 by the way they are made.
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != block.count:
        return None
    texts = cast("pl.DataFrame", pl.from_arrow(table))
    lines = pl.int_range(block.first_line, block.first_line + block.count, dtype=pl.Int64, eager=True).alias(LINE)
    unknown = packed({heading: pl.col(f"{place}") for heading, place in new.items()})
    return Batch(texts.select(lines, *(text.alias(name) for name, text in known.items()), *unknown))


def _all_have_tail(file: Path, header: Header, dialect: Dialect, block_bytes: int) -> bool:
    """Some writers end every record with a delimiter too many: in such a file the first and all others have it."""
    careful = CarefulReader(header.columns, Grammar.of(dialect))
    blocks = text_blocks(file, dialect, block_bytes)
    return all(careful.all_have_tail(block.after(header.line)) for block in blocks)
