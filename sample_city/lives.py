"""What is lived through to its end and delivered as far as it was known: cases of every kind.

A thing's steps are instants, one column each, in seconds on the local clock; one that never comes is null, one beyond
the last night is there all the same. So the extracts of consecutive nights agree with each other by construction.
What the steps are, and when they come, is decided by the modules of the kinds.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from sample_city.worktime import Seconds

NEVER = np.int64(2**62)
"""The instant of a step that never comes, while instants are arrays."""


@dataclass(frozen=True)
class Period:
    """The days in which things begin."""

    start: date
    end: date

    @property
    def first(self) -> int:
        """Days since 1970-01-01."""
        return (self.start - date(1970, 1, 1)).days

    @property
    def days(self) -> int:
        """How many."""
        return (self.end - self.start).days + 1


@dataclass(frozen=True)
class Life:
    """The steps of one kind of thing, from its beginning to its end; suspension and resumption may be among them."""

    steps: tuple[str, ...]

    def known_by(self, things: pl.DataFrame, day: date) -> pl.DataFrame:
        """What a department knew at the end of that day, as its extract says it: instants, suspensions, last update."""
        midnight = midnight_after(day)
        seen = things.filter(pl.col(self.steps[0]) < midnight).with_columns(
            pl.when(pl.col(step) < midnight).then(step).alias(step) for step in self.steps
        )
        begun, ended = (_instant(name).dt.strftime("%Y-%m-%d %H:%M:%S") for name in ("suspended_at", "resumed_at"))
        suspension = pl.concat_list(pl.struct(begun.alias("挂起时间"), ended.alias("恢复时间")))
        has_begun = pl.col("suspended_at").is_not_null()
        return seen.with_columns(
            pl.max_horizontal(self.steps).alias("updated_at"),
            suspensions=pl.when(has_begun).then(suspension).otherwise(suspension.list.head(0)),
        ).with_columns(
            _instant(name) for name in (*self.steps, "updated_at") if name not in {"suspended_at", "resumed_at"}
        )

    def changed_on(self, things: pl.DataFrame, day: date) -> pl.DataFrame:
        """Those to which something happened on that day; in a hamlet where nothing did, the latest one again.

        A department does not deliver an empty file: that is what a failed export looks like.
        """
        start, end = midnight_after(day - timedelta(days=1)), midnight_after(day)
        changed = things.filter(pl.any_horizontal(pl.col(step).is_between(start, end - 1) for step in self.steps))
        return things.filter(pl.col(self.steps[0]) < end).tail(1) if changed.is_empty() else changed

    def going_on_since(self, things: pl.DataFrame, day: date) -> pl.DataFrame:
        """Those that begin from that day on, and the earlier ones that were not over, or not yet due, when it began."""
        start = midnight_after(day - timedelta(days=1))
        return things.filter((pl.col(self.steps[0]) >= start) | (pl.max_horizontal(self.steps[-1], "due_at") >= start))


def draw_beginnings(  # noqa: PLR0913  # the shape of a year, a week and a day, each by itself
    rng: np.random.Generator,
    period: Period,
    total: int,
    *,
    months: npt.NDArray[np.float64],
    weekdays: npt.NDArray[np.float64],
    hours: npt.NDArray[np.float64],
) -> Seconds:
    """Instants in their order, by season, day of the week (from Monday) and hour."""
    days = period.first + np.arange(period.days)
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    # 1970-01-01 was a Thursday.
    intensity = months[month] * weekdays[(days + 3) % 7]
    day = rng.choice(days, size=total, p=intensity / intensity.sum())
    hour = rng.choice(24, size=total, p=hours / hours.sum())
    return np.sort(day * 86400 + hour * 3600 + rng.integers(3600, size=total))


def numbered_by_day(begun: Seconds) -> pl.Series:
    """Nineteen digits: city, day, number within the day."""
    frame = pl.DataFrame({"day": begun // 86400})
    number = pl.int_range(1, pl.len() + 1).over("day").cast(pl.String).str.zfill(5)
    day = pl.from_epoch("day", time_unit="d").dt.strftime("%Y%m%d")
    return frame.select(number="320200" + day + number).to_series()


def instants(steps: dict[str, Seconds]) -> list[pl.Expr | pl.Series]:
    """Arrays of instants as columns."""
    return [pl.Series(name, values, dtype=pl.Int64) for name, values in steps.items()]


def without_never(names: tuple[str, ...]) -> list[pl.Expr]:
    """The columns of instants, null for a step that never comes."""
    return [pl.when(pl.col(name) < int(NEVER)).then(name).alias(name) for name in names]


def midnight_after(day: date) -> int:
    """The instant at which a day ends."""
    return ((day - date(1970, 1, 1)).days + 1) * 86400


def _instant(name: str) -> pl.Expr:
    return pl.from_epoch(pl.col(name), time_unit="s").alias(name)
