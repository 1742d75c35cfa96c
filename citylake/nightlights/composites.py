"""Annual composites of night lights: what their file names say, and reading parts of them. Every refusal is here.

Two forms are read: NOAA's version 4 stable lights of one satellite and year, on their own grid, whose cells have
their *centres* on whole multiples of 30 arc seconds; and annual series in the same digital numbers made from another
sensor (``<series>_dmsplike_<year>.tif``), in any CRS. Nothing is downloaded. Files may be packed (.gz); whatever their
size, only the rows and columns asked for are held in memory.
"""

import re
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from citylake.contracts.labels import Label
from citylake.lake.errors import ContractViolation
from citylake.lake.landed import Origin
from citylake.nightlights.grid import WGS84, Grid

Lights = npt.NDArray[np.float32]
"""Digital numbers, 0 to 63; NaN where there are no data."""

HIGHEST = 63
NO_DATA = 255
FLOWN: dict[str, range] = {
    "F10": range(1992, 1995),
    "F12": range(1994, 2000),
    "F14": range(1997, 2004),
    "F15": range(2000, 2008),
    "F16": range(2004, 2010),
    "F18": range(2010, 2014),
}
"""The years of which NOAA published a version 4 composite, by satellite."""

_NOAA = re.compile(
    r"^(?P<satellite>F\d{2})(?P<year>\d{4})\.(?P<version>v4[b-d])_web\.(?P<band>[a-z_.]+?)(?P<synthetic>\.synthetic)?\.tif(\.gz)?$"
)
_LIKE = re.compile(r"^(?P<series>\w+_dmsplike)_(?P<year>\d{4})(?P<synthetic>\.synthetic)?\.tif(\.gz)?$")
_OTHER_SENSOR = re.compile(r"^(SVDNB|VNL|VNP46|VIIRS|npp|LuoJia|LJ1|SDGSAT)", re.IGNORECASE)
_BAND = "stable_lights.avg_vis"
_CLOUD_FREE = "cf_cvg"
_TIFF = re.compile(r"\.tiff?(\.gz)?$", re.IGNORECASE)
_PER_DEGREE = 120
_SAME = 0.01
"""In cells: how far a grid may be off the one of NOAA."""
_CELLS_AT_ONCE = 1 << 24
_WIDEST = 1 << 17
"""Cells across: three times around the world at 30 arc seconds. A row is read at once."""

# Nothing is written beside what was delivered, and a packed file is not indexed by a file of GDAL's beside it.
_GDAL: dict[str, Any] = {
    "CPL_VSIL_GZIP_WRITE_PROPERTIES": "NO",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_CACHEMAX": 64_000_000,
}


class RefusedComposite(ContractViolation):
    """A raster is not a composite of night lights that can be measured; nothing of it is used."""

    def __init__(self, why: Label) -> None:
        super().__init__(f"{why.zh} {why.en}")
        self.why = why


@dataclass(frozen=True)
class Composite:
    """One file: whose lights of which year."""

    path: Path
    year: int
    satellite: str | None
    """Null for a series that is in the units of these satellites already: it is not calibrated."""
    origin: Origin = "real"

    @property
    def series(self) -> str:
        """The satellite, or the name of the series."""
        return self.satellite or self.path.name.rsplit("_", 1)[0]

    @property
    def version(self) -> str | None:
        """NOAA's version, ``v4b`` to ``v4d``; None for a series of another maker."""
        match = _NOAA.match(self.path.name)
        return match["version"] if match else None

    @property
    def cloud_free_path(self) -> Path | None:
        """NOAA's numbers of cloud-free observations, where they lie beside it."""
        names = (self.path.name.replace(_BAND, _CLOUD_FREE).removesuffix(".gz") + ending for ending in ("", ".gz"))
        found = (self.path.with_name(name) for name in names if name != self.path.name)
        return next((path for path in found if path.exists()), None) if self.satellite else None

    @classmethod
    def parse(cls, path: Path) -> "Composite":
        """Read a file's name. Raises RefusedComposite for another sensor, another band, a pair that never flew."""
        like = _LIKE.match(path.name)
        if like:
            return cls(path, int(like["year"]), None, "synthetic" if like["synthetic"] else "real")
        match = _NOAA.match(path.name)
        if match is None:
            raise _refused(path, *_why_no_name(path.name))
        satellite, year = match["satellite"], int(match["year"])
        if match["band"] != _BAND:
            raise _refused(path, f"波段应为 {_BAND}", f"its band is {match['band']}; measured is {_BAND}")
        check_flown(satellite, year, path.name)
        return cls(path, year, satellite, "synthetic" if match["synthetic"] else "real")


def check_flown(satellite: str, year: int, name: str) -> None:
    """Raise RefusedComposite for a satellite and year of which there is no composite."""
    years = FLOWN.get(satellite)
    if years is None or year not in years:
        known = "; ".join(f"{one} {flown[0]}-{flown[-1]}" for one, flown in FLOWN.items())
        raise RefusedComposite(
            Label(
                f"{name}: {satellite} 没有 {year} 年的合成影像。",
                f"There is no composite of {satellite} for {year}. There are: {known}.",
            )
        )


