import itertools
import random
import shutil
from datetime import date
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner

from citylake.contracts.model import load_contracts
from citylake.identity.resolve import resolve_persons
from citylake.lake import deliveries
from citylake.lake.attach import open_lakes
from citylake.lake.runs import Run, mint_run_id
from citylake.lake.zones import prepare
from ingestion.landing import scan_landing
from ingestion.loading import load_delivery
from orchestration.dbt import DbtPaths, environment, prepare_manifest
from orchestration.night import Night, clear, write_deliveries
from sample_city.city import make_city
from tests.integration.small_city import HISTORY, SmallCity, differences

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

NIGHTS = 30
EXTRACT_DAYS = 12
"""With three datasets, corrections and a late and a refused delivery: some forty files for the thirty nights."""
MARTS = ("build", "--exclude-resource-type", "unit_test", "--exclude", "fqn:citylake.staging")


class _Lake:
    """Nights without Dagster and without publication: loading, staging and identity, in this process."""

    def __init__(self, city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> None:
        self.city, self.patch = city, monkeypatch
        prepare(city.settings)
        open_lakes(city.settings).close()
        prepare_manifest(city.settings)

    def night(self, files: list[Path], *arguments: str) -> None:
        settings, zones = self.city.settings, self.city.zones
        clear(zones)
        for path in files:
            target = zones.landing / path.relative_to(self.city.coming)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        contracts = load_contracts(settings.contracts)
        night = Night(settings, Run(mint_run_id(), zones), full="--full-refresh" in arguments)
        for landed in itertools.chain(*scan_landing(settings, contracts).new.values()):
            load_delivery(settings, contracts[landed.dataset], landed, night.run.run_id)
        write_deliveries(night)
        self.dbt("run", "--select", "fqn:citylake.staging", *arguments)
        resolve_persons(settings, night.run.run_id, night.as_of_date)

    def dbt(self, *arguments: str) -> None:
        paths = DbtPaths.of(self.city.settings)
        paths.target.mkdir(parents=True, exist_ok=True)
        if not (paths.target / "partial_parse.msgpack").exists():
            shutil.copy(paths.parsed / "partial_parse.msgpack", paths.target)
        for name, value in environment(self.city.settings, paths.target).items():
            self.patch.setenv(name, value)
        outcome = dbtRunner().invoke(["--quiet", *arguments])
        results = getattr(outcome.result, "results", [])
        assert outcome.success, [f"{r.node.name}: {r.message}" for r in results if r.status in {"error", "fail"}]


def test_any_order_of_deliveries_over_thirty_nights_ends_where_a_full_rebuild_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Late, corrected, refused and withdrawn deliveries in an order nobody planned: no trace of the order may remain.
    city = SmallCity.at(tmp_path)
    prepare(city.settings)
    make_city(
        city.coming, city.settings.contracts, residents=300, seed=3, until=date(2026, 10, 31), nights=EXTRACT_DAYS
    )
    chance = random.Random(11)
    files = sorted(city.coming.rglob("*.synthetic.*"))
    chance.shuffle(files)
    shuffled = _Lake(city, monkeypatch)
    withdrawn = files[chance.randrange(len(files))]
    for number in range(NIGHTS):
        share = files[number::NIGHTS]
        shuffled.night(share)
        if withdrawn in share:
            _withdraw(city, withdrawn)
    shuffled.night([])
    shuffled.dbt(*MARTS)

    rebuilt_city = SmallCity(city.settings.model_copy(update={"home": tmp_path / "rebuilt"}), city.coming)
    rebuilt = _Lake(rebuilt_city, monkeypatch)
    rebuilt.night(sorted(files))
    _withdraw(rebuilt_city, withdrawn)
    rebuilt.night([], "--full-refresh")
    rebuilt.dbt(*MARTS)
    assert list(differences(city, rebuilt_city, ignoring=HISTORY)) == []


def _withdraw(city: SmallCity, path: Path) -> None:
    (wanted,) = (m for m, _, _ in deliveries.manifests(city.zones) if m.file_name.endswith(path.name))
    deliveries.withdraw(city.zones, wanted.delivery_id, "an order nobody planned", "tester")
