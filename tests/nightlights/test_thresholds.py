import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citylake.nightlights.thresholds import area_curve, built_up, dynamic_threshold, intersection_over_union

LIGHTS = np.array([[0, 1, 5, 5], [63, 62.4, 5.5, np.nan], [7, 7, 7, 60]], np.float32)
HALF = np.full(LIGHTS.shape, 0.5)


def test_areas_above_thresholds_by_hand() -> None:
    curve = area_curve(LIGHTS, HALF)
    areas = dict(zip(curve.thresholds, curve.areas_km2, strict=True))
    assert (areas[1], areas[5], areas[6], areas[7], areas[8], areas[62], areas[63]) == (5, 4.5, 3, 3, 1.5, 1, 0.5)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 0.5, 0.1]))
def test_area_never_increases_with_the_threshold_and_is_that_of_the_mask(seed: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    lights = rng.uniform(0, 63, (9, 9)).astype(np.float32)
    weights = rng.uniform(0, 1, (9, 9))
    curve = area_curve(lights, weights, step)
    assert (np.diff(curve.areas_km2) <= 1e-9).all()
    for place in rng.integers(0, len(curve.thresholds), 5):
        mask = built_up(lights, curve.thresholds[place], weights)
        assert weights[mask].sum() == pytest.approx(curve.areas_km2[place])


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 40))
def test_the_residual_is_at_most_half_a_step(seed: int, published: float) -> None:
    lights = np.random.default_rng(seed).integers(0, 64, (9, 9)).astype(np.float32)
    curve = area_curve(lights, np.full((9, 9), 0.7))
    found = dynamic_threshold(curve, published)
    if not found.is_out_of_reach:
        # Thresholds that no cell has between them give one area: a step is one between different areas.
        assert abs(found.area_km2 - published) <= -np.diff(curve.areas_km2).min() / 2 + 1e-9


def test_of_two_thresholds_as_near_the_larger_is_taken() -> None:
    curve = area_curve(np.array([[10, 20]], np.float32), np.ones((1, 2)))
    assert dynamic_threshold(curve, 1.0).threshold == 20
    assert dynamic_threshold(curve, 1.5).threshold == 20
    assert dynamic_threshold(curve, 1.6).threshold == 10


def test_neighbours_and_residual_are_told() -> None:
    found = dynamic_threshold(area_curve(LIGHTS, HALF), 3.2)
    assert (found.threshold, found.area_km2) == (7, 3)
    assert (found.area_one_step_lower_km2, found.area_one_step_higher_km2) == (3, 1.5)
    assert found.residual == pytest.approx(-0.0625)


@pytest.mark.parametrize(("published", "threshold"), [(100.0, 1.0), (0.1, 63.0)])
def test_a_published_area_beyond_all_lights_is_out_of_reach(published: float, threshold: float) -> None:
    # Reported as a threshold like any other, it would pass for a finding.
    found = dynamic_threshold(area_curve(LIGHTS, HALF), published)
    assert found.is_out_of_reach
    assert found.threshold == threshold


def test_masks_are_compared_by_area() -> None:
    one, other = np.array([[True, True, False]]), np.array([[False, True, True]])
    assert intersection_over_union(one, other, np.array([[1.0, 2.0, 1.0]])) == 0.5
    assert intersection_over_union(one & ~one, one & ~one, np.ones((1, 3))) == 1
