"""``citylake disagreements``: values for the steward, in an owner-only file, and nothing a spreadsheet would run."""

import os
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from apps.cli.main import app
from citylake.lake.errors import NoRelease, UsageError
from tests.identity.test_sources import INSURANCE, PERMIT, REGISTER, Vault


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vault:
    for name in [name for name in os.environ if name.startswith("CITYLAKE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CITYLAKE_MEMORY_LIMIT", "256MB")
    return Vault(tmp_path / "home")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, terminal_width=200)
    return result.exit_code, result.output


def test_before_any_night_it_says_what_to_do(vault: Vault) -> None:
    code, output = run("disagreements")
    assert code == NoRelease.exit_code
    assert "citylake refresh" in output


def test_disagreements_are_counted_shown_and_chosen_by_attribute(vault: Vault) -> None:
    vault.mention(REGISTER, "r", "p", name="张三", sex_code="1")
    vault.mention(INSURANCE, "i", "p", name="李四", sex_code="2")
    vault.mention(PERMIT, "w", "p", name="李四", sex_code="1")
    vault.night()
    code, output = run("disagreements")
    assert code == 0
    assert "3 项" in output
    assert "李四" in output
    assert "李四" not in run("disagreements", "--attribute", "sex_code")[1]
    assert "没有分歧" in run("disagreements", "--attribute", "phone")[1]
    assert run("disagreements", "--attribute", "shoe_size")[0] == UsageError.exit_code


def test_the_csv_is_the_owners_alone_and_runs_no_formula(vault: Vault, tmp_path: Path) -> None:
    # A name that begins with = would be run by whoever opens the list.
    vault.mention(REGISTER, "r", "p", name="张三")
    vault.mention(INSURANCE, "i", "p", name="=cmd()")
    vault.night()
    file = tmp_path / "list.csv"
    code, output = run("disagreements", "--csv", str(file))
    assert code == 0
    assert "张三" not in output
    assert file.stat().st_mode & 0o777 == 0o600
    assert pl.read_csv(file)["分歧值 Other value"].to_list() == ["'=cmd()"]
    assert run("disagreements", "--csv", str(tmp_path))[0] == UsageError.exit_code
