"""``citylake erase`` as a data protection officer meets it: what it refuses, and what it never prints."""

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from apps.cli import erase, replay
from apps.cli.console import Commands
from citylake.lake.errors import ErasurePending, UsageError
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare

KEY = "5678cf017a5247149346e9670662e2a5"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    for console in (erase.out, erase.err):
        monkeypatch.setattr(console, "width", 200)
    return tmp_path / "home"


def run(*arguments: str) -> Result:
    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)
    for module in (erase, replay):
        module.register(app)
    return CliRunner().invoke(app, ["erase", *arguments])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((KEY,), "basis"),
        ((KEY, "--basis", "  "), "basis"),
        ((KEY, "--basis", "law"), "No person has this key"),
        (("--basis", "law"), "Whom"),
    ],
)
def test_a_request_that_cannot_be_carried_out_says_why_and_leaves_nothing(
    arguments: tuple[str, ...], said: str, home: Path
) -> None:
    # An unfinished erasure of nobody would be taken up by every night from then on.
    prepare(Settings(home=home))
    outcome = run(*arguments)
    assert (outcome.exit_code, said in outcome.output) == (UsageError.exit_code, True)
    assert KEY not in outcome.output
    assert not list((Zones.of(Settings(home=home)).vault / "erasures").glob("*"))


def test_without_an_unfinished_erasure_there_is_nothing_to_go_on_with(home: Path) -> None:
    # Somebody who calls it again to be sure must not start a night.
    outcome = run()
    assert (outcome.exit_code, "No erasure is under way" in outcome.output) == (0, True)


def outcome(**facts: Any) -> dict[str, Any]:
    zone = {"zone": "landing", "files": 3, "hits": 0, "shared": 0, "unreadable": 0}
    return {
        "erasure_id": "e1",
        "waiting_for": "",
        "searched": [zone],
        "traces": [],
        "kept": {},
        "certificate": "/c.json",
        **facts,
    }


def test_a_trace_is_an_error_and_names_its_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A proof that fails and leaves with 0 would be filed as a proof.
    erase.show_outcomes([outcome()])
    assert "/c.json" in capsys.readouterr().out
    with pytest.raises(ErasurePending, match="traces"):
        erase.show_outcomes([outcome(waiting_for="traces", traces=["ledger: /x/notes.txt"], certificate=None)])
    assert "/x/notes.txt" in capsys.readouterr().out
