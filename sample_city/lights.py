"""Synthetic annual composites of night lights, 1997-2013, as NOAA would have named them, and the truth behind them.

From the built-up cells of ``growth``: light that saturates and blooms, a halo that is the range of human activity,
then what each satellite would have recorded of it (the published curve, inverted) with noise of its own. The curves
are read from the library's file of coefficients and inverted here; that the library calibrates with the same ones is
what the comparison with the truth then shows. What is not modelled: shifts of the grid, clouds, gas flares.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import rasterio
import shapely
from rasterio import Affine
from scipy import ndimage

from sample_city.growth import YEARS, City, Floats, Frame, Mask, cities, grow

COMPOSITES = "natural_resources/night_light_composite"
AREAS = "housing_construction/built_up_area"
"""The folders in landing."""
PUBLISHER = "合成真值 synthetic truth"
FRAME = Frame(west=112.4, north=36.0, height=601, width=1009)
FLIGHTS = {"F12": range(1997, 2000), "F14": range(1997, 2004), "F15": range(2000, 2008), "F16": range(2004, 2010)} | {
    "F18": range(2010, 2014)
}
_VERSION = {2010: "v4d", 2011: "v4c", 2012: "v4c", 2013: "v4c"}
_COEFFICIENTS = Path(__file__).resolve().parents[1] / "citylake" / "nightlights" / "intercalibration.csv"
_MARK = "合成数据 SYNTHETIC: made by citylake's sample_city; no satellite has seen it"

# What light there is, in digital numbers of the reference before it saturates.
_FRINGE, _CORE, _INWARD = 48.0, 90.0, 10.0
_NEW = 0.85
_HALO, _HALO_CELLS = 16.0, 2.5
_FAINTEST = 3.0
_SHARE_OF_NOISE, _NOISE = 0.03, 1.2
_NEIGHBOURHOOD = 60

Lights = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Scene:
    """One year of all cities."""

    year: int
    built: Mask
    light: Floats
    """Digital numbers of the reference, without noise."""
    areas: list[tuple[City, float, float]]
    """Cities, their built-up and their lit area, km²."""


def make_lights(
    landing: Path,
    *,
    seed: int = 1,
    bloom_cells: float = 0.75,
    years: Sequence[int] = YEARS,
    truth: Path | None = None,
) -> dict[str, int]:
    """Write the composites and the areas that a statistician who knew the truth would publish.

    Args:
        landing: Composites go to ``natural_resources/night_light_composite``, areas to
            ``housing_construction/built_up_area`` under it; files of the same name are replaced.
        seed: The same seed gives the same bytes.
        bloom_cells: How far light blooms: the standard deviation of its spread, in cells of 30 arc seconds. Real
            composites bloom farther the brighter the city; from about one cell on, gaps of three cells close.
        years: Of which composites and areas are written; how cities grow does not depend on it.
        truth: Where to write, for tests and benchmarks only, the true mask of each year (``built_up_<year>.tif``) and
            ``city_year.csv``.

    Returns:
        How many composites and areas were written.
    """
    folders = [landing / COMPOSITES, landing / AREAS, *([truth] if truth else [])]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    written, rows = 0, list[tuple[City, int, float, float]]()
    for scene in (scene for scene in _scenes(seed, bloom_cells) if scene.year in years):
        rows += [(city, scene.year, built, lit) for city, built, lit in scene.areas]
        for satellite in (name for name, years in FLIGHTS.items() if scene.year in years):
            rng = np.random.default_rng([seed, scene.year, int(satellite[1:])])
            version = _VERSION.get(scene.year, "v4b")
            name = f"{satellite}{scene.year}.{version}_web.stable_lights.avg_vis.synthetic.tif"
            _write(folders[0] / name, _record(rng, scene.light, satellite, scene.year))
            written += 1
        if truth:
            _write(truth / f"built_up_{scene.year}.tif", scene.built.astype(np.uint8))
    table = _table(rows)
    _publish(table).write_csv(folders[1] / "built_up_area_20140101.synthetic.csv")
    if truth:
        table.write_csv(truth / "city_year.csv")
    return {"composites": written, "areas": table.height}


def _scenes(seed: int, bloom_cells: float) -> Iterator[_Scene]:
    """The years, one after another, so that one year's cells are all that is held."""
    places = cities()
    growth = [grow(np.random.default_rng([seed, int(city.region_code)]), city, _near(city)[0]) for city in places]
    before: list[Mask | None] = [None] * len(places)
    inside = [_inside(city) for city in places]
    cell = FRAME.row_areas_km2[:, None]
    for year in YEARS:
        built = np.zeros((FRAME.height, FRAME.width), dtype=bool)
        light = np.zeros(built.shape)
        masks: list[Mask] = []
        for place, city in enumerate(places):
            mask = next(growth[place])
            rows, columns = _near(city)[1]
            built[rows, columns] |= mask
            light[rows, columns] = np.maximum(
                light[rows, columns], _shine(city, year, mask, before[place], bloom_cells)
            )
            masks.append(mask)
            before[place] = mask
        light = np.where(light >= _FAINTEST, light, 0)
        areas = [
            (city, float((mask * cell[rows]).sum()), float(((light[rows, columns] > 0) * own * cell[rows]).sum()))
            for city, mask, own in zip(places, masks, inside, strict=True)
            for rows, columns in [_near(city)[1]]
        ]
        yield _Scene(year, built, light, areas)


