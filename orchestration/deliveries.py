"""Assets of what departments deliver: one a dataset, made from its contract, and the ledger of what is in force.

Reading and checking a delivery belongs into ``ingestion``; a refused one is a warning here, on a step that succeeds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl

from citylake.contracts.model import Contract
from citylake.lake import releases
from citylake.lake.deliveries import Manifest, manifests
from ingestion.landing import new_files, strangers
from ingestion.loading import FileChanged, load_delivery
from ingestion.suppressing import suppress
from orchestration.dbt import LEDGER_KEYS
from orchestration.drift import tell_of_new_columns, unknown_columns
from orchestration.night import Materialized, Night, StageEvent, retrying_io, shown, some, write_deliveries

_TOLD_EVERY = 100
"""Files of one dataset between two words about how far a load is."""


def raw_asset(contract: Contract) -> dg.AssetsDefinition:
    """The asset of one dataset: loads what is new in landing."""
    key = raw_key(contract)

    @dg.asset(
        key=key,
        group_name=contract.department,
        description=f"{contract.title}\n\n{contract.purpose}",
        metadata=_contract_metadata(contract),
        tags={"sharing": contract.sharing, "delivery_mode": contract.mode},
        kinds={contract.dialect.format, "parquet"},
        owners=[f"team:{contract.department}"],
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=contract.max_age) if contract.is_promised else None,
        check_specs=_check_specs(key),
    )
    def load(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]) -> Materialized:
        stage = f"raw.{contract.dataset}"

        def working(detail: str) -> None:
            night.plan.listen(StageEvent(stage, "working", detail=detail))
            context.log.info("%s new files", detail)

        with night.stage(stage) as facts, retrying_io():
            facts.update(_load_new(night, contract, working))
        known = [manifest for manifest, _, _ in manifests(night.zones, contract.dataset)]
        untold = tell_of_new_columns(night.settings, night.run.run_id, contract, known)
        refused = [f"{one['delivery_id']} was refused. {one['zh']} {one['en']}" for one in facts["refused"]]
        for problem in some([*refused, *facts["postponed"], *untold]):
            context.log.warning(problem)
        return dg.MaterializeResult(
            metadata={**shown(facts), "run_id": night.run.run_id}, check_results=list(_checks(contract, known))
        )

    return load


def raw_key(contract: Contract) -> dg.AssetKey:
    """``raw/<department>/<dataset>``."""
    return dg.AssetKey(["raw", contract.department, contract.name])


def _load_new(night: Night, contract: Contract, working: Callable[[str], None]) -> dict[str, Any]:
    """Load every new file of the dataset, in the order that landing gives; a file still being written can wait.

    ``working`` hears now and then how far it is: there may be years of them.
    """
    loaded: list[Manifest] = []
    postponed: list[str] = []
    files = new_files(night.settings, contract)
    for number, landed in enumerate(files, start=1):
        try:
            loaded.append(load_delivery(night.settings, contract, landed, night.run.run_id))
        except FileChanged as problem:
            postponed.append(str(problem))
        if number % _TOLD_EVERY == 0:
            working(f"{number:,}/{len(files):,}")
    return {**delivery_facts([m for m in loaded if m.run_id == night.run.run_id]), "postponed": postponed}


def delivery_facts(loaded: Sequence[Manifest]) -> dict[str, Any]:
    """What the deliveries of one stage add up to, and the refused ones with their reasons."""
    accepted = [manifest for manifest in loaded if manifest.refusal is None]
    return {
        "deliveries": len(loaded),
        "rows_read": sum(manifest.rows_read or 0 for manifest in accepted),
        "rows_accepted": sum(manifest.rows_accepted for manifest in accepted),
        "rows_quarantined": sum(manifest.rows_quarantined for manifest in accepted),
        "sha256": [manifest.sha256 for manifest in loaded],
        "drifted": [
            {
                "delivery_id": manifest.delivery_id,
                "new_columns": manifest.new_columns,
                "missing_columns": manifest.missing_columns,
                "drift": manifest.drift,
            }
            for manifest in loaded
            if manifest.new_columns or manifest.missing_columns
        ],
        "refused": [
            {"delivery_id": manifest.delivery_id, "zh": manifest.refusal.zh, "en": manifest.refusal.en}
            for manifest in loaded
            if manifest.refusal is not None
        ],
    }


def _contract_metadata(contract: Contract) -> Mapping[str, Any]:
    return {
        "owner": str(contract.owner),
        "contract_version": contract.version,
        "legal_basis": str(contract.legal_basis),
        "quarantine_tolerance": contract.quarantine_tolerance,
        "drift": contract.drift,
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(
                    name=column.name,
                    type=column.logical_type,
                    description=str(column.label),
                    tags={"classification": column.classification},
                    constraints=dg.TableColumnConstraints(nullable=not column.required, unique=column.primary_key),
                )
                for column in contract.columns
            ]
        ),
    }


def _check_specs(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            "reconciliation", asset=key, description="Rows read = rows accepted + rows quarantined, in every delivery."
        ),
        dg.AssetCheckSpec("not_refused", asset=key, description="The newest delivery keeps its contract."),
        dg.AssetCheckSpec(
            "columns", asset=key, description="The newest delivery has all columns of the contract, and no others."
        ),
        dg.AssetCheckSpec(
            "freshness", asset=key, description="The newest delivery is no older than its contract allows."
        ),
    ]


def _checks(contract: Contract, known: Sequence[Manifest]) -> Iterator[dg.AssetCheckResult]:
    key = raw_key(contract)
    accepted = [manifest for manifest in known if manifest.refusal is None]
    unequal = [m.delivery_id for m in accepted if m.rows_read != m.rows_accepted + m.rows_quarantined]
    yield dg.AssetCheckResult(
        check_name="reconciliation",
        asset_key=key,
        passed=not unequal,
        metadata={"unequal": dg.MetadataValue.json(unequal)},
    )
    newest = max(known, key=lambda manifest: (manifest.received_at, manifest.revision), default=None)
    yield dg.AssetCheckResult(
        check_name="not_refused",
        asset_key=key,
        passed=newest is None or newest.refusal is None,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={} if newest is None or newest.refusal is None else {"zh": newest.refusal.zh, "en": newest.refusal.en},
    )
    new = [] if newest is None else unknown_columns(newest, contract)
    missing = [] if newest is None else newest.missing_columns
    yield dg.AssetCheckResult(
        check_name="columns",
        asset_key=key,
        passed=not new and not missing,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "new": dg.MetadataValue.json(new),
            "missing": dg.MetadataValue.json(missing),
            "drift": contract.drift,
        },
    )
    received_at = max((manifest.received_at for manifest in accepted), default=None)
    yield dg.AssetCheckResult(
        check_name="freshness",
        asset_key=key,
        passed=not contract.is_promised
        or (received_at is not None and datetime.now(UTC) - received_at <= contract.max_age),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"received_at": str(received_at or "never"), "max_age": str(contract.max_age)},
    )


def _ledger_specs(raw: Sequence[dg.AssetKey]) -> Iterator[dg.AssetSpec]:
    """One for each of the ledger's files: what is delivered comes from manifests, what may be from the contracts."""
    for name, deps, description in (
        ("delivery", raw, "Every delivery and whether it is in force, derived from manifests."),
        ("run", raw, "The run and the day that its figures stand at."),
        ("dataset", (), "Every dataset and by when its extracts are promised, from the contracts."),
        ("rule", (), "Every rule of every contract, in words."),
    ):
        yield dg.AssetSpec(LEDGER_KEYS[name], deps=deps, group_name="ledger", description=description)


