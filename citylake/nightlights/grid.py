"""Where cells lie and how large they truly are: grids in any north-up CRS, and what share of a cell a polygon covers.

Areas are true areas on the ellipsoid: a cell of 30 arc seconds is 0.7 km² in Henan, not one. Positions are metres in
the Albers projection that Chinese atlases use. What the cells hold is read by ``composites``.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
import shapely.geometry
from exactextract import exact_extract
from exactextract.feature import JSONFeatureSource
from exactextract.raster import NumPyRasterSource
from rasterio import Affine

from citylake.lake.errors import UsageError

Floats = npt.NDArray[np.float64]

WGS84 = pyproj.CRS.from_epsg(4326)
ALBERS = pyproj.CRS.from_proj4("+proj=aea +lat_0=0 +lon_0=105 +lat_1=25 +lat_2=47 +datum=WGS84 +units=m")
"""Equal-area projection of China: standard parallels 25 and 47 degrees, central meridian 105 degrees."""

# Meridians and parallels are straight in it, so that cells in degrees stay rectangles.
_EQUAL_AREA = pyproj.CRS.from_proj4("+proj=cea +lat_ts=30 +datum=WGS84 +units=m")
_TOLERANCE = 1e-3
"""In cells: by how much two grids may be apart and still be one."""
# Straight in degrees is not straight in another projection: outlines get a vertex at least so often, in degrees.
_VERTEX_EVERY = 0.02


@dataclass(frozen=True)
class Grid:
    """A rectangle of cells in a CRS, north up; row 0 is the northernmost."""

    crs: pyproj.CRS
    transform: Affine
    height: int
    width: int

    def __post_init__(self) -> None:
        if self.transform.b or self.transform.d or self.transform.a <= 0 or self.transform.e >= 0:
            raise UsageError(
                "The raster is rotated or not north up; warp it to a north-up grid first. 栅格须正北朝上。"
            )

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge, in units of the CRS."""
        west, north = self.transform.c, self.transform.f
        return west, north + self.height * self.transform.e, west + self.width * self.transform.a, north

    def offset_of(self, other: "Grid") -> tuple[int, int] | None:
        """Row and column at which ``other`` begins in this grid; None where the two have no cells in common."""
        if self.crs != other.crs:
            return None
        mine, its = self.transform, other.transform
        column, row = (its.c - mine.c) / mine.a, (its.f - mine.f) / mine.e
        drift = max(abs(its.a / mine.a - 1) * other.width, abs(its.e / mine.e - 1) * other.height)
        off = max(abs(column - round(column)), abs(row - round(row)), drift)
        return (round(row), round(column)) if off < _TOLERANCE else None

    def around(self, outline: shapely.Geometry, margin: int) -> "Grid":
        """The part of this grid that holds an outline (WGS 84) and so many cells on each side of it.

        Raises UsageError where the grid does not reach so far.
        """
        west, south, east, north = shapely.bounds(self.project(outline))
        left = math.floor((west - self.transform.c) / self.transform.a) - margin
        right = math.ceil((east - self.transform.c) / self.transform.a) + margin
        top = math.floor((north - self.transform.f) / self.transform.e) - margin
        bottom = math.ceil((south - self.transform.f) / self.transform.e) + margin
        if left < 0 or top < 0 or right > self.width or bottom > self.height:
            raise UsageError("The raster does not reach all of the city and its surroundings. 栅格未覆盖整个城市。")
        return Grid(self.crs, self.transform @ Affine.translation(left, top), bottom - top, right - left)

    def project(self, outline: shapely.Geometry) -> shapely.Geometry:
        """An outline in WGS 84 as it is in this grid's CRS."""
        return _projected(outline, WGS84, self.crs)

    def unproject(self, outline: shapely.Geometry) -> shapely.Geometry:
        """An outline in this grid's CRS in WGS 84; its vertices alone are moved, so that it needs one a cell or so."""
        if self.crs == WGS84:
            return outline
        mover = _mover(self.crs, WGS84)
        return shapely.transform(outline, lambda places: np.column_stack(mover.transform(places[:, 0], places[:, 1])))

    @cached_property
    def cell_areas_km2(self) -> Floats:
        """The true area of each cell, km², (height, width): its corners in an equal-area projection, by Gauss."""
        x, y = self._places(0, _EQUAL_AREA)
        falling = (x[1:, 1:] - x[:-1, :-1]) * (y[:-1, 1:] - y[1:, :-1])
        rising = (x[:-1, 1:] - x[1:, :-1]) * (y[1:, 1:] - y[:-1, :-1])
        return np.abs(falling - rising) / 2e6

    @cached_property
    def centres(self) -> tuple[Floats, Floats]:
        """Easting and northing of cell centres in the Albers projection, metres, each (height, width)."""
        return self._places(0.5, ALBERS)

    @cached_property
    def row_edges(self) -> Floats:
        """The y of the edges of rows from north to south, (height + 1), in units of the CRS."""
        return self.transform.f + self.transform.e * np.arange(self.height + 1, dtype=np.float64)

    @cached_property
    def edge_lengths_km(self) -> tuple[Floats, Floats]:
        """Lengths of cell edges, km: those between rows, (height + 1), and those between columns, (height)."""
        if not self.crs.is_geographic:
            unit = self.crs.axis_info[0].unit_conversion_factor / 1000
            return (
                np.full(self.height + 1, self.transform.a * unit),
                np.full(self.height, -self.transform.e * unit),
            )
        geod = self.crs.get_geod() or WGS84.get_geod()
        if geod is None:
            raise UsageError("The raster's CRS has no ellipsoid. 坐标系缺少椭球体。")
        zero, step = np.zeros(self.height + 1), np.full(self.height + 1, self.transform.a)
        across = geod.inv(zero, self.row_edges, step, self.row_edges)[2]
        along = geod.inv(zero[1:], self.row_edges[:-1], zero[1:], self.row_edges[1:])[2]
        return np.asarray(across) / 1000, np.asarray(along) / 1000

    def coverage(self, outline: shapely.Geometry) -> Floats:
        """What share of each cell an outline (WGS 84) covers, 0 to 1, (height, width), by exactextract."""
        west, south, east, north = self.bounds
        source = NumPyRasterSource(np.zeros((self.height, self.width)), west, south, east, north)
        feature = {
            "type": "Feature",
            "geometry": json.loads(shapely.to_geojson(self.project(outline))),
            "properties": {},
        }
        found: Any = exact_extract(source, JSONFeatureSource(feature), ["cell_id", "coverage"])
        share = np.zeros(self.height * self.width)
        cells = found[0]["properties"]
        share[cells["cell_id"]] = cells["coverage"]
        return share.reshape(self.height, self.width)

    def _places(self, within: float, crs: pyproj.CRS) -> tuple[Floats, Floats]:
        """Centres (within = 0.5) or corners (within = 0: one more row and column) of cells in a CRS."""
        more = int(within == 0)
        x = self.transform.c + self.transform.a * (np.arange(self.width + more) + within)
        y = self.transform.f + self.transform.e * (np.arange(self.height + more) + within)
        across, along = np.meshgrid(x, y)
        moved = _mover(self.crs, crs).transform(across, along)
        return np.asarray(moved[0]), np.asarray(moved[1])


