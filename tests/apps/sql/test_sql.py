import csv
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console
from typer.testing import CliRunner

from apps.sql.session import Session
from apps.sql.shell import Shell, run_script
from citylake.lake import releases
from citylake.lake.attach import open_lakes
from citylake.lake.errors import NoRelease, UsageError
from citylake.lake.releases import freeze_and_publish
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare

Origin = Literal["synthetic", "real"]


def publish(settings: Settings, run_id: str = "run-1", origin: Origin = "synthetic") -> None:
    with open_lakes(settings) as head:
        head.execute("create schema if not exists city.base")
        head.execute(
            "create or replace table city.base.dim_region as select * from (values "
            "('320205', '锡山区', 12.50::decimal(18, 2), date '2026-10-31'), ('320206', null, null, null)) "
            "as region (region_code, region_name_zh, area_km2, valid_from)"
        )
        head.execute("comment on table city.base.dim_region is '区划 Regions'")
        head.execute("comment on column city.base.dim_region.region_code is '代码 Code'")
    freeze_and_publish(
        settings,
        run_id,
        data_as_of=date(2026, 10, 31),
        origin=origin,
        deliveries={},
        checks=[],
        created_by="test",
    )


def written(session: Session, sql: str, form: str) -> str:
    file = io.StringIO()
    run_script(session, sql, form, file)  # pyright: ignore[reportArgumentType]
    return file.getvalue()


def talk(session: Session, *lines: str) -> tuple[str, str]:
    """What a shell writes to its two outputs when a person types these lines and leaves."""
    typed = iter(lines)

    def read(_: str) -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    file, told = io.StringIO(), io.StringIO()
    Shell(session, file, read, Console(file=told, width=200)).talk()
    return file.getvalue(), told.getvalue()


def test_every_format_gives_the_same_values(settings: Settings) -> None:
    # Chinese text, exact decimals, dates and nulls are what exports lose first.
    publish(settings)
    session = Session(settings)
    query = "select region_name_zh, area_km2, valid_from from base.dim_region order by region_code"
    table = written(session, query, "table")
    assert "锡山区" in table
    assert "NULL" in table
    names = ["region_name_zh", "area_km2", "valid_from", "data_origin"]
    rows = list(csv.reader(io.StringIO(written(session, query, "csv"))))
    assert rows == [names, ["锡山区", "12.50", "2026-10-31", "synthetic"], ["", "", "", "synthetic"]]
    objects = json.loads(written(session, query, "json"), parse_float=Decimal)
    assert objects[0] == dict(zip(names, ("锡山区", Decimal("12.50"), "2026-10-31", "synthetic"), strict=True))
    assert objects[1] == dict(zip(names, (None, None, None, "synthetic"), strict=True))


def test_json_keeps_both_of_two_columns_with_one_name(settings: Settings) -> None:
    # An object has each name once: of a join's two region_code the first would vanish without a word.
    publish(settings)
    sql = "select 1 as a, 2 as a, 3 as a_1, 4 as data_origin"
    (row,) = json.loads(written(Session(settings), sql, "json"))
    assert row == {"a": 1, "a_2": 2, "a_1": 3, "data_origin_1": 4, "data_origin": "synthetic"}


def test_json_keeps_every_digit_and_stays_json(settings: Settings) -> None:
    # A capital in the trillions loses its cents as a float, nested or not; NaN is no JSON, and 1E+3 no decimal of ours.
    publish(settings)
    sql = """
        select 1234567890123456.78::decimal(18, 2) as money, {'a': [0.10::decimal(18, 2)]} as nested,
            map {1: 1000::decimal(18, 0)} as keyed, 'nan'::double as nothing, 0.5::double as half, true as yes,
            '"引号"' as quoted
    """
    (row,) = json.loads(written(Session(settings), sql, "json"), parse_float=Decimal, parse_constant=pytest.fail)
    assert row == {
        "money": Decimal("1234567890123456.78"),
        "nested": {"a": [Decimal("0.10")]},
        "keyed": {"1": 1000},
        "nothing": "nan",
        "half": Decimal("0.5"),
        "yes": True,
        "quoted": '"引号"',
        "data_origin": "synthetic",
    }


