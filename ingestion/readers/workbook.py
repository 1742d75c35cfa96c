"""Reading a sheet of a workbook (.xlsx): every cell as the text that it shows, under the contract's headings.

A spreadsheet keeps 15 digits of a number: a number cell beyond that has lost some, and its row is rejected. So is a
row with a cell whose formula failed or was never computed, which would otherwise look empty. Line numbers are the
sheet's own. A sheet is held in memory whole, as its library does: about 60 bytes a cell besides the texts themselves;
a workbook that unpacks to more than :data:`LARGEST_BYTES` is refused.
"""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from citylake.contracts.labels import Label
from citylake.contracts.model import Column, Contract
from ingestion import refusals
from ingestion.readers.cells import have_lost_digits, text_of, texts_of
from ingestion.readers.extract import LINE, REJECTED_SCHEMA, Batch, Extract, Parts, packed
from ingestion.readers.header import Header, headings, match_headings, missing_headings
from ingestion.readers.kinds import check_kind
from ingestion.readers.sheet_xml import Signs, look_through, sheet_names
from ingestion.readers.uniform_sheet import read_uniform_sheet

LARGEST_BYTES = 2 << 30
_ROWS_AT_ONCE = 50_000
_ROWS_LOOKED_AT = 30
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)
"""What reading a part of a damaged archive raises."""
_PROTECTED = "EncryptedPackage".encode("utf-16-le")


def read_workbook(file: Path, contract: Contract, folder: Path) -> Extract:
    """Read the sheet that the contract names. Raises RefusedFile when it is not there or not what the contract says."""
    _check_workbook(file)
    with ThreadPoolExecutor(1) as checker:
        checking = checker.submit(_check_parts, file)
        try:
            return _read(file, contract, folder)
        finally:
            # Whatever was read of a damaged workbook, or failed in it: its damage is what is said.
            checking.result()


def _read(file: Path, contract: Contract, folder: Path) -> Extract:
    """Read a workbook of which only the archive was looked at."""
    try:
        name = _sheet_name(sheet_names(file), contract)
        signs, uniform = _look_and_read(file, name, contract)
        if signs.may_be_uniform and uniform is not None:
            return uniform
        with CalamineWorkbook.from_path(file) as workbook:
            sheet = workbook.get_sheet_by_name(name)
            header = _read_header(sheet, contract)
            _check_merged_cells(sheet, header.line, contract)
            parts = _read_rows(sheet, header, contract, folder, signs.without_result)
    except PasswordError as problem:
        raise refusals.protected() from problem
    except (
        CalamineError,
        zipfile.BadZipFile,
        zlib.error,
        ET.ParseError,
        EOFError,
        LookupError,
        StopIteration,
    ) as problem:
        raise damaged() from problem
    return Extract(parts, header.missing, header.new)


def _check_workbook(file: Path) -> None:
    with file.open("rb") as stream:
        head = stream.read(1 << 16)
    if head.startswith(_OLD_WORKBOOK) and _PROTECTED in head:
        raise refusals.protected()
    check_kind(head, "xlsx")
    try:
        with zipfile.ZipFile(file) as archive:
            names, size = archive.namelist(), sum(entry.file_size for entry in archive.infolist())
    except _DAMAGED as problem:
        raise damaged() from problem
    if "xl/workbook.xml" not in names:
        raise refusals.wrong_format(
            Label("Excel 工作簿（.xlsx）", "a workbook (.xlsx)"),
            Label("压缩包或其他格式的文档", "an archive, or a document of another kind"),
        )
    if size > LARGEST_BYTES:
        raise refusals.unreadable(
            f"工作簿解压后超过 {LARGEST_BYTES >> 30} GiB，请分批或改用文本格式报送。",
            f"The workbook unpacks to more than {LARGEST_BYTES >> 30} GiB. Deliver it in parts, or as text.",
        )


def _check_parts(file: Path) -> None:
    """The library takes a damaged part for an absent one: without its styles, dates are mere numbers."""
    try:
        with zipfile.ZipFile(file) as archive:
            if archive.testzip() is not None:
                raise damaged()
    except _DAMAGED as problem:
        raise damaged() from problem


def _look_and_read(file: Path, sheet: str, contract: Contract) -> tuple[Signs, Extract | None]:
    """Both at once: most sheets have no sign of being other than uniform."""
    with ThreadPoolExecutor(1) as looker:
        looking = looker.submit(look_through, file, sheet)
        uniform = read_uniform_sheet(file, sheet, contract)
        return looking.result(), uniform


def _sheet_name(names: list[str], contract: Contract) -> str:
    """The sheet that the contract names, or the only one."""
    agreed = contract.dialect.sheet
    seen = Label("工作表：" + "、".join(names), "sheets: " + ", ".join(names))
    if agreed is None and len(names) != 1:
        raise refusals.wrong_dialect(Label("只有一个工作表", "a single sheet"), seen)
    if agreed is not None and agreed not in names:
        raise refusals.wrong_dialect(Label(f"工作表「{agreed}」", f"sheet {agreed}"), seen)
    return agreed or names[0]


