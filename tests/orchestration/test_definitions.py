import json

import dagster as dg

from citylake.contracts.model import load_contracts
from citylake.lake.settings import Settings
from orchestration.definitions import build_definitions
from tests.orchestration.asset_graph import SNAPSHOT, describe


def test_the_asset_graph_is_the_one_that_was_reviewed(parsed: Settings) -> None:
    # A lost dependency, check, schedule or sensor is silent in Dagster: nothing fails, it is just no longer there.
    # When a change is meant: python -m tests.orchestration.asset_graph
    assert describe(build_definitions(parsed)) == SNAPSHOT.read_text(encoding="utf-8")


def test_lineage_is_whole_from_every_dataset_to_the_release(parsed: Settings) -> None:
    # A dbt source that maps to no asset would cut a mart off from the deliveries that it is made from.
    graph = build_definitions(parsed).get_repository_def().asset_graph
    upstream = graph.upstream_key_iterator(dg.AssetKey("release"))
    reached = set(upstream)
    for contract in load_contracts(parsed.contracts).values():
        assert dg.AssetKey(["raw", contract.department, contract.name]) in reached
    external = {key for key in graph.get_all_asset_keys() if not graph.get(key).is_materializable}
    assert external == set()


def test_every_step_but_landing_waits_for_what_it_reads(parsed: Settings) -> None:
    # Identity must come between staging and the marts: its keys are in every fact of a person.
    assets = json.loads(describe(build_definitions(parsed)))["assets"]
    assert "vault/staging/stg_public_security__person_register" in assets["vault/identity/person_record"]["deps"]
    assert "city/quality/fct_audit_check" in assets["release"]["deps"]
    assert "release" in assets["maintenance"]["deps"]


def test_a_datasets_asset_says_what_its_contract_says(parsed: Settings) -> None:
    # Written by hand, owner, classification and freshness would drift from the contract within a month.
    graph = build_definitions(parsed).get_repository_def().asset_graph
    for contract in load_contracts(parsed.contracts).values():
        node = graph.get(dg.AssetKey(["raw", contract.department, contract.name]))
        columns = node.metadata["dagster/column_schema"].columns
        assert node.group_name == contract.department
        assert node.metadata["owner"] == str(contract.owner)
        assert {c.name: c.tags["classification"] for c in columns} == {
            c.name: c.classification for c in contract.columns
        }
        policy = node.assets_def.specs_by_key[node.key].freshness_policy
        window = None if policy is None else policy.fail_window.to_timedelta()
        assert window == (contract.max_age if contract.is_promised else None)
