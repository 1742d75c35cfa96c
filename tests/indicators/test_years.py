"""Indicators by year: what was measured, and nothing for years that were not."""

from datetime import date

from tests.indicators.conftest import Cell, City
from tests.indicators.test_vintages import FIRST, SECOND, publish

URBAN = "urban.fct_urban_growth_year"


def _measured(city: City) -> None:
    """1997, 2002 and this year of the city."""
    rows: list[tuple[Cell, ...]] = [
        ("320200", "city", date(1997, 1, 1), 100.0, None, None, None, 1.25, "synthetic"),
        ("320200", "city", date(2002, 1, 1), 150.0, 50.0, 5, 8000.0, 1.125, "synthetic"),
        ("320200", "city", date(2026, 1, 1), 246.0, 96.0, 24, 38400.0, None, "synthetic"),
    ]
    city.add(URBAN, rows)


def _values(city: City, indicator_id: str) -> list[tuple[Cell, ...]]:
    return city.rows(
        "select year(period_start), round(value, 6) from city.indicator.indicator_value "
        "where indicator_id = ? and period_type = 'year' and region_code = '320200' order by all",
        indicator_id,
    )


def test_a_yearly_indicator_has_the_years_that_were_measured_and_no_other(city: City) -> None:
    # Would catch a year without composites shown as one without a city, and growth since nothing.
    _measured(city)
    city.evaluate()
    assert _values(city, "E14") == [(1997, 100), (2002, 150), (2026, 246)]
    assert _values(city, "E15") == [(2002, 10), (2026, 4)]
    assert _values(city, "E16") == [(2002, 0.625), (2026, 0.25)]
    assert _values(city, "E17") == [(1997, 1.25), (2002, 1.125)]


def test_a_year_ends_on_its_last_day_and_is_complete_from_then_on(city: City) -> None:
    _measured(city)
    city.evaluate()
    found = city.rows(
        "select period_end, is_complete, region_level, department_code from city.indicator.indicator_value "
        "where indicator_id = 'E14' order by period_start"
    )
    assert found == [
        (date(1997, 12, 31), True, "city", None),
        (date(2002, 12, 31), True, "city", None),
        (date(2026, 12, 31), False, "city", None),
    ]


def test_months_and_years_that_begin_on_one_day_are_kept_apart(city: City) -> None:
    # Would catch January's figure in the place of the year's, or months for what is measured once a year.
    _measured(city)
    city.add("economy.fct_entity_month", [(date(2026, 1, 1), "320205001001", 7, 0, 7, 0)])
    city.evaluate()
    assert city.figures("E02", month=date(2026, 1, 1)) == (7, None, 7)
    kinds = city.rows(
        "select distinct definition.period_type, figure.period_type from city.indicator.indicator_value as figure "
        "inner join city.indicator.dim_indicator as definition using (indicator_id) order by all"
    )
    assert kinds == [("month", "month"), ("year", "year")]


def test_a_target_holds_for_the_years_that_end_while_it_is_valid(city: City) -> None:
    _measured(city)
    target = ("E14", "320200", 160.0, "down", "tester", date(2000, 1, 1), "a plan", date(2000, 1, 1), date(2003, 1, 1))
    city.add("indicator.indicator_target", [target])
    city.evaluate()
    found = city.rows("select year(period_start), target from city.indicator.indicator_value where target is not null")
    assert found == [(2002, 160)]


def test_a_figure_of_long_ago_becomes_a_vintage_once(city: City) -> None:
    # Would catch a vintage of 1997 written again every night.
    _measured(city)
    city.evaluate(FIRST)
    publish(city, FIRST)
    assert city.rows("select count(*) from city.indicator.indicator_vintage where period_type = 'year'") == [(9,)]
    assert city.evaluate(SECOND)["vintages_appended"] == 0


def test_without_a_study_there_are_no_years_and_all_else_is_as_it_was(city: City) -> None:
    city.evaluate()
    assert city.rows("select count(*) from city.indicator.indicator_value where period_type = 'year'") == [(0,)]
    assert city.rows("select count(*) > 0 from city.indicator.indicator_value") == [(True,)]
