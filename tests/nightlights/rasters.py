"""Small rasters for tests: by default on NOAA's grid, whose cells have their centres on multiples of 30 arc seconds."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio import Affine

NOAA = "F121999.v4b_web.stable_lights.avg_vis.tif"


def centred(west: float, north: float) -> Affine:
    """A grid of 30 arc seconds whose first cell has its centre here."""
    return Affine(1 / 120, 0, west - 1 / 240, 0, -1 / 120, north + 1 / 240)


def write(path: Path, values: np.ndarray, **profile: Any) -> Path:
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    shape = {"height": values.shape[-2], "width": values.shape[-1], "count": 1 if values.ndim == 2 else len(values)}
    given = {"crs": "EPSG:4326", "transform": centred(113, 35), "dtype": values.dtype, **shape, **profile}
    with rasterio.open(plain, "w", driver="GTiff", **given) as target:
        target.write(values if values.ndim == 3 else values[None])
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    return path
