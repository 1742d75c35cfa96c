"""CONTRIBUTING's "Add a dataset", followed for a department that no city has: contract, model, extract, no code."""

import csv
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner, Result

from apps.cli.main import app
from citylake.contracts.model import load_contracts
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from ingestion.dbt_files import write_dbt_files
from orchestration.definitions import build_definitions
from orchestration.triggers import JOB
from tests.dbt_project.city_home import NO_UNIT_TESTS, CityHome
from tests.integration.small_city import parsed_project

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: lighthouse_keeping.lamp
name: lamp
version: 1.0.0
status: active
domain: infrastructure
description: {purpose: 灯塔的灯 Lamps of the lighthouses}
team: {name: 灯塔管理处 Lighthouse Keeping Office}
servers: [{server: landing, type: local, format: csv, path: "lighthouse_keeping/lamp/lamp_*.csv"}]
customProperties:
  - {property: deliveryMode, value: snapshot}
  - {property: quarantineTolerance, value: 0.5}
  - {property: drift, value: evolve}
  - {property: legalBasis, value: 无 None}
slaProperties: [{property: latency, value: 2, unit: d}]
schema:
  - name: lamp
    businessName: 灯 Lamp
    properties:
      - name: lamp_no
        physicalName: 灯号
        businessName: 灯号 Number
        logicalType: string
        primaryKey: true
        classification: public
      - name: keeper_name
        physicalName: 守灯人
        businessName: 守灯人 Keeper
        logicalType: string
        classification: identifier
      - {name: range_km, physicalName: 射程, businessName: 射程 Range, logicalType: integer, classification: public}
"""
EXTRACT = "灯号,守灯人,射程,颜色\nL1,张三,20,红\nL2,李四,远,白\nL3,王五,30,\n"
DATASET = "lighthouse_keeping.lamp"
KEY = dg.AssetKey(["raw", "lighthouse_keeping", "lamp"])
STAGED = "vault.staging.stg_lighthouse_keeping__lamp"


@dataclass(frozen=True)
class Office:
    """An installation to which the department was added as CONTRIBUTING says."""

    home: CityHome
    extract: Path
    written: Sequence[Path]
    """The files that the department's arrival brought."""

    def citylake(self, *arguments: str | Path) -> Result:
        settings = self.home.settings
        places = {"HOME": settings.home, "CONTRACTS": settings.contracts, "DBT_PROJECT": settings.dbt_project}
        env = {f"CITYLAKE_{name}": str(place) for name, place in places.items()}
        return CliRunner().invoke(app, [str(argument) for argument in arguments], env={**env, "COLUMNS": "200"})

    def load(self) -> dg.ExecuteInProcessResult:
        """What a night does with the dataset, before dbt."""
        job = build_definitions(self.home.settings).resolve_job_def(JOB)
        with dg.DagsterInstance.ephemeral() as instance:
            return job.execute_in_process(instance=instance, asset_selection=[KEY])


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    folder, project = tmp_path_factory.mktemp("office"), Settings()
    contracts, dbt_project = folder / "contracts", folder / "dbt_project"
    shutil.copytree(project.contracts, contracts)
    shutil.copytree(project.dbt_project, dbt_project, ignore=shutil.ignore_patterns("target", "logs"))
    contract = contracts / "lighthouse_keeping" / "lamp.odcs.yaml"
    contract.parent.mkdir()
    contract.write_text(CONTRACT, encoding="utf-8")
    models = write_dbt_files(contracts, dbt_project / "models" / "staging")
    extract = folder / "lamp_20261120.csv"
    extract.write_text(EXTRACT, encoding="utf-8")
    settings = Settings(home=folder / "home", landing=None, contracts=contracts, dbt_project=dbt_project, threads=1)
    prepare(settings)
    home = CityHome(settings, parsed_project(settings), load_contracts(contracts))
    return Office(home, extract, [contract, *models])


