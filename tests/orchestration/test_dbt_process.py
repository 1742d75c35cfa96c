import os
import signal
import subprocess
import sys

import psutil
import pytest

# A parent that starts a child which asks to die with it, says the child's id, and waits for ever.
_PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '''
import os, signal
from orchestration.dbt_process import die_with
die_with(os.getppid())
print(os.getpid(), flush=True)
signal.pause()
'''])
child.wait()
"""


def test_dbt_dies_with_the_night_that_started_it() -> None:
    # A dbt that lives on after its night was killed writes to the lake while the next night holds the lock.
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    child.wait(timeout=30)
    assert not child.is_running()


def test_dbt_does_not_start_when_its_night_is_gone_already() -> None:
    # Between fork and asking to die with the parent, the parent may have died: then nobody would kill the child.
    from orchestration.dbt_process import die_with

    with pytest.raises(SystemExit, match="nothing was written"):
        die_with(parent=os.getpid())


def test_no_log_of_dbts_makes_a_line_that_it_does_not_show() -> None:
    # Nine of ten lines were made, searched for secrets, and thrown away: a tenth of dbt's time in every night.
    from dbt_common.events import EventLevel
    from dbt_common.events.event_manager_client import add_logger_to_manager, cleanup_event_logger, get_event_manager
    from dbt_common.events.functions import fire_event
    from dbt_common.events.logger import LoggerConfig
    from dbt_common.events.types import Note

    from orchestration.dbt_process import SpareDebugLines

    made: list[str] = []

    def make(line: str) -> str:
        made.append(line)
        return line

    try:
        for level in (EventLevel.INFO, EventLevel.DEBUG):
            add_logger_to_manager(LoggerConfig(name=f"test of {level}", level=level, scrubber=make))
        get_event_manager().add_callback(SpareDebugLines())
        for words in ("the first event", "nobody looks for this", "this is looked for"):
            level = EventLevel.DEBUG if "nobody" in words else EventLevel.INFO
            fire_event(Note(msg=words), level=level)
    finally:
        cleanup_event_logger()
        get_event_manager().callbacks.clear()
    shown = ["the first event", "the first event", "nobody looks for this", "this is looked for", "this is looked for"]
    assert made == shown
