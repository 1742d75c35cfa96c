"""What reading, checking and keeping an extract costs, beside readers that check nothing.

    .venv/bin/python benchmarks/ingest.py [--rows 5000000] [--workbook-rows 500000] [--only utf8 gb18030 …]

The extracts are synthetic person registers of the sample city, written in each format once. Every measured line is a
process of its own, started anew, the lines of one format one after the other: wall time and CPU of the whole process,
and its peak memory. citylake's part is what a night does with a landed file (:func:`ingestion.loading.load_delivery`):
content hashed, structure verified, every rule of the contract with check digits and repeated keys, accepted rows and
quarantine as Parquet. The peers write Parquet and check nothing. dlt and fastexcel come with requirements/bench.txt.
"""

import argparse
import codecs
import csv
import importlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow.csv
from rich.console import Console
from rich.table import Table

from citylake.contracts.model import Contract, Dialect, load_contracts
from citylake.lake.landed import LandedFile
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from ingestion.loading import load_delivery
from sample_city.defects import BREACH
from sample_city.extract import Delivery, write_extract
from sample_city.hardness import DOCUMENTED
from sample_city.persons import Register, make_people
from sample_city.regions import load_regions

ROWS = 5_000_000
WORKBOOK_ROWS = 500_000
DLT_ROWS = 100_000
"""dlt's row path is measured on fewer rows and its rows a second are compared."""
DAY = date(2026, 10, 31)
FORMATS = ("utf8", "gb18030", "json", "xlsx", "parquet")


@dataclass(frozen=True)
class Line:
    """One measured process."""

    name: str
    rows: int
    seconds: float
    cpu_seconds: float
    peak_mib: float

    @property
    def rows_a_second(self) -> float:
        return self.rows / self.seconds


