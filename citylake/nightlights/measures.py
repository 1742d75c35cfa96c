"""What a study measures of each city and year, and of the periods between years: the rows of its tables.

Each formula is in the module that is named after it; here they are applied, and their results put under the names of
``tables``.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from citylake.nightlights import tables
from citylake.nightlights.boundaries import Scope, Unit
from citylake.nightlights.composites import Lights
from citylake.nightlights.expansion import period_indices, rank_size
from citylake.nightlights.grid import Floats, Grid, to_degrees
from citylake.nightlights.patches import (
    EDGE,
    INFILLING,
    OUTLYING,
    LeiRule,
    mean_expansion_index,
    new_patches,
    weighted_expansion_index,
)
from citylake.nightlights.shapes import activity, ellipse, form, shift
from citylake.nightlights.thresholds import Mask, area_curve, built_up, dynamic_threshold, intersection_over_union

MOST_MISSING = 0.01
"""Of a city's area: where more cells have no data, no built-up area is found."""
_PERIOD_KEY = ("region_code", "region_name_zh", "start_year", "end_year", "series")


@dataclass(frozen=True)
class Place:
    """A city on the grid of the composites."""

    unit: Unit
    scope: Scope
    grid: Grid
    counties: Sequence[Unit]
    """Those that the rank-size rule is fitted over beside the cities; none unless asked for."""

    @cached_property
    def land_area_km2(self) -> float:
        """Of the unit."""
        return self.unit.land_area_km2

    @cached_property
    def weights(self) -> Floats:
        """km² of the city in each cell."""
        return self.grid.coverage(self.unit.outline) * self.grid.cell_areas_km2

    @cached_property
    def county_weights(self) -> list[Floats]:
        """km² of each county in each cell."""
        return [self.grid.coverage(unit.outline) * self.grid.cell_areas_km2 for unit in self.counties]


@dataclass(frozen=True)
class Levels:
    """From which digital number on what counts."""

    step: float = 1.0
    """Distance of the thresholds that are tried."""
    lowest_light: float = 1.0
    """A cell is lit from here on: the range of human activity."""


@dataclass(frozen=True)
class CityYear:
    """One year of one city in one series, measured."""

    row: Mapping[str, Any]
    """Its row of the table of cities and years."""
    place: Place
    lights: Lights
    mask: Mask | None
    """Built-up cells; null where no area was published."""


def city_year(
    place: Place, lights: Lights, facts: Mapping[str, Any], figure: Mapping[str, Any] | None, levels: Levels
) -> CityYear:
    """Measure one city and year: activity and its position always, built-up area where a figure was published."""
    weights, unit = place.weights, place.unit
    seen = activity(lights, weights, place.land_area_km2, levels.lowest_light)
    row: dict[str, Any] = {
        **facts,
        "region_code": unit.region_code,
        "region_name_zh": unit.name_zh,
        "scope": place.scope,
        "land_area_km2": place.land_area_km2,
        "lit_km2": seen.lit_km2,
        "total_light": seen.total_light,
        "mean_light": seen.mean_light,
        "compound_light_index": seen.compound_index,
        "cell_count": int((weights > 0).sum()),
        "missing_cell_count": int((np.isnan(lights) & (weights > 0)).sum()),
    }
    lit = built_up(lights, levels.lowest_light, weights)
    x, y = place.grid.centres
    around = ellipse(x, y, np.where(lit, lights, 0) * weights)
    if around:
        longitude, latitude = to_degrees(np.array([around.x]), np.array([around.y]))
        row |= {
            "light_longitude": longitude.item(),
            "light_latitude": latitude.item(),
            "light_x_m": around.x,
            "light_y_m": around.y,
            "ellipse_major_km": around.major_km,
            "ellipse_minor_km": around.minor_km,
            "ellipse_azimuth_deg": around.azimuth,
        }
    # An area on cells without data would be that of the others.
    if figure is None or weights[np.isnan(lights)].sum() > MOST_MISSING * weights.sum():
        return CityYear(row, place, lights, None)
    mask, found = _built_up(place, lights, figure, levels.step)
    return CityYear(row | found | _position(place, mask, lit, seen.lit_km2), place, lights, mask)


