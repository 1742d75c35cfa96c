"""The whole asset graph as text, and its snapshot: ``python -m tests.orchestration.asset_graph`` writes it."""

import json
import tempfile
from pathlib import Path
from typing import Any

import dagster as dg

from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from orchestration.definitions import build_definitions

SNAPSHOT = Path(__file__).with_name("asset_graph.json")


def describe(definitions: dg.Definitions) -> str:
    """Keys, dependencies, groups and checks of every asset, and what runs when."""
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    checks: dict[dg.AssetKey, list[str]] = {}
    for check in sorted(graph.asset_check_keys):
        checks.setdefault(check.asset_key, []).append(check.name)
    document: dict[str, Any] = {
        "assets": {
            key.to_user_string(): {
                "group": graph.get(key).group_name,
                "step": graph.get(key).assets_def.op.name,
                "deps": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
                "checks": checks.get(key, []),
            }
            for key in sorted(graph.get_all_asset_keys())
        },
        "jobs": {
            job.name: {
                "executor": job.executor_def.name,
                "steps": sorted(node.name for node in job.nodes),
            }
            for job in repository.get_all_jobs()
            if not job.name.startswith("__")
        },
        "schedules": {
            schedule.name: f"{schedule.job_name} at {schedule.cron_schedule} {schedule.execution_timezone}"
            for schedule in repository.schedule_defs
        },
        "sensors": {
            sensor.name: f"{sensor.sensor_type.value} {sorted(target.job_name for target in sensor.targets)}"
            for sensor in repository.sensor_defs
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), landing=None)
        prepare(settings)
        SNAPSHOT.write_text(describe(build_definitions(settings)), encoding="utf-8")
