"""Loading one delivery: examined, written aside, then moved to its place whole. It exists once its manifest does.

Whatever moment a load dies at, the next one finishes the work: what lies aside is cleared, an orphan in quarantine is
overwritten, and a delivery whose manifest stands is known and not loaded again. A delivery that gets another result,
because its contract changed, keeps its folder: the new rows are put beside the old under a name of their own, and the
manifest, replaced in one move, says which ones count. The caller holds the writer's lock.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import polars as pl

from citylake.contracts.model import Contract
from citylake.lake.account import whoami
from citylake.lake.deliveries import MANIFEST, Arrival, Manifest, delivery_folder, delivery_id, manifests, read_manifest
from citylake.lake.errors import CitylakeError
from citylake.lake.files import sync_file, sync_folder, write_atomically
from citylake.lake.landed import LandedFile
from citylake.lake.settings import Settings
from citylake.lake.zones import OWNER_ONLY, Zones
from ingestion.examination import Examination, examine
from ingestion.hashing import sha256_of
from ingestion.landing import is_due_again

_ACCEPTED = Path("delivery", "accepted.parquet")
_REJECTED = Path("quarantine", "rejected.parquet")
"""Where rows lie aside."""

Step = Literal["examined", "written", "quarantined", "cleared", "placed", "loaded", "swept", "settled"]
After = Callable[[Step], None]
"""Is told of each step once it is done."""


def unheard(_: Step) -> None:
    """Nobody asks for the steps."""


class FileChanged(CitylakeError):
    """A file in landing changed while it was read; it is left for the next run."""


@dataclass(frozen=True)
class Seen:
    """A file in landing, as it was before anything of it was read."""

    landed: LandedFile
    facts: os.stat_result
    hashing: Future[str]
    delivered: Manifest | None = None
    """The delivery that it is all the same, where an erasure has left the file another content than was delivered."""

    @classmethod
    @contextmanager
    def of(cls, landed: LandedFile) -> Generator["Seen"]:
        """Look at a file, and hash it while it is read."""
        facts = landed.path.stat()
        with ThreadPoolExecutor(1) as hasher:
            yield cls(landed, facts, hasher.submit(sha256_of, landed.path))

    @property
    def sha256(self) -> str:
        """Of what was delivered; waits until the file is hashed."""
        return self.hashing.result() if self.delivered is None else self.delivered.sha256

    @property
    def erased(self) -> list[int]:
        """The first line of each of its records that was erased."""
        return [] if self.delivered is None else [first for first, _ in self.delivered.lines_erased]

    def folder(self, zones: Zones) -> Path:
        """Where its delivery lies; waits until the file is hashed."""
        return delivery_folder(zones.raw, self.landed.dataset, self.landed.extract_date, self.sha256)

    def stamp(self) -> dict[str, pl.Expr]:
        """What accepted rows say of the delivery that they came with."""
        return {
            "_delivery_id": pl.lit(delivery_id(self.landed.dataset, self.landed.extract_date, self.sha256)),
            "_extract_date": pl.lit(self.landed.extract_date),
        }

    def arrival(self, zones: Zones) -> Arrival:
        """The file as a manifest names it."""
        return Arrival(
            revision=self.landed.revision,
            origin=self.landed.origin,
            received_at=datetime.fromtimestamp(self.facts.st_mtime, UTC),
            file_name=str(self.landed.path.relative_to(zones.landing)),
            file_size=self.facts.st_size,
            file_mtime_ns=self.facts.st_mtime_ns,
        )

    def check_unchanged(self) -> None:
        """Raises FileChanged when somebody was still writing the file."""
        now = self.landed.path.stat()
        if (now.st_size, now.st_mtime_ns) != (self.facts.st_size, self.facts.st_mtime_ns):
            raise FileChanged(f"{self.landed.path.name} changed while it was read. It is left for the next run.")


def load_delivery(
    settings: Settings, contract: Contract, landed: LandedFile, run_id: str, *, after: After = unheard
) -> Manifest:
    """Load one file from landing; a refused one gives a manifest that says so. Loading it again changes nothing.

    Raises FileChanged when somebody was still writing the file.
    """
    zones = Zones.of(settings)
    with Seen.of(landed) as seen:
        arrival = seen.arrival(zones)
        known = known_delivery(zones, seen) if _may_be_known(zones, seen) else None
        seen = replace(seen, delivered=known)  # noqa: PLW2901  # the same file, now recognised
        if known is not None and not is_due_again(known, contract) and not _is_renamed(known, seen, contract):
            return _recall(seen.folder(zones), known, arrival)
        with validated_aside(settings, contract, seen, run_id, after) as (aside, loaded):
            if known is None:
                _publish(aside, seen.folder(zones), loaded, zones, after)
                return loaded
            manifest = superseding(known.with_arrival(arrival), loaded)
            supersede(aside, seen.folder(zones), manifest, zones, after)
    return manifest


@contextmanager
def validated_aside(
    settings: Settings, contract: Contract, seen: Seen, run_id: str, after: After
) -> Generator[tuple[Path, Manifest]]:
    """Validate a file into a folder in scratch, flushed to disk and removed in the end, and say what came of it.

    Raises FileChanged when somebody was still writing the file.
    """
    zones = Zones.of(settings)
    for left in zones.scratch.glob("load.*"):
        # Who holds the lock is the only one who loads: whoever made this was killed.
        shutil.rmtree(left, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(dir=zones.scratch, prefix="load."))
    try:
        examination = examine(settings, seen.landed.path, contract, aside, seen.stamp, erased=seen.erased)
        after("examined")
        seen.check_unchanged()
        manifest = _manifest(contract, seen, run_id, seen.arrival(zones), examination)
        _write(aside, manifest, examination)
        if contract.dialect.format == "raster" and manifest.status == "accepted":
            _write_private(seen.landed.path, aside / _ACCEPTED.parent / seen.landed.path.name)
        after("written")
        yield aside, manifest
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _may_be_known(zones: Zones, seen: Seen) -> bool:
    """Whether a delivery of that day came in a file of that size: if not, the file is read while it is hashed."""
    found = manifests(zones, seen.landed.dataset, seen.landed.extract_date)
    return any(size == seen.facts.st_size for manifest, _, _ in found for _, size, _ in manifest.known_files)


def known_delivery(zones: Zones, seen: Seen) -> Manifest | None:
    """The delivery that a file brought, also when an erasure has emptied lines of it since; waits for its hash."""
    content = seen.hashing.result()
    exact = read_manifest(delivery_folder(zones.raw, seen.landed.dataset, seen.landed.extract_date, content))
    if exact is not None:
        return exact
    found = (manifest for manifest, _, _ in manifests(zones, seen.landed.dataset, seen.landed.extract_date))
    return next((manifest for manifest in found if content in manifest.known_hashes), None)


def _is_renamed(known: Manifest, seen: Seen, contract: Contract) -> bool:
    """Whether content that was refused has come under another name, where its name is part of what is examined."""
    names = {Path(arrival.file_name).name for arrival in known.arrivals}
    return contract.dialect.format == "raster" and known.status == "refused" and seen.landed.path.name not in names


def _recall(folder: Path, known: Manifest, arrival: Arrival) -> Manifest:
    """The same content once more: remembered, so that the file is not hashed every night.

    Under a higher revision it takes a correction back, or says what its origin is.
    """
    manifest = known.with_arrival(arrival)
    if manifest != known:
        write_atomically(folder / MANIFEST, manifest.model_dump_json(indent=2))
    return manifest


def _manifest(contract: Contract, seen: Seen, run_id: str, arrival: Arrival, examination: Examination) -> Manifest:
    validated = examination.validated
    is_refused = examination.refusal is not None
    return Manifest(
        dataset=seen.landed.dataset,
        extract_date=seen.landed.extract_date,
        part=seen.landed.part,
        sha256=seen.sha256,
        mode=contract.mode,
        status="refused" if is_refused else "accepted",
        loaded_at=datetime.now(UTC),
        loaded_by=whoami(),
        run_id=run_id,
        contract_version=contract.version,
        rows_read=examination.rows_read,
        rows_accepted=validated.rows_accepted if validated and not is_refused else 0,
        rows_quarantined=validated.rows_rejected if validated else 0,
        rules_quarantined=validated.rules_rejected if validated else {},
        rules_warned=validated.rules_warned if validated else {},
        drift=contract.drift,
        new_columns=list(examination.new_columns),
        missing_columns=list(examination.missing_columns),
        refusal=examination.refusal,
        **dict(arrival),
    )


def _write(aside: Path, manifest: Manifest, examination: Examination) -> None:
    """Prepare the rows of a result, in the form in which they are kept, and flush them to disk."""
    for folder in (_ACCEPTED.parent, _REJECTED.parent):
        (aside / folder).mkdir()
    validated = examination.validated
    if validated is not None and manifest.status == "accepted":
        validated.accepted.rename(aside / _ACCEPTED)
    if validated is not None and validated.rows_rejected:
        pl.scan_parquet(validated.rejected, glob=False).select(
            pl.lit(manifest.delivery_id).alias("delivery_id"), pl.all()
        ).sink_parquet(aside / _REJECTED)
    for file in rows_aside(aside):
        if file.exists():
            file.chmod(0o600)
            sync_file(file)


def _write_private(source: Path, target: Path) -> None:
    """Keep a file whose content no row holds, as delivered."""
    shutil.copyfile(source, target)
    target.chmod(0o600)
    sync_file(target)


def _publish(aside: Path, folder: Path, manifest: Manifest, zones: Zones, after: After) -> None:
    """Move both folders to their places: quarantine first, for the delivery exists once its own folder does."""
    quarantine = _quarantine_of(manifest, zones)
    write_atomically(aside / _ACCEPTED.parent / MANIFEST, manifest.model_dump_json(indent=2))
    sync_folder(aside / _REJECTED.parent)
    _replace(aside / _REJECTED.parent, quarantine, aside / "old_quarantine", zones.quarantine)
    after("quarantined")
    if not any(quarantine.iterdir()):
        quarantine.rmdir()
    after("cleared")
    _replace(aside / _ACCEPTED.parent, folder, aside / "old_delivery", zones.raw)
    after("loaded")


def superseding(known: Manifest, manifest: Manifest) -> Manifest:
    """The delivery with another result: the one that it had goes on record, and whatever file brought it stays."""
    before = {"earlier_results": [*known.earlier_results, known.result], "erasures": known.erasures}
    return manifest.brought_by(known.arrivals).model_copy(update=before)


def supersede(aside: Path, folder: Path, manifest: Manifest, zones: Zones, after: After) -> None:
    """Give a delivery another result. Until its manifest is replaced, the old one is in force, whole."""
    for raster in rasters_of(aside / _ACCEPTED.parent):
        raster.replace(folder / raster.name)
    place_rows(rows_aside(aside), folder, manifest, zones, after)


def place_rows(prepared: tuple[Path, Path], folder: Path, manifest: Manifest, zones: Zones, after: After) -> None:
    """Put accepted and rejected rows beside those in force, then have the manifest say that they count instead."""
    accepted, rejected = rows_of(manifest, folder, zones)
    _place(prepared[1], rejected, zones.quarantine)
    after("quarantined")
    _place(prepared[0], accepted, zones.raw)
    after("placed")
    write_atomically(folder / MANIFEST, manifest.model_dump_json(indent=2))
    after("loaded")
    sweep(manifest, folder, zones)
    after("swept")


def sweep(manifest: Manifest, folder: Path, zones: Zones) -> None:
    """Remove rows of other results than the one in force: of earlier ones, or of one that a kill left half placed."""
    for in_force in rows_of(manifest, folder, zones):
        for file in in_force.parent.glob("*.parquet"):
            if file != in_force:
                file.unlink()
    quarantine = _quarantine_of(manifest, zones)
    if quarantine.exists() and not any(quarantine.iterdir()):
        quarantine.rmdir()


def rows_of(manifest: Manifest, folder: Path, zones: Zones) -> tuple[Path, Path]:
    """Where a delivery's accepted and rejected rows lie, if it has any."""
    return folder / manifest.accepted_file, _quarantine_of(manifest, zones) / manifest.rejected_file


