"""Every page in both languages, and every state in which there is nothing to show, without a browser."""

import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from citylake.lake.settings import Settings
from citylake.lake.zones import prepare

APP = Path(__file__).parents[3] / "apps" / "cockpit" / "streamlit_app.py"
PAGES = {name: f"app_pages/{name}.py" for name in ("governance", "economy", "urban", "entity", "deliveries")}
NAMES = {
    ("governance", "zh"): [
        "立案数",
        "按期处置率",
        "结案率",
        "按期结案率",
        "平均处置时长",
        "超期未处置数",
        "数据汇聚量",
    ],
    ("governance", "en"): [
        "Cases filed",
        "On-time handling",
        "Closure rate",
        "On-time closure",
        "Mean handling time",
        "Overdue backlog",
        "Rows taken in",
    ],
    ("economy", "zh"): ["新设市场主体数", "净增率", "每十万人企业数"],
    ("economy", "en"): ["New entities", "Net entry", "Businesses per 100,000 residents"],
}


def open_page(page: str = "governance", **address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=120)
    for name, value in address.items():
        app.query_params[name] = value
    if page != "governance":
        app.switch_page(PAGES[page])
    app.run()
    assert not app.exception, app.exception
    return app


def html_of(app: AppTest) -> str:
    """All that the page's own blocks say, tags and style sheet removed."""
    blocks = (str(element.proto.body) for element in app.get("html"))
    return "\n".join(re.sub(r"<[^>]+>", " ", body) for body in blocks if "<style" not in body and "<script" not in body)


def address_of(app: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in app.query_params.items()}


def _cards(app: AppTest) -> list[str]:
    return [button.label for button in app.button if str(button.key).startswith("open_")]


@pytest.mark.parametrize(("page", "language"), NAMES)
def test_a_page_shows_all_its_indicators_in_its_language(at_small_city: Any, page: str, language: str) -> None:
    # Would catch a page that fails, or an indicator missing, in one language.
    app = open_page(page, lang=language)
    assert _cards(app) == NAMES[page, language]
    assert ("Wuxi City" if language == "en" else "无锡市") in html_of(app)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_synthetic_release_says_so_in_both_languages(at_small_city: Any, language: str) -> None:
    # Would catch made-up figures taken for real ones by a reader of either language.
    said = html_of(open_page(lang=language))
    assert "合成数据" in said
    assert "Synthetic data" in said
    assert at_small_city.release_id in said
    assert "2026-11-21" in said


def test_a_figure_shows_unit_target_light_owner_and_period(at_small_city: Any) -> None:
    # Would catch a bare number: every figure says what it is, of when and whose.
    said = html_of(open_page(lang="en"))
    for part in ("93.72", "Target ≥ 90.00 %", "On target", "Off target", "Urban Management Bureau", "Oct 2026"):
        assert part in said


def test_the_newest_month_that_is_over_is_shown_first(at_small_city: Any) -> None:
    # Would catch three weeks of November shown as if they were a month.
    app = open_page(lang="zh")
    assert app.selectbox(key="control_month").value == "2026-10"
    assert "2026年11月（未结束）" in app.selectbox(key="control_month").options
    unfinished = html_of(open_page(lang="zh", month="2026-11"))
    assert "本月未结束" in unfinished
    assert "较上月" not in unfinished


def test_choosing_writes_theaddress_of(at_small_city: Any) -> None:
    # Would catch a view that cannot be shared because the address does not follow the controls.
    app = open_page(lang="en")
    app.selectbox(key="control_district").set_value("320213").run()
    app.selectbox(key="control_street").set_value("320213002").run()
    app.selectbox(key="control_department").set_value("transport").run()
    assert not app.exception
    assert address_of(app) == {
        "region": "320213002",
        "month": "2026-10",
        "department": "transport",
        "lang": "en",
    }
    assert "Tongjiang Subdistrict" in html_of(app)


def test_a_click_on_an_indicator_explains_it(at_small_city: Any) -> None:
    # Would catch a figure that cannot be traced: definition, parts, target with its maker, vintages.
    app = open_page(lang="en")
    app.button(key="open_G08").click().run()
    assert not app.exception
    said = html_of(app)
    for part in (
        "Of the cases that should have been closed in the period",
        "closed / should-close",
        "911",
        "972",
        "Higher is better",
        "case-system practice",
        "无锡市城市管理委员会",
        "2025-12-20",
        "valid 2026-01-01 to 2026-12-31",
        "20261120T180000Z-0001",
        "905",
        "Unallocated",
        "Transport Bureau",
    ):
        assert part in said, part


