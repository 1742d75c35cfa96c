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
