"""What the indicators come to: one golden figure each, worked out by hand, and the rules that hold for all of them."""

from datetime import date
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

import pytest

from citylake.indicators.evaluate import LARGE_DENOMINATOR
from citylake.lake.errors import UsageError

if TYPE_CHECKING:
    from tests.indicators.conftest import Cell, City

AUGUST, SEPTEMBER, OCTOBER = date(2026, 8, 15), date(2026, 9, 15), date(2026, 10, 15)


def due(
    name: str, region: str | None, counts: tuple[int, int, int, int], day: date = OCTOBER
) -> list[tuple["Cell", ...]]:
    """Cases fallen due on a day: (how many, of which the first so many handled on time, closed, closed on time)."""
    total, handled, closed, on_time = counts
    return [(f"{name}{n}", day, region, "urban_management", n < handled, n < closed, n < on_time) for n in range(total)]


def filed(
    name: str, region: str | None, count: int, department: str | None = "urban_management"
) -> list[tuple["Cell", ...]]:
    return [(f"{name}{n}", "event", region, department, OCTOBER, None, None) for n in range(count)]


def test_the_published_month_comes_out_as_published(city: "City") -> None:
    # A rate over the cases filed would give 911 / 996 = 91.47 %; one over the cases closed 737 / 911 = 80.90 %.
    # Published, of a city in 2016-12: filed 996 (events 971, components 25); should close 972 (956, 16);
    # closed 911 (902, 9); on time 737. Here the events lie in one district and the components in another.
    city.add("governance.fct_urban_case", filed("e", "320205001", 971) + filed("c", "320206001", 25))
    city.add(
        "governance.fct_urban_case_due",
        due("e", "320205001", (956, 0, 902, 737)) + due("c", "320206001", (16, 0, 9, 0)),
    )
    city.evaluate()
    assert city.figures("G01") == (996, None, 996)
    assert city.figures("G08") == (911, 972, 93.7243)  # 911 / 972 = 0.937243: published as 93.72 %
    assert city.figures("G09") == (737, 972, 75.823)  # 737 / 972 = 0.758230: published as 75.82 %
    assert city.figures("G08", "320205") == (902, 956, 94.3515)  # 902 / 956 = 0.943515: published as 94.35 %
    assert city.figures("G08", "320206") == (9, 16, 56.25)  # 9 / 16
    assert city.figures("G01", "320206001") == (25, None, 25)


def test_governance_figures_are_those_worked_out_by_hand(city: "City") -> None:
    # Guards numerator, denominator, month and department of each metric, and that means are never averaged.
    city.add("governance.fct_urban_case_due", due("d", "320205001", (4, 3, 4, 2)))
    city.add("governance.fct_urban_case_due", due("s", "320205001", (5, 5, 5, 5), day=date(2026, 9, 30)))
    city.add(
        "governance.fct_urban_case",
        [
            # Filed in September, handled in October: counts there and there. Handling 2.5 h and 5 h.
            ("a", "event", "320205001", "urban_management", SEPTEMBER, date(2026, 10, 1), 2.5),
            ("b", "event", "320205001", "urban_management", SEPTEMBER, date(2026, 10, 31), 5.0),
            # Handled in October by another department in another district: 12 h.
            ("c", "event", "320206001", "water", OCTOBER, OCTOBER, 12.0),
            # Never dispatched, so its handling time is unknown; not yet handled; not filed.
            ("d", "event", "320206001", "water", OCTOBER, OCTOBER, None),
            ("e", "event", "320206001", "water", OCTOBER, None, None),
            ("f", "event", "320206001", "water", None, None, None),
        ],
    )
    city.add(
        "governance.fct_urban_case_backlog",
        [
            ("b", date(2026, 9, 1), "320205001", "urban_management"),
            ("b", date(2026, 10, 1), "320205001", "water"),
            ("d", date(2026, 10, 1), "320206001", "water"),
            ("e", date(2026, 10, 1), "320206-U", "water"),
        ],
    )
    city.evaluate()
    assert city.figures("G07") == (3, 4, 75)
    assert city.figures("G08") == (4, 4, 100)
    assert city.figures("G09") == (2, 4, 50)
    assert city.figures("G09", month=date(2026, 9, 1)) == (5, 5, 100)
    assert city.figures("G01", month=date(2026, 9, 1)) == (2, None, 2)
    assert city.figures("G01") == (3, None, 3)  # c, d, e
    assert city.figures("G13") == (19.5, 3, 6.5)  # (2.5 + 5 + 12) / 3; the mean of the means would be 7.875
    assert city.figures("G13", "320205") == (7.5, 2, 3.75)
    assert city.figures("G13", department="water") == (12, 1, 12)
    assert city.figures("G14") == (3, None, 3)
    assert city.figures("G14", month=date(2026, 9, 1)) == (1, None, 1)
    assert city.figures("G14", "320206", department="water") == (2, None, 2)


