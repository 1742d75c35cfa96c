import random
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from dbt.contracts.graph.manifest import Manifest as DbtManifest

from citylake.lake.deliveries import read_ledger
from sample_city.city import make_city
from tests.integration.any_order import Lake
from tests.integration.backfill import backfill, same_files, write_history
from tests.integration.small_city import HISTORY, SmallCity, differences

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

DAYS = 20


def test_a_backfill_killed_twice_while_readers_query_ends_where_a_full_rebuild_does(
    city: SmallCity, tmp_path: Path, dbt_manifest: DbtManifest
) -> None:
    # A delivery lost at a kill, or counted twice after it. For three years: python -m tests.integration.backfill
    chance = random.Random(5)
    coming = tmp_path / "history"
    make_city(coming, city.settings.contracts, residents=300, seed=5, until=date(2026, 12, 8), nights=DAYS)
    files = write_history(tmp_path / "incoming", coming, chance)
    report = backfill(city, tmp_path / "incoming", files, interruptions=2, chance=chance)
    assert len(report.killed_after) == 2
    assert report.looks >= 2

    rebuilt = same_files(city, tmp_path / "rebuilt")
    Lake(city, dbt_manifest).night([])
    Lake(rebuilt, dbt_manifest).night([], "--full-refresh")
    assert _ledger(city).equals(_ledger(rebuilt))
    # What is made of these does not know deliveries, and is not made here; the command above compares that too.
    found = list(differences(city, rebuilt, ignoring=HISTORY))
    assert [one for one in found if one.startswith(("vault.staging.", "vault.identity."))] == []


def _ledger(city: SmallCity) -> pl.DataFrame:
    return read_ledger(city.zones).drop("run_id", "loaded_at", "path").sort("delivery_id")
