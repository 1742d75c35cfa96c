"""``citylake ingest --folder`` as whoever brings years of extracts meets it: what is said, and exit codes."""

from pathlib import Path

import pytest

from apps.cli import backfill
from citylake.lake.errors import UsageError
from ingestion.backfill import bring
from tests.apps.cli.test_ingest import HEADER, NUMBER, home, run  # noqa: F401  # home is a fixture

THING = "office.thing"


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811  # the fixture
    for console in (backfill.out, backfill.err):
        monkeypatch.setattr(console, "width", 200)
    folder = home.parent / "incoming"
    folder.mkdir()
    for day in (1, 2, 3):
        (folder / f"thing_2026110{day}.csv").write_text(f"{HEADER}{day},1\n{day}0,1\n{NUMBER},{'x' * (day == 3)}\n")
    return folder


def test_a_folder_says_by_dataset_what_became_of_it(folder: Path) -> None:
    # Without the counts nobody can hold the department's own figures against them.
    (folder / "notes.txt").write_text("x")
    result = run("ingest", "--folder", folder)
    assert result.exit_code == 0
    (row,) = (line.split() for line in result.stdout.splitlines() if THING in line)
    assert row[1:] == ["3", "9", "8", "1", "0", "0"]
    assert "notes.txt" in result.stdout
    assert NUMBER not in result.output
    (again,) = (line.split() for line in run("ingest", "--folder", folder).stdout.splitlines() if THING in line)
    assert again[1:] == ["3", "0", "0", "0", "0", "3"]


def test_a_refused_file_stops_no_other_and_is_told_of_until_it_is_mended(folder: Path) -> None:
    # A script that brings a folder must notice, the second time too, that something of it was refused.
    (folder / "thing_20261102.csv").write_text(f"{HEADER}1,x\n")
    for _ in range(2):
        result = run("ingest", "--folder", folder)
        assert result.exit_code == 3
        assert "thing_20261102.csv" in result.stdout
        assert "整批退回" in result.stdout
    assert run("delivery", "list").stdout.count("in_force") == 1


def test_ctrl_c_says_what_has_come_and_that_the_same_command_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever stops it must not wonder whether to begin anew, or clean up first.
    def interrupted(*given: object, **named: object) -> None:
        bring(given[0], given[1][:2], *given[2:])  # pyright: ignore[reportArgumentType,reportIndexIssue]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(backfill, "bring", interrupted)
        result = run("ingest", "--folder", folder)
    assert result.exit_code == backfill.INTERRUPTED
    assert "the same command goes on" in " ".join(result.stderr.split())
    assert THING in result.stdout
    (row,) = (line.split() for line in run("ingest", "--folder", folder).stdout.splitlines() if THING in line)
    assert (row[1], row[-1]) == ("3", "2")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--folder", "nowhere"], "no folder"),
        ([], "--folder DIR"),
        (["--folder", ".", "--revision", "1"], "in the names"),
        (["--folder", ".", "-d", "office.nothing"], "office.thing"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_clear_sentence(given: list[str], said: str, folder: Path) -> None:
    # A traceback tells an officer nothing.
    result = run("ingest", *given)
    assert result.exit_code == UsageError.exit_code
    assert said in result.stderr


def test_a_file_that_cannot_be_taken_is_named_with_the_reason(folder: Path) -> None:
    # Passed over in silence, the corrected year would never have come.
    run("ingest", "--folder", folder)
    (folder / "thing_20261101.csv").write_text(f"{HEADER}7,7\n")
    result = run("ingest", "--folder", folder)
    assert result.exit_code == UsageError.exit_code
    assert "thing_20261101.csv" in result.stdout
    assert "_r1" in result.stdout
