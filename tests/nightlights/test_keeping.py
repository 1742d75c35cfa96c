"""The study as data of the lake: made from what is in force, anew only after a change, and never at a night's cost."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from citylake.lake.attach import open_lakes
from citylake.lake.deliveries import LEDGER
from citylake.lake.settings import PROJECT_ROOT, Settings
from citylake.lake.zones import Zones, prepare
from citylake.nightlights.composites import find_composites
from citylake.nightlights.keeping import AREAS, COMPOSITES, TABLES, keep_study
from sample_city.lights import COMPOSITES as FOLDER
from tests.nightlights.conftest import Synthetic

WUXI = "320200"
YEARS = (1999, 2000)


class Lake:
    """A home whose staging and ledger say what is in force, without a night before them."""

    def __init__(self, home: Path, synthetic: Synthetic) -> None:
        self.settings = Settings(home=home, memory_limit="512MB", threads=1)
        prepare(self.settings)
        self.folder = synthetic.landing / FOLDER
        self.composites = [one.path.name for one in find_composites(self.folder) if one.year in YEARS]
        self.areas = synthetic.published.filter(region_code=WUXI)
        self.areas_origin = "synthetic"

    def deliver(self) -> None:
        """Write ledger and staging anew from what the attributes say."""
        files = [(f"{COMPOSITES}/{name}", name) for name in self.composites]
        rows = [self._delivery(COMPOSITES, one, "synthetic", self.folder / "accepted.parquet") for one, _ in files]
        if self.areas.height:
            rows.append(
                self._delivery(AREAS, f"{AREAS}/{self.areas.height}", self.areas_origin, Path("areas/accepted.parquet"))
            )
        columns = ["dataset", "delivery_id", "run_id", "origin", "status", "path"]
        pl.DataFrame(rows, schema=columns, orient="row").cast(pl.String).write_parquet(
            Zones.of(self.settings).ledger / LEDGER
        )
        named = pl.DataFrame(files, schema={"_delivery_id": pl.String, "file_name": pl.String}, orient="row")
        composites = named.with_columns(
            series=pl.col("file_name").str.slice(0, 3), year=pl.col("file_name").str.slice(3, 4).cast(pl.Int64)
        )
        with open_lakes(self.settings, ("vault",)) as vault:
            vault.execute("create schema if not exists vault.staging")
            for table, frame in (
                ("stg_natural_resources__night_light_composite", composites),
                (
                    "stg_housing_construction__built_up_area",
                    self.areas.with_columns(_delivery_id=pl.lit(f"{AREAS}/{self.areas.height}")),
                ),
            ):
                vault.register("staged", frame.to_arrow())
                vault.execute(f"create or replace table vault.staging.{table} as from staged")

    @staticmethod
    def _delivery(dataset: str, delivery_id: str, origin: str, path: Path) -> Sequence[str]:
        return dataset, delivery_id, "loaded", origin, "in_force", str(path)

    def keep(self, **settings: Any) -> dict[str, Any]:
        return keep_study(self.settings.model_copy(update=settings), f"run of {datetime.now(UTC)}")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with open_lakes(self.settings, ("vault",), read_only=True) as vault:
            return vault.execute(sql).fetchall()


@pytest.fixture
def lake(tmp_path: Path, synthetic: Synthetic) -> Lake:
    lake = Lake(tmp_path / "home", synthetic)
    lake.deliver()
    return lake


def test_what_is_in_force_becomes_tables_that_say_where_they_come_from(lake: Lake, synthetic: Synthetic) -> None:
    # Would catch a study of invented lights that nobody can tell from a real one, or one of other files than in force.
    facts = lake.keep()
    assert facts["problem"] is None
    assert facts["composites"] == len(lake.composites) == 4
    for name in TABLES:
        assert lake.query(f"select distinct data_origin from vault.nightlights.{name}") == [("synthetic",)], name
    found = lake.query(
        "select year, threshold, published_km2 from vault.nightlights.city_year where series = 'raw' order by year"
    )
    wanted = synthetic.study.city_year.filter(pl.col("year").is_in(YEARS), region_code=WUXI, series="raw").sort("year")
    assert found == wanted.select("year", "threshold", "published_km2").rows()
    assert set(lake.query("select file_name from vault.nightlights.satellite_quality")) == {
        (name,) for name in lake.composites
    }


def test_a_night_without_a_change_measures_nothing(lake: Lake) -> None:
    # Would catch seconds spent each night on composites of thirty years ago.
    assert lake.keep()["is_measured_anew"]
    before = lake.query("from vault.nightlights.study_run")
    assert not lake.keep()["is_measured_anew"]
    assert lake.query("from vault.nightlights.study_run") == before
    assert lake.keep(urban_coupling_tolerance=0.2)["is_measured_anew"]


def test_a_composite_or_an_area_that_is_withdrawn_is_measured_no_longer(lake: Lake) -> None:
    # Would catch figures that depend on what was once delivered, and not on what is in force.
    lake.keep()
    lake.composites = [name for name in lake.composites if name.startswith("F14")]
    lake.deliver()
    assert lake.keep()["is_measured_anew"]
    assert lake.query("select distinct satellites from vault.nightlights.city_year") == [("F14",)]
    lake.composites = []
    lake.deliver()
    assert lake.keep() == {
        "is_measured_anew": True,
        "composites": 0,
        "rows": dict.fromkeys(TABLES, 0),
        "problem": None,
    }


def test_figures_that_conflict_are_told_and_only_their_years_are_left_out(lake: Lake) -> None:
    # Would catch a release held, or all cities lost, because one yearbook contradicts another.
    other = lake.areas.filter(year=1999).with_columns(publisher=pl.lit("another"), built_up_km2=pl.lit(250.0))
    lake.areas = pl.concat([lake.areas, other])
    lake.deliver()
    problem = lake.keep()["problem"]
    assert "1999" in problem
    assert "Published figures conflict" in problem
    found = "select year, built_up_km2 is null from vault.nightlights.city_year where series = 'raw' order by year"
    assert lake.query(found) == [(1999, True), (2000, False)]
    assert lake.keep()["problem"] == problem, "a quiet night forgets what is wrong"
    assert lake.keep(urban_publishers=("another",))["problem"] is None


def test_cities_that_cannot_be_measured_are_told_and_no_other_is_lost(lake: Lake) -> None:
    # Would catch a national yearbook, of which most cities lie outside the composites, that empties every table.
    def figure(code: str, name: str) -> pl.DataFrame:
        return lake.areas.head(1).with_columns(
            region_code=pl.lit(code), region_name_zh=pl.lit(name), year=pl.lit(1999, pl.Int32)
        )

    strangers = {"310000": "上海市", "429000": "省直辖", "652900": "阿克苏地区", "991100": "何处市"}
    lake.areas = pl.concat([lake.areas, *(figure(code, name) for code, name in strangers.items())])
    lake.deliver()
    problem = lake.keep()["problem"]
    assert [code for code in strangers if f"{code}:" not in problem] == []
    assert lake.query("select distinct region_code from vault.nightlights.city_year") == [(WUXI,)]


def test_a_setting_that_no_study_can_be_made_with_is_told_and_leaves_empty_tables(lake: Lake) -> None:
    # Would catch a night that fails, or old figures that stay.
    lake.keep()
    facts = lake.keep(urban_scope="prefecture")
    assert facts["rows"]["city_year"] == 0
    assert facts["problem"] is not None


def test_invented_lights_are_not_matched_to_published_areas(lake: Lake) -> None:
    # Would catch a threshold between an invented city and a real yearbook, where a release may mix both.
    lake.areas_origin = "real"
    lake.deliver()
    assert "one is synthetic" in lake.keep()["problem"]


@pytest.mark.parametrize("name", TABLES)
def test_the_model_of_a_table_has_its_columns(name: str) -> None:
    # Would catch a measure that the study gives and no reader ever sees.
    kind = "dim" if name == "city" else "fct"
    model = PROJECT_ROOT / "dbt_project" / "models" / "urban" / f"{kind}_urban_{name}.yml"
    columns = [column["name"] for column in yaml.safe_load(model.read_text("utf-8"))["models"][0]["columns"]]
    if name == "city":
        columns.remove("is_own_city")
    # Outside the lake's own city they are no regions that it knows.
    named = {"region_code": "city_code", "region_name_zh": "city_name_zh", "region_name_en": "city_name_en"}
    assert columns == [named.get(column, column) for column in TABLES[name][1]]
