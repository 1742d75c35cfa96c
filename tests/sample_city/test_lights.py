"""Synthetic composites of night lights: marked, reproducible, and as their makers say they are."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import rasterio

from citylake.nightlights.boundaries import city_unit
from citylake.nightlights.composites import examine, find_composites, grid_of
from sample_city.growth import LAST, YEARS, cities
from sample_city.lights import AREAS, COMPOSITES, FRAME, make_lights


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("lights")
    assert make_lights(root / "landing", truth=root / "truth")["composites"] == 28
    return root / "landing", root / "truth"


def test_the_same_seed_gives_the_same_bytes_and_another_another_city(made: tuple[Path, Path], tmp_path: Path) -> None:
    make_lights(tmp_path / "again")
    make_lights(tmp_path / "other", seed=2)
    for folder in (COMPOSITES, AREAS):
        files = {path.name: path.read_bytes() for path in (made[0] / folder).iterdir()}
        assert files == {path.name: path.read_bytes() for path in (tmp_path / "again" / folder).iterdir()}
        assert all((tmp_path / "other" / folder / name).read_bytes() != data for name, data in files.items())


def test_every_composite_is_read_as_noaas_and_says_that_it_is_synthetic(made: tuple[Path, Path]) -> None:
    found = find_composites(made[0] / COMPOSITES)
    assert len(found) == 28
    for composite in found:
        assert composite.origin == "synthetic"
        with rasterio.open(composite.path) as source:
            assert source.tags()["DATA_ORIGIN"] == "synthetic"
            assert "SYNTHETIC" in source.tags()["TIFFTAG_IMAGEDESCRIPTION"]
        assert grid_of(composite).height == FRAME.height
    assert sum(one.path.stat().st_size for one in found) < 2_000_000


def test_light_saturates_and_most_of_the_land_is_dark(made: tuple[Path, Path]) -> None:
    for composite in find_composites(made[0] / COMPOSITES):
        facts = examine(composite)
        assert facts["highest"] == 63
        assert 0 < facts["lit"] < 0.05 * facts["cells"]


def test_built_up_cells_are_never_given_up(made: tuple[Path, Path]) -> None:
    before = np.zeros((FRAME.height, FRAME.width), bool)
    for year in YEARS:
        with rasterio.open(made[1] / f"built_up_{year}.tif") as source:
            built = source.read(1) > 0
        assert (built >= before).all()
        assert built.sum() > before.sum()
        before = built


def test_published_areas_are_the_truth_to_two_decimals_and_say_so(made: tuple[Path, Path]) -> None:
    (path,) = (made[0] / AREAS).iterdir()
    assert ".synthetic." in path.name
    published = pl.read_csv(path, schema_overrides={"region_code": pl.String})
    true = pl.read_csv(made[1] / "city_year.csv", schema_overrides={"region_code": pl.String})
    joined = published.join(true, on=["region_code", "year"], suffix="_true")
    assert joined.height == published.height == 6 * 17
    assert (joined["built_up_km2"] - joined["built_up_km2_true"]).abs().max() <= 0.005
    assert published["note"].str.contains("synthetic").all()


def test_areas_are_true_areas_inside_the_districts(made: tuple[Path, Path]) -> None:
    # The sample city's own arithmetic against the library's cells, outlines and ellipsoid.
    true = pl.read_csv(made[1] / "city_year.csv", schema_overrides={"region_code": pl.String}).filter(year=LAST)
    native = grid_of(find_composites(made[0] / COMPOSITES)[0])
    for city in (city for city in cities() if city.region_code.endswith("00")):
        unit = city_unit(city.region_code, "municipal_districts")
        grid = native.around(unit.outline, 0)
        row, column = native.offset_of(grid) or (-1, -1)
        with rasterio.open(made[1] / f"built_up_{LAST}.tif") as source:
            built = source.read(1)[row : row + grid.height, column : column + grid.width]
        area = float((built * grid.coverage(unit.outline) * grid.cell_areas_km2).sum())
        assert area == pytest.approx(true.filter(region_code=city.region_code)["built_up_km2"].item(), rel=1e-3)
        assert area == pytest.approx(city.last_km2, rel=0.01)
