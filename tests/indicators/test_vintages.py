"""A figure once shown is kept; one that was never shown is not."""

from datetime import date
from typing import TYPE_CHECKING

from citylake.lake.publications import record
from citylake.lake.zones import Zones

if TYPE_CHECKING:
    from tests.indicators.conftest import Cell, City

FIRST, SECOND, THIRD = "20261101T180000Z-0001", "20261102T180000Z-0002", "20261103T180000Z-0003"
DUE = ("a", date(2026, 9, 15), "320205001", "urban_management", True, False, False)


def publish(city: "City", run_id: str) -> None:
    record(Zones.of(city.settings), "publication", run_id, by="test")


def vintages(city: "City") -> list[tuple["Cell", ...]]:
    return city.rows(
        """
        select run_id, numerator, denominator, value from city.indicator.indicator_vintage
        where indicator_id = 'G08' and region_code = '320200' and period_start = '2026-09-01'
            and department_code is null
        order by run_id
        """
    )


def test_restated_figures_stay_beside_the_new_ones_and_unchanged_ones_are_not_repeated(city: "City") -> None:
    # Rule 7. Guards against a history that is overwritten, and one that grows by every value every night.
    city.add("governance.fct_urban_case_due", [DUE])
    city.evaluate(FIRST)
    publish(city, FIRST)
    assert city.evaluate(SECOND)["vintages_appended"] == 0
    publish(city, SECOND)
    assert vintages(city) == [(FIRST, 0, 1, 0)]
    # A corrected delivery says that the case was closed in time after all: it restates a past period.
    city.run("update city.governance.fct_urban_case_due set is_closed = true, is_closed_on_time = true")
    # G08 and G09 for city, district and street, each for all departments and for the one: 2 × 3 × 2.
    assert city.evaluate(THIRD)["vintages_appended"] == 12
    assert vintages(city) == [(FIRST, 0, 1, 0), (THIRD, 1, 1, 100)]


def test_closing_a_case_later_changes_no_past_period(city: "City") -> None:
    # Rule 3. Guards against an evaluation that looks at how cases stand today instead of at the end of their month.
    case = ("a", "event", "320205001", "urban_management", date(2026, 9, 1), None, None)
    city.add("governance.fct_urban_case", [case])
    city.add("governance.fct_urban_case_due", [DUE])
    city.evaluate(FIRST, as_of=date(2026, 9, 30))
    publish(city, FIRST)
    city.run("update city.governance.fct_urban_case set handled_date = '2026-10-02', handling_working_hours = 9")
    city.evaluate(SECOND, as_of=date(2026, 10, 31))
    assert vintages(city) == [(FIRST, 0, 1, 0)]
    assert city.figures("G08", month=date(2026, 9, 1)) == (0, 1, 0)
    assert city.figures("G13") == (9, 1, 9)


def test_a_run_that_was_never_published_leaves_no_vintage(city: "City") -> None:
    # Guards against figures of a failed audit that nobody ever saw, but that the history shows.
    city.add("governance.fct_urban_case_due", [DUE])
    city.evaluate(FIRST)
    publish(city, FIRST)
    city.run("update city.governance.fct_urban_case_due set is_closed = true")
    city.evaluate(SECOND)
    city.run("update city.governance.fct_urban_case_due set is_closed = false")
    assert city.evaluate(THIRD)["vintages_appended"] == 0
    assert vintages(city) == [(FIRST, 0, 1, 0)]


def test_evaluating_a_run_twice_is_evaluating_it_once(city: "City") -> None:
    # Guards the retry of a step: two vintages of one key and run.
    city.add("governance.fct_urban_case_due", [DUE])
    first = city.evaluate(FIRST)
    assert first["vintages_appended"] == first["values"]
    city.run("update city.governance.fct_urban_case_due set is_closed = true")
    assert city.evaluate(FIRST)["vintages_appended"] == first["values"]
    assert vintages(city) == [(FIRST, 1, 1, 100)]
