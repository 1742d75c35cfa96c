"""What a night costs: wall time and peak memory by stage and size, and what dbt, Dagster and MetricFlow add to the SQL.

    .venv/bin/python benchmarks/refresh.py [--residents 20000 200000 1000000] [--days 1]

Each size is a synthetic city in a folder of its own. Its first night loads everything but the last days; a second night
takes these days' changes: one day brings changes for some 0.3 % of the city, three days for 1 %. Both are the real
command, `citylake refresh`, started as a process and watched with its children. The peer is the SQL itself: the
compiled models and tests of the marts, replayed in one bare DuckDB over the same lakes right after the night. What is
added is the wall time less that, less the SQL of staging and indicators as they timed it, and less the stages that are
none of dbt's, Dagster's or MetricFlow's.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from citylake.lake.attach import open_lakes
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

UNTIL = date(2026, 10, 31)
CITYLAKE = Path(sys.executable).with_name("citylake")


@dataclass
class Night:
    """One measured night."""

    name: str
    wall_seconds: float
    peak_mib: float
    rows_read: int
    bare_sql_seconds: float
    stages: dict[str, float]
    facts: dict[str, dict[str, Any]]
    identity: dict[str, Any]

    @property
    def own_seconds(self) -> float:
        """What citylake itself did: every stage that neither dbt nor MetricFlow is part of."""
        return sum(seconds for stage, seconds in self.stages.items() if stage not in ("staging", "marts", "indicators"))

    @property
    def sql_seconds(self) -> float:
        """The SQL itself: marts replayed bare, staging as its models took, indicators without MetricFlow's part."""
        indicators = self.stages["indicators"] - self.facts["indicators"]["metricflow_ms"] / 1000
        return self.bare_sql_seconds + float(self.facts["staging"]["sql_seconds"]) + indicators

    @property
    def added_seconds(self) -> float:
        """What dbt, Dagster and MetricFlow add: starting, importing, parsing, planning, their own book-keeping."""
        return self.wall_seconds - self.own_seconds - self.sql_seconds


def main() -> None:
    """Measure every size asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--residents", type=int, nargs="+", default=[20_000, 200_000, 1_000_000])
    parser.add_argument("--days", type=int, default=1, help="how many days' changes the second night takes (1 to 3)")
    parser.add_argument("--folder", type=Path, default=None, help="where the cities are made (default: a new folder)")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="citylake-benchmark-"))
    nights: list[Night] = []
    for residents in arguments.residents:
        home = folder / str(residents)
        nights.extend(measure_city(home, residents, arguments.days))
        shutil.rmtree(home, ignore_errors=True)
    report(nights)


def measure_city(home: Path, residents: int, days: int) -> list[Night]:
    """Make one city, run its first night on all but the last days, then its second night on these."""
    environment = {**os.environ, "CITYLAKE_HOME": str(home)}
    subprocess.run(
        [CITYLAKE, "sample-city", "--residents", str(residents), "--until", UNTIL.isoformat(), "--nights", "4"],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    zones = Zones.of(Settings(home=home))
    aside = home.with_name(home.name + "-aside")
    held_back = hold_back(zones.landing, aside, UNTIL - timedelta(days=days - 1))
    first = measure_night(f"{residents:,} residents, first night", environment, zones)
    for source, target in held_back:
        shutil.move(target, source)
    second = measure_night(f"{residents:,} residents, {days} day(s) of changes", environment, zones)
    shutil.rmtree(aside)
    return [first, second]


def hold_back(landing: Path, aside: Path, day: date) -> list[tuple[Path, Path]]:
    """Move what arrived on the morning after ``day`` out of landing; pairs of (place in landing, place aside)."""
    aside.mkdir(parents=True)
    moved: list[tuple[Path, Path]] = []
    for file in [path for path in sorted(landing.rglob("*")) if path.is_file()]:
        arrived_at = datetime.fromtimestamp(file.stat().st_mtime, UTC) + timedelta(hours=8)
        if arrived_at.date() > day:
            target = aside / file.name
            shutil.move(file, target)
            moved.append((file, target))
    if not moved:
        raise SystemExit(f"no delivery arrived after {day}: there is no second night to measure")
    return moved


def measure_night(name: str, environment: dict[str, str], zones: Zones) -> Night:
    """Run ``citylake refresh`` and watch it and its children; then replay its SQL bare."""
    before = {path.name for path in (zones.ledger / "runs").glob("*")}
    began = time.perf_counter()
    log = zones.home.with_name("refresh.log")
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen([CITYLAKE, "refresh"], env=environment, stdout=output, stderr=subprocess.STDOUT)
        watcher = MemoryWatch(process.pid)
        watcher.start()
        code = process.wait()
    wall = time.perf_counter() - began
    watcher.join()
    if code != 0:
        raise SystemExit(f"{name}: the night failed with exit code {code}:\n{log.read_text(encoding='utf-8')[-3000:]}")
    run = next(path for path in sorted((zones.ledger / "runs").glob("*")) if path.name not in before)
    records = [json.loads(file.read_text(encoding="utf-8")) for file in run.glob("*.json")]
    stages = {record["stage"]: record["seconds"] for record in sorted(records, key=lambda record: record["started_at"])}
    facts = {record["stage"]: record["facts"] for record in records}
    rows_read = sum(int(fact.get("rows_read") or 0) for stage, fact in facts.items() if stage.startswith("raw."))
    identity = next(record for record in records if record["stage"] == "identity")
    return Night(name, wall, watcher.peak_mib, rows_read, replay_sql(zones), stages, facts, identity)


class MemoryWatch(threading.Thread):
    """Peak resident memory of a process and its children, sampled ten times a second; shared pages count once each."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process = psutil.Process(pid)
        self.peak_mib = 0.0

    def run(self) -> None:
        """Sample until the process is gone."""
        while True:
            try:
                family = [self.process, *self.process.children(recursive=True)]
                resident = sum(member.memory_info().rss for member in family if member.is_running())
            except psutil.NoSuchProcess:
                return
            self.peak_mib = max(self.peak_mib, resident / 2**20)
            time.sleep(0.1)


