import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from citylake.lake import releases
from citylake.lake.attach import install_extensions
from citylake.lake.errors import EnvironmentProblem, UsageError
from citylake.lake.frozen import referenced_files
from citylake.lake.lock import writer_lock
from citylake.lake.maintenance import maintain
from citylake.lake.reader import connect
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare
from tests.lake.readers_of_another_account import reading
from tests.lake.support import FIGURES, night, write_night

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another OS account")


@pytest.fixture
def open_home() -> Iterator[Settings]:
    """A home that another account can reach: pytest's own folders are closed to it."""
    parent = Path(tempfile.mkdtemp(prefix="citylake-test-", dir="/tmp"))  # mkdtemp makes the name
    parent.chmod(0o711)
    settings = Settings(home=parent / "home", threads=1, memory_limit="256MB", keep_releases=2, delete_grace_hours=0)
    install_extensions(prepare(settings))
    yield settings
    shutil.rmtree(parent)


@needs_root
def test_eight_readers_of_another_account_see_whole_releases_only(open_home: Settings) -> None:
    # Torn pairs, "database is locked", a file deleted under a query, a permission that only the owner has.
    night(open_home, 1)
    with reading(open_home, FIGURES) as readers:
        for number in range(2, 6):
            night(open_home, number)
            maintain(open_home)
        readers.look_again()
        releases.rollback(Zones.of(open_home), "run-004", "test", "test")
        maintain(open_home)
        write_night(open_home, 6)
    for seen in readers.seen():
        assert (seen[0], seen[-2:]) == ("run-001", ["run-005", "run-004"])
        assert seen[:-1] == sorted(seen[:-1])