@pytest.mark.parametrize("indicator", ["G01", "G07", "G08", "G09", "G13", "G14", "D01"])
@pytest.mark.parametrize("region", ["320200", "320213", "320214002"])
def test_every_indicator_opens_at_every_level(at_small_city: Any, indicator: str, region: str) -> None:
    # Would catch a definition that fails where an indicator has no departments, no target or no value.
    said = html_of(open_page(lang="zh", indicator=indicator, region=region))
    assert "计算公式" in said


def test_a_region_without_data_says_so_and_shows_dashes(at_small_city: Any) -> None:
    # Would catch zeros, or an error, where nothing is known.
    app = open_page(lang="en", region="320214002")
    assert [note.value for note in app.info] == ["There are no figures for Hongshan Subdistrict in Oct 2026."]
    assert "—" in html_of(app)


@pytest.mark.parametrize(
    ("address", "note"),
    [
        ({"region": "999999"}, "The region in the address is not known; the whole city is shown."),
        ({"region": "320202"}, "The region in the address is not known; the whole city is shown."),
        ({"region": "'; drop table x"}, "The region in the address is not known; the whole city is shown."),
        ({"month": "2031-01"}, "The month in the address has no data; the latest complete month is shown."),
        ({"month": "0000-01"}, "The month in the address has no data; the latest complete month is shown."),
        ({"month": "soon"}, "The month in the address has no data; the latest complete month is shown."),
        ({"department": "nobody"}, "The department in the address is not known; all departments are shown."),
        ({"indicator": "E02"}, "The indicator in the address is not on this page."),
    ],
)
def test_an_address_that_means_nothing_falls_back_with_a_note(
    at_small_city: Any, address: dict[str, str], note: str
) -> None:
    # Would catch a traceback on a leader's screen because of an old bookmark.
    app = open_page(lang="en", **address)
    assert [warning.value for warning in app.warning] == [note]
    assert "93.72" in html_of(app)


def test_an_unknown_language_falls_back_to_chinese(at_small_city: Any) -> None:
    # Would catch a page without words.
    app = open_page(lang="fr")
    assert [warning.value for warning in app.warning] == ["网址中的语言不可用，已使用中文。"]
    assert _cards(app) == NAMES["governance", "zh"]


def test_without_a_release_the_page_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_caches: None
) -> None:
    # Would catch an error page as a newcomer's first sight.
    prepare(Settings(home=tmp_path / "home"))
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    app = open_page()
    assert [title.value for title in app.subheader] == ["还没有发布数据", "Nothing has been released yet"]
    assert all("make refresh" in text.value for text in app.markdown)


def test_a_release_without_values_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_caches: None, build_city: Any
) -> None:
    # Would catch selectors with nothing to select.
    build_city(tmp_path / "home", run_id="20261121T180000Z-0003", with_values=False)
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    app = open_page()
    assert [title.value for title in app.subheader] == ["本次发布没有指标数据", "This release has no indicator values"]


def test_a_release_that_cannot_be_read_is_a_sentence_not_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_caches: None, build_city: Any
) -> None:
    # Would catch SQL and paths on a leader's screen when a release's files are damaged.
    home = tmp_path / "home"
    build_city(home, run_id="20261121T180000Z-0004")
    for file in (home / "city" / "data").rglob("*.parquet"):
        file.unlink()
    monkeypatch.setenv("CITYLAKE_HOME", str(home))
    app = open_page()
    assert [title.value for title in app.subheader] == ["暂时无法显示", "This page cannot be shown right now"]


@pytest.mark.parametrize(("origin", "banner"), [("real", None), ("mixed", "Contains synthetic data")])
def test_the_banner_follows_the_origin_and_a_session_keeps_its_release(  # noqa: PLR0913, PLR0917  # one fixture each
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fresh_caches: None,
    build_city: Any,
    publish_city: Any,
    origin: str,
    banner: str | None,
) -> None:
    # Would catch a banner on real data, none on mixed, and figures that change under a reader's eyes.
    home = tmp_path / "home"
    first, second = f"20261121T180000Z-{origin}1", f"20261122T180000Z-{origin}2"
    build_city(home, run_id=first, origin=origin)
    monkeypatch.setenv("CITYLAKE_HOME", str(home))
    app = open_page(lang="en")
    assert (banner in html_of(app)) if banner else ("ynthetic data" not in html_of(app))
    publish_city(home, run_id=second, origin=origin)
    app.run()
    assert first in html_of(app)
    assert second not in html_of(app)
    assert [note.value for note in app.info] == [
        "A newer release is out (data as of 2026-11-21). Reload the page to see it."
    ]
    assert second in html_of(open_page(lang="en"))