def _rows(sheet: CalamineSheet) -> Iterator[tuple[int, Sequence[Any]]]:
    """Rows with the sheet's own numbers, the empty ones before the first cell included."""
    return enumerate(sheet.iter_rows(), start=1)


def _read_header(sheet: CalamineSheet, contract: Contract) -> Header:
    dialect = contract.dialect
    last = dialect.preamble_lines + dialect.header_lines
    first_rows = [[text_of(cell) or "" for cell in row] for _, row in islice(_rows(sheet), max(last, _ROWS_LOOKED_AT))]
    if not any(map(any, first_rows)):
        raise refusals.empty()
    fields = headings(first_rows[dialect.preamble_lines : last])
    if missing_headings(fields, contract):
        for number, row in enumerate(first_rows, start=1):
            if not missing_headings([cell.strip() for cell in row], contract):
                raise refusals.wrong_dialect(
                    Label(f"表头在第{last}行", f"headings on row {last}"),
                    Label(f"表头在第{number}行", f"headings on row {number}"),
                )
    header = match_headings(last, _without_margin(fields), contract)
    if first_rows[last - 1] == next(iter(first_rows[last:]), None):
        raise refusals.wrong_dialect(
            Label(f"表头占{dialect.header_lines}行", f"headings on {dialect.header_lines} row(s)"),
            Label("表头的下一行仍是表头", "one more row of headings"),
        )
    return header


def _without_margin(fields: list[str]) -> list[str]:
    """Columns to the right of the last heading hold notes, if anything."""
    width = max((place for place, field in enumerate(fields, start=1) if field), default=0)
    return fields[:width]


def _check_merged_cells(sheet: CalamineSheet, header_line: int, contract: Contract) -> None:
    """A merged cell has its value in one place and none in the others: rows or columns would lose it."""
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
        reaches_data = bottom >= header_line
        covers_headings = top < header_line <= bottom + 1 and right > left and bottom >= contract.dialect.preamble_lines
        if reaches_data or covers_headings:
            place = f"{_letters(left)}{top + 1}:{_letters(right)}{bottom + 1}"
            raise refusals.wrong_dialect(
                Label("表头和数据没有合并单元格", "no merged cells in headings and data"),
                Label(f"合并单元格 {place}", f"merged cells {place}"),
            )


def _letters(column: int) -> str:
    before, place = divmod(column, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + place)


def _read_rows(
    sheet: CalamineSheet, header: Header, contract: Contract, folder: Path, without_result: set[tuple[int, int]]
) -> Parts:
    """The rows below the headings, many at a time."""
    left = sheet.start[1] if sheet.start else 0
    columns = {place: contract.column(name) for place, name in enumerate(header.columns) if name is not None}
    parts = Parts(folder)
    known = {row for row, place in without_result if place - left in columns}
    rows = islice(_rows(sheet), header.line, None)
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        numbers = pl.Series(LINE, [number for number, _ in batch], pl.Int64)
        cells = list(zip(*(row for _, row in batch), strict=True))
        parts.add(_sorted_out(numbers, cells, columns, header, known))
    return parts


def _sorted_out(
    numbers: pl.Series,
    cells: list[tuple[Any, ...]],
    columns: dict[int, Column],
    header: Header,
    without_result: set[int],
) -> Batch:
    """Texts of the good rows; line, rule and texts of the others. Rows without any cell are no rows."""
    texts = [
        pl.Series(f"{place}", texts_of(column, columns.get(place)), pl.String) for place, column in enumerate(cells)
    ]
    lost = [pl.Series(f"{place}.lost", have_lost_digits(cells[place]), pl.Boolean) for place in columns]
    every = pl.all_horizontal(pl.col(series.name).is_null() for series in texts)
    rows = (
        pl.DataFrame([numbers, *texts, *lost])
        .with_columns(failed=pl.col(LINE).is_in(list(without_result)))
        .filter(~every | pl.col("failed"))
        .with_columns(
            rule=pl.when("failed")
            .then(pl.lit("row.formula"))
            .when(pl.any_horizontal(pl.lit(value=False), *(series.name for series in lost)))
            .then(pl.lit("row.digits"))
        )
    )
    good = rows.filter(pl.col("rule").is_null()).select(
        LINE,
        *(pl.col(f"{place}").alias(column.name) for place, column in columns.items()),
        *packed({heading: pl.col(f"{place}") for heading, place in header.new_places.items()}),
    )
    text = pl.concat_str([pl.col(series.name).fill_null("") for series in texts], separator="\t").alias("text")
    return Batch(good, rows.filter(pl.col("rule").is_not_null()).with_columns(text).select(*REJECTED_SCHEMA))


def damaged() -> refusals.RefusedFile:
    """A workbook that cannot be taken apart."""
    return refusals.unreadable(
        "工作簿已损坏或不完整，请重新导出。", "The workbook is damaged or cut off. Export it again."
    )
