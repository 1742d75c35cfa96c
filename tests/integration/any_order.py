"""Deliver in random orders over thirty nights and compare with a full rebuild; the test runs one order, over eight.

For many: ``python -m tests.integration.any_order --orders 20``.
"""

import argparse
import itertools
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest as DbtManifest

from citylake.contracts.model import load_contracts
from citylake.identity.resolve import resolve_identities
from citylake.identity.sources import keep_sources
from citylake.lake import deliveries
from citylake.lake.attach import open_lakes
from citylake.lake.runs import Run, mint_run_id
from citylake.lake.zones import prepare
from citylake.nightlights.keeping import keep_study
from ingestion.landing import scan_landing
from ingestion.loading import load_delivery
from orchestration.dbt import environment
from orchestration.dbt_paths import DbtPaths
from orchestration.night import Night, clear, write_deliveries
from sample_city.city import make_city
from tests.integration.small_city import HISTORY, SmallCity, differences, make_few_lights, parsed_project

NIGHTS = 30
EXTRACT_DAYS = 12
"""With eight datasets, corrections and a late and a refused delivery: some hundred files for the thirty nights."""
MARTS = (
    *("build", "--exclude", "fqn:citylake.staging"),
    *("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"),
)


@dataclass(frozen=True)
class Lake:
    """Nights without Dagster and without publication: loading, staging and identity, in this process."""

    city: SmallCity
    manifest: DbtManifest

    def night(self, files: Sequence[Path], *arguments: str) -> None:
        settings, zones = self.city.settings, prepare(self.city.settings)
        open_lakes(settings).close()
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
        resolve_identities(settings, night.run.run_id, night.as_of_date)
        keep_sources(settings, night.as_of_date)
        keep_study(settings, night.run.run_id)

    def withdraw(self, path: Path) -> None:
        (wanted,) = (m for m, _, _ in deliveries.manifests(self.city.zones) if m.file_name.endswith(path.name))
        deliveries.withdraw(self.city.zones, wanted.delivery_id, "an order nobody planned", "tester")

    def dbt(self, *arguments: str) -> None:
        target = DbtPaths.of(self.city.settings).target
        target.mkdir(parents=True, exist_ok=True)
        quick = ["--log-level", "none", "--no-write-json", "--log-level-file", "none"]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment(self.city.settings, target).items():
                patch.setenv(name, value)
            outcome = dbtRunner(manifest=self.manifest).invoke([*arguments, *quick])
        results = getattr(outcome.result, "results", [])
        problems = [f"{r.node.name}: {r.message}" for r in results if r.status in {"error", "fail"}]
        assert outcome.success, problems or outcome.exception


def compare_order(folder: Path, manifest: DbtManifest, seed: int, nights: int = NIGHTS) -> list[str]:
    """Where ``nights`` in one random order end otherwise than one full rebuild does: nowhere, if all is well."""
    city = SmallCity.at(folder)
    prepare(city.settings)
    until = date(2026, 10, 31)
    make_city(city.coming, city.settings.contracts, residents=300, seed=3, until=until, nights=EXTRACT_DAYS)
    make_few_lights(city.coming)
    chance = random.Random(seed)
    files = sorted(city.coming.rglob("*.synthetic.*"))
    chance.shuffle(files)
    withdrawn = files[chance.randrange(len(files))]

    shuffled = Lake(city, manifest)
    for number in range(nights):
        share = files[number::nights]
        shuffled.night(share)
        if withdrawn in share:
            shuffled.withdraw(withdrawn)
    shuffled.night([])
    shuffled.dbt(*MARTS)

    rebuilt = Lake(SmallCity(city.settings.model_copy(update={"home": folder / "rebuilt"}), city.coming), manifest)
    rebuilt.night(sorted(files))
    rebuilt.withdraw(withdrawn)
    rebuilt.night([], "--full-refresh")
    rebuilt.dbt(*MARTS)
    return list(differences(city, rebuilt.city, ignoring=HISTORY))


def main() -> None:
    """Try as many orders as asked for; leaves with what differs in the first that does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the first order; the others count on from it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        parsing = SmallCity.at(Path(name) / "parsed")
        prepare(parsing.settings)
        manifest = parsed_project(parsing.settings)
        for seed in range(arguments.seed, arguments.seed + arguments.orders):
            found = compare_order(Path(name) / str(seed), manifest, seed)
            if found:
                raise SystemExit("\n".join([f"The order of seed {seed} leaves a trace:", *found]))
            sys.stdout.write(f"The order of seed {seed} ends where a full rebuild does.\n")


if __name__ == "__main__":
    main()
