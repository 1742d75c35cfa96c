"""How well and how fast records are recognised as one, beside plain Splink and at the size of a city.

    .venv/bin/python benchmarks/linkage.py [--only febrl3 febrl4 200000 harder 1000000]

Precision, recall and F1 are over pairs of records after clustering. FEBRL: persons are split in two halves, the
threshold is chosen on one and scored on the other, both ways, and the errors of both are added up; a false pair counts
in the half of either record. The sample city: model and threshold are those that citylake ships, trained on a city of
another seed; pairs are those of all mentions that name somebody, and how many name nobody is said beside. Each city
is a process of its own. FEBRL's files and Splink's peers come with requirements/bench.txt.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import linkage_febrl
from linkage_mentions import make_mentions
from rich.console import Console
from rich.table import Table

from citylake.identity.clustering import cluster
from citylake.identity.contradictions import JUDGED
from citylake.identity.linkage import score, train
from citylake.identity.models import LinkageModel, load_model
from sample_city.hardness import DOCUMENTED

CASES = ("febrl3", "febrl4", "200000", "harder", "1000000")
THRESHOLDS = tuple(float(weight) for weight in range(-8, 17, 2))
SEED = 1
"""Of the cities measured; the shipped models were trained on the city of seed 7."""
CHANGED = 0.01

# Pairs by cluster, by truth and by both; all, and those of records with an anchor alone.
_PAIRS = """
with named as (
    select mention.truth, clusters.cluster_key, mention.anchor_id, {half} as is_counted
    from mentions as mention inner join clusters using (mention_key)
    where clusters.cluster_key is not null
),

counted as (
    select
        {pairs} as pairs, {anchored} as anchored_pairs, {by} from named group by {by}
)

