"""Makes composites of different satellites and years comparable: calibration, composition, correction of a series.

The coefficients are facts of the literature, in ``intercalibration.csv`` beside this, keyed on satellite *and* year: a
pair that never flew has none. Which publication a table is, and its reference and region as far as known, says
``intercalibration_table.csv``. Saturated cells stay saturated: correcting them needs another sensor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from citylake.lake.errors import UsageError
from citylake.nightlights.composites import HIGHEST, Lights, check_flown

Table = Literal["elvidge_2014", "elvidge_2009", "liu_2012", "wu_2013"]
TABLES: tuple[Table, ...] = get_args(Table)
COEFFICIENTS = Path(__file__).with_name("intercalibration.csv")
PUBLICATIONS = Path(__file__).with_name("intercalibration_table.csv")
_SCHEMA = {
    "table": pl.String,
    "satellite": pl.String,
    "year": pl.Int32,
    "form": pl.String,
    "c0": pl.Float64,
    "c1": pl.Float64,
    "c2": pl.Float64,
    "r2": pl.Float64,
    "note": pl.String,
}


@dataclass(frozen=True)
class Curve:
    """How the numbers of one satellite and year become those of the table's reference."""

    form: Literal["quadratic", "power"]
    """quadratic: c0 + c1 DN + c2 DN²; power: c0 (DN + 1)^c1 - 1."""
    c0: float
    c1: float
    c2: float | None
    note: str | None
    """What a reader must know of the coefficients: who printed them, if not the table's publication."""

    def apply(self, lights: Lights) -> Lights:
        """Calibrated numbers, clipped to 0-63. What is 0 stays 0 and what has no data has none."""
        numbers = lights.astype(np.float64)
        if self.form == "quadratic":
            moved = self.c0 + self.c1 * numbers + (self.c2 or 0.0) * numbers**2
        else:
            moved = self.c0 * (numbers + 1) ** self.c1 - 1
        return np.where(lights > 0, np.clip(moved, 0, HIGHEST), lights).astype(np.float32)


@cache
def coefficients() -> pl.DataFrame:
    """All tables: table, satellite, year, form, c0, c1, c2, r2 (as printed), note."""
    return pl.read_csv(COEFFICIENTS, schema=_SCHEMA)


def curve(table: Table, satellite: str, year: int) -> Curve:
    """The curve of one satellite and year.

    Raises RefusedComposite for a pair that never flew, UsageError for one that the table does not have.
    """
    check_flown(satellite, year, f"{satellite}{year}")
    known = coefficients().filter(table=table)
    rows = known.filter(satellite=satellite, year=year)
    if rows.height != 1:
        raise UsageError(
            f"表 {table} 没有 {satellite} {year} 的系数。 The table {table} has none for {satellite} {year}; "
            f"it reaches from {known['year'].min()} to {known['year'].max()}. Take another table: {', '.join(TABLES)}."
        )
    row = rows.row(0, named=True)
    return Curve(row["form"], row["c0"], row["c1"], row["c2"], row["note"])


def compose(composites: Sequence[Lights]) -> Lights:
    """The mean of the satellites of one year; 0 where any of them sees nothing, for lights are stable or none.

    Where one has no data, the others count alone.
    """
    stack = np.stack(composites)
    seen = ~np.isnan(stack)
    count = seen.sum(axis=0)
    total = np.where(seen, stack, 0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan, np.float32), where=count > 0)
    dark = (stack == 0).any(axis=0)
    return np.where(dark, np.float32(0), mean)


@dataclass(frozen=True)
class Corrected:
    """A series in which lights neither vanish nor dim, and what was changed for that."""

    lights: Lights
    """(year, row, column); never decreases along the years."""
    zeroed: npt.NDArray[np.bool_]
    """Cells set to 0 because a later year is dark there."""
    raised: npt.NDArray[np.bool_]
    """Cells set to what an earlier year had."""


def correct_series(lights: Lights) -> Corrected:
    """Correct a series (year, row, column), oldest year first, so that it never decreases.

    First backward: a cell that is dark in a later year was never truly lit. Then forward: a cell is at least as bright
    as the year before. Written as one forward pass, as the literature does, the two rules are neither idempotent nor
    monotone: (0, 0, 3, 3, 0) would become (0, 0, 3, 0, 0). The correction hides real dimming and forces expansion:
    keep the raw series beside it. Cells without data neither correct others nor are filled.
    """
    dark_later = np.maximum.accumulate((lights == 0)[::-1], axis=0)[::-1]
    missing = np.isnan(lights)
    zeroed = dark_later & (lights > 0)
    kept = np.where(dark_later & ~missing, np.float32(0), lights)
    highest = np.fmax.accumulate(kept, axis=0)
    raised = (highest > kept) & ~missing
    return Corrected(np.where(missing, np.float32(np.nan), highest), zeroed, raised)
