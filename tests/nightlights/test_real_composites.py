"""The method on real composites, which are not part of the project: skipped, saying so, where they are absent."""

from pathlib import Path

import pytest

from citylake.nightlights.boundaries import city_unit
from citylake.nightlights.composites import Composite, grid_of, read
from citylake.nightlights.published import Preference, choose, read_published
from citylake.nightlights.thresholds import area_curve, dynamic_threshold

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "nightlights"
THRESHOLDS = {"410100": 59, "410200": 60, "410700": 57, "410800": 55, "411000": 54}

needs_composites = pytest.mark.skipif(
    not (FOLDER / "china_dmsplike_2021.tif").exists(),
    reason=f"the real composites of 2018 and 2021 (doi:10.7910/DVN/GIYGJU) are not in {FOLDER}",
)


@needs_composites
@pytest.mark.parametrize(("code", "threshold"), THRESHOLDS.items())
def test_a_published_area_of_2021_is_met_to_half_a_step_on_the_real_composite(code: str, threshold: int) -> None:
    composite = Composite.parse(FOLDER / "china_dmsplike_2021.tif")
    unit = city_unit(code, "municipal_districts")
    grid = grid_of(composite).around(unit.outline, margin=2)
    (lights,), _ = read(composite, [grid])
    weights = grid.coverage(unit.outline) * grid.cell_areas_km2
    assert weights.sum() == pytest.approx(unit.land_area_km2, rel=1e-3)
    published = choose(read_published(), Preference()).filter(region_code=code, year=2021)["built_up_km2"].item()
    found = dynamic_threshold(area_curve(lights, weights), published)
    assert found.threshold == threshold
    assert abs(found.residual) < 0.04


@needs_composites
def test_the_grids_of_2018_and_2021_are_shifted_and_read_as_one() -> None:
    earlier, later = (Composite.parse(FOLDER / f"china_dmsplike_{year}.tif") for year in (2018, 2021))
    grid = grid_of(later).around(city_unit("320200", "municipal_districts").outline, margin=2)
    (_,), moved = read(earlier, [grid])
    (_,), kept = read(later, [grid])
    assert (moved, kept) == (True, False)
