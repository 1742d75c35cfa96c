"""When the night runs, and who hears when it fails: the job, its schedule and its sensors."""

from hashlib import sha256

import dagster as dg

from citylake.contracts.model import load_contracts
from citylake.lake.lock import is_held
from citylake.lake.settings import TIMEZONE, Settings
from citylake.lake.zones import prepare
from ingestion.landing import scan_landing
from orchestration.failures import NightFailed, Notice, error_of, is_worth_a_notice, notify
from orchestration.night import COMMAND, RUN_ID_TAG, STARTED_BY

JOB = "nightly_refresh"
_EVERY_TEN_MINUTES = 600
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

nightly_job = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="One night: what is new in landing becomes an audited release.",
)

nightly_schedule = dg.ScheduleDefinition(
    name="nightly_refresh_at_two",
    job=nightly_job,
    cron_schedule="0 2 * * *",
    execution_timezone=TIMEZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


@dg.sensor(job=nightly_job, minimum_interval_seconds=_EVERY_TEN_MINUTES, default_status=dg.DefaultSensorStatus.RUNNING)
def late_deliveries(context: dg.SensorEvaluationContext) -> dg.SkipReason | dg.RunRequest:
    """Start a run for files that reached landing after the night; once for the same files."""
    unfinished = context.instance.get_run_records(dg.RunsFilter(job_name=JOB, statuses=_UNFINISHED), limit=1)
    if unfinished:
        return dg.SkipReason("A run is in progress; what is in landing by then, it loads or the next tick sees.")
    settings = Settings()
    if is_held(prepare(settings)):
        # A backfill lands thousands of files one by one: each tick would find another one, and start another night.
        return dg.SkipReason("Somebody is writing; what is still new in landing after that, the next tick sees.")
    new = scan_landing(settings, load_contracts(settings.contracts)).new
    files = sorted(file.path for landed in new.values() for file in landed)
    if not files:
        return dg.SkipReason("Nothing new in landing.")
    names = "\n".join(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files)
    return dg.RunRequest(run_key=sha256(names.encode()).hexdigest(), tags={"citylake/late_files": str(len(files))})


@dg.run_failure_sensor(
    monitored_jobs=[nightly_job],
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def notice_of_failure(context: dg.RunFailureSensorContext) -> None:
    """Tell people of a failed run, unless a command ran it: that does so itself, or the next night for a killed one."""
    tags = context.dagster_run.tags
    if tags.get(STARTED_BY) == COMMAND:
        return
    error = error_of([*context.get_step_failure_events(), context.failure_event]) or NightFailed(
        "The run ended without saying why."
    )
    if is_worth_a_notice(error):
        for problem in notify(Settings(), Notice.of(tags.get(RUN_ID_TAG, context.dagster_run.run_id), error)):
            context.log.error(problem)