select coalesce(sum(pairs), 0)::double, coalesce(sum(anchored_pairs), 0)::double from counted
"""
# Pairs of which at least one record is counted: all pairs less those of two that are not.
_COUNTED = "(count(*) * (count(*) - 1) - count_if(not is_counted) * (count_if(not is_counted) - 1)) / 2"
_ANCHORED = "count(anchor_id) * (count(anchor_id) - 1) / 2"


@dataclass(frozen=True)
class Pairs:
    """Right, found and true pairs of records."""

    right: float
    found: float
    true: float

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.found + self.true) if self.found + self.true else 1.0

    def __add__(self, other: "Pairs") -> "Pairs":
        return Pairs(self.right + other.right, self.found + other.found, self.true + other.true)

    def __sub__(self, other: "Pairs") -> "Pairs":
        return Pairs(self.right - other.right, self.found - other.found, self.true - other.true)


@dataclass(frozen=True)
class Run:
    """One linking, measured in its own process."""

    seconds: float
    cpu_seconds: float


def main() -> None:
    """Run the cases asked for and print a table each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--made", nargs=2, metavar=("FOLDER", "CASE"), help=argparse.SUPPRESS)
    parser.add_argument("--measured", nargs=2, metavar=("FOLDER", "KIND"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.made:
        make(Path(arguments.made[0]), arguments.made[1])
        return
    if arguments.measured:
        measure_city(Path(arguments.measured[0]), arguments.measured[1])
        return
    for case in arguments.only:
        if case.startswith("febrl"):
            report_febrl(int(case[-1]))
        else:
            report_city(case)


def pairs_of(connection: duckdb.DuckDBPyConnection, half: str = "true") -> tuple[Pairs, Pairs]:
    """The pairs of ``clusters`` against ``mentions``: all, and those of two records with an anchor."""
    found = [
        connection.execute(_PAIRS.format(half=half, pairs=_COUNTED, anchored=_ANCHORED, by=by)).fetchone() or (0, 0)
        for by in ("cluster_key, truth", "cluster_key", "truth")
    ]
    return Pairs(*(row[0] for row in found)), Pairs(*(row[1] for row in found))


def report_febrl(number: int) -> None:
    """One of the files: the machinery of citylake, and plain Splink beside it."""
    table = Table(title=f"FEBRL {number}, synthetic: threshold chosen on one half, scored on the other, both ways")
    for heading in ("", "precision", "recall", "F1", "false pairs", "missed pairs", "records a CPU second"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, link in (("citylake", _link_febrl), ("plain Splink", linkage_febrl.link_with_plain_splink)):
        with duckdb.connect() as connection:
            connection.register("given", linkage_febrl.read(number).to_arrow())
            connection.execute("create table mentions as from given")
            began = time.process_time()
            link(connection, number)
            cpu = time.process_time() - began
            found = _across_halves(connection, number)
        table.add_row(
            name,
            *(f"{value:.5f}" for value in (found.precision, found.recall, found.f1)),
            f"{found.found - found.right:.0f}",
            f"{found.true - found.right:.0f}",
            f"{(5_000 if number == 3 else 10_000) / cpu:,.0f}",
        )
    Console().print(table)


def _link_febrl(connection: duckdb.DuckDBPyConnection, number: int) -> None:
    origin = f"FEBRL {number}"
    model = train(
        connection,
        linkage_febrl.MODEL,
        "mentions",
        version="1",
        trained_on=origin,
        day=date.today(),  # noqa: DTZ011
    )
    score(connection, model, "mentions", edges="edges", profiles="profiles", described="described")


def _across_halves(connection: duckdb.DuckDBPyConnection, number: int) -> Pairs:
    halves = ("hash(truth) % 2 = 0", "hash(truth) % 2 = 1")
    found: dict[tuple[float, str], Pairs] = {}
    for threshold in THRESHOLDS:
        model = replace(linkage_febrl.MODEL, threshold=threshold, is_one_to_one=number == 4)
        cluster(connection, model, "mentions", edges="edges", clusters="clusters", reviews="reviews")
        for half in halves:
            found[threshold, half] = pairs_of(connection, half)[0]
    scored = [
        found[max(THRESHOLDS, key=lambda threshold, chosen_on=chosen_on: found[threshold, chosen_on].f1), scored_on]
        for chosen_on, scored_on in (halves, halves[::-1])
    ]
    return scored[0] + scored[1]


def make(folder: Path, case: str) -> None:
    """Write the mention tables of one city."""
    is_harder = case == "harder"
    defects = DOCUMENTED.times(2, ids_missing=0.2) if is_harder else DOCUMENTED
    persons, entities = make_mentions(200_000 if is_harder else int(case), SEED, defects)
    persons.write_parquet(folder / "person.parquet")
    entities.write_parquet(folder / "entity.parquet")


def report_city(case: str) -> None:
    """Persons and organisations of one city."""
    folder = Path(tempfile.mkdtemp(prefix="citylake-linkage-"))
    subprocess.run([sys.executable, __file__, "--made", folder, case], check=True)
    name = "harder city: 200,000 residents, twice the defects, 20 % of ids missing" if case == "harder" else ""
    table = Table(title=f"Sample city (synthetic): {name or f'{int(case):,} residents'}")
    columns: list[dict[str, str]] = []
    for kind in ("person", "entity"):
        process = subprocess.Popen([sys.executable, __file__, "--measured", folder, kind])
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{case}, {kind}: failed with status {status}")
        measured = json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))
        columns.append(measured | {"peak MiB": f"{usage.ru_maxrss / 1024:,.0f}"})
    for heading in ("", "persons", "organisations"):
        table.add_column(heading, justify="right" if heading else "left")
    for line in columns[0]:
        table.add_row(line, *(column[line] for column in columns))
    Console().print(table)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def measure_city(folder: Path, kind: str) -> None:
    """Link one kind of mention twice, the second time with some of them changed, and write what came of it."""
    model = load_model(kind)
    with duckdb.connect(
        config={"threads": 2, "memory_limit": "3GB", "temp_directory": str(folder / "spill")}
    ) as connection:
        connection.execute("create table mentions as from read_parquet(?)", [str(folder / f"{kind}.parquet")])
        if kind == "person":
            carried = "(select *, anchor_id as valid_id from mentions)"
            connection.execute(f"create table mention_apart as from ({JUDGED.format(mentions=carried)}) where is_apart")
            model = replace(model, apart="mention_key in (select mention_key from mention_apart)")
        first, scored = _link(connection, model)
        every, anchored = pairs_of(connection)
        loose = every - anchored
        row = connection.execute(
            "select count(*), count(*) - count(cluster_key), count(distinct cluster_key) from clusters"
        ).fetchone()
        mentions, nobody, clusters = row or (0, 0, 0)
        (reviews,) = connection.execute("select count(*) from reviews").fetchone() or (0,)
        connection.execute(
            "update mentions set name = name || '某' where hash(mention_key) % 1000 < ?", [round(CHANGED * 1000)]
        )
        second, rescored = _link(connection, model)
    facts = {
        "mentions": f"{mentions:,}",
        "clusters": f"{clusters:,}",
        "precision": f"{every.precision:.5f}",
        "recall": f"{every.recall:.5f}",
        "F1": f"{every.f1:.5f}",
        "… of pairs in which one has no valid id": f"{loose.f1:.5f}",
        "… precision": f"{loose.precision:.5f}",
        "… recall": f"{loose.recall:.5f}",
        "mentions that name nobody": f"{nobody / mentions:.2%}",
        "pairs for review": f"{reviews:,}",
        "pairs compared": f"{scored['pairs']:,}",
        "first linking, CPU s": f"{first.cpu_seconds:.1f}",
        "first linking, s": f"{first.seconds:.1f}",
        "mentions a CPU second": f"{mentions / first.cpu_seconds:,.0f}",
        f"with {CHANGED:.0%} changed, CPU s": f"{second.cpu_seconds:.1f}",
        "… profiles scored anew": f"{rescored['scored_profiles']:,}",
    }
    (folder / f"{kind}.json").write_text(json.dumps(facts), encoding="utf-8")


def _link(connection: duckdb.DuckDBPyConnection, model: LinkageModel) -> tuple[Run, dict[str, int]]:
    wall, cpu = time.perf_counter(), time.process_time()
    scored = score(connection, model, "mentions", edges="edges", profiles="profiles", described="described")
    cluster(connection, model, "mentions", edges="edges", clusters="clusters", reviews="reviews", is_prepared=True)
    return Run(time.perf_counter() - wall, time.process_time() - cpu), asdict(scored)


if __name__ == "__main__":
    main()
