"""The delivery ledger: what was delivered, and what of it is in force.

It is derived, whole, from the manifests under ``raw/``; nothing else decides what staging reads. What is in force
depends on what was delivered, never on when it was loaded.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import BaseModel, ConfigDict, TypeAdapter

from citylake.lake.erasures import Erasure
from citylake.lake.errors import EnvironmentProblem, UsageError
from citylake.lake.files import write_atomically
from citylake.lake.landed import Origin
from citylake.lake.settings import TIMEZONE
from citylake.lake.zones import Zones, of_another_account

MANIFEST = "manifest.json"
DECISIONS = "decisions.json"
LEDGER = "deliveries.parquet"


class Refusal(BaseModel):
    """Why a whole delivery was refused, in both languages."""

    model_config = ConfigDict(frozen=True)

    rule: str
    zh: str
    en: str


class Arrival(BaseModel):
    """One file in landing that brought a delivery's content."""

    model_config = ConfigDict(frozen=True)

    revision: int
    origin: Origin
    received_at: datetime
    """When it reached landing (the file's modification time), UTC."""
    file_name: str
    """Relative to landing."""
    file_size: int
    file_mtime_ns: int


class Result(BaseModel):
    """What validating a delivery came to, under one version of its contract."""

    model_config = ConfigDict(frozen=True)

    status: Literal["accepted", "refused"]
    loaded_at: datetime
    loaded_by: str | None = None
    """The account; None for what was loaded before this was recorded."""
    run_id: str
    """No other result has it: what is built from a delivery is known by it to be of this result."""
    contract_version: str
    rows_read: int | None = None
    """None when a refused file could not be read at all."""
    rows_accepted: int = 0
    rows_quarantined: int = 0
    rules_quarantined: dict[str, int] = {}
    """Rows per rule; a row that breaks several counts at each."""
    rules_warned: dict[str, int] = {}
    drift: Literal["freeze", "evolve"] = "freeze"
    """What became of new columns: left in landing, or kept in ``_new_columns`` of the accepted rows."""
    new_columns: list[str] = []
    """Headings the contract does not know."""
    missing_columns: list[str] = []
    """Optional headings of the contract that the file does not have."""
    refusal: Refusal | None = None


