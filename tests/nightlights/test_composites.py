import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio.shutil
import shapely
from rasterio import Affine
from rasterio.windows import Window

from citylake.lake.errors import ContractViolation, UsageError
from citylake.nightlights.composites import (
    Composite,
    RefusedComposite,
    examine,
    find_composites,
    grid_of,
    read,
    read_cloud_free,
)
from citylake.nightlights.grid import ALBERS
from tests.nightlights.rasters import NOAA, centred, write

VALUES = np.arange(60 * 60, dtype=np.uint32).reshape(60, 60) % 64
BYTES = VALUES.astype(np.uint8)
INSIDE = shapely.box(113.1, 34.7, 113.3, 34.9)


def refusal(path: Path) -> str:
    def use() -> None:
        composite = Composite.parse(path)
        read(composite, [grid_of(composite)])

    with pytest.raises(RefusedComposite) as refused:
        use()
    assert isinstance(refused.value, ContractViolation)
    assert path.name in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "satellite", "year", "origin"),
    [
        (NOAA, "F12", 1999, "real"),
        ("F182010.v4d_web.stable_lights.avg_vis.tif.gz", "F18", 2010, "real"),
        ("F141997.v4b_web.stable_lights.avg_vis.synthetic.tif", "F14", 1997, "synthetic"),
        ("china_dmsplike_2018.tif", None, 2018, "real"),
    ],
)
def test_a_name_says_satellite_year_and_origin(name: str, satellite: str | None, year: int, origin: str) -> None:
    found = Composite.parse(Path(name))
    assert (found.satellite, found.year, found.origin) == (satellite, year, origin)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("F162012.v4c_web.stable_lights.avg_vis.tif", "no composite of F16 for 2012"),
        ("F131997.v4b_web.stable_lights.avg_vis.tif", "no composite of F13"),
        ("F121999.v4b_web.cf_cvg.tif", "its band is cf_cvg"),
        ("SVDNB_npp_20160101-20161231_75N060E_vcm-orm-ntl_v10_c201807311200.avg_rade9.tif", "another sensor"),
        ("lights-1999.tif", "its name is neither"),
    ],
)
def test_a_name_that_promises_nothing_measurable_is_refused(name: str, said: str) -> None:
    assert said in refusal(Path(name))


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({"crs": None}, "no CRS"),
        ({"crs": "EPSG:4490"}, "EPSG:4326"),
        ({"nodata": 0}, "stands for no data"),
        ({"nodata": 63}, "a digital number"),
        ({"nodata": 254}, "not NOAA's, which is 255"),
        ({"transform": centred(113 + 1 / 240, 35 - 1 / 240)}, "corner"),
        ({"transform": Affine(1 / 240, 0, 113 - 1 / 480, 0, -1 / 240, 35)}, "not 30 arc seconds"),
    ],
)
def test_a_header_that_cannot_be_noaas_is_refused(profile: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert said in refusal(write(tmp_path / NOAA, BYTES, **profile))


@pytest.mark.parametrize(
    ("values", "profile", "said"),
    [
        (np.full((60, 60), 64, np.uint8), {}, "at most 63"),
        (np.full((60, 60), 12.5, np.float32), {}, "NOAA's are uint8"),
        (np.stack([BYTES, BYTES]), {}, "2 bands"),
    ],
)
def test_values_that_are_no_digital_numbers_are_refused(
    values: np.ndarray, profile: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in refusal(write(tmp_path / NOAA, values, **profile))


@pytest.mark.parametrize(
    ("values", "profile", "said"),
    [
        (np.full((60, 60), -0.4, np.float32), {}, "negative radiances"),
        (np.full((60, 60), 180.0, np.float32), {}, "another sensor"),
        (np.full((60, 60), -9999.0, np.float32), {"nodata": None}, "no data"),
        (BYTES, {"nodata": 0}, "digital number"),
    ],
)
def test_a_series_in_other_units_is_refused(
    values: np.ndarray, profile: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in refusal(write(tmp_path / "made_dmsplike_2015.tif", values, **profile))


def test_a_file_that_is_no_tiff_or_cut_short_is_refused(tmp_path: Path) -> None:
    # rasterio.shutil writes the tags first, as NOAA does: what is missing is cells, which must not read as dark.
    values = np.random.default_rng(1).integers(0, 64, (200, 200), np.uint8)
    rasterio.shutil.copy(write(tmp_path / "tags_last.tif", values), tmp_path / "whole.tif", driver="GTiff")
    torn = tmp_path / f"{NOAA}.gz"
    torn.write_bytes(gzip.compress((tmp_path / "whole.tif").read_bytes())[:20_000])
    assert "cannot be read" in refusal(torn)
    text = tmp_path / NOAA
    text.write_text("version https://git-lfs.github.com/spec/v1")
    assert "cannot be read" in refusal(text)


def test_two_files_of_one_satellite_and_year_are_refused(tmp_path: Path) -> None:
    # Composed, the year would count one satellite twice.
    write(tmp_path / NOAA, BYTES)
    write(tmp_path / f"{NOAA}.gz", BYTES)
    write(tmp_path / NOAA, BYTES)
    with pytest.raises(RefusedComposite, match="same satellite and year"):
        find_composites(tmp_path)


def test_composites_are_found_by_year_and_satellite_and_other_files_left_alone(tmp_path: Path) -> None:
    for name in ("F152000.v4b_web.stable_lights.avg_vis.tif", "F142000.v4b_web.stable_lights.avg_vis.tif", NOAA):
        write(tmp_path / name, BYTES)
    (tmp_path / "readme.txt").write_text("")
    assert [(one.year, one.satellite) for one in find_composites(tmp_path)] == [
        (1999, "F12"),
        (2000, "F14"),
        (2000, "F15"),
    ]


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_cloud_free_observations_are_read_where_they_lie_beside_a_composite(ending: str, tmp_path: Path) -> None:
    composite = Composite.parse(write(tmp_path / NOAA, BYTES))
    part = grid_of(composite).around(INSIDE, margin=2)
    assert read_cloud_free(composite, [part]) is None
    beside = tmp_path / f"F121999.v4b_web.cf_cvg.tif{ending}"
    write(beside, np.full((60, 60), 71, np.uint8))
    assert [one.path.name for one in find_composites(tmp_path)] == [NOAA]
    counts = read_cloud_free(composite, [part])
    assert counts is not None
    assert counts[0].shape == (part.height, part.width)
    assert (counts[0] == 71).all()


def test_cloud_free_observations_of_another_grid_are_refused(tmp_path: Path) -> None:
    composite = Composite.parse(write(tmp_path / NOAA, BYTES))
    write(tmp_path / "F121999.v4b_web.cf_cvg.tif", BYTES, transform=centred(113 + 1 / 240, 35))
    with pytest.raises(RefusedComposite, match="cf_cvg"):
        read_cloud_free(composite, [grid_of(composite)])


@pytest.mark.parametrize("name", [NOAA, f"{NOAA}.gz"])
def test_a_window_holds_the_cells_of_the_whole(name: str, tmp_path: Path) -> None:
    composite = Composite.parse(write(tmp_path / name, BYTES))
    whole = grid_of(composite)
    part = whole.around(INSIDE, margin=2)
    row, column = whole.offset_of(part) or (-1, -1)
    (lights,), resampled = read(composite, [part])
    assert not resampled
    assert (lights == BYTES[row : row + part.height, column : column + part.width]).all()
    west, south, east, north = part.bounds
    assert shapely.box(west, south, east, north).contains(INSIDE)


def test_reading_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    # GDAL likes to write statistics and an index of a packed file into the folder: landing is never changed.
    composite = Composite.parse(write(tmp_path / f"{NOAA}.gz", BYTES))
    read(composite, [grid_of(composite)])
    examine(composite)
    assert [path.name for path in tmp_path.iterdir()] == [f"{NOAA}.gz"]


def test_no_data_is_no_number(tmp_path: Path) -> None:
    values = BYTES.copy()
    values[0, :5] = 255
    composite = Composite.parse(write(tmp_path / NOAA, values))
    (lights,), _ = read(composite, [grid_of(composite)])
    assert np.isnan(lights[0, :5]).all()
    assert examine(composite) == {
        "cells": 3600,
        "lit": int((values[values < 64] > 0).sum()),
        "missing": 5,
        "highest": 63,
    }


def test_a_composite_in_another_crs_is_read_on_the_grid_asked_for(tmp_path: Path) -> None:
    flat = np.full((250, 250), 7, np.int8)
    flat[:, 100:] = 40
    transform = Affine(1000, 0, 690_000, 0, -1000, 3_900_000)
    profile = {"crs": ALBERS.to_wkt(), "transform": transform, "nodata": -128}
    albers = Composite.parse(write(tmp_path / "made_dmsplike_2015.tif", flat, **profile))
    shifted = profile | {"transform": transform @ Affine.translation(0.3, 0.3)}
    other = Composite.parse(write(tmp_path / "made_dmsplike_2016.tif", flat, **shifted))
    grid = grid_of(albers).around(shapely.box(113.2, 34.4, 113.9, 34.9), margin=1)
    (first,), resampled = read(albers, [grid])
    (second,), moved = read(other, [grid])
    assert (resampled, moved) == (False, True)
    assert set(np.unique(second)) == {7, 40}
    # By 0.3 of a cell: the edge stays where it was, to the nearest cell.
    assert abs((first == 40).sum() - (second == 40).sum()) <= grid.height


def test_a_city_beyond_the_raster_is_told_so(tmp_path: Path) -> None:
    composite = Composite.parse(write(tmp_path / NOAA, BYTES))
    with pytest.raises(UsageError, match="does not reach"):
        grid_of(composite).around(shapely.box(113.1, 34.7, 114.3, 34.9), margin=1)


def test_a_rotated_raster_is_refused(tmp_path: Path) -> None:
    transform = centred(113, 35) @ Affine.rotation(10)
    composite = Composite.parse(write(tmp_path / "made_dmsplike_2015.tif", BYTES, transform=transform))
    with pytest.raises(UsageError, match="north"):
        grid_of(composite)


def test_windows_of_a_global_composite_take_less_than_a_gibibyte(tmp_path: Path) -> None:
    # Held whole it takes 0.7 GiB as bytes and 2.7 as numbers.
    path = tmp_path / NOAA
    transform = Affine(1 / 120, 0, -180 - 1 / 240, 0, -1 / 120, 75 + 1 / 240)
    shape = {"width": 43201, "height": 16801, "count": 1, "dtype": "uint8", "crs": "EPSG:4326", "transform": transform}
    with rasterio.open(path, "w", driver="GTiff", SPARSE_OK=True, **shape) as target:
        lit = Window((113 + 180) * 120, (75 - 35) * 120, 120, 120)  # pyright: ignore[reportCallIssue]
        target.write(np.full((120, 120), 40, np.uint8), 1, window=lit)
    program = (
        "import re, sys, shapely; from pathlib import Path\n"
        "from citylake.nightlights.composites import Composite, examine, grid_of, read\n"
        "composite = Composite.parse(Path(sys.argv[1]))\n"
        "grid = grid_of(composite).around(shapely.box(112.9, 33.9, 114.1, 35.1), 2)\n"
        "(lights,), _ = read(composite, [grid])\n"
        "whole = examine(composite)['lit']\n"
        # Not ru_maxrss, which begins with what the process had that started this one.
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]\n"
        "print(int((lights > 0).sum()), whole, int(peak) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    window, whole, peak = map(int, done.stdout.split())
    assert window == whole == 120 * 120
    assert peak < 1024