@pytest.mark.parametrize("origin", ["synthetic", "real"])
def test_every_exported_row_says_whether_it_is_invented(settings: Settings, origin: Origin) -> None:
    # Promise: synthetic or real travels to the export. A mark beside the file is lost with the first copy of it.
    publish(settings, origin=origin)
    session = Session(settings)
    assert written(session, "from range(2)", "csv") == f"range,data_origin\n0,{origin}\n1,{origin}\n"
    assert [row["data_origin"] for row in json.loads(written(session, "from range(2)", "json"))] == [origin] * 2


def test_a_table_stops_and_says_so_while_programs_get_every_row(settings: Settings) -> None:
    # A table cut without a word is read as the whole truth.
    publish(settings)
    session = Session(settings)
    assert "first 50 rows" in written(session, "from range(51)", "table")
    assert "first" not in written(session, "from range(50)", "table")
    assert len(written(session, "from range(20001)", "csv").splitlines()) == 20_002
    assert len(json.loads(written(session, "from range(20001)", "json"))) == 20_001


def test_several_statements_run_in_order_and_may_keep_results(settings: Settings) -> None:
    publish(settings)
    script = "create temp table mine as select 41 as n; update mine set n = n + 1; select n from mine; select 1 as m;"
    assert written(Session(settings), script, "csv") == "n,data_origin\n42,synthetic\nm,data_origin\n1,synthetic\n"


def test_a_pivot_gives_one_answer(settings: Settings) -> None:
    # DuckDB turns it into two statements, of which the first is nobody's.
    publish(settings)
    answers = list(Session(settings).run("pivot (select 'a' as k) on k using count(*)"))
    assert len(answers) == 1


def test_a_session_is_locked_down(settings: Settings) -> None:
    # The one way in for SQL from anywhere.
    publish(settings)
    session = Session(settings)
    for refused, hint in (
        ("select * from read_text('/etc/passwd')", "reads one release"),
        ("delete from base.dim_region", "read-only"),
        ("set memory_limit = '1TB'", "read-only"),
        ("select * from base.dim_regio", ".tables"),
        ("select region_cod from base.dim_region", ".describe"),
    ):
        with pytest.raises(UsageError, match=hint):
            list(session.run(refused))


@pytest.mark.parametrize("around", ["", "explain analyze ", "prepare it as "])
def test_a_session_cannot_write_over_the_files_of_its_release(settings: Settings, around: str) -> None:
    # DuckDB may open them, so without this the lake's owner could destroy a release with one COPY.
    publish(settings)
    files = list(Zones.of(settings).data("city").rglob("*.parquet"))
    before = {path: path.read_bytes() for path in files}
    assert before
    for path in files:
        with pytest.raises(UsageError, match="writes no file"):
            list(Session(settings).run(f"{around}copy (select 1 as a) to '{path}' (format csv, use_tmp_file false)"))
    assert {path: path.read_bytes() for path in files} == before


@pytest.mark.parametrize(
    "statement",
    [
        "call enable_logging(storage='file', storage_path='/tmp/log')",
        "from Enable_Logging(storage='stdout')",
        "pragma enable_profiling",
        "pragma enable_profile",
        "call enable_profiling()",
    ],
)
def test_a_session_s_standard_output_is_its_answers(
    settings: Settings, statement: str, capfd: pytest.CaptureFixture[str]
) -> None:
    # A profile in the middle of a CSV is rows that nobody delivered; a log that may not be written ends the process.
    publish(settings)
    session = Session(settings)
    with pytest.raises(UsageError, match="explain analyze"):
        list(session.run(statement))
    assert written(session, "select 1 as n", "csv") == "n,data_origin\n1,synthetic\n"
    assert capfd.readouterr().out == ""


def test_who_lacks_the_role_for_people_is_told_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # "Catalog people does not exist" sends an analyst looking for a typing error.
    publish(settings)
    monkeypatch.setattr("citylake.lake.reader._permitted", lambda *_, **__: ("city",))
    session = Session(settings)
    for sql in ("from people.base.dim_person", "use people", "describe people.base.dim_person"):
        with pytest.raises(UsageError, match="CITYLAKE_PEOPLE_GROUP"):
            list(session.run(sql))
    with pytest.raises(UsageError, match=r"\.tables"):
        list(session.run("from base.people"))


