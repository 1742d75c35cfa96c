"""Retention: nothing goes unless somebody said so, and nothing that is in force or that a replay of it needs."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from citylake.contracts.model import Contract
from citylake.lake.deliveries import find_delivery, manifests, read_ledger
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.landing import land, scan_landing
from ingestion.loading import load_delivery
from ingestion.replaying import replay
from ingestion.retention import delete_expired

FIRST, SECOND = date(2026, 11, 20), date(2026, 11, 21)
LATER = datetime.now(UTC) + timedelta(days=40)


@pytest.fixture
def two_snapshots(settings: Settings, thing: Contract) -> Settings:
    """The first is outdated by the second; each has a quarantined row."""
    for day, row in ((FIRST, "1,1"), (SECOND, "1,2")):
        file = settings.home.parent / "export.csv"
        file.write_text(f"编号,数量\n{row}\n2,bad\n", "utf-8")
        load_delivery(settings, thing, land(settings, file, thing, day), "night")
    return settings


def left(settings: Settings) -> dict[str, int]:
    zones = Zones.of(settings)
    roots = {"landing": zones.landing, "raw": zones.raw, "quarantine": zones.quarantine}
    return {name: sum(path.suffix in {".csv", ".parquet"} for path in root.rglob("*")) for name, root in roots.items()}


def test_everything_is_kept_unless_a_city_says_otherwise(two_snapshots: Settings) -> None:
    # A default that deletes would be noticed when the data is missed.
    assert set(delete_expired(two_snapshots, LATER).values()) == {0}
    assert left(two_snapshots) == {"landing": 2, "raw": 2, "quarantine": 2}


@pytest.mark.parametrize(
    ("zone", "setting", "kept"),
    [("landing", "retain_landing_days", 1), ("raw", "retain_raw_days", 1), ("quarantine", "retain_quarantine_days", 0)],
)
def test_each_zone_loses_what_is_past_its_time_and_no_longer_counts(
    zone: str, setting: str, kept: int, two_snapshots: Settings
) -> None:
    # One setting that reached into another zone, or into what is in force, would take the city's figures with it.
    settings = two_snapshots.model_copy(update={setting: 30})
    assert set(delete_expired(settings).values()) == {0}
    facts = delete_expired(settings, LATER)
    assert facts[f"{zone}_files_expired"] == 2 - kept
    assert facts["bytes_expired"] > 0
    assert left(settings) == {"landing": 2, "raw": 2, "quarantine": 2} | {zone: kept}
    in_force = read_ledger(Zones.of(settings)).filter(pl.col("status") == "in_force")["path"].to_list()
    assert [pl.read_parquet(path)["count"].to_list() for path in in_force] == [[2]]
    assert [manifest.rows_quarantined for manifest, _, _ in manifests(Zones.of(settings))] == [1, 1]


def test_the_file_of_what_is_in_force_goes_only_when_somebody_says_so(two_snapshots: Settings, thing: Contract) -> None:
    # Without its file, a delivery can never be validated again under a mended contract.
    settings = two_snapshots.model_copy(update={"retain_landing_days": 30, "expire_landing_in_force": True})
    delete_expired(settings, LATER)
    assert left(settings)["landing"] == 0
    assert {one.outcome for one in replay(settings, thing, "replay")} == {"absent"}


def test_another_content_under_the_name_of_an_expired_file_stays(two_snapshots: Settings, thing: Contract) -> None:
    # It came since, and nobody has loaded it yet.
    (file,) = Zones.of(two_snapshots).landing.rglob(f"*{FIRST:%Y%m%d}*")
    file.write_text("编号,数量\n7,7\n", "utf-8")
    delete_expired(two_snapshots.model_copy(update={"retain_landing_days": 30}), LATER)
    assert file.exists()
    assert [one.path for one in scan_landing(two_snapshots, {thing.dataset: thing}).new[thing.dataset]] == [file]


def test_rows_that_expired_come_back_by_a_replay_while_landing_has_their_file(
    two_snapshots: Settings, thing: Contract
) -> None:
    # When the newer snapshot is withdrawn, the older one is in force again.
    delete_expired(two_snapshots.model_copy(update={"retain_raw_days": 30}), LATER)
    assert [one.outcome for one in replay(two_snapshots, thing, "replay")] == ["replaced", "unchanged"]
    manifest, folder, _ = find_delivery(Zones.of(two_snapshots), f"office.thing/{FIRST}")
    assert pl.read_parquet(folder / manifest.accepted_file)["count"].to_list() == [1]