class Manifest(Arrival, Result):
    """One delivery. It exists once this is written, beside its data, as the last act of loading it.

    Its result is the one in force; when the delivery is validated again, the manifest is replaced in one move, and the
    results that it had before stay in it.

    The same content may come in several files. Revision and origin are those of the highest revision among them; where
    that came both as real and as synthetic, it counts as synthetic: nothing made up may pass for real.
    """

    dataset: str
    extract_date: date
    part: str = ""
    """Of a dataset that comes in several files a day, which one: only the same part's correction supersedes it."""
    sha256: str
    mode: Literal["snapshot", "append", "upsert"]
    other_arrivals: list[Arrival] = []
    """The files beside the one that counts."""
    earlier_results: list[Result] = []
    """Oldest first; what they accepted and quarantined is no longer kept."""
    erasures: list[Erasure] = []
    """Oldest first. Counts of the result in force are of the rows that are left."""

    @property
    def lines_erased(self) -> list[tuple[int, int]]:
        """First and last line of every record that was erased, in their order."""
        return sorted({lines for erasure in self.erasures for lines in erasure.lines})

    @property
    def rows_erased(self) -> int:
        """Records that were delivered and are no longer there."""
        return len(self.lines_erased)

    @property
    def known_hashes(self) -> set[str]:
        """The hash of what was delivered, and of what an erasure left of it."""
        return {self.sha256, *(erasure.sha256 for erasure in self.erasures if erasure.sha256)}

    @property
    def known_files(self) -> set[tuple[str, int, int]]:
        """Name, size and modification time of each file that brought it, as delivered and as an erasure left it."""
        sizes = [erasure.file_size for erasure in self.erasures if erasure.file_size is not None]
        return {
            (arrival.file_name, size, arrival.file_mtime_ns)
            for arrival in self.arrivals
            for size in (arrival.file_size, *sizes)
        }

    @property
    def delivery_id(self) -> str:
        """``<department>.<dataset>/<extract date>/<first 12 of sha256>``: also its folder, department as folder."""
        return delivery_id(self.dataset, self.extract_date, self.sha256)

    @property
    def accepted_file(self) -> str:
        """Name of the Parquet of accepted rows, beside the manifest. Each result has a name of its own.

        So has what an erasure leaves of one.
        """
        return self._file("accepted")

    @property
    def rejected_file(self) -> str:
        """Name of the Parquet of quarantined rows, in the delivery's folder under ``quarantine/``."""
        return self._file("rejected")

    def _file(self, name: str) -> str:
        number = len(self.earlier_results) + len(self.erasures) + 1
        return f"{name}.parquet" if number == 1 else f"{name}_{number}.parquet"

    @property
    def result(self) -> Result:
        """The result in force, by itself."""
        return Result(**self.model_dump(include=set(Result.model_fields)))

    @property
    def arrivals(self) -> list[Arrival]:
        """Every file that brought this content."""
        return [Arrival(**self.model_dump(include=set(Arrival.model_fields))), *self.other_arrivals]

    def with_arrival(self, arrival: Arrival) -> Self:
        """The delivery once this file has come too. A file that was merely touched came when it first did."""
        before = [one for one in self.arrivals if one.file_name == arrival.file_name]
        first = min(one.received_at for one in [arrival, *before])
        others = [one for one in self.arrivals if one.file_name != arrival.file_name]
        return self.brought_by([*others, arrival.model_copy(update={"received_at": first})])

    def brought_by(self, arrivals: Iterable[Arrival]) -> Self:
        """The same content as these files alone brought it."""
        *others, counting = sorted(arrivals, key=lambda one: (one.revision, one.origin == "synthetic", one.file_name))
        return self.model_copy(update={**dict(counting), "other_arrivals": others})

    def as_of(self, day: date) -> Self | None:
        """The delivery as it was known by the end of a day (Asia/Shanghai); None before its first file came."""
        come = [one for one in self.arrivals if one.received_at.astimezone(ZoneInfo(TIMEZONE)).date() <= day]
        return self.brought_by(come) if come else None


class Decision(BaseModel):
    """Somebody's decision that a delivery counts as never delivered, or that it counts again. The last one holds."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["withdrawal", "reinstatement"]
    reason: str
    by: str
    at: datetime


_DECISIONS = TypeAdapter(list[Decision])


def delivery_id(dataset: str, extract_date: date, sha256: str) -> str:
    """What a delivery is called: by its content, whenever it came."""
    return f"{dataset}/{extract_date.isoformat()}/{sha256[:12]}"


def delivery_folder(root: Path, dataset: str, extract_date: date, sha256: str) -> Path:
    """Where a delivery lies under ``raw/`` or ``quarantine/``."""
    department, name = dataset.split(".", 1)
    return root / department / name / extract_date.isoformat() / sha256[:12]


def manifests(
    zones: Zones, dataset: str | None = None, extract_date: date | None = None
) -> Iterator[tuple[Manifest, Path, list[Decision]]]:
    """Every delivery with its folder and the decisions about it, oldest first, in the order of their ids.

    With ``dataset``, and with a day of it, only those: nobody reads years of manifests for one file. Folders without
    a manifest do not exist.
    Raises EnvironmentProblem for an account that may not look: to it, nothing would seem to have been delivered.
    """
    if zones.raw.exists() and not os.access(zones.raw, os.R_OK | os.X_OK):
        raise of_another_account(zones.home) or EnvironmentProblem(f"{zones.raw} cannot be read: see citylake doctor.")
    datasets = "*/*" if dataset is None else dataset.replace(".", "/", 1)
    day = "*" if extract_date is None else extract_date.isoformat()
    for path in sorted(zones.raw.glob(f"{datasets}/{day}/*/{MANIFEST}")):
        manifest = read_manifest(path.parent)
        if manifest is not None:
            yield manifest, path.parent, decisions_about(path.parent)


def read_manifest(folder: Path) -> Manifest | None:
    """The delivery that lies in this folder; None when there is none."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None


