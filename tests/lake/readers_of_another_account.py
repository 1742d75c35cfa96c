"""Eight readers of another OS account, polling until told to stop: a program, because forking needs a single thread.

Arguments: the home, the file whose appearance stops them. Each prints one JSON object when it ends: the releases it
saw, how often it read, and its first error.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from citylake.lake.errors import EnvironmentProblem
from citylake.lake.reader import connect
from citylake.lake.settings import Settings

READERS = 8
NOBODY = 65534


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    os.chdir("/")


def poll(settings: Settings, stop: Path) -> dict[str, object]:
    """Open the current release again and again; both tables must be of the release's own night, at every look."""
    seen: set[str] = set()
    reads = 0
    while not stop.exists() or reads == 0:
        connection = connect(settings=settings)
        left = connection.execute("select getvariable('release_id'), max(night) from base.left_side").fetchone()
        right = connection.execute("select getvariable('release_id'), max(night) from base.right_side").fetchone()
        assert left == right, (left, right)
        assert left is not None
        assert left[0] == f"run-{left[1]:03d}", left
        seen.add(left[0])
        reads += 1
    return {"seen": sorted(seen), "reads": reads, "people": may_read_people(settings), "writes": may_write(settings)}


def may_read_people(settings: Settings) -> bool:
    try:
        connect(people=True, settings=settings)
    except EnvironmentProblem:
        return False
    return True


def may_write(settings: Settings) -> list[str]:
    """The folders of the home in which this account could make a file."""
    return [str(folder) for folder in settings.home.rglob("*") if folder.is_dir() and os.access(folder, os.W_OK)]


def main(settings: Settings, stop: Path) -> None:
    children: list[int] = []
    for _ in range(READERS):
        pid = os.fork()
        if pid:
            children.append(pid)
            continue
        try:
            become_nobody()
            found = poll(settings, stop)
        except BaseException as error:  # noqa: BLE001  # told to the test, whatever it is
            found = {"error": repr(error)}
        os.write(1, f"{json.dumps(found)}\n".encode())
        os._exit(0)
    for pid in children:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(Settings(home=Path(sys.argv[1]), threads=1, memory_limit="256MB"), Path(sys.argv[2]))
