"""The page Urban expansion against a study of two cities whose figures are known."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.cockpit import queries, urban_figures
from apps.cockpit.queries import Source
from tests.apps.cockpit.test_pages import address_of, html_of, open_page


@pytest.fixture
def source(at_small_city: Any) -> Source:
    return Source(at_small_city.release_id)


def test_rings_of_a_year_are_those_that_stand_in_it_by_the_period_they_came_in(source: Source) -> None:
    # Would catch a map of 2007 that shows what was lost before, or what came after.
    rings = queries.growth_rings(source, 2007, "raw").filter(city_code="320200")
    assert rings.select("since", "until", "area_km2").rows() == [(None, 2002, 98.0), (2003, 2007, 50.0)]
    assert [len(outlines) for outlines in queries.growth_rings(source, 2012, "raw")["outlines"]] == [1, 1, 1, 1]
    periods = [(None, 2002), (2003, 2007), (2008, 2012)]
    assert queries.ring_periods(source, "raw").rows() == periods, "colours must not move with the year"


def test_what_was_there_in_the_first_year_measured_came_nobody_knows_since_when(source: Source) -> None:
    # Would catch a whole city said to be built since the year before its first published area.
    found = queries.growth_rings(source, 2012, "corrected").select("city_code", "since", "until").rows()
    assert found == [("320200", None, 2002), ("411000", None, 2007)]


def test_a_step_is_a_period_with_none_inside_it(source: Source) -> None:
    # Would catch the whole span added to the steps that it consists of.
    periods = queries.city_periods(source, "raw").filter("is_step")
    assert set(periods.select("start_year", "end_year").rows()) == {(2002, 2007), (2007, 2012)}
    assert queries.expansion_types(source, "320200", "raw")["end_year"].to_list() == [2007, 2007, 2012, 2012]


def test_the_line_through_two_cities_meets_both_and_its_band_is_narrowest_between(source: Source) -> None:
    # Would catch a line of another slope than the q beside it.
    cities = queries.ranked_cities(source, 2012, "raw")
    assert cities["fitted_km2"].to_list() == pytest.approx([200, 50])
    assert cities["city_name_en"].to_list() == ["Wuxi", "Xuchang"]
    assert all(low < fitted < high for low, fitted, high in cities.select("low_km2", "fitted_km2", "high_km2").rows())


def test_indicators_of_a_year_have_the_value_measured_before(source: Source) -> None:
    found = queries.urban_indicators(source, 2012).select("indicator_id", "value", "value_before", "year_before")
    assert found.rows() == [("E14", 200.0, 148.0, 2007), ("E15", 10.4, 9.6, 2007)]
    assert queries.urban_indicators(source, 2002)["value"].to_list() == [100.0, None]


def test_a_map_holds_the_outlines_themselves_and_fetches_nothing(source: Source) -> None:
    # Would catch a ground map from elsewhere, and shapes that did not reach the chart.
    rings = queries.growth_rings(source, 2007, "raw").filter(city_code="320200")
    labelled = rings.with_columns(label=rings["until"].cast(str))
    outline = queries.studied_cities(source)["outline_geojson"][0]
    chart = urban_figures.growth_map(outline, labelled, ["2002", "2007"], {"period": "p", "area": "a"}, height=400)
    drawn = json.dumps(chart.to_dict())
    assert drawn.count('"MultiPolygon"') == 3
    assert "120.3, 31.6" in drawn
    assert '"url"' not in drawn


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            (
                *("Wuxi", "148.0", "2002: 100.0 km²", "until 2002", "2003–2007", "Fringe", "Synchronous"),
                *(
                    "Rank and size",
                    "q = 1.570 ± 0.250",
                    "n = 2",
                    "Elvidge 2014",
                    "differ by 1.50 digital numbers",
                    "raised 21",
                ),
                *("matched to 149.00 km²", "Synthetic data: lights and built-up areas are invented", "medium"),
            ),
        ),
        (
            "zh",
            (
                *("无锡市", "148.0", "2002年：100.0 平方公里", "2002年及以前", "边缘型", "同步型", "位序-规模"),
                *("q = 1.570 ± 0.250", "n = 2", "Elvidge 2014", "平均相差 1.50", "21 个抬升", "中速", "飞地"),
                *("149.00 km²", "灯光与建成区均为虚构", "合成真值"),
            ),
        ),
    ],
)
def test_the_page_says_what_was_measured_how_and_how_far_to_trust_it(
    at_small_city: Any, language: str, texts: tuple[str, ...]
) -> None:
    said = html_of(open_page("urban", lang=language, year="2007"))
    assert [text for text in texts if text not in said] == []


def test_a_year_without_a_published_area_says_so_and_shows_its_light(at_small_city: Any) -> None:
    # Would catch a traceback, or an area that nobody published, in a year of lights alone.
    app = open_page("urban", lang="en", year="1999")
    assert [info.value for info in app.info] == [
        "There are no indicators of urban expansion for this city in 1999.",
        "No built-up area was found for 1999: none is published, or the lights cannot be matched to it.",
        "There are too few cities for a fit.",
    ]
    assert "raised 21" in html_of(app)


def test_city_year_and_series_are_in_the_address_and_on_no_other_page(at_small_city: Any) -> None:
    # Would catch a view that cannot be shared, and links to other pages that drag it along.
    app = open_page("urban", lang="en")
    assert app.select_slider(key="control_year").value == 2012
    app.select_slider(key="control_year").set_value(2002).run()
    app.selectbox(key="control_city").set_value("411000").run()
    address = address_of(app)
    assert (address["city"], address["year"], address["series"]) == ("411000", "2002", "raw")
    assert "until 2002" in html_of(app)
    assert "50.0" in html_of(app)
    assert "year" not in address_of(open_page("economy", lang="en"))


def test_what_the_address_does_not_mean_falls_back_with_a_note(at_small_city: Any) -> None:
    app = open_page("urban", lang="en", city="110000", year="1776", series="best")
    assert [note.value for note in app.warning] == [
        "The city in the address is not studied; the default one is shown.",
        "The year in the address has no composite; the latest is shown.",
        "The series in the address is not known; the raw one is shown.",
    ]


def test_a_release_without_a_study_says_how_to_get_one(
    tmp_path: Path, build_city: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, fresh_caches: None
) -> None:
    # Would catch a traceback in every city that has no night lights, and for every release from before they existed.
    city = build_city(tmp_path / "home", without=("city.urban.dim_urban_city", "city.urban.fct_urban_city_year"))
    monkeypatch.setenv("CITYLAKE_HOME", str(city.home))
    app = open_page("urban", lang="en")
    assert [info.value[:45] for info in app.info] == ["This release has no study of urban expansion."]
