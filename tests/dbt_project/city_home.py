"""A CITYLAKE_HOME for tests of the dbt project: deliveries written inline, dbt run in process."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import polars as pl
import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest as DbtManifest

from citylake.contracts.model import Contract, load_contracts
from citylake.identity.resolve import resolve_identities
from citylake.identity.sources import keep_sources
from citylake.lake.attach import open_lakes
from citylake.lake.deliveries import Manifest, delivery_folder, read_ledger, reinstate, withdraw, write_ledger
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from citylake.nightlights.keeping import keep_study
from ingestion.promises import write_promises
from ingestion.rules import polars_type

NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")


@dataclass
class CityHome:
    """One CITYLAKE_HOME that deliveries can be put into and dbt run on."""

    settings: Settings
    manifest: DbtManifest
    contracts: dict[str, Contract]
    as_of: date = date(2026, 11, 21)

    @property
    def zones(self) -> Zones:
        return Zones.of(self.settings)

    def deliver(self, dataset: str, day: date, rows: Iterable[dict[str, Any]], *, revision: int = 0) -> Manifest:
        """Put one accepted delivery under raw/, as ingestion would. Columns a row does not name are null."""
        contract = self.contracts[dataset]
        records = list(rows)
        content = json.dumps([dataset, day.isoformat(), revision, records], default=str)
        manifest = Manifest(
            dataset=dataset,
            extract_date=day,
            sha256=hashlib.sha256(content.encode()).hexdigest(),
            revision=revision,
            mode=contract.mode,
            status="accepted",
            origin="synthetic",
            received_at=datetime.combine(day, time(12), UTC),
            loaded_at=datetime.combine(day, time(18), UTC),
            run_id="test",
            file_name="inline",
            file_size=len(content),
            file_mtime_ns=0,
            contract_version=contract.version,
            rows_read=len(records),
            rows_accepted=len(records),
        )
        self._write_rows(manifest, records)
        return manifest

    def replay(self, delivery: Manifest, rows: Iterable[dict[str, Any]]) -> Manifest:
        """Give a delivery another result, as replaying it under another contract would."""
        record = [*delivery.earlier_results, delivery.result]
        facts = {"earlier_results": record, "run_id": f"replay {len(record)}"}
        replayed = delivery.model_copy(update=facts)
        self._write_rows(replayed, list(rows))
        return replayed

    def _write_rows(self, manifest: Manifest, records: list[dict[str, Any]]) -> None:
        folder = delivery_folder(self.zones.raw, manifest.dataset, manifest.extract_date, manifest.sha256)
        folder.mkdir(parents=True, exist_ok=True)
        for earlier in folder.glob("*.parquet"):
            earlier.unlink()
        kept = {"_new_columns": pl.String()} if self.contracts[manifest.dataset].drift == "evolve" else {}
        columns = {c.name: polars_type(c) for c in self.contracts[manifest.dataset].columns}
        pl.DataFrame(records, schema=columns | kept).with_columns(
            pl.int_range(2, pl.len() + 2).alias("_line"),
            pl.lit([], dtype=pl.List(pl.String)).alias("_warnings"),
            pl.lit(manifest.delivery_id).alias("_delivery_id"),
            pl.lit(manifest.extract_date).alias("_extract_date"),
        ).write_parquet(folder / manifest.accepted_file)
        (folder / "manifest.json").write_text(manifest.model_dump_json(), encoding="utf-8")

    def withdraw(self, delivery: Manifest) -> None:
        withdraw(self.zones, delivery.delivery_id, "test", "test")

    def reinstate(self, delivery: Manifest) -> None:
        reinstate(self.zones, delivery.delivery_id, "test", "test")

    def dbt(self, *arguments: str, fails: bool = False) -> list[Any]:
        """Run dbt in process on this home with a fresh ledger; its node results. Fails the test when dbt does."""
        write_ledger(read_ledger(self.zones), self.zones)
        write_promises(load_contracts(self.settings.contracts).values(), self.zones)
        run = {"run_id": ["test"], "as_of_date": [self.as_of], "is_full": ["--full-refresh" in arguments]}
        pl.DataFrame(run).write_parquet(self.zones.ledger / "run.parquet")
        files = ["--target-path", str(self.settings.home / "target"), "--log-path", str(self.settings.home / "logs")]
        place = str(self.settings.dbt_project)
        project = ["--project-dir", place, "--profiles-dir", place]
        quick = ["--log-level", "none", "--no-write-json", "--log-level-file", "none"]
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("CITYLAKE_HOME", str(self.settings.home))
            outcome = dbtRunner(manifest=self.manifest).invoke([*arguments, *project, *files, *quick])
        results = [r for r in getattr(outcome.result, "results", []) if r.node.resource_type != "operation"]
        problems = [f"{r.node.name}: {r.message}" for r in results if r.status in ("error", "fail")]
        assert outcome.success is not fails, problems or outcome.exception
        return results

    def build(self) -> None:
        """A whole night of dbt, identity between its halves, without unit tests."""
        self.dbt("build", "--select", "path:models/staging", *NO_UNIT_TESTS)
        resolve_identities(self.settings, "test", self.as_of)
        keep_sources(self.settings, self.as_of)
        keep_study(self.settings, "test")
        self.dbt("build", "--exclude", "path:models/staging", *NO_UNIT_TESTS)

    def stage(self, dataset: str, *arguments: str) -> None:
        self.dbt("run", "--select", f"stg_{dataset.replace('.', '__')}", *arguments)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with open_lakes(self.settings, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def write(self, *statements: str) -> None:
        with open_lakes(self.settings) as connection:
            for statement in statements:
                connection.execute(statement)
