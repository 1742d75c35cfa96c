"""Contract, dbt source, staging model and raw Parquet say the same of a dataset. This is the drift test."""

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from dbt.contracts.graph.manifest import Manifest as DbtManifest
from dbt.contracts.graph.nodes import SourceDefinition

from citylake.contracts.model import Contract, load_contracts
from citylake.lake.settings import Settings
from ingestion.judging import Judge, RejectedRows
from ingestion.keys import KeyHashes
from ingestion.rules import compile_contract

CONTRACTS = load_contracts(Settings().contracts)
STAGED_ALSO = ["_delivery_id", "_extract_date", "_line", "is_deleted"]


@pytest.fixture(params=CONTRACTS, scope="module")
def contract(request: pytest.FixtureRequest) -> Contract:
    return CONTRACTS[request.param]


def source_of(manifest: DbtManifest, contract: Contract) -> SourceDefinition:
    found = [s for s in manifest.sources.values() if f"{s.source_name}.{s.name}" == contract.dataset]
    assert found, f"{contract.dataset} has a contract but no dbt source in models/staging"
    return found[0]


def typed(columns: dict[str, Any]) -> list[tuple[str, str]]:
    """Columns with their types, as DuckDB spells them."""
    with duckdb.connect() as connection:
        select = ", ".join(f"null::{column.data_type} as {name}" for name, column in columns.items())
        return connection.execute(f"select column_name, column_type from (describe select {select})").fetchall()


def test_a_source_has_the_contracts_columns_with_the_types_of_its_parquet(
    contract: Contract, dbt_manifest: DbtManifest, tmp_path: Path
) -> None:
    # A column renamed or retyped in one place alone would be null, or fail, in the middle of a night.
    file = tmp_path / "accepted.parquet"
    judge = Judge(compile_contract(contract), RejectedRows(tmp_path), KeyHashes.of(contract))
    pl.DataFrame(schema=judge.schema).write_parquet(file)
    with duckdb.connect() as connection:
        parquet = connection.execute(f"select column_name, column_type from (describe from '{file}')").fetchall()
    also = ["_line", "_warnings"]
    assert typed(source_of(dbt_manifest, contract).columns) == [pair for pair in parquet if pair[0] not in also]


def test_a_source_knows_the_contracts_owner_mode_key_sequence_and_tombstone(
    contract: Contract, dbt_manifest: DbtManifest
) -> None:
    # Staging merges by what the source says: a contract turned into a snapshot would go on being merged by key.
    owner = {"zh": contract.owner.zh, "en": contract.owner.en}
    expected: dict[str, Any] = {"owner": owner, "delivery_mode": contract.mode, "key": list(contract.key)}
    if contract.sequence:
        expected["sequence"] = contract.sequence
    if contract.tombstone:
        expected["tombstone"] = dict(zip(("column", "value"), contract.tombstone, strict=True))
    assert source_of(dbt_manifest, contract).config.meta == expected


def test_a_source_classifies_every_column_as_the_contract_does(contract: Contract, dbt_manifest: DbtManifest) -> None:
    # The test that keeps identifiers in the vault reads the classification here.
    source = source_of(dbt_manifest, contract)
    classified = {name: column.config.meta.get("classification") for name, column in source.columns.items()}
    kept = {"_new_columns": "identifier"} if contract.drift == "evolve" else {}
    assert classified == {column.name: column.classification for column in contract.columns} | kept


def test_a_staging_model_has_the_sources_columns_and_where_they_came_from(
    contract: Contract, dbt_manifest: DbtManifest
) -> None:
    # Its enforced contract would refuse the model's own SQL, or let a column of the source be forgotten.
    department, name = contract.dataset.split(".")
    staged = typed(dbt_manifest.nodes[f"model.citylake.stg_{department}__{name}"].columns)
    assert staged[: -len(STAGED_ALSO)] == typed(source_of(dbt_manifest, contract).columns)
    assert [column for column, _ in staged[-len(STAGED_ALSO) :]] == STAGED_ALSO
