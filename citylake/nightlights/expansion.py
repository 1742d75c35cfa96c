"""Dynamic expansion indices of periods, the rank-size rule, and how built-up area and activity range grow together.

The formulas are standard ones; where the literature has two under one name, both are given and named by their
denominator. Areas are km², times years, rates percent unless they say otherwise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

INTENSITY_CLASSES = {"slow": 0.28, "low": 0.59, "medium": 1.05, "fast": 1.92}
"""Upper limits, percent a year of the land area; above the last it is very_fast."""
SYNCHRONOUS, FRINGE, INFILLING = "synchronous", "fringe", "infilling"
"""同步型, 边缘型 (activity outruns building), 填充型 (building outruns activity)."""
COUPLING_TOLERANCE = 0.1
"""Of the larger of two growth rates. The cut-offs of the study that named the types are not known."""


def period_indices(periods: pl.DataFrame, tolerance: float = COUPLING_TOLERANCE) -> pl.DataFrame:
    """Add the indices of each city and period.

    Args:
        periods: One row a city, period and series: region_code, series, start_year, end_year, built_up_start_km2,
            built_up_end_km2, land_area_km2, lit_start_km2, lit_end_km2. All rows of a period and series together are
            the region that differentiation compares with.
        tolerance: Up to which share of the larger growth rate two are the same.

    Returns:
        These and speed_km2_per_year, dynamic_degree_pct, intensity_by_land_area_pct, intensity_class,
        compound_growth_pct, differentiation, built_up_growth, lit_growth, elasticity, coupling_type. Null where a
        denominator is zero or an area unknown.
    """
    start, end = pl.col("built_up_start_km2"), pl.col("built_up_end_km2")
    years, gain = pl.col("end_year") - pl.col("start_year"), end - start
    # The region's growth is that of the cities whose areas are known at both ends.
    known = gain.is_not_null()
    region = ["series", "start_year", "end_year"]
    whole = gain.sum().over(region) / start.filter(known).sum().over(region)
    with_growth = periods.with_columns(
        speed_km2_per_year=gain / years,
        dynamic_degree_pct=_ratio(gain, start) / years * 100,
        intensity_by_land_area_pct=_ratio(gain, pl.col("land_area_km2")) / years * 100,
        compound_growth_pct=(_ratio(end, start) ** (1 / years) - 1) * 100,
        differentiation=_ratio(_ratio(gain, start), whole),
        built_up_growth=_ratio(gain, start),
        lit_growth=_ratio(pl.col("lit_end_km2") - pl.col("lit_start_km2"), pl.col("lit_start_km2")),
    )
    built, lit = pl.col("built_up_growth"), pl.col("lit_growth")
    return with_growth.with_columns(
        intensity_class=_intensity_class(pl.col("intensity_by_land_area_pct")),
        elasticity=_ratio(built, lit),
        coupling_type=coupling_type(built, lit, tolerance),
    )


def coupling_type(built_up_growth: pl.Expr, lit_growth: pl.Expr, tolerance: float = COUPLING_TOLERANCE) -> pl.Expr:
    """How built-up area and activity range grow together: the one that grows faster by more than the tolerance."""
    slack = tolerance * pl.max_horizontal(built_up_growth.abs(), lit_growth.abs())
    ahead = lit_growth - built_up_growth
    return (
        pl.when(ahead.is_null())
        .then(None)
        .when(ahead > slack)
        .then(pl.lit(FRINGE))
        .when(-ahead > slack)
        .then(pl.lit(INFILLING))
        .otherwise(pl.lit(SYNCHRONOUS))
    )


@dataclass(frozen=True)
class RankSize:
    """ln P(r) = ln P(1) - q ln r, by least squares over the units whose size is above 0."""

    count: int
    q: float | None
    """Above 1 the largest city dominates; below, the middle ones are developed. Null below three units."""
    standard_error: float | None
    r2: float | None
    primacy_two: float | None
    """P(1) / P(2)."""
    primacy_four: float | None
    """P(1) / (P(2) + P(3) + P(4))."""


def rank_size(sizes: Sequence[float]) -> RankSize:
    """Fit the rank-size rule. With the handful of cities of one region q is hardly defined: read its error too."""
    ordered = np.sort(np.asarray([size for size in sizes if size > 0], dtype=np.float64))[::-1]
    count = len(ordered)
    primacy_two = float(ordered[0] / ordered[1]) if count > 1 else None
    primacy_four = float(ordered[0] / ordered[1:4].sum()) if count > 3 else None
    if count < 3:
        return RankSize(count, None, None, None, primacy_two, primacy_four)
    rank, size = np.log(np.arange(1, count + 1)), np.log(ordered)
    spread = float(((rank - rank.mean()) ** 2).sum())
    slope = float(((rank - rank.mean()) * (size - size.mean())).sum()) / spread
    unexplained = float(((size - size.mean() - slope * (rank - rank.mean())) ** 2).sum())
    total = float(((size - size.mean()) ** 2).sum())
    return RankSize(
        count=count,
        q=-slope,
        standard_error=math.sqrt(unexplained / (count - 2) / spread),
        r2=1 - unexplained / total if total else None,
        primacy_two=primacy_two,
        primacy_four=primacy_four,
    )


def _ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    return pl.when(denominator != 0).then(numerator / denominator)


def _intensity_class(intensity: pl.Expr) -> pl.Expr:
    found = pl.when(intensity.is_not_null()).then(pl.lit("very_fast"))
    for name, limit in reversed(INTENSITY_CLASSES.items()):
        found = pl.when(intensity <= limit).then(pl.lit(name)).otherwise(found)
    return found
