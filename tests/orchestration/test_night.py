import os
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from citylake.lake.errors import LockHeld, UsageError
from citylake.lake.lock import read_holder, writer_lock
from citylake.lake.runs import Run
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare
from orchestration import night as night_module
from orchestration.failures import NightKilled, Notice, error_of
from orchestration.night import (
    COMMAND,
    RUN_ID_TAG,
    SHOWN,
    STARTED_BY,
    Night,
    Plan,
    night_resource,
    shown,
    some,
    write_deliveries,
)


def _settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", landing=None)


def _two_steps(settings: Settings, seen: list[str]) -> dg.JobDefinition:
    """A job of two steps that each try to take the lock as a stranger would."""

    def intrude(night: Night) -> None:
        with pytest.raises(LockHeld), writer_lock(settings, "an intruder", wait_seconds=0):
            pass
        seen.append(night.run.run_id)

    @dg.op
    def first(night: dg.ResourceParam[Night]) -> int:
        intrude(night)
        return 1

    @dg.op
    def second(night: dg.ResourceParam[Night], before: int) -> None:
        intrude(night)

    @dg.job(resource_defs={"night": night_resource(settings)}, executor_def=dg.in_process_executor)
    def steps() -> None:
        second(before=first())

    return steps


def test_one_lock_and_one_run_id_span_every_step(tmp_path: Path) -> None:
    # A lock taken step by step lets another writer in between staging and marts.
    settings, seen = _settings(tmp_path), list[str]()
    with dg.DagsterInstance.ephemeral() as instance:
        result = _two_steps(settings, seen).execute_in_process(instance=instance)
        tags = instance.get_run_by_id(result.run_id).tags  # pyright: ignore[reportOptionalMemberAccess]
    assert seen == [tags[RUN_ID_TAG]] * 2
    with writer_lock(settings, "afterwards", wait_seconds=0):
        holder = read_holder(Zones.of(settings))
        assert holder is not None
        assert holder.pid == os.getpid()


def test_a_run_that_meets_the_lock_ends_as_lock_held_and_touches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The command promises exit code 4 and an untouched lake; a generic failure would hide both.
    settings = _settings(tmp_path)
    seen: list[str] = []
    monkeypatch.setattr(night_module, "UNATTENDED_WAIT_SECONDS", 0)
    with writer_lock(settings, "another night") as hold:
        leaving = hold.zones.scratch / "in_use"
        leaving.touch()
        result = _two_steps(settings, seen).execute_in_process(raise_on_error=False)
        assert leaving.exists()
    assert seen == []
    error = error_of(result.all_events)
    assert isinstance(error, LockHeld)
    assert "another night" in str(error)


def test_what_a_killed_night_left_in_scratch_is_gone_before_the_first_step(tmp_path: Path) -> None:
    # Half-written files of a dead run must never be taken for this run's.
    settings = _settings(tmp_path)
    zones = prepare(settings)
    (zones.scratch / "load.x").mkdir()
    (zones.scratch / "load.x" / "accepted.parquet").touch()
    (zones.scratch / "run.aside").touch()
    with dg.DagsterInstance.ephemeral() as instance:
        assert _two_steps(settings, []).execute_in_process(instance=instance).success
    assert list(zones.scratch.iterdir()) == []


def test_a_night_without_any_delivery_says_what_to_do(tmp_path: Path) -> None:
    # dbt would fail on an empty ledger with a message about a file.
    settings = _settings(tmp_path)
    night = Night(settings, Run("r1", prepare(settings)), full=False)
    with pytest.raises(UsageError, match="citylake ingest"):
        write_deliveries(night)


def test_a_past_day_without_any_delivery_is_named(tmp_path: Path) -> None:
    # "No delivery is in force" sends its reader to look at a lake that is full of them.
    settings = _settings(tmp_path)
    night = Night(settings, Run("r1", prepare(settings)), full=True, plan=Plan(as_of=date(2024, 2, 29)))
    with pytest.raises(UsageError, match="2024-02-29"):
        write_deliveries(night)


def test_a_failed_stage_is_kept_and_shown_as_failed(tmp_path: Path) -> None:
    # A stage that raised and is recorded as succeeded would hide the failure from the benchmark and the summary.
    settings = _settings(tmp_path)
    night = Night(settings, Run("r1", prepare(settings)), full=False)
    with pytest.raises(ZeroDivisionError), night.stage("marts"):
        raise ZeroDivisionError
    (record,) = night.run.stages()
    assert (record["stage"], record["status"]) == ("marts", "failed")


def test_a_killed_run_is_marked_as_failed_by_the_next_that_takes_the_lock(tmp_path: Path) -> None:
    # It would stay "started" for ever, and the sensor for late deliveries would wait for its end for ever.
    settings = _settings(tmp_path)
    job = _two_steps(settings, [])
    with dg.DagsterInstance.ephemeral() as instance:
        killed = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={RUN_ID_TAG: "r0"})
        waiting = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        assert job.execute_in_process(instance=instance).success
        states = {run.run_id: run.status for run in instance.get_runs()}
    assert states[killed.run_id] == dg.DagsterRunStatus.FAILURE
    assert states[waiting.run_id] == dg.DagsterRunStatus.STARTED


def test_a_killed_command_is_told_of_once_by_the_next_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A command sends its notices itself, which a killed one cannot: nobody would hear that the night never came. Of
    # Dagster's own runs Dagster's sensor tells: a second notice would wake somebody twice.
    settings, sent = _settings(tmp_path), list[Notice]()
    monkeypatch.setattr(night_module, "notify", lambda _, notice: sent.append(notice))
    job = _two_steps(settings, [])
    with dg.DagsterInstance.ephemeral() as instance:
        for run_id, tags in (("r1", {STARTED_BY: COMMAND}), ("r2", {})):
            instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={RUN_ID_TAG: run_id, **tags})
        for _ in range(2):
            assert job.execute_in_process(instance=instance, tags={STARTED_BY: COMMAND, RUN_ID_TAG: "r3"}).success
    assert [(notice.run_id, notice.error) for notice in sent] == [("r1", NightKilled.__name__)]


def test_years_of_deliveries_in_one_night_are_no_flood_in_the_log() -> None:
    # Thousands of warnings, and hashes in every event, would bury what somebody must act on.
    few, many = ["a", "b"], [str(number) for number in range(3_300)]
    assert some(few) == few
    assert some(many)[:SHOWN] == many[:SHOWN]
    assert "3300" in some(many)[SHOWN]
    assert len(some(many)) == SHOWN + 1
    metadata = shown({"deliveries": 3_300, "sha256": many, "postponed": few})
    assert metadata["sha256"].value == many[:SHOWN]
    assert metadata["sha256_count"].value == 3_300
    assert metadata["postponed"].value == few
    assert "postponed_count" not in metadata
