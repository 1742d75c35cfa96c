"""History: what each record said and when, from deliveries in any order, on real lakes through dbt."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citylake.contracts.model import DeliveryMode
from tests.dbt_project.city_home import CityHome
from tests.dbt_project.test_staging import in_mode

ENTITIES = "market_supervision.entity_register"
PERSONS = "public_security.person_register"
HISTORY = "vault.history.hst_market_supervision__entity_register"
DAY = date(2026, 11, 1)


def entity(name: str, code: str = "A") -> dict[str, Any]:
    return {"registration_code": code, "entity_name": name}


def deliver(home: CityHome, day: int, *rows: dict[str, Any], revision: int = 0) -> Any:
    return home.deliver(ENTITIES, DAY + timedelta(day), rows, revision=revision)


def follow(home: CityHome, *arguments: str) -> None:
    home.dbt("run", "--select", "hst_market_supervision__entity_register", *arguments)


def versions(home: CityHome) -> list[tuple[Any, ...]]:
    """Code, name (None: deleted), first day and first day after, as days after DAY."""
    return home.query(
        "select registration_code, if(is_deleted, null, entity_name), "
        f"version_from_date - date '{DAY}', version_to_date - date '{DAY}' from {HISTORY} "
        "order by registration_code, version_from_date"
    )


def test_a_change_and_a_change_back_are_three_versions_and_a_restatement_none(home: CityHome) -> None:
    # Grouping equal values, wherever they stand, would make one version of the first and the last.
    for day, name in enumerate(["甲", "甲", "乙", "甲", "甲"]):
        deliver(home, day, entity(name))
    follow(home)
    assert versions(home) == [("A", "甲", 0, 2), ("A", "乙", 2, 3), ("A", "甲", 3, None)]


def test_night_by_night_gives_what_one_night_does(home: CityHome) -> None:
    for day, name in enumerate(["甲", "甲", "乙", "甲", "甲"]):
        deliver(home, day, entity(name), entity("丙", "B"))
        follow(home)
    assert versions(home) == [("A", "甲", 0, 2), ("A", "乙", 2, 3), ("A", "甲", 3, None), ("B", "丙", 0, None)]


def test_a_correction_supersedes_what_was_said_that_day(home: CityHome) -> None:
    # Keeping both would show a version that nobody stands by.
    deliver(home, 0, entity("甲"))
    deliver(home, 1, entity("错"), entity("错", "B"))
    follow(home)
    deliver(home, 1, entity("乙"), revision=1)
    follow(home)
    assert versions(home) == [("A", "甲", 0, 1), ("A", "乙", 1, None)]


def test_a_late_delivery_in_the_middle_parts_a_version_in_two(home: CityHome) -> None:
    # The restatement of day 2 was folded into day 0: known runs alone would let the late name hold for ever.
    deliver(home, 0, entity("甲"))
    deliver(home, 2, entity("甲"))
    follow(home)
    deliver(home, 1, entity("乙"))
    follow(home)
    assert versions(home) == [("A", "甲", 0, 1), ("A", "乙", 1, 2), ("A", "甲", 2, None)]


def test_a_withdrawn_delivery_was_never_said(home: CityHome) -> None:
    deliver(home, 0, entity("甲"))
    wrong = deliver(home, 1, entity("错"), entity("错", "B"))
    deliver(home, 2, entity("甲"))
    follow(home)
    home.withdraw(wrong)
    follow(home)
    assert versions(home) == [("A", "甲", 0, None)]
    home.reinstate(wrong)
    follow(home)
    assert versions(home) == [("A", "甲", 0, 1), ("A", "错", 1, 2), ("A", "甲", 2, None), ("B", "错", 1, None)]


def test_withdrawing_who_said_it_first_leaves_who_said_it_next(home: CityHome) -> None:
    first = deliver(home, 0, entity("甲"))
    deliver(home, 1, entity("甲"))
    follow(home)
    home.withdraw(first)
    follow(home)
    assert versions(home) == [("A", "甲", 1, None)]


def test_a_replayed_delivery_says_what_it_says_now(home: CityHome) -> None:
    deliver(home, 0, entity("甲"))
    second = deliver(home, 1, entity("错"))
    follow(home)
    home.replay(second, [entity("乙"), entity("丙", "B")])
    follow(home)
    assert versions(home) == [("A", "甲", 0, 1), ("A", "乙", 1, None), ("B", "丙", 1, None)]


def test_a_tombstone_ends_the_last_version_and_of_one_day_the_last_update_counts(home: CityHome) -> None:
    def person(status: str, hour: int, operation: str = "U") -> dict[str, Any]:
        at = datetime(2026, 1, 1, hour, tzinfo=UTC)
        told = {} if operation == "D" else {"citizen_id": f"ID{status}"}
        return {"register_no": "P1", "status_code": status, "operation": operation, "updated_at": at, **told}

    home.deliver(PERSONS, DAY, [person("1", 1)])
    home.deliver(PERSONS, DAY + timedelta(1), [person("3", 3), person("2", 2)])
    home.deliver(PERSONS, DAY + timedelta(2), [person("3", 4, "D")])
    home.dbt("run", "--select", "hst_public_security__person_register")
    table = "vault.history.hst_public_security__person_register"
    rows = home.query(
        f"select status_code, citizen_id, is_deleted, version_from_date - date '{DAY}', version_to_date - date '{DAY}' "
        f"from {table} order by version_from_date"
    )
    assert rows == [("1", "ID1", False, 0, 1), ("3", "ID3", False, 1, 2), (None, None, True, 2, None)]


def test_who_is_not_in_a_snapshot_is_gone_until_it_is_again(home: CityHome) -> None:
    # Of a snapshot staging keeps the newest extract alone; history needs those before, an empty one too.
    home = in_mode(home, ENTITIES, "snapshot")
    deliver(home, 0, entity("甲"), entity("丙", "B"))
    deliver(home, 1, entity("丙", "B"))
    follow(home)
    deliver(home, 3, entity("甲"))
    deliver(home, 2)
    follow(home)
    expected = [("A", "甲", 0, 1), ("A", None, 1, 3), ("A", "甲", 3, None), ("B", "丙", 0, 2), ("B", None, 2, None)]
    assert versions(home) == expected


def test_a_restatement_rewrites_nothing(home: CityHome) -> None:
    # A department that sends everything every night would have the whole history rewritten every night.
    deliver(home, 0, *(entity("甲", code) for code in "ABC"))
    follow(home)
    ((before,),) = home.query("select max(snapshot_id) from vault.snapshots()")
    deliver(home, 1, entity("甲"), entity("乙", "B"), entity("甲", "C"))
    follow(home)
    ((newest,),) = home.query("select max(snapshot_id) from vault.snapshots()")
    table = "'vault', 'history', 'hst_market_supervision__entity_register'"
    written = home.query(f"select registration_code from ducklake_table_insertions({table}, {before + 1}, {newest})")
    assert set(written) == {("B",)}


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    """Nights; each delivers some extracts (date, revision, rows), and may withdraw or replay one that came before."""
    row = st.tuples(st.sampled_from("甲乙"), st.sampled_from("AB"))
    delivery = st.tuples(st.integers(0, 4), st.integers(0, 1), st.lists(row, max_size=3, unique_by=lambda one: one[1]))
    night = st.tuples(st.lists(delivery, max_size=3), st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))
    return draw(st.lists(night, min_size=2, max_size=4))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["upsert", "snapshot"])
@settings(max_examples=4, deadline=None)
@given(history=histories())
def test_any_order_of_deliveries_tells_the_history_a_full_rebuild_does(
    mode: DeliveryMode, history: list[Any], new_home: Callable[[], CityHome]
) -> None:
    # The law of history: late, corrected, replayed and withdrawn deliveries leave no trace of when they came.
    home = in_mode(new_home(), ENTITIES, mode)
    came: dict[str, Any] = {}
    for deliveries, withdrawn, replayed in history:
        for day, revision, rows in deliveries:
            sent = deliver(home, day, *(entity(*row) for row in rows), revision=revision)
            came[sent.delivery_id] = sent
        if replayed is not None and replayed < len(came):
            again = list(came)[replayed]
            came[again] = home.replay(came[again], [entity("丙"), entity("甲", "C")])
        if withdrawn is not None and withdrawn < len(came):
            home.withdraw(came.pop(list(came)[withdrawn]))
        follow(home)
    incremental = home.query(f"from {HISTORY} order by all")
    follow(home, "--full-refresh")
    assert incremental == home.query(f"from {HISTORY} order by all")
