"""Growth rings, as outlines that a map can show."""

import polars as pl
import pytest
import shapely

from citylake.nightlights.boundaries import city_unit, latin_name
from citylake.nightlights.grid import area_km2
from tests.nightlights.conftest import CITIES, Synthetic

YEARS = range(1997, 2014)


def _standing(synthetic: Synthetic, year: int) -> pl.DataFrame:
    return synthetic.study.growth_ring.filter(pl.lit(year).is_between("first_year", "last_year"))


@pytest.mark.parametrize("year", YEARS)
def test_the_rings_that_stand_in_a_year_are_its_built_up_area(synthetic: Synthetic, year: int) -> None:
    # Would catch cells drawn that were lost meanwhile, in the raw series, or drawn twice.
    key = ["region_code", "series"]
    rings = _standing(synthetic, year).group_by(key).agg(pl.col("area_km2").sum())
    found = synthetic.study.city_year.filter(year=year).select(*key, "built_up_km2").join(rings, on=key)
    assert found.height == 2 * len(CITIES)
    assert (found["area_km2"] - found["built_up_km2"]).abs().max() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("code", CITIES)
def test_what_is_drawn_is_as_large_as_what_was_measured_and_never_twice(synthetic: Synthetic, code: str) -> None:
    # Would catch outlines upside down, of another city, beyond its border, or one over another.
    outline = city_unit(code, "municipal_districts").outline.buffer(0.002)
    for year in (1997, 2005, 2013):
        rows = _standing(synthetic, year).filter(region_code=code, series="raw")
        drawn = [shapely.from_geojson(text) for text in rows["ring_geojson"]]
        assert all(shapely.covers(outline, shape) for shape in drawn)
        together = shapely.union_all(drawn)
        assert area_km2(together) == pytest.approx(sum(map(area_km2, drawn)), rel=2e-3)
        assert area_km2(together) == pytest.approx(rows["area_km2"].sum(), rel=0.01)


def test_every_exterior_runs_clockwise(synthetic: Synthetic) -> None:
    # Would catch a ring that whoever draws on a sphere takes for all of the world but the ring.
    texts = [*synthetic.study.growth_ring["ring_geojson"], *synthetic.study.city["outline_geojson"]]
    parts = [part for text in texts for part in shapely.get_parts(shapely.from_geojson(text))]
    assert len(parts) > len(texts)
    assert not any(shapely.is_ccw(shapely.get_exterior_ring(part)) for part in parts)


def test_the_raw_series_loses_cells_and_the_corrected_one_never_does(synthetic: Synthetic) -> None:
    # Would catch rings of one series under the name of the other: a threshold that falls takes cells out of neither.
    found = synthetic.study.growth_ring.group_by("series").agg(lost=(pl.col("last_year") < 2013).sum(), all=pl.len())
    lost = dict(found.select("series", "lost").iter_rows())
    assert lost["raw"] > lost["corrected"]


def test_cities_have_an_english_name_and_an_outline_to_draw(synthetic: Synthetic) -> None:
    cities = synthetic.study.city
    assert cities["region_name_en"].to_list() == ["Zhengzhou", "Kaifeng", "Xinxiang", "Jiaozuo", "Xuchang", "Wuxi"]
    assert (latin_name("西安市"), latin_name("重庆市"), latin_name("厦门市")) == ("Xi'an", "Chongqing", "Xiamen")
    for row in cities.iter_rows(named=True):
        drawn = area_km2(shapely.from_geojson(row["outline_geojson"]))
        assert drawn == pytest.approx(row["land_area_km2"], rel=0.005)
        assert len(row["outline_geojson"]) < 20_000
