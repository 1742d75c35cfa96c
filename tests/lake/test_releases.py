from datetime import date

import duckdb
import pytest

from citylake.lake import releases
from citylake.lake.errors import AuditFailed, NoRelease, PublicationHeld, UsageError
from citylake.lake.reader import connect
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from tests.lake.support import night, publish, write_night


def nights_seen(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    row = connection.execute(
        "select (select max(night) from base.left_side), (select max(night) from base.right_side)"
    ).fetchone()
    assert row is not None
    return row


def test_without_a_release_a_reader_is_told_so(settings: Settings) -> None:
    # A raw "no such file" would send a newcomer looking for a fault where there is none.
    with pytest.raises(NoRelease, match="citylake refresh"):
        connect(settings=settings)


def test_a_reader_keeps_its_release_while_newer_ones_are_published(settings: Settings) -> None:
    # A reader that follows the head would see two states in one report.
    night(settings, 1)
    early = connect(settings=settings)
    night(settings, 2)
    assert nights_seen(early) == (1, 1)
    assert nights_seen(connect(settings=settings)) == (2, 2)


def test_what_is_written_after_the_freeze_is_not_visible(settings: Settings) -> None:
    # Attaching the head, or a copy with a later snapshot, would publish what no audit has passed.
    night(settings, 1)
    write_night(settings, 2)
    assert nights_seen(connect(settings=settings)) == (1, 1)


def test_a_reader_cannot_travel_to_a_state_that_was_never_published(settings: Settings) -> None:
    # The copy of a catalog carries all its snapshots, those of a failed audit too, unless they are taken out.
    write_night(settings, 1)
    write_night(settings, 2)
    night(settings, 3)
    connection = connect(settings=settings)
    assert len(connection.execute("select snapshot_id from city.snapshots()").fetchall()) == 1
    (newest,) = connection.execute("select max(snapshot_id) from city.snapshots()").fetchone() or (0,)
    for version in range(newest):
        with pytest.raises(duckdb.Error):
            connection.execute(f"from base.left_side at (version => {version})")
    files = "from __ducklake_metadata_city.ducklake_files_scheduled_for_deletion"
    assert connection.execute(files).fetchall() == []


def test_a_release_says_what_it_holds(settings: Settings) -> None:
    night(settings, 1)
    release = night(settings, 2)
    assert release.rows == {"city.base.left_side": 1, "city.base.right_side": 2, "people.base.dim_person": 2}
    assert set(release.snapshots) == {"vault", "people", "city"}
    assert releases.current_release(Zones.of(settings)) == release


def test_the_files_of_a_release_cannot_be_written(settings: Settings) -> None:
    # A frozen catalog that somebody can write is not frozen; people's is for its group alone.
    release = night(settings, 1)
    folder = Zones.of(settings).releases / release.release_id
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}
    assert modes == {
        "city.sqlite": "0o444",
        "people.sqlite": "0o440",
        "release.json": "0o444",
        "in_use": "0o444",
        "published": "0o444",
    }
    data = Zones.of(settings).data("city").rglob("*.parquet")
    assert {oct(path.stat().st_mode & 0o777) for path in data} == {"0o444"}
    with pytest.raises(duckdb.Error):
        connect(settings=settings).execute("delete from base.left_side")


def test_a_mixture_of_origins_is_refused_unless_asked_for(settings: Settings) -> None:
    # Invented figures beside real ones on a leader's screen.
    write_night(settings, 1)
    arguments = {"data_as_of": date(2026, 11, 1), "deliveries": {}, "checks": [], "created_by": "test"}
    with pytest.raises(AuditFailed, match="CITYLAKE_ALLOW_MIXED_ORIGIN"):
        releases.freeze_and_publish(settings, "run-1", origin="mixed", **arguments)
    assert releases.list_releases(Zones.of(settings)) == []
    asked = settings.model_copy(update={"allow_mixed_origin": True})
    assert releases.freeze_and_publish(asked, "run-1", origin="mixed", **arguments).origin == "mixed"


def test_a_rollback_holds_publication_until_it_is_resumed(settings: Settings) -> None:
    # Without the hold, the next night would publish the bad state again over the scheduler's head.
    zones = Zones.of(settings)
    night(settings, 1)
    night(settings, 2)
    releases.rollback(zones, "run-001", "wrong boundaries", "keeper")
    assert nights_seen(connect(settings=settings)) == (1, 1)
    with pytest.raises(PublicationHeld, match="wrong boundaries"):
        night(settings, 3)
    assert releases.current_release(zones).release_id == "run-001"
    hold = releases.held(zones)
    assert hold is not None
    assert (hold.by, hold.from_release_id) == ("keeper", "run-002")
    releases.resume(zones, "keeper")
    assert releases.held(zones) is None
    night(settings, 4)
    assert nights_seen(connect(settings=settings)) == (4, 4)
    assert releases.published_run_ids(zones) == {"run-001", "run-002", "run-004"}


def test_a_rollback_needs_a_reason_and_another_release(settings: Settings) -> None:
    zones = Zones.of(settings)
    night(settings, 1)
    night(settings, 2)
    for wanted, reason in (("run-001", " "), ("run-002", "same"), ("run-9", "unknown")):
        with pytest.raises(UsageError):
            releases.rollback(zones, wanted, reason, "keeper")
    with pytest.raises(UsageError):
        releases.resume(zones, "keeper")
    assert releases.held(zones) is None


def test_a_date_leads_to_the_newest_release_that_reaches_no_further(settings: Settings) -> None:
    # A report about October must not silently contain November, nor a release that was taken back.
    night(settings, 1, date(2026, 10, 30))
    night(settings, 2, date(2026, 10, 31))
    night(settings, 3, date(2026, 11, 1))
    assert nights_seen(connect(date=date(2026, 10, 31), settings=settings)) == (2, 2)
    assert nights_seen(connect(date=date(2027, 1, 1), settings=settings)) == (3, 3)
    releases.rollback(Zones.of(settings), "run-001", "bad", "keeper")
    assert nights_seen(connect(date=date(2026, 10, 31), settings=settings)) == (1, 1)
    assert nights_seen(connect("run-002", settings=settings)) == (2, 2)
    with pytest.raises(UsageError, match="2026-10-29"):
        connect(date=date(2026, 10, 29), settings=settings)


def test_an_id_may_be_shortened_while_it_is_unique(settings: Settings) -> None:
    night(settings, 1)
    night(settings, 12)
    assert nights_seen(connect("run-01", settings=settings)) == (12, 12)
    for wanted in ("run", "other"):
        with pytest.raises(UsageError):
            connect(wanted, settings=settings)


def test_a_run_is_published_once(settings: Settings) -> None:
    night(settings, 1)
    with pytest.raises(UsageError):
        publish(settings, "run-001")


def test_a_lost_pointer_is_restored_and_leavings_are_cleared(settings: Settings) -> None:
    zones = Zones.of(settings)
    night(settings, 1)
    night(settings, 2)
    zones.current.unlink()
    (zones.releases / ".run-003.tmp").mkdir()
    assert len(releases.heal(zones)) == 2
    assert releases.current_release(zones).release_id == "run-002"
    assert releases.heal(zones) == []


def test_missing_data_files_stop_the_publication(settings: Settings) -> None:
    # A release whose files are gone would fail in a reader's hands, days later.
    zones = Zones.of(settings)
    night(settings, 1)
    write_night(settings, 2)
    newest = max(zones.data("city").rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()
    with pytest.raises(releases.EnvironmentProblem, match=newest.name):
        publish(settings, "run-002")
    assert releases.current_release(zones).release_id == "run-001"
