"""The page Entity 360: who is found by what, where old keys lead, what is kept back, and that names stay text."""

import re
from datetime import date
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from apps.cockpit import queries
from apps.cockpit.queries import Source
from tests.apps.cockpit.test_pages import address_of, html_of, open_page

AS_OF = date(2026, 11, 21)
NEWER_TABLES = (
    "city.base.dim_entity_version",
    "city.base.entity_key_history",
    "city.base.bridge_entity_registration",
    "city.base.fct_entity_person_count",
)


@pytest.fixture
def source(at_small_city: Any) -> Source:
    return Source(at_small_city.release_id)


def _open(**address: str) -> AppTest:
    return open_page("entity", **address)


def _keys(source: Source, text: str) -> list[str]:
    return queries.found(source, text, text)["entity_key"].to_list()


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("无锡市太湖机械（集团）有限公司", ["key-mill"]),
        ("太湖机械(集团)", ["key-mill"]),
        ("太 湖　机械", ["key-works", "key-mill"]),
        ("太湖", ["key-works", "key-mill", "key-hostile"]),
        ("前洲水泵厂", ["key-mill"]),
        ("早已注销", ["key-gone"]),
        ("91320213MA1AAAAA1X", ["key-mill"]),
        ("320213000000001", ["key-mill"]),
        ("320213000000009", ["key-percent"]),
        ("92320213MA1BBBBB2X", ["key-trader"]),
        ("个转企面馆", []),
        ("91320213MA1FFFFF6X", ["key-trader"]),
        ("%_", ["key-percent"]),
        ("__", []),
        (".*", []),
        ("IMG SRC=X", ["key-hostile"]),
        ("[此处](", ["key-hostile"]),
        ("'; drop table x --", []),
        ("\\", []),
        ("(?i)\x00{9999}", []),
        ("💧" * 200, []),
    ],
)
def test_what_is_typed_means_itself_alone(source: Source, text: str, keys: list[str]) -> None:
    # Would catch a percent sign that finds everybody, a bracket of the other width that finds nobody, a pattern that
    # ends in an error, and a sole trader found by the name it had as a company.
    assert _keys(source, text) == keys


@pytest.mark.parametrize(
    ("key", "leads_to"),
    [
        ("key-old", ["key-mill"]),
        ("key-older", ["key-mill"]),
        ("key-first", ["key-mill", "key-works"]),
        ("key-parted", ["key-percent", "key-works"]),
        ("key-mill", ["key-mill", "key-works"]),
        ("key-percent", ["key-percent"]),
        ("key-gone", ["key-gone"]),
        ("nobody", []),
    ],
)
def test_an_old_key_leads_to_what_it_is_today_and_never_back_in_time(
    source: Source, key: str, leads_to: list[str]
) -> None:
    # Would catch a key merged last that also leads to what had split off before, and a chain followed one step only.
    assert queries.followed(source, key)["entity_key"].to_list() == leads_to


def test_a_penalty_is_neither_shown_nor_counted_after_the_last_day_of_its_publicity(source: Source) -> None:
    # Would catch a release read a day late that goes on showing what may be shown no longer, or its fine in a total.
    on_its_last_day = queries.penalties(source, "key-mill", AS_OF)
    a_day_later = queries.penalties(source, "key-mill", date(2026, 11, 22))
    assert on_its_last_day["document_no"].to_list() == ["罚字1号", "罚字3号"]
    assert float(on_its_last_day["total_fine_cny"].item(0)) == 563725
    assert a_day_later.select("document_no", "penalty_count").rows() == [("罚字1号", 1)]
    assert float(a_day_later["total_fine_cny"].item()) == 8170


def test_a_licence_is_valid_through_its_last_day_unless_withdrawn(source: Source) -> None:
    # Would catch a licence called expired on the day on which it still holds.
    known = queries.licences(source, "key-mill", AS_OF)
    assert dict(known.select("document_no", "state").iter_rows()) == {
        "许字1号": "valid",
        "许字5号": "valid",
        "许字2号": "expired",
        "许字3号": "ended",
        "许字4号": "not_yet",
    }
    assert set(known.select("valid_count", "licence_count").rows()) == {(2, 5)}