def decisions_about(folder: Path) -> list[Decision]:
    """What was decided about the delivery in this folder, in that order."""
    try:
        return _DECISIONS.validate_json((folder / DECISIONS).read_bytes())
    except FileNotFoundError:
        return []


def withdrawal_in(decisions: Sequence[Decision]) -> Decision | None:
    """The withdrawal that holds; None when there was none, or the delivery was reinstated since."""
    return decisions[-1] if decisions and decisions[-1].kind == "withdrawal" else None


def read_ledger(zones: Zones, as_of: date | None = None) -> pl.DataFrame:
    """The ledger: one row a delivery, ``status`` one of in_force, superseded, outdated, withdrawn, refused.

    With ``as_of``, only deliveries that had reached landing by the end of that day (Asia/Shanghai).
    """
    rows = [
        {
            **manifest.model_dump(include=_SCHEMA.keys() - {"new_columns", "missing_columns"}),
            "rows_erased": manifest.rows_erased,
            "delivery_id": manifest.delivery_id,
            "department": manifest.dataset.split(".", 1)[0],
            "load_status": manifest.status,
            "is_withdrawn": (withdrawal := withdrawal_in(decisions)) is not None,
            "withdrawal_reason": withdrawal.reason if withdrawal else None,
            "refusal_rule": manifest.refusal.rule if manifest.refusal else None,
            "refusal_reason_zh": manifest.refusal.zh if manifest.refusal else None,
            "refusal_reason_en": manifest.refusal.en if manifest.refusal else None,
            "new_columns": json.dumps(manifest.new_columns, ensure_ascii=False),
            "missing_columns": json.dumps(manifest.missing_columns, ensure_ascii=False),
            "rules": [
                {"rule": rule, "severity": severity, "row_count": count}
                for severity, counts in (("error", manifest.rules_quarantined), ("warning", manifest.rules_warned))
                for rule, count in counts.items()
            ],
            "path": str(folder / manifest.accepted_file) if manifest.status == "accepted" else None,
        }
        for loaded, folder, decisions in manifests(zones)
        if (manifest := loaded if as_of is None else loaded.as_of(as_of)) is not None
    ]
    return _with_status(pl.DataFrame(rows, schema=_SCHEMA))


_UTC_INSTANT = pl.Datetime("us", "UTC")
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "delivery_id": pl.String,
    "dataset": pl.String,
    "department": pl.String,
    "extract_date": pl.Date,
    "part": pl.String,
    "sha256": pl.String,
    "revision": pl.Int64,
    "mode": pl.String,
    "load_status": pl.String,
    "is_withdrawn": pl.Boolean,
    "withdrawal_reason": pl.String,
    "origin": pl.String,
    "received_at": _UTC_INSTANT,
    "loaded_at": _UTC_INSTANT,
    "run_id": pl.String,
    "file_name": pl.String,
    "file_size": pl.Int64,
    "file_mtime_ns": pl.Int64,
    "contract_version": pl.String,
    "rows_read": pl.Int64,
    "rows_accepted": pl.Int64,
    "rows_quarantined": pl.Int64,
    "rows_erased": pl.Int64,
    "drift": pl.String,
    "new_columns": pl.String,
    "missing_columns": pl.String,
    "rules": pl.List(pl.Struct({"rule": pl.String, "severity": pl.String, "row_count": pl.Int64})),
    "refusal_rule": pl.String,
    "refusal_reason_zh": pl.String,
    "refusal_reason_en": pl.String,
    "path": pl.String,
}


