"""Bring years of deliveries in while readers query, killed and started again, and compare with a full rebuild.

The test does it for forty days; for three years: ``python -m tests.integration.backfill``. One dataset of each
delivery mode, every day, corrected, refused and doubled ones among them, in an order nobody planned, by the real
command. Readers query the current release all the while.
"""

import argparse
import gzip
import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TYPE_CHECKING, Self

import polars as pl

from citylake.lake.deliveries import manifests
from citylake.lake.reader import connect
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from orchestration.nightly import run_nightly
from sample_city.city import make_city
from sample_city.nights import INSURANCE, PERSONS, SERVICES
from tests.integration.kill_night import check_whole
from tests.integration.small_city import FIGURES, HISTORY, UNTIL, SmallCity, differences
from tests.lake.support import assert_whole

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

DATASETS = (PERSONS, INSURANCE, SERVICES)
"""Upsert, snapshot, append; CSV in GB18030, Parquet, CSV in gzip."""
READERS = 2
_CITYLAKE = Path(sys.executable).with_name("citylake")
_REFUSED = 3
_POLL_SECONDS = 0.02


@dataclass
class Backfill:
    """What a backfill took and met."""

    files: int
    killed_after: list[int] = field(default_factory=list[int])
    """How many files had reached landing at each kill."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    looks: int = 0
    """How often a reader opened the current release and held it against what was published."""


def write_history(folder: Path, coming: Path, chance: random.Random) -> int:
    """Put the three datasets' files, with troubles among them, into ``folder`` in no order; how many they are."""
    files = [path for dataset in DATASETS for path in sorted((coming / dataset.replace(".", "/")).iterdir())]
    written = [file for path in files for file in _with_trouble(path, chance)]
    for path in written:
        place = folder / f"{chance.randrange(1000):03d}"
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / path.name)
    return len(written)


def _with_trouble(path: Path, chance: random.Random) -> list[Path]:
    """The file, and perhaps a correction of it: right after a mistake, refused, or the same content once more."""
    kind = chance.choices(["", "mistaken", "refused", "doubled"], [90, 6, 2, 2])[0]
    if not kind:
        return [path]
    correction = path.with_name(path.name.replace(".synthetic", "_r1.synthetic"))
    shutil.copy2(path, correction)
    if kind != "doubled":
        _spoil(path if kind == "mistaken" else correction, is_refused=kind == "refused")
    return [path, correction]


def _spoil(path: Path, *, is_refused: bool) -> None:
    """Take the last row away; or, for a refusal, the first column."""
    if path.suffix == ".parquet":
        rows = pl.read_parquet(path)
        (rows.drop(rows.columns[0]) if is_refused else rows.head(rows.height - 1)).write_parquet(path)
        return
    unpack, pack = (gzip.decompress, gzip.compress) if path.suffix == ".gz" else (bytes, bytes)
    lines = unpack(path.read_bytes()).splitlines(keepends=True)
    rest = [line.partition(b",")[2] for line in lines] if is_refused else lines[: max(1, len(lines) - 1)]
    path.write_bytes(pack(b"".join(rest)))