def test_an_error_while_rows_are_read_is_explained(settings: Settings) -> None:
    # The first rows are there before the last one fails; a traceback must not follow them.
    publish(settings)
    with pytest.raises(UsageError, match="Conversion Error"):
        written(
            Session(settings), "select (case when range < 30000 then '1' else 'x' end)::int from range(30001)", "csv"
        )


def test_the_shell_shows_release_date_and_that_the_city_is_invented(settings: Settings) -> None:
    publish(settings)
    _, told = talk(Session(settings))
    assert "run-1" in told
    assert "2026-10-31" in told
    assert "SYNTHETIC" in told


def test_the_shell_reads_statements_over_lines_and_dot_commands(settings: Settings) -> None:
    publish(settings)
    written, told = talk(
        Session(settings),
        ".tables region",
        ".tables nowhere",
        ".describe dim_region",
        "select count(*) as regions",
        "from base.dim_region;",
        ".format csv",
        "select 7 as seven;",
        ".quit",
        "select 8 as eight;",
    )
    assert "区划 Regions" in written
    assert "代码 Code" in written
    assert "regions" in written
    assert written.endswith("seven,data_origin\n7,synthetic\n")
    assert "Error" not in told


def test_the_shell_survives_mistakes(settings: Settings) -> None:
    # One typing error must not cost the session.
    publish(settings)
    written, told = talk(
        Session(settings), "selec 1;", ".nonsense", ".describe nowhere", ".format xml", ".rows -1", "select 5 as n;"
    )
    for part in ("syntax error", ".nonsense", "nowhere", "table, csv, json", ".rows"):
        assert part in told
    assert "5" in written


def test_the_shell_tells_once_of_a_newer_release_and_keeps_its_own(settings: Settings) -> None:
    # Silently changing data under an analyst, or silently leaving her behind.
    publish(settings)
    session = Session(settings)
    publish(settings, "run-2")
    written, told = talk(session, "select getvariable('release_id') as id;", "select 1;")
    assert "run-1" in written
    assert told.count("run-2") == 1


def test_a_named_release_is_not_called_outdated(settings: Settings) -> None:
    publish(settings)
    publish(settings, "run-2")
    assert Session(settings, "run-1").newer_release is None
    assert Session(settings, on=date(2026, 10, 31)).release.release_id == "run-2"


def test_an_ambiguous_table_is_not_guessed(settings: Settings) -> None:
    with open_lakes(settings) as head:
        for schema in ("one", "two"):
            head.execute(f"create schema city.{schema}")
            head.execute(f"create table city.{schema}.same (i integer)")
    publish(settings)
    session = Session(settings)
    with pytest.raises(UsageError, match="2 tables"):
        session.describe("same")
    assert [row[0] for row in session.describe("one.same").rows] == ["i"]


def test_markup_in_data_is_text(settings: Settings) -> None:
    # "[red]" in a name must be shown, not obeyed.
    publish(settings)
    table = written(Session(settings), "select '[bold]x[/]' as \"[red]\"", "table")
    assert "[bold]x[/]" in table
    assert "[red]" in table


def test_the_command_writes_data_to_stdout_and_the_banner_to_stderr(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A banner inside an exported CSV is a row that nobody delivered.
    from apps.cli.main import app

    publish(settings)
    monkeypatch.setenv("CITYLAKE_HOME", str(settings.home))
    monkeypatch.setenv("CITYLAKE_MEMORY_LIMIT", "256MB")
    script = tmp_path / "query.sql"
    script.write_text("select 1 as n", encoding="utf-8")
    for arguments, piped in ((["select 1 as n"], ""), (["-f", str(script)], ""), ([], "select 1 as n;")):
        result = CliRunner().invoke(app, ["sql", *arguments, "--format", "csv"], input=piped)
        assert (result.exit_code, result.stdout) == (0, "n,data_origin\n1,synthetic\n"), result.output
        assert "SYNTHETIC" in result.stderr
    for comment in ("-- 各区 the districts", "--the districts"):
        commented = CliRunner().invoke(app, ["sql", f"{comment}\nselect 1 as one", "--format", "csv"])
        assert commented.exit_code == 0
        assert "1,synthetic" in commented.output
    wrong = CliRunner().invoke(app, ["sql", "selec"])
    assert wrong.exit_code == UsageError.exit_code
    assert "Traceback" not in wrong.output


def test_without_a_release_the_command_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(NoRelease):
        Session(settings)
    assert releases.list_releases(prepare(settings)) == []
