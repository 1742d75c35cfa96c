"""The worked example that departments read is what the commands print."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apps.cli import ingest
from apps.cli.main import app

DOCUMENT = Path(__file__).parents[2] / "docs" / "departments.md"


def test_the_worked_example_is_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Would catch a department looking for words on its screen that are in the documentation alone.
    text = DOCUMENT.read_text(encoding="utf-8")
    (example,) = (body for body in re.findall(r"```text\n(.*?)```", text, re.DOTALL) if "Check of" in body)
    made = re.search(r"`citylake (sample-city [^`]+)`", text)
    checked = re.search(r"^citylake check (\S+) --dataset (\S+)$", text, re.MULTILINE)
    assert made is not None
    assert checked is not None
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path))
    for console in (ingest.out, ingest.err):
        monkeypatch.setattr(console, "width", 80)
    runner = CliRunner()
    assert runner.invoke(app, made[1].split()).exit_code == 0
    file = next(tmp_path.rglob(checked[1]))
    printed = runner.invoke(app, ["check", str(file), "--dataset", checked[2]]).stdout
    shown = [line.rstrip() for line in printed.splitlines()]
    lines = example.splitlines()
    assert shown[: len(lines)] == lines
