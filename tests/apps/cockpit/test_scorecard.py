"""The page Deliveries against figures reckoned by hand: promised, brought, accepted, and what was wrong."""

import re
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from apps.cockpit import queries
from apps.cockpit.queries import Source
from tests.apps.cockpit.test_pages import address_of, html_of, open_page

AS_OF = date(2026, 11, 21)


@pytest.fixture
def source(at_small_city: Any) -> Source:
    return Source(at_small_city.release_id)


def _open(**address: str) -> AppTest:
    return open_page("deliveries", **address)


def _figures(app: AppTest) -> dict[str, str]:
    """What each of the four cards says: its title and its figure."""
    bodies = [str(element.proto.body) for element in app.get("html")]
    found = (re.search(r'ck-card-title">(.*?)</div>.*?ck-value">(.*?)</span>', body) for body in bodies)
    return {match[1]: match[2] for match in found if match is not None}


def test_every_promised_dataset_stands_with_its_newest_extract(source: Source) -> None:
    # Would catch a dataset that never came missing from the card that should complain of it.
    known = {row["dataset"]: row for row in queries.datasets(source, None, AS_OF).iter_rows(named=True)}
    assert {name: row["state"] for name, row in known.items()} == {
        "urban_management.urban_case": "on_time",
        "market_supervision.entity_register": "late",
        "public_security.person_register": "refused",
        "transport.bus_trip": "never",
        "natural_resources.night_light_composite": "unscheduled",
    }
    entities = known["market_supervision.entity_register"]
    counts = ("due_count", "came_count", "late_count", "missing_count", "rows_read", "rows_quarantined", "age_days")
    assert tuple(entities[name] for name in counts) == (4, 2, 1, 2, 5000, 110, 0)
    assert entities["accepted_pct"] == pytest.approx(97.8)


def test_the_last_twelve_months_leave_out_what_is_older_withdrawn_or_refused(source: Source) -> None:
    # Would catch a withdrawn delivery's 4,999 bad rows held against its department.
    (row,) = queries.delivered(source, None, AS_OF).iter_rows(named=True)
    assert (row["rows_read"], row["rows_accepted"], row["rows_quarantined"]) == (17931, 17781, 150)
    assert (row["due_count"], row["came_count"], row["late_count"], row["missing_count"]) == (6, 4, 1, 2)
    assert (row["refused_count"], row["accepted_pct"]) == (2, pytest.approx(17781 / 179.31))
    months = queries.delivered_by_month(source, None, AS_OF)
    shown = ("month", "due_count", "on_time_pct", "rows_read", "rows_quarantined", "is_complete")
    assert months.select(shown).rows() == [
        ("2026-10", 1, 100.0, 1000, 100, True),
        ("2026-11", 5, 40.0, 16931, 50, False),
    ]


def test_what_is_promised_at_no_fixed_time_counts_by_the_day_it_came(source: Source) -> None:
    # Would catch an archive of old years called missing, its refusals never shown, and old arrivals counted as new.
    (row,) = queries.datasets(source, "natural_resources", AS_OF).iter_rows(named=True)
    assert (row["due_count"], row["rows_read"], row["refused_count"]) == (0, 1, 1)
    assert row["newest_extract_date"] == date(2013, 12, 31)
    assert "F18 did not fly in 1999." in queries.refused(source, "natural_resources", AS_OF)["refusal_en"].to_list()


def test_the_window_is_twelve_calendar_months(source: Source) -> None:
    # Would catch a year that begins in the wrong January.
    days = (date(2026, 11, 21), date(2026, 12, 31), date(2026, 1, 1))
    assert [queries.window_start(day) for day in days] == [date(2025, 12, 1), date(2026, 1, 1), date(2025, 2, 1)]


def test_rules_are_added_up_over_deliveries_and_ranked(source: Source) -> None:
    # Would catch one bad delivery that hides what is wrong every day.
    found = queries.worst_rules(source, None, AS_OF)
    assert found.select("severity", "rule", "row_count", "delivery_count").rows() == [
        ("error", "category_code.enum", 35, 2),
        ("error", "row.json", 5, 1),
        ("warning", "gone.pattern", 7, 1),
    ]
    assert queries.worst_rules(source, "public_security", AS_OF).is_empty()


@pytest.mark.parametrize(
    ("language", "figures", "texts"),
    [
        (
            "en",
            {"Datasets on time": "1 / 4", "Extracts received / due": "4 / 6", "Rows accepted": "99.16 %"},
            ("Came late", "Newest refused", "Never came", "one of: event, component", "every 7 days, within 48 h"),
        ),
        (
            "zh",
            {"按时的数据集": "1 / 4", "已交付 / 应交付": "4 / 6", "数据合格率": "99.16 %"},
            ("迟到", "最近一批被拒收", "从未交付", "以下之一：event、component", "每 7 日，48 小时内"),
        ),
    ],
)
def test_the_page_says_all_of_it_in_its_language(
    at_small_city: Any, language: str, figures: dict[str, str], texts: tuple[str, ...]
) -> None:
    # Would catch a figure on the page that is not the release's, and a section lost in one language.
    app = _open(lang=language)
    assert figures.items() <= _figures(app).items()
    said = html_of(app)
    for part in (*texts, "gone.pattern", "备注", "注册资本", "2026-11-23 23:00", "合成数据", "Synthetic data"):
        assert part in said, part
    assert "旧列" not in said


def test_a_department_sees_its_own_datasets_and_the_address_says_so(at_small_city: Any) -> None:
    # Would catch one department's mistakes shown to another as its own.
    app = _open(lang="en")
    app.selectbox(key="control_department").set_value("public_security").run()
    assert address_of(app)["department"] == "public_security"
    said = html_of(app)
    assert ("Person register" in said, "Urban management case" in said) == (True, False)
    assert "Column 公民身份号码 is missing" in said


def test_a_department_that_delivers_nothing_yet_has_no_figures(at_small_city: Any) -> None:
    # Would catch a division by nothing, and a rate of a hundred where there is none.
    assert _figures(_open(lang="en", department="transport")) == {
        "Datasets on time": "0 / 1",
        "Extracts received / due": "0 / 0",
        "Rows accepted": "—",
        "Deliveries refused": "0",
    }


def test_an_unknown_department_falls_back_with_a_note(at_small_city: Any) -> None:
    # Would catch an old bookmark that ends in a traceback. The first delivers nothing, though it handles cases.
    app = _open(lang="en", department="water")
    assert [note.value for note in app.warning] == [
        "The department in the address is not known; all departments are shown."
    ]