def rasters_of(folder: Path) -> list[Path]:
    """The rasters kept as delivered beside a delivery's rows."""
    return sorted(path for path in folder.iterdir() if {".tif", ".tiff"} & {end.lower() for end in path.suffixes})


def rows_aside(aside: Path) -> tuple[Path, Path]:
    """Where they lie while they are aside."""
    return aside / _ACCEPTED, aside / _REJECTED


def _quarantine_of(manifest: Manifest, zones: Zones) -> Path:
    return delivery_folder(zones.quarantine, manifest.dataset, manifest.extract_date, manifest.sha256)


def _place(prepared: Path, place: Path, zone: Path) -> None:
    """Put a result's rows in their place; one that has none must not find those of a load that was killed there."""
    if not prepared.exists():
        place.unlink(missing_ok=True)
        return
    _make_folder(place.parent, zone)
    prepared.rename(place)
    sync_folder(place.parent)


def _make_folder(folder: Path, zone: Path) -> None:
    for parent in reversed([folder, *folder.parents]):
        if parent.is_relative_to(zone) and not parent.exists():
            parent.mkdir(mode=OWNER_ONLY)
            sync_folder(parent.parent)


def _replace(prepared: Path, place: Path, old: Path, zone: Path) -> None:
    """Put a prepared folder in its place; an orphan that lies there goes aside first."""
    _make_folder(place.parent, zone)
    if place.exists():
        place.rename(old)
    prepared.rename(place)
    sync_folder(place.parent)
