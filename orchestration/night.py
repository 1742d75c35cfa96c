"""One night as its steps see it: settings, run id, stages; and the resource that holds the writer's lock throughout.

What a step does belongs into ``ingestion`` and ``citylake``; how steps hang together, into the modules beside this.
"""

import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
import polars as pl

from citylake.contracts.model import load_contracts
from citylake.identity.keeper import check_secret
from citylake.lake import releases
from citylake.lake.deliveries import read_ledger, write_ledger, write_ledger_table
from citylake.lake.errors import UsageError
from citylake.lake.files import sync_folder
from citylake.lake.lock import writer_lock
from citylake.lake.runs import Run, mint_run_id
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.promises import write_promises
from orchestration.dbt_host import DbtHost
from orchestration.dbt_paths import PARTIAL_PARSE, DbtPaths
from orchestration.erasure import carry_on
from orchestration.failures import NightKilled, Notice, notify

if TYPE_CHECKING:
    Materialized = dg.MaterializeResult[Any]
else:
    # Dagster reads annotations at run time and takes a parameterised one for a value's type.
    Materialized = dg.MaterializeResult

RUN_ID_TAG = "citylake/run_id"
STARTED_BY = "citylake/started_by"
COMMAND = "command"
RUN_TABLE = "run.parquet"
IO_ATTEMPTS = 3
IO_PAUSE_SECONDS = 5
SHOWN = 20
"""How many of a kind Dagster's log and metadata show; the run's record has all."""
UNATTENDED_WAIT_SECONDS = 1800.0
"""How long a run that Dagster started waits for a command that is writing."""


@dataclass(frozen=True)
class StageEvent:
    """Something to show while a night runs: a stage began, ended, or does one more thing (``detail``)."""

    stage: str
    state: Literal["began", "working", "succeeded", "failed"]
    seconds: float = 0.0
    detail: str = ""


Listener = Callable[[StageEvent], None]


def unheard(_: StageEvent) -> None:
    """Listen to nothing: Dagster's own event log shows the rest."""


@dataclass(frozen=True)
class Plan:
    """What is asked of one night."""

    as_of: date | None = None
    """Compute with the deliveries that were known by this day, in the lake of ``settings``, which is a scratch one."""
    source: Zones | None = None
    """Where deliveries are read from when it is not the lake that is written to (as-of)."""
    full: bool = False
    """Rebuild every incremental model from nothing."""
    relink: bool = False
    """Link everybody anew after the night's own changes, and count whom that places otherwise."""
    listen: Listener = unheard
    is_quiet: bool = False
    """What libraries print goes to a log of the run; the screen belongs to whoever listens."""


@dataclass(frozen=True)
class Night:
    """The night that is running: it exists only while the writer's lock is held."""

    settings: Settings
    run: Run
    full: bool
    plan: Plan = field(default_factory=Plan)
    dbt: DbtHost | None = None
    """Where its dbt commands run; a job's steps have one."""

    @property
    def zones(self) -> Zones:
        return self.run.zones

    @property
    def source(self) -> Zones:
        return self.plan.source or self.zones

    @property
    def as_of_date(self) -> date:
        """The day that this night's figures stand at; known once the delivery ledger is written."""
        return pl.read_parquet(self.zones.ledger / RUN_TABLE)["as_of_date"].item()

    @contextmanager
    def stage(self, name: str) -> Generator[dict[str, Any]]:
        """One stage: timed and kept by the run's record, and shown to whoever listens."""
        began, state = time.perf_counter(), "failed"
        self.plan.listen(StageEvent(name, "began"))
        try:
            with self.run.stage(name) as facts:
                yield facts
            state = "succeeded"
        finally:
            self.plan.listen(StageEvent(name, state, time.perf_counter() - began))

    @contextmanager
    def hush(self) -> Generator[None]:
        """Around everything that writes to the screen by itself."""
        if not self.plan.is_quiet:
            yield
            return
        self.run.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.run.folder / "console.log").open("a", encoding="utf-8") as file, redirect_stdout(file):
            yield


def write_deliveries(night: Night) -> pl.DataFrame:
    """Derive the delivery ledger; put it, and this run, where dbt reads them. Raises UsageError without a delivery."""
    deliveries = read_ledger(night.source, night.plan.as_of)
    newest = deliveries.filter(pl.col("status") == "in_force")["extract_date"].max()
    if not isinstance(newest, date):
        raise nothing_in_force(night.plan.as_of)
    write_ledger(deliveries, night.zones)
    write_promises(load_contracts(night.settings.contracts).values(), night.zones)
    row = {"run_id": [night.run.run_id], "as_of_date": [night.plan.as_of or newest], "is_full": [night.full]}
    run = pl.DataFrame(row, schema={"run_id": pl.String, "as_of_date": pl.Date, "is_full": pl.Boolean})
    sync_folder(write_ledger_table(run, night.zones, RUN_TABLE).parent)
    return deliveries