def replay_sql(zones: Zones) -> float:
    """Seconds that the SQL of all marts and their tests takes in one bare DuckDB, results written to a scratch lake."""
    dbt = zones.dagster / "dbt"
    nodes = json.loads((dbt / "parsed" / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    results = json.loads((dbt / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    statements = [
        result["compiled_code"]
        for result in results
        if result["compiled_code"] and nodes[result["unique_id"]]["language"] == "sql"
    ]
    scratch = zones.home.with_name(zones.home.name + "-replay")
    scratch.mkdir()
    with open_lakes(Settings(home=zones.home), read_only=True) as connection:
        connection.execute(f"set file_search_path = '{zones.home}'")
        connection.execute(f"attach 'ducklake:sqlite:{scratch}/catalog.sqlite' as scratch (data_path '{scratch}/data')")
        began = time.perf_counter()
        for number, statement in enumerate(statements):
            connection.execute(f"create table scratch.t{number} as {statement.rstrip().rstrip(';')}")
        seconds = time.perf_counter() - began
    shutil.rmtree(scratch)
    return seconds


def _of_kinds(night: Night, name: str) -> list[int]:
    """What identity reported of persons and of entities."""
    return [int(night.facts["identity"][f"{kind}_{name}"]) for kind in ("person", "entity")]


def report(nights: list[Night]) -> None:
    """Print one row a night: sizes, stages, the SQL itself, and what is added to it."""
    stages = list(dict.fromkeys(stage for night in nights for stage in night.stages))
    table = Table(title="A whole night (seconds; MiB)")
    table.add_column("")
    for night in nights:
        table.add_column(night.name, justify="right")
    table.add_row("rows read", *(f"{night.rows_read:,}" for night in nights))
    table.add_row("wall", *(f"{night.wall_seconds:.1f}" for night in nights))
    table.add_row("peak memory", *(f"{night.peak_mib:,.0f}" for night in nights), end_section=True)
    for stage in stages:
        table.add_row(stage, *(f"{night.stages.get(stage, 0.0):.1f}" for night in nights))
    table.add_section()
    table.add_row("citylake's own stages", *(f"{night.own_seconds:.1f}" for night in nights))
    table.add_row("the SQL itself", *(f"{night.sql_seconds:.1f}" for night in nights))
    table.add_row("dbt + Dagster + MetricFlow add", *(f"{night.added_seconds:.1f}" for night in nights))
    table.add_section()
    for title, name in (("mentions", "mentions"), ("mentions touched", "touched")):
        table.add_row(title, *(f"{sum(_of_kinds(night, name)):,}" for night in nights))
    table.add_row("identity, CPU seconds", *(f"{night.identity['cpu_seconds']:.1f}" for night in nights))
    table.add_row("peak memory by its end", *(f"{night.identity['peak_mib']:,}" for night in nights))
    Console(width=40 + 34 * len(nights)).print(table)


if __name__ == "__main__":
    main()
