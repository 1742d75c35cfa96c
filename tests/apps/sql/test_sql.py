import csv
import io
import json
from datetime import date
from pathlib import Path

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


def publish(settings: Settings, run_id: str = "run-1") -> None:
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
        origin="synthetic",
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
    rows = list(csv.reader(io.StringIO(written(session, query, "csv"))))
    assert rows == [["region_name_zh", "area_km2", "valid_from"], ["锡山区", "12.50", "2026-10-31"], ["", "", ""]]
    objects = json.loads(written(session, query, "json"))
    assert objects[0] == {"region_name_zh": "锡山区", "area_km2": 12.5, "valid_from": "2026-10-31"}
    assert objects[1] == {"region_name_zh": None, "area_km2": None, "valid_from": None}


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
    assert written(Session(settings), script, "csv") == "n\n42\nm\n1\n"


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
    assert written.endswith("seven\n7\n")
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
        assert (result.exit_code, result.stdout) == (0, "n\n1\n"), result.output
        assert "SYNTHETIC" in result.stderr
    wrong = CliRunner().invoke(app, ["sql", "selec"])
    assert wrong.exit_code == UsageError.exit_code
    assert "Traceback" not in wrong.output


def test_without_a_release_the_command_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(NoRelease):
        Session(settings)
    assert releases.list_releases(prepare(settings)) == []
