"""Urban management cases of the synthetic city, from report to closure.

Every case is lived through to its end here, future included; ``lives`` shows what was known of it at the end of a
day. A city does not begin with its data: cases of the months before the history are lived through too.
"""

from datetime import timedelta

import numpy as np
import polars as pl

from sample_city import rates
from sample_city.identifiers import Integers, Mask, phones
from sample_city.lives import NEVER, Life, Period, draw_beginnings, instants, numbered_by_day, without_never
from sample_city.persons import People
from sample_city.regions import Regions, draw_points
from sample_city.worktime import HOURS_A_DAY, Seconds, WorkingClock

# category, main class, sub-class, department, what it is, unit, limit, weight
_CLASSES: tuple[tuple[str, str, str, str, str, str, int, int], ...] = (
    ("event", "01", "01", "urban_management", "暴露垃圾", "work_hour", 4, 150),
    ("event", "01", "04", "urban_management", "道路不洁", "work_hour", 6, 90),
    ("event", "01", "07", "housing_construction", "建筑垃圾堆放", "work_day", 2, 60),
    ("event", "02", "01", "urban_management", "非法小广告", "work_hour", 7, 80),
    ("event", "02", "03", "urban_management", "占道广告牌", "work_day", 1, 40),
    ("event", "03", "02", "housing_construction", "工地扬尘", "urgent_hour", 4, 45),
    ("event", "03", "05", "housing_construction", "施工占道", "work_day", 3, 30),
    ("event", "04", "01", "water", "道路积水", "urgent_hour", 2, 30),
    ("event", "04", "03", "power_supply", "架空线缆垂落", "urgent_hour", 3, 20),
    ("event", "05", "01", "urban_management", "无照经营游商", "work_hour", 3, 140),
    ("event", "05", "02", "urban_management", "店外经营", "work_hour", 5, 110),
    ("event", "05", "05", "public_security", "机动车乱停放", "work_hour", 2, 90),
    ("event", "06", "01", "transport", "路面塌陷", "urgent_hour", 8, 15),
    ("event", "06", "04", "ecology_environment", "夜间噪声", "natural_day", 1, 40),
    ("component", "01", "03", "water", "雨水井盖破损", "urgent_hour", 12, 12),
    ("component", "01", "24", "power_supply", "路灯不亮", "natural_day", 2, 12),
    ("component", "02", "05", "transport", "交通护栏缺损", "work_day", 5, 10),
    ("component", "03", "08", "urban_management", "公厕设施损坏", "work_day", 3, 6),
    ("component", "04", "01", "gardens_greening", "行道树倒伏", "natural_day", 3, 8),
    ("component", "04", "06", "gardens_greening", "绿地护栏破损", "natural_day", 7, 6),
)
_CLASS_COLUMNS = (
    "category_code",
    "big_class_code",
    "small_class_code",
    "department_code",
    "title",
    "time_limit_type",
    "time_limit_value",
    "weight",
)
# More in summer, fewer around the Spring Festival.
_MONTHS = np.array([0.88, 0.72, 0.95, 1.02, 1.06, 1.12, 1.18, 1.16, 1.05, 0.98, 0.95, 0.93])
_WEEKDAYS = np.array([1.12, 1.08, 1.05, 1.05, 1.06, 0.86, 0.78])
_HOURS = np.array([2, 1, 1, 1, 1, 3, 10, 30, 65, 95, 100, 80, 45, 60, 85, 95, 85, 60, 40, 35, 30, 22, 12, 5])
_SPELL = 12 * 86400
LIFE = Life(("reported_at", "filed_at", "dispatched_at", "suspended_at", "resumed_at", "handled_at", "closed_at"))


def make_cases(
    rng: np.random.Generator, people: People, regions: Regions, residents: int, period: Period
) -> pl.DataFrame:
    """All cases reported in the period, one row each: facts, place, and the instants of :data:`LIFE`.

    ``due_at`` is beside them as the truth.
    """
    total = round(rates.CASES_PER_RESIDENT_MONTH * residents * period.days / 30.4375)
    reported = draw_beginnings(rng, period, total, months=_MONTHS, weekdays=_WEEKDAYS, hours=_HOURS)
    count = len(reported)
    classes = pl.DataFrame(_CLASSES, schema=list(_CLASS_COLUMNS), orient="row")
    weights = classes["weight"].to_numpy()
    facts = classes.drop("weight")[rng.choice(classes.height, size=count, p=weights / weights.sum())]
    steps = _live(rng, facts, reported, period)
    place = regions.at(regions.draw(rng, count))
    return facts.with_columns(
        numbered_by_day(reported).alias("case_code"),
        pl.Series("source_code", list(rates.CASE_SOURCES)).gather(
            rng.choice(len(rates.CASE_SOURCES), size=count, p=list(rates.CASE_SOURCES.values()))
        ),
        _located(rng, place),
        *_positions(rng, place),
        *instants(steps),
    ).with_columns(
        *without_never(tuple(steps)),
        *_told_by(rng, people, place, count),
    )


