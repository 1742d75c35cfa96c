"""Many extracts at once: which files of a folder are whose, and bringing them in one after the other.

Nothing is kept of how far a backfill has come. A delivery is known by its content, so whatever moment one dies at, the
next passes over what has come by its hash, and goes on with the rest.

The writer's lock is held for a stretch of work and let go before the next. Held for all of it, years of extracts would
starve the night, which waits half an hour for it; taken for each file, it would cost as much as a small file does.
A night that comes between two stretches releases what is there by then, in whole deliveries, as any night does; what
it computes of them does not depend on what comes later.
"""

import stat
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from io import BufferedReader
from pathlib import Path

from citylake.contracts.labels import Label
from citylake.contracts.model import Contract, find_contract, load_contracts
from citylake.lake.deliveries import Manifest, delivery_folder, read_manifest
from citylake.lake.errors import UsageError
from citylake.lake.landed import LandedFile, Origin
from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.hashing import sha256_in
from ingestion.landing import date_in_name, entries_under, is_due_again, land_content, opened_itself
from ingestion.loading import FileChanged, load_delivery

PURPOSE = "citylake ingest --folder"
STRETCH_SECONDS = 20.0
"""How long the lock is held at a time; the file that is being loaded then is finished first."""
PAUSE_SECONDS = 0.5
"""How long it is free between: several times what those who wait for it let pass between two attempts."""
WAIT_SECONDS = 7200.0
"""How long a backfill that has begun waits for a night that came between."""

_UNKNOWN = Label("文件名看不出数据集和日期", "its name does not say of which dataset and day it is")
_LINK = Label("是链接", "it is a link")
_NO_FILE = Label("不是普通文件（管道、套接字或设备）", "it is not a file, but a pipe, a socket or a device")
_AMBIGUOUS = Label(
    "与另一文件同日同修订号；更正请命名为 …_r1、_r2",
    "another file is of the same day and revision; call a correction …_r1, …_r2",
)
_UNREADABLE = Label("无法读取", "it cannot be read")


@dataclass(frozen=True)
class Found:
    """A file in the folder that is an extract of a dataset."""

    path: Path
    contract: Contract
    extract_date: date
    revision: int
    origin: Origin


@dataclass(frozen=True)
class Left:
    """A file that is left where it is, and why."""

    path: Path
    reason: Label


@dataclass(frozen=True)
class Brought:
    """What came of one file that was found."""

    file: Found
    manifest: Manifest | None
    """Accepted or refused; None when the file could not be taken, for ``reason``."""
    is_known: bool = False
    """Whether it had come before."""
    reason: Label | None = None


def look_through(
    settings: Settings, folder: Path, dataset: str | None = None, *, synthetic: bool = False
) -> tuple[list[Found], list[Left]]:
    """The extracts in a folder and below it, folder by folder in the order of names, and what is none.

    A name ends as names in landing do, ``<dataset>_<YYYYMMDD>[_r<revision>][.synthetic].<ext>[.gz]``; where two
    departments have a dataset of that name, the folder ``<department>/<dataset>/`` tells. Under ``dataset``, any name
    with a day in it will do. Raises UsageError for a folder that is none and a dataset that nobody knows.
    """
    if not folder.is_dir():
        raise UsageError(f"没有文件夹 {folder}，或您的账号无权读取。 There is no folder {folder} that can be read.")
    contracts = load_contracts(settings.contracts)
    only = None if dataset is None else find_contract(settings.contracts, dataset)
    found: list[Found] = []
    left: list[Left] = []
    for path in entries_under(folder):
        reason = _no_file(path)
        one = None if reason else _recognise(path, contracts, only, synthetic=synthetic)
        if one is None:
            left.append(Left(path, reason or _UNKNOWN))
        else:
            found.append(one)
    count = Counter(map(_place, found))
    left += [Left(one.path, _AMBIGUOUS) for one in found if count[_place(one)] > 1]
    return [one for one in found if count[_place(one)] == 1], left


