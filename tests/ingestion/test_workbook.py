"""Workbooks: what a cell shows is what is read, rows have the sheet's numbers, and what a sheet hides is found out."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from citylake.contracts.model import Contract, Dialect
from ingestion.readers.extract import Extract
from ingestion.readers.uniform_sheet import read_uniform_sheet
from ingestion.refusals import RefusedFile
from tests.ingestion.support import column, contract, examined, gzipped, read, rejected, rows, rows_read

LICENCES = contract(
    column("no", heading="编号", required=True),
    column("amount", "number", heading="金额", physical_type="decimal(18,2)"),
    column("day", "date", heading="日期"),
    column("at", "timestamp", heading="时间"),
    dialect=Dialect("xlsx", sheet="许可", preamble_lines=1),
)
HEADINGS = ["编号", "金额", "日期", "时间"]


def workbook(fill: Callable[[Worksheet, Any], None], sheet: str = "许可", **options: Any) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(
        buffer, {"in_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss", **options}
    ) as made:
        made.add_worksheet("说明")
        fill(made.add_worksheet(sheet), made)
    return buffer.getvalue()


def table(*lines: list[Any], headings: list[str] = HEADINGS) -> Callable[[Worksheet, Any], None]:
    def fill(sheet: Worksheet, _: Any) -> None:
        sheet.write(0, 0, "行政许可公示")
        for number, line in enumerate([headings, *lines], start=1):
            sheet.write_row(number, 0, line)

    return fill


def refusal(content: bytes, folder: Path) -> tuple[str, str]:
    with pytest.raises(RefusedFile) as caught:
        read(content, LICENCES, folder)
    return caught.value.refusal.rule, caught.value.refusal.en


@pytest.mark.parametrize("epoch", [1900, 1904])
def test_cells_are_read_as_what_they_show(epoch: int, tmp_path: Path) -> None:
    # A date read by the wrong epoch is four years off; 0.1 + 0.2 is shown and meant as 0.3; midnight is a time too.
    when = datetime(2024, 2, 29, 23, 59, 59)  # noqa: DTZ001  # cells have no zone
    content = workbook(
        table(
            ["320200199001011234", 1234.56, date(2024, 2, 29), when],
            [7, 0.1 + 0.2, "20240301", datetime(2024, 3, 1)],  # noqa: DTZ001  # as above
            ["  x ", None, None, "2024-03-01 08:00"],
        ),
        date_1904=epoch == 1904,
    )
    assert rows(read(content, LICENCES, tmp_path)) == [
        (3, "320200199001011234", "1234.56", "2024-02-29", "2024-02-29 23:59:59"),
        (4, "7", "0.3", "20240301", "2024-03-01 00:00:00"),
        (5, "  x ", None, None, "2024-03-01 08:00"),
    ]


def test_a_number_that_lost_digits_is_quarantined_not_loaded(tmp_path: Path) -> None:
    # A citizen id typed as a number ends in 000 in every spreadsheet, and is then somebody else's.
    content = workbook(table([320200199001011234], ["320200199001011234"], [999999999999999]))
    extract = read(content, LICENCES, tmp_path)
    assert rejected(extract) == [(3, "row.digits")]
    assert [row[:2] for row in rows(extract)] == [(4, "320200199001011234"), (5, "999999999999999")]


def test_cells_whose_formula_failed_are_not_taken_for_empty(tmp_path: Path) -> None:
    # Read as empty, an optional column would lose its value without a trace.
    def fill(sheet: Worksheet, book: Any) -> None:
        table(["1"], ["2"], ["3"], ["4"], ["5"])(sheet, book)
        sheet.write_formula("B3", "=1/0", None, "#DIV/0!")
        sheet.write_formula("B4", "=1+1", None, 2)
        sheet.write_formula("F6", "=1/0", None, "#DIV/0!")
        sheet.write_row("E2", ["单位", "备注"])

    extract = read(workbook(fill), LICENCES, tmp_path)
    assert rejected(extract) == [(3, "row.formula")]
    assert [row[:3] for row in rows(extract)] == [(4, "2", "2"), (5, "3", None), (6, "4", None), (7, "5", None)]


def test_rows_have_the_sheet_s_numbers_whatever_is_empty(tmp_path: Path) -> None:
    # A sheet's used range begins where its first cell is: counted from there, every number would be wrong.
    def fill(sheet: Worksheet, _: Any) -> None:
        sheet.write_row("C2", HEADINGS)
        sheet.write_row("C5", ["1"])
        sheet.write_row("C9", ["2", 320200199001011234])

    extract = read(workbook(fill), LICENCES, tmp_path)
    assert [row[:2] for row in rows(extract)] == [(5, "1")]
    assert rejected(extract) == [(9, "row.digits")]
    assert rows_read(extract) == 2


@pytest.mark.parametrize(
    ("area", "rule"),
    [("A1:D1", None), ("A2:B2", "file.dialect"), ("A3:A4", "file.dialect"), ("B4:C4", "file.dialect")],
)
def test_merged_cells_are_refused_where_they_hide_values(area: str, rule: str | None, tmp_path: Path) -> None:
    # Of merged cells only one has the value; the rows beside it would be loaded without.
    def fill(sheet: Worksheet, book: Any) -> None:
        table(["1", 2], ["3", 4], ["5", 6])(sheet, book)
        sheet.merge_range(area, "编号")
        sheet.write(area[:2], "编号" if area == "A2:B2" else "甲")

    content = workbook(fill)
    if rule is None:
        assert len(rows(read(content, LICENCES, tmp_path))) == 3
    else:
        found, said = refusal(content, tmp_path)
        assert (found, area in said) == (rule, True)


def test_what_was_expected_and_what_was_seen_is_said(tmp_path: Path) -> None:
    # "Cannot be read" leaves a department guessing.
    rule, said = refusal(workbook(table(["1"]), sheet="处罚"), tmp_path)
    assert (rule, "许可" in said, "处罚" in said) == ("file.dialect", True, True)
    rule, said = refusal(workbook(lambda sheet, _: sheet.write_row(0, 0, HEADINGS)), tmp_path)
    assert (rule, "row 2" in said, "row 1" in said) == ("file.dialect", True, True)
    rule, said = refusal(workbook(table(["1"], headings=["号码", "金额"])), tmp_path)
    assert (rule, "编号" in said) == ("file.missing_column", True)
    rule, said = refusal("编号,金额\n1,2\n".encode(), tmp_path)
    assert (rule, "workbook" in said) == ("file.unreadable", True)
    rule, said = refusal(b"\xd0\xcf\x11\xe0" + bytes(600), tmp_path)
    assert (rule, ".xls" in said) == ("file.unreadable", True)


def test_a_damaged_workbook_is_refused(tmp_path: Path) -> None:
    # A checksum that nobody looks at lets a changed digit pass.
    content = workbook(table(["1", 2], ["3", 4]))
    assert refusal(content[: len(content) // 2], tmp_path)[0] == "file.unreadable"
    place = content.index(b"xl/worksheets/sheet2.xml") + 60
    assert (
        refusal(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :], tmp_path)[0] == "file.unreadable"
    )


def test_headings_over_two_rows_are_those_of_the_lowest_cells(tmp_path: Path) -> None:
    # Group headings above the real ones are common; so is one heading that takes both rows.
    agreed = contract(
        column("no", heading="编号", required=True),
        column("amount", heading="金额", required=True),
        dialect=Dialect("xlsx", sheet="许可", header_lines=2),
    )

    def fill(sheet: Worksheet, _: Any) -> None:
        sheet.write_row(0, 0, ["编号", "处罚", ""])
        sheet.write_row(1, 0, ["", "金额", "依据"])
        sheet.write_row(2, 0, ["1", "2", "3"])
        sheet.merge_range("A1:A2", "编号")
        sheet.merge_range("B1:C1", "处罚")

    extract = read(workbook(fill), agreed, tmp_path)
    assert (rows(extract), extract.new_columns) == ([(3, "1", "2", '{"依据":"3"}')], ("依据",))


def test_a_workbook_is_validated_like_any_extract_also_in_gzip(tmp_path: Path) -> None:
    # Numbers of a sheet are binary fractions: as money they must come out exact or be rejected.
    content = workbook(table(["1", 1234567.89], ["2", 1.005], ["3", "abc"]))
    outcome = examined(gzipped(content), LICENCES, tmp_path)
    assert [str(value) for value in outcome.accepted["amount"]] == ["1234567.89"]
    assert outcome.rejected.select("line", "rule").rows() == [(4, "amount.type"), (5, "amount.type")]


def test_a_column_without_values_is_nothing_to_warn_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # The library warns of each: dozens of lines of "could not determine dtype" above the summary of a night.
    extract = read(workbook(table(["1", None, None, None])), LICENCES, tmp_path)
    assert [row[:2] for row in rows(extract)] == [(3, "1")]
    assert caplog.messages == []


@pytest.mark.parametrize("epoch", [1900, 1904])
def test_a_uniform_sheet_is_read_at_once_and_as_the_careful_reader_reads_it(
    epoch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two libraries round times and write numbers in their own ways; which one reads must not change a record.
    agreed = contract(
        column("no", heading="编号", required=True),
        column("amount", "number", heading="金额", physical_type="decimal(18,2)"),
        column("day", "date", heading="日期"),
        column("at", "timestamp", heading="时间"),
        column("count", "integer", heading="数量"),
        column("code", heading="代码"),
        column("flag", "boolean", heading="是否"),
        dialect=LICENCES.dialect,
    )
    headings = [one.heading for one in agreed.columns]
    lines: list[list[Any]] = [
        [
            f"N{number}",
            None if number == 3 else number + 0.1 + 0.2,
            date(2024, 2, 28) + number * timedelta(days=1),
            datetime(2024, 2, 28, 8, 7, 6) + number * timedelta(hours=7, seconds=1),  # noqa: DTZ001  # as above
            number,
            1200 + number,
            number % 2 == 0,
        ]
        for number in range(12)
    ]
    lines.insert(5, [])
    content = workbook(table(*lines, headings=headings), date_1904=epoch == 1904)
    read_at_once: list[bool] = []

    def look(file: Path, sheet: str, sought: Contract) -> Extract | None:
        found = read_uniform_sheet(file, sheet, sought)
        read_at_once.append(found is not None)
        return found

    monkeypatch.setattr("ingestion.readers.workbook.read_uniform_sheet", look)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    quick = examined(content, agreed, tmp_path / "a")
    monkeypatch.setattr("ingestion.readers.workbook.read_uniform_sheet", lambda *_: None)
    careful = examined(content, agreed, tmp_path / "b")
    assert read_at_once == [True]
    assert quick.accepted.equals(careful.accepted)
    assert quick.accepted.height == 12
    assert quick.rejected.is_empty()
    assert careful.rejected.is_empty()


def test_a_row_that_only_looks_is_counted_and_is_none(tmp_path: Path) -> None:
    # Counted from the first row with a value, lines would be wrong; one more with empty texts alone would be made up.
    def fill(sheet: Worksheet, book: Any) -> None:
        sheet.write_blank("A1", None, book.add_format({"bold": True}))
        sheet.write_row("A2", HEADINGS)
        sheet.write_row("A3", ["1"])

    assert [row[:2] for row in rows(read(workbook(fill), LICENCES, tmp_path))] == [(3, "1")]
    without = replace(LICENCES, dialect=replace(LICENCES.dialect, preamble_lines=0))
    with pytest.raises(RefusedFile):
        read(workbook(fill), without, tmp_path)


@pytest.mark.parametrize(
    ("cell", "form"),
    [(timedelta(hours=30), "[h]:mm"), (0, "yyyy-mm-dd"), (0.5, "yyyy-mm-dd hh:mm:ss")],
)
@pytest.mark.parametrize("name", ["day", "at"])
def test_a_cell_that_names_no_day_is_none(name: str, cell: Any, form: str, tmp_path: Path) -> None:
    # A column of lengths of time made the reader crash; zero, which a sheet shows as 1900-01-00, became a day of 1899.
    def fill(sheet: Worksheet, book: Any) -> None:
        sheet.write_row("A1", ["no", name])
        for row in (1, 2):
            sheet.write_string(row, 0, "x")
            sheet.write(row, 1, cell, book.add_format({"num_format": form}))

    asked = column(name, "date" if name == "day" else "timestamp")
    agreed = contract(column("no"), asked, dialect=Dialect("xlsx", sheet="许可"))
    assert examined(workbook(fill), agreed, tmp_path).rejected["rules"].to_list() == [[f"{name}.type"]] * 2
