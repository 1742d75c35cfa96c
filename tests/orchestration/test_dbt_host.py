"""dbt in the process that a night keeps for it: real dbt, asked for what needs no lake."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import psutil
import pytest

from citylake.lake.attach import install_extensions
from citylake.lake.settings import PROJECT_ROOT, Settings
from citylake.lake.zones import prepare
from orchestration.dbt import environment
from orchestration.dbt_host import DbtCommand, DbtFailed, DbtHost
from orchestration.dbt_paths import PARTIAL_PARSE, DbtPaths

LIST = ("--quiet", "list", "--output", "name", "--select", "dim_region dim_person", "--resource-type", "model")
# Holds a host, starts a command that waits for its own end, says both process ids, and is killed then.
_NIGHT = """
import sys, signal
from pathlib import Path
from orchestration.dbt_host import DbtHost
host = DbtHost(Path(sys.argv[1]))
command = host.run(["--version"], results=Path("r"), environment={}, folder=Path("/"))
print(host.pid, command.pid, flush=True)
signal.pause()
"""


@pytest.fixture
def host(parsed: Settings) -> Generator[DbtHost]:
    with DbtHost(DbtPaths.of(parsed).parsed / PARTIAL_PARSE) as host:
        yield host


def _run(host: DbtHost, settings: Settings, folder: Path, *arguments: str) -> DbtCommand:
    return host.run(
        arguments,
        results=folder / "run_results.json",
        environment=environment(settings, folder),
        folder=settings.dbt_project,
    )


def _said(command: DbtCommand) -> Sequence[str]:
    with command.stdout as output:
        return sorted(line.decode().strip() for line in output)


def test_a_night_has_dbt_loaded_once_for_all_its_commands(host: DbtHost, parsed: Settings, tmp_path: Path) -> None:
    # What one command leaves behind in dbt's process (its adapter, its connection to the lakes) would meet the next:
    # each is a process of its own, and the one that they come from has no thread that a fork could lose.
    commands: list[int] = []
    for _ in range(2):
        command = _run(host, parsed, tmp_path, *LIST)
        assert _said(command) == ["dim_person", "dim_region"]
        assert command.wait() == command.returncode == 0
        commands.append(command.pid)
    assert len({host.pid, *commands}) == 3
    assert psutil.Process(host.pid).num_threads() == 1


def test_a_command_that_dbt_does_not_know_fails_and_the_next_one_runs(
    host: DbtHost, parsed: Settings, tmp_path: Path
) -> None:
    # A failed staging must be told as one; nor may the fork that failed go on as a second server.
    failed = _run(host, parsed, tmp_path, "no-such-command")
    assert any("no-such-command" in line for line in _said(failed))
    assert failed.wait() != 0
    assert _run(host, parsed, tmp_path, *LIST).wait() == 0


def test_no_sql_of_dbts_can_load_an_extension_that_nobody_signed(host: DbtHost, tmp_path: Path) -> None:
    # The permission that spares checking ours a second time would let a model load any library into the night.
    settings = Settings(home=tmp_path / "home", landing=None)
    install_extensions(prepare(settings))
    asked = ("--inline", "select current_setting('allow_unsigned_extensions') as is_allowed", "--output", "json")
    shown = _run(host, settings, tmp_path, "--quiet", "show", *asked)
    assert '"is_allowed": false' in _said(shown)
    assert shown.wait() == 0


def test_dbt_and_what_it_runs_die_with_the_night_that_started_them(parsed: Settings) -> None:
    # A dbt that lives on after its night was killed writes to the lake while the next night holds the lock.
    project = DbtPaths.of(parsed).parsed / PARTIAL_PARSE
    night = subprocess.Popen(
        [sys.executable, "-c", _NIGHT, str(project)], stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT
    )
    assert night.stdout is not None
    with night.stdout as output:
        host, command = (psutil.Process(int(pid)) for pid in output.readline().split())
    os.kill(night.pid, signal.SIGKILL)
    night.wait()
    for process in (host, command):
        process.wait(timeout=30)
        assert not process.is_running()


def test_a_host_that_memory_ran_out_for_is_told_as_a_failure_of_dbt(
    host: DbtHost, parsed: Settings, tmp_path: Path
) -> None:
    # A night must end with a reason and its exit code, not with a broken pipe, nor wait for an answer for ever.
    os.kill(host.pid, signal.SIGKILL)
    with pytest.raises(DbtFailed, match="readers keep the last release"):
        _run(host, parsed, tmp_path, *LIST)