def nothing_in_force(as_of: date | None) -> UsageError:
    """What a night without any delivery says: today there is none, or by a past day none had come."""
    if as_of is not None:
        return UsageError(
            f"截至 {as_of} 尚无有效交付。 No delivery that had arrived by the end of {as_of} is in force, so there is "
            "nothing to compute as of that day. When each arrived: citylake delivery show ID"
        )
    return UsageError(
        "No delivery is in force, so there is nothing to compute. Load one with `citylake ingest FILE "
        "--dataset D`, or make the sample city with `citylake sample-city`."
    )


@contextmanager
def hold_night(settings: Settings, plan: Plan, wait_seconds: float | None = None) -> Generator[Night]:
    """Take the writer's lock, clear what a dead predecessor left, mint the run id.

    Raises LockHeld after the wait, SecretMismatch before anything is written: see :func:`check_secret`.
    """
    with writer_lock(settings, "nightly refresh", wait_seconds) as hold:
        check_secret(settings)
        clear(hold.zones)
        releases.heal(hold.zones)
        carry_on(settings)
        yield Night(settings, Run(mint_run_id(), hold.zones), plan.full, plan)


def clear(zones: Zones) -> None:
    """Empty the scratch zone: nothing in it outlives the one who held the lock."""
    for leaving in zones.scratch.iterdir():
        if leaving.is_dir() and not leaving.is_symlink():
            shutil.rmtree(leaving)
        else:
            leaving.unlink()


def night_resource(settings: Settings, held: Night | None = None) -> dg.ResourceDefinition:
    """The resource ``night``: the one that the caller holds already, or one that takes the lock for a whole run.

    Under the in-process executor it is made once and spans every step of the run.
    """

    @dg.resource(
        config_schema={
            "full": dg.Field(bool, default_value=False, description="Rebuild every incremental model from nothing.")
        },
        description="The writer's lock, held for the whole run, and the run's id and settings.",
    )
    def night(context: dg.InitResourceContext) -> Iterator[Night]:
        plan = Plan(full=bool(context.resource_config["full"]))
        # Nobody looks on while Dagster waits; somebody at the command line is told at once.
        wait = max(settings.lock_wait_seconds, UNATTENDED_WAIT_SECONDS)
        with (
            hold_night(settings, plan, wait) if held is None else nullcontext(held) as current,
            # At once, so that dbt is ready when the new deliveries are loaded.
            _dbt_host(current.settings) as dbt,
        ):
            if context.instance is not None and context.run is not None:
                _bury_the_dead(settings, context.instance, context.run.run_id)
                context.instance.add_run_tags(context.run.run_id, {RUN_ID_TAG: current.run.run_id})
            yield replace(current, dbt=dbt)

    return night


def _dbt_host(settings: Settings) -> AbstractContextManager[DbtHost | None]:
    """Start dbt for a job that has dbt's assets: what they are was read from the parsed project."""
    parsed = DbtPaths.of(settings).parsed / PARTIAL_PARSE
    return DbtHost(parsed) if parsed.exists() else nullcontext()


def _bury_the_dead(settings: Settings, instance: dg.DagsterInstance, living: str) -> None:
    """Mark runs as failed that had the lock, as their run id tells, and never said that they ended: they were killed.

    The sensor for late deliveries starts nothing while a run seems to be in progress. A command sends its notices
    itself, so for a killed one nobody has; of Dagster's own runs, Dagster's sensor does.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        if RUN_ID_TAG in run.tags and run.run_id != living:
            instance.report_run_failed(run, "Its process was killed; the next night has taken the lock.")
            if run.tags.get(STARTED_BY) == COMMAND:
                notify(settings, Notice.of(run.tags[RUN_ID_TAG], NightKilled()))


@contextmanager
def retrying_io() -> Generator[None]:
    """Ask Dagster for another attempt where one can help: when the file system failed, not when the data did."""
    try:
        yield
    except OSError as problem:
        raise dg.RetryRequested(max_retries=IO_ATTEMPTS - 1, seconds_to_wait=IO_PAUSE_SECONDS) from problem


def some(problems: Sequence[str]) -> list[str]:
    """The first of many, and how many there are: years of extracts may come in one night, and people read the log."""
    rest = [f"… {len(problems)} in all; every one is in the run's record."] if len(problems) > SHOWN else []
    return [*problems[:SHOWN], *rest]


def shown(facts: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Facts of a stage as Dagster's metadata; of a long list the first, with its length beside it."""
    lengths = {f"{name}_count": len(value) for name, value in facts.items() if isinstance(value, list)}
    return {
        name: dg.MetadataValue.int(value)
        if isinstance(value, int)
        else dg.MetadataValue.float(value)
        if isinstance(value, float)
        else dg.MetadataValue.json(value[:SHOWN] if isinstance(value, list) else value)
        if isinstance(value, dict | list)
        else dg.MetadataValue.text(str(value))
        for name, value in {**facts, **{name: length for name, length in lengths.items() if length > SHOWN}}.items()
    }
