import math

import numpy as np
import pytest
from pointpats import centrography
from rasterio import Affine

from citylake.nightlights.grid import ALBERS, WGS84, Grid
from citylake.nightlights.shapes import activity, ellipse, form, shift
from tests.nightlights.rasters import centred

METRES = Grid(ALBERS, Affine(1000, 0, 600_000, 0, -1000, 4_000_000), 101, 101)


def gaussian(azimuth: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places 9 km along the azimuth and 3 km across it, with weights that tilt towards the east."""
    rng = np.random.default_rng(5)
    along, across = rng.normal(0, 9000, 20_000), rng.normal(0, 3000, 20_000)
    turn = math.radians(azimuth)
    x = along * math.sin(turn) + across * math.cos(turn)
    y = along * math.cos(turn) - across * math.sin(turn)
    return x + 500_000, y + 3_000_000, np.exp(across / 9000)


@pytest.mark.parametrize("azimuth", [0, 20, 90, 135, 179])
def test_the_ellipse_of_a_rotated_gaussian(azimuth: float) -> None:
    x, y, _ = gaussian(azimuth)
    found = ellipse(x, y, np.ones(len(x)))
    assert found is not None
    assert found.major_km == pytest.approx(9 * math.sqrt(2), rel=0.02)
    assert found.minor_km == pytest.approx(3 * math.sqrt(2), rel=0.02)
    assert abs((found.azimuth - azimuth + 90) % 180 - 90) < 1


@pytest.mark.parametrize("azimuth", [0, 20, 90, 135])
def test_the_ellipse_is_that_of_pointpats(azimuth: float) -> None:
    x, y, weights = gaussian(azimuth)
    found = ellipse(x, y, weights)
    assert found is not None
    major, minor, theta = centrography.ellipse(np.column_stack([x, y]), weights=weights, method="crimestat")
    assert sorted([found.major_km, found.minor_km]) == pytest.approx(sorted([major / 1000, minor / 1000]), rel=1e-3)
    # Its angle is of its first axis, counter-clockwise from east.
    first = found.azimuth if major >= minor else found.azimuth + 90
    assert abs((90 - math.degrees(theta) - first + 90) % 180 - 90) < 0.1
    centre = centrography.weighted_mean_center(np.column_stack([x, y]), weights)
    assert (found.x, found.y) == pytest.approx(tuple(centre))


def test_the_centre_does_not_change_with_brightness() -> None:
    x, y, weights = gaussian(20)
    dim, bright = ellipse(x, y, weights), ellipse(x, y, weights * 7)
    assert dim is not None
    assert bright is not None
    assert (dim.x, dim.y, dim.major_km, dim.azimuth) == pytest.approx(
        (bright.x, bright.y, bright.major_km, bright.azimuth)
    )


def test_nothing_has_no_ellipse_and_one_cell_has_one_without_extent() -> None:
    assert ellipse(np.zeros(3), np.zeros(3), np.zeros(3)) is None
    one = ellipse(np.array([5.0]), np.array([6.0]), np.array([2.0]))
    assert one is not None
    assert (one.x, one.y, one.major_km, one.minor_km) == (5, 6, 0, 0)
    assert one.overlap(one) is None


def test_an_ellipse_overlaps_itself_wholly_and_a_far_one_not_at_all() -> None:
    x, y, weights = gaussian(20)
    here, there = ellipse(x, y, weights), ellipse(x + 1e6, y, weights)
    assert here is not None
    assert there is not None
    assert here.overlap(here) == pytest.approx(1)
    assert here.overlap(there) == 0


def test_a_square_has_the_textbook_form() -> None:
    mask = np.zeros((101, 101), bool)
    mask[10:30, 10:30] = True
    found = form(mask, 400, METRES)
    assert found.perimeter_km == pytest.approx(80)
    assert found.compactness == pytest.approx(math.sqrt(math.pi) / 2)
    assert found.fractal_dimension == pytest.approx(1)


def test_a_disc_of_cells_is_as_compact_as_cell_edges_allow() -> None:
    row, column = np.indices((101, 101)) - 50
    mask = row**2 + column**2 <= 40**2
    assert form(mask, float(mask.sum()), METRES).compactness == pytest.approx(math.pi / 4, abs=0.01)


def test_the_perimeter_on_a_geographic_grid_is_in_kilometres() -> None:
    grid = Grid(WGS84, centred(112, 36), 50, 50)
    mask = np.zeros((50, 50), bool)
    mask[20:40, 10:30] = True
    assert form(mask, 1.0, grid).perimeter_km == pytest.approx(40 * 0.752 + 40 * 0.9246, rel=2e-3)


def test_an_empty_mask_has_no_form() -> None:
    empty = form(np.zeros((5, 5), bool), 0, Grid(ALBERS, METRES.transform, 5, 5))
    assert (empty.perimeter_km, empty.compactness, empty.fractal_dimension) == (0, None, None)


def test_activity_by_hand() -> None:
    lights = np.array([[0, 1, 31], [63, np.nan, 63]], np.float32)
    weights = np.array([[1, 1, 2], [1, 1, 0]], np.float64)
    found = activity(lights, weights, 10.0, lowest=1)
    assert (found.lit_km2, found.total_light) == (4, 1 + 62 + 63)
    assert found.mean_light == pytest.approx(126 / 4)
    assert found.compound_index == pytest.approx(126 / 4 / 63 * 4 / 10)
    assert activity(lights, weights, 10.0, lowest=8).lit_km2 == 3
    assert activity(lights * 0, weights, 10.0, lowest=1).compound_index == 0


def test_a_shift_has_a_distance_and_an_azimuth_from_north() -> None:
    assert shift((0, 0), (3000, 4000)) == pytest.approx((5, math.degrees(math.atan2(3, 4))))
    assert shift((0, 0), (0, -2000)) == pytest.approx((2, 180))
    assert shift((0, 0), (-1000, 0)) == pytest.approx((1, 270))
