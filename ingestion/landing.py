"""Landing: extracts exactly as delivered. What is new there, what is not ours, and how a file gets there.

Files are named as :class:`citylake.lake.deliveries.LandedFile` says and never changed once they have their name.
"""

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from io import BufferedReader
from pathlib import Path

from citylake.contracts.model import Contract
from citylake.lake.deliveries import Manifest, manifests
from citylake.lake.errors import UsageError
from citylake.lake.files import sync_folder
from citylake.lake.landed import LandedFile
from citylake.lake.settings import Settings
from citylake.lake.zones import OWNER_ONLY, Zones
from ingestion.hashing import sha256_in, sha256_of

_STILL_WRITTEN = (".part", ".tmp", ".filepart", ".crdownload")
_DAY_IN_NAME = re.compile(r"(?<!\d)(20\d{2})[-_]?(\d{2})[-_]?(\d{2})(?!\d)")


@dataclass(frozen=True)
class LandingScan:
    """What lies in landing and is not loaded yet."""

    new: dict[str, list[LandedFile]]
    """By dataset, in the order of extract date and revision."""
    unrecognised: list[Path]
    """Files that no contract knows; nobody reads them."""


def scan_landing(settings: Settings, contracts: Mapping[str, Contract]) -> LandingScan:
    """Find what is new of all datasets, and what nobody knows; see :func:`new_files` for one dataset alone."""
    new = {dataset: new_files(settings, contract) for dataset, contract in contracts.items()}
    return LandingScan({dataset: files for dataset, files in new.items() if files}, strangers(settings, contracts))


def new_files(settings: Settings, contract: Contract) -> list[LandedFile]:
    """What is new of one dataset, in the order of extract date and revision.

    Known is what a manifest names with the same size (as delivered, or as an erasure left it) and modification time:
    nothing is hashed, and only the dataset's own manifests are read. A refused file counts as new again once its
    contract has another version.
    """
    zones = Zones.of(settings)
    known = {
        file
        for manifest, _, _ in manifests(zones, contract.dataset)
        if not is_due_again(manifest, contract)
        for file in manifest.known_files
    }
    folder = zones.landing / contract.department / contract.name
    # As with files: a folder that is a link leads to what the lake's owner must not read for a department.
    files = files_under(folder) if folder.resolve() == zones.landing.resolve().joinpath(*folder.parts[-2:]) else ()
    landed = (_recognise(path, zones.landing, {contract.dataset: contract}) for path in files)
    new = [one for one in landed if one is not None and _identity(one.path, zones.landing) not in known]
    return sorted(new, key=lambda one: (one.extract_date, one.revision, one.path.name))


def strangers(settings: Settings, contracts: Mapping[str, Contract]) -> list[Path]:
    """Files in landing that no contract knows."""
    landing = Zones.of(settings).landing
    return [path for path in files_under(landing) if _recognise(path, landing, contracts) is None]


def files_under(folder: Path) -> Iterator[Path]:
    """Every file in a folder and below it that is whole, by place and name; a folder that is a link is not entered."""
    return (path for path in entries_under(folder) if path.is_file())


def entries_under(folder: Path) -> Iterator[Path]:
    """Whatever lies in a folder and below it and is no folder, links to folders too; but what is still written."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in sorted([*names, *links]):
            if not name.startswith(".") and not name.endswith(_STILL_WRITTEN):
                yield Path(place, name)


def opened_itself(file: Path) -> BufferedReader:
    """Open what is a file itself. Raises OSError for a link, a pipe, a socket or a device, whatever it was before.

    Looked at first and opened then, it could be exchanged between for a link to what only the lake's owner may read.
    """
    return open(file, "rb", opener=_open_itself)  # Path.open takes no opener


def _open_itself(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a file", path)


def land(  # noqa: PLR0913  # each is a separate fact about the delivery
    settings: Settings,
    file: Path,
    contract: Contract,
    extract_date: date,
    *,
    synthetic: bool = False,
    revision: int | None = None,
) -> LandedFile:
    """Copy a file into landing under its canonical name; it arrives now. The caller holds the lock.

    Content that landing already has for that day is not copied again. Raises UsageError when the file is missing or
    the revision asked for is taken by other content.
    """
    if not file.is_file():
        raise UsageError(f"{file} is not a file that can be read.")
    with file.open("rb") as source:
        return land_content(
            settings, source, contract, extract_date, name=file.name, synthetic=synthetic, revision=revision
        )


def land_content(  # noqa: PLR0913  # as for land
    settings: Settings,
    source: BufferedReader,
    contract: Contract,
    extract_date: date,
    *,
    name: str,
    synthetic: bool = False,
    revision: int | None = None,
) -> LandedFile:
    """:func:`land` for a file of that name that is open already, read from its beginning."""
    zones = Zones.of(settings)
    folder = zones.landing / contract.department / contract.name
    folder.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY)
    if contract.dialect.format == "raster":
        return _land_as_named(source, folder / name, contract, extract_date, synthetic=synthetic)
    sha256 = sha256_in(source)
    present = [one for one in _landed(folder, contract, extract_date) if revision in (None, one.revision)]
    origin = "synthetic" if synthetic else "real"
    for landed in sorted(present, key=lambda one: one.revision, reverse=True)[:1]:
        if landed.origin == origin and sha256_of(landed.path) == sha256:
            return landed
        if revision is not None:
            raise UsageError(
                f"Revision {revision} of {contract.dataset} for {extract_date} is taken by other content. "
                "Leave --revision out to deliver a correction under the next number."
            )
    if revision is None:
        revision = _next_revision(zones, contract.dataset, extract_date, present)
    target = folder / _canonical_name(source, contract, extract_date, revision, synthetic=synthetic)
    _copy(source, target)
    landed = LandedFile.parse(target, contract.department)
    if landed is None:
        raise UsageError(f"{target.name} is not a name that landing accepts: a revision has at most four digits.")
    return landed


def date_in_name(name: str) -> date | None:
    """The day that a file's own name gives, ``…20261121…`` or ``…2026-11-21…``; None without a real one."""
    match = _DAY_IN_NAME.search(name)
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None