def test_history_says_what_changed_and_when_the_register_did_not_have_it(source: Source) -> None:
    # Would catch versions listed without what differs, and a gap between them passed over.
    events = queries.entity_history(source, "key-mill").select("event_date", "event", "said_before", "said").rows()
    assert [(day.isoformat(), event) for day, event, _, _ in events] == [
        ("2026-09-01", "returned"),
        ("2026-07-01", "left"),
        ("2026-05-01", "domicile"),
        ("2026-05-01", "entity_name"),
        ("2026-05-01", "region_code"),
        ("2026-05-01", "registered_capital"),
        ("2026-05-01", "registration_code"),
        ("2026-02-01", "key_merge"),
        ("2026-01-15", "key_split"),
        ("2026-01-02", "key_merge"),
        ("2026-01-01", "begins"),
        ("2010-05-04", "registered"),
    ]
    assert ("前洲水泵厂", "无锡市太湖机械（集团）有限公司") in {(before, now) for _, _, before, now in events}


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            (
                *("Active", "4,000,000 CNY", "Wuxi City › Liangxi District › Chong&#x27;ansi Subdistrict"),
                *("its number names another district", "5 in all", "8,170", "1,396", "fine, warning"),
                *("1,234", "Legal representative", "History begins with the extract of 2026-01-01", "Name changed"),
                *("Register of market entities (extract of 2026-11-21)", "Keys of persons are shown to roles"),
            ),
        ),
        (
            "zh",
            (
                *("存续", "4,000,000 CNY", "无锡市 › 梁溪区 › 崇安寺街道", "与号码中的区划不同", "共 5 项", "8,170"),
                *("罚款、警告", "1,234", "法定代表人", "历史自 2026-01-01 的首份登记数据起", "名称变更", "前洲水泵厂"),
                *("市场主体登记（数据日期 2026-11-21）", "人员键只对可读 people 库的角色显示"),
            ),
        ),
    ],
)
def test_the_page_tells_all_of_an_enterprise_in_its_language(
    at_small_city: Any, language: str, texts: tuple[str, ...]
) -> None:
    # Would catch a block lost in one language, a figure without its source, and a penalty that may be shown no longer.
    said = html_of(_open(entity="key-mill", lang=language))
    for part in (*texts, at_small_city.release_id, "合成数据", "Synthetic data", "罚字1号", "许字2号", "2099-01-01"):
        assert part in said, part
    for withheld in ("超期公示", "777,777", "555,555", "563,725", "罚字2号", "罚字3号", "person-one", "person-two"):
        assert withheld not in said, withheld


def test_keys_of_persons_are_for_a_role_that_may_read_them(
    at_small_city: Any, monkeypatch: pytest.MonkeyPatch, source: Source
) -> None:
    # Would catch keys on a leader's screen because the server's own account may read people, and ties of elsewhere.
    assert queries.person_ties(source, "key-mill") is None
    monkeypatch.setenv("CITYLAKE_COCKPIT_ROLE", "analyst")
    said = html_of(_open(entity="key-mill", lang="en"))
    assert "person-one" in said
    assert said.count("person-two") == 1
    assert "To this day" in said


def test_a_few_employees_are_not_counted_out(at_small_city: Any) -> None:
    # Would catch the number of employees of a firm so small that it tells of each of them.
    said = html_of(_open(entity="key-works", lang="en"))
    assert said.count("fewer than 5") == 2
    assert "Legal representative" not in said