def test_a_department_arrives_with_fewer_than_forty_lines_that_somebody_wrote(office: Office) -> None:
    # Whatever is needed per dataset beside these is a fault of the mechanism, and the next department's first obstacle.
    generated = [path for path in office.written if path.suffix == ".yml"]
    by_hand = [path for path in office.written if path not in generated]
    assert [path.name for path in by_hand] == ["lamp.odcs.yaml", "stg_lighthouse_keeping__lamp.sql"]
    assert sum(len(path.read_text("utf-8").splitlines()) for path in by_hand) < 40
    assert all(path.read_text("utf-8").startswith("# Written from the contract") for path in generated)


def test_all_that_a_dataset_has_comes_from_its_contract(office: Office) -> None:
    # One walk along the checklist: checked, in the graph, loaded, quarantined, staged, published under its name.
    checked = office.citylake("check", office.extract, "--dataset", DATASET)
    assert checked.exit_code == 0, checked.output
    assert "「射程」不是有效的整数" in checked.stdout

    graph = build_definitions(office.home.settings).get_repository_def().asset_graph
    node = graph.get(KEY)
    assert node.group_name == "lighthouse_keeping"
    assert node.metadata["owner"] == "灯塔管理处 Lighthouse Keeping Office"
    assert dg.AssetKey(["vault", "staging", "stg_lighthouse_keeping__lamp"]) in node.child_keys
    assert KEY in graph.upstream_key_iterator(dg.AssetKey("release"))

    landed = office.home.zones.landing / "lighthouse_keeping" / "lamp" / office.extract.name
    landed.parent.mkdir(parents=True)
    shutil.copy2(office.extract, landed)
    loaded = office.load()
    assert {check.check_name: check.passed for check in loaded.get_asset_check_evaluations()} == {
        "reconciliation": True,
        "not_refused": True,
        "columns": False,
        "freshness": True,
    }
    exported = office.extract.with_name("to_mend.csv")
    assert office.citylake("quarantine", DATASET, "--csv", exported).exit_code == 0
    (row,) = csv.DictReader(exported.read_text("utf-8-sig").splitlines())
    assert (row["行号 Line"], row["灯号"], row["射程"], row["颜色"]) == ("3", "L2", "远", "白")

    office.home.dbt("build", "--select", "stg_lighthouse_keeping__lamp", "department", "dim_department", *NO_UNIT_TESTS)
    office.home.dbt("build", "--select", "fct_delivery", *NO_UNIT_TESTS)
    staged = office.home.query(f"select lamp_no, range_km, _new_columns from {STAGED} order by all")
    assert staged == [("L1", 20, '{"颜色":"红"}'), ("L3", 30, None)]
    published = office.home.query(
        "select department_name_zh, department_name_en, status, rows_accepted, rows_quarantined, new_headings "
        "from city.exchange.fct_delivery inner join city.base.dim_department using (department_code)"
    )
    assert published == [("灯塔管理处", "Lighthouse Keeping Office", "in_force", 2, 1, "颜色")]


def test_a_dataset_is_late_when_its_contract_says_so(office: Office) -> None:
    # Without its own promise, every department would be late, or on time, by one rule for all.
    node = build_definitions(office.home.settings).get_repository_def().asset_graph.get(KEY)
    policy = node.assets_def.specs_by_key[KEY].freshness_policy
    assert policy is not None
    assert policy.fail_window.to_timedelta() == timedelta(days=2)
    landed = office.home.zones.landing / "lighthouse_keeping" / "lamp" / "lamp_20261101.csv"
    landed.parent.mkdir(parents=True, exist_ok=True)
    landed.write_text(EXTRACT.replace("L1", "L9"), encoding="utf-8")
    long_ago = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    for file in landed.parent.iterdir():
        os.utime(file, (long_ago, long_ago))
    shutil.rmtree(office.home.zones.raw)
    office.home.zones.raw.mkdir(mode=0o700)
    (late,) = [check for check in office.load().get_asset_check_evaluations() if check.check_name == "freshness"]
    assert not late.passed
