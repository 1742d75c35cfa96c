"""The commands of ingestion as a department's officer meets them: what is said, what is written, exit codes."""

import csv
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from apps.cli import ingest
from apps.cli.console import Commands
from citylake.lake.errors import UsageError
from tests.ingestion.support import write_contract

NUMBER = "P-9912345"
HEADER = "编号,数量\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CITYLAKE_CONTRACTS", str(tmp_path / "contracts"))
    for console in (ingest.out, ingest.err):
        monkeypatch.setattr(console, "width", 200)
    write_contract(tmp_path / "contracts")
    return tmp_path / "home"


def run(*arguments: str | Path) -> Result:
    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)
    ingest.register(app)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def extract(home: Path, body: str, name: str = "thing_20261120.csv") -> Path:
    path = home.parent / name
    path.write_text(HEADER + body, "utf-8")
    return path


def test_ingest_says_what_became_of_the_rows_and_for_which_day(home: Path) -> None:
    # Without the counts nobody can hold the department's own figures against them.
    result = run("ingest", extract(home, f"1,1\n{NUMBER},x\n2,2\n"), "-d", "office.thing")
    assert result.exit_code == 0
    assert "office.thing/2026-11-20/" in result.stdout
    assert "count.type: 1" in result.stdout
    assert NUMBER not in result.output


@pytest.mark.parametrize("command", ["ingest", "check"])
def test_a_file_that_is_not_there_is_what_is_said_first(home: Path, command: str) -> None:
    # A remark about the day of a file that does not exist sends its reader after the wrong mistake.
    result = run(command, home.parent / "nonexistent.csv", "-d", "office.thing")
    assert result.exit_code == UsageError.exit_code
    assert "There is no file" in result.stderr
    assert "没有文件" in result.stderr
    assert "--extract-date" not in result.output


def test_ids_and_hashes_are_shown_whole_on_a_narrow_terminal(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # An id cut short cannot be given to citylake delivery withdraw; nor a rule or a reason be read.
    for console in (ingest.out, ingest.err):
        monkeypatch.setattr(console, "width", 60)
    shown = run("ingest", extract(home, f"1,1\n{NUMBER},x\n2,2\n"), "-d", "office.thing").stdout
    shown += run("delivery", "show", "office.thing").stdout + run("quarantine", "office.thing").stdout
    assert "office.thing/2026-11-20/" in shown
    assert "…" not in shown


def test_a_refused_file_leaves_with_the_exit_code_of_a_broken_contract(home: Path) -> None:
    # A script that delivers must notice that its file was refused.
    result = run("ingest", extract(home, "1,x\n2,y\n"), "-d", "office.thing")
    assert result.exit_code == 3
    assert "file.tolerance" in result.stderr
    assert "整批退回" in result.stderr


def test_check_reports_both_outcomes_and_writes_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A check that left personal data in a temporary folder would be a leak of its own.
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    good = run("check", extract(home, f"1,1\n2,2\n{NUMBER},x\n"), "-d", "office.thing")
    bad = run("check", extract(home, "1,x\n"), "-d", "office.thing")
    assert (good.exit_code, bad.exit_code) == (0, 3)
    assert "「数量」不是有效的整数" in good.stdout
    assert "Count is not a valid whole number" in good.stdout
    assert NUMBER not in good.output
    assert not list(temporary.iterdir())
    assert not home.exists()


def test_check_says_which_column_what_value_what_is_agreed_and_how_to_mend_it(home: Path) -> None:
    # A rule's id alone sends the person who made the extract to somebody who can read contracts.
    said = run("check", extract(home, f"1,1\n2,2\n{NUMBER},12O\n4,4\n"), "-d", "office.thing").stdout
    for part in (
        "1 (25.00%",
        "数量 · 1 行 rows (25.00%)",
        "整数，如 1200",
        "a whole number such as 1200",
        "按约定写法改写后重新导出",
        "write it in that way and export again",
        "12O",
    ):
        assert part in said, part


def test_check_masks_what_identifies_a_person_and_exports_it_in_full_on_request(home: Path) -> None:
    # What is on a screen ends in scrollback and logs; what the officer has to mend must still be found.
    file = home.parent / "to_mend.csv"
    conflicting = extract(home, f"{NUMBER},1\n{NUMBER},2\n3,13812345678x\n", "thing_20261120.synthetic.csv")
    result = run("check", conflicting, "-d", "office.thing", "--csv", file)
    assert NUMBER not in result.output
    assert "13812345678" not in result.output
    assert "P-…45（9 位 characters）" in result.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines()))
    assert [(row["列 Column"], row["值 Value"]) for row in rows] == [("编号", NUMBER), ("数量", "13812345678x")]
    assert {row["数据来源 data_origin"] for row in rows} == {"synthetic"}


