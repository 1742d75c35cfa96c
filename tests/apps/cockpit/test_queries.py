"""What the cockpit reads of a release, against figures reckoned by hand."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from apps.cockpit import queries
from apps.cockpit.queries import Source

CITY, LIANGXI, STREET, EMPTY_STREET = ["320200"], ["320213", "320200"], ["320213001", "320213", "320200"], ["320214002"]
OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


@pytest.fixture
def source(at_small_city: Any) -> Source:
    return Source(at_small_city.release_id)


def _card(frame: pl.DataFrame, indicator: str) -> dict[str, Any]:
    return frame.row(by_predicate=pl.col("indicator_id") == indicator, named=True)


def test_the_published_month_is_shown_to_the_digit(source: Source) -> None:
    # Would catch a join that doubles a numerator, or the wrong month on a card.
    cards = queries.cards(source, "governance", CITY, None, OCTOBER)
    closure, on_time = _card(cards, "G08"), _card(cards, "G09")
    assert (closure["numerator"], closure["denominator"], round(closure["value"], 2)) == (911, 972, 93.72)
    assert (on_time["numerator"], on_time["denominator"], round(on_time["value"], 2)) == (737, 972, 75.82)
    assert _card(cards, "G01")["value"] == 996


def test_every_indicator_of_the_page_has_exactly_one_card(source: Source) -> None:
    # Would catch a card lost for want of a value, or doubled by a second version of a region.
    for month in (OCTOBER, date(2020, 1, 1)):
        shown = queries.cards(source, "governance", EMPTY_STREET, None, month)["indicator_id"].to_list()
        assert shown == ["D01", "G01", "G07", "G08", "G09", "G13", "G14"]


def test_changes_are_points_for_rates_and_per_cent_for_counts(source: Source) -> None:
    # Would catch a rate's change given in per cent of the rate. 911/972 against 909/972 and 887/972; 996 against 993.
    cards = queries.cards(source, "governance", CITY, None, OCTOBER)
    closure, filed = _card(cards, "G08"), _card(cards, "G01")
    assert closure["change_on_month"] == pytest.approx(200 / 972)
    assert closure["change_on_year"] == pytest.approx(2400 / 972)
    assert filed["change_on_month"] == pytest.approx(300 / 993)
    assert (closure["change_kind"], filed["change_kind"]) == ("points", "percent")


def test_a_month_that_is_not_over_is_not_compared(source: Source) -> None:
    # Would catch three weeks of November set against the whole of October.
    card = _card(queries.cards(source, "governance", CITY, None, NOVEMBER), "G01")
    assert card["is_complete"] is False
    assert card["value"] == 993
    assert (card["change_on_month"], card["change_on_year"]) == (None, None)


def test_a_month_without_a_figure_is_over_when_it_is_over(source: Source) -> None:
    # Would catch "this month is not over" on an indicator that has no value in a month long past.
    for month, is_over in ((OCTOBER, True), (NOVEMBER, False)):
        card = _card(queries.cards(source, "governance", CITY, "water", month), "G08")
        assert (card["has_value"], card["is_complete"]) == (False, is_over)


def test_the_light_follows_the_direction_and_needs_a_target(source: Source) -> None:
    # Would catch a green light below target, and a light where nobody set a target.
    cards = queries.cards(source, "governance", CITY, None, OCTOBER)
    lights = {indicator: _card(cards, indicator)["is_on_target"] for indicator in ("G01", "G08", "G09", "G14")}
    assert lights == {"G01": None, "G08": True, "G09": False, "G14": None}


def test_a_zero_denominator_stays_without_a_value(source: Source) -> None:
    # Would catch 0 or 100 made of nothing: no entity is registered in this unallocated street.
    members = queries.by_region(source, "economy", "320213", None, OCTOBER)
    cards = queries.cards(source, "economy", ["320213-U", "320213"], None, OCTOBER)
    assert _card(cards, "E03")["value"] is None
    assert "320213-U" not in members["member"].to_list()


def test_an_indicator_of_the_city_alone_is_shown_for_the_city(source: Source) -> None:
    # Would catch an empty card in every district, or a city figure passed off as the district's.
    card = _card(queries.cards(source, "governance", STREET, None, OCTOBER), "D01")
    assert (card["region_code"], card["is_wider_region"], card["value"]) == ("320200", True, 11952)
    assert _card(queries.cards(source, "governance", STREET, None, OCTOBER), "G01")["is_wider_region"] is False


def test_a_department_narrows_only_what_has_departments(source: Source) -> None:
    # Would catch the economy page going blank once a department is chosen.
    filed = _card(queries.cards(source, "governance", CITY, "transport", OCTOBER), "G01")
    entered = _card(queries.cards(source, "economy", CITY, "transport", OCTOBER), "E02")
    assert filed["value"] == pytest.approx((996 - 64) * 0.3)
    assert (entered["is_all_departments"], entered["value"] is not None) == (True, True)


def test_the_trend_covers_every_month_and_marks_the_chosen_and_the_unfinished(source: Source) -> None:
    # Would catch a trend cut at the chosen month.
    trend = queries.trends(source, "governance", CITY, None, OCTOBER).filter(pl.col("indicator_id") == "G08")
    assert (trend["month"][0], trend["month"][-1], trend.height) == ("2025-09", "2026-11", 15)
    assert trend.filter("is_selected")["month"].to_list() == ["2026-10"]
    assert trend.filter(~pl.col("is_complete"))["month"].to_list() == ["2026-11"]


def test_the_parts_of_the_city_add_up_to_it_with_the_unallocated_last(source: Source) -> None:
    # Would catch a comparison that leaves out what could not be located.
    members = queries.by_region(source, "governance", "320200", None, OCTOBER).filter(pl.col("indicator_id") == "G08")
    assert members["member"].to_list() == ["320213", "320214", "320200-U"]
    assert (members["numerator"].sum(), members["denominator"].sum()) == (911, 972)
    assert members["is_on_target"].to_list() == [True, True, False]


def test_departments_that_have_nothing_in_a_place_are_left_out(source: Source) -> None:
    # Would catch a street's page filled with rows of noughts and dashes.
    everywhere = queries.by_department(source, "governance", "320200", OCTOBER)
    assert everywhere["member"].unique().sort().to_list() == ["public_security", "transport", "urban_management"]
    assert queries.by_department(source, "economy", "320200", OCTOBER).is_empty()
    nowhere = queries.by_department(source, "governance", "320200-U", OCTOBER)
    assert nowhere["member"].unique().sort().to_list() == ["public_security", "urban_management"]


def test_exactly_a_hundred_over_many_is_flagged(source: Source) -> None:
    # Would catch the flag of rule 8 lost on its way to the screen.
    card = _card(queries.cards(source, "governance", ["320214001"], None, OCTOBER), "G07")
    assert (card["value"], card["is_flagged_100"]) == (100, True)


def test_former_districts_are_not_offered(source: Source) -> None:
    # Would catch a choice that leads to a district dissolved in 2015.
    offered = queries.regions(source)["region_code"].to_list()
    assert offered == ["320200", "320213", "320213001", "320213002", "320214", "320214001", "320214002"]


def test_earlier_vintages_stay_beside_the_figure(source: Source) -> None:
    # Would catch a restated figure that hides what was shown before.
    known = queries.vintages(source, "G08", "320200", None, OCTOBER)
    assert known["numerator"].to_list() == [911, 905]
    assert known["computed_date"].to_list() == [date(2026, 11, 22), date(2026, 11, 21)]


def test_a_target_counts_while_it_is_valid(source: Source) -> None:
    # Would catch this year's target applied to last year.
    found = queries.targets(source, "G08", LIANGXI, OCTOBER)
    assert found.select("value", "last_valid_date").rows() == [(90, date(2026, 12, 31))]
    assert queries.targets(source, "G08", CITY, date(2025, 12, 1)).is_empty()
    assert queries.targets(source, "G01", CITY, OCTOBER).is_empty()


def test_deliveries_are_counted_by_status_and_rows_only_where_in_force(source: Source) -> None:
    # Would catch the rows of a corrected delivery counted beside its correction.
    row = queries.deliveries(source).row(by_predicate=pl.col("department_code") == "urban_management", named=True)
    assert (row["in_force_count"], row["superseded_count"], row["rows_accepted"]) == (1, 1, 12000)
    assert queries.refusals(source)["reason_en"].to_list() == [
        "Column 公民身份号码 is missing; the delivery is refused.",
        "F18 did not fly in 1999.",
    ]


def test_a_department_has_the_same_names_wherever_it_is_shown(source: Source) -> None:
    # Would catch a table that calls a department by its code while the choice above it calls it by name.
    code = pl.col("department_code") == "public_security"
    shown = (
        queries.departments(source).filter(code),
        queries.by_department(source, "governance", "320200", OCTOBER).filter(pl.col("member") == "public_security"),
        queries.deliveries(source).filter(code),
        queries.refusals(source).head(1),
    )
    assert [set(frame.select("name_zh", "name_en").rows()) for frame in shown] == [
        {("公安局", "Public Security Bureau")}
    ] * 4
