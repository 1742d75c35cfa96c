"""Urban expansion from night lights: what a study costs, how well masks are found, and reading a global composite.

Usage: urban.py [--blooms 0.75,0.85,1.0]. Each measurement is a process of its own: seconds, CPU seconds, peak MiB.
"""

import argparse
import gzip
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import rasterio
from rasterio import Affine
from rasterio.windows import Window, from_bounds

from citylake.nightlights.boundaries import city_unit
from citylake.nightlights.composites import Composite, examine, find_composites, grid_of, read
from citylake.nightlights.measures import CityYear
from citylake.nightlights.published import read_published
from citylake.nightlights.study import StudySettings, run_study
from citylake.nightlights.thresholds import intersection_over_union
from sample_city.lights import AREAS, COMPOSITES, make_lights

CITIES = ("410100", "410200", "410700", "410800", "411000", "320200")
GLOBAL = "F121999.v4b_web.stable_lights.avg_vis.tif"


def main() -> None:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blooms", default="0.75,0.85,1.0", help="standard deviations of blooming, in cells")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        PARTS[given.part.partition(":")[0]](given.folder, given.part.partition(":")[2])
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("| | s | CPU s | peak MiB | |\n|---|--:|--:|--:|---|")
        for bloom in given.blooms.split(","):
            measure(f"make:{bloom}", folder)
            measure(f"study:{bloom}", folder)
        measure("world:", folder)
        for packed in ("", ".gz"):
            measure(f"windows:{packed}", folder)
            measure(f"examine:{packed}", folder)
        for bloom in given.blooms.split(","):
            print(f"\nIntersection over union with the truth, blooming {bloom} cells, raw series")
            print((folder / f"iou-{bloom}.txt").read_text())


def measure(part: str, folder: Path) -> None:
    """Run one part in a process of its own and print its line."""
    began = time.perf_counter()
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    facts = json.loads(done.stdout.splitlines()[-1])
    print(f"| {part} | {seconds:.1f} | {facts['cpu']:.1f} | {facts['peak']:.0f} | {facts['said']} |", flush=True)


def tell(said: str) -> None:
    """Print what a part has used, for the process that started it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024, "said": said}))


def make(folder: Path, bloom: str) -> None:
    """The synthetic composites."""
    root = folder / bloom
    made = make_lights(root / "landing", truth=root / "truth", bloom_cells=float(bloom))
    tell(f"{made['composites']} composites")


def study(folder: Path, bloom: str) -> None:
    """Six cities in 17 years, from composites to tables; then how far the masks agree with the truth."""
    landing = folder / bloom / "landing"
    found: list[CityYear] = []
    published = read_published(next((landing / AREAS).glob("*.csv")))
    composites = find_composites(landing / COMPOSITES)
    done = run_study(composites, published, StudySettings(cities=CITIES, with_counties=True), on_mask=found.append)
    tell(f"{done.city_year.height} city-years, {done.patch_period.height} patches")
    agreement(folder / bloom / "truth", found, folder / f"iou-{bloom}.txt")


def agreement(truth: Path, found: list[CityYear], target: Path) -> None:
    """Write the table of intersection over union by city and year."""
    rows: list[dict[str, Any]] = []
    for one in found:
        if one.mask is None or one.row["series"] != "raw":
            continue
        with rasterio.open(truth / f"built_up_{one.row['year']}.tif") as source:
            window = from_bounds(*one.place.grid.bounds, source.transform).round_offsets().round_lengths()
            true = (source.read(1, window=window) > 0) & (one.place.weights > 0)
        value = intersection_over_union(one.mask, true, one.place.weights)
        rows.append({"city": one.row["region_name_zh"], "year": one.row["year"], "iou": value})
    frame = pl.DataFrame(rows)
    table = frame.pivot("city", index="year", values="iou").with_columns(pl.exclude("year").round(3))
    with pl.Config(
        tbl_rows=-1, tbl_formatting="MARKDOWN", tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True
    ):
        target.write_text(f"{table}\nleast {frame['iou'].min():.3f}, mean {frame['iou'].mean():.3f}\n")


def world(folder: Path, _: str) -> None:
    """A composite of the size of NOAA's, uncompressed like theirs, lit in six places; also packed."""
    half = 1 / 240
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "crs": "EPSG:4326",
        "width": 43201,
        "height": 16801,
    }
    transform = Affine(1 / 120, 0, -180 - half, 0, -1 / 120, 75 + half)
    with rasterio.open(folder / GLOBAL, "w", transform=transform, **profile) as target:
        lights = np.random.default_rng(1).integers(0, 64, (600, 1080), np.uint8)
        target.write(lights, 1, window=Window((112 + 180) * 120, (75 - 36) * 120, 1080, 600))  # pyright: ignore[reportCallIssue]
    with (folder / GLOBAL).open("rb") as plain, gzip.open(folder / f"{GLOBAL}.gz", "wb", compresslevel=1) as packed:
        shutil.copyfileobj(plain, packed, 1 << 22)
    tell(f"{(folder / GLOBAL).stat().st_size / 2**20:.0f} MiB")


def windows(folder: Path, ending: str) -> None:
    """The six cities out of a global composite."""
    composite = Composite.parse(folder / f"{GLOBAL}{ending}")
    native = grid_of(composite)
    grids = [native.around(city_unit(code, "prefecture").outline, 2) for code in CITIES]
    lights, _ = read(composite, grids)
    tell(f"{sum(one.size for one in lights):,} cells of {native.height * native.width:,}")


def examine_world(folder: Path, ending: str) -> None:
    """Every value of a global composite checked."""
    facts = examine(Composite.parse(folder / f"{GLOBAL}{ending}"))
    tell(f"{facts['lit']:,} lit of {facts['cells']:,}")


PARTS = {"make": make, "study": study, "world": world, "windows": windows, "examine": examine_world}

if __name__ == "__main__":
    main()
