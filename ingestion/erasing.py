"""A person's rows taken out of deliveries: out of the files in landing, of raw and of quarantine.

A delivery stays the delivery that it was, under the hash of what came; its manifest says what was erased, when, by
whom and on what basis, and what is left. New Parquet is put beside the old and the manifest, replaced in one move, says
which counts; only then is the file in landing replaced. So an erasure may die at any moment and be started again: what
a manifest says of its file is then carried out. The caller holds the writer's lock.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from citylake.contracts.model import Contract
from citylake.lake.attach import bare_connection
from citylake.lake.deliveries import MANIFEST, Manifest, manifests
from citylake.lake.erasures import Erasure, Sought
from citylake.lake.files import sync_file, sync_folder, write_atomically
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.emptying import Span, empty_records, records_with
from ingestion.examination import examine
from ingestion.finding import accepted_lines, rejected_lines
from ingestion.hashing import sha256_of
from ingestion.loading import After, place_rows, rows_of, sweep, unheard
from ingestion.refusals import RefusedFile
from ingestion.validation import rows_per_rule

_LONGEST_RECORD_LINES = 100
"""Of delimited text: :mod:`ingestion.readers.careful` takes no longer one for a record."""
_ASIDE = ".erased.part"


@dataclass(frozen=True)
class Facts:
    """What a manifest keeps of an erasure besides what went."""

    erasure_id: str
    at: datetime
    by: str
    basis: str


@dataclass
class Erased:
    """What was taken out of deliveries, counted."""

    landing_lines: int = 0
    raw_rows: int = 0
    quarantine_rows: int = 0
    deliveries: dict[str, int] = field(default_factory=dict[str, int])
    """Rows by dataset."""
    damaged: list[str] = field(default_factory=list[str])
    """Files in landing that were refused and are too damaged to be searched: ids of their deliveries."""
    found: int = 0
    """Rows that were there this time."""


def erase_from_deliveries(  # noqa: PLR0913  # where, whom, why, and who is told
    settings: Settings,
    contracts: Mapping[str, Contract],
    sought: Sought,
    facts: Facts,
    *,
    among: Iterable[str] | None = None,
    after: After = unheard,
) -> Erased:
    """Erase a person from every delivery, whatever its status, or from those of these ids."""
    zones, erased = Zones.of(settings), Erased()
    wanted = None if among is None else set(among)
    _clear_landing(zones)
    for manifest, folder, _ in list(manifests(zones)):
        contract = contracts.get(manifest.dataset)
        if contract is None or (wanted is not None and manifest.delivery_id not in wanted):
            continue
        sweep(manifest, folder, zones)
        known = settle(settings, contract, manifest, folder, sought.ids)
        erased_now = _erase_one(settings, contract, known, folder, sought, facts, erased, after)
        if erased_now is not None:
            erased.found += len(erased_now.erasures[-1].lines)
            settle(settings, contract, erased_now, folder, sought.ids)
            after("settled")
    for manifest, _, _ in manifests(zones):
        for one in (one for one in manifest.erasures if one.erasure_id == facts.erasure_id):
            erased.landing_lines += len(one.lines)
            erased.raw_rows += one.rows_accepted
            erased.quarantine_rows += one.rows_quarantined
            erased.deliveries[manifest.dataset] = erased.deliveries.get(manifest.dataset, 0) + len(one.lines)
    return erased


def settle(settings: Settings, contract: Contract, manifest: Manifest, folder: Path, words: Sequence[str]) -> Manifest:
    """Bring every file of a delivery in landing to what its manifest says was erased; the manifest as it then is.

    So is a file that was there when the erasing process died, and one that brought the same content again.
    """
    zones = Zones.of(settings)
    if not manifest.erasures:
        return manifest
    for path in _files(manifest, zones, manifest.erasures[-1].file_size):
        facts = path.stat()
        content = sha256_of(path)
        if content not in manifest.known_hashes or content == manifest.erasures[-1].sha256:
            continue
        aside = _emptied(zones, path, contract, manifest.lines_erased, words)
        if aside is None:
            continue
        now = {"sha256": sha256_of(aside), "file_size": aside.stat().st_size}
        if now != manifest.erasures[-1].model_dump(include=set(now)):
            last = manifest.erasures[-1].model_copy(update=now)
            manifest = manifest.model_copy(update={"erasures": [*manifest.erasures[:-1], last]})
            write_atomically(folder / MANIFEST, manifest.model_dump_json(indent=2))
        _replace(aside, path, facts.st_mtime_ns)
    return manifest


def lines_left(settings: Settings, contracts: Mapping[str, Contract], sought: Sought) -> dict[str, int]:
    """By delivery, rows of raw and quarantine that are still the person's. Reads only."""
    zones, left = Zones.of(settings), dict[str, int]()
    with bare_connection(zones, settings, extensions=(), spill=zones.scratch / "erase") as engine:
        for manifest, folder, _ in manifests(zones):
            contract = contracts.get(manifest.dataset)
            if contract is None:
                continue
            accepted, rejected = rows_of(manifest, folder, zones)
            lines = accepted_lines(engine, accepted, contract, sought) if accepted.exists() else set[int]()
            lines |= rejected_lines(engine, rejected, contract, sought) if rejected.exists() else set()
            if lines:
                left[manifest.delivery_id] = len(lines)
    shutil.rmtree(zones.scratch / "erase", ignore_errors=True)
    return left