def test_a_locked_connection_reads_its_release_and_nothing_else(settings: Settings, tmp_path: Path) -> None:
    # SQL from strangers: a file of the server, another release's data, a changed setting, a file written.
    night(settings, 1)
    write_night(settings, 2)
    unpublished = max(Zones.of(settings).data("city").rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    catalog = Zones.of(settings).catalog("vault")
    connection = connect(locked=True, settings=settings)
    frame = duckdb.sql("select 1 as one")
    for refused in (
        "select * from read_text('/etc/passwd')",
        f"from read_parquet('{unpublished}')",
        "from glob('/*')",
        f"copy (select 1) to '{tmp_path}/out.csv'",
        f"attach '{tmp_path}/other.db'",
        # DuckDB's SQLite extension opens files past DuckDB's own restrictions.
        f"attach 'ducklake:sqlite:{catalog}' as vault",
        f"attach 'sqlite:{catalog}' as vault",
        f"attach '{catalog}' as vault (type sqlite)",
        f"from sqlite_scan('{catalog}', 'ducklake_table')",
        f"attach 'sqlite:{tmp_path}/new.db' as written",
        f"attach 'ducklake:{tmp_path}/new.ducklake' as written",
        "load sqlite_scanner",
        f"export database '{tmp_path}/export'",
        "set memory_limit = '64GB'",
        "set enable_external_access = true",
        "reset lock_configuration",
        "pragma memory_limit = '64GB'",
        "install httpfs",
        "load httpfs",
        "from frame",
        "delete from base.left_side",
        "create table base.mine (i integer)",
        "drop table base.left_side",
        "comment on table base.left_side is 'mine'",
    ):
        with pytest.raises(duckdb.Error):
            pytest.fail(f"{refused} gave {connection.execute(refused).fetchall()}")
    assert connection.execute("from base.left_side").fetchall() == [(1,)]
    assert frame.fetchall() == [(1,)]


def test_a_locked_connection_reads_deletes_and_many_files(settings: Settings) -> None:
    # The list of what is allowed must hold delete files too, and every file of every table.
    for number in range(1, 4):
        write_night(settings, number)
    from citylake.lake.attach import open_lakes

    with open_lakes(settings) as head:
        head.execute("create table city.base.series as select range as night from range(1000)")
        head.execute("delete from city.base.series where night % 7 = 0")
    night(settings, 4)
    for locked in (False, True):
        with connect(locked=locked, people=True, settings=settings) as connection:
            assert connection.execute("select count(*), min(night) from base.series").fetchone() == (857, 1)
            assert connection.execute("select sum(night) from base.right_side").fetchone() == (10,)
            assert connection.execute("select sum(night) from people.base.dim_person").fetchone() == (10,)


def test_what_a_connection_reads_is_told_and_commented(settings: Settings) -> None:
    night(settings, 1)
    connection = connect(settings=settings)
    told = connection.execute(
        "select getvariable('release_id'), getvariable('data_as_of')::varchar, getvariable('origin')"
    ).fetchone()
    assert told == ("run-001", "2026-11-01", "synthetic")
    tables = connection.execute("select comment from duckdb_tables() where table_name = 'left_side'").fetchall()
    columns = connection.execute("select comment from duckdb_columns() where table_name = 'left_side'").fetchall()
    assert (tables, columns) == ([("左 Left",)], [("夜 Night",)])


def test_a_home_may_be_moved(settings: Settings) -> None:
    # A backup restored under another path must not read, or miss, the files of the old one.
    night(settings, 1)
    moved = settings.model_copy(update={"home": settings.home.with_name("elsewhere")})
    settings.home.rename(moved.home)
    assert connect(settings=moved, locked=True).execute("from base.left_side").fetchall() == [(1,)]


def test_reading_leaves_nothing_behind(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A folder for every connection ever opened fills /tmp.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spill"))
    (tmp_path / "spill").mkdir()
    night(settings, 1)

    def read() -> None:
        assert connect(settings=settings).execute("select 1").fetchone() == (1,)
        with pytest.raises(UsageError):
            connect("unknown", settings=settings)

    read()
    assert list((tmp_path / "spill").iterdir()) == []


def test_what_a_killed_reader_left_is_cleared_by_the_next(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A killed reader cannot clear its copies of the catalogs; they would fill /tmp. A living one's are in use.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spill"))
    (tmp_path / "spill").mkdir()
    night(settings, 1)
    program = "import citylake, sys; c = citylake.connect(locked=True); print(1, flush=True); sys.stdin.read()"
    environment = {**os.environ, "TMPDIR": str(tmp_path / "spill"), "CITYLAKE_HOME": str(settings.home)}

    def reader() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        return process

    living, killed = reader(), reader()
    assert len(list((tmp_path / "spill").iterdir())) == 2
    killed.kill()
    killed.communicate()
    foreign = tmp_path / "spill" / "citylake-notes"
    foreign.mkdir()
    connection = connect(settings=settings)
    assert {path.name.split("-")[1] for path in (tmp_path / "spill").iterdir()} == {
        str(living.pid),
        str(os.getpid()),
        "notes",
    }
    connection.close()
    living.communicate()


def test_people_are_left_out_on_request(settings: Settings) -> None:
    night(settings, 1)
    with pytest.raises(duckdb.Error):
        connect(people=False, settings=settings).execute("from people.base.dim_person")
    assert connect(settings=settings).execute("select count(*) from people.base.dim_person").fetchone() == (1,)


def test_an_unreadable_release_names_the_doctor(settings: Settings) -> None:
    night(settings, 1)
    catalog = Zones.of(settings).releases / "run-001" / "city.sqlite"
    catalog.chmod(0o600)
    catalog.write_bytes(b"not a catalog at all")
    with pytest.raises(EnvironmentProblem, match="citylake doctor"):
        connect(settings=settings)


def test_a_stranger_s_lock_keeps_nobody_from_the_current_release(settings: Settings) -> None:
    # Any account may lock a file it can read; readers must not be told that there is no release.
    release = night(settings, 1)
    with (Zones.of(settings).releases / release.release_id / "in_use").open() as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        assert connect(settings=settings).execute("select 1").fetchone() == (1,)


def test_what_a_night_writes_is_closed_to_others_until_it_is_released(settings: Settings) -> None:
    # Would catch figures that have not passed the audit lying readable beside those that have.
    data = Zones.of(settings).data("city")
    with writer_lock(settings, "test"):
        write_night(settings, 1)
    assert {path.stat().st_mode & 0o077 for path in data.rglob("*")} == {0}
    night(settings, 2)
    opened = {path for path in data.rglob("*.parquet") if path.stat().st_mode & 0o444 == 0o444}
    assert opened == referenced_files(Zones.of(settings).releases / "run-002" / "city.sqlite", data)
