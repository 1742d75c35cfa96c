from pathlib import Path

import dagster as dg
import pytest

from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from orchestration.triggers import JOB, late_deliveries, nightly_job


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CITYLAKE_LANDING", raising=False)
    folder = prepare(Settings()).landing / "urban_management" / "urban_case"
    folder.mkdir(parents=True)
    return folder


def _tick(instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_sensor_context(instance=instance)
    evaluation = late_deliveries(context)
    assert isinstance(evaluation, dg.RunRequest | dg.SkipReason)
    return evaluation


def test_a_late_file_starts_one_run_and_the_same_file_no_second(landing: Path) -> None:
    # Without a key made from the files, every tick until the run has loaded them would start another run.
    with dg.DagsterInstance.ephemeral() as instance:
        assert isinstance(_tick(instance), dg.SkipReason)
        (landing / "urban_case_20261031.jsonl").write_text("{}\n", encoding="utf-8")
        first, again = _tick(instance), _tick(instance)
        (landing / "urban_case_20261101.jsonl").write_text("{}\n", encoding="utf-8")
        other = _tick(instance)
    assert isinstance(first, dg.RunRequest)
    assert isinstance(again, dg.RunRequest)
    assert isinstance(other, dg.RunRequest)
    assert first.run_key == again.run_key != other.run_key


def test_no_run_is_started_while_one_is_in_progress(landing: Path) -> None:
    # The second run would fail on the lock and send a notice for nothing.
    (landing / "urban_case_20261031.jsonl").write_text("{}\n", encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.create_run_for_job(_any_job(), status=dg.DagsterRunStatus.STARTED)
        assert isinstance(_tick(instance), dg.SkipReason)


def test_no_run_is_started_while_a_command_is_writing(landing: Path) -> None:
    # A backfill lands years of files one by one: a tick would find the one that is just being loaded, every time.
    (landing / "urban_case_20261031.jsonl").write_text("{}\n", encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        with writer_lock(Settings(), "citylake ingest --folder"):
            assert isinstance(_tick(instance), dg.SkipReason)
        assert isinstance(_tick(instance), dg.RunRequest)


def test_a_file_that_is_still_copied_starts_nothing(landing: Path) -> None:
    # A part of an extract would be refused, and people would be told of it.
    (landing / "urban_case_20261031.jsonl.part").write_text("{", encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        assert isinstance(_tick(instance), dg.SkipReason)


def _any_job() -> dg.JobDefinition:
    @dg.op
    def stage() -> None: ...

    @dg.job(name=JOB)
    def job() -> None:
        stage()

    assert nightly_job.name == job.name
    return job
