"""One writer: the OS lock that everything that writes must hold.

The kernel frees the lock when its holder dies, however it dies; the note beside it says who holds it, and a note found
by a new holder says that the last one died.
"""

import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from filelock import FileLock, Timeout

from citylake.lake.account import whoami
from citylake.lake.errors import LockHeld
from citylake.lake.files import write_atomically
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare


@dataclass(frozen=True)
class Holder:
    """Who holds the lock, since when and for what."""

    pid: int
    host: str
    user: str
    purpose: str
    since: str


@dataclass(frozen=True)
class Hold:
    """A lock that is held."""

    zones: Zones
    dead_predecessor: Holder | None
    """The holder before this one, when it ended without letting go: its leavings are to be cleared."""


@contextmanager
def writer_lock(settings: Settings, purpose: str, wait_seconds: float | None = None) -> Generator[Hold]:
    """Hold the writer's lock; the zones are prepared. Raises LockHeld, naming the holder, after the wait."""
    zones = prepare(settings)
    lock = FileLock(zones.lock, mode=0o600, thread_local=False)
    wait = settings.lock_wait_seconds if wait_seconds is None else wait_seconds
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        raise LockHeld(_describe(read_holder(zones))) from None
    note = zones.lock.with_suffix(".json")
    # What a night writes is its owner's alone until a release opens it to readers.
    umask = os.umask(0o077)
    try:
        predecessor = read_holder(zones)
        mine = Holder(os.getpid(), socket.gethostname(), whoami(), purpose, datetime.now(UTC).isoformat())
        write_atomically(note, json.dumps(asdict(mine)))
        yield Hold(zones, predecessor)
        note.unlink(missing_ok=True)
    except Exception:
        # The holder lives on and cleans up after itself; only a killed one leaves its note.
        note.unlink(missing_ok=True)
        raise
    finally:
        os.umask(umask)
        lock.release()


def is_held(zones: Zones) -> bool:
    """Whether somebody is writing at this moment; the note alone does not tell, for a killed holder leaves it."""
    lock = FileLock(zones.lock, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def read_holder(zones: Zones) -> Holder | None:
    """The holder's note, if there is one and it can be read."""
    try:
        return Holder(**json.loads(zones.lock.with_suffix(".json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _describe(holder: Holder | None) -> str:
    who = "another process" if holder is None else f"{holder.purpose} (pid {holder.pid}, {holder.user}@{holder.host})"
    since = "" if holder is None else f" since {holder.since}"
    return (
        f"{who} has been writing{since}. Nothing was changed. "
        "Try again when it has finished, or wait for it with CITYLAKE_LOCK_WAIT_SECONDS."
    )