def _with_status(ledger: pl.DataFrame) -> pl.DataFrame:
    """Decide what is in force: the newest revision of an extract date; of a snapshot the newest extract date alone.

    Two files of one revision are told apart by their hash, so that the order in which they came cannot matter.
    """
    counts = (pl.col("load_status") == "accepted") & ~pl.col("is_withdrawn")
    day = ["dataset", "extract_date", "part"]
    # As text: polars compares no structs.
    rank = pl.concat_str(pl.col("revision").cast(pl.String).str.zfill(6), "sha256")
    is_newest_revision = counts & (rank == rank.filter(counts).max().over(day))
    is_newest_date = pl.col("extract_date") == pl.col("extract_date").filter(counts).max().over("dataset")
    return ledger.with_columns(
        status=pl.when(pl.col("load_status") == "refused")
        .then(pl.lit("refused"))
        .when("is_withdrawn")
        .then(pl.lit("withdrawn"))
        .when(~is_newest_revision)
        .then(pl.lit("superseded"))
        .when((pl.col("mode") == "snapshot") & ~is_newest_date)
        .then(pl.lit("outdated"))
        .otherwise(pl.lit("in_force"))
    )


def write_ledger(ledger: pl.DataFrame, zones: Zones) -> Path:
    """Put the ledger where dbt reads it."""
    return write_ledger_table(ledger, zones, LEDGER)


def write_ledger_table(table: pl.DataFrame, zones: Zones, name: str) -> Path:
    """Put a table beside the ledger: one Parquet file, its owner's alone, replaced whole."""
    path = zones.ledger / name
    aside = path.with_suffix(".aside")
    table.write_parquet(aside)
    aside.chmod(0o600)
    aside.replace(path)
    return path


def find_delivery(zones: Zones, wanted: str) -> tuple[Manifest, Path, list[Decision]]:
    """The one delivery whose id, or hash, starts so. Raises UsageError when none or several do."""
    if not wanted.strip():
        raise UsageError("Which delivery? Give its id or hash, or the start of it. See: citylake delivery list")
    found = [
        item for item in manifests(zones) if item[0].delivery_id.startswith(wanted) or item[0].sha256.startswith(wanted)
    ]
    if len(found) != 1:
        how_many = "No delivery has" if not found else f"{len(found)} deliveries have"
        raise UsageError(f"{how_many} an id or hash that starts with {wanted!r}. See: citylake delivery list")
    return found[0]


def withdraw(zones: Zones, wanted: str, reason: str, by: str) -> Manifest:
    """Mark a delivery as withdrawn; the next night computes as if it had never come. The caller holds the lock."""
    return _decide(zones, wanted, "withdrawal", reason, by)


def reinstate(zones: Zones, wanted: str, reason: str, by: str) -> Manifest:
    """Take a withdrawal back; the next night computes with the delivery again. The caller holds the lock."""
    return _decide(zones, wanted, "reinstatement", reason, by)


def _decide(zones: Zones, wanted: str, kind: Literal["withdrawal", "reinstatement"], reason: str, by: str) -> Manifest:
    """Record a decision after those before it. Raises UsageError when it would change nothing or gives no reason."""
    manifest, folder, decisions = find_delivery(zones, wanted)
    withdrawal = withdrawal_in(decisions)
    if not reason.strip():
        raise UsageError("须写明原因。 Give a reason that the delivery's department will understand.")
    if manifest.status == "refused":
        raise UsageError(
            f"{manifest.delivery_id} 已被拒收，从未生效。 It was refused and never counted, so there is nothing to "
            f"withdraw or to reinstate. Why it was refused: citylake delivery show {manifest.sha256[:12]}"
        )
    if kind == "withdrawal" and withdrawal is not None:
        raise UsageError(f"{manifest.delivery_id} was withdrawn already by {withdrawal.by}: {withdrawal.reason}")
    if kind == "reinstatement" and withdrawal is None:
        raise UsageError(f"{manifest.delivery_id} 未被撤回。 It is not withdrawn, so there is nothing to take back.")
    decision = Decision(kind=kind, reason=reason.strip(), by=by, at=datetime.now(UTC))
    record = _DECISIONS.dump_json([*decisions, decision], indent=2)
    write_atomically(folder / DECISIONS, record.decode())
    return manifest
