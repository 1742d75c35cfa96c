"""The night as a function: the same job that Dagster schedules, run in this process, for the command line and tests."""

import shutil
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from pydantic import SecretStr

from citylake.lake.attach import open_lakes
from citylake.lake.errors import CitylakeError
from citylake.lake.files import write_atomically
from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from orchestration.dbt import take_parsed
from orchestration.definitions import build_definitions
from orchestration.failures import Notice, error_of, is_worth_a_notice, notify, trace_of
from orchestration.instance import instance_of
from orchestration.lake import MAINTENANCE, RELEASE
from orchestration.night import COMMAND, RUN_ID_TAG, STARTED_BY, Listener, Night, Plan, clear, hold_night, unheard
from orchestration.triggers import JOB

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own log stays in its event log; the screen belongs to the progress."""
_UNPUBLISHED = (RELEASE, MAINTENANCE)


@dataclass(frozen=True)
class NightResult:
    """What came of one night."""

    run_id: str | None
    release: str | None
    """The release it became; None when it failed, when publication is held, and always for an as-of computation."""
    stages: list[dict[str, Any]]
    """What each stage reported: stage, status, seconds, facts."""
    error: CitylakeError | None = None
    log: Path | None = None
    """Where everything about a failure is written, for the owner alone."""
    figures: pl.DataFrame = field(default_factory=pl.DataFrame)
    """City-wide values of the newest complete month, all departments together."""
    kept: Path | None = None
    """The scratch home of an as-of computation, when it was to be kept."""

    def facts(self, stage: str) -> dict[str, Any]:
        """What a stage reported; nothing when it never ran."""
        return next((record["facts"] for record in self.stages if record["stage"] == stage), {})

    @property
    def held(self) -> str | None:
        """Why nothing was published although nothing failed."""
        return self.facts("release").get("held")


def run_nightly(  # noqa: PLR0913  # what is asked of a night, by keyword
    settings: Settings,
    *,
    as_of: date | None = None,
    full: bool = False,
    relink: bool = False,
    keep: bool = False,
    progress: Listener = unheard,
) -> NightResult:
    """Run one night in this process. What fails is in the result's ``error``, LockHeld too; nothing is raised.

    ``as_of`` computes in a scratch lake with the deliveries that had arrived by the end of that day, publishes
    nothing, and leaves the lake itself untouched; ``keep`` keeps that scratch lake until the next night clears it.
    ``relink`` links everybody anew after the night's own changes.
    """
    plan = Plan(as_of=as_of, full=full or as_of is not None, relink=relink, listen=progress, is_quiet=True)
    try:
        result = _run(settings, plan) if as_of is None else _run_as_of(settings, plan, keep=keep)
    except CitylakeError as error:
        # Before the first step: the lock, the folders, or a dbt project that cannot be parsed.
        result = NightResult(None, None, [], error)
    if result.error is not None and as_of is None and is_worth_a_notice(result.error):
        notify(settings, Notice.of(result.run_id or "-", result.error))
    return result


def _run(settings: Settings, plan: Plan) -> NightResult:
    # The lock comes first: whoever comes too late must not touch what the run that holds it works with.
    with hold_night(settings, plan) as night, instance_of(night.zones) as instance:
        return _execute(night, instance)


def _run_as_of(settings: Settings, plan: Plan, *, keep: bool) -> NightResult:
    with writer_lock(settings, f"refresh --as-of {plan.as_of}") as hold:
        clear(hold.zones)
        home = hold.zones.scratch / f"as_of_{plan.as_of}"
        scratch = settings.model_copy(update={"home": home, "landing": None, "identity_secret": _secret(settings)})
        take_parsed(scratch, settings)
        with (
            hold_night(scratch, replace(plan, source=hold.zones)) as night,
            dg.DagsterInstance.ephemeral() as instance,
        ):
            result = _execute(night, instance)
        # What failed can only be understood from what it left.
        is_kept = keep or result.error is not None
        if not is_kept:
            shutil.rmtree(home)
    return replace(result, kept=home if is_kept else None)


def _secret(settings: Settings) -> SecretStr | None:
    """The keeper's secret of the lake itself, so that persons have there the keys that they have here."""
    secret = Zones.of(settings).secret
    if settings.identity_secret is not None or not secret.exists():
        return settings.identity_secret
    return SecretStr(secret.read_text(encoding="utf-8").strip())


def _execute(night: Night, instance: dg.DagsterInstance) -> NightResult:
    job = build_definitions(night.settings, night).resolve_job_def(JOB)
    selection = None
    if night.plan.as_of is not None:
        executable = job.asset_layer.executable_asset_keys
        selection = [key for key in executable if key not in _UNPUBLISHED and key.path[0] != "raw"]
    outcome = job.execute_in_process(
        run_config=_QUIET,
        instance=instance,
        raise_on_error=False,
        asset_selection=selection,
        tags={STARTED_BY: COMMAND, RUN_ID_TAG: night.run.run_id},
    )
    error = None if outcome.success else error_of(outcome.all_events)
    return _result(night, error, trace_of(outcome.all_events))


def _result(night: Night, error: CitylakeError | None, trace: str) -> NightResult:
    run_id, stages = night.run.run_id, night.run.stages()
    released = next((stage["facts"].get("release") for stage in stages if stage["stage"] == "release"), None)
    if error is None:
        return NightResult(run_id, released, stages, figures=_figures(night.settings))
    night.run.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = night.run.folder / "error.log"
    write_atomically(log, trace)
    return NightResult(run_id, released, stages, error, log)


def _figures(settings: Settings) -> pl.DataFrame:
    with open_lakes(settings, ("city",), read_only=True) as connection:
        return connection.execute(
            """
            select
                indicator_id, name_zh, name_en, unit, decimals, definition.period_type, newest.period_start,
                value, target
            from city.indicator.dim_indicator as definition
            left join (
                select period_type, max(period_start) as period_start
                from city.indicator.indicator_value
                where is_complete
                group by period_type
            ) as newest using (period_type)
            left join (
                from city.indicator.indicator_value where region_level = 'city' and department_code is null
            ) as figure using (indicator_id, period_type, period_start)
            where exists (select 1 from city.indicator.indicator_value where is_complete)
            order by indicator_id
            """
        ).pl()
