"""The dbt files written from contracts: those in the project are up to date, and any contract gives sound ones."""

from pathlib import Path

import pytest
import yaml

from citylake.contracts.model import load_contract
from citylake.lake.settings import Settings
from ingestion.dbt_files import model_yaml, source_yaml, write_dbt_files

STAGING = Settings().dbt_project / "models" / "staging"
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: water.well
name: well
version: 1.0.0
status: active
domain: base
description: {purpose: '水井 "Wells": deep ones'}
team: {name: 水利局 Water Bureau}
servers: [{server: landing, type: local, format: csv, path: "water/well/well_*.csv"}]
customProperties: [MODE, {property: legalBasis, value: 《水法》 Water law}]
schema:
  - name: well
    businessName: 水井 Wells
    properties:
      - {name: well_no, physicalName: 井号, businessName: 井号 Number, logicalType: string, KEY, classification: public}
      - name: depth_m
        physicalName: 深度
        businessName: 深度 Depth
        logicalType: number
        physicalType: decimal(9,2)
        description: 'metres: "to the water"'
      - {name: is_open, physicalName: 开, businessName: 开 Open, logicalType: boolean, classification: internal}
"""


def _contracts(
    folder: Path, mode: str = "{property: deliveryMode, value: append}", key: str = "primaryKey: true"
) -> Path:
    path = folder / "contracts" / "water" / "well.odcs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(CONTRACT.replace("MODE", mode).replace("KEY", key), encoding="utf-8")
    return path


def test_the_files_of_every_contract_are_up_to_date(tmp_path: Path) -> None:
    # A contract changed by itself would be validated by the new columns and staged by the old.
    # When a change is meant: python -m ingestion.dbt_files
    written = tmp_path / "staging"
    written.mkdir()
    write_dbt_files(Settings().contracts, written)
    behind = [
        path.name for path in written.glob("*.yml") if path.read_text("utf8") != (STAGING / path.name).read_text("utf8")
    ]
    assert behind == []
    assert {path.name for path in written.iterdir()} <= {path.name for path in STAGING.iterdir()}


def test_a_datasets_files_are_written_once_and_its_sql_is_then_its_owners(tmp_path: Path) -> None:
    # A second writing would undo what somebody added to the model, or leave the YAML of the old contract.
    contracts = _contracts(tmp_path).parents[1]
    staging = tmp_path / "staging"
    staging.mkdir()
    new = {path.name for path in write_dbt_files(contracts, staging)}
    assert new == {"water__well_source.yml", "stg_water__well.yml", "stg_water__well.sql"}
    (staging / "stg_water__well.sql").write_text("select 1", encoding="utf-8")
    (staging / "stg_water__well.yml").write_text("old", encoding="utf-8")
    assert write_dbt_files(contracts, staging) == []
    assert (staging / "stg_water__well.sql").read_text("utf8") == "select 1"
    assert "depth_m" in (staging / "stg_water__well.yml").read_text("utf8")


def test_quotes_colons_and_decimals_survive_in_yaml(tmp_path: Path) -> None:
    # Text of a contract is anybody's: a quote in it would break the whole project's parsing.
    contract = load_contract(_contracts(tmp_path))
    (source,) = yaml.safe_load(source_yaml(contract))["sources"]
    (table,) = source["tables"]
    assert table["description"] == '水井 "Wells": deep ones'
    assert [(column["name"], column["data_type"]) for column in table["columns"]] == [
        ("well_no", "varchar"),
        ("depth_m", "decimal(9,2)"),
        ("is_open", "boolean"),
    ]
    assert table["columns"][1]["description"] == '深度 Depth: metres: "to the water"'


@pytest.mark.parametrize(
    ("mode", "key", "grain"),
    [
        ("append", "primaryKey: true", ["_delivery_id", "well_no"]),
        ("snapshot", "primaryKey: true", ["well_no"]),
        ("upsert", "primaryKey: true", ["well_no"]),
        ("snapshot", "required: true", ["_delivery_id", "_line"]),
    ],
)
def test_staging_promises_the_grain_of_its_mode(tmp_path: Path, mode: str, key: str, grain: list[str]) -> None:
    # An append dataset has a key once a delivery: a promise of once at all would stop the release on the second one.
    contract = load_contract(_contracts(tmp_path, f"{{property: deliveryMode, value: {mode}}}", key))
    (model,) = yaml.safe_load(model_yaml(contract))["models"]
    (promise,) = model["data_tests"]
    assert promise["is_key"]["arguments"]["columns"] == grain
