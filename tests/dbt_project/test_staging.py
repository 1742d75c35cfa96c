"""Staging as a whole: deliveries in, the rows in force out, on real lakes through dbt."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citylake.contracts.model import DeliveryMode
from tests.dbt_project.city_home import CityHome

PERSONS = "public_security.person_register"
CASES = "government_service.service_case"
ENTITIES = "market_supervision.entity_register"
STAGED_PERSONS = "vault.staging.stg_public_security__person_register"
STAGED_ENTITIES = "vault.staging.stg_market_supervision__entity_register"
DAY = date(2026, 11, 1)


def person(number: int, hour: int = 1, name: str = "甲", operation: str = "U") -> dict[str, Any]:
    return {
        "register_no": f"P{number:010d}",
        "person_name": name,
        "sex_code": "9",
        "birth_date": date(1990, 1, 1),
        "status_code": "1",
        "registered_date": date(2020, 1, 1),
        "operation": operation,
        "updated_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour),
    }


def entity(code: str, name: str = "甲公司") -> dict[str, Any]:
    return {"registration_code": code, "entity_name": name}


def names(home: CityHome) -> list[tuple[Any, ...]]:
    return home.query(f"select right(register_no, 1), person_name, is_deleted from {STAGED_PERSONS} order by all")


def in_mode(home: CityHome, dataset: str, mode: DeliveryMode) -> CityHome:
    """The same home, this dataset delivered in another mode: its contract and its dbt source say so."""
    manifest = home.manifest.deepcopy()
    source = next(s for s in manifest.sources.values() if f"{s.source_name}.{s.name}" == dataset)
    source.config.meta["delivery_mode"] = mode
    manifest.build_flat_graph()
    contracts = home.contracts | {dataset: replace(home.contracts[dataset], mode=mode)}
    return replace(home, manifest=manifest, contracts=contracts)


def test_datasets_without_a_delivery_are_empty_tables_of_the_right_types(home: CityHome) -> None:
    # A city that has not got every dataset yet could not build anything downstream.
    home.stage(PERSONS)
    home.stage(ENTITIES)
    columns = home.query(f"select column_name, column_type from (describe {STAGED_PERSONS})")
    assert ("updated_at", "TIMESTAMP WITH TIME ZONE") in columns
    assert ("is_deleted", "BOOLEAN") in columns
    assert home.query(f"select count(*) from {STAGED_ENTITIES}") == [(0,)]


def test_the_newest_extract_then_the_sequence_then_the_lowest_line_wins(home: CityHome) -> None:
    # Ordering by load time, or by sequence before extract date, would let an old extract win.
    home.deliver(
        PERSONS, DAY + timedelta(1), [person(1, hour=1, name="新"), person(2, hour=2), person(2, hour=1, name="旧")]
    )
    home.deliver(PERSONS, DAY, [person(1, hour=9, name="旧"), person(3, name="先"), person(3, name="后")])
    home.stage(PERSONS)
    assert names(home) == [("1", "新", False), ("2", "甲", False), ("3", "先", False)]


def test_a_tombstone_is_kept_so_that_a_late_older_version_stays_dead(home: CityHome) -> None:
    # Removing the row at once would bring the record back with the next late extract.
    home.deliver(PERSONS, DAY + timedelta(1), [person(1, operation="D")])
    home.stage(PERSONS)
    home.deliver(PERSONS, DAY, [person(1)])
    home.stage(PERSONS)
    assert names(home) == [("1", "甲", True)]


def test_a_key_whose_only_delivery_is_withdrawn_disappears(home: CityHome) -> None:
    # Replacing only the keys that a new delivery names would leave the withdrawn rows behind.
    home.deliver(PERSONS, DAY, [person(1, name="先"), person(2)])
    wrong = home.deliver(PERSONS, DAY + timedelta(1), [person(1, name="错"), person(3)])
    home.stage(PERSONS)
    home.withdraw(wrong)
    home.stage(PERSONS)
    assert names(home) == [("1", "先", False), ("2", "甲", False)]


def test_the_keys_of_a_reinstated_delivery_come_back(home: CityHome) -> None:
    # Looking only at deliveries newer than the last night would leave the reinstated one out for ever.
    home.deliver(PERSONS, DAY, [person(1, name="先"), person(2)])
    wrong = home.deliver(PERSONS, DAY + timedelta(1), [person(1, name="后"), person(3)])
    home.stage(PERSONS)
    home.withdraw(wrong)
    home.stage(PERSONS)
    home.reinstate(wrong)
    home.stage(PERSONS)
    assert names(home) == [("1", "后", False), ("2", "甲", False), ("3", "甲", False)]


@pytest.mark.parametrize("mode", ["upsert", "snapshot", "append"])
def test_a_replayed_delivery_is_applied_again(home: CityHome, mode: DeliveryMode) -> None:
    # Known by its id alone, its old rows would stay: rows that are quarantined today, columns that were empty then.
    home = in_mode(home, PERSONS, mode)
    home.deliver(PERSONS, DAY, [person(1, name="先"), person(2, name="先"), person(3, name="先")])
    second = home.deliver(PERSONS, DAY + timedelta(1), [person(1, name="错"), person(2, name="错"), person(4)])
    home.stage(PERSONS)
    before = home.query(f"from {STAGED_PERSONS} order by all")
    home.replay(second, [person(1, name="对"), person(5)])
    home.stage(PERSONS)
    incremental = home.query(f"from {STAGED_PERSONS} order by all")
    of_first = [("1", "先", False), ("2", "先", False), ("3", "先", False)]
    expected = {
        "upsert": [("1", "对", False), *of_first[1:], ("5", "甲", False)],
        "snapshot": [("1", "对", False), ("5", "甲", False)],
        "append": sorted([*of_first, ("1", "对", False), ("5", "甲", False)]),
    }
    assert sorted(names(home)) == sorted(expected[mode])
    home.stage(PERSONS, "--full-refresh")
    assert incremental == home.query(f"from {STAGED_PERSONS} order by all") != before


def test_a_lake_from_before_replays_reads_its_deliveries_again_once(home: CityHome) -> None:
    # A lake that is running must go on without somebody rebuilding it by hand.
    home.deliver(PERSONS, DAY, [person(1)])
    home.stage(PERSONS)
    home.write("alter table vault.staging.applied_delivery drop column run_id")
    home.stage(PERSONS)
    assert names(home) == [("1", "甲", False)]
    assert home.query("select run_id from vault.staging.applied_delivery") == [("test",)]


def test_new_columns_are_kept_in_staging_where_the_contract_says_evolve(home: CityHome) -> None:
    # Kept in raw alone, nobody could see what a new column holds before it gets its place in the contract.
    row = {"case_no": "C1", "_new_columns": '{"渠道":"微信"}'}
    home.deliver(CASES, DAY, [row, {"case_no": "C2"}])
    home.stage(CASES)
    table = "vault.staging.stg_government_service__service_case"
    assert home.query(f"select case_no, _new_columns ->> '$.渠道' from {table} order by all") == [
        ("C1", "微信"),
        ("C2", None),
    ]


def test_a_night_without_a_change_writes_nothing_to_the_table(home: CityHome) -> None:
    # The cost of a night must follow what changed: a rewrite would double the lake's files every night.
    home.deliver(PERSONS, DAY, [person(1)])
    home.stage(PERSONS)
    table = "'vault', 'stg_public_security__person_register', schema => 'staging'"
    files = f"select data_file, delete_file from ducklake_list_files({table})"
    before = home.query(files), home.query("select count(*) from vault.staging.applied_delivery")
    home.stage(PERSONS)
    assert (home.query(files), home.query("select count(*) from vault.staging.applied_delivery")) == before


def test_only_the_keys_of_a_changed_delivery_are_rewritten(home: CityHome) -> None:
    # Rewriting every row for one changed key would make each night cost a full rebuild.
    home.deliver(PERSONS, DAY, [person(n) for n in range(9)])
    home.stage(PERSONS)
    ((before,),) = home.query("select max(snapshot_id) from vault.snapshots()")
    home.deliver(PERSONS, DAY + timedelta(1), [person(1, name="新")])
    home.stage(PERSONS)
    ((newest,),) = home.query("select max(snapshot_id) from vault.snapshots()")
    table = "'vault', 'staging', 'stg_public_security__person_register'"
    written = home.query(f"select person_name from ducklake_table_insertions({table}, {before + 1}, {newest})")
    assert written == [("新",)]


def test_table_and_applied_deliveries_change_in_one_snapshot(home: CityHome) -> None:
    # Two transactions: a night killed between them would apply a delivery twice or forget that one was removed.
    home.deliver(PERSONS, DAY, [person(1)])
    home.stage(PERSONS)
    home.deliver(PERSONS, DAY + timedelta(1), [person(1, name="新")])
    home.stage(PERSONS)
    changes = home.query("select changes from vault.snapshots() order by snapshot_id desc")
    inserted = [change["tables_inserted_into"] for (change,) in changes if "tables_inserted_into" in change]
    tables = dict(home.query("select table_id::varchar, table_name from ducklake_table_info('vault')"))
    assert {tables[str(table)] for table in inserted[0]} == {"applied_delivery", "stg_public_security__person_register"}


@pytest.mark.parametrize("mode", ["snapshot", "append"])
def test_whole_deliveries_replace_or_add_up(home: CityHome, mode: DeliveryMode) -> None:
    # A snapshot's absence deletes; an append dataset keeps everything, except a line that was sent twice in one file.
    home = in_mode(home, ENTITIES, mode)
    home.deliver(ENTITIES, DAY, [entity("A"), entity("A"), entity("B")])
    home.stage(ENTITIES)
    home.deliver(ENTITIES, DAY + timedelta(1), [entity("A", "新公司")])
    home.stage(ENTITIES)
    staged = home.query(f"select registration_code, entity_name, _line from {STAGED_ENTITIES} order by all")
    added = [("A", "新公司", 2)]
    assert staged == (added if mode == "snapshot" else sorted([("A", "甲公司", 2), ("B", "甲公司", 4), *added]))


def test_a_column_the_contract_gains_later_is_null_for_older_deliveries(home: CityHome) -> None:
    # Reading the files as they are would fail for every delivery of the older contract.
    home.deliver(ENTITIES, DAY, [entity("A")])
    home.stage(ENTITIES)
    grown = home.manifest.deepcopy()
    source = next(s for s in grown.sources.values() if s.name == "entity_register")
    source.columns["employee_count"] = replace(source.columns["status_code"], name="employee_count", data_type="bigint")
    model = grown.nodes["model.citylake.stg_market_supervision__entity_register"]
    model.columns["employee_count"] = source.columns["employee_count"]
    grown.build_flat_graph()
    home = replace(home, manifest=grown)
    home.deliver(ENTITIES, DAY + timedelta(1), [entity("B")])
    home.stage(ENTITIES)
    assert home.query(f"select registration_code, employee_count from {STAGED_ENTITIES} order by all") == [
        ("A", None),
        ("B", None),
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[list[Any]]:
    """Nights; each delivers some extracts (date, revision, rows), and may replay or withdraw one that came before."""
    row = st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("甲乙"), st.sampled_from("UUUD"))
    delivery = st.tuples(st.integers(0, 3), st.integers(0, 1), st.lists(row, max_size=4, unique_by=lambda r: r[:2]))
    night = st.tuples(st.lists(delivery, max_size=3), st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))
    return draw(st.lists(night, min_size=2, max_size=4))


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(history=histories())
def test_any_order_of_deliveries_ends_where_a_full_rebuild_does(
    history: list[list[Any]], new_home: Callable[[], CityHome]
) -> None:
    # The one law of staging: late, corrected and withdrawn deliveries, in any order, leave no trace of the order.
    home = new_home()
    came: dict[str, Any] = {}
    for deliveries, withdrawn, replayed in history:
        for day, revision, rows in deliveries:
            sent = home.deliver(PERSONS, DAY + timedelta(day), [person(*row) for row in rows], revision=revision)
            came[sent.delivery_id] = sent
        if replayed is not None and replayed < len(came):
            again = list(came)[replayed]
            came[again] = home.replay(came[again], [person(replayed % 4, 9, "丙"), person(5, name="丁")])
        if withdrawn is not None and withdrawn < len(came):
            home.withdraw(came.pop(list(came)[withdrawn]))
        home.stage(PERSONS)
    incremental = home.query(f"from {STAGED_PERSONS} order by all")
    home.stage(PERSONS, "--full-refresh")
    assert incremental == home.query(f"from {STAGED_PERSONS} order by all")
