"""Eight readers of another OS account that look at the current release again and again until they are told to stop.

A program, because forking needs a single thread, and what a test needs to run it. Arguments: the home, the file whose
appearance stops them, and a query whose only row is the id of the release that the figures belong to. It prints a JSON
object a look (reader, release), and one at each reader's end: what else the account may do, or its error.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from citylake.lake.errors import EnvironmentProblem
from citylake.lake.reader import connect
from citylake.lake.settings import Settings
from tests.lake.support import assert_whole

READERS = 8
NOBODY = 65534


@dataclass(frozen=True)
class Readers:
    """The readers at work, as a test sees them."""

    log: Path
    program: "subprocess.Popen[bytes]"

    def reports(self) -> list[dict[str, Any]]:
        lines = self.log.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
        found = [json.loads(line) for line in lines]
        assert [report["error"] for report in found if "error" in report] == []
        return found

    def seen(self) -> list[list[str]]:
        """What each reader saw: the releases in their order, each once for as long as it was the current one."""
        return [[release for release, _ in groupby(looks)] for looks in self._looks()]

    def look_again(self) -> None:
        """Wait until every reader has begun and ended another look."""
        before = [len(looks) for looks in self._looks()]
        while any(len(looks) < known + 2 for looks, known in zip(self._looks(), before, strict=True)):
            assert self.program.poll() is None, "the readers have left"
            time.sleep(0.05)

    def _looks(self) -> list[list[str]]:
        found = [report for report in self.reports() if "release" in report]
        return [[look["release"] for look in found if look["reader"] == number] for number in range(READERS)]


@contextmanager
def reading(settings: Settings, figures: str) -> Generator[Readers]:
    """Eight readers for as long as this lasts; fails when one of them met an error, or may do more than read."""
    stop, log = settings.home / "stop", settings.home / "looks"
    with log.open("wb") as file:
        command = [sys.executable, __file__, settings.home, stop, figures]
        readers = Readers(log, subprocess.Popen(command, stdout=file))
    try:
        readers.look_again()
        yield readers
        readers.look_again()
    finally:
        stop.touch()
        readers.program.wait()
    ended = [report for report in readers.reports() if "release" not in report]
    assert [(report["people"], report["writes"]) for report in ended] == [(False, [])] * READERS


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    os.chdir("/")
    # They must not take the writer's time: it is what they look at.
    os.nice(19)


def look(settings: Settings, figures: str) -> str:
    """Open the current release, make sure that it is whole, and say which it is."""
    return assert_whole(connect(settings=settings), settings, figures)


def may_read_people(settings: Settings) -> bool:
    try:
        connect(people=True, settings=settings)
    except EnvironmentProblem:
        return False
    return True


def may_write(settings: Settings) -> list[str]:
    """The folders of the home in which this account could make a file."""
    return [str(folder) for folder in settings.home.rglob("*") if folder.is_dir() and os.access(folder, os.W_OK)]


def tell(**report: object) -> None:
    os.write(1, f"{json.dumps(report)}\n".encode())


def read(number: int, settings: Settings, stop: Path, figures: str) -> None:
    """Be one reader until the end."""
    # They must not take the writer's time: it is what they look at, and it waits for all of them.
    os.nice(19)
    try:
        become_nobody()
        while not stop.exists():
            tell(reader=number, release=look(settings, figures))
        tell(reader=number, people=may_read_people(settings), writes=may_write(settings))
    except BaseException as error:  # noqa: BLE001  # told to the test, whatever it is
        tell(reader=number, error=repr(error))


def main(settings: Settings, stop: Path, figures: str) -> None:
    children: list[int] = []
    for number in range(READERS):
        pid = os.fork()
        if pid:
            children.append(pid)
            continue
        read(number, settings, stop, figures)
        os._exit(0)
    for pid in children:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main(Settings(home=Path(sys.argv[1]), threads=1, memory_limit="256MB"), Path(sys.argv[2]), sys.argv[3])
