import multiprocessing
import os
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage

from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare
from orchestration.event_log import OpenEventLog
from orchestration.instance import dagster_home, instance_of

_KILLED = 9
KEY = dg.AssetKey(["city", "base", "dim_region"])


@pytest.fixture
def zones(tmp_path: Path) -> Zones:
    return prepare(Settings(home=tmp_path / "home", landing=None))


def _seen_in_the_ui(zones: Zones) -> list[int]:
    """What another process sees that opens the same folder as ``citylake dagster`` does."""
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(dagster_home(zones)))) as instance:
        records = instance.fetch_materializations(KEY, limit=100, ascending=True).records
    found = [record.asset_materialization for record in records]
    return [int(str(one.metadata["rows"].value)) for one in found if one is not None]


def test_dagsters_ui_reads_the_events_of_a_night_while_it_runs_and_after(zones: Zones) -> None:
    # A log that only its writer can read, or that lies where the UI does not look: a night that nobody can watch.
    with instance_of(zones) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, metadata={"rows": 7}))
        assert _seen_in_the_ui(zones) == [7]
    assert _seen_in_the_ui(zones) == [7]
    assert list((zones.dagster / "history" / "runs").glob("*-wal")) == [], "the databases were left open"


def test_a_night_looks_once_for_the_tables_of_its_log(zones: Zones, monkeypatch: pytest.MonkeyPatch) -> None:
    # Dagster asks at every event whether an older version made the log: five hundred databases opened in a night. A
    # table that is not there yet may come.
    asked: list[str] = []
    look = SqliteEventLogStorage.has_table

    def count(self: SqliteEventLogStorage, table_name: str) -> bool:
        asked.append(table_name)
        return look(self, table_name)

    with instance_of(zones) as instance:
        monkeypatch.setattr(SqliteEventLogStorage, "has_table", count)
        for _ in range(3):
            instance.report_runless_asset_event(dg.AssetCheckEvaluation(KEY, "not_null", passed=True, metadata={}))
        assert len(asked) == len(set(asked)) > 0
        assert [instance.event_log_storage.has_table("no_such_table") for _ in range(2)] == [False, False]
    assert asked.count("no_such_table") == 2


def test_events_of_a_killed_night_are_kept(zones: Zones) -> None:
    # The databases stay open between events: what was logged must not wait in memory for them to be closed.
    killed = multiprocessing.get_context("forkserver").Process(target=_log_and_die, args=(zones.home,))
    killed.start()
    killed.join()
    assert killed.exitcode == _KILLED
    assert _seen_in_the_ui(zones) == [0, 1, 2]


def _log_and_die(home: Path) -> None:
    zones = prepare(Settings(home=home, landing=None))
    with instance_of(zones) as instance:
        assert isinstance(instance.event_log_storage, OpenEventLog)
        for rows in range(3):
            instance.report_runless_asset_event(dg.AssetMaterialization(KEY, metadata={"rows": rows}))
        os._exit(_KILLED)
