import os
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apps.cli.main import app
from citylake.lake import releases
from citylake.lake.errors import EnvironmentProblem, LockHeld, NoRelease, UsageError
from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare
from tests.lake.support import night, publish, write_night


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith("CITYLAKE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CITYLAKE_MEMORY_LIMIT", "256MB")
    made = Settings()
    prepare(made)
    return made


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, terminal_width=200)
    return result.exit_code, result.output


def test_without_a_release_the_list_says_what_to_do(settings: Settings) -> None:
    code, output = run("release", "list")
    assert code == NoRelease.exit_code
    assert "citylake refresh" in output


def test_releases_are_listed_shown_rolled_back_and_resumed(settings: Settings) -> None:
    # The whole way of a scheduler who was called at night.
    night(settings, 1)
    night(settings, 2)
    code, output = run("release", "list")
    assert code == 0
    assert output.index("run-002") < output.index("run-001")
    assert "synthetic" in output
    assert "city.base.right_side" in run("release", "show", "run-002")[1]

    code, output = run("release", "rollback", "run-001", "--reason", "wrong boundaries")
    assert code == 0
    assert "citylake release resume" in output.replace("\n", " ")
    assert releases.current_release(Zones.of(settings)).release_id == "run-001"
    listed = run("release", "list")[1]
    assert "wrong boundaries" in listed
    assert "rolled back" in listed

    assert run("release", "resume")[0] == 0
    assert releases.held(Zones.of(settings)) is None
    assert run("release", "resume")[0] == UsageError.exit_code


def test_ids_are_listed_whole_on_a_narrow_terminal(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # An id cut short cannot be given to rollback.
    monkeypatch.setenv("COLUMNS", "80")
    write_night(settings, 1)
    publish(settings, "20261122T220050Z-41b9")
    publish(settings, "20261123T220050Z-51b9")
    assert run("release", "rollback", "20261122T220050Z-41b9", "--reason", "x")[0] == 0
    output = run("release", "list")[1]
    assert "20261122T220050Z-41b9" in output
    assert "20261123T220050Z-51b9" in output


def test_deliveries_are_shown_whole_on_a_narrow_terminal(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # An id cut short cannot be given to citylake delivery.
    monkeypatch.setenv("COLUMNS", "80")
    delivery = "market_supervision.entity_register/2026-11-19/0123456789ab"
    write_night(settings, 1)
    releases.freeze_and_publish(
        settings,
        "run-001",
        data_as_of=date(2026, 11, 19),
        origin="synthetic",
        deliveries={"market_supervision.entity_register": [delivery]},
        checks=[],
        created_by="test",
    )
    assert delivery in run("release", "show")[1]


def test_an_unknown_release_is_a_usage_error(settings: Settings) -> None:
    night(settings, 1)
    for arguments in (("show", "nothing"), ("rollback", "nothing", "--reason", "x"), ("rollback", "run-001")):
        code, output = run("release", *arguments)
        assert code == UsageError.exit_code
        assert "Traceback" not in output


def test_a_rollback_during_a_night_leaves_with_the_lock_s_code(settings: Settings) -> None:
    # Moving the pointer under a publishing night would leave either's pointer, by chance.
    night(settings, 1)
    night(settings, 2)
    with writer_lock(settings, "a night"):
        code, output = run("release", "rollback", "run-001", "--reason", "x")
    assert code == LockHeld.exit_code
    assert "a night" in output
    assert releases.current_release(Zones.of(settings)).release_id == "run-002"


def test_the_doctor_s_code_tells_a_monitor(settings: Settings) -> None:
    night(settings, 1)
    assert run("doctor")[0] == 0
    Zones.of(settings).vault.chmod(0o777)
    code, output = run("doctor")
    assert code == EnvironmentProblem.exit_code
    assert "chmod 700" in output
