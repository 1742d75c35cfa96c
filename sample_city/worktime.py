"""The working clock that the synthetic city's offices live by: 09:00-12:00 and 13:30-17:30 on workdays.

Used only to place the synthetic handling of a case before or after its deadline. The deadlines that count are
computed in dbt; keeping the two apart lets one check the other.
"""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

import chinese_calendar
import numpy as np
import numpy.typing as npt

from sample_city.identifiers import Mask

HOURS_A_DAY = 7
_SECONDS_A_DAY = HOURS_A_DAY * 3600
_MORNING = (9 * 3600, 12 * 3600)
_AFTERNOON = (13 * 3600 + 1800, 17 * 3600 + 1800)
_LUNCH = _AFTERNOON[0] - _MORNING[1]

Seconds = npt.NDArray[np.int64]
"""Seconds since 1970-01-01 00:00 on the local clock."""


@dataclass(frozen=True)
class WorkingClock:
    """Working seconds since the first day, both ways."""

    first: int
    """The first day, in days since 1970-01-01."""
    is_workday: Mask
    before: Seconds
    """Working seconds before each day begins, one entry more than days."""

    @classmethod
    def between(cls, start: date, end: date) -> "WorkingClock":
        """A clock for these days; beyond the years that are known, Saturdays and Sundays are free."""
        days = [start + timedelta(days=number) for number in range((end - start).days + 1)]
        is_workday = np.array([_is_workday(day) for day in days])
        before = np.concatenate([[0], np.cumsum(is_workday * _SECONDS_A_DAY)])
        return cls((start - date(1970, 1, 1)).days, is_workday, before)

    def worked(self, at: Seconds) -> Seconds:
        """Working seconds from the first day until these instants."""
        day = np.clip(at // 86400 - self.first, 0, len(self.is_workday) - 1)
        second = at % 86400
        morning = np.clip(second, *_MORNING) - _MORNING[0]
        afternoon = np.clip(second, *_AFTERNOON) - _AFTERNOON[0]
        return self.before[day] + self.is_workday[day] * (morning + afternoon)

    def reached(self, worked: Seconds) -> Seconds:
        """The instants at which so many working seconds have passed."""
        day = np.clip(np.searchsorted(self.before, worked, side="left") - 1, 0, len(self.is_workday) - 1)
        rest = worked - self.before[day]
        second = _MORNING[0] + rest + np.where(rest > _MORNING[1] - _MORNING[0], _LUNCH, 0)
        return (self.first + day) * 86400 + second


def _is_workday(day: date) -> bool:
    try:
        return chinese_calendar.is_workday(day)
    except NotImplementedError:
        return day.weekday() < calendar.SATURDAY
