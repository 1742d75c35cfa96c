"""Assets of the lake between and after dbt: identity, indicators, audit, release, maintenance.

Each calls the room of ``citylake`` that does the work and shows what it reports.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl
from pydantic import TypeAdapter

from citylake.governance.audit import raise_if_failed, run_audit
from citylake.governance.results import CheckResult
from citylake.identity.resolve import resolve_identities
from citylake.identity.sources import keep_sources
from citylake.indicators.evaluate import evaluate
from citylake.lake import maintenance, releases
from citylake.lake.account import whoami
from citylake.lake.deliveries import LEDGER
from citylake.lake.errors import PublicationHeld
from citylake.nightlights.keeping import AREAS, COMPOSITES, keep_study
from citylake.nightlights.keeping import TABLES as URBAN_TABLES
from ingestion.retention import delete_expired
from orchestration.dbt_paths import SEMANTIC_MANIFEST, DbtPaths
from orchestration.erasure import Outcome, finish
from orchestration.night import Materialized, Night, shown

IDENTITY_TABLES = {
    "person_mention": "Persons as records in force name them, normalised",
    "entity_mention": "Organisations as records in force name them, normalised",
    "keeper": "What tells whether the secret is the right one, and the secret of published records' keys",
    "person_record": "Which person each record in force names",
    "entity_record": "Which entity each record in force names",
    "retired_record": "Records not in force any more, with their keys",
    "past_record": "Records that were deleted, with the keys of those who carry their numbers",
    "person_key": "Every person key ever made and the record it was founded on",
    "entity_key": "Every entity key ever made and the record it was founded on",
    "key_event": "Every change of a record's key: merge or split",
    "review_pair": "Pairs of mentions that a person must look at",
    "linkage_run": "What each night of linking came to: what the audit holds to its bounds",
    "person_attribute": "Each attribute's value that counts for a person, and its source",
    "entity_attribute": "Each attribute's value that counts for an entity, and its source",
    "person_description": "Of these, what may be known of a person outside the vault",
    "attribute_disagreement": "Values that say something else than the one that counts",
    "source_priority": "Which dataset is believed first for which attribute",
}
INDICATOR_TABLES = {
    "dim_indicator": "The registry: every indicator's one definition",
    "indicator_value": "Every indicator at month, region and department, with numerator and denominator",
    "indicator_vintage": "Every figure that a published run ever gave",
}
URBAN_STAGING = {f"stg_{dataset.replace('.', '__')}" for dataset in (COMPOSITES, AREAS)}
_OUTCOMES = TypeAdapter(list[Outcome])
AUDIT = dg.AssetKey(["city", "quality", "fct_audit_check"])
RELEASE = dg.AssetKey("release")
MAINTENANCE = dg.AssetKey("maintenance")


def identity_assets(staging: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Who is who: reads staging, keeps keys."""

    @dg.multi_asset(name="identity", specs=_specs(("vault", "identity"), IDENTITY_TABLES, staging))
    def identity(night: dg.ResourceParam[Night]) -> Iterator[Materialized]:
        with night.stage("identity") as facts:
            facts.update(
                resolve_identities(
                    night.settings, night.run.run_id, night.as_of_date, full=night.full, relink=night.plan.relink
                )
            )
            facts.update(keep_sources(night.settings, night.as_of_date, full=night.full))
        yield from _materialized(("vault", "identity"), IDENTITY_TABLES, facts)

    return identity


