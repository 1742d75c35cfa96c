import numpy as np
import polars as pl
import pytest

from citylake.nightlights.patches import LeiRule, mean_expansion_index, new_patches, weighted_expansion_index

ONES = np.ones((12, 12))


def masks(picture: str) -> tuple[np.ndarray, np.ndarray]:
    """o: built up before and after; n: new."""
    cells = np.array([list(line) for line in picture.split()])
    return cells == "o", cells != "."


def patches(picture: str, rule: LeiRule | None = None) -> pl.DataFrame:
    before, after = masks(picture)
    return new_patches(before, after, np.ones(before.shape), rule)


def test_a_filled_hole_is_infilling_with_100() -> None:
    found = patches("ooooo ooooo oonoo ooooo ooooo")
    assert found["lei", "expansion_type"].rows() == [(100, "infilling")]


def test_a_strip_along_one_side_is_edge_expansion_below_50() -> None:
    # Of its ring of 16 cells the old side has 5; vacant are 2 at that row's ends, 2 beside the strip, 7 below.
    found = patches("....... .ooooo. .nnnnn. ....... .......")
    assert found["ring_old_km2", "ring_vacant_km2"].rows() == [(5, 11)]
    assert found["lei"].item() == pytest.approx(100 * 5 / 16)
    assert found["expansion_type"].item() == "edge_expansion"


def test_a_patch_apart_is_outlying_with_0() -> None:
    found = patches("oo..... oo..... ....... ....nn. ....nn.")
    assert found["lei", "expansion_type", "cell_count", "row", "column"].rows() == [(0, "outlying", 4, 3.5, 4.5)]


def test_cells_of_another_new_patch_in_the_ring_were_vacant() -> None:
    # Two patches with one cell between them, both beside the old city: neither makes the other an infill.
    found = patches("ooooo .n.n. .....", LeiRule(ring_cells=2))
    assert found["ring_old_km2"].to_list() == [4, 4]
    assert found["ring_vacant_km2"].to_list() == [7, 7]


def test_patches_are_connected_across_corners() -> None:
    assert patches("..... .n... ..n.. .....")["cell_count"].to_list() == [2]


def test_areas_of_new_patches_are_the_change() -> None:
    rng = np.random.default_rng(3)
    before = rng.random((30, 30)) < 0.3
    after = before | (rng.random((30, 30)) < 0.2)
    weights = rng.random((30, 30)) * (rng.random((30, 30)) < 0.9)
    found = new_patches(before, after, weights)
    assert found["area_km2"].sum() == pytest.approx(weights[after].sum() - weights[before].sum())


def test_what_lies_outside_the_city_is_neither_old_nor_vacant() -> None:
    before, after = masks("oon oon ...")
    weights = np.ones((3, 3))
    weights[2] = 0
    found = new_patches(before, after, weights)
    assert found["ring_old_km2", "ring_vacant_km2", "lei"].rows() == [(2, 0, 100)]


def test_a_patch_without_a_ring_has_no_index() -> None:
    before = np.zeros((2, 2), bool)
    found = new_patches(before, ~before, np.ones((2, 2)))
    assert found["lei", "expansion_type"].rows() == [(None, None)]
    assert found.select(weighted_expansion_index()).item() is None


def test_no_growth_gives_no_patches() -> None:
    before = np.ones((3, 3), bool)
    assert new_patches(before, before, np.ones((3, 3))).is_empty()


def test_mean_and_weighted_index_by_hand() -> None:
    frame = pl.DataFrame({"lei": [100.0, 0.0], "area_km2": [1.0, 3.0]})
    assert frame.select(mean_expansion_index(), weighted=weighted_expansion_index()).row(0) == (50, 25)


def test_limits_of_the_types_are_a_setting() -> None:
    # The World Bank's rule: leapfrog up to 5, infill from 90.
    picture = "....... .ooooo. .nnnnn. ....... ......."
    assert patches(picture, LeiRule(outlying_up_to=40))["expansion_type"].item() == "outlying"
    assert patches(picture, LeiRule(infilling_above=30))["expansion_type"].item() == "infilling"
