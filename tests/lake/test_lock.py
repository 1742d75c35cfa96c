import os
import subprocess
import sys
from pathlib import Path

import pytest

from citylake.lake.errors import LockHeld
from citylake.lake.lock import read_holder, writer_lock
from citylake.lake.settings import PROJECT_ROOT, Settings
from citylake.lake.zones import Zones

HOLDER = """
import os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings
with writer_lock(Settings(home=Path(sys.argv[1])), "the other night"):
    print("held", flush=True)
    sys.stdin.read()
    if sys.argv[3] == "die":
        os.abort()
"""


def another_writer(settings: Settings, end: str) -> "subprocess.Popen[str]":
    """Another process that holds the lock until its input ends."""
    program = subprocess.Popen(
        [sys.executable, "-c", HOLDER, settings.home, PROJECT_ROOT, end],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "held\n"
    return program


def test_a_late_comer_leaves_and_names_the_holder(settings: Settings) -> None:
    # Two writers on one catalog lose commits; a late-comer that hangs silently is killed by hand, at the wrong moment.
    holder = another_writer(settings, "well")
    with pytest.raises(LockHeld, match=rf"the other night \(pid {holder.pid}"), writer_lock(settings, "mine"):
        pytest.fail("two writers at once")
    holder.communicate("")
    with writer_lock(settings, "mine") as hold:
        assert hold.dead_predecessor is None


def test_a_late_comer_waits_as_long_as_it_was_told(settings: Settings) -> None:
    holder = another_writer(settings, "well")
    assert holder.stdin is not None
    holder.stdin.close()
    with writer_lock(settings, "mine", wait_seconds=60):
        pass
    assert holder.wait() == 0


def test_a_dead_holder_is_noticed_and_does_not_block(settings: Settings) -> None:
    # A lock file that outlives its process stops every following night.
    holder = another_writer(settings, "die")
    holder.communicate("")
    assert holder.returncode != 0
    with writer_lock(settings, "mine") as hold:
        assert hold.dead_predecessor is not None
        assert hold.dead_predecessor.pid == holder.pid
        now = read_holder(hold.zones)
        assert now is not None
        assert (now.pid, now.purpose) == (os.getpid(), "mine")
    with writer_lock(settings, "mine") as hold:
        assert hold.dead_predecessor is None


def test_a_writer_that_fails_lets_go(settings: Settings) -> None:
    # A failed night is no dead holder: it cleans up after itself.
    with pytest.raises(ValueError, match="a failed night"), writer_lock(settings, "mine"):
        raise ValueError("a failed night")
    assert read_holder(Zones.of(settings)) is None
    with writer_lock(settings, "mine") as hold:
        assert hold.dead_predecessor is None


def test_a_note_that_cannot_be_read_is_no_obstacle(settings: Settings, tmp_path: Path) -> None:
    note = Zones.of(settings).lock.with_suffix(".json")
    note.write_text("{half a no", encoding="utf-8")
    with writer_lock(settings, "mine") as hold:
        assert hold.dead_predecessor is None