def test_a_sole_trader_is_found_by_its_code_and_never_named(at_small_city: Any) -> None:
    # Would catch a person's name published through the trader's.
    said = html_of(_open(find=" 92320213-ma1bbbbb2x", lang="en"))
    for part in ("Sole trader", "92320213MA1BBBBB2X", "Not published", "Traders who hold its licence"):
        assert part in said, part


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ({"find": "没有这样的"}, "No enterprise fits."),
        ({"find": "锡"}, "Enter at least two characters."),
        ({"find": "11010119900307803X"}, "never persons by their number"),
        ({"find": "110101199003078035"}, "never persons by their number"),
        ({"entity": "'; drop table x"}, "This release has no enterprise of that key."),
        ({"entity": "key-parted"}, "changed on 2026-04-01 and stands for 2 enterprises today"),
        ({"find": "太湖"}, "3 enterprises fit; choose one."),
    ],
)
def test_who_is_not_to_be_shown_is_answered_for(at_small_city: Any, address: dict[str, str], answer: str) -> None:
    # Would catch an empty page, or a guess, where nobody or several fit; and what was typed said back as text.
    app = _open(lang="en", **address)
    said = html_of(app)
    assert answer in said
    assert "Valid licences" not in said
    assert next(iter(address.values())) not in re.sub("太湖", "", said)


def test_an_old_key_shows_what_it_became_and_says_so(at_small_city: Any) -> None:
    # Would catch a bookmark that silently shows an enterprise of another key.
    said = html_of(_open(entity="key-older", lang="en"))
    assert "merged into another on 2026-02-01" in said
    assert "91320213MA1AAAAA1X" in said
    kept = html_of(_open(entity="key-mill", lang="en"))
    assert "was split on 2026-01-15" in kept
    assert "太湖机械厂" in kept


def test_an_entity_that_only_other_records_name_has_its_page(at_small_city: Any) -> None:
    # Would catch a link from a penalty that leads nowhere because the register does not know its subject.
    said = html_of(_open(entity="key-unregistered", lang="en"))
    assert "Not in the register" in said
    assert "320213000000009" in html_of(_open(entity="key-percent", lang="en"))
    assert "罚字4号" in said
    assert "No longer in the register" in html_of(_open(entity="key-gone", lang="en"))


def test_searching_writes_the_address_and_a_citizens_number_is_kept_out_of_it(at_small_city: Any) -> None:
    # Would catch a citizen's number in the browser's history, and a search that cannot be shared.
    app = _open(lang="en", entity="key-percent")
    app.text_input(key="control_find").set_value("太湖").run()
    assert (address_of(app)["find"], "entity" in address_of(app)) == ("太湖", False)
    app.text_input(key="control_find").set_value("11010119900307803x").run()
    assert not app.exception
    assert {"find", "entity"} & set(address_of(app)) == set()
    assert "never persons by their number" in html_of(app)
    assert app.text_input(key="control_find").value == ""


def test_names_that_mean_harm_stay_text(at_small_city: Any) -> None:
    # Would catch markup of a name, type, domicile or authority that the browser would run, or show as its own.
    for address in ({"find": "太湖"}, {"entity": "key-hostile"}, {"entity": "key-mill"}):
        app = _open(lang="en", **address)
        bodies = "".join(str(element.proto.body) for element in app.get("html"))
        for tag in ("<img", "<iframe", "<script>alert", "<b>"):
            assert tag not in bodies, (address, tag)
        shown = [element.value for kind in (app.markdown, app.info, app.warning, app.subheader) for element in kind]
        assert not any("太湖" in text or "javascript" in text for text in shown)
    assert "&lt;img src=x onerror=alert(1)&gt;**太湖**" in html_of(_open(entity="key-hostile", lang="en"))


def test_a_release_without_the_newer_tables_still_has_its_enterprises(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, fresh_caches: None, build_city: Any
) -> None:
    # Would catch a cockpit that breaks between an update and the next night's release.
    city = build_city(tmp_path / "home", run_id="20261121T180000Z-0005", without=NEWER_TABLES)
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    source = Source(city.release_id)
    assert _keys(source, "太湖") == ["key-works", "key-mill", "key-hostile"]
    said = html_of(_open(entity="key-mill", lang="en"))
    assert "This release has no versions of the register." in said
    assert "8,170" in said
    assert "This release has no enterprise of that key." in html_of(_open(entity="key-old", lang="en"))