def test_economy_and_exchange_figures_are_those_worked_out_by_hand(city: "City") -> None:
    # Guards the stock at the start (not the end) under E03, per 100,000 under E04, and what counts as delivered in D01.
    month = date(2026, 10, 1)
    city.add(
        "economy.fct_entity_month",
        # new, cancelled, active at the end, active at the start
        [(month, "320205001001", 3, 1, 22, 20), (month, "320206", 1, 1, 30, 30), (month, "320205002", 0, 0, 8, 0)],
    )
    city.add("base.fct_population_month", [(month, "320205001001", 9_000), (month, "320206001", 15_000)])
    city.add(
        "exchange.fct_delivery",
        [
            ("d1", "market_supervision.entity_register", "market_supervision", OCTOBER, "in_force", 100),
            ("d2", "market_supervision.entity_register", "market_supervision", OCTOBER, "superseded", 99),
            ("d3", "market_supervision.entity_register", "market_supervision", SEPTEMBER, "in_force", 70),
            ("d4", "urban_management.urban_case", "urban_management", OCTOBER, "in_force", 11),
            ("d5", "urban_management.urban_case", "urban_management", OCTOBER, "withdrawn", 12),
            ("d6", "urban_management.urban_case", "urban_management", OCTOBER, "refused", 0),
            ("d7", "urban_management.urban_case", "urban_management", OCTOBER, "outdated", 5),
        ],
    )
    city.evaluate()
    assert city.figures("E02") == (4, None, 4)
    assert city.figures("E02", "320205001") == (3, None, 3)  # the community counts in its street
    assert city.figures("E03") == (2, 50, 4)  # (3 + 1 − 1 − 1) / (20 + 30) = 4 %
    assert city.figures("E03", "320206") == (0, 30, 0)
    assert city.figures("E04") == (60, 24_000, 250)  # 60 / 24,000 × 100,000
    assert city.figures("E04", "320205") == (30, 9_000, 333.3333)
    assert city.figures("D01") == (116, None, 116)  # 100 + 11 + 5
    assert city.figures("D01", department="urban_management") == (16, None, 16)
    assert city.figures("D01", month=date(2026, 9, 1)) == (70, None, 70)
    assert city.figures("D01", "320205") is None  # deliveries have no place


def test_a_zero_denominator_gives_no_value_and_no_rows_give_zero(city: "City") -> None:
    # Guards against 0 % or 100 % where nothing fell due, and against regions that vanish when nothing happened there.
    city.add("governance.fct_urban_case_due", due("d", "320205001", (1, 0, 0, 0)))
    city.evaluate()
    assert city.figures("G08", "320206") == (0, 0, None)
    assert city.figures("G08", "320205") == (0, 1, 0)
    assert city.figures("G01", "320206001", month=date(2025, 9, 1)) == (0, None, 0)
    assert city.figures("E04") == (0, 0, None)


def test_periods_are_the_fourteen_months_back_and_the_current_one(city: "City") -> None:
    # Guards the window's edges, and that the month under way is not taken for a complete one.
    city.evaluate(as_of=date(2026, 10, 30))
    periods = city.rows(
        "select distinct period_start, period_end, is_complete from city.indicator.indicator_value order by all"
    )
    assert len(periods) == 15
    assert periods[0] == (date(2025, 8, 1), date(2025, 8, 31), True)
    assert periods[-1] == (date(2026, 10, 1), date(2026, 10, 31), False)
    city.evaluate(as_of=date(2026, 10, 31))
    assert city.rows("select max(period_start) from city.indicator.indicator_value where is_complete") == [
        (date(2026, 10, 1),)
    ]


def test_a_region_that_is_no_more_has_no_values(city: "City") -> None:
    # Guards against rows for districts dissolved years before, and against losing those that facts still name.
    city.add("governance.fct_urban_case", filed("a", "320205001", 1))
    city.evaluate()
    assert city.figures("G01", "320202") is None
    city.add("governance.fct_urban_case", filed("b", "320202", 1))
    city.evaluate()
    assert city.figures("G01", "320202") == (1, None, 1)
    assert city.figures("G01") == (2, None, 2)


def test_what_nobody_delivered_is_not_zero(city: "City") -> None:
    # Guards against "0 cases filed" on a leader's screen when the urban management bureau delivers nothing at all.
    # Its targets stay what they are: they are no targets of unknown indicators.
    city.run(
        "delete from city.exchange.fct_delivery where department_code not in ('market_supervision', 'public_security')"
    )
    city.add("indicator.indicator_target", [("G08", "320200", 95.0, "up", "x", AUGUST, "x", AUGUST, None)])
    city.evaluate()
    found = city.rows("select distinct indicator_id from city.indicator.indicator_value order by all")
    assert found == [("D01",), ("E02",), ("E03",), ("E04",)]
    assert city.rows("select count(*) from city.indicator.dim_indicator") == [(20,)]


