import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from citylake.lake.errors import UsageError
from citylake.nightlights.calibration import PUBLICATIONS, TABLES, coefficients, compose, correct_series, curve
from citylake.nightlights.composites import FLOWN, RefusedComposite

ELVIDGE = coefficients().filter(table="elvidge_2014").select("satellite", "year").rows()
NUMBERS = np.arange(64, dtype=np.float32)
series = arrays(np.float32, (6, 2, 3), elements=st.sampled_from([0, 0, 1, 3, 7, 30, 63]))


def test_elvidge_2014_has_every_satellite_year_that_flew_and_no_other() -> None:
    # The table that programs copy from each other repeats F16 and F18 under both names.
    assert sorted(ELVIDGE) == sorted((satellite, year) for satellite, years in FLOWN.items() for year in years)


def test_between_1997_and_2013_there_are_28_composites() -> None:
    assert sum(1997 <= year <= 2013 for _, year in ELVIDGE) == 28


@pytest.mark.parametrize(("satellite", "year"), ELVIDGE)
def test_each_curve_can_be_inverted_to_the_same_number(satellite: str, year: int) -> None:
    moved = curve("elvidge_2014", satellite, year).apply(NUMBERS)
    inside = (moved > 0) & (moved < 63)
    assert (np.diff(moved[1:][inside[1:]]) > 0).all()
    found = np.abs(moved[inside][:, None] - moved[None, :]).argmin(axis=1)
    assert np.abs(found - NUMBERS[inside]).max() <= 1


def test_the_reference_is_left_as_it_is() -> None:
    assert (curve("elvidge_2014", "F12", 1999).apply(NUMBERS) == NUMBERS).all()


def test_a_figure_worked_out_by_hand() -> None:
    # F16 2004: 0.2853 + 1.1955 · 20 - 0.0034 · 400 = 22.8353; Wu F14 1999: 1.0347 · 21^1.0904 - 1 = 27.612.
    twenty = np.array([20], np.float32)
    assert curve("elvidge_2014", "F16", 2004).apply(twenty)[0] == pytest.approx(22.8353, abs=1e-4)
    assert curve("wu_2013", "F14", 1999).apply(twenty)[0] == pytest.approx(1.0347 * 21**1.0904 - 1, abs=1e-4)


def test_dark_stays_dark_and_no_data_stays_no_data() -> None:
    # F18 2010 adds 2.3 to everything: all of the countryside would be lit.
    moved = curve("elvidge_2014", "F18", 2010).apply(np.array([0, np.nan, 1, 63], np.float32))
    assert moved[0] == 0
    assert np.isnan(moved[1])
    assert moved[2] > 2
    assert moved[3] <= 63


def test_a_curve_that_falls_below_zero_is_clipped() -> None:
    assert curve("elvidge_2014", "F10", 1992).apply(np.array([1], np.float32))[0] == 0


@pytest.mark.parametrize(("satellite", "year"), [("F16", 2012), ("F18", 2005), ("F10", 1997), ("F13", 1997)])
def test_a_pair_that_never_flew_has_no_curve(satellite: str, year: int) -> None:
    with pytest.raises(RefusedComposite, match="There is no composite"):
        curve("elvidge_2014", satellite, year)


def test_a_table_that_does_not_reach_a_year_says_how_far_it_reaches() -> None:
    with pytest.raises(UsageError, match="from 1992 to 2010"):
        curve("wu_2013", "F18", 2012)


def test_coefficients_that_are_not_the_publications_say_so() -> None:
    assert curve("elvidge_2014", "F18", 2013).note
    assert curve("elvidge_2014", "F18", 2012).note is None


def test_every_table_names_its_publication() -> None:
    named = pl.read_csv(PUBLICATIONS)
    assert set(named["table"]) == set(TABLES) == set(coefficients()["table"])
    assert named["citation"].null_count() == 0


def test_two_satellites_are_averaged_where_both_see_light() -> None:
    one = np.array([10, 0, 20, np.nan, np.nan], np.float32)
    other = np.array([20, 30, 0, 40, np.nan], np.float32)
    both = compose([one, other])
    assert both[:4].tolist() == [15, 0, 0, 40]
    assert np.isnan(both[4])


@pytest.mark.parametrize(("one", "other", "year"), [("F12", "F14", 1997), ("F14", "F15", 2001), ("F15", "F16", 2005)])
def test_two_satellites_of_one_truth_compose_back_to_it(one: str, other: str, year: int) -> None:
    # What each would have recorded: the number whose calibrated value is nearest to the truth.
    truth = np.random.default_rng(2).uniform(4, 58, 500).astype(np.float32)
    calibrated = []
    for satellite in (one, other):
        own = curve("elvidge_2014", satellite, year)
        recorded = np.abs(own.apply(NUMBERS)[None, :] - truth[:, None]).argmin(axis=1).astype(np.float32)
        calibrated.append(own.apply(recorded))
    assert np.abs(compose(calibrated) - truth).max() <= 1


def test_one_satellite_composes_to_itself() -> None:
    assert (compose([NUMBERS]) == NUMBERS).all()


@given(series)
def test_a_corrected_series_never_decreases_and_is_corrected_once_and_for_all(lights: np.ndarray) -> None:
    once = correct_series(lights)
    assert (np.diff(once.lights, axis=0) >= 0).all()
    again = correct_series(once.lights)
    assert (again.lights == once.lights).all()
    assert not (again.zeroed | again.raised).any()


@given(series)
def test_cells_that_are_not_reported_as_changed_are_unchanged(lights: np.ndarray) -> None:
    once = correct_series(lights)
    assert ((once.lights != lights) <= (once.zeroed | once.raised)).all()


def test_the_correction_by_hand() -> None:
    # One forward pass of both rules, as the literature writes them, gives 0, 0, 3, 0, 0 for the first.
    columns = np.array([[0, 0, 3, 3, 0], [5, 2, 4, 9, 8], [7, 0, 3, 3, 4]], np.float32).T[:, None, :]
    found = correct_series(columns)
    assert found.lights[:, 0, :].T.tolist() == [[0, 0, 0, 0, 0], [5, 5, 5, 9, 9], [0, 0, 3, 3, 4]]
    assert found.zeroed[:, 0, :].sum(axis=0).tolist() == [2, 0, 1]
    assert found.raised[:, 0, :].sum(axis=0).tolist() == [0, 3, 0]


def test_a_year_without_data_neither_darkens_nor_brightens_others() -> None:
    found = correct_series(np.array([5, np.nan, 7], np.float32)[:, None, None]).lights.ravel()
    assert found[[0, 2]].tolist() == [5, 7]
    assert np.isnan(found[1])