def _files(manifest: Manifest, zones: Zones, size_now: int | None) -> Iterator[Path]:
    """Files in landing that may have brought the delivery's content and are not yet of the size they should have."""
    for arrival in manifest.arrivals:
        path = zones.landing / arrival.file_name
        if path.is_file() and not path.is_symlink() and path.stat().st_size != size_now:
            yield path


def _erase_one(  # noqa: PLR0913, PLR0917  # a delivery, whom to erase, and who is told
    settings: Settings,
    contract: Contract,
    manifest: Manifest,
    folder: Path,
    sought: Sought,
    facts: Facts,
    erased: Erased,
    after: After,
) -> Manifest | None:
    """Take the person's rows out of raw and quarantine and say so in the manifest; None when there are none."""
    zones = Zones.of(settings)
    aside = zones.scratch / "erase"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    try:
        with bare_connection(zones, settings, extensions=(), spill=aside / "spill") as engine:
            file = _in_landing(manifest, zones)
            accepted, rejected = rows_of(manifest, folder, zones)
            refused = _refused_rows(settings, contract, manifest, file, aside)
            good = [path for path in (accepted, refused) if path is not None and path.exists()]
            lines = {line for path in good for line in accepted_lines(engine, path, contract, sought)}
            lines |= rejected_lines(engine, rejected, contract, sought) if rejected.exists() else set()
            is_known = manifest.status == "accepted" or refused is not None
            kept = [*good, *([rejected] if rejected.exists() else [])] if is_known else []
            all_lines = _all_lines(kept)
            lines |= _lines_of_text(file, contract, manifest, sought, all_lines, erased, aside)
        if not lines:
            return None
        spans = [(line, _end_of(line, all_lines, contract)) for line in sorted(lines)]
        left = _left(manifest, (accepted, rejected), lines, spans, facts, aside)
        if file is not None:
            emptied = _emptied(zones, file, contract, sorted({*manifest.lines_erased, *spans}), sought.ids)
            if emptied is not None:
                last = left.erasures[-1].model_copy(
                    update={"sha256": sha256_of(emptied), "file_size": emptied.stat().st_size}
                )
                left = left.model_copy(update={"erasures": [*manifest.erasures, last]})
        after("written")
        place_rows((aside / accepted.name, aside / rejected.name), folder, left, zones, after)
        return left
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _in_landing(manifest: Manifest, zones: Zones) -> Path | None:
    """A file in landing with the content of the delivery, as delivered or as an earlier erasure left it."""
    for arrival in manifest.arrivals:
        path = zones.landing / arrival.file_name
        if path.is_file() and not path.is_symlink() and sha256_of(path) in manifest.known_hashes:
            return path
    return None


def _refused_rows(
    settings: Settings, contract: Contract, manifest: Manifest, file: Path | None, aside: Path
) -> Path | None:
    """The good rows of a delivery that was refused, which are kept in landing alone: read once more."""
    if manifest.status != "refused" or manifest.rows_read is None or file is None:
        return None
    place = aside / "refused"
    place.mkdir()
    erased = [first for first, _ in manifest.lines_erased]
    validated = examine(settings, file, contract, place, erased=erased).validated
    return None if validated is None else validated.accepted


def _all_lines(files: Sequence[Path]) -> pl.Series:
    """The first line of every record that a delivery still has, rising."""
    found = (pl.read_parquet(file, columns=[_line_column(file)], glob=False).to_series() for file in files)
    return pl.concat([pl.Series("line", [], pl.Int64), *(lines.alias("line") for lines in found)]).sort()


def _line_column(file: Path) -> str:
    return "_line" if "_line" in pl.read_parquet_schema(file) else "line"