def test_months_before_the_first_delivery_have_no_rows_taken_in(city: "City") -> None:
    # Guards against "0 rows taken in" for months in which nobody was asked to deliver; a month without a delivery
    # between others is a true 0, and so is one in which everything was refused. What was withdrawn never came.
    city.run("delete from city.exchange.fct_delivery")
    entities, cases = "market_supervision", "urban_management"
    city.add(
        "exchange.fct_delivery",
        [
            ("d1", f"{entities}.entity_register", entities, AUGUST, "in_force", 70),
            ("d2", f"{entities}.entity_register", entities, date(2026, 7, 1), "withdrawn", 60),
            ("d3", f"{cases}.urban_case", cases, OCTOBER, "refused", 0),
            ("d4", "natural_resources.archive", "natural_resources", date(1997, 12, 31), "in_force", 1),
        ],
    )
    # An archive that comes at no fixed time, of years long past, is no beginning.
    city.add("exchange.dim_dataset", [("natural_resources.archive", None)])
    city.evaluate()
    assert city.figures("D01", month=date(2026, 7, 1)) is None
    assert city.figures("D01", month=date(2026, 8, 1)) == (70, None, 70)
    assert city.figures("D01", month=date(2026, 9, 1)) == (0, None, 0)
    assert city.figures("D01", month=date(2026, 9, 1), department=cases) is None
    assert city.figures("D01", department=cases) == (0, None, 0)


def test_an_archive_alone_counts_from_its_own_first_day(city: "City") -> None:
    # Would catch a city of night lights alone that is never released: the current month must have a value.
    city.run("delete from city.exchange.fct_delivery")
    archive = ("d4", "natural_resources.archive", "natural_resources", AUGUST, "in_force", 1)
    city.add("exchange.fct_delivery", [archive])
    city.add("exchange.dim_dataset", [("natural_resources.archive", None)])
    city.evaluate()
    assert city.figures("D01", month=date(2026, 8, 1)) == (1, None, 1)
    assert city.figures("D01") == (0, None, 0)


def test_a_case_without_place_or_department_is_counted_once_in_the_city(city: "City") -> None:
    # Guards against facts that a join loses: no region, a region that dim_region does not know, no department.
    city.add(
        "governance.fct_urban_case",
        filed("a", None, 1) + filed("b", "999999", 1) + filed("c", "320205", 1) + filed("d", "320205001001", 1, None),
    )
    city.evaluate()
    assert city.figures("G01") == (4, None, 4)
    assert city.figures("G01", "320200-U") == (2, None, 2)
    assert city.figures("G01", "320200-U-U") == (2, None, 2)
    assert city.figures("G01", "320205-U") == (1, None, 1)
    assert city.figures("G01", "320205001") == (1, None, 1)
    assert city.figures("G01", department="urban_management") == (3, None, 3)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_city_is_exactly_the_sum_of_its_districts_and_of_its_streets(city: "City", seed: int) -> None:
    # Rule 9. Guards against double counting, lost unallocated members, averaged rates, and sums that depend on order.
    random = Random(seed)
    places = ["320200", "320205", "320205-U", "320205001", "320205001001", "320206001", "320202", None, "777"]
    departments = ["urban_management", "water", None]
    hours = [random.randint(0, 10**8) / 10**6 for _ in range(300)]
    city.add(
        "governance.fct_urban_case",
        [
            (str(n), "event", random.choice(places), random.choice(departments), OCTOBER, OCTOBER, hour)
            for n, hour in enumerate(hours)
        ],
    )
    for n, place in enumerate(places):
        counts = (random.randint(5, 9), *(random.randint(0, 5) for _ in range(3)))
        city.add("governance.fct_urban_case_due", due(f"{n}-", place, counts))  # type: ignore[arg-type]
    city.evaluate()
    sums = city.rows(
        """
        select indicator_id, period_start, department_code,
            sum(numerator::decimal(38, 6)), sum(denominator::decimal(38, 6))
        from city.indicator.indicator_value
        inner join city.indicator.dim_indicator using (indicator_id)
        where indicator_id <> 'D01' and roll_up = 'sum'
        group by indicator_id, period_start, department_code, region_level
        """
    )
    for row in set(sums):
        assert sums.count(row) == 3, row
    assert city.figures("G13") == (float(sum(Decimal(str(hour)) for hour in hours)), 300, round(sum(hours) / 300, 4))