def test_quarantine_counts_by_rule_before_it_lists_rows(home: Path) -> None:
    # Row after row of one mistake hides that there is a second one.
    run("ingest", extract(home, "1,1\n2,2\n3,x\n4,y\n,5\n6,6\n7,7\n"), "-d", "office.thing")
    said = run("quarantine", "office.thing").stdout
    assert said.index("数量 · 2 行 rows") < said.index("编号 · 1 行 rows") < said.index("行号 Line ")


def test_quarantine_shows_reasons_without_values_and_exports_values_to_the_owner_alone(home: Path) -> None:
    # The screen may be seen by others; the file is what the department needs to mend its rows.
    run("ingest", extract(home, f"1,1\n2,2\n{NUMBER},=cmd()\n"), "-d", "office.thing")
    shown = run("quarantine", "office.thing")
    assert "count.type" in shown.stdout
    assert NUMBER not in shown.output
    file = home.parent / "to_mend.csv"
    assert run("quarantine", "office.thing", "--csv", file).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(file.read_text("utf-8-sig").splitlines())
    assert (row["行号 Line"], row["编号"], row["数量"]) == ("4", NUMBER, "'=cmd()")
    assert (row["列 Column"], row["值 Value"]) == ("数量", "'=cmd()")
    assert (row["数据来源 data_origin"], row["What the contract says"][:14]) == ("real", "a whole number")


@pytest.mark.parametrize(
    ("value", "exported"),
    [
        ("+1+1", "'+1+1"),
        ("-2x", "'-2x"),
        ("@x", "'@x"),
        ("＝1x", "'＝1x"),
        (" =x", "' =x"),
        ("-5.x", "'-5.x"),
        ("a=b", "a=b"),
    ],
)
def test_an_exported_value_is_never_run_as_a_formula(value: str, exported: str, home: Path) -> None:
    # A citizen can write a formula into a free text; the officer's spreadsheet would run it.
    run("ingest", extract(home, f"1,1\n2,2\n3,{value}\n"), "-d", "office.thing")
    file = home.parent / "to_mend.csv"
    run("quarantine", "office.thing", "--csv", file)
    (row,) = csv.DictReader(file.read_text("utf-8-sig").splitlines())
    assert row["数量"] == exported


@pytest.mark.parametrize("place", [".", "nowhere/rows.csv"])
def test_an_export_that_cannot_be_written_is_a_wrong_request(place: str, home: Path, tmp_path: Path) -> None:
    # A mistyped path is no accident that somebody has to look up in a log.
    run("ingest", extract(home, "1,x\n2,2\n"), "-d", "office.thing")
    result = run("quarantine", "office.thing", "--csv", tmp_path / place)
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_the_export_has_new_columns_also_under_a_heading_of_its_own(home: Path) -> None:
    # Without them the department does not find its row; two columns of one name would end the export in an error.
    file = home.parent / "thing_20261120.csv"
    file.write_text("编号,原因,数量\n1,a,1\n2,b,2\n3,c,x\n", "utf-8")
    run("ingest", file, "-d", "office.thing")
    exported = home.parent / "to_mend.csv"
    assert run("quarantine", "office.thing", "--csv", exported).exit_code == 0
    (row,) = csv.DictReader(exported.read_text("utf-8-sig").splitlines())
    assert "整数" in row["原因"]
    assert row["原因 (数据 delivered)"] == "c"


