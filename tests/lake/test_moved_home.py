"""A home whose folder was renamed: whoever writes and whoever reads finds the lakes where they lie now."""

from pathlib import Path

import pytest

from citylake.lake.attach import open_lakes
from citylake.lake.frozen import referenced_files
from citylake.lake.maintenance import maintain
from citylake.lake.reader import connect
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from tests.lake.support import night


@pytest.fixture
def moved(settings: Settings) -> Settings:
    """A lake with one release and a vault, renamed since."""
    with open_lakes(settings, ("vault",)) as connection:
        connection.execute("create table vault.main.register as select 1 as row")
    night(settings, 1)
    return settings.model_copy(update={"home": settings.home.rename(settings.home.with_name("moved"))})


def test_a_moved_home_is_written_and_its_old_releases_read(moved: Settings, tmp_path: Path) -> None:
    # Head catalogs name the place where they were made: every writer failed, or wrote to a folder that was gone.
    night(moved, 2)
    with open_lakes(moved, ("vault",)) as connection:
        connection.execute("insert into vault.main.register values (2)")
        assert connection.execute("select sum(row) from vault.main.register").fetchone() == (3,)
    assert not (tmp_path / "home").exists()
    with connect("run-001", people=True, settings=moved) as before, connect(people=True, settings=moved) as now:
        assert before.execute("from base.right_side").fetchall() == [(1,)]
        assert now.execute("select sum(night) from base.right_side").fetchone() == (3,)
        assert now.execute("select sum(night) from people.base.dim_person").fetchone() == (3,)


def test_maintenance_of_a_moved_home_deletes_nothing_that_is_needed(moved: Settings) -> None:
    # By the old place's names, every file of the lake would be one that nothing names.
    zones = Zones.of(moved)
    orphan = zones.data("city") / "base" / "right_side" / "orphan.parquet"
    orphan.write_bytes(b"left by a killed writer")
    maintain(moved)
    assert not orphan.exists()
    night(moved, 2)
    maintain(moved)
    for lake in ("vault", "city", "people"):
        named = referenced_files(zones.catalog(lake), zones.data(lake))
        assert named
        assert {path for path in named if not path.exists()} == set()
    with connect("run-001", people=True, settings=moved) as before:
        assert before.execute("select night from base.left_side").fetchall() == [(1,)]
        assert before.execute("from people.base.dim_person").fetchall() == [(1,)]
    with open_lakes(moved, ("vault",), read_only=True) as connection:
        assert connection.execute("from vault.main.register").fetchall() == [(1,)]