def ledger_assets(contracts: Sequence[Contract]) -> dg.AssetsDefinition:
    """What dbt reads of deliveries and of this run."""

    @dg.multi_asset(name="ledger", specs=list(_ledger_specs([raw_key(contract) for contract in contracts])))
    def ledger(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]) -> Iterator[Materialized]:
        with night.stage("ledger") as facts, retrying_io():
            by_dataset = {contract.dataset: contract for contract in contracts}
            facts.update(erased_again=_suppressed(night, by_dataset))
            deliveries = write_deliveries(night)
            in_force = deliveries.filter(pl.col("status") == "in_force")
            unrecognised = [path.name for path in strangers(night.settings, by_dataset)]
            facts.update(deliveries=deliveries.height, in_force=in_force.height, unrecognised=unrecognised)
            # The release would be refused in the end: nobody should wait for that.
            releases.refuse_mixture(night.settings, releases.origin_of(in_force["origin"].to_list()))
        for dataset, rows in facts["erased_again"].items():
            context.log.warning("%s delivered %s rows of persons erased before; they were erased again.", dataset, rows)
        for problem in some(
            [f"{name} in landing has a name of no dataset and was left alone." for name in unrecognised]
        ):
            context.log.warning(problem)
        for key in LEDGER_KEYS.values():
            yield dg.MaterializeResult(asset_key=key, metadata=shown(facts))

    return ledger


def _suppressed(night: Night, contracts: Mapping[str, Contract]) -> dict[str, int]:
    """Rows of persons who were erased and delivered again, by dataset; a past day's computation loads nothing new."""
    return {} if night.plan.as_of is not None else suppress(night.settings, contracts, night.run.run_id)