def _built_up(place: Place, lights: Lights, figure: Mapping[str, Any], step: float) -> tuple[Mask, dict[str, Any]]:
    found = dynamic_threshold(area_curve(lights, place.weights, step), figure["built_up_km2"])
    return built_up(lights, found.threshold, place.weights), {
        "published_km2": found.published_km2,
        "published_by": figure["publisher"],
        "published_scope": figure["scope"],
        "threshold": found.threshold,
        "built_up_km2": found.area_km2,
        "residual_pct": found.residual * 100,
        "one_step_lower_km2": found.area_one_step_lower_km2,
        "one_step_higher_km2": found.area_one_step_higher_km2,
        "is_out_of_reach": found.is_out_of_reach,
    }


def _position(place: Place, mask: Mask, lit: Mask, lit_km2: float) -> dict[str, Any]:
    """The form of the built-up area, and how it lies in the range of activity."""
    weights = place.weights
    area = float(weights[mask].sum())
    shape = form(mask, area, place.grid)
    x, y = place.grid.centres
    built, active = ellipse(x, y, mask * weights), ellipse(x, y, lit * weights)
    apart = built and active and (shift((built.x, built.y), (active.x, active.y))[0], built.overlap(active))
    return {
        "built_up_share_of_lit": area / lit_km2 if lit_km2 else None,
        "perimeter_km": shape.perimeter_km,
        "compactness": shape.compactness,
        "fractal_dimension": shape.fractal_dimension,
        "centre_distance_km": apart[0] if apart else None,
        "ellipse_overlap": apart[1] if apart else None,
    }


def periods(city_years: pl.DataFrame, ends: Sequence[tuple[int, int]], tolerance: float) -> pl.DataFrame:
    """The table of cities and periods from that of cities and years."""
    spans = pl.DataFrame(ends, schema={"start_year": pl.Int32, "end_year": pl.Int32}, orient="row")
    key = ["region_code", "region_name_zh", "series"]
    wanted = ("built_up_km2", "lit_km2", "light_x_m", "light_y_m")
    start = city_years.select(*key, "land_area_km2", start_year="year", **{f"start_{name}": name for name in wanted})
    end = city_years.select(*key, end_year="year", **{f"end_{name}": name for name in wanted})
    both = start.join(spans, on="start_year").join(end, on=[*key, "end_year"])
    measured = period_indices(
        both.rename(
            {
                "start_built_up_km2": "built_up_start_km2",
                "end_built_up_km2": "built_up_end_km2",
                "start_lit_km2": "lit_start_km2",
                "end_lit_km2": "lit_end_km2",
            }
        ),
        tolerance,
    )
    east = pl.col("end_light_x_m") - pl.col("start_light_x_m")
    north = pl.col("end_light_y_m") - pl.col("start_light_y_m")
    moved = measured.with_columns(
        coupling_tolerance=pl.lit(tolerance),
        shift_km=(east**2 + north**2).sqrt() / 1000,
        shift_azimuth_deg=(pl.arctan2(east, north).degrees() + 360) % 360,
    )
    return tables.shaped(moved, tables.CITY_PERIOD).sort(_PERIOD_KEY)


def patches(found: Sequence[CityYear], ends: Sequence[tuple[int, int]], rule: LeiRule) -> pl.DataFrame:
    """The new patches of every city, period and series: by each year's own threshold, and by the first year's alone.

    The dynamic threshold moves cells without any growth; the fixed one shows how much of the pattern that is.
    """
    by_key = {(one.row["region_code"], one.row["series"], one.row["year"]): one for one in found}
    frames = [tables.frame([], tables.PATCH_PERIOD)]
    for (code, series, year), one in by_key.items():
        for end in (last for first, last in ends if first == year):
            other = by_key.get((code, series, end))
            if one.mask is None or other is None or other.mask is None:
                continue
            fixed = built_up(other.lights, one.row["threshold"], one.place.weights)
            for name, after in (("dynamic", other.mask), ("fixed", fixed)):
                new = new_patches(one.mask, after, one.place.weights, rule)
                facts = {"start_year": year, "end_year": end, "series": series, "threshold_rule": name}
                frames.append(_patch_rows(new, one, facts))
    return pl.concat(frames).sort(*_PERIOD_KEY, "threshold_rule", "patch")