def _lines_of_text(  # noqa: PLR0913, PLR0917  # a file, what is known of it, and what is sought
    file: Path | None,
    contract: Contract,
    manifest: Manifest,
    sought: Sought,
    all_lines: pl.Series,
    erased: Erased,
    aside: Path,
) -> set[int]:
    """Records of the file itself in which an id stands, under whatever heading; of an unreadable one any line."""
    if file is None:
        return set()
    words = [*sought.ids, *(sought.long_numbers(contract.dataset) if manifest.rows_read is None else [])]
    try:
        found = records_with(file, contract, words, aside)
    except RefusedFile:
        erased.damaged.append(manifest.delivery_id)
        return set()
    if contract.dialect.format != "csv" or all_lines.is_empty():
        return set(found)
    # A line within a record is that record's; one before the first is of the headings, and stands by itself.
    places = [int(all_lines.search_sorted(line, side="right")) for line in found]
    return {int(all_lines[place - 1]) if place else line for line, place in zip(found, places, strict=True)}


def _end_of(line: int, all_lines: pl.Series, contract: Contract) -> int:
    """The last line of the record that begins here: of delimited text the one before the next record begins."""
    if contract.dialect.format != "csv" or all_lines.is_empty():
        return line
    place = int(all_lines.search_sorted(line, side="right"))
    next_line = int(all_lines[place]) if place < len(all_lines) else line + _LONGEST_RECORD_LINES
    is_known = place > 0 and int(all_lines[place - 1]) == line
    return min(next_line - 1, line + _LONGEST_RECORD_LINES - 1) if is_known else line


def _left(  # noqa: PLR0913, PLR0917  # what was there, what goes, and why
    manifest: Manifest,
    rows: tuple[Path, Path],
    lines: set[int],
    spans: list[Span],
    facts: Facts,
    aside: Path,
) -> Manifest:
    """Write the rows that are left into ``aside``; the manifest that says so."""
    went, rules = [0, 0], [manifest.rules_warned, manifest.rules_quarantined]
    for number, (file, column, rule) in enumerate(zip(rows, ("_line", "line"), ("_warnings", "rules"), strict=True)):
        if not file.exists():
            continue
        target = aside / file.name
        was = pl.scan_parquet(file, glob=False)
        is_gone = pl.col(column).is_in(sorted(lines))
        was.filter(~is_gone).sink_parquet(target, compression="lz4" if number == 0 else "zstd", statistics=False)
        target.chmod(0o600)
        sync_file(target)
        left = pl.scan_parquet(target, glob=False)
        went[number] = int((was.select(pl.len()).collect() - left.select(pl.len()).collect()).item())
        rules[number] = rows_per_rule(left, rule)
        if number == 1 and not left.select(pl.len()).collect().item():
            target.unlink()
    read = None if manifest.rows_read is None else manifest.rows_read - len(lines)
    entry = Erasure(
        erasure_id=facts.erasure_id,
        at=facts.at,
        by=facts.by,
        basis=facts.basis,
        lines=spans,
        rows_accepted=went[0],
        rows_quarantined=went[1],
    )
    return manifest.model_copy(
        update={
            "rows_read": read,
            "rows_accepted": manifest.rows_accepted - went[0],
            "rows_quarantined": manifest.rows_quarantined - went[1],
            "rules_warned": rules[0],
            "rules_quarantined": rules[1],
            "erasures": [*manifest.erasures, entry],
        }
    )


def _emptied(zones: Zones, file: Path, contract: Contract, spans: Sequence[Span], words: Sequence[str]) -> Path | None:
    """What is left of a file, in scratch; None where the file is too damaged to be emptied."""
    place = zones.scratch / "emptied"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    target = place / "left"
    try:
        empty_records(file, target, contract, spans, words)
    except RefusedFile:
        return None
    return target


def _replace(left: Path, file: Path, mtime_ns: int) -> None:
    """Put what is left in the file's place: with its time, for that is when it was received, and its permissions.

    Landing may be on another disk than scratch.
    """
    aside = file.with_name(f".{file.name}{_ASIDE}")
    shutil.copyfile(left, aside)
    aside.chmod(file.stat().st_mode & 0o777)
    os.utime(aside, ns=(mtime_ns, mtime_ns))
    sync_file(aside)
    aside.replace(file)
    sync_folder(file.parent)
    left.unlink()


def _clear_landing(zones: Zones) -> None:
    """What a killed erasure left beside a file."""
    for left in zones.landing.glob(f"*/*/.*{_ASIDE}"):
        left.unlink()