def to_degrees(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Longitudes and latitudes (WGS 84) of places in the Albers projection, metres."""
    longitude, latitude = _mover(ALBERS, WGS84).transform(x, y)
    return np.asarray(longitude), np.asarray(latitude)


def area_km2(outline: shapely.Geometry) -> float:
    """The true area of an outline in WGS 84, km²: the sum of its parts on the ellipsoid."""
    geod = WGS84.get_geod()
    if geod is None:
        raise UsageError("WGS 84 has no ellipsoid here: pyproj's data are damaged. pyproj 数据损坏。")
    return sum(abs(geod.geometry_area_perimeter(part)[0]) for part in _polygons(outline)) / 1e6


def _polygons(outline: shapely.Geometry) -> Iterator[shapely.Geometry]:
    yield from (shapely.geometry.polygon.orient(part) for part in shapely.get_parts(outline))


def _projected(outline: shapely.Geometry, source: pyproj.CRS, target: pyproj.CRS) -> shapely.Geometry:
    if source == target:
        return outline
    mover = _mover(source, target)

    def moved(places: Floats) -> Floats:
        return np.column_stack(mover.transform(places[:, 0], places[:, 1]))

    return shapely.transform(shapely.segmentize(outline, _VERTEX_EVERY), moved)


@cache
def _mover(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    """To find the way between two projections takes 30 ms, to go it none."""
    return pyproj.Transformer.from_crs(source, target, always_xy=True)
