"""A study of urban expansion: from composites and published areas to the tables of cities, periods and patches.

This is the recipe; it reads nothing but the composites it is given and writes nothing. Every choice that the literature
leaves open is in :class:`StudySettings`, and named in what comes of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import polars as pl

from citylake.lake.errors import UsageError
from citylake.nightlights import measures, tables
from citylake.nightlights.boundaries import Scope, city_unit, county_units
from citylake.nightlights.calibration import Table, compose, correct_series, curve
from citylake.nightlights.composites import HIGHEST, Composite, Lights, grid_of, read, read_cloud_free
from citylake.nightlights.expansion import COUPLING_TOLERANCE
from citylake.nightlights.grid import Floats
from citylake.nightlights.measures import Levels, Place
from citylake.nightlights.patches import LeiRule
from citylake.nightlights.published import Preference, choose
from citylake.nightlights.rings import cities, growth_rings

EPOCHS = (1997, 2002, 2007, 2012)
"""Between which the study of the Zhengzhou metropolitan area compares."""
MARGIN = 2
"""Cells around a city that are read with it."""


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """What is studied and how."""

    cities: tuple[str, ...]
    """Six-digit codes of cities at prefecture level."""
    first_year: int = 1997
    last_year: int = 2013
    scope: Scope = "municipal_districts"
    table: Table = "elvidge_2014"
    preference: Preference = field(default_factory=Preference)
    levels: Levels = field(default_factory=Levels)
    coupling_tolerance: float = COUPLING_TOLERANCE
    lei: LeiRule = field(default_factory=LeiRule)
    epochs: tuple[int, ...] = EPOCHS
    """Years between which periods are; the first and the last year studied are always among them."""
    with_counties: bool = False
    """Also fit the rank-size rule over districts and counties, each with the threshold of its city."""

    def periods(self, years: Sequence[int]) -> list[tuple[int, int]]:
        """From each epoch that has lights to the next, then from the first to the last."""
        ends = sorted({years[0], years[-1], *(year for year in self.epochs if year in years)})
        steps = list(pairwise(ends))
        return steps if len(steps) < 2 else [*steps, (ends[0], ends[-1])]


@dataclass(frozen=True)
class Study:
    """What comes of it; the columns of each frame are in :mod:`citylake.nightlights.tables`."""

    city: pl.DataFrame
    city_year: pl.DataFrame
    city_period: pl.DataFrame
    patch_period: pl.DataFrame
    expansion_type: pl.DataFrame
    """Patches summed up by city and period."""
    satellite_quality: pl.DataFrame
    rank_size: pl.DataFrame
    sensitivity: pl.DataFrame
    growth_ring: pl.DataFrame


@dataclass(frozen=True)
class Year:
    """One year of one city, composed."""

    year: int
    satellites: str
    lights: Lights
    difference: float | None
    """Mean absolute difference of the satellites where they see light, digital numbers."""
    origin: str
    is_calibrated: bool


def run_study(
    composites: Sequence[Composite],
    published: pl.DataFrame,
    settings: StudySettings,
    *,
    on_mask: Callable[[measures.CityYear], None] | None = None,
) -> Study:
    """Measure the expansion of cities.

    Args:
        composites: Of any years; those of the years studied are read, each once.
        published: Published areas, as :func:`citylake.nightlights.published.read_published` gives them.
        settings: What is studied and how.
        on_mask: Is given each city-year as it is measured, with its mask: for tests and maps.

    Raises:
        RefusedComposite: A composite cannot be used.
        UsageError: There are no composites of these years, they are real and synthetic ones, or of several series in
            one year, or do not reach all of a city; published figures conflict; a table has no coefficients.
    """
    used = _used(composites, settings)
    chosen = choose(published, settings.preference)
    places = _places(used, settings)
    series, quality = _read(used, places, settings)
    found: list[measures.CityYear] = []
    for place, years in zip(places, series, strict=True):
        for city_year in _city_years(place, years, chosen, settings):
            found.append(city_year)
            if on_mask:
                on_mask(city_year)
    periods = settings.periods(sorted({one.year for one in used}))
    city_year = tables.frame([one.row for one in found], tables.CITY_YEAR)
    patches = measures.patches(found, periods, settings.lei)
    return Study(
        city=cities(places),
        city_year=city_year,
        city_period=measures.periods(city_year, periods, settings.coupling_tolerance),
        patch_period=patches,
        expansion_type=measures.expansion_types(patches),
        satellite_quality=tables.frame(quality, tables.SATELLITE_QUALITY),
        rank_size=measures.rank_sizes(found),
        sensitivity=measures.sensitivity(found, published, settings.levels.step),
        growth_ring=growth_rings(found),
    )


def _used(composites: Sequence[Composite], settings: StudySettings) -> list[Composite]:
    """The composites of the years studied, by year; see :func:`run_study` for what is refused."""
    if not settings.cities:
        raise UsageError("未指定城市。 No city is named: what is to be studied?")
    used = [one for one in composites if settings.first_year <= one.year <= settings.last_year]
    if not used:
        raise UsageError(
            f"没有 {settings.first_year} 至 {settings.last_year} 年的合成影像。 There are no composites of "
            f"{settings.first_year} to {settings.last_year}."
        )
    if len({one.origin for one in used}) > 1:
        raise UsageError(
            "真实影像与合成影像不能混用。 There are real and synthetic composites among them: a series that mixes both "
            "says nothing of any city. Take one of them away."
        )
    ordered = sorted(used, key=lambda one: (one.year, one.series))
    for year, group in groupby(ordered, key=lambda one: one.year):
        of_year = list(group)
        if len(of_year) > 1 and any(one.satellite is None for one in of_year):
            names = ", ".join(one.path.name for one in of_year)
            raise UsageError(
                f"{year} 年有多个系列。 Of {year} there are {names}: only satellites of NOAA's series are "
                "composed. Leave one series in the folder."
            )
    return ordered


def _places(composites: Sequence[Composite], settings: StudySettings) -> list[Place]:
    native = grid_of(composites[0])
    places: list[Place] = []
    for code in settings.cities:
        unit = city_unit(code, settings.scope)
        counties = county_units(code) if settings.with_counties else ()
        widest = city_unit(code, "prefecture").outline if counties else unit.outline
        places.append(Place(unit, settings.scope, native.around(widest, MARGIN), counties))
    return places


def _read(
    composites: Sequence[Composite], places: Sequence[Place], settings: StudySettings
) -> tuple[list[list[Year]], list[dict[str, Any]]]:
    """The composed years of each place, and the quality of each satellite there. A composite is opened once."""
    series: list[list[Year]] = [[] for _ in places]
    quality: list[dict[str, Any]] = []
    for year, group in groupby(composites, key=lambda one: one.year):
        of_year = list(group)
        calibrated: list[list[Lights]] = []
        for composite in of_year:
            recorded, resampled = read(composite, [place.grid for place in places])
            own = curve(settings.table, composite.satellite, year) if composite.satellite else None
            calibrated.append([own.apply(lights) if own else lights for lights in recorded])
            facts = {"is_resampled": resampled, "coefficients_note": own.note if own else None}
            clear = read_cloud_free(composite, [place.grid for place in places])
            for number, place in enumerate(places):
                found = _quality(place, recorded[number], calibrated[-1][number])
                count = _mean(clear[number], place.weights) if clear else None
                quality.append(_named(composite, place) | facts | found | {"cloud_free_mean_count": count})
        for number, years in enumerate(series):
            years.append(_composed(year, of_year, [lights[number] for lights in calibrated], places[number].weights))
    return series, quality


def _composed(year: int, composites: Sequence[Composite], lights: Sequence[Lights], weights: Floats) -> Year:
    lit = (np.stack(lights) > 0).all(axis=0) & (weights > 0)
    difference = float(np.abs(lights[0][lit] - lights[1][lit]).mean()) if len(lights) == 2 and lit.any() else None
    return Year(
        year=year,
        satellites="+".join(one.series for one in composites),
        lights=compose(lights),
        difference=difference,
        origin="synthetic" if any(one.origin == "synthetic" for one in composites) else "real",
        is_calibrated=any(one.satellite is not None for one in composites),
    )


def _named(composite: Composite, place: Place) -> dict[str, Any]:
    return {
        "region_code": place.unit.region_code,
        "region_name_zh": place.unit.name_zh,
        "year": composite.year,
        "satellite": composite.series,
        "file_name": composite.path.name,
        "data_origin": composite.origin,
    }


def _quality(place: Place, recorded: Lights, calibrated: Lights) -> dict[str, Any]:
    weights, inside = place.weights, place.weights > 0
    whole = float(weights.sum())
    return {
        "cell_count": int(inside.sum()),
        "missing_cell_count": int((np.isnan(recorded) & inside).sum()),
        "lit_share": float(weights[recorded > 0].sum()) / whole,
        "saturated_share": float(weights[recorded >= HIGHEST].sum()) / whole,
        "total_light_recorded": float(np.nansum(recorded * weights)),
        "total_light_calibrated": float(np.nansum(calibrated * weights)),
    }


def _mean(values: Lights, weights: Floats) -> float:
    seen = ~np.isnan(values) & (weights > 0)
    return float(np.average(values[seen], weights=weights[seen])) if seen.any() else 0.0


def _city_years(
    place: Place, years: Sequence[Year], chosen: pl.DataFrame, settings: StudySettings
) -> list[measures.CityYear]:
    """Every year of a city in both series, the raw one first."""
    raw = np.stack([one.lights for one in years])
    corrected = correct_series(raw)
    none = np.zeros(raw.shape, dtype=bool)
    inside = place.weights > 0
    figures = {row["year"]: row for row in chosen.filter(region_code=place.unit.region_code).to_dicts()}
    found: list[measures.CityYear] = []
    for name, lights, zeroed, raised in (
        ("raw", raw, none, none),
        ("corrected", corrected.lights, corrected.zeroed, corrected.raised),
    ):
        for number, one in enumerate(years):
            facts: dict[str, Any] = {
                "year": one.year,
                "series": name,
                "data_origin": one.origin,
                "satellites": one.satellites,
                "calibration_table": settings.table if one.is_calibrated else None,
                "satellite_difference": one.difference,
                "zeroed_cell_count": int((zeroed[number] & inside).sum()),
                "raised_cell_count": int((raised[number] & inside).sum()),
            }
            found.append(measures.city_year(place, lights[number], facts, figures.get(one.year), settings.levels))
    return found
