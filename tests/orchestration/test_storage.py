from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from orchestration.instance import dagster_home, instance_of


@dg.asset(check_specs=[dg.AssetCheckSpec("holds", asset="figures")])
def figures() -> dg.MaterializeResult:
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="holds", passed=True)])


def test_a_night_in_this_process_is_in_the_history_that_dagsters_ui_shows(tmp_path: Path) -> None:
    # Kept in other files, or in a form of its own, a night started by the command would be missing from the UI.
    zones = prepare(Settings(home=tmp_path))
    with instance_of(zones) as instance:
        run = dg.materialize([figures], instance=instance)
        written = [entry.message for entry in instance.all_logs(run.run_id)]
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(dagster_home(zones)))) as shown:
        assert [entry.message for entry in shown.all_logs(run.run_id)] == written != []
        assert [known.status for known in shown.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
        assert shown.get_latest_materialization_event(figures.key) is not None
        assert shown.event_log_storage.get_latest_asset_check_execution_by_key(list(figures.check_keys)) != {}
