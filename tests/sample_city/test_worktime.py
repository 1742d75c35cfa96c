"""The working clock that places the handling of synthetic cases."""

from datetime import UTC, date, datetime

import numpy as np

from sample_city.worktime import WorkingClock


def _at(*texts: str) -> np.ndarray:
    return np.array([int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) for text in texts])


# 2026-10-01 to 07 are statutory holidays; 2026-10-10 is a Saturday worked in exchange. Would catch either.
def test_the_clock_stands_still_on_holidays_and_runs_on_make_up_days() -> None:
    clock = WorkingClock.between(date(2026, 9, 28), date(2026, 10, 20))
    begin, end = clock.worked(_at("2026-09-30 17:30", "2026-10-08 09:00"))
    assert begin == end
    begin, end = clock.worked(_at("2026-10-10 09:00", "2026-10-10 17:30"))
    assert end - begin == 7 * 3600


# Would catch a lunch that counts as work.
def test_lunch_does_not_count() -> None:
    clock = WorkingClock.between(date(2026, 10, 12), date(2026, 10, 16))
    begin, end = clock.worked(_at("2026-10-12 11:30", "2026-10-12 14:00"))
    assert end - begin == 3600


# Would catch a deadline that falls into the night, the lunch or the weekend.
def test_what_is_worked_is_reached_within_working_hours() -> None:
    clock = WorkingClock.between(date(2026, 10, 12), date(2026, 10, 31))
    worked = np.arange(1, 40) * 3600
    reached = clock.reached(worked)
    assert (clock.worked(reached) == worked).all()
    assert set((reached // 86400 + 3) % 7) <= {0, 1, 2, 3, 4}


# Would catch an error where the holidays are not published yet.
def test_beyond_the_known_calendar_weekends_are_free() -> None:
    clock = WorkingClock.between(date(2040, 1, 2), date(2040, 1, 8))
    assert clock.is_workday.tolist() == [True] * 5 + [False] * 2