def test_exactly_100_percent_over_a_large_denominator_is_flagged(city: "City") -> None:
    # Rule 8. Guards against a flag on every small street, on counts, and on 99.9 %.
    enough = LARGE_DENOMINATOR
    city.add("governance.fct_urban_case", filed("f", "320205001", enough))
    city.add(
        "governance.fct_urban_case_due",
        [
            *due("a", "320205001", (enough, enough, enough - 1, 0)),
            *due("b", "320206001", (enough - 1, enough - 1, enough - 1, enough - 1)),
            *due("c", "320205-U", (1, 0, 0, 0)),
        ],
    )
    assert city.evaluate()["flagged_100"] == 2
    flagged = city.rows(
        "select indicator_id, region_code, department_code from city.indicator.indicator_value where is_flagged_100"
    )
    assert sorted(flagged, key=str) == [("G07", "320205001", "urban_management"), ("G07", "320205001", None)]


def test_no_rate_passes_100_percent(city: "City") -> None:
    # Guards the subset: on-time cases are counted among those that fell due in the same month, never beside them.
    city.add(
        "governance.fct_urban_case_due",
        due("a", "320205001", (3, 3, 3, 3)) + due("b", "320205001", (2, 2, 2, 2), SEPTEMBER),
    )
    city.evaluate()
    found = city.rows(
        "select max(value) from city.indicator.indicator_value "
        "inner join city.indicator.dim_indicator using (indicator_id) where unit = '%'"
    )
    assert found == [(100,)]


def test_a_target_holds_from_to_and_is_handed_down_to_places_without_their_own(city: "City") -> None:
    # Rule 6. Guards a target that lights up months before it was set, and a street held to what a whole city owes.
    city.add(
        "indicator.indicator_target",
        [
            ("G08", "320200", 90.0, "up", "市政府", date(2025, 12, 1), "文件一", date(2026, 1, 1), date(2026, 10, 1)),
            ("G08", "320200", 95.0, "up", "市政府", date(2026, 9, 1), "文件二", date(2026, 10, 1), None),
            ("G08", "320205", 97.0, "up", "区政府", date(2026, 9, 1), "文件三", date(2026, 10, 1), None),
            ("E02", "320200", 500.0, "up", "市政府", date(2026, 9, 1), "文件四", date(2026, 10, 1), None),
        ],
    )
    city.add("governance.fct_urban_case_due", due("a", "320205001", (1, 1, 1, 1)))
    city.evaluate()

    def target(indicator_id: str, region: str, month: date = date(2026, 10, 1)) -> "Cell":
        [(value,)] = city.rows(
            "select target from city.indicator.indicator_value where department_code is null and indicator_id = ? "
            "and region_code = ? and period_start = ?",
            *(indicator_id, region, month),
        )
        return value

    assert target("G08", "320200") == 95
    assert target("G08", "320200", date(2026, 9, 1)) == 90
    assert target("G08", "320200", date(2025, 12, 1)) is None
    assert target("G08", "320205001") == 97
    assert target("G08", "320206001") == 95
    assert target("E02", "320200") == 500
    assert target("E02", "320205") is None
    assert target("G09", "320200") is None
    assert city.rows(
        "select count(*) from city.indicator.indicator_value where target is not null and department_code is not null"
    ) == [(0,)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("G99", "up", date(2026, 1, 1), None)], "no such indicator"),
        ([("G08", "down", date(2026, 1, 1), None)], "opposite"),
        ([("G08", "up", date(2026, 1, 1), date(2026, 1, 1))], "ends before it begins"),
        ([("G08", "up", date(2026, 1, 1), None), ("G08", "up", date(2026, 5, 1), None)], "same day"),
        ([("G08", "up", date(2026, 1, 1), None), ("G08", "up", date(2026, 1, 1), None)], "same day"),
    ],
)
def test_a_target_that_makes_no_sense_stops_the_evaluation(
    city: "City", rows: list[tuple[str, str, date, date | None]], reason: str
) -> None:
    # Guards against a traffic light on a misspelt indicator, or one of two contradicting targets winning by chance.
    city.add(
        "indicator.indicator_target",
        [(who, "320200", 90.0, direction, "x", first, "x", first, last) for who, direction, first, last in rows],
    )
    with pytest.raises(UsageError, match=reason):
        city.evaluate()
    assert city.rows("select 1 from duckdb_tables() where table_name = 'indicator_value'") == []


def test_every_table_and_column_is_commented(city: "City") -> None:
    # Guards what analysts read: a column added without saying what it is.
    city.evaluate()
    silent = city.rows(
        "select table_name, column_name from duckdb_columns() where database_name = 'city' "
        "and schema_name = 'indicator' and table_name <> 'indicator_target' and comment is null"
    )
    assert silent == []
