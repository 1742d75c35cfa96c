from pathlib import Path

import polars as pl
import pytest

from citylake.lake.errors import UsageError
from citylake.nightlights.published import SCHEMA, Preference, choose, read_published

HEAD = ",".join(SCHEMA)


def zhengzhou(year: int, preference: Preference) -> list[tuple[str, float]]:
    return (
        choose(read_published(), preference).filter(region_code="410100", year=year)["publisher", "built_up_km2"].rows()
    )


def test_every_figure_keeps_its_publisher_scope_and_source() -> None:
    table = read_published()
    assert table.filter(region_code="410100", year=2021).height == 3
    assert table.select("publisher", "scope", "source").null_count().sum_horizontal().item() == 0


def test_the_publisher_decides_which_figure_holds() -> None:
    assert zhengzhou(2004, Preference()) == [("统计公报", 243.3)]
    assert zhengzhou(2004, Preference(publishers=("规划局",))) == [("规划局", 230.08)]
    assert zhengzhou(2021, Preference(scopes=("prefecture",))) == [("市政府通告", 1342.11)]


def test_a_year_without_a_figure_has_none() -> None:
    # Interpolated, it would look published.
    assert zhengzhou(1998, Preference()) == []


def test_figures_that_conflict_are_not_chosen_between() -> None:
    table = read_published().with_columns(scope=pl.lit("central_area"))
    with pytest.raises(UsageError, match=r"2004: 统计公报 243\.3"):
        choose(table, Preference())


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("1,城,2000,50,downtown,局,书,", "unknown scope"),
        ("1,城,2000,-5,prefecture,局,书,", "above 0"),
        ("1,城,2000,,prefecture,局,书,", "above 0"),
        ("1,城,,50,prefecture,局,书,", "no region code, year or publisher"),
        ("1,城,2000,50,prefecture,局,书,\n1,城,2000,51,prefecture,局,书,", "line 2, 3: 重复 a figure given twice"),
        ("1,城,2000,much,prefecture,局,书,", "cannot be read"),
    ],
)
def test_a_figure_that_cannot_be_is_named_with_its_line(lines: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    path.write_text(f"{HEAD}\n{lines}\n")
    with pytest.raises(UsageError, match=said):
        read_published(path)
