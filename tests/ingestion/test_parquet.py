"""Parquet: types may drift as long as nothing is lost by it."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from citylake.contracts.model import Dialect
from ingestion.refusals import RefusedFile
from tests.ingestion.support import column, contract, examined, gzipped, read, rows_read

MIDNIGHT = datetime(2024, 2, 29)  # noqa: DTZ001  # times without a zone are what is tested
EIGHT = MIDNIGHT.replace(hour=8)
INSURED = contract(
    column("no", heading="编号", required=True),
    column("base", "number", heading="基数", physical_type="decimal(18,2)"),
    column("months", "integer"),
    column("day", "date"),
    column("at", "timestamp"),
    column("is_open", "boolean"),
    column("pauses", "array"),
    dialect=Dialect("parquet"),
)


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"编号": ["1"], **columns}).write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("heading", "name", "delivered", "expected"),
    [
        ("编号", "no", pl.Series([12], dtype=pl.Int64), "12"),
        ("编号", "no", pl.Series(["012"]), "012"),
        ("编号", "no", pl.Series(["甲"], dtype=pl.Categorical), "甲"),
        ("编号", "no", pl.Series([Decimal("12.00")], dtype=pl.Decimal(10, 2)), "12"),
        ("基数", "base", pl.Series([1234.56]), Decimal("1234.56")),
        ("基数", "base", pl.Series([7], dtype=pl.Int32), Decimal("7.00")),
        ("基数", "base", pl.Series([Decimal("1.5000")], dtype=pl.Decimal(10, 4)), Decimal("1.50")),
        ("基数", "base", pl.Series(["1234.56"]), Decimal("1234.56")),
        ("months", "months", pl.Series([7.0]), 7),
        ("months", "months", pl.Series(["7"]), 7),
        ("day", "day", pl.Series([MIDNIGHT]), date(2024, 2, 29)),
        ("day", "day", pl.Series([date(2024, 2, 29)]), date(2024, 2, 29)),
        ("day", "day", pl.Series(["2024-02-29"]), date(2024, 2, 29)),
        ("at", "at", pl.Series([date(2024, 2, 29)]), datetime(2024, 2, 28, 16, tzinfo=UTC)),
        ("at", "at", pl.Series([EIGHT], dtype=pl.Datetime("ns")), datetime(2024, 2, 29, tzinfo=UTC)),
        ("at", "at", pl.Series([datetime(2024, 2, 29, tzinfo=UTC)]), datetime(2024, 2, 29, tzinfo=UTC)),
        ("is_open", "is_open", pl.Series([True]), True),
        ("is_open", "is_open", pl.Series([0]), False),
        ("pauses", "pauses", pl.Series([[{"from": "2024-01-01"}]]), '[{"from":"2024-01-01"}]'),
        ("pauses", "pauses", pl.Series(['["x"]']), '["x"]'),
        ("pauses", "pauses", pl.Series([None]), None),
    ],
)
def test_a_value_means_the_same_whatever_type_it_comes_in(
    heading: str, name: str, delivered: pl.Series, expected: object, tmp_path: Path
) -> None:
    # A system's update turns ids into numbers and dates into times overnight; the values are the same.
    outcome = examined(parquet(**{heading: delivered}), INSURED, tmp_path)
    assert outcome.rejected.rows() == []
    assert outcome.accepted[name].to_list() == [expected]


@pytest.mark.parametrize(
    ("heading", "delivered", "seen"),
    [
        ("编号", pl.Series([1.5]), "Float64"),
        ("编号", pl.Series([True]), "Boolean"),
        ("编号", pl.Series([["1"]]), "List(String)"),
        ("基数", pl.Series([{"cny": 1}]), "Struct"),
        ("months", pl.Series([b"7"]), "Binary"),
        ("day", pl.Series([1.5]), "Float64"),
    ],
)
def test_a_type_that_cannot_be_what_was_agreed_is_refused(
    heading: str, delivered: pl.Series, seen: str, tmp_path: Path
) -> None:
    # A code that went through a float has lost its digits; nested values have no text to compare.
    with pytest.raises(RefusedFile) as caught:
        read(parquet(**{heading: delivered}), INSURED, tmp_path)
    assert caught.value.refusal.rule == "file.dialect"
    assert heading in caught.value.refusal.en
    assert seen in caught.value.refusal.en


def test_a_value_that_does_not_fit_is_quarantined_alone(tmp_path: Path) -> None:
    # Rounded or cut off, it would be a wrong figure that nobody sees.
    content = parquet(
        编号=["1", "2", "3", "4"],
        基数=[1.0, 1.005, 1.0, 1.0],
        months=[1.0, 1.0, 2.5, 1.0],
        day=[MIDNIGHT, None, None, EIGHT],
    )
    outcome = examined(content, INSURED, tmp_path)
    assert outcome.accepted["_line"].to_list() == [1]
    assert outcome.rejected.select("line", "rule").rows() == [(2, "base.type"), (3, "months.type"), (4, "day.type")]


@pytest.mark.parametrize("unit", ["us", "ms"])
@pytest.mark.parametrize("logical_type", ["timestamp", "date", "string"])
def test_a_time_beyond_the_calendar_is_no_time_and_no_crash(logical_type: str, unit: Any, tmp_path: Path) -> None:
    # polars panics when it writes such a time as text: a whole delivery would fail for one damaged number.
    at = pl.Series([2**63 - 1, 2**62, -(2**60), 0]).cast(pl.Datetime(unit))
    content = parquet(编号=["1", "2", "3", "4"], at=at)
    agreed = contract(column("no", heading="编号"), column("at", logical_type), dialect=Dialect("parquet"))
    outcome = examined(content, agreed, tmp_path)
    expected = [] if logical_type == "string" else [["at.type"]] * 3
    assert outcome.rejected["rules"].to_list() == expected


def test_a_day_beyond_the_calendar_is_no_day_and_no_crash(tmp_path: Path) -> None:
    # 20260101 days after 1970 must not be taken for the first of January 2026 either.
    day = pl.Series([2**30, 20260101, 2932897, 2932896, 0], dtype=pl.Int32).cast(pl.Date)
    outcome = examined(parquet(编号=[*"12345"], day=day), INSURED, tmp_path)
    assert outcome.rejected["rules"].to_list() == [["day.type"]] * 3
    assert outcome.accepted["day"].to_list() == [date(9999, 12, 31), date(1970, 1, 1)]


def test_columns_are_known_by_name(tmp_path: Path) -> None:
    # Column order is the writer's business; a column that vanished is not.
    extract = read(parquet(extra=[1], months=[2]), INSURED, tmp_path)
    assert extract.new_columns == ("extra",)
    assert "基数" in extract.missing_columns
    with pytest.raises(RefusedFile) as caught:
        read(parquet(编号=["1"]).replace("编号".encode(), "号编".encode()), INSURED, tmp_path)
    assert caught.value.refusal.rule == "file.missing_column"


@pytest.mark.parametrize("rows_in_a_group", [1, 7, 10, 25, 100])
def test_rows_have_the_file_s_numbers_whatever_row_groups_they_stand_in(
    rows_in_a_group: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Row groups are read several at once, small ones together and large ones in parts: none twice, none left out.
    monkeypatch.setattr("ingestion.readers.parquet._ROWS_AT_ONCE", 10)
    content = io.BytesIO()
    pq.write_table(pa.table({"编号": [f"N{line}" for line in range(1, 61)]}), content, row_group_size=rows_in_a_group)
    batches = list(read(content.getvalue(), INSURED, tmp_path).batches())
    assert max(batch.rows for batch in batches) == 10
    found = pl.concat(batch.records for batch in batches)
    assert found.select("_line", "no").rows() == [(line, f"N{line}") for line in range(1, 61)]


def test_what_is_no_parquet_or_cut_off_is_refused(tmp_path: Path) -> None:
    # A transfer that broke off leaves a file that begins well.
    content = parquet(编号=[f"{number}" for number in range(1000)])
    for damaged in (content[:-20], content[:100], b"PAR1", "编号\n1\n".encode(), b"PK\x03\x04"):
        with pytest.raises(RefusedFile) as caught:
            read(damaged, INSURED, tmp_path)
        assert caught.value.refusal.rule == "file.unreadable"
    assert rows_read(read(gzipped(content), INSURED, tmp_path)) == 1000


def test_damage_in_the_middle_is_refused_not_a_crash(tmp_path: Path) -> None:
    # The file's end is whole, so its damage shows only when the rows are read.
    content = bytearray(parquet(编号=[f"{number * 7919}" for number in range(5000)]))
    content[40:90] = bytes(50)
    outcome = examined(bytes(content), INSURED, tmp_path)
    assert outcome.examination.refusal is not None
    assert outcome.examination.refusal.rule == "file.unreadable"


def test_text_that_is_not_utf8_is_refused_not_a_crash(tmp_path: Path) -> None:
    # Parquet has no sums over short texts: one flipped bit in a name is found by nobody but the one who decodes it.
    content = parquet(编号=["1", "梁溪区"]).replace("梁溪区".encode(), b"\xe6\xa2\x81\xe6\xba\xaa\xe5\x8c\x3a")
    outcome = examined(content, INSURED, tmp_path)
    assert outcome.examination.refusal is not None
    assert outcome.examination.refusal.rule == "file.unreadable"


def test_a_file_of_which_fewer_rows_come_than_it_says_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where a damaged length leads beyond the file, polars may read no row and say nothing: all would be lost.
    monkeypatch.setattr(pl.LazyFrame, "slice", lambda frame, *_: pl.LazyFrame(schema=frame.collect_schema()))
    outcome = examined(parquet(编号=["1", "2"]), INSURED, tmp_path)
    assert outcome.examination.refusal is not None
    assert outcome.examination.refusal.rule == "file.unreadable"
