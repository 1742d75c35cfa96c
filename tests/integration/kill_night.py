"""Kill whole nights at random moments and look at what is left: ``python -m tests.integration.kill_night --times 200``.

After every kill, what readers see must be one whole release, and every delivery must be there once or not at all. In
the end one undisturbed night must give what a lake gives on which nobody ever was killed.
"""

import argparse
import multiprocessing
import multiprocessing.context
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

from citylake.lake import releases
from citylake.lake.deliveries import manifests
from citylake.lake.errors import NoRelease
from citylake.lake.reader import connect
from citylake.lake.runs import Run
from citylake.lake.settings import Settings
from orchestration.nightly import run_nightly
from tests.integration.small_city import FIGURES, HISTORY, NIGHTS, SmallCity, differences, released_city
from tests.lake.support import assert_whole

# A server that has imported everything once, also what a night imports on its way: each night is forked from it.
_SERVER: multiprocessing.context.ForkServerContext = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "orchestration.nightly",
        "pandas",
        "dagster._core.storage.sqlite_storage",
        "metricflow.engine.metricflow_engine",
        "metricflow.sql.render.duckdb_renderer",
        "metricflow_semantics.model.dbt_manifest_parser",
    ]
)


def kill_nights(folder: Path, undisturbed: SmallCity, times: int, seed: int = 1) -> Counter[str]:
    """Kill ``times`` nights of a new small city; returns after how many stages they died. Raises AssertionError.

    ``undisturbed`` is the same city after one run on all its deliveries.
    """
    chance = random.Random(seed)
    # One moment in each of as many equal parts of a night, so that they are spread over all of it; in no order.
    moments = [(part + chance.random()) / times for part in range(times)]
    chance.shuffle(moments)
    whole = _seconds(undisturbed)
    city = SmallCity.found(folder, undisturbed.settings)
    died: Counter[str] = Counter()
    while moments:
        # The deliveries of the three nights arrive one after the other while nights are killed.
        city.deliver(*NIGHTS[: 1 + died.total() * len(NIGHTS) // times])
        began = time.perf_counter()
        stage = _kill_one(city, moments[-1] * whole)
        if stage is None:
            # It was quicker than the kill: the next ones are aimed at the time that a night takes now.
            whole = time.perf_counter() - began
        else:
            died[stage] += 1
            moments.pop()
        check_whole(city)
    city.deliver()
    assert _Night(city.settings).wait() == 0
    check_whole(city)
    assert list(differences(city, undisturbed, ignoring=HISTORY)) == []
    return died


def _seconds(city: SmallCity) -> float:
    """How long the city's newest night took, by its own record."""
    stages = Run(releases.current_release(city.zones).release_id, city.zones).stages()
    first, last = (datetime.fromisoformat(stage["started_at"]) for stage in (stages[0], stages[-1]))
    return (last - first).total_seconds() + stages[-1]["seconds"]


class _Night:
    """One night in a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self._process = _SERVER.Process(target=_run, args=(settings,))
        self._process.start()

    def wait(self, seconds: float | None = None) -> int | None:
        self._process.join(seconds)
        return self._process.exitcode

    def kill(self) -> None:
        pid = self._process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self._process.join()


def _run(settings: Settings) -> None:
    result = run_nightly(settings)
    if result.error is not None:
        raise SystemExit(f"{result.error}\n{'' if result.log is None else result.log.read_text(encoding='utf-8')}")


def _kill_one(city: SmallCity, after: float) -> str | None:
    """Start a night and kill it; how far it had come by its own record, None when it was quicker than the kill."""
    before = {folder.name for folder in (city.zones.ledger / "runs").glob("*")}
    night = _Night(city.settings)
    exit_code = night.wait(after)
    if exit_code is not None:
        assert exit_code == 0, "a night after a kill failed by itself"
        return None
    night.kill()
    began = [folder for folder in (city.zones.ledger / "runs").glob("*") if folder.name not in before]
    finished = len(list(began[0].glob("*.json"))) if began else 0
    return f"after {finished:2d} stages"


def check_whole(city: SmallCity) -> None:
    """Raise AssertionError when a reader would see half of something, or a delivery is lost, doubled or incomplete."""
    found = [manifest for manifest, _, _ in manifests(city.zones)]
    assert len({(m.dataset, m.file_name) for m in found}) == len(found), "a delivery is there twice"
    for manifest, folder, _ in manifests(city.zones):
        if manifest.refusal is None:
            assert manifest.rows_read == manifest.rows_accepted + manifest.rows_quarantined
            assert (folder / "accepted.parquet").exists()
    try:
        release = releases.current_release(city.zones)
    except NoRelease:
        return
    assert assert_whole(connect(settings=city.settings, people=True), city.settings, FIGURES) == release.release_id


def main() -> None:
    """Kill as many nights as asked for and say where they died."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        undisturbed = released_city(folder / "undisturbed", NIGHTS)
        died = kill_nights(folder / "killed", undisturbed, arguments.times, arguments.seed)
    for stage, count in sorted(died.items()):
        sys.stdout.write(f"{count:4d} nights killed: {stage}\n")
    sys.stdout.write("Nothing lost, doubled or half-visible; the last night healed everything.\n")


if __name__ == "__main__":
    main()
