"""Growth rings: which cells were built up from when until when, as outlines that a map can show.

A ring is the cells that were built up in every measured year from its first to its last, and in neither the measured
year before nor the one after. So the built-up area of any measured year is its rings that have begun and not ended,
and nothing is drawn that was not found.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import polars as pl
import shapely
from rasterio.features import shapes
from shapely import MultiPolygon, Polygon
from shapely.geometry import shape as shape_of

from citylake.nightlights import tables
from citylake.nightlights.boundaries import latin_name
from citylake.nightlights.grid import Grid
from citylake.nightlights.measures import CityYear, Place
from citylake.nightlights.thresholds import Mask

_SIMPLIFIED = 1e-3
_PRECISION = 1e-4
"""In degrees: some hundred metres, and ten. A cell is 30 arc seconds."""


def cities(places: Sequence[Place]) -> pl.DataFrame:
    """The table of cities: names, area, and an outline to draw, which is coarser than the one that is measured."""
    return tables.frame(
        [
            {
                "region_code": place.unit.region_code,
                "region_name_zh": place.unit.name_zh,
                "region_name_en": latin_name(place.unit.name_zh),
                "scope": place.scope,
                "land_area_km2": place.land_area_km2,
                "outline_geojson": _geojson(shapely.simplify(place.unit.outline, _SIMPLIFIED)),
            }
            for place in places
        ],
        tables.CITY,
    )


def growth_rings(found: Sequence[CityYear]) -> pl.DataFrame:
    """The table of growth rings: of every city and series, from its measured years in order."""

    def key(one: CityYear) -> tuple[str, str]:
        return one.row["region_code"], one.row["series"]

    measured = sorted((one for one in found if one.mask is not None), key=lambda one: (*key(one), one.row["year"]))
    rows = [row for _, group in groupby(measured, key) for row in _rings(list(group))]
    return tables.frame(rows, tables.GROWTH_RING).sort("region_code", "series", "first_year", "last_year")


def _rings(years: Sequence[CityYear]) -> Iterator[dict[str, Any]]:
    """The rings of one city and series."""
    place = years[0].place
    outline = place.grid.project(place.unit.outline)
    built = np.stack([one.mask for one in years if one.mask is not None])
    began = built & ~np.concatenate([np.zeros_like(built[:1]), built[:-1]])
    lasts = _last_of_run(built)
    for first, started in enumerate(began):
        for last in np.unique(lasts[first][started]):
            ring = started & (lasts[first] == last)
            yield {
                "region_code": place.unit.region_code,
                "region_name_zh": place.unit.name_zh,
                "series": years[0].row["series"],
                "first_year": years[first].row["year"],
                "last_year": years[last].row["year"],
                "area_km2": float(place.weights[ring].sum()),
                "ring_geojson": _geojson(
                    place.grid.unproject(shapely.intersection(_outline(ring, place.grid), outline))
                ),
            }


def _last_of_run(built: Mask) -> np.ndarray[Any, np.dtype[np.int64]]:
    """For each measured year and cell the number of the year that ends the run it is in, (years, height, width)."""
    last = np.empty(built.shape, dtype=np.int64)
    last[-1] = len(built) - 1
    for number in range(len(built) - 2, -1, -1):
        last[number] = np.where(built[number + 1], last[number + 1], number)
    return last


def _outline(ring: Mask, grid: Grid) -> shapely.Geometry:
    """The outline of cells, in the grid's CRS; cells that touch at a corner alone are two parts."""
    found = shapes(ring.astype(np.uint8), mask=ring, connectivity=4, transform=grid.transform)
    return shapely.union_all([shape_of(shape) for shape, _ in found])


def _geojson(outline: shapely.Geometry) -> str:
    """An outline in WGS 84 as GeoJSON; exteriors clockwise, as who draws on a sphere wants them."""
    rounded = shapely.set_precision(outline, _PRECISION)
    parts = shapely.get_parts(rounded)
    areas = MultiPolygon([part for part in parts if isinstance(part, Polygon)])
    return str(shapely.to_geojson(shapely.orient_polygons(areas, exterior_cw=True)))