def _patch_rows(new: pl.DataFrame, one: CityYear, facts: Mapping[str, Any]) -> pl.DataFrame:
    x, y = one.place.grid.centres
    # The centre of a patch is rarely that of a cell: the nearest cell's is near enough to find it on a map.
    row, column = (new[name].round().cast(pl.Int64).to_numpy() for name in ("row", "column"))
    longitude, latitude = to_degrees(x[row, column], y[row, column])
    located = new.with_columns(
        pl.Series("longitude", longitude),
        pl.Series("latitude", latitude),
        region_code=pl.lit(one.row["region_code"]),
        region_name_zh=pl.lit(one.row["region_name_zh"]),
        **{name: pl.lit(value) for name, value in facts.items()},
    )
    return tables.shaped(located, tables.PATCH_PERIOD)


def expansion_types(new: pl.DataFrame) -> pl.DataFrame:
    """Patches summed up by city and period: areas by type, and the mean and the area-weighted LEI."""
    area, kind = pl.col("area_km2"), pl.col("expansion_type")
    summed = new.group_by(*_PERIOD_KEY, "threshold_rule").agg(
        patch_count=pl.len(),
        new_km2=area.sum(),
        infilling_km2=area.filter(kind == INFILLING).sum(),
        edge_expansion_km2=area.filter(kind == EDGE).sum(),
        outlying_km2=area.filter(kind == OUTLYING).sum(),
        mean_lei=mean_expansion_index(),
        area_weighted_mean_lei=weighted_expansion_index(),
    )
    return tables.shaped(summed, tables.EXPANSION_TYPE).sort(*_PERIOD_KEY, "threshold_rule")


def rank_sizes(found: Sequence[CityYear]) -> pl.DataFrame:
    """The rank-size rule of each year and series: over the cities, and over districts and counties where wanted."""
    sizes: dict[tuple[int, str, str, str], list[float]] = defaultdict(list)
    for one in found:
        year, series, threshold = one.row["year"], one.row["series"], one.row.get("threshold")
        if threshold is not None:
            sizes[year, series, "cities", "built_up_area"].append(one.row["built_up_km2"])
        sizes[year, series, "cities", "total_light"].append(one.row["total_light"])
        for weights in one.place.county_weights:
            if threshold is not None:
                area = float(weights[built_up(one.lights, threshold, weights)].sum())
                sizes[year, series, "county_units", "built_up_area"].append(area)
            sizes[year, series, "county_units", "total_light"].append(float(np.nansum(one.lights * weights)))
    rows: list[dict[str, Any]] = []
    for (year, series, units, measure), values in sizes.items():
        fit = rank_size(values)
        rows.append(
            {
                "year": year,
                "series": series,
                "unit_set": units,
                "measure": measure,
                "unit_count": fit.count,
                "q": fit.q,
                "standard_error": fit.standard_error,
                "r2": fit.r2,
                "primacy_two": fit.primacy_two,
                "primacy_four": fit.primacy_four,
            }
        )
    return tables.frame(rows, tables.RANK_SIZE).sort("year", "series", "unit_set", "measure")


def sensitivity(found: Sequence[CityYear], published: pl.DataFrame, step: float) -> pl.DataFrame:
    """What every published figure of a city and year would have given, beside the one that is taken."""
    figures: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for figure in published.to_dicts():
        figures[figure["region_code"], figure["year"]].append(figure)
    rows: list[dict[str, Any]] = []
    for one in found:
        names = {name: one.row[name] for name in ("region_code", "region_name_zh", "year", "series")}
        curve = area_curve(one.lights, one.place.weights, step)
        for figure in figures[one.row["region_code"], one.row["year"]]:
            match = dynamic_threshold(curve, figure["built_up_km2"])
            mask = built_up(one.lights, match.threshold, one.place.weights)
            taken = (one.row.get("published_by"), one.row.get("published_scope"))
            rows.append(
                names
                | {
                    "published_km2": match.published_km2,
                    "published_by": figure["publisher"],
                    "published_scope": figure["scope"],
                    "is_chosen": taken == (figure["publisher"], figure["scope"]),
                    "threshold": match.threshold,
                    "built_up_km2": match.area_km2,
                    "agreement": None
                    if one.mask is None
                    else intersection_over_union(mask, one.mask, one.place.weights),
                }
            )
    return tables.frame(rows, tables.SENSITIVITY).sort("region_code", "year", "series", "published_km2")
