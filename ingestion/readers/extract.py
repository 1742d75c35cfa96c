"""What every reader gives: an extract's records as text, the lines that are no record, how many there were."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

LINE = "_line"
BLOCK_BYTES = 16 << 20
REJECTED_SCHEMA: dict[str, type[pl.DataType]] = {LINE: pl.Int64, "rule": pl.String, "text": pl.String}


@dataclass(frozen=True)
class Extract:
    """An extract that was read, not yet validated."""

    records: pl.LazyFrame
    """``_line`` and one text column a contract column that the file has, under the contract's ``name``."""
    rejected: pl.LazyFrame
    """``_line``, ``rule`` (``row.…``) and the original ``text`` of what is no record."""
    rows_read: int
    """Records in the file, good and bad; header and blank lines are none."""
    new_columns: tuple[str, ...]
    missing_columns: tuple[str, ...]
    while_read: AbstractContextManager[None] = field(default_factory=nullcontext)
    """To be entered once, while records are read; raises RefusedFile when only that shows a file to be damaged."""


@dataclass(frozen=True)
class Block:
    """Some lines of an extract."""

    lines: pl.DataFrame
    """``_line`` and ``text``."""
    is_last: bool


def blocks(path: Path, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """The lines of a text file in blocks small enough to be held in memory."""
    first_line = 1
    with path.open("rb") as file:
        piece = file.read(block_bytes) + file.readline()
        while piece:
            following = file.read(block_bytes) + file.readline()
            lines = pl.read_lines(piece, name="text").with_row_index(LINE, first_line).cast({LINE: pl.Int64})
            yield Block(lines, is_last=not following)
            first_line += lines.height
            piece = following


@dataclass
class Parts:
    """Records and rejected lines of a file read block by block, kept on disk."""

    folder: Path
    record_schema: dict[str, type[pl.DataType]]
    rows_read: int = 0
    _written: int = 0

    def add(self, records: pl.DataFrame, rejected: pl.DataFrame) -> None:
        """Keep what one block held."""
        self._written += 1
        self.rows_read += records.height + rejected.height
        for name, frame in (("records", records), ("rejected", rejected)):
            if frame.height:
                folder = self.folder / name
                folder.mkdir(parents=True, exist_ok=True)
                frame.write_parquet(folder / f"{self._written:06d}.parquet", compression="lz4")

    def scan(self, name: str) -> pl.LazyFrame:
        """All ``records`` or all ``rejected`` so far, in the order of their lines."""
        files = sorted((self.folder / name).glob("*.parquet"))
        schema = self.record_schema if name == "records" else REJECTED_SCHEMA
        return pl.scan_parquet(files, glob=False) if files else pl.LazyFrame(schema=schema)

    def extract(self, new_columns: tuple[str, ...], missing_columns: tuple[str, ...]) -> Extract:
        """All parts together, as every reader gives them."""
        return Extract(self.scan("records"), self.scan("rejected"), self.rows_read, new_columns, missing_columns)