class _Ingest:
    """``citylake ingest --folder`` in a process of its own, which ends with the block at the latest."""

    def __init__(self, city: SmallCity, incoming: Path, report: Backfill) -> None:
        command = [_CITYLAKE, "ingest", "--folder", incoming]
        with (city.settings.home.parent / "ingest.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=_environment(city), stdout=log, stderr=log)
        self._began = time.perf_counter()
        self._report = report

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self.kill()

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """Until so much has come; fails when it ended before."""
        while not reached():
            assert self._process.poll() is None, "it ended before it could be interrupted"
            time.sleep(_POLL_SECONDS)

    def kill(self) -> int:
        os.kill(self._process.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> int:
        """Its exit code; what it took is added to the report."""
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._report.seconds += time.perf_counter() - self._began
        self._report.cpu_seconds += usage.ru_utime + usage.ru_stime
        return self._process.returncode


def _environment(city: SmallCity) -> dict[str, str]:
    assert city.settings.identity_secret is not None
    ours = {
        "CITYLAKE_HOME": str(city.settings.home),
        "CITYLAKE_IDENTITY_SECRET": city.settings.identity_secret.get_secret_value(),
        "CITYLAKE_LOCK_WAIT_SECONDS": "1800",
    }
    return {**os.environ, **ours}


@contextmanager
def reading(settings: Settings, report: Backfill) -> Generator[None]:
    """Readers for as long as this lasts; fails when one of them met an error, or anything but a whole release."""
    server = multiprocessing.get_context("forkserver")
    stop = server.Event()
    pipes = [server.Pipe(duplex=False) for _ in range(READERS)]
    readers = [server.Process(target=_read, args=(settings, stop, sending)) for _, sending in pipes]
    for reader in readers:
        reader.start()
    try:
        yield
    finally:
        stop.set()
        found = [receiving.recv() for receiving, _ in pipes]
        for reader in readers:
            reader.join()
    assert [said for said in found if isinstance(said, str)] == []
    report.looks += sum(found)


def _read(settings: Settings, stop: Event, tell: "Connection[int | str, int | str]") -> None:
    # They must not take the writer's time: it is what they look at.
    os.nice(19)
    looks = 0
    try:
        while not stop.is_set() or not looks:
            assert_whole(connect(settings=settings), settings, FIGURES)
            looks += 1
    except BaseException as error:  # noqa: BLE001  # told to whoever started it, whatever it is
        tell.send(repr(error))
    else:
        tell.send(looks)


def backfill(  # noqa: PLR0913  # what happens to it, by keyword
    city: SmallCity,
    incoming: Path,
    files: int,
    *,
    interruptions: int,
    chance: random.Random,
    halfway: Callable[[], None] = lambda: None,
) -> Backfill:
    """Bring a folder in, killed as often as asked for at random moments, while readers look on.

    ``halfway`` is called while the last start is still at work. Raises AssertionError.
    """
    report = Backfill(files)
    moments = sorted(chance.sample(range(files // 10, files * 9 // 10), interruptions + 1))
    before = _landed(city)
    with reading(city.settings, report):
        for moment in moments[:-1]:
            with _Ingest(city, incoming, report) as ingest:
                ingest.wait_for(lambda moment=moment: _landed(city) - before >= moment)
                assert ingest.kill() == -signal.SIGKILL
            report.killed_after.append(_landed(city) - before)
            check_whole(city)
        with _Ingest(city, incoming, report) as ingest:
            ingest.wait_for(lambda: _landed(city) - before >= moments[-1])
            halfway()
            assert ingest.wait() == _REFUSED, "the refused ones must be told of"
        known = _raw(city)
        with _Ingest(city, incoming, Backfill(files)) as again:
            assert again.wait() == _REFUSED
        assert _raw(city) == known, "what had come already came again"
        check_whole(city)
    _assert_nothing_lost(city, incoming)
    return report


def _landed(city: SmallCity) -> int:
    folders = (city.zones.landing / dataset.replace(".", "/") for dataset in DATASETS)
    return sum(not path.name.startswith(".") for folder in folders for path in folder.iterdir())


def _raw(city: SmallCity) -> dict[str, bytes]:
    return {
        manifest.delivery_id: (folder / "manifest.json").read_bytes() for manifest, folder, _ in manifests(city.zones)
    }


def _assert_nothing_lost(city: SmallCity, incoming: Path) -> None:
    """Every file lies in landing under its name, as it came, and a manifest names each of them once."""
    sent = {path.name: _hash(path) for path in incoming.rglob("*") if path.is_file()}
    landed = {path.name: _hash(path) for path in city.zones.landing.rglob("*") if path.is_file()}
    assert sent.items() <= landed.items()
    told = [one.file_name.rpartition("/")[2] for m, _, _ in manifests(city.zones) for one in m.arrivals]
    assert sorted(told) == sorted(landed)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def same_files(city: SmallCity, folder: Path) -> SmallCity:
    """A new lake with all that has reached the landing of another, at the times it did, and nothing loaded."""
    fresh = SmallCity(city.settings.model_copy(update={"home": folder}), city.coming)
    shutil.copytree(city.zones.landing, prepare(fresh.settings).landing, dirs_exist_ok=True)
    return fresh


def _refresh(city: SmallCity, *options: str) -> float:
    """A night by the real command; its seconds."""
    began = time.perf_counter()
    done = subprocess.run([_CITYLAKE, "refresh", *options], env=_environment(city), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return time.perf_counter() - began


def main(arguments: Sequence[str] | None = None) -> None:
    """Do it for as many days as asked for and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=1100)
    parser.add_argument("--interruptions", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        city = _city_before(folder, asked.days)
        files = write_history(folder / "incoming", city.coming, chance)
        report = backfill(
            city,
            folder / "incoming",
            files,
            interruptions=asked.interruptions,
            chance=chance,
            halfway=lambda: _say(f"a night between took {_refresh(city):.1f} s"),
        )
        with reading(city.settings, report):
            _say(f"the night after took {_refresh(city):.1f} s")
        check_whole(city)
        rebuilt = same_files(city, folder / "rebuilt")
        _say(f"the full rebuild in one night took {_refresh(rebuilt, '--full'):.1f} s")
        found = list(differences(city, rebuilt, ignoring=HISTORY))
    _say(
        f"{report.files} files in {report.seconds:.1f} s, {report.cpu_seconds:.1f} s of CPU, killed after "
        f"{report.killed_after} files; {report.looks} looks of readers, each at a whole release"
    )
    if found:
        raise SystemExit("\n".join(["The backfill leaves a trace:", *found]))
    _say("It ends where one full rebuild does.")


def _city_before(folder: Path, days: int) -> SmallCity:
    """A city that knows its full extracts and the newest day; the ``days`` of deliveries between are still to come."""
    city = SmallCity.at(folder / "city")
    prepare(city.settings)
    make_city(
        city.coming,
        city.settings.contracts,
        residents=3_000,
        seed=7,
        until=UNTIL,
        nights=days + 2,
        months=2 + days // 28,
    )
    first = UNTIL - timedelta(days=days + 1)
    for path in [path for day in (first, UNTIL) for path in city.coming.rglob(f"*_{day:%Y%m%d}.*")]:
        target = city.zones.landing / path.relative_to(city.coming)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    result = run_nightly(city.settings)
    assert result.error is None, result.error
    return city


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