def find_composites(folder: Path) -> list[Composite]:
    """The composites in a folder, by year and satellite.

    Raises RefusedComposite for a raster that is none, and for two files of one satellite and year. Numbers of
    cloud-free observations are let be: they belong to a composite.
    """
    rasters = [path for path in sorted(folder.iterdir()) if _TIFF.search(path.name)]
    found = [Composite.parse(path) for path in rasters if not _is_cloud_free(path)]
    ordered = sorted(found, key=lambda one: (one.year, one.series))
    for one, other in pairwise(ordered):
        if (one.year, one.series) == (other.year, other.series):
            raise _refused(
                other.path, f"与 {one.path.name} 重复", f"it is of the same satellite and year as {one.path.name}"
            )
    return ordered


def grid_of(composite: Composite) -> Grid:
    """The whole grid of a composite. Raises RefusedComposite as :func:`read` does, values apart."""
    with _opened(composite) as source:
        return _grid(source)


def read(composite: Composite, grids: Sequence[Grid]) -> tuple[list[Lights], bool]:
    """The digital numbers on each of these grids, and whether cells had to be resampled (nearest) onto them.

    Raises RefusedComposite where the file cannot be read, has no CRS, more than one band, a wrong nodata value, a grid
    that is not its form's, or values that are not digital numbers 0 to 63 where they are read.
    """
    with _opened(composite) as source:
        native, nodata = _grid(source), _nodata(composite, source)
        # From north to south, so that a packed file is unpacked once.
        order = sorted(range(len(grids)), key=lambda place: -grids[place].bounds[3])
        found: dict[int, Lights] = {}
        resampled = False
        for place in order:
            offset = native.offset_of(grids[place])
            resampled |= offset is None
            values = _part(composite, source, grids[place], offset, nodata)
            found[place] = _checked(composite, values, nodata)
    return [found[place] for place in range(len(grids))], resampled


def read_cloud_free(composite: Composite, grids: Sequence[Grid]) -> list[Lights] | None:
    """How many cloud-free observations each cell of each grid has; None where NOAA's file of them is not there.

    Raises RefusedComposite where that file is not on the composite's grid, or cannot be read.
    """
    path = composite.cloud_free_path
    if path is None:
        return None
    counts = replace(composite, path=path)
    with _opened(counts) as source:
        native = _grid(source)
        offsets = [native.offset_of(grid) for grid in grids]
        if None in offsets:
            raise _refused(path, "栅格不一致", "its cells are not those of its composite")
        parts = zip(grids, offsets, strict=True)
        return [_part(counts, source, grid, offset, None).astype(np.float32) for grid, offset in parts]


