"""Tables for people's spreadsheets."""

import csv
from pathlib import Path

import polars as pl
import pytest

from citylake.lake.errors import UsageError
from citylake.lake.spreadsheets import write_table

FORMULAS = ("=1+1", "+86 139", "-cmd", "@sum", "＝1", " =1", "\t=1")
PLAIN = ("-5", "+3.25", "0012", "甲=乙", "")


TABLE = pl.DataFrame({"文字": [*FORMULAS, *PLAIN], "数": range(12)})


@pytest.mark.parametrize("table", [TABLE, TABLE.lazy()], ids=["eager", "lazy"])
def test_no_text_runs_as_a_formula_and_every_other_stays_as_it_is(
    tmp_path: Path, table: pl.DataFrame | pl.LazyFrame
) -> None:
    file = tmp_path / "table.csv"
    write_table(table, file)
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["文字"] for row in rows] == [*(f"'{text}" for text in FORMULAS), *PLAIN]
    assert [int(row["数"]) for row in rows] == list(range(12))
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_whole_is_not_there_at_all(tmp_path: Path) -> None:
    # A half file would be mended and sent back as if it were all.
    broken = pl.LazyFrame({"a": ["x"]}).with_columns(b=pl.col("a").str.to_integer())
    with pytest.raises(pl.exceptions.PolarsError):
        write_table(broken, tmp_path / "table.csv")
    with pytest.raises(UsageError):
        write_table(pl.DataFrame({"a": ["x"]}), tmp_path)
    assert list(tmp_path.iterdir()) == []
