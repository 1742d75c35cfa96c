"""Dagster's instance: its settings are ``dagster.yaml`` at the project's root, its storage lies under the home.

Dagster wants both in one folder, so the file is copied there whenever it differs.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage

from citylake.lake.files import write_atomically
from citylake.lake.settings import PROJECT_ROOT
from citylake.lake.zones import Zones
from orchestration.event_log import OpenEventLog

_CONFIG = "dagster.yaml"
# A night on the command line shows its own progress; captured output would pass through two more processes.
_UNCAPTURED = {
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}


def dagster_home(zones: Zones) -> Path:
    """The folder to be DAGSTER_HOME, with the project's settings in it."""
    text = (PROJECT_ROOT / _CONFIG).read_text(encoding="utf-8")
    installed = zones.dagster / _CONFIG
    if not installed.exists() or installed.read_text(encoding="utf-8") != text:
        write_atomically(installed, text)
    return zones.dagster


@contextmanager
def instance_of(zones: Zones) -> Generator[dg.DagsterInstance, None, None]:
    """The instance that ``citylake dagster`` shows, opened in this process."""
    home = str(dagster_home(zones))
    reference = InstanceRef.from_dir(home, overrides=_UNCAPTURED)
    events = reference.event_storage_data
    # Where the city has outgrown SQLite, dagster.yaml names another storage, and that is the one.
    if events is not None and events.class_name == SqliteEventLogStorage.__name__:
        left_open = {"module": OpenEventLog.__module__, "class": OpenEventLog.__name__, "config": events.config_dict}
        reference = InstanceRef.from_dir(home, overrides={**_UNCAPTURED, "event_log_storage": left_open})
    with dg.DagsterInstance.from_ref(reference) as instance:
        yield instance
