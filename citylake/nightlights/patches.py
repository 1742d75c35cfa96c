"""New patches of built-up area and their Landscape Expansion Index: infilling, edge-expansion or outlying.

Liu, Li, Chen, Tan, Li, Ai: A new landscape index for quantifying urban expansion using multi-temporal remotely sensed
data. Landscape Ecology 25 (2010) 671-682. Their buffer is a metre around a vector patch; here it is the ring of cells
around a patch, which is the narrowest that a raster has.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import ndimage

from citylake.nightlights.grid import Floats
from citylake.nightlights.thresholds import Mask

INFILLING, EDGE, OUTLYING = "infilling", "edge_expansion", "outlying"
_EIGHT = np.ones((3, 3), dtype=np.int8)
SCHEMA = {
    "patch": pl.Int32,
    "cell_count": pl.Int32,
    "area_km2": pl.Float64,
    "row": pl.Float64,
    "column": pl.Float64,
    "ring_old_km2": pl.Float64,
    "ring_vacant_km2": pl.Float64,
    "lei": pl.Float64,
    "expansion_type": pl.String,
}


@dataclass(frozen=True)
class LeiRule:
    """How wide the ring is and where one type ends; the defaults are Liu's, on cells."""

    ring_cells: int = 1
    infilling_above: float = 50.0
    outlying_up_to: float = 0.0


def new_patches(before: Mask, after: Mask, weights: Floats, rule: LeiRule | None = None) -> pl.DataFrame:
    """The patches that are built up ``after`` and were not ``before``, 8-connected, with their LEI.

    LEI = 100 · old / (old + vacant), both areas of the ring around the patch within the city. Cells of the ring that
    belong to other new patches were vacant before, and count so. A patch that fills the city to its border, with no
    ring in it, has no LEI and no type.

    Args:
        before: Cells built up at the beginning.
        after: Cells built up at the end.
        weights: km² that each cell counts for; 0 outside the city.
        rule: Width of the ring and limits of the types.

    Returns:
        One row a patch: patch (from 1, row by row), cell_count, area_km2, row and column of its centre in cells,
        ring_old_km2, ring_vacant_km2, lei (0-100), expansion_type.
    """
    rule = rule or LeiRule()
    found: Any = ndimage.label(after & ~before & (weights > 0), structure=_EIGHT)
    labels, count = found
    if not count:
        return pl.DataFrame(schema=SCHEMA)
    patches = np.arange(1, count + 1)
    ring_patch, ring_cell = _rings(labels, rule.ring_cells)
    area, was_old = weights.ravel()[ring_cell], before.ravel()[ring_cell]
    old = np.bincount(ring_patch, weights=area * was_old, minlength=count + 1)[1:]
    vacant = np.bincount(ring_patch, weights=area * ~was_old, minlength=count + 1)[1:]
    centre = np.asarray(ndimage.center_of_mass(np.ones(labels.shape), labels, patches))
    frame = pl.DataFrame(
        {
            "patch": patches,
            "cell_count": np.bincount(labels.ravel(), minlength=count + 1)[1:],
            "area_km2": np.bincount(labels.ravel(), weights=weights.ravel(), minlength=count + 1)[1:],
            "row": centre[:, 0],
            "column": centre[:, 1],
            "ring_old_km2": old,
            "ring_vacant_km2": vacant,
        }
    )
    ring = pl.col("ring_old_km2") + pl.col("ring_vacant_km2")
    frame = frame.with_columns(lei=pl.when(ring > 0).then(100 * (pl.col("ring_old_km2") / ring)))
    return frame.with_columns(expansion_type=expansion_type(pl.col("lei"), rule)).cast(SCHEMA)  # pyright: ignore[reportArgumentType]


def expansion_type(lei: pl.Expr, rule: LeiRule) -> pl.Expr:
    """The type of a patch: infilling above 50, edge-expansion above 0, outlying at 0, by Liu's limits."""
    return (
        pl.when(lei > rule.infilling_above)
        .then(pl.lit(INFILLING))
        .when(lei > rule.outlying_up_to)
        .then(pl.lit(EDGE))
        .when(lei.is_not_null())
        .then(pl.lit(OUTLYING))
    )


def mean_expansion_index() -> pl.Expr:
    """MEI: the mean LEI of patches."""
    return pl.col("lei").mean()


def weighted_expansion_index() -> pl.Expr:
    """AWMEI: the mean LEI of patches by area; null where no patch has an LEI."""
    area = pl.col("area_km2").filter(pl.col("lei").is_not_null()).sum()
    return pl.when(area > 0).then((pl.col("lei") * pl.col("area_km2")).sum() / area)


def _rings(labels: npt.NDArray[np.int32], cells: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs of a patch and the index of a cell in the ring around it, each once."""
    size = labels.size
    index = np.arange(size).reshape(labels.shape)
    padded = np.pad(labels, cells)
    height, width = labels.shape
    pairs: list[npt.NDArray[np.int64]] = []
    for down in range(2 * cells + 1):
        for across in range(2 * cells + 1):
            near = padded[down : down + height, across : across + width]
            reached = (near > 0) & (near != labels)
            pairs.append(near[reached].astype(np.int64) * size + index[reached])
    unique = np.unique(np.concatenate(pairs))
    return unique // size, unique % size
