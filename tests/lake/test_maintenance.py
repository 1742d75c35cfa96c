import gc
from datetime import date, timedelta
from pathlib import Path

import pytest

from citylake.lake import maintenance, releases
from citylake.lake.attach import open_lakes
from citylake.lake.frozen import PUBLISHED_LAKES, referenced_files
from citylake.lake.maintenance import maintain
from citylake.lake.reader import connect
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from tests.lake.support import night, publish


def kept_ids(settings: Settings) -> list[str]:
    return [release.release_id for release in releases.list_releases(Zones.of(settings))]


def read_every_release(settings: Settings) -> None:
    """Every row of every table of every kept release; fails when a file is gone."""
    for release in releases.list_releases(Zones.of(settings)):
        connection = connect(release.release_id, people=True, settings=settings)
        for table, rows in release.rows.items():
            found = connection.execute(f"select count(night), max(night) from {table}").fetchone()
            assert found == (rows, int(release.release_id.removeprefix("run-")))


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_newest_releases_month_ends_and_the_current_one_are_kept(settings: Settings) -> None:
    # Keeping by number alone loses the month's last figures; keeping by age alone loses all after a quiet month.
    few = settings.model_copy(update={"keep_releases": 2, "keep_month_ends": 2})
    for number, day in enumerate((date(2026, m, d) for m in (8, 9, 10) for d in (29, 30)), start=1):
        night(few, number, day)
    assert maintain(few)["releases_dropped"] == 3
    assert kept_ids(few) == ["run-006", "run-005", "run-004"]
    read_every_release(few)


def test_a_release_in_use_keeps_its_files_until_it_is_let_go(settings: Settings) -> None:
    # Deleting under a reader breaks its query in the middle of a meeting.
    few = settings.model_copy(update={"keep_releases": 1, "keep_month_ends": 0})

    def read_while_nights_go_by() -> None:
        night(few, 1)
        reader = connect(settings=few)
        night(few, 2)
        night(few, 3)
        maintain(few)
        assert kept_ids(few) == ["run-003", "run-001"]
        assert reader.execute("from base.left_side").fetchall() == [(1,)]

    read_while_nights_go_by()
    gc.collect()
    maintain(few)
    assert kept_ids(few) == ["run-003"]


def test_the_release_that_a_rollback_holds_is_kept(settings: Settings) -> None:
    # Dropping the one release that leaders still see.
    few = settings.model_copy(update={"keep_releases": 1, "keep_month_ends": 0})
    night(few, 1)
    night(few, 2)
    releases.rollback(Zones.of(few), "run-001", "bad", "keeper")
    maintain(few)
    assert kept_ids(few) == ["run-002", "run-001"]
    read_every_release(few)


def test_files_wait_for_the_grace_time(settings: Settings) -> None:
    # A copy tool or a backup that is under way still needs them.
    patient = settings.model_copy(update={"keep_releases": 1, "keep_month_ends": 0, "delete_grace_hours": 24.0})
    night(patient, 1)
    night(patient, 2)
    before = set(patient.home.rglob("*.parquet"))
    assert maintain(patient)["files_deleted"] == 0
    assert before <= set(patient.home.rglob("*.parquet"))
    hasty = patient.model_copy(update={"delete_grace_hours": 0.0})
    assert maintain(hasty)["files_deleted"] > 0
    read_every_release(hasty)


def test_orphans_of_a_killed_writer_are_deleted(settings: Settings) -> None:
    zones = Zones.of(settings)
    night(settings, 1)
    orphan = zones.data("city") / "base" / "left_side" / "orphan.parquet"
    orphan.write_bytes(b"left by a killed writer")
    facts = maintain(settings)
    assert not orphan.exists()
    assert facts["bytes_freed"] >= len(b"left by a killed writer")
    read_every_release(settings)


def test_merging_spares_the_files_that_kept_releases_name(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # DuckLake deletes what it has merged away, for the head needs it no more; frozen catalogs do.
    monkeypatch.setattr(maintenance, "MERGE_FROM_FILES", 3)
    for number in range(1, 5):
        night(settings, number)
    assert maintain(settings)["tables_merged"] > 0
    maintain(settings)
    read_every_release(settings)
    few = settings.model_copy(update={"keep_releases": 1, "keep_month_ends": 0})
    publish(few, "run-104")
    assert maintain(few)["files_deleted"] > 0
    (release,) = releases.list_releases(Zones.of(few))
    assert release.rows["city.base.right_side"] == 4
    assert connect(settings=few).execute("select sum(night) from base.right_side").fetchall() == [(1 + 2 + 3 + 4,)]


def test_a_head_made_anew_leaves_the_files_of_kept_releases(settings: Settings) -> None:
    # After the catalogs were lost and rebuilt, every older file is an orphan to DuckLake.
    zones = Zones.of(settings)
    night(settings, 1)
    for lake in ("city", "people"):
        for path in zones.catalog(lake).parent.iterdir():
            path.unlink()
    night(settings, 2)
    maintain(settings)
    read_every_release(settings)
    assert kept_ids(settings) == ["run-002", "run-001"]


def test_the_vault_keeps_its_newest_snapshot_only(settings: Settings) -> None:
    # Old states of identifying data are kept by nobody's decision unless they are expired.
    for number in range(3):
        with open_lakes(settings, ("vault",)) as connection:
            connection.execute(f"create or replace table vault.main.register as select {number} as row")
    night(settings, 1)
    maintain(settings)
    with open_lakes(settings, ("vault",)) as connection:
        assert len(connection.execute("from vault.snapshots()").fetchall()) == 1
    assert len(list(Zones.of(settings).data("vault").rglob("*.parquet"))) == 1


def test_sixty_nights_with_a_reader_attached_level_off(settings: Settings) -> None:
    # Without expiry the lake grows by a whole city every night.
    few = settings.model_copy(update={"keep_releases": 5, "keep_month_ends": 1})
    zones = Zones.of(few)
    sizes: list[int] = []
    start = date(2026, 9, 1)
    night(few, 1, start)
    reader = connect(settings=few)
    for number in range(2, 61):
        night(few, number, start + timedelta(days=number - 1))
        maintain(few)
        assert reader.execute("select max(night) from base.right_side").fetchone() == (1,)
        sizes.append(size_of(zones.city) + size_of(zones.people) + size_of(zones.releases))
    assert len(kept_ids(few)) == 1 + 5
    assert max(sizes[40:]) < 1.1 * max(sizes[20:40]), sizes
    named = {
        path
        for release in releases.list_releases(zones)
        for lake in PUBLISHED_LAKES
        for path in referenced_files(zones.releases / release.release_id / f"{lake}.sqlite", zones.data(lake))
    }
    assert len(list(zones.city.rglob("*.parquet"))) < 2 * len(named)
    read_every_release(few)
