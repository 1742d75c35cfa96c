"""Built-up area by the dynamic threshold 动态阈值: the digital number at which lights cover what was published.

The threshold is fitted to an area, so that the area found proves nothing; what is fitted is where the area lies. One
step of the threshold moves the area by some percent: a residual below half a step is the method's resolution.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from citylake.nightlights.composites import HIGHEST, Lights
from citylake.nightlights.grid import Floats

Mask = npt.NDArray[np.bool_]

_ROUNDING = 1e-4
"""Calibrated numbers are float32: what is so little below a threshold has reached it."""


@dataclass(frozen=True)
class AreaCurve:
    """For each threshold the area, km², of the cells that reach it; never increases."""

    thresholds: Floats
    areas_km2: Floats


@dataclass(frozen=True)
class Threshold:
    """A threshold matched to a published area, and how well it could be."""

    threshold: float
    area_km2: float
    published_km2: float
    area_one_step_lower_km2: float | None
    """The area at the next lower threshold, which is the larger one; null where there is none."""
    area_one_step_higher_km2: float | None
    is_out_of_reach: bool
    """The published area is larger than what is lit at all, or smaller than what is saturated."""

    @property
    def residual(self) -> float:
        """(found - published) / published."""
        return self.area_km2 / self.published_km2 - 1


def area_curve(lights: Lights, weights: Floats, step: float = 1.0) -> AreaCurve:
    """The area above every threshold from 1 to 63 by ``step``, in one pass over the cells.

    Args:
        lights: Digital numbers; cells without data count for none.
        weights: What each cell counts for, km²: its true area times its share within the city.
        step: The distance of thresholds; 1 is the literature's.
    """
    thresholds = np.arange(1, HIGHEST + step / 2, step)
    counted = (lights >= 1 - _ROUNDING) & (weights > 0)
    place = np.floor((lights[counted].astype(np.float64) - 1 + _ROUNDING) / step).astype(np.int64)
    place = np.minimum(place, len(thresholds) - 1)
    each = np.bincount(place, weights=weights[counted], minlength=len(thresholds))
    return AreaCurve(thresholds, each[::-1].cumsum()[::-1])


def dynamic_threshold(curve: AreaCurve, published_km2: float) -> Threshold:
    """The threshold whose area is nearest to the published one; of two as near, the larger."""
    away = np.abs(curve.areas_km2 - published_km2)
    best = len(away) - 1 - int(away[::-1].argmin())
    return Threshold(
        threshold=float(curve.thresholds[best]),
        area_km2=float(curve.areas_km2[best]),
        published_km2=published_km2,
        area_one_step_lower_km2=float(curve.areas_km2[best - 1]) if best > 0 else None,
        area_one_step_higher_km2=float(curve.areas_km2[best + 1]) if best + 1 < len(away) else None,
        is_out_of_reach=bool(published_km2 > curve.areas_km2[0] or published_km2 < curve.areas_km2[-1]),
    )


def built_up(lights: Lights, threshold: float, weights: Floats) -> Mask:
    """The cells of the city that reach the threshold."""
    return (lights >= threshold - _ROUNDING) & (weights > 0)


def intersection_over_union(one: Mask, other: Mask, weights: Floats) -> float:
    """How far two masks agree, 0 to 1, by area; 1 where both are empty."""
    union = float(weights[one | other].sum())
    return float(weights[one & other].sum()) / union if union else 1.0
