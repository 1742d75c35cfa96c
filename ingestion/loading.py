"""Loading one delivery: examined, written aside, then moved to its place whole. It exists once its manifest does.

Whatever moment a load dies at, the next one finishes the work: what lies aside is cleared, an orphan in quarantine is
overwritten, and a delivery whose manifest stands is known and not loaded again. The caller holds the writer's lock.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import polars as pl

from citylake.contracts.model import Contract
from citylake.lake.deliveries import (
    MANIFEST,
    Arrival,
    LandedFile,
    Manifest,
    delivery_folder,
    delivery_id,
    manifests,
    read_manifest,
)
from citylake.lake.errors import CitylakeError
from citylake.lake.files import sync_folder, write_atomically
from citylake.lake.settings import Settings
from citylake.lake.zones import OWNER_ONLY, Zones
from ingestion.examination import Examination, examine
from ingestion.hashing import sha256_of
from ingestion.landing import is_due_again

ACCEPTED = "accepted.parquet"
REJECTED = "rejected.parquet"

Step = Literal["examined", "written", "quarantined", "cleared", "loaded"]


class FileChanged(CitylakeError):
    """A file in landing changed while it was read; it is left for the next run."""


def load_delivery(
    settings: Settings,
    contract: Contract,
    landed: LandedFile,
    run_id: str,
    *,
    after: Callable[[Step], None] = lambda _: None,
) -> Manifest:
    """Load one file from landing; a refused one gives a manifest that says so. Loading it again changes nothing.

    ``after`` is told of each step once it is done. Raises FileChanged when somebody was still writing the file.
    """
    zones = Zones.of(settings)
    facts = landed.path.stat()
    arrival = _arrival(landed, facts, zones)
    with ThreadPoolExecutor(1) as hasher:
        hashing = hasher.submit(sha256_of, landed.path)
        known = _known(zones, landed, hashing) if _may_be_known(zones, landed, facts.st_size) else None
        if known is not None and not is_due_again(known, contract):
            return _recall(_folder(zones, landed, hashing.result()), known, arrival)
        aside = Path(tempfile.mkdtemp(dir=zones.scratch, prefix="load."))
        try:
            examination = examine(settings, landed.path, contract, aside, lambda: _stamp(landed, hashing.result()))
            sha256 = hashing.result()
            after("examined")
            now = landed.path.stat()
            if (now.st_size, now.st_mtime_ns) != (facts.st_size, facts.st_mtime_ns):
                raise FileChanged(f"{landed.path.name} changed while it was read. It is left for the next run.")
            manifest = _manifest(contract, landed, run_id, sha256, arrival, examination)
            if known is not None:
                manifest = manifest.brought_by(known.with_arrival(arrival).arrivals)
            _write(aside / "delivery", aside / "quarantine", manifest, examination)
            after("written")
            _publish(aside, _folder(zones, landed, sha256), manifest, zones, after)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return manifest


def _may_be_known(zones: Zones, landed: LandedFile, size: int) -> bool:
    """Whether a delivery of that day came in a file of that size: if not, the file is read while it is hashed."""
    found = manifests(zones, landed.dataset, landed.extract_date)
    return any(arrival.file_size == size for manifest, _, _ in found for arrival in manifest.arrivals)


def _known(zones: Zones, landed: LandedFile, hashing: Future[str]) -> Manifest | None:
    return read_manifest(_folder(zones, landed, hashing.result()))


def _folder(zones: Zones, landed: LandedFile, sha256: str) -> Path:
    return delivery_folder(zones.raw, landed.dataset, landed.extract_date, sha256)


def _stamp(landed: LandedFile, sha256: str) -> dict[str, pl.Expr]:
    """What accepted rows say of the delivery that they came with."""
    return {
        "_delivery_id": pl.lit(delivery_id(landed.dataset, landed.extract_date, sha256)),
        "_extract_date": pl.lit(landed.extract_date),
    }


def _arrival(landed: LandedFile, facts: os.stat_result, zones: Zones) -> Arrival:
    return Arrival(
        revision=landed.revision,
        origin=landed.origin,
        received_at=datetime.fromtimestamp(facts.st_mtime, UTC),
        file_name=str(landed.path.relative_to(zones.landing)),
        file_size=facts.st_size,
        file_mtime_ns=facts.st_mtime_ns,
    )


def _recall(folder: Path, known: Manifest, arrival: Arrival) -> Manifest:
    """The same content once more: remembered, so that the file is not hashed every night.

    Under a higher revision it takes a correction back, or says what its origin is.
    """
    manifest = known.with_arrival(arrival)
    if manifest != known:
        write_atomically(folder / MANIFEST, manifest.model_dump_json(indent=2))
    return manifest


def _manifest(  # noqa: PLR0913, PLR0917  # the facts of a delivery come from as many places
    contract: Contract,
    landed: LandedFile,
    run_id: str,
    sha256: str,
    arrival: Arrival,
    examination: Examination,
) -> Manifest:
    validated = examination.validated
    is_refused = examination.refusal is not None
    return Manifest(
        dataset=landed.dataset,
        extract_date=landed.extract_date,
        sha256=sha256,
        mode=contract.mode,
        status="refused" if is_refused else "accepted",
        loaded_at=datetime.now(UTC),
        run_id=run_id,
        contract_version=contract.version,
        rows_read=examination.rows_read,
        rows_accepted=validated.rows_accepted if validated and not is_refused else 0,
        rows_quarantined=validated.rows_rejected if validated else 0,
        rules_quarantined=validated.rules_rejected if validated else {},
        rules_warned=validated.rules_warned if validated else {},
        new_columns=list(examination.new_columns),
        missing_columns=list(examination.missing_columns),
        refusal=examination.refusal,
        **dict(arrival),
    )


def _write(delivery: Path, quarantine: Path, manifest: Manifest, examination: Examination) -> None:
    """Prepare both folders, the manifest last, and flush them to disk."""
    delivery.mkdir()
    quarantine.mkdir()
    validated = examination.validated
    if validated is not None and manifest.status == "accepted":
        validated.accepted.rename(delivery / ACCEPTED)
    if validated is not None and validated.rows_rejected:
        pl.scan_parquet(validated.rejected, glob=False).select(
            pl.lit(manifest.delivery_id).alias("delivery_id"), pl.all()
        ).sink_parquet(quarantine / REJECTED)
    for file in (*delivery.iterdir(), *quarantine.iterdir()):
        file.chmod(0o600)
        _sync_file(file)
    write_atomically(delivery / MANIFEST, manifest.model_dump_json(indent=2))
    sync_folder(quarantine)


def _publish(aside: Path, folder: Path, manifest: Manifest, zones: Zones, after: Callable[[Step], None]) -> None:
    """Move both folders to their places: quarantine first, for the delivery exists once its own folder does."""
    quarantine = delivery_folder(zones.quarantine, manifest.dataset, manifest.extract_date, manifest.sha256)
    _replace(aside / "quarantine", quarantine, aside / "old_quarantine", zones.quarantine)
    after("quarantined")
    if not any(quarantine.iterdir()):
        quarantine.rmdir()
    after("cleared")
    _replace(aside / "delivery", folder, aside / "old_delivery", zones.raw)
    after("loaded")


def _replace(prepared: Path, place: Path, old: Path, zone: Path) -> None:
    """Put a prepared folder in its place; what lies there, an orphan or a refusal judged anew, goes aside first."""
    for parent in reversed([place.parent, *place.parent.parents]):
        if parent.is_relative_to(zone) and not parent.exists():
            parent.mkdir(mode=OWNER_ONLY)
            sync_folder(parent.parent)
    if place.exists():
        place.rename(old)
    prepared.rename(place)
    sync_folder(place.parent)


def _sync_file(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