def bring(  # noqa: PLR0913  # what is brought, and how its pace is set
    settings: Settings,
    files: Sequence[Found],
    run_id: str,
    tell: Callable[[Brought], None],
    *,
    stretch_seconds: float = STRETCH_SECONDS,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Land and load the files in their order; ``tell`` hears of each. A refused one does not stop the others.

    Raises LockHeld when another process is writing: at the beginning after the settings' wait, later after
    ``WAIT_SECONDS``. Whenever it ends, started again it goes on where it was.
    """
    waiting, wait = deque(files), settings.lock_wait_seconds
    while waiting:
        with writer_lock(settings, PURPOSE, wait) as hold:
            until = time.monotonic() + stretch_seconds
            while waiting:
                tell(_bring(settings, hold.zones, waiting.popleft(), run_id))
                if time.monotonic() >= until:
                    break
        if waiting:
            pause(PAUSE_SECONDS)
        wait = max(settings.lock_wait_seconds, WAIT_SECONDS)


def _no_file(path: Path) -> Label | None:
    """What a path is that is no file itself, None for a file."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return _UNREADABLE
    return _LINK if stat.S_ISLNK(mode) else None if stat.S_ISREG(mode) else _NO_FILE


def _recognise(
    path: Path, contracts: Mapping[str, Contract], only: Contract | None, *, synthetic: bool
) -> Found | None:
    named = LandedFile.parse(path, department=only.department if only else "")
    if only is None:
        contract = None if named is None else _contract_of(path, named.dataset.removeprefix("."), contracts)
    else:
        contract = only
    day = named.extract_date if named else date_in_name(path.name)
    if contract is None or day is None:
        return None
    origin = "synthetic" if synthetic or (named is not None and named.origin == "synthetic") else "real"
    return Found(path, contract, day, named.revision if named else 0, origin)


def _contract_of(path: Path, name: str, contracts: Mapping[str, Contract]) -> Contract | None:
    """The contract of this name: of the department whose folder it lies in, or the only one."""
    candidates = [contract for contract in contracts.values() if contract.name == name]
    placed = [one for one in candidates if path.parts[-3:-1] == (one.department, one.name)]
    return next(iter(placed or (candidates if len(candidates) == 1 else [])), None)


def _place(one: Found) -> tuple[str, date, int]:
    return one.contract.dataset, one.extract_date, one.revision


def _bring(settings: Settings, zones: Zones, file: Found, run_id: str) -> Brought:
    """Land and load one file, unless it has come before under that revision and origin. The caller holds the lock."""
    with ExitStack() as opened:
        try:
            source = opened.enter_context(opened_itself(file.path))
            sha256 = sha256_in(source)
        except OSError:
            return Brought(file, None, reason=_no_file(file.path) or _UNREADABLE)
        known = read_manifest(delivery_folder(zones.raw, file.contract.dataset, file.extract_date, sha256))
        return _bring_content(settings, file, source, known, run_id)


def _bring_content(
    settings: Settings, file: Found, source: BufferedReader, known: Manifest | None, run_id: str
) -> Brought:
    contract = file.contract
    is_known = known is not None and not is_due_again(known, contract)
    if known is not None and is_known and _came_as(file, known):
        return Brought(file, known, is_known=True)
    try:
        landed = land_content(
            settings,
            source,
            contract,
            file.extract_date,
            name=file.path.name,
            synthetic=file.origin == "synthetic",
            revision=file.revision,
        )
        manifest = load_delivery(settings, contract, landed, run_id)
    except UsageError:
        return Brought(file, None, reason=_taken(file))
    except FileChanged as problem:
        return Brought(file, None, reason=Label("读取时文件有变动", str(problem)))
    return Brought(file, manifest, is_known=is_known)


def _came_as(file: Found, known: Manifest) -> bool:
    return any((one.revision, one.origin) == (file.revision, file.origin) for one in known.arrivals)


def _taken(file: Found) -> Label:
    return Label(
        f"{file.extract_date} 修订号 {file.revision} 已有另一内容；更正请命名为 …_r{file.revision + 1}",
        f"revision {file.revision} of {file.extract_date} has come with other content; call a correction "
        f"…_r{file.revision + 1}",
    )
