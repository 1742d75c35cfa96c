"""Folders of one process: what a killed one leaves does not stay."""

import subprocess
import sys
from pathlib import Path

import pytest

from citylake.lake.private_folder import private_folder


def test_what_a_killed_process_left_is_cleared_and_what_a_living_one_has_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Would catch persons' rows kept for ever after a killed check, and rows pulled from under a reader.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, stranger = tmp_path / f"citylake-{dead.pid}-x", tmp_path / "citylake-notes"
    (left / "rows").mkdir(parents=True)
    stranger.mkdir()
    mine = private_folder()
    second = private_folder()
    assert sorted(tmp_path.iterdir()) == sorted([mine, second, stranger])
    assert mine.stat().st_mode & 0o777 == 0o700
