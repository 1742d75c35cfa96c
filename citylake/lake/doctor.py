"""Is this machine fit to run citylake? Looks at everything, changes nothing, and says how to mend what is wrong.

What a run itself must check, it checks itself; here is what a person asks when something does not work.
"""

import grp
import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb
import psutil

from citylake.lake.attach import EXTENSIONS, bare_connection
from citylake.lake.errors import CitylakeError, NoRelease
from citylake.lake.lock import read_holder
from citylake.lake.publications import held
from citylake.lake.reader import connect
from citylake.lake.releases import current_release
from citylake.lake.settings import PROJECT_ROOT, TIMEZONE, Settings
from citylake.lake.zones import Zones, permissions

Status = Literal["well", "note", "wrong"]

GIGABYTE = 1 << 30
_FREE_WRONG, _FREE_NOTE = GIGABYTE, 5 * GIGABYTE
_CLOCK_SLACK_SECONDS = 300
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)\s*(?P<marker>;.*)?\\?$", re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``wrong`` must be mended, a ``note`` is worth knowing."""

    subject: str
    status: Status
    detail: str
    mend: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Look at versions, extensions, folders, permissions, secret, disk, memory, clock, lock and release."""
    zones = Zones.of(settings)
    return [finding for look in _LOOKS for finding in look(settings, zones)]


def _versions(_: Settings, __: Zones) -> Iterator[Finding]:
    subject = "版本 Versions"
    yield Finding(
        subject, "well", f"Python {sys.version.split()[0]}, citylake {importlib.metadata.version('citylake')}"
    )
    lock = PROJECT_ROOT / "requirements" / "run.txt"
    if not lock.exists():
        yield Finding(subject, "note", f"{lock} is not here: versions cannot be compared with it.")
        return
    # A package that is locked once for each of several Python versions is left to the installer.
    pins = {match["name"]: match["version"] for match in _PIN.finditer(lock.read_text()) if not match["marker"]}
    differing = [f"{name} {found} (locked: {pin})" for name, pin in pins.items() if (found := _installed(name)) != pin]
    if differing:
        yield Finding(subject, "wrong", "Not as locked: " + ", ".join(differing), "make clean && make refresh")
    else:
        yield Finding(subject, "well", f"{len(pins)} packages are installed exactly as locked")


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _extensions(settings: Settings, zones: Zones) -> Iterator[Finding]:
    subject = "扩展 Extensions"
    missing = [
        name
        for name in EXTENSIONS
        if not list(zones.extensions.glob(f"v{duckdb.__version__}/*/{name}.duckdb_extension"))
    ]
    if missing:
        yield Finding(
            subject,
            "note",
            f"DuckDB {duckdb.__version__} has not been given {', '.join(missing)} yet.",
            "The next refresh installs them from their wheels: citylake refresh",
        )
        return
    try:
        bare_connection(zones, settings).close()
    except duckdb.Error as problem:
        yield Finding(
            subject, "wrong", f"They cannot be loaded: {problem}", f"rm -r {zones.extensions} && citylake refresh"
        )
    else:
        yield Finding(subject, "well", f"{', '.join(EXTENSIONS)} for DuckDB {duckdb.__version__}")


def _folders(settings: Settings, zones: Zones) -> Iterator[Finding]:
    subject = "目录权限 Folders"
    if not zones.home.exists():
        yield Finding(subject, "note", f"{zones.home} does not exist yet.", "The first refresh makes it: make refresh")
        return
    wrong = 0
    for folder, mode in permissions(settings).items():
        finding = _folder(subject, folder, mode)
        if finding is not None:
            wrong += 1
            yield finding
    if not wrong:
        yield Finding(subject, "well", f"every zone under {zones.home} has the permissions it must have")
    closed = [parent for parent in zones.home.parents if not parent.stat().st_mode & 0o001]
    if closed:
        yield Finding(
            subject,
            "note",
            f"Other accounts cannot reach the releases: {closed[-1]} is closed to them.",
            f"To let analysts in: chmod o+x {' '.join(str(parent) for parent in reversed(closed))}",
        )


def _folder(subject: str, folder: Path, mode: int) -> Finding | None:
    try:
        status = folder.stat()
    except FileNotFoundError:
        return Finding(subject, "note", f"{folder} is missing.", "The next refresh makes it.")
    except PermissionError:
        return None  # Closed to this account, as most are to readers.
    found = status.st_mode & 0o777
    if found == mode:
        return None
    detail = f"{folder} has mode {found:o}, and must have {mode:o}"
    risk = ": other accounts may see what they must not" if found & ~mode & 0o077 else ""
    return Finding(subject, "wrong", detail + risk, f"chmod {mode:o} {folder}")


def _people(settings: Settings, zones: Zones) -> Iterator[Finding]:
    subject = "人员库授权 People lake"
    if settings.people_group is None:
        yield Finding(subject, "note", "No group may read it (CITYLAKE_PEOPLE_GROUP is not set): its owner alone can.")
        return
    try:
        group = grp.getgrnam(settings.people_group)
    except KeyError:
        yield Finding(
            subject, "wrong", f"There is no group {settings.people_group}.", f"groupadd {settings.people_group}"
        )
        return
    if zones.people.exists() and zones.people.stat().st_gid != group.gr_gid:
        yield Finding(subject, "wrong", f"{zones.people} is another group's.", f"chgrp {group.gr_name} {zones.people}")
    else:
        yield Finding(subject, "well", f"the group {group.gr_name} may read it")


def _secret(settings: Settings, zones: Zones) -> Iterator[Finding]:
    subject = "身份密钥 Identity secret"
    if settings.identity_secret is not None:
        yield Finding(subject, "well", "comes from CITYLAKE_IDENTITY_SECRET")
        return
    try:
        mode = zones.secret.stat().st_mode & 0o777
    except FileNotFoundError:
        yield Finding(subject, "note", "There is none yet.", "The first refresh makes it; back it up then.")
    except PermissionError:
        yield Finding(subject, "well", "is out of this account's reach, as it should be for readers")
    else:
        if mode & 0o077:
            yield Finding(subject, "wrong", f"{zones.secret} has mode {mode:o}", f"chmod 600 {zones.secret}")
        else:
            yield Finding(subject, "well", f"{zones.secret}, its owner's alone; is it in your backup?")


def _landing(settings: Settings, zones: Zones) -> Iterator[Finding]:
    subject = "落地区 Landing"
    if not zones.landing.exists():
        yield Finding(
            subject, "wrong" if settings.landing else "note", f"{zones.landing} does not exist.", "citylake sample-city"
        )
        return
    unreadable = [path for path in (zones.landing, *zones.landing.rglob("*")) if not _is_readable(path)]
    if unreadable:
        yield Finding(
            subject,
            "wrong",
            f"This account cannot read {len(unreadable)} files or folders, the first {unreadable[0]}.",
            f"chmod -R u+rX {zones.landing}, or run as the account that owns it",
        )
    else:
        yield Finding(subject, "well", f"{zones.landing} can be read")


def _is_readable(path: Path) -> bool:
    return os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK)


def _disk(_: Settings, zones: Zones) -> Iterator[Finding]:
    place = next(path for path in (zones.home, *zones.home.parents) if path.exists())
    free = shutil.disk_usage(place).free
    status: Status = "wrong" if free < _FREE_WRONG else "note" if free < _FREE_NOTE else "well"
    mend = (
        "" if status == "well" else "Free some; CITYLAKE_KEEP_RELEASES and CITYLAKE_KEEP_MONTH_ENDS say what is kept."
    )
    yield Finding("磁盘 Disk", status, f"{free / GIGABYTE:.1f} GB free at {place}", mend)


def _memory(settings: Settings, __: Zones) -> Iterator[Finding]:
    with duckdb.connect(config={"memory_limit": settings.memory_limit}) as connection:
        (limit,) = connection.execute("select current_setting('memory_limit')").fetchone() or ("?",)
    total = psutil.virtual_memory().total
    yield Finding("内存 Memory", "well", f"{total / GIGABYTE:.1f} GB; DuckDB may use {limit} (CITYLAKE_MEMORY_LIMIT)")


def _clock(_: Settings, zones: Zones) -> Iterator[Finding]:
    subject = "时钟 Clock"
    now = datetime.now(UTC)
    try:
        local = now.astimezone(ZoneInfo(TIMEZONE))
    except ZoneInfoNotFoundError:
        yield Finding(subject, "wrong", f"The time zone {TIMEZONE} is unknown here.", "pip install tzdata")
        return
    try:
        newest = current_release(zones).created_at
    except (CitylakeError, OSError):
        newest = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    if (newest - now).total_seconds() > _CLOCK_SLACK_SECONDS:
        yield Finding(
            subject,
            "wrong",
            f"It says {local:%Y-%m-%d %H:%M}, which is before what was written last ({newest:%F %R} UTC).",
            "Set the clock (timedatectl set-ntp true): deliveries and releases are dated by it.",
        )
    else:
        yield Finding(subject, "well", f"{local:%Y-%m-%d %H:%M} in {TIMEZONE}")


def _lock(_: Settings, zones: Zones) -> Iterator[Finding]:
    subject = "写锁 Writer's lock"
    holder = read_holder(zones)
    if holder is None:
        yield Finding(subject, "well", "nobody is writing")
    elif psutil.pid_exists(holder.pid):
        yield Finding(subject, "note", f"{holder.purpose} has been writing since {holder.since} (pid {holder.pid})")
    else:
        yield Finding(
            subject,
            "note",
            f"The last writer ({holder.purpose}, {holder.since}) was killed.",
            "Nothing to do: the next one clears up after it.",
        )


def _release(settings: Settings, zones: Zones) -> Iterator[Finding]:
    subject = "发布 Release"
    try:
        release = current_release(zones)
        connect(settings=settings).close()
    except NoRelease:
        yield Finding(subject, "note", "There is none yet.", "make refresh")
        return
    except CitylakeError as problem:
        yield Finding(subject, "wrong", str(problem), "citylake release rollback ID, to one that opens")
        return
    yield Finding(subject, "well", f"{release.release_id} opens; its data reach to {release.data_as_of}")
    hold = held(zones) if os.access(zones.ledger, os.R_OK | os.X_OK) else None
    if hold is not None:
        yield Finding(
            subject,
            "note",
            f"Publication is held since {hold.at:%F %R} UTC by {hold.by}: {hold.reason}",
            "When the cause is gone: citylake release resume",
        )


_LOOKS: tuple[Callable[[Settings, Zones], Iterator[Finding]], ...] = (
    _versions,
    _extensions,
    _folders,
    _people,
    _secret,
    _landing,
    _disk,
    _memory,
    _clock,
    _lock,
    _release,
)
