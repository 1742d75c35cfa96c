"""Every check of the audit can fail, and a city that is in order passes them all."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from citylake.contracts.labels import Label
from citylake.governance.audit import raise_if_failed
from citylake.governance.results import CheckResult
from citylake.lake.account import whoami
from citylake.lake.deliveries import withdraw
from citylake.lake.errors import AuditFailed
from citylake.lake.releases import Release

from .conftest import CITIZEN_ID, NAME, PHONE, RUN

if TYPE_CHECKING:
    from .conftest import Audited


def test_a_city_in_order_passes_and_its_results_are_kept(city: "Audited") -> None:
    # Guards against false alarms: a check that always fails would stop every release.
    results = city.audit()
    assert {result.status for result in results.values()} == {"passed"}
    kept = city.connection.execute(
        "select distinct run_id, count(*) from city.quality.fct_audit_check group by 1"
    ).fetchall()
    assert kept == [(RUN, len(results))]
    city.audit()
    assert city.connection.execute("select count(*) from city.quality.fct_audit_check").fetchall() == [(len(results),)]


def test_rows_that_do_not_add_up_fail(city: "Audited") -> None:
    # Guards promise 1: a manifest that lies, a raw file cut short or gone, a staging table that missed a delivery.
    dataset, key = "public_security.person_register", "register_no"
    city.deliver(dataset, key, ["P0000000002"], extract_date="2026-10-28", rows_read=3, rows_quarantined=1)
    city.deliver(dataset, key, ["P0000000003"], extract_date="2026-10-29", rows_read=2, rows_accepted=2)
    lost = city.deliver(dataset, key, ["P0000000004"], extract_date="2026-10-30")
    (lost / "accepted.parquet").unlink()
    results = city.audit()
    failed = {
        check_id: (found.observed, found.expected) for check_id, found in results.items() if found.status == "failed"
    }
    assert failed == {
        "ledger.rows_add_up": (1, 0),
        "raw.rows_as_in_manifest": (2, 0),
        f"staging.{dataset}": (1, 3),  # one row in staging; P…1, P…2 and P…3 are in force
    }


def test_a_delivery_withdrawn_must_have_left_staging(city: "Audited") -> None:
    # Guards against rows that stay in staging although nothing in force holds them.
    folder = city.deliver(
        "urban_management.urban_case", "case_code", ["3202000000000000002"], extract_date="2026-11-01"
    )
    city.run(
        "insert into vault.staging.stg_urban_management__urban_case by name select '3202000000000000002' as case_code"
    )
    assert city.failures() == {}
    withdraw(city.zones, folder.name, "wrong file", "test")
    assert city.failures() == {"staging.urban_management.urban_case": 2}


def test_wrong_figures_fail(city: "Audited") -> None:
    # Guards the rules of indicators at the last gate: exact roll-up, shares within 100 %, null over zero, and an
    # evaluation that wrote nothing.
    value = "city.indicator.indicator_value"
    city.run(
        f"update {value} set numerator = 2 where region_level = 'street'",
        f"update {value} set value = 101 where region_level = 'district'",
        f"insert into {value} select 'E02', 'month', '2026-09-01', '320205', 'district', null, 1, 0, 0, '{RUN}'",
        f"update {value} set run_id = 'another' where region_level = 'city'",
    )
    assert city.failures() == {
        "indicator.rolls_up": 2,  # G08: 3, 3 and 2; E02: no city, no street
        "indicator.shares_within_100": 1,
        "indicator.no_value_without_denominator": 1,
        "indicator.current_month_has_values": 1,
    }


def test_unknown_regions_and_repeated_keys_fail(city: "Audited") -> None:
    # Guards roll-up (a region nobody knows is in no total) and every join on a key.
    city.run(
        "insert into city.governance.fct_urban_case "
        "values ('c2', 'x', '999999'), ('c3', 'x', null), ('c3', 'x', '320205')"
    )
    assert city.failures() == {"region.known": 2, "key.unique": 1}


def test_an_old_key_that_leads_twice_to_one_key_fails(city: "Audited") -> None:
    # A list of last year joined on it would count somebody twice.
    city.run(
        "create table people.base.key_history as select 'person' as kind, 'a' as old_key, 'b' as new_key, "
        "date '2026-01-01' as changed_date, 'b' as current_key from range(2)"
    )
    assert city.failures()["key.unique"] == 1


def test_a_year_without_a_work_calendar_warns(city: "Audited") -> None:
    # Guards against deadlines that silently ignore every holiday of a new year.
    city.run("update city.base.dim_date set calendar_source = 'weekend_rule'")
    results = city.audit()
    assert results["calendar.known"].status == "warned"
    assert "未知" in results["calendar.known"].message.zh


def test_synthetic_and_real_data_do_not_mix_unless_asked_for(city: "Audited") -> None:
    # Guards against a page of figures half of which are made up.
    city.deliver(
        "urban_management.urban_case", "case_code", ["3202000000000000001"], origin="real", extract_date="2026-11-01"
    )
    assert city.failures() == {"origin.single": 2}
    city.allow_mixed_origin = True
    assert city.audit()["origin.single"].status == "warned"


def release(city: "Audited", rows: dict[str, int], deliveries: dict[str, list[str]]) -> None:
    """A current release that says it had these rows."""
    record = Release(
        release_id="before",
        created_at=datetime(2026, 10, 31, tzinfo=UTC),
        data_as_of=date(2026, 10, 30),
        origin="synthetic",
        code_version="x",
        created_by="test",
        deliveries=deliveries,
        rows=rows,
        checks=[],
        snapshots={},
    )
    folder = city.zones.releases / "before"
    folder.mkdir()
    (folder / "release.json").write_text(record.model_dump_json(), encoding="utf-8")
    city.zones.current.write_text("before", encoding="utf-8")


def test_a_table_that_lost_most_of_its_rows_fails(city: "Audited") -> None:
    # Guards against an extract with one district in it that empties a mart overnight.
    release(city, {"city.governance.fct_urban_case": 1000, "city.base.dim_date": 50}, {})
    assert city.failures() == {"rows.no_collapse": 0.001}


def test_rows_that_left_with_a_withdrawn_delivery_only_warn(city: "Audited") -> None:
    # Guards the way back: a bad delivery that is withdrawn must not be stopped by the rows it takes with it.
    dataset = "urban_management.urban_case"
    folder = city.deliver(dataset, "case_code", ["3202000000000000002"], extract_date="2026-11-01")
    bad = f"{dataset}/2026-11-01/{folder.name}"
    release(city, {"city.governance.fct_urban_case": 1000}, {dataset: [bad]})
    assert city.audit()["rows.no_collapse"].status == "failed"
    withdraw(city.zones, bad, "wrong file", "test")
    assert city.audit()["rows.no_collapse"].status == "warned"


def test_a_department_that_shrank_is_published_when_somebody_says_why(city: "Audited") -> None:
    # Guards against a release that can never come, and against one that lets rows go without saying who decided it.
    release(city, {"city.governance.fct_urban_case": 1000}, {})
    assert "--accept-fewer-rows" in city.audit()["rows.no_collapse"].message.en
    city.accept_fewer_rows = "江阴自建系统 Jiangyin left the common system"
    accepted = city.audit()["rows.no_collapse"]
    assert accepted.status == "warned"
    kept = city.connection.execute(
        "select message_zh, message_en from city.quality.fct_audit_check where check_id = 'rows.no_collapse'"
    ).fetchall()
    assert kept == [(accepted.message.zh, accepted.message.en)]
    assert all(whoami() in text and "Jiangyin left the common system" in text for text in kept[0])


def test_a_reason_for_fewer_rows_is_not_kept_where_none_are_missing(city: "Audited") -> None:
    # Guards against a setting that was left in place and signs every night in somebody's name.
    city.accept_fewer_rows = "left over"
    release(city, {"city.governance.fct_urban_case": 100}, {})
    city.run("insert into city.governance.fct_urban_case select 'n' || range, 'x', '320205' from range(99)")
    assert "left over" not in city.audit()["rows.no_collapse"].message.en


def test_an_identifier_inside_a_text_is_found_by_its_pattern(city: "Audited") -> None:
    # Guards promise 3: an id or a number that a free text carries into a mart; and against alarms by look-alikes.
    texts = [CITIZEN_ID, f"证件{CITIZEN_ID}，已核", "13900000001", "电话 13900000002.", "(13900000003)联系"]
    harmless = [
        CITIZEN_ID[:-1] + "0",  # wrong check character
        "15000000000.00",  # 15 billion of capital
        "139000000012",  # twelve digits
        "a13912345678b1391234567890123456",  # inside a key
        "20261101T180000Z-1f3a",
    ]
    city.connection.execute(
        "insert into city.governance.fct_urban_case select 'n' || row_number() over (), unnest(?::varchar[]), '320205'",
        [texts + harmless],
    )
    found = city.audit()["identifier.pattern_in_lakes"]
    assert (found.status, found.observed) == ("failed", len(texts))
    assert "city.governance.fct_urban_case.note" in found.message.en
    assert CITIZEN_ID not in str(found.message)


def test_an_identifier_in_a_cell_is_found_by_its_value(city: "Audited") -> None:
    # Guards promise 3 where no pattern helps: a name, an address, a register number, a free text.
    texts = [NAME, "样板路1号101室", "P0000000001", "甄先生反映路灯不亮"]
    city.connection.execute(
        "insert into city.governance.fct_urban_case select 'n' || row_number() over (), unnest(?::varchar[]), '320205'",
        [texts],
    )
    found = city.audit()["identifier.value_in_lakes"]
    assert (found.status, found.observed) == ("failed", len(texts))
    assert NAME not in str(found.message)


def test_what_is_public_is_no_alarm_when_it_equals_an_identifier(city: "Audited") -> None:
    # Guards releases against being stopped by a partnership whose partner is a company, a person called like a town,
    # or a company whose seat is somebody's address.
    city.run(
        "insert into vault.staging.stg_public_security__person_register values "
        "('P0000000002', null, '锡山区', '样板路2号', null)"
    )
    assert city.failures() == {"staging.public_security.person_register": 2}


def test_an_identifier_that_only_the_catalog_would_carry_is_found(city: "Audited") -> None:
    # Guards the minima and maxima of files, which outlive deleted rows; the rows are still in those files, too.
    city.run(
        f"insert into people.base.dim_person values ('{NAME}', 1990, '320205'), ('{PHONE}', 1990, '320205'), "
        "('a', 1990, '320205')",
        f"delete from people.base.dim_person where person_key in ('{NAME}', '{PHONE}')",
    )
    found = city.audit()
    failed = {check_id for check_id, one in found.items() if one.status == "failed"}
    assert failed == {"identifier.pattern_in_catalogs", "identifier.value_in_catalogs"}
    assert "max_value of people.base.dim_person.person_key" in found["identifier.value_in_catalogs"].message.en


def test_what_a_failed_night_left_in_earlier_snapshots_stops_no_other(city: "Audited") -> None:
    # Guards the way back: after a finding the delivery is withdrawn, and only a release would expire what was before.
    city.run(f"insert into city.governance.fct_urban_case values ('n', '{NAME}', '320205'), ('m', '{PHONE}', '320205')")
    assert "identifier.value_in_catalogs" in city.failures()
    city.run(
        "create or replace table city.governance.fct_urban_case as "
        "select 'c1' as case_key, 'lamp' as note, '320205' as region_code"
    )
    assert city.failures() == {}
    assert list(city.zones.scratch.glob("audited*")) == []


def test_an_organisation_whose_code_is_a_citizen_id_too_stops_nothing(city: "Audited") -> None:
    # 11010119900307803X passes the checks of both kinds; what it is, its contract says. A person may have it, too.
    code = "11010119900307803X"
    city.run(
        f"insert into city.base.dim_entity values ('k9', '{code}', '样板学校', false, '样板路3号', '320205')",
        f"update vault.staging.stg_public_security__person_register set citizen_id = '{code}'",
    )
    assert city.failures() == {}
    city.run(f"insert into city.governance.fct_urban_case values ('n', '{code}', '320205')")
    assert {"identifier.pattern_in_lakes", "identifier.value_in_lakes"} <= set(city.failures())


@pytest.mark.parametrize("placeholder", ["000000000000000", "320205", "111111111111111111", "000000"])
def test_what_fills_a_column_of_numbers_without_being_one_stops_nothing(city: "Audited", placeholder: str) -> None:
    # A region's code in one row's id column once made every cell of that region an identifier of a person.
    city.run(
        f"update vault.staging.stg_public_security__person_register set citizen_id = '{placeholder}'",
        f"insert into city.governance.fct_urban_case values ('n', '{placeholder}', '320205')",
    )
    assert city.failures() == {}


def test_a_finding_says_which_line_of_which_delivery_and_never_the_value(city: "Audited") -> None:
    # Guards the steward who has to correct or withdraw something and was told only where it had come to.
    staged = "vault.staging.stg_public_security__person_register"
    delivery = "public_security.person_register/2026-10-31/abc"
    city.run(
        f"create or replace table {staged} as select *, '{delivery}' as _delivery_id, 7::bigint as _line from {staged}",
        f"insert into city.governance.fct_urban_case values ('n', '{NAME}', '320205'), ('m', 'x {PHONE}', '320205')",
    )
    found = city.audit()
    value, pattern = found["identifier.value_in_lakes"].message, found["identifier.pattern_in_lakes"].message
    assert f"{delivery} line 7 (person_name)" in value.en
    assert f"{delivery} 第 7 行（phone）" in pattern.zh
    assert NAME not in str(value)
    assert PHONE not in str(pattern)


def test_identifier_columns_and_sole_traders_names_fail(city: "Audited") -> None:
    # Guards against a mart that selects a column too many, and against the name of a person in business.
    city.run(
        "alter table people.base.dim_person add column phone varchar",
        "update city.base.dim_entity set entity_name = '某某小吃店' where is_sole_trader",
    )
    assert city.failures() == {"identifier.columns": 1, "identifier.sole_traders": 1}


def test_the_share_of_persons_who_are_alone_with_what_is_published_of_them_is_measured(city: "Audited") -> None:
    # The promise is that this risk is measured. Of five persons by hand: two pairs alike, one alone; 1 / 5 is unique.
    city.run(
        "create or replace table people.base.dim_person as select * from (values "
        "('a', 1990, '1', '320205'), ('b', 1990, '1', '320205'), ('c', 1990, '2', '320205'), "
        "('d', null, '2', '320205'), ('e', null, '2', '320205')) "
        "as person(person_key, birth_year, sex_code, region_code)"
    )
    found = city.audit()
    assert (found["anonymity.person"].status, found["anonymity.person"].observed) == ("passed", 0.2)
    assert "100.0% share it with fewer" in found["anonymity.person"].message.en
    assert "anonymity.credit_event" not in found


def test_a_failed_check_raises_in_both_languages_and_a_warning_does_not() -> None:
    # Guards the one thing the audit is for: that what failed is not published.
    warned = CheckResult(check_id="a.b", status="warned", observed=1, expected=0, message=Label("注意", "mind"))
    raise_if_failed([warned])
    failed = CheckResult(check_id="c.d", status="failed", observed=1, expected=0, message=Label("不符", "differs"))
    with pytest.raises(AuditFailed, match=r"\[c\.d\] 不符.*\[c\.d\] differs"):
        raise_if_failed([warned, failed])