def is_due_again(manifest: Manifest, contract: Contract | None) -> bool:
    """Whether a refused delivery gets another chance, because its contract has changed since."""
    return manifest.status == "refused" and contract is not None and manifest.contract_version != contract.version


def _identity(path: Path, landing: Path) -> tuple[str, int, int]:
    facts = path.stat()
    return str(path.relative_to(landing)), facts.st_size, facts.st_mtime_ns


def _recognise(path: Path, landing: Path, contracts: Mapping[str, Contract]) -> LandedFile | None:
    place = path.relative_to(landing).parts
    # A link would have the lake's owner read, for whoever may write here, what he may not read himself.
    if len(place) != 3 or path.is_symlink():
        return None
    landed = LandedFile.parse(path, department=place[0])
    is_ours = landed is not None and landed.dataset in contracts and landed.dataset == f"{place[0]}.{place[1]}"
    return landed if is_ours else None


def _landed(folder: Path, contract: Contract, extract_date: date) -> list[LandedFile]:
    """What landing has of one dataset for one day."""
    beginning = f"{contract.name}_{extract_date:%Y%m%d}"
    with os.scandir(folder) as entries:
        paths = [Path(entry.path) for entry in entries if entry.name.startswith(beginning)]
    found = (LandedFile.parse(path, contract.department) for path in paths)
    return [one for one in found if one is not None and one.dataset == contract.dataset]


def _next_revision(zones: Zones, dataset: str, extract_date: date, present: list[LandedFile]) -> int:
    """One more than any that landing or a manifest knows: a file may have been removed from landing since."""
    delivered = (
        arrival.revision for manifest, _, _ in manifests(zones, dataset, extract_date) for arrival in manifest.arrivals
    )
    return max([*delivered, *(landed.revision for landed in present)], default=-1) + 1


def _land_as_named(
    source: BufferedReader, target: Path, contract: Contract, extract_date: date, *, synthetic: bool
) -> LandedFile:
    """Copy a raster, whose own name says what it is. Raises UsageError where that is not what the caller says."""
    landed = LandedFile.parse(target, contract.department)
    if landed is None or landed.extract_date != extract_date or (synthetic and landed.origin == "real"):
        raise UsageError(
            f"{target.name} 与所报日期或来源不符。 A raster keeps its own name, and this one does not say "
            f"{extract_date}{' and .synthetic' if synthetic else ''}: it stands for the last day of its year."
        )
    if not target.exists():
        _copy(source, target)
    elif sha256_of(target) != sha256_in(source):
        raise UsageError(
            f"{target} 已存在且内容不同。 It is there with other content: remove it if it is not in force."
        )
    return landed


def _canonical_name(
    source: BufferedReader, contract: Contract, extract_date: date, revision: int, *, synthetic: bool
) -> str:
    source.seek(0)
    is_gzip = source.read(2) == b"\x1f\x8b"
    return "".join(
        (
            f"{contract.name}_{extract_date:%Y%m%d}",
            f"_r{revision}" if revision else "",
            ".synthetic" if synthetic else "",
            f".{contract.dialect.extension}",
            ".gz" if is_gzip else "",
        )
    )


def _copy(source: BufferedReader, target: Path) -> None:
    """Copy so that the name appears only with the whole content behind it; its modification time is now.

    What a killed copy of the same file left is replaced: the name beside it is always the same one.
    """
    aside = target.with_name(f".{target.name}.part")
    aside.unlink(missing_ok=True)
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        source.seek(0)
        with os.fdopen(descriptor, "wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
        aside.rename(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
