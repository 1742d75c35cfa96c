"""Tables for people's spreadsheets: owner-only CSV files in which no text runs as a formula."""

import os
import tempfile
from pathlib import Path

import polars as pl

from citylake.lake.errors import UsageError

_FORMULA = r"^\s*[=+\-@＝＋－＠\t\r]"
_PLAIN_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?$"
_ENCODINGS = ("utf-8-sig", "gb18030")
"""What spreadsheets save CSV as; the second is the first choice of Chinese ones."""


def write_table(table: pl.DataFrame | pl.LazyFrame, file: Path) -> None:
    """Write a table as CSV (UTF-8 with mark, owner-only), whole or not at all.

    A text that a spreadsheet would run as a formula gets an apostrophe in front; a plain number, signed or not, stays.
    A lazy table is streamed. Raises UsageError when the file cannot be written.
    """
    folder = file.absolute().parent
    if file.is_dir() or not os.access(folder, os.W_OK):
        raise UsageError(
            f"{file} cannot be written: name a file in a folder that exists and is yours. 无法写入该文件。"
        )
    descriptor, aside = tempfile.mkstemp(dir=folder, prefix=f".{file.name}.")
    os.close(descriptor)
    try:
        lazy = table.lazy()
        texts = [name for name, kind in lazy.collect_schema().items() if kind == pl.String]
        lazy.with_columns(_harmless(pl.col(name)).alias(name) for name in texts).sink_csv(aside, include_bom=True)
        Path(aside).rename(file)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def read_table(file: Path) -> pl.DataFrame:
    """A CSV file that a spreadsheet saved, every cell as text. Raises UsageError when it is no such file."""
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise UsageError(f"{file} cannot be read: {problem.strerror}. 无法读取该文件。") from problem
    for encoding in _ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        try:
            return pl.read_csv(text.encode(), infer_schema=False)
        except pl.exceptions.PolarsError as problem:
            raise UsageError(f"{file} is no table: save it as CSV with its headings. 不是带表头的 CSV。") from problem
    raise UsageError(f"{file} is neither UTF-8 nor GB 18030 text: save it as CSV. 请另存为 CSV。")


def _harmless(text: pl.Expr) -> pl.Expr:
    is_formula = text.str.contains(_FORMULA) & ~text.str.contains(_PLAIN_NUMBER)
    return pl.when(is_formula).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)
