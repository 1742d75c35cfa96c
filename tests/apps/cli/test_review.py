"""``citylake review``, ``who`` and ``link``: pairs decided at the command line, and a key that explains itself."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apps.cli.console import out
from apps.cli.main import app
from citylake.identity.review_queue import open_pairs
from citylake.lake.errors import EnvironmentProblem, NoRelease, UsageError
from tests.identity.staged import ANNA, BO, REGISTER, Staged
from tests.identity.test_linking import PEOPLE, REGISTERED
from tests.lake.homes import copy_folder, made_once


@pytest.fixture(scope="session")
def one_night(session_folder: Path) -> Path:
    """The home of four people after their first night, as tests copy it."""

    def make(home: Path) -> None:
        staged = Staged(home)
        staged.stage(REGISTER, REGISTERED, PEOPLE)
        staged.night()

    return made_once(session_folder / "people_of_a_review", make)


@pytest.fixture
def linked(staged: Staged, one_night: Path) -> Staged:
    """A home of the test's own after that night."""
    copy_folder(one_night, staged.settings.home)
    staged.nights = 1
    return staged


@pytest.fixture
def staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Staged:
    for name in [name for name in os.environ if name.startswith("CITYLAKE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(out, "_width", 250)
    return Staged(tmp_path / "home")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, terminal_width=250)
    return result.exit_code, result.output


def test_before_any_night_it_says_what_to_do(staged: Staged) -> None:
    for command in (["review"], ["who", "0123456789abcdef", "--explain"]):
        code, output = run(*command)
        assert code == NoRelease.exit_code
        assert "citylake refresh" in output


def test_a_pair_is_shown_side_by_side_and_decided_by_its_references(linked: Staged) -> None:
    code, output = run("review")
    assert code == 0
    assert "李明明" in output
    assert "李铭铭" in output
    assert "same_sound" in output
    (pair,) = open_pairs(linked.settings).iter_rows(named=True)
    left, right = f"r{pair['left_key'][:12]}", pair["right_key"]
    assert left in output
    assert run("review", "decide", left, right, "perhaps", "--why", "x")[0] == UsageError.exit_code
    assert run("review", "decide", left, right, "different", "--why", "住址不同 other address")[0] == 0
    assert "没有待复核" in run("review")[1]
    assert linked.rows("select decision, why from vault.identity.decision") == [("different", "住址不同 other address")]


def test_who_explains_a_key_and_an_old_one_leads_to_all_that_it_became(staged: Staged) -> None:
    people = {person[0]: person for person in PEOPLE} | {"P5": ("P5", *PEOPLE[0][1:])}
    staged.stage(REGISTER, REGISTERED, list(people.values()))
    staged.night()
    old = staged.keys()["P1"]
    # P3 turns out to be P4: it leaves the key, which stays with P1 and P5.
    people["P3"] = ("P3", BO, *people["P4"][2:])
    staged.stage(REGISTER, REGISTERED, list(people.values()))
    staged.night()
    other = staged.keys()["P4"]
    code, output = run("who", old[:12], "--explain")
    assert code == 0
    assert old in output
    assert other in output
    assert "split" in output
    assert "李明明" in output
    # The short card names nobody.
    assert "李明明" not in run("who", old)[1]
    assert run("who", "00000000")[0] == UsageError.exit_code
    assert run("who", old[:4])[0] == UsageError.exit_code


def test_what_is_shown_is_written_nowhere_and_shown_to_nobody_else(
    linked: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = linked.keys()["P1"]
    before = {path for path in linked.settings.home.rglob("*") if path.is_file()}
    assert ANNA in run("who", key, "--explain")[1]
    new = [path for path in linked.settings.home.rglob("*") if path.is_file() and path not in before]
    assert not [path for path in new if ANNA.encode() in path.read_bytes() or "李明明".encode() in path.read_bytes()]
    monkeypatch.setattr(os, "access", lambda *_: False)
    code, output = run("who", key, "--explain")
    assert code == EnvironmentProblem.exit_code
    assert ANNA not in output


def test_the_shipped_models_are_listed_as_in_force(staged: Staged) -> None:
    assert staged.settings.home.exists()
    code, output = run("link", "models")
    assert code == 0
    assert output.count("●") == 2
    assert "synthetic" in output
    assert run("link", "adopt", "person", "unheard")[0] == UsageError.exit_code


def test_what_cannot_be_meant_is_refused_and_says_what_can(linked: Staged, tmp_path: Path) -> None:
    code, output = run("review", "--reason", "nonsense")
    assert code == UsageError.exit_code
    assert "two_anchors" in output
    file = tmp_path / "pairs.csv"
    assert run("review", "--from", str(file), "--csv", str(file))[0] == UsageError.exit_code
    code, output = run("review", "decide", "r31", "r3184", "same", "--why", "x")
    assert code == UsageError.exit_code
    assert "too short" in output


def test_a_key_is_never_cut_in_pieces_on_a_narrow_screen(linked: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    # Folded into three lines, nobody could copy it.
    key = linked.keys()["P1"]
    ((record,),) = linked.rows(
        f"select source_record_key from vault.identity.person_record where person_key = '{key}' limit 1"
    )
    for width, is_wide in ((80, False), (250, True)):
        monkeypatch.setattr(out, "_width", width)
        output = run("who", key, "--explain")[1]
        assert f"r{record[:12]}" in output
        assert ("数据集 Dataset" in output) is not is_wide
        assert "来源编号" in output
