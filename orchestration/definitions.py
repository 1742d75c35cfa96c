"""The whole asset graph, composed. Everything that is in it is defined beside this file."""

import dagster as dg

from citylake.contracts.model import load_contracts
from citylake.lake.settings import Settings
from orchestration.dbt import dbt_asset_definitions, measured_tables
from orchestration.deliveries import ledger_assets, raw_asset
from orchestration.lake import (
    URBAN_STAGING,
    audit_asset,
    identity_assets,
    indicator_assets,
    maintenance_asset,
    release_asset,
    urban_assets,
)
from orchestration.night import Night, night_resource
from orchestration.triggers import late_deliveries, nightly_job, nightly_schedule, notice_of_failure


def build_definitions(settings: Settings, night: Night | None = None) -> dg.Definitions:
    """Dagster's definitions for one installation. With a night that is held already, its runs are that night."""
    contracts = list(load_contracts(settings.contracts).values())
    staging, marts = dbt_asset_definitions(settings)
    indicators = indicator_assets(measured_tables(settings))
    return dg.Definitions(
        assets=[
            *(raw_asset(contract) for contract in contracts),
            ledger_assets(contracts),
            staging,
            identity_assets(sorted(staging.keys)),
            urban_assets(sorted(key for key in staging.keys if key.path[-1] in URBAN_STAGING)),
            marts,
            indicators,
            audit_asset(sorted([*marts.keys, *indicators.keys])),
            release_asset(),
            maintenance_asset(),
        ],
        jobs=[nightly_job],
        schedules=[nightly_schedule],
        sensors=[late_deliveries, notice_of_failure],
        resources={"night": night_resource(settings, night)},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What ``dagster`` loads."""
    return build_definitions(Settings())