def urban_assets(staging: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Urban expansion, measured on the night lights in force."""
    described = {name: description for name, (description, _) in URBAN_TABLES.items()}

    @dg.multi_asset(name="urban_study", specs=_specs(("vault", "nightlights"), described, staging))
    def urban_study(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]) -> Iterator[Materialized]:
        with night.stage("urban_study") as facts:
            facts.update(keep_study(night.settings, night.run.run_id, full=night.full))
        if facts["problem"] is not None:
            context.log.warning("Urban expansion is not whole: %s", facts["problem"])
        yield from _materialized(("vault", "nightlights"), described, facts)

    return urban_study


def indicator_assets(marts: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """Indicator values of this run."""

    @dg.multi_asset(name="indicators", specs=_specs(("city", "indicator"), INDICATOR_TABLES, marts))
    def indicators(night: dg.ResourceParam[Night]) -> Iterator[Materialized]:
        with night.stage("indicators") as facts:
            manifest = DbtPaths.of(night.settings).parsed / SEMANTIC_MANIFEST
            facts.update(evaluate(night.settings, night.run.run_id, night.as_of_date, manifest))
        yield from _materialized(("city", "indicator"), INDICATOR_TABLES, facts)

    return indicators


def audit_asset(audited: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """What stops a release."""

    @dg.asset(key=AUDIT, deps=audited, group_name="quality", description="The audit of each run, check by check.")
    def audit(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]) -> Materialized:
        with night.stage("audit") as facts:
            checks = run_audit(night.settings, night.run.run_id, night.as_of_date)
            facts.update(_audit_facts(checks))
            for check in checks:
                if check.status == "warned":
                    context.log.warning("%s: %s", check.check_id, check.message)
            raise_if_failed(checks)
        return dg.MaterializeResult(metadata=shown(facts))

    return audit


def _audit_facts(checks: Sequence[CheckResult]) -> dict[str, Any]:
    by_status = {status: [c for c in checks if c.status == status] for status in ("passed", "warned", "failed")}
    return {
        "passed": len(by_status["passed"]),
        "warned": [f"{check.check_id}: {check.message}" for check in by_status["warned"]],
        "failed": [f"{check.check_id}: {check.message}" for check in by_status["failed"]],
        "checks": [check.model_dump(mode="json") for check in checks],
    }


def release_asset() -> dg.AssetsDefinition:
    """Freezes what was audited and points readers to it."""

    @dg.asset(key=RELEASE, deps=[AUDIT], group_name="release", description="Frozen catalogs and the pointer to them.")
    def release(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]) -> Materialized:
        with night.stage("release") as facts:
            facts.update(publish(night))
        if "held" in facts:
            context.log.warning(facts["held"])
        return dg.MaterializeResult(metadata=shown(facts))

    return release


def publish(night: Night) -> dict[str, Any]:
    """Freeze and publish what was audited; says what became current, or why nothing was (``held``)."""
    in_force = pl.read_parquet(night.zones.ledger / LEDGER).filter(pl.col("status") == "in_force")
    deliveries = {
        dataset: sorted(in_force.filter(pl.col("dataset") == dataset)["delivery_id"])
        for dataset in sorted(in_force["dataset"].unique())
    }
    try:
        published = releases.freeze_and_publish(
            night.settings,
            night.run.run_id,
            data_as_of=night.as_of_date,
            origin=releases.origin_of(in_force["origin"].to_list()),
            deliveries=deliveries,
            checks=_audit_of(night),
            created_by=whoami(),
        )
    except PublicationHeld as hold:
        # A rollback's hold is somebody's decision, not a failure of the night.
        return {"held": str(hold)}
    return {"release": published.release_id, "origin": published.origin, "data_as_of": str(published.data_as_of)}


def _audit_of(night: Night) -> list[dict[str, Any]]:
    return next((stage["facts"]["checks"] for stage in night.run.stages() if stage["stage"] == "audit"), [])


def maintenance_asset() -> dg.AssetsDefinition:
    """Closes the night: what no kept release needs is expired and deleted."""

    @dg.asset(key=MAINTENANCE, deps=[RELEASE], group_name="release", description="Expiry, compaction, deletion.")
    def maintain(night: dg.ResourceParam[Night]) -> Materialized:
        with night.stage("maintenance") as facts:
            facts.update(delete_expired(night.settings))
            facts.update(maintenance.maintain(night.settings))
            facts.update(
                erasures=[TypeAdapter(Outcome).dump_python(one, mode="json") for one in finish(night.settings)]
            )
        return dg.MaterializeResult(metadata=shown(facts))

    return maintain


def _specs(prefix: tuple[str, str], tables: dict[str, str], deps: Sequence[dg.AssetKey]) -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec([*prefix, name], deps=deps, group_name=prefix[1], description=description, kinds={"duckdb"})
        for name, description in tables.items()
    ]


def _materialized(prefix: tuple[str, str], tables: dict[str, str], facts: dict[str, Any]) -> Iterator[Materialized]:
    for name in tables:
        yield dg.MaterializeResult(asset_key=[*prefix, name], metadata=shown(facts))
