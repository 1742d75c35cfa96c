"""Golden figures of services, licences and insured employment; and of what cannot be added from street to city."""

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.indicators.conftest import Cell, City

SEPTEMBER, OCTOBER = date(2026, 9, 15), date(2026, 10, 15)
MONTH = date(2026, 10, 1)


def started(name: str, region: str | None, days: float, result: str = "granted") -> tuple["Cell", ...]:
    """A case of starting a business, finished in October."""
    return (name, "business_start", None, region, "market_supervision", SEPTEMBER, OCTOBER, result, days)


def approved(name: str, project: str | None, region: str, days: float | None) -> tuple["Cell", ...]:
    """A case of project approval, finished in October; not yet finished without days."""
    finished = None if days is None else OCTOBER
    return (name, "project_approval", project, region, "natural_resources", SEPTEMBER, finished, "granted", days)


def test_the_median_of_the_city_is_not_the_median_of_its_districts(city: "City") -> None:
    # E07. The mean of the districts' medians would be 3.5, their median 3.5, and their sum 7.
    city.add(
        "service.fct_service_case",
        [
            started("a", "320205001", 1),
            started("b", "320205001001", 2),
            started("c", "320205002", 3),
            started("d", "320206001", 4.5),
            started("e", "320206001", 5.5),
            started("refused", "320206001", 0.1, "refused"),
            ("other", "licence", None, "320206001", "water", SEPTEMBER, OCTOBER, "granted", 0.2),
        ],
    )
    city.evaluate()
    assert city.figures("E07", "320205") == (2, None, 2)
    assert city.figures("E07", "320206") == (5, None, 5)  # (4.5 + 5.5) / 2
    assert city.figures("E07") == (3, None, 3)  # the third of 1, 2, 3, 4.5, 5.5
    assert city.figures("E07", month=date(2026, 9, 1)) == (None, None, None)
    assert city.figures("E07", "320200-U") == (None, None, None)
    assert city.figures("E07", "320205001") is None


def test_a_project_in_two_districts_counts_in_each_and_once_in_the_city(city: "City") -> None:
    # S15. Adding the districts' projects up would find three in the city, and an average of 40 / 3.
    city.add(
        "service.fct_service_case",
        [
            approved("a", "p", "320205001", 12),
            approved("b", "p", "320205001", 8),
            approved("c", "p", "320206001", 5),
            approved("d", "q", "320206001", 15),
            approved("open", "r", "320206001", None),
            approved("no project", None, "320206001", 99),
        ],
    )
    city.evaluate()
    assert city.figures("S15", "320205") == (20, 1, 20)
    assert city.figures("S15", "320206") == (20, 2, 10)
    assert city.figures("S15") == (40, 2, 20)
    assert city.figures("S15", month=date(2026, 9, 1)) == (0, 0, None)


def test_figures_of_services_licences_and_insurance_are_those_worked_out_by_hand(city: "City") -> None:
    # Guards the day that each is counted by, that overdue open cases are in S02's denominator, E18 without penalties.
    city.add(
        "service.fct_service_case",
        [
            ("a", "licence", None, "320205001", "water", OCTOBER, None, None, None),
            ("b", "licence", None, "320206001", "water", OCTOBER, OCTOBER, "granted", 1.0),
            ("c", "licence", None, "320206001", "water", SEPTEMBER, OCTOBER, "granted", 9.0),
            ("d", "licence", None, "320206001", "water", None, None, None, None),
        ],
    )
    city.add(
        "service.fct_service_case_month",
        [
            ("b", MONTH, "320206001", "water", True),
            ("c", date(2026, 9, 1), "320206001", "water", False),
            ("c", MONTH, "320206001", "water", False),
            ("e", MONTH, "320205001", "transport", True),
        ],
    )
    city.add(
        "credit.fct_credit_event",
        [
            ("1", "licence", OCTOBER, "320205001"),
            ("2", "licence", OCTOBER, "320200"),
            ("3", "licence", SEPTEMBER, "320205001"),
            ("4", "penalty", OCTOBER, "320205001"),
        ],
    )
    city.add("economy.fct_insured_month", [(MONTH, "320205001", 40), (MONTH, "320206", 2), (SEPTEMBER, "320206", 7)])
    city.evaluate()
    assert city.figures("S01") == (2, None, 2)
    assert city.figures("S01", month=date(2026, 9, 1)) == (1, None, 1)
    assert city.figures("S02") == (2, 3, 66.6667)
    assert city.figures("S02", department="water") == (1, 2, 50)
    assert city.figures("S02", month=date(2026, 9, 1)) == (0, 1, 0)
    assert city.figures("E18") == (2, None, 2)
    assert city.figures("E18", "320205") == (1, None, 1)
    assert city.figures("E19") == (42, None, 42)
    assert city.figures("E19", "320205001") == (40, None, 40)
