"""Kills writers at chosen instants and looks at what they leave: a program, so that it forks before DuckDB has threads.

An instant is the moment before something changes: a file is opened for writing, moved, removed or given a mode, a
folder is made, a catalog connected (Python's audit events).
Prints one JSON list: for each killed writer, whether it rolled back, and whether what it was doing had come to be.
"""

import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from citylake.lake import releases
from citylake.lake.lock import writer_lock
from citylake.lake.reader import connect
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from tests.lake.support import publish, write_night

CAME, STAYED_AWAY = 10, 11
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.utime", "sqlite3.connect"}


class Instants:
    """Counts a process's instants from its making on, and kills the process at one of them."""

    def __init__(self, fatal: int) -> None:
        self.seen = 0
        self.fatal = fatal
        sys.addaudithook(self._on_event)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        is_writing = event == "open" and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if is_writing or event in CHANGES:
            self.seen += 1
            if self.seen == self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)


def in_a_child(work: Callable[[], int]) -> int:
    """Run in a fork and wait: the exit code that the work returns, 1 when it failed, -9 when it was killed."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        code = work()
    except BaseException:  # noqa: BLE001  # a fork must not return into the program
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def is_rollback(number: int) -> bool:
    return number % 3 == 0


def act(settings: Settings, number: int, fatal: int = sys.maxsize) -> int:
    """Hold the lock and publish a night, or publish it and roll it back, dying at an instant; how many there were."""
    zones = Zones.of(settings)
    with writer_lock(settings, "test"):
        releases.heal(zones)
        write_night(settings, number)
        if not is_rollback(number):
            instants = Instants(fatal)
            publish(settings, f"run-{number:03d}")
        else:
            publish(settings, f"run-{number:03d}")
            before = releases.list_releases(zones)[1]
            instants = Instants(fatal)
            releases.rollback(zones, before.release_id, "test", "test")
        return instants.seen


def look(settings: Settings, number: int) -> int:
    """Check what readers see, heal, check again; CAME or STAYED_AWAY, as what was killed had come to be or not."""
    zones, release_id = Zones.of(settings), f"run-{number:03d}"
    before = current_if_whole(settings)
    with writer_lock(settings, "test") as hold:
        assert hold.dead_predecessor is not None
        releases.heal(zones)
        assert releases.heal(zones) == []
        after = current_if_whole(settings)
        held = releases.held(zones)
        assert after == (held.release_id if held else before)
        folders = {path.name for path in zones.releases.iterdir() if path.is_dir()}
        assert folders == {release.release_id for release in releases.list_releases(zones)}
        assert folders == releases.published_run_ids(zones)
        if is_rollback(number):
            assert release_id in folders
            assert releases.is_rolled_back(zones, release_id) == (held is not None)
        else:
            assert held is None
            assert (release_id in folders) == (after == release_id)
        if held is not None:
            releases.resume(zones, "test")
    came = held is not None if is_rollback(number) else after == release_id
    return CAME if came else STAYED_AWAY


def current_if_whole(settings: Settings) -> str:
    """The current release, after making sure that every table of both lakes is of its night."""
    connection = connect(settings=settings, people=True)
    rows = connection.execute(
        "select getvariable('release_id'), max(night) from base.left_side union "
        "select getvariable('release_id'), max(night) from base.right_side union "
        "select getvariable('release_id'), max(night) from people.base.dim_person"
    ).fetchall()
    ((release_id, night),) = rows
    assert release_id == f"run-{night:03d}", rows
    return release_id


def main(home: Path, rounds: int, seed: int) -> None:
    """Half of the instants are chosen among the last third, where the pointer moves."""
    settings = Settings(home=home, threads=1, memory_limit="256MB")
    instants: dict[bool, int] = {}
    for number in (1, 2, 3):
        assert in_a_child(lambda number=number: report(home, act(settings, number))) == 0
        instants[is_rollback(number)] = int((home / "instants").read_text())
    assert in_a_child(lambda: resume(settings)) == 0
    chance = random.Random(seed)
    outcomes = []
    for number in range(4, 4 + rounds):
        last = instants[is_rollback(number)]
        fatal = chance.randint(1 if number % 2 else last * 2 // 3, last)
        assert in_a_child(lambda number=number, fatal=fatal: act(settings, number, fatal)) == -signal.SIGKILL, number
        found = in_a_child(lambda number=number: look(settings, number))
        assert found in (CAME, STAYED_AWAY), (number, fatal)
        outcomes.append([is_rollback(number), found == CAME])
    sys.stdout.write(json.dumps(outcomes))


def report(home: Path, count: int) -> int:
    (home / "instants").write_text(str(count))
    return 0


def resume(settings: Settings) -> int:
    releases.resume(Zones.of(settings), "test")
    return 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