def test_an_unparsable_line_is_exported_as_it_came(home: Path) -> None:
    # A row without columns has no place in the table but must not be lost from it.
    run("ingest", extract(home, "1,1\n2,2\n3,3,3\n"), "-d", "office.thing")
    file = home.parent / "to_mend.csv"
    run("quarantine", "office.thing", "--csv", file)
    (row,) = csv.DictReader(file.read_text("utf-8-sig").splitlines())
    assert (row["规则 Rules"], row["原始行 Original line"]) == ("row.columns", "3,3,3")


def test_a_delivery_is_listed_shown_withdrawn_and_reinstated(home: Path) -> None:
    # A bad delivery must be findable and removable without touching files, and so must a decision that was a mistake.
    run("ingest", extract(home, "1,1\n"), "-d", "office.thing")
    assert "in_force" in run("delivery", "list").stdout
    shown = run("delivery", "show", "office.thing/2026-11-20").stdout
    assert "thing_20261120.csv" in shown
    assert run("delivery", "withdraw", "office.thing", "--reason", "报错文件").exit_code == 0
    assert "withdrawn" in run("delivery", "list", "--dataset", "office.thing").stdout
    assert "报错文件" in run("delivery", "show", "office.thing").stdout
    again = run("ingest", extract(home, "1,1\n"), "-d", "office.thing")
    assert "withdrawn" in again.stderr
    assert run("delivery", "reinstate", "office.thing", "--reason", "核实无误").exit_code == 0
    assert "in_force" in run("delivery", "list").stdout
    shown = run("delivery", "show", "office.thing").stdout
    assert ("报错文件" in shown, "核实无误" in shown) == (True, True)
    assert "withdrawn" not in run("ingest", extract(home, "1,1\n"), "-d", "office.thing").stderr


def test_new_and_missing_columns_are_said_wherever_a_delivery_is_shown(home: Path) -> None:
    # A column that a department began to send is seen by chance alone, years later.
    file = home.parent / "thing_20261120.csv"
    file.write_text("编号,备注\n1,x\n", "utf-8")
    for command in ("check", "ingest"):
        shown = run(command, file, "-d", "office.thing").stdout
        assert "备注（仅存于原始文件 left in landing only）" in shown
        assert "数量" in shown
    assert "+1 -1" in run("delivery", "list").stdout
    assert "left in landing only" in run("delivery", "show", "office.thing").stdout


def test_an_unknown_dataset_or_delivery_is_one_clear_sentence(home: Path) -> None:
    # A traceback tells an officer nothing.
    dataset = run("ingest", extract(home, "1,1\n"), "-d", "office.nothing")
    assert (dataset.exit_code, "office.thing" in dataset.stderr) == (2, True)
    delivery = run("delivery", "show", "nothing")
    assert (delivery.exit_code, "citylake delivery list" in delivery.stderr) == (2, True)
    missing = run("check", home.parent / "absent.csv", "-d", "office.thing")
    assert (missing.exit_code, "absent.csv" in missing.stderr) == (2, True)


def test_a_file_without_a_day_in_its_name_counts_as_today_s_and_says_so(home: Path) -> None:
    # Filed silently under today, last month's extract would supersede nothing and confuse everything.
    result = run("ingest", extract(home, "1,1\n", "thing.csv"), "-d", "office.thing")
    assert "--extract-date" in result.stderr
    dated = run("ingest", extract(home, "1,2\n", "thing.csv"), "-d", "office.thing", "--extract-date", "2026-11-01")
    assert "2026-11-01" in dated.stdout
    assert dated.stderr == ""
