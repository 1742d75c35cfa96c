import json
import subprocess
import sys
from pathlib import Path

from citylake.lake.settings import Settings

PROGRAM = Path(__file__).with_name("killed_writers.py")


def test_a_killed_writer_leaves_a_whole_release_or_none(settings: Settings) -> None:
    # A pointer to a half-made folder, a folder that nobody published, a ledger that disagrees with the pointer.
    done = subprocess.run(
        [sys.executable, PROGRAM, settings.home, "20", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    outcomes = [tuple(outcome) for outcome in json.loads(done.stdout)]
    # Both sides of the instant of publication, and of the rollback's, were met: the test looked where it matters.
    assert {(False, True), (False, False), (True, True)} <= set(outcomes)
    assert len(outcomes) == 20
