"""``citylake replay`` as a steward meets it: what changed, what was left, and with which exit code."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from apps.cli import ingest, replay
from apps.cli.console import Commands
from citylake.contracts.model import load_contracts
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from tests.ingestion.support import write_contract


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CITYLAKE_CONTRACTS", str(tmp_path / "contracts"))
    for console in (ingest.out, ingest.err):
        monkeypatch.setattr(console, "width", 200)
    contract(tmp_path / "home", "1.0.0", 0.5)
    return tmp_path / "home"


def contract(home: Path, version: str, tolerance: float) -> None:
    write_contract(home.parent / "contracts", version, tolerance)
    load_contracts.cache_clear()


def run(*arguments: str | Path) -> Result:
    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)
    for module in (ingest, replay):
        module.register(app)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def deliver(home: Path, body: str, day: str = "20261120") -> None:
    file = home.parent / f"thing_{day}.csv"
    file.write_text(f"编号,数量\n{body}", "utf-8")
    run("ingest", file, "-d", "office.thing")


def test_replay_shows_what_changed_and_the_old_result_is_shown_with_the_delivery(home: Path) -> None:
    # Refused then and accepted now: without before and after, nobody can tell a department what became of its file.
    deliver(home, "1,x\n2,y\n3,3\n")
    contract(home, "2.0.0", 0.9)
    result = run("replay", "office.thing")
    assert result.exit_code == 0
    assert "0 → 1" in result.stdout
    assert "拒收 refused (file.tolerance) → 接收 accepted" in result.stdout
    shown = run("delivery", "show", "office.thing").stdout
    assert "Earlier result" in shown
    assert "contract 1.0.0" in shown
    assert "refused: file.tolerance" in shown
    assert "Unchanged: 1" in run("replay", "office.thing").stdout


def test_what_would_be_refused_is_kept_and_leaves_with_the_exit_code_of_a_broken_contract(home: Path) -> None:
    # A script that replays and refreshes must stop where a person has to decide.
    deliver(home, "1,1\n2,2\n3,x\n")
    contract(home, "2.0.0", 0.1)
    result = run("replay", "office.thing")
    assert result.exit_code == 3
    assert "--accept-refusals" in result.stderr
    assert "in_force" in run("delivery", "list").stdout
    accepted = run("replay", "office.thing", "--accept-refusals")
    assert accepted.exit_code == 0
    assert "接收 accepted → 拒收 refused (file.tolerance)" in accepted.stdout
    assert "refused" in run("delivery", "list").stdout


def test_a_file_that_left_landing_is_named(home: Path) -> None:
    # Passed over in silence, its delivery would seem to be of today's contract.
    deliver(home, "1,1\n")
    deliver(home, "2,2\n", "20261121")
    next(Zones.of(Settings()).landing.rglob("*_20261120.csv")).unlink()
    shown = run("replay", "office.thing").stdout
    (line,) = [line for line in shown.splitlines() if "2026-11-20" in line]
    assert "No longer in landing" in line
    assert "没有需要" in run("replay", "office.thing", "--since", "2026-12-01").stdout
    assert run("replay", "office.nothing").exit_code == 2