def examine(composite: Composite) -> dict[str, float]:
    """Read a whole composite, some rows at a time: cells, those lit, those without data, the highest number.

    Raises RefusedComposite as :func:`read` does.
    """
    lit = missing = 0
    highest = 0.0
    with _opened(composite) as source:
        nodata = _nodata(composite, source)
        rows = max(1, _CELLS_AT_ONCE // source.width)
        for top in range(0, source.height, rows):
            window = Window(0, top, source.width, min(rows, source.height - top))  # pyright: ignore[reportCallIssue]
            values = _checked(composite, source.read(1, window=window), nodata)
            missing += int(np.isnan(values).sum())
            lit += int((values > 0).sum())
            highest = max(highest, float(np.nanmax(values, initial=0)))
        cells = source.height * source.width
    if lit == 0:
        raise _refused(composite.path, "没有任何灯光", "it holds no light at all")
    return {"cells": cells, "lit": lit, "missing": missing, "highest": highest}


def _is_cloud_free(path: Path) -> bool:
    match = _NOAA.match(path.name)
    return match is not None and match["band"] == _CLOUD_FREE


def _why_no_name(name: str) -> tuple[str, str]:
    if _OTHER_SENSOR.match(name):
        return "其他传感器", "it is of another sensor, whose radiances are no digital numbers of DMSP/OLS"
    return "文件名无法识别", (
        "its name is neither NOAA's (F121997.v4b_web.stable_lights.avg_vis.tif) nor <series>_dmsplike_<year>.tif"
    )


@contextmanager
def _opened(composite: Composite) -> Generator[Any]:
    """The file, open, its header checked; what goes wrong while it is read is a refusal too."""
    path = composite.path.absolute()
    place = f"/vsigzip/{path}" if path.suffix == ".gz" else str(path)
    try:
        # Of no other form: one that only points to other files, or hosts, would be read from there.
        with rasterio.Env(**_GDAL), rasterio.open(place, driver="GTiff") as source:
            if source.width > _WIDEST:
                wide = f"it is {source.width} cells wide; at most {_WIDEST} are read"
                raise _refused(composite.path, f"宽度超过 {_WIDEST} 个像元", wide)
            _check_header(composite, source)
            yield source
    except (RasterioError, zlib.error, OSError) as problem:
        # What the library says of it names our folders, in one language.
        why = "the file is torn, of another form, or not packed as its name says"
        raise _refused(
            composite.path,
            "文件无法作为 TIFF 读取：残缺、格式不符或压缩与文件名不符",
            f"it cannot be read as a TIFF: {why}",
        ) from problem


def _check_header(composite: Composite, source: Any) -> None:  # noqa: ANN401  # rasterio's classes have no types
    path = composite.path
    if source.crs is None:
        raise _refused(path, "缺少坐标系", "it has no CRS, so nobody knows where its cells lie")
    if source.count != 1:
        raise _refused(path, "应为单波段", f"it has {source.count} bands instead of one")
    if np.dtype(source.dtypes[0]).kind not in "iuf":
        raise _refused(path, "数据类型不符", f"its values are {source.dtypes[0]}, no numbers")
    if composite.origin == "real" and source.tags().get("DATA_ORIGIN") == "synthetic":
        raise _refused(path, "文件名未标明合成", "it is synthetic by its own tag, and its name does not say so")
    if composite.satellite is None:
        return
    if source.dtypes[0] != "uint8":
        raise _refused(path, "数据类型应为 uint8", f"its values are {source.dtypes[0]}; NOAA's are uint8")
    if pyproj.CRS.from_wkt(source.crs.to_wkt()) != WGS84:
        raise _refused(path, "坐标系应为 EPSG:4326", "NOAA's composites are in EPSG:4326; this one is not")
    transform = source.transform
    sizes = (transform.a * _PER_DEGREE, -transform.e * _PER_DEGREE)
    if max(abs(size - 1) for size in sizes) > _SAME / max(source.width, source.height):
        raise _refused(path, "像元应为 30 角秒", "its cells are not 30 arc seconds")
    centres = ((transform.c + transform.a / 2) * _PER_DEGREE, (transform.f + transform.e / 2) * _PER_DEGREE)
    if max(abs(centre - round(centre)) for centre in centres) > _SAME:
        raise _refused(
            path,
            "栅格错位：像元中心应在 30 角秒的整数倍上",
            "NOAA's cells have their centres on whole multiples of 30 arc seconds; these are shifted, as where a "
            "program took the centre of the first cell for its corner. Mend the georeference, not the values",
        )


def _nodata(composite: Composite, source: Any) -> float | None:  # noqa: ANN401
    declared = None if source.nodata is None else float(source.nodata)
    wanted = composite.satellite is not None
    if declared is None or (wanted and declared == NO_DATA):
        return NO_DATA
    if wanted or 0 <= declared <= HIGHEST:
        raise _refused(
            composite.path,
            f"无数据值 {declared:g} 不符",
            f"it says that {declared:g} stands for no data; that is "
            + ("a digital number" if 0 <= declared <= HIGHEST else f"not NOAA's, which is {NO_DATA}"),
        )
    return declared


def _grid(source: Any) -> Grid:  # noqa: ANN401
    return Grid(pyproj.CRS.from_wkt(source.crs.to_wkt()), source.transform, source.height, source.width)


def _part(
    composite: Composite,
    source: Any,  # noqa: ANN401
    grid: Grid,
    offset: tuple[int, int] | None,
    nodata: float | None,
) -> npt.NDArray[Any]:
    if offset is None:
        shape: dict[str, Any] = {"transform": grid.transform, "height": grid.height, "width": grid.width}
        fill = -1 if nodata is None else nodata
        with WarpedVRT(source, crs=grid.crs.to_wkt(), resampling=Resampling.nearest, **shape) as warped:
            values = warped.read(1)
            outside = warped.dataset_mask() == 0
        return np.where(outside, np.float32(fill), values)
    row, column = offset
    if row < 0 or column < 0 or row + grid.height > source.height or column + grid.width > source.width:
        raise _refused(composite.path, "未覆盖所需范围", "it does not reach all of the city and its surroundings")
    return source.read(1, window=Window(column, row, grid.width, grid.height))  # pyright: ignore[reportCallIssue]


def _checked(composite: Composite, values: npt.NDArray[Any], nodata: float | None) -> Lights:
    """The numbers as float32, NaN where there are no data."""
    lights = values.astype(np.float32)
    if nodata is not None:
        lights[values == nodata] = np.nan
    lowest, highest = (float(limit) for limit in (np.nanmin(lights, initial=0), np.nanmax(lights, initial=0)))
    if lowest < 0:
        raise _refused(
            composite.path, "存在负值", f"it holds {lowest:g}: negative radiances are of another sensor, or no data"
        )
    if highest > HIGHEST:
        raise _refused(
            composite.path,
            f"像元值超过 {HIGHEST}",
            f"it holds {highest:g}: a digital number of DMSP/OLS is at most {HIGHEST}, so this is another sensor, or "
            "no data that it does not declare",
        )
    return lights


def _refused(path: Path, why_zh: str, why: str) -> RefusedComposite:
    return RefusedComposite(Label(f"{path.name} 不采用：{why_zh}。", f"Not used: {why}."))