def _near(city: City) -> tuple[Frame, tuple[slice, slice]]:
    """The part of the frame around a city that it and its halo stay within."""
    row, column = round((FRAME.north - city.latitude) * 120), round((city.longitude - FRAME.west) * 120)
    top, left = max(0, row - _NEIGHBOURHOOD), max(0, column - _NEIGHBOURHOOD)
    bottom, right = min(FRAME.height, row + _NEIGHBOURHOOD + 1), min(FRAME.width, column + _NEIGHBOURHOOD + 1)
    frame = Frame(FRAME.west + left / 120, FRAME.north - top / 120, bottom - top, right - left)
    return frame, (slice(top, bottom), slice(left, right))


def _inside(city: City) -> Mask:
    """Which cells around a city have their centre in its own outline."""
    frame = _near(city)[0]
    return shapely.contains_xy(city.outline, *np.meshgrid(frame.longitudes, frame.latitudes))


def _shine(city: City, year: int, built: Mask, before: Mask | None, bloom_cells: float) -> Floats:
    """The light of one city: brighter the deeper inside, dimmer where new, bloomed, with a halo that grows with it."""
    depth = ndimage.distance_transform_edt(built)
    light = np.where(built, np.minimum(_CORE, _FRINGE + _INWARD * (np.asarray(depth) - 1)), 0.0)
    if before is not None:
        light[built & ~before] *= _NEW
    light = np.asarray(ndimage.gaussian_filter(light, bloom_cells))
    away = np.asarray(ndimage.distance_transform_edt(~built))
    reach = _HALO_CELLS * (city.area_in(year) / city.first_km2) ** city.reach
    return np.maximum(light, np.where(built, 0, _HALO * np.exp(-away / reach)))


def _record(rng: np.random.Generator, light: Floats, satellite: str, year: int) -> npt.NDArray[np.uint8]:
    """What a satellite records: noise where there is light, its own curve, whole numbers up to 63."""
    noisy = light * rng.normal(1, _SHARE_OF_NOISE, light.shape) + rng.normal(0, _NOISE, light.shape)
    numbers = np.arange(64)
    c0, c1, c2 = _curve(satellite, year)
    reference = np.maximum.accumulate(np.clip(c0 + c1 * numbers + c2 * numbers**2, 0, None))
    recorded = np.rint(np.interp(noisy, reference, numbers))
    return np.where(light > 0, np.clip(recorded, 1, 63), 0).astype(np.uint8)


def _curve(satellite: str, year: int) -> tuple[float, float, float]:
    table = pl.read_csv(_COEFFICIENTS).filter(table="elvidge_2014", satellite=satellite, year=year)
    c0, c1, c2 = table.select("c0", "c1", "c2").row(0)
    return c0, c1, c2


def _table(rows: list[tuple[City, int, float, float]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(city.region_code, city.name_zh, year, built, lit) for city, year, built, lit in rows],
        schema=["region_code", "region_name_zh", "year", "built_up_km2", "lit_km2"],
        orient="row",
    ).sort("region_code", "year")


def _publish(table: pl.DataFrame) -> pl.DataFrame:
    """The areas of cities at prefecture level, as a yearbook prints them: two decimals."""
    return table.filter(pl.col("region_code").str.ends_with("00")).select(
        "region_code",
        "region_name_zh",
        "year",
        pl.col("built_up_km2").round(2),
        scope=pl.lit("municipal_districts"),
        publisher=pl.lit(PUBLISHER),
        source=pl.lit("sample_city"),
        note=pl.lit("合成数据 synthetic"),
    )


def _write(path: Path, values: npt.NDArray[np.uint8]) -> None:
    """A TIFF on NOAA's grid, marked for what it is inside too; aside first, then in its place."""
    half = 1 / 240
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "crs": "EPSG:4326",
        "transform": Affine(1 / 120, 0, FRAME.west - half, 0, -1 / 120, FRAME.north + half),
        "height": FRAME.height,
        "width": FRAME.width,
        "compress": "deflate",
        "predictor": 2,
    }
    aside = path.with_name(f".{path.name}.part")
    with rasterio.open(aside, "w", **profile) as target:
        target.write(values, 1)
        target.update_tags(DATA_ORIGIN="synthetic", TIFFTAG_IMAGEDESCRIPTION=_MARK)
    aside.replace(path)
