import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from apps.cli.console import Commands, exit_codes
from citylake.lake.errors import AuditFailed, CitylakeError, EnvironmentProblem
from citylake.lake.settings import PROJECT_ROOT, Settings
from citylake.lake.zones import prepare

CITIZEN_ID = "99999919800101001X"


def _app() -> typer.Typer:
    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

    @app.command()
    def audit() -> None:
        raise AuditFailed("审计未通过 [G01] nothing was published")

    @app.command()
    def stumble() -> None:
        raise ValueError(f"cannot cast {CITIZEN_ID}")

    @app.command()
    def fill() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    return app


def test_a_full_disk_is_named_with_what_to_do() -> None:
    # "Not foreseen" at two in the morning, for the most foreseeable of failures.
    result = CliRunner().invoke(_app(), ["fill"])
    assert result.exit_code == EnvironmentProblem.exit_code
    assert "The disk is full" in result.stderr


def test_an_expected_error_is_one_paragraph_with_its_documented_exit_code() -> None:
    # A traceback tells a department nothing; a wrong exit code misleads the scheduler. [G01] is no markup of ours.
    result = CliRunner().invoke(_app(), ["audit"])
    assert result.exit_code == AuditFailed.exit_code
    assert "审计未通过 [G01] nothing was published" in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_an_unforeseen_error_shows_no_value_and_keeps_its_traceback_for_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The text of a library's exception may quote a record: it belongs into a file that only the owner can read.
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path))
    result = CliRunner().invoke(_app(), ["stumble"])
    (log,) = (tmp_path / "ledger" / "errors").iterdir()
    assert result.exit_code == 1
    assert CITIZEN_ID not in result.output
    assert "Traceback" not in result.output
    assert CITIZEN_ID in log.read_text(encoding="utf-8")
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another OS account")
@pytest.mark.parametrize(
    "command",
    [
        ["release", "resume"],
        ["delivery", "list"],
        ["quarantine", "urban_management.urban_case"],
        ["sample-city", "--residents", "100"],
    ],
)
def test_another_account_is_told_whose_home_it_is(command: list[str]) -> None:
    # "Permission denied: ledger/writer.lock" tells nobody whom to ask; a traceback's log in /tmp even less.
    with tempfile.TemporaryDirectory(prefix="citylake-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        prepare(Settings(home=home))
        # It becomes another account once all is imported: Python itself may lie where only this one can read.
        program = (
            "import os; from apps.cli.main import app; os.setgroups([]); os.setgid(65534); os.setuid(65534); app()"
        )
        told = subprocess.run(
            [sys.executable, "-c", program, *command],
            env={**os.environ, "CITYLAKE_HOME": str(home), "COLUMNS": "1000"},
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert told.returncode == EnvironmentProblem.exit_code
    assert "belongs to the account root" in told.stderr
    assert "属于账号 root" in told.stderr
    assert told.stdout == ""


def test_every_exit_code_is_documented_once() -> None:
    # A new kind of error with a code that nobody documented, or with another's code.
    kinds = [kind for kind in CitylakeError.__subclasses__() if "exit_code" in vars(kind)]
    text = exit_codes()
    for kind in kinds:
        assert text.count(f"\n{kind.exit_code}  ") == 1, kind
        assert (kind.__doc__ or "").splitlines()[0] in text


def test_help_starts_without_dagster_dbt_streamlit_or_the_sample_citys_polygons() -> None:
    # Seconds of imports before every --help, --version or typo.
    program = "import sys, apps.cli.main; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"dagster", "dbt", "streamlit", "metricflow", "shapely"}.isdisjoint(loaded)