def main() -> None:
    """Make the extracts, measure every format and print one table each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--workbook-rows", type=int, default=WORKBOOK_ROWS)
    parser.add_argument("--only", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--folder", type=Path, default=None, help="where extracts are kept between runs")
    # What a process measures of itself, its parent must not have needed: making extracts is a process too.
    parser.add_argument("--measured", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--made", nargs=2, metavar=("FOLDER", "KIND"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measured:
        MEASURED[arguments.measured[0]](Path(arguments.measured[1]))
        return
    if arguments.made:
        make_extract(Path(arguments.made[0]), arguments.made[1], arguments.rows)
        return
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="citylake-benchmark-"))
    for kind in arguments.only:
        rows = arguments.workbook_rows if kind == "xlsx" else arguments.rows
        subprocess.run([sys.executable, __file__, "--rows", str(rows), "--made", folder, kind], check=True)
        report(kind, [measure(name, what, folder / kind) for name, what in PEERS[kind]])
    if arguments.folder is None:
        shutil.rmtree(folder)


def measure(name: str, what: str, folder: Path) -> Line:
    """Run one of :data:`MEASURED` in a new process and take its times and its memory."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, __file__, "--measured", what, str(folder)])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"{name}: failed with status {status}")
    rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
    measured_rows = min(rows, DLT_ROWS) if what == "dlt_rows" else rows
    return Line(name, measured_rows, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def report(kind: str, lines: list[Line]) -> None:
    """Print one format: citylake first, each peer's speed as a share of it."""
    table = Table(title=f"{kind}: {lines[0].rows:,} synthetic person rows")
    for heading in ("", "seconds", "CPU s", "peak MiB", "rows a second", "citylake is"):
        table.add_column(heading, justify="left" if not heading else "right")
    ours = lines[0]
    for line in lines:
        ratio = "" if line is ours else f"{ours.rows_a_second / line.rows_a_second:.2f} ×"
        table.add_row(
            line.name,
            f"{line.seconds:.1f}",
            f"{line.cpu_seconds:.1f}",
            f"{line.peak_mib:,.0f}",
            f"{line.rows_a_second:,.0f}",
            ratio,
        )
    Console(width=110).print(table)


def make_extract(folder: Path, kind: str, rows: int) -> None:
    """Write the person register of a synthetic city in one format, once; ``rows.json`` says that it is whole."""
    place = folder / kind
    if (place / "rows.json").exists():
        return
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    contract = agreed(kind)
    rng = np.random.default_rng(1)
    regions = load_regions(rng)
    register = Register(make_people(rng, regions, rows, DAY), regions, np.arange(rows), DAY, DOCUMENTED)
    blocks = (
        register.records(np.random.default_rng(start), np.arange(start, min(start + BLOCK_ROWS, rows))).frame
        for start in range(0, rows, BLOCK_ROWS)
    )
    unbroken = (block.with_columns(pl.lit(None, pl.String).alias(BREACH)) for block in blocks)
    written = write_extract(place / "landing", Delivery(contract, DAY, DAY), unbroken)
    written.path.rename(place / "extract")
    (place / "rows.json").write_text(json.dumps(rows), encoding="utf-8")


def agreed(kind: str) -> Contract:
    """The contract of the person register, written as this format."""
    contract = load_contracts(Settings().contracts)[DATASET]
    return replace(contract, dialect=DIALECTS[kind], quarantine_tolerance=1.0)


def load_with_citylake(place: Path) -> None:
    """What a night does with a landed file."""
    kind = place.name
    settings = Settings(home=place / "home", memory_limit="1GB")
    shutil.rmtree(settings.home, ignore_errors=True)
    prepare(settings)
    landed = LandedFile(
        dataset=DATASET, extract_date=DAY, origin="synthetic", path=settings.home / "landing" / "extract"
    )
    landed.path.hardlink_to(place / "extract")
    manifest = load_delivery(settings, agreed(kind), landed, "benchmark")
    if manifest.status != "accepted" or manifest.rows_read != json.loads((place / "rows.json").read_text()):
        raise SystemExit(f"the extract was not loaded whole: {manifest.refusal or manifest.rows_read}")


def copy_with_duckdb(place: Path) -> None:
    """DuckDB's own COPY, types guessed by its sniffer: nothing is checked."""
    _copy(place, f"read_csv('{place}/extract')")


def transcode_and_copy(place: Path) -> None:
    """Python's incremental decoder into a file of UTF-8, then DuckDB's COPY."""
    decoder = codecs.getincrementaldecoder("gb18030")()
    text = place / "transcoded.csv"
    with (place / "extract").open("rb") as source, text.open("wb") as target:
        while chunk := source.read(4 << 20):
            target.write(decoder.decode(chunk).encode())
        target.write(decoder.decode(b"", final=True).encode())
    _copy(place, f"read_csv('{text}')")


def copy_json_with_duckdb(place: Path) -> None:
    """DuckDB's own COPY of JSON Lines."""
    _copy(place, f"read_json('{place}/extract', format = 'newline_delimited')")


def copy_parquet_with_duckdb(place: Path) -> None:
    """DuckDB's own COPY of Parquet."""
    _copy(place, f"read_parquet('{place}/extract')")


def read_json_with_polars(place: Path) -> None:
    """Polars' scan of JSON Lines into Parquet."""
    pl.scan_ndjson(place / "extract").sink_parquet(place / "bare.parquet", compression="snappy")


def read_workbook_with_fastexcel(place: Path) -> None:
    """The fastest reader of workbooks for polars, then Parquet."""
    fastexcel = importlib.import_module("fastexcel")
    sheet = fastexcel.read_excel(str(place / "extract")).load_sheet(0, dtypes="string")
    sheet.to_polars().write_parquet(place / "bare.parquet", compression="snappy")


def load_with_dlt_rows(place: Path) -> None:
    """Give dlt one dictionary a row, as its tutorials have it; the first rows only."""
    with (place / "extract").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(itertools.islice(file, 1, None), fieldnames=_ascii_names())
        _run_dlt(place, itertools.islice(rows, DLT_ROWS))


def load_with_dlt_arrow(place: Path) -> None:
    """Give dlt Arrow tables, which it hands on as they are."""
    options = pyarrow.csv.ReadOptions(column_names=_ascii_names(), skip_rows=1)
    _run_dlt(place, pyarrow.csv.open_csv(place / "extract", read_options=options))


def _ascii_names() -> list[str]:
    """For dlt the contract's names: of headings in Chinese it makes one and the same."""
    return [column.name for column in agreed("utf8").columns]


def _copy(place: Path, source: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"copy (from {source}) to '{place}/bare.parquet' (format parquet)")


def _run_dlt(place: Path, data: Iterable[object]) -> None:
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    dlt = importlib.import_module("dlt")
    destination = dlt.destinations.filesystem(bucket_url=str(place / "dlt"))
    pipeline = dlt.pipeline(
        "benchmark", destination=destination, dataset_name="raw", pipelines_dir=str(place / "pipes")
    )
    pipeline.run(data, table_name="person", loader_file_format="parquet", write_disposition="replace")


DATASET = "public_security.person_register"
BLOCK_ROWS = 250_000
DIALECTS: dict[str, Dialect] = {
    "utf8": Dialect("csv"),
    "gb18030": Dialect("csv", encoding="GB18030"),
    "json": Dialect("json"),
    "xlsx": Dialect("xlsx"),
    "parquet": Dialect("parquet"),
}
MEASURED: dict[str, Callable[[Path], None]] = {
    "citylake": load_with_citylake,
    "duckdb_csv": copy_with_duckdb,
    "duckdb_gb18030": transcode_and_copy,
    "duckdb_json": copy_json_with_duckdb,
    "duckdb_parquet": copy_parquet_with_duckdb,
    "polars_json": read_json_with_polars,
    "fastexcel": read_workbook_with_fastexcel,
    "dlt_rows": load_with_dlt_rows,
    "dlt_arrow": load_with_dlt_arrow,
}
PEERS: dict[str, list[tuple[str, str]]] = {
    "utf8": [
        ("citylake, everything checked", "citylake"),
        ("bare DuckDB COPY", "duckdb_csv"),
        ("dlt, rows", "dlt_rows"),
        ("dlt, Arrow", "dlt_arrow"),
    ],
    "gb18030": [("citylake, everything checked", "citylake"), ("transcode, then bare COPY", "duckdb_gb18030")],
    "json": [
        ("citylake, everything checked", "citylake"),
        ("bare DuckDB COPY", "duckdb_json"),
        ("bare polars", "polars_json"),
    ],
    "xlsx": [("citylake, everything checked", "citylake"), ("bare fastexcel", "fastexcel")],
    "parquet": [("citylake, everything checked", "citylake"), ("bare DuckDB COPY", "duckdb_parquet")],
}

if __name__ == "__main__":
    main()
