"""What a file is by its first bytes, whatever its name says; and its content unpacked where it is packed by gzip.

Nothing here reads records.
"""

import gzip
import shutil
import zlib
from pathlib import Path
from typing import BinaryIO

from citylake.contracts.labels import Label
from citylake.contracts.model import Format
from ingestion import refusals

_GZIP = b"\x1f\x8b"
_GIT_LFS = b"version https://git-lfs"
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)
_EXPECTED: dict[Format, Label] = {
    "csv": Label("分隔符文本（CSV）", "delimited text (CSV)"),
    "json": Label("JSON 文本", "JSON text"),
    "xlsx": Label("Excel 工作簿（.xlsx）", "a workbook (.xlsx)"),
    "parquet": Label("Parquet 文件", "a Parquet file"),
    "raster": Label("栅格影像（GeoTIFF）", "a raster (GeoTIFF)"),
}
_KINDS: tuple[tuple[bytes, Label], ...] = (
    (b"PK\x03\x04", Label("Excel 工作簿或压缩包", "a workbook or an archive")),
    (b"PK\x05\x06", Label("空的压缩包", "an empty archive")),
    (b"\xd0\xcf\x11\xe0", Label("旧式 Excel（.xls）或加密的工作簿", "an old workbook (.xls) or a protected one")),
    (b"PAR1", Label("Parquet 文件", "a Parquet file")),
    (b"%PDF", Label("PDF 文件", "a PDF file")),
    (b"7z\xbc\xaf", Label("7z 压缩包", "a 7z archive")),
    (b"Rar!", Label("RAR 压缩包", "a RAR archive")),
    (b"SQLite format 3", Label("SQLite 数据库", "an SQLite database")),
    (_GZIP, Label("压缩了两次的文件", "a file compressed twice")),
    (b"<html", Label("网页（HTML）", "a web page (HTML)")),
    (b"<!doctype", Label("网页（HTML）", "a web page (HTML)")),
    (b"<table", Label("网页表格（HTML）", "a table of a web page (HTML)")),
    (b"<?xml", Label("XML 文件", "an XML file")),
)
_OF_FORMAT: dict[Format, bytes] = {"xlsx": b"PK\x03\x04", "parquet": b"PAR1"}


def check_kind(head: bytes, expected: Format) -> None:
    """Refuse a file whose first bytes are those of something else; says what was agreed on and what was seen."""
    if not head:
        raise refusals.empty()
    if head.startswith(_GIT_LFS):
        raise refusals.unreadable(
            "这是 Git LFS 指针，不是数据文件本身。", "This is a git-LFS pointer, not the data. Deliver the file itself."
        )
    agreed = _OF_FORMAT.get(expected)
    if agreed is not None and head.startswith(agreed):
        return
    start = head[:16].lstrip().lower()
    seen = next((label for magic, label in _KINDS if start.startswith(magic.lower())), None)
    if seen is None and agreed is not None:
        seen = Label("文本或其他文件", "text or something else")
    if seen is not None:
        raise refusals.wrong_format(_EXPECTED[expected], seen)


def open_unpacked(source: Path) -> BinaryIO | gzip.GzipFile:
    """Open a file for its content. Gzip is known by its first bytes: names are not to be trusted."""
    return gzip.open(source) if _is_packed(source) else source.open("rb")


def unpacked(source: Path, folder: Path) -> Path:
    """A file whose content is not compressed: ``source`` itself or a copy in ``folder``. Raises RefusedFile."""
    if not _is_packed(source):
        return source
    target = folder / "unpacked"
    try:
        with gzip.open(source) as stream, target.open("wb") as out:
            shutil.copyfileobj(stream, out, 1 << 20)
    except _DAMAGED as problem:
        raise damaged_gzip() from problem
    return target


def is_gzip(head: bytes) -> bool:
    """Whether a file that begins so is packed by gzip."""
    return head.startswith(_GZIP)


def _is_packed(source: Path) -> bool:
    with source.open("rb") as file:
        return is_gzip(file.read(len(_GZIP)))


def damaged_gzip() -> refusals.RefusedFile:
    """A compressed file that does not unpack to its end."""
    return refusals.unreadable(
        "压缩文件不完整或已损坏，请重新报送。", "The compressed file is cut off or damaged. Deliver it again."
    )