def _live(rng: np.random.Generator, facts: pl.DataFrame, reported: Seconds, period: Period) -> dict[str, Seconds]:
    """The instants of each case's life, :data:`NEVER` for those that never come, and its deadline."""
    count = len(reported)
    clock = WorkingClock.between(period.start, period.end + timedelta(days=400))
    filed = reported + rng.exponential(1500, count).astype(np.int64) + 60
    dispatched = filed + rng.exponential(1200, count).astype(np.int64) + 30
    is_working = facts["time_limit_type"].is_in(["work_hour", "work_day"]).to_numpy()
    due = _due(clock, filed, _limits(facts), is_working, np.zeros(count, np.int64))
    is_suspended = rng.random(count) < rates.CASE_SUSPENDED
    suspended = dispatched + (np.maximum(due - dispatched, 600) * rng.uniform(0.1, 0.6, count)).astype(np.int64)
    resumed = suspended + rng.integers(4 * 3600, _SPELL // 2, count)
    paused = np.where(is_working, clock.worked(resumed) - clock.worked(suspended), resumed - suspended)
    due = np.where(is_suspended, _due(clock, filed, _limits(facts), is_working, paused), due)
    handled, closed = _ends(rng, np.where(is_suspended, resumed, dispatched), due)
    is_filed = rng.random(count) >= rates.CASE_NOT_FILED
    steps = {
        "filed_at": np.where(is_filed, filed, NEVER),
        "dispatched_at": np.where(is_filed, dispatched, NEVER),
        "suspended_at": np.where(is_filed & is_suspended, suspended, NEVER),
        "resumed_at": np.where(is_filed & is_suspended, resumed, NEVER),
        "handled_at": np.where(is_filed, handled, NEVER),
        "closed_at": np.where(is_filed, closed, NEVER),
        "due_at": np.where(is_filed, due, NEVER),
    }
    return {"reported_at": reported, **steps}


def _limits(facts: pl.DataFrame) -> Seconds:
    """The time limit in seconds of its own clock."""
    unit = pl.col("time_limit_type").replace_strict(
        {"urgent_hour": 3600, "work_hour": 3600, "work_day": HOURS_A_DAY * 3600, "natural_day": 86400}
    )
    return facts.select(unit * pl.col("time_limit_value")).to_series().to_numpy()


def _due(clock: WorkingClock, filed: Seconds, limit: Seconds, is_working: Mask, paused: Seconds) -> Seconds:
    return np.where(is_working, clock.reached(clock.worked(filed) + limit + paused), filed + limit + paused)


def _ends(rng: np.random.Generator, ready: Seconds, due: Seconds) -> tuple[Seconds, Seconds]:
    """When cases are handled and closed: most before the deadline, some after, a few much later."""
    count = len(due)
    room = np.maximum(due - ready, 300)
    fate = rng.random(count)
    in_time = fate < rates.CASE_CLOSED_ON_TIME
    is_late = ~in_time & (fate < rates.CASE_CLOSED_ON_TIME + rates.CASE_CLOSED_LATE)
    early_end = ready + (room * rng.beta(2.0, 2.5, count)).astype(np.int64)
    on_time_close = early_end + ((due - early_end) * rng.uniform(0.05, 0.95, count)).astype(np.int64)
    late = due + 600 + rng.lognormal(10.8, 0.9, count).astype(np.int64)
    shortest, longest = rates.CASE_OVERDUE_DAYS
    much_later = due + rng.integers(shortest * 86400, longest * 86400, count)
    handled_first = is_late & (rng.random(count) < rates.CASE_HANDLED_ON_TIME_CLOSED_LATE)
    closed = np.where(in_time, np.maximum(on_time_close, early_end), np.where(is_late, late, much_later))
    handled = np.where(in_time | handled_first, early_end, closed - rng.integers(60, 3600, count))
    handled = np.maximum(handled, ready)
    return handled, np.maximum(closed, handled)


def _located(rng: np.random.Generator, place: pl.DataFrame) -> pl.Series:
    """The division as finely as the case was located."""
    frame = place.with_columns(chance=pl.Series(rng.random(place.height)))
    unlocated, district = rates.CASE_UNLOCATED, rates.CASE_UNLOCATED + rates.CASE_DISTRICT_ONLY
    return frame.select(
        region_code=pl.when(pl.col("chance") < unlocated)
        .then(None)
        .when(pl.col("chance") < district)
        .then("district_code")
        .when(pl.col("chance") < district + rates.CASE_STREET_ONLY)
        .then("street_code")
        .otherwise("community_code")
    ).to_series()


def _positions(rng: np.random.Generator, place: pl.DataFrame) -> list[pl.Series]:
    """A point in the case's district, for nearly all cases."""
    axes = draw_points(rng, place["district_code"])
    has_position = pl.Series(rng.random(place.height) >= rates.CASE_WITHOUT_POSITION)
    return [
        pl.select(pl.when(has_position).then(pl.Series(axis))).to_series().alias(name)
        for name, axis in zip(("longitude", "latitude"), axes, strict=True)
    ]


def _told_by(rng: np.random.Generator, people: People, place: pl.DataFrame, count: int) -> list[pl.Expr]:
    """The reporter's phone and the description; where the public reports, the text names the caller, as it does."""
    caller: Integers = rng.integers(len(people), size=count)
    is_public = pl.col("source_code") == "public"
    gives_phone = pl.Series(rng.random(count) < rates.CASE_PHONE)
    text = pl.format("【合成数据】{}{}附近有{}", place["street_name"], place["community_name"], "title")
    told = pl.format(
        "【合成数据】市民{}来电：{}{}附近有{}",
        people.names(caller),
        place["street_name"],
        place["community_name"],
        "title",
    )
    return [
        pl.when(is_public & gives_phone).then(phones(people.phone[caller])).alias("reporter_phone"),
        pl.when(is_public).then(told).otherwise(text).alias("description"),
    ]
