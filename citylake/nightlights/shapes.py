"""Where lights lie and what form built-up area has: weighted centre, standard deviational ellipse, compactness.

Positions are metres in the Albers projection. A perimeter along cell edges is up to 4/π too long: compactness and
fractal dimension compare places and years on one grid, and say nothing beside figures from another.
"""

import math
from dataclasses import dataclass

import numpy as np
import shapely

from citylake.nightlights.composites import HIGHEST, Lights
from citylake.nightlights.grid import Floats, Grid
from citylake.nightlights.thresholds import Mask


@dataclass(frozen=True)
class Ellipse:
    """The standard deviational ellipse of weighted places."""

    x: float
    y: float
    """Its centre, metres east and north in the Albers projection."""
    major_km: float
    minor_km: float
    """Semi-axes: √2 times the weighted standard deviation along each."""
    azimuth: float
    """Of the major axis, degrees clockwise from north, 0 up to 180."""

    @property
    def outline(self) -> shapely.Geometry:
        """The ellipse as a polygon in the Albers projection, metres."""
        turn = math.radians(self.azimuth)
        along = np.linspace(0, 2 * math.pi, 181)
        major, minor = self.major_km * 1000 * np.cos(along), self.minor_km * 1000 * np.sin(along)
        x = self.x + major * math.sin(turn) + minor * math.cos(turn)
        y = self.y + major * math.cos(turn) - minor * math.sin(turn)
        return shapely.make_valid(shapely.Polygon(np.column_stack([x, y])))

    def overlap(self, other: "Ellipse") -> float | None:
        """The intersection of two ellipses over their union; null where neither has an area."""
        union = shapely.area(shapely.union(self.outline, other.outline))
        return float(shapely.area(shapely.intersection(self.outline, other.outline)) / union) if union else None


def ellipse(x: Floats, y: Floats, weights: Floats) -> Ellipse | None:
    """The ellipse of weighted places by the principal axes of their covariance; null where nothing has weight.

    The axes are those of CrimeStat (√2 of the weighted mean square along each axis); old ArcGIS left out the √2.
    """
    counted = weights > 0
    if not counted.any():
        return None
    places, weight = np.stack([x[counted], y[counted]]), weights[counted]
    centre = np.average(places, axis=1, weights=weight)
    spread, axes = np.linalg.eigh(np.cov(places, aweights=weight, bias=True))
    minor, major = np.sqrt(2 * np.clip(spread, 0, None)) / 1000
    azimuth = math.degrees(math.atan2(axes[0, 1], axes[1, 1])) % 180
    return Ellipse(float(centre[0]), float(centre[1]), float(major), float(minor), azimuth)


@dataclass(frozen=True)
class Form:
    """The form of a mask: one figure for all its patches together."""

    perimeter_km: float
    compactness: float | None
    """2 √(πA) / P: 1 for a disc, 0.785 for one made of cells."""
    fractal_dimension: float | None
    """2 ln(P/4) / ln A with metres and m² (FRAGSTATS FRAC): 1 for a square, towards 2 for a ragged outline."""


def form(mask: Mask, area_km2: float, grid: Grid) -> Form:
    """The form of a mask on a grid; its perimeter runs along cell edges, holes included, and at the grid's border."""
    across, along = grid.edge_lengths_km
    padded = np.pad(mask, 1)
    between_rows = (padded[1:, 1:-1] != padded[:-1, 1:-1]).sum(axis=1)
    between_columns = (padded[1:-1, 1:] != padded[1:-1, :-1]).sum(axis=1)
    perimeter = float((between_rows * across).sum() + (between_columns * along).sum())
    if not perimeter or area_km2 <= 0:
        return Form(perimeter, None, None)
    return Form(
        perimeter_km=perimeter,
        compactness=2 * math.sqrt(math.pi * area_km2) / perimeter,
        fractal_dimension=2 * math.log(perimeter * 1000 / 4) / math.log(area_km2 * 1e6),
    )


@dataclass(frozen=True)
class Activity:
    """The range and intensity of human activity that lights show."""

    lit_km2: float
    total_light: float
    """Sum of digital number times km²."""
    mean_light: float | None
    """Total over lit area: the mean digital number where there is light."""
    compound_index: float | None
    """CNLI: the mean number where lit over 63, times the lit share of the land area."""


def activity(lights: Lights, weights: Floats, land_area_km2: float, lowest: float) -> Activity:
    """Measure the cells of a city whose number is at least ``lowest``."""
    lit = (lights >= lowest) & (weights > 0)
    area = float(weights[lit].sum())
    total = float((lights[lit] * weights[lit]).sum())
    if not area:
        return Activity(0.0, 0.0, None, 0.0)
    return Activity(area, total, total / area, total / area / HIGHEST * area / land_area_km2)


def shift(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Distance, km, and azimuth, degrees clockwise from north, between two places in metres."""
    east, north = end[0] - start[0], end[1] - start[1]
    return math.hypot(east, north) / 1000, math.degrees(math.atan2(east, north)) % 360
