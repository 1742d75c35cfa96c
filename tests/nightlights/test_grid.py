import numpy as np
import pyproj
import pytest
import shapely
from rasterio import Affine

from citylake.nightlights.grid import ALBERS, WGS84, Grid, area_km2, to_degrees
from tests.nightlights.rasters import centred

HENAN = shapely.box(112.2, 34.1, 113.7, 35.6)
DEGREES = Grid(WGS84, centred(112, 36), 260, 240)
METRES = Grid(ALBERS, Affine(1000, 0, 600_000, 0, -1000, 4_000_000), 400, 300)


def test_a_cell_is_as_large_as_the_geodesic_says() -> None:
    # Karney's geodesic polygon has straight sides, a cell has parallels: at 30 arc seconds they agree to 1e-6.
    geod = WGS84.get_geod()
    assert geod is not None
    west, _, _, north = DEGREES.bounds
    y = north - np.arange(DEGREES.height + 1) / 120
    for row in (0, 100, 259):
        corners = ([west, west + 1 / 120, west + 1 / 120, west], [y[row + 1], y[row + 1], y[row], y[row]])
        area = abs(geod.polygon_area_perimeter(*corners)[0]) / 1e6
        assert DEGREES.cell_areas_km2[row, 7] == pytest.approx(area, rel=1e-5)


def test_a_cell_in_henan_is_far_from_one_square_kilometre() -> None:
    assert DEGREES.cell_areas_km2[150, 0] == pytest.approx(0.705, abs=0.001)


@pytest.mark.parametrize("grid", [DEGREES, METRES], ids=["geographic", "albers"])
def test_covered_cells_sum_to_the_true_area(grid: Grid) -> None:
    summed = (grid.coverage(HENAN) * grid.cell_areas_km2).sum()
    assert summed == pytest.approx(area_km2(shapely.segmentize(HENAN, 0.001)), rel=1e-3)


def test_a_projection_that_is_not_equal_area_gives_true_areas_too() -> None:
    # Web Mercator is 1.5 times too large here.
    mercator = Grid(pyproj.CRS.from_epsg(3857), Affine(1000, 0, 12_400_000, 0, -1000, 4_300_000), 300, 300)
    summed = (mercator.coverage(HENAN) * mercator.cell_areas_km2).sum()
    assert summed == pytest.approx(area_km2(shapely.segmentize(HENAN, 0.001)), rel=1e-3)


def test_coverage_is_what_polygons_say_cell_by_cell() -> None:
    small = Grid(WGS84, centred(112, 36), 12, 12)
    star = shapely.Polygon([(112.01, 35.92), (112.05, 35.995), (112.08, 35.93), (112.06, 35.95), (112.03, 35.912)])
    cells = [
        shapely.box(
            small.bounds[0] + c / 120,
            small.bounds[3] - (r + 1) / 120,
            small.bounds[0] + (c + 1) / 120,
            small.bounds[3] - r / 120,
        )
        for r in range(12)
        for c in range(12)
    ]
    expected = shapely.area(shapely.intersection(cells, star)) * 120**2
    assert small.coverage(star).ravel() == pytest.approx(expected, abs=1e-5)


def test_cell_edges_are_geodesic_lengths() -> None:
    across, along = DEGREES.edge_lengths_km
    assert len(across) == len(along) + 1 == 261
    assert along[0] == pytest.approx(0.9246, abs=1e-3)
    assert across[150] * along[150] == pytest.approx(DEGREES.cell_areas_km2[150, 0], rel=1e-3)


def test_positions_go_to_albers_and_back() -> None:
    x, y = DEGREES.centres
    longitude, latitude = to_degrees(x, y)
    assert (longitude[0, 0], latitude[0, 0]) == pytest.approx((112, 36), abs=1e-9)
    assert (longitude[-1, -1], latitude[-1, -1]) == pytest.approx((112 + 239 / 120, 36 - 259 / 120), abs=1e-9)


def test_grids_shifted_by_a_part_of_a_cell_are_not_one() -> None:
    assert DEGREES.offset_of(Grid(WGS84, centred(112 + 3 / 120, 36 - 5 / 120), 9, 9)) == (5, 3)
    assert DEGREES.offset_of(Grid(WGS84, centred(112 + 1 / 240, 36), 9, 9)) is None
    assert DEGREES.offset_of(METRES) is None
