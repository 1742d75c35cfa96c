import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from citylake.nightlights.expansion import coupling_type, period_indices, rank_size

areas = st.floats(1, 1000)


def periods(
    *rows: tuple[str, float | None, float | None, float], years: tuple[int, int] = (1997, 2002)
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "region_code": [row[0] for row in rows],
            "series": "corrected",
            "start_year": years[0],
            "end_year": years[1],
            "built_up_start_km2": [row[1] for row in rows],
            "built_up_end_km2": [row[2] for row in rows],
            "land_area_km2": [row[3] for row in rows],
            "lit_start_km2": 100.0,
            "lit_end_km2": 150.0,
        }
    )


def test_indices_by_hand() -> None:
    # From 100 to 150 km² in five years, of 1 000 km²; the region grows from 200 to 260 by 30 %.
    row = period_indices(periods(("a", 100.0, 150.0, 1000.0), ("b", 100.0, 110.0, 500.0))).row(0, named=True)
    assert row["speed_km2_per_year"] == 10
    assert row["dynamic_degree_pct"] == 10
    assert row["intensity_by_land_area_pct"] == 1
    assert row["intensity_class"] == "medium"
    assert row["compound_growth_pct"] == pytest.approx((1.5**0.2 - 1) * 100)
    assert row["differentiation"] == pytest.approx(0.5 / 0.3)
    assert (row["built_up_growth"], row["lit_growth"], row["elasticity"]) == (0.5, 0.5, 1)
    assert row["coupling_type"] == "synchronous"


@given(areas, areas, st.integers(1, 20))
def test_speed_times_years_is_the_change(start: float, end: float, years: int) -> None:
    row = period_indices(periods(("a", start, end, 2000.0), years=(1997, 1997 + years))).row(0, named=True)
    assert row["speed_km2_per_year"] * years == pytest.approx(end - start, abs=1e-9)
    assert start * (1 + row["compound_growth_pct"] / 100) ** years == pytest.approx(end)
    assert row["differentiation"] == pytest.approx(1) or end == start


@given(st.lists(st.tuples(areas, areas, st.floats(1000, 5000)), min_size=2, max_size=6))
def test_intensities_add_up_by_land_area(cities: list[tuple[float, float, float]]) -> None:
    frame = period_indices(periods(*((str(n), *city) for n, city in enumerate(cities))))
    land = frame["land_area_km2"]
    whole = (frame["built_up_end_km2"] - frame["built_up_start_km2"]).sum() / land.sum() / 5 * 100
    assert (frame["intensity_by_land_area_pct"] * land).sum() / land.sum() == pytest.approx(whole, abs=1e-9)


def test_a_city_without_an_area_has_no_indices_and_is_no_part_of_the_region() -> None:
    frame = period_indices(periods(("a", 100.0, 150.0, 1000.0), ("b", None, 110.0, 500.0), ("c", 0.0, 5.0, 500.0)))
    unknown, empty = frame.row(1, named=True), frame.row(2, named=True)
    assert unknown["speed_km2_per_year"] is unknown["differentiation"] is unknown["coupling_type"] is None
    assert empty["speed_km2_per_year"] == 1
    assert empty["dynamic_degree_pct"] is empty["compound_growth_pct"] is None
    assert frame["differentiation"][0] == pytest.approx(0.5 / 0.55)


@pytest.mark.parametrize(
    ("intensity", "name"), [(0.28, "slow"), (0.29, "low"), (0.6, "medium"), (1.91, "fast"), (2.0, "very_fast")]
)
def test_classes_of_intensity(intensity: float, name: str) -> None:
    frame = period_indices(periods(("a", 100.0, 100.0 + intensity * 50, 1000.0)))
    assert frame["intensity_class"].item() == name


@pytest.mark.parametrize(
    ("built", "lit", "kind"),
    [
        (0.5, 0.5, "synchronous"),
        (0.5, 0.55, "synchronous"),
        (0.5, 0.6, "fringe"),
        (0.6, 0.5, "infilling"),
        (0.0, 0.0, "synchronous"),
        (0.2, -0.1, "infilling"),
        (None, 0.1, None),
    ],
)
def test_coupling_compares_growth_with_a_tolerance_of_the_larger(
    built: float | None, lit: float, kind: str | None
) -> None:
    frame = pl.DataFrame({"u": [built], "l": [lit]}, schema={"u": pl.Float64, "l": pl.Float64})
    assert frame.select(coupling_type(pl.col("u"), pl.col("l"), 0.1)).item() == kind
    wide = frame.select(coupling_type(pl.col("u"), pl.col("l"), 2.0)).item()
    assert wide == (None if kind is None else "synchronous")


@given(st.floats(0.3, 2), st.integers(3, 40), st.floats(10, 1e4))
def test_sizes_that_follow_the_rule_give_its_q(q: float, count: int, largest: float) -> None:
    found = rank_size([largest * rank**-q for rank in range(1, count + 1)][::-1])
    assert found.q == pytest.approx(q)
    assert found.r2 == pytest.approx(1)
    assert found.standard_error == pytest.approx(0, abs=1e-6)
    assert found.count == count


def test_primacy_and_error_by_hand() -> None:
    found = rank_size([100, 50, 30, 20])
    assert (found.primacy_two, found.primacy_four) == (2, 1)
    line = stats.linregress(np.log([1, 2, 3, 4]), np.log([100, 50, 30, 20]))
    assert (found.q, found.standard_error, found.r2) == pytest.approx((-line.slope, line.stderr, line.rvalue**2))


@pytest.mark.parametrize("sizes", [[], [5.0], [5.0, 3.0], [5.0, 0.0, 3.0]])
def test_fewer_than_three_units_have_no_q(sizes: list[float]) -> None:
    assert rank_size(sizes).q is None
