"""Read-only connections on a release, for analysts, the app and the SQL shell.

Whoever reads needs no right to write anything, waits for nobody, and sees one release, whole, for as long as the
connection lives. Writers use :mod:`citylake.lake.attach`.
"""

import fcntl
import os
import shutil
import weakref
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb

from citylake.lake.attach import Lake, bare_connection, quoted
from citylake.lake.errors import EnvironmentProblem, NoRelease
from citylake.lake.frozen import attach_frozen
from citylake.lake.lockdown import lock, open_locked
from citylake.lake.private_folder import private_folder
from citylake.lake.releases import IN_USE, NOT_YET, Release, current_id, find_release
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

PEOPLE_BY_ROLE = (
    "您的账号没有读取 people 库的角色；请湖仓管理员将其加入 CITYLAKE_PEOPLE_GROUP 所指的用户组，重新登录后生效。 "
    "The people lake is there for a role that this account does not have: ask the lake's keeper to add the account to "
    "the group named in CITYLAKE_PEOPLE_GROUP, and log in again."
)
_ATTEMPTS = 20


def connect(
    release: str | None = None,
    *,
    date: date | None = None,
    people: bool | None = None,
    locked: bool = False,
    settings: Settings | None = None,
) -> duckdb.DuckDBPyConnection:
    """A read-only DuckDB connection on a release; ``city`` is its default database.

    Args:
        release: The id of a release, or the start of it; the current one when neither this nor ``date`` is given.
        date: The newest release whose data reach no further than this day, rolled back ones left out.
        people: Attach the ``people`` lake too: True insists, False leaves it out, None takes it where permitted.
        locked: Nothing but this release can be read, nothing written, no setting changed: for SQL from strangers.
        settings: Where the lakes lie; from the environment when not given.

    The release keeps its files while the returned object lives, so keep it for as long as any cursor of it. What is
    read is told by ``select getvariable('release_id'), getvariable('data_as_of'), getvariable('origin')``.

    Raises:
        NoRelease: Nothing was published yet.
        UsageError: No release, or several, are meant.
        EnvironmentProblem: A permission is missing, or the extensions are.
    """
    settings = settings or Settings()
    zones = Zones.of(settings)
    chosen, in_use = _hold(zones, release, date)
    try:
        lakes = _permitted(zones, chosen, people=people)
        connection, scratch = _open(settings, chosen, lakes, locked=locked)
    except BaseException:
        os.close(in_use)
        raise
    weakref.finalize(connection, _let_go, in_use, scratch)
    return connection


def _hold(zones: Zones, wanted: str | None, on: date | None) -> tuple[Release, int]:
    """Choose a release and mark it as in use, so that maintenance leaves it its files.

    Between the choice and the mark the release may be dropped, when a newer one came and few are kept: choose again.
    """
    for _ in range(_ATTEMPTS):
        release = find_release(zones, wanted, on)
        path = zones.releases / release.release_id / IN_USE
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return release, descriptor
        except FileNotFoundError:
            pass  # It was dropped at this moment.
        except BlockingIOError:
            # It is being dropped at this moment; the current one never is, so there a stranger holds the file.
            if release.release_id == current_id(zones):
                return release, descriptor
        os.close(descriptor)
    raise NoRelease(NOT_YET)


def _permitted(zones: Zones, release: Release, *, people: bool | None) -> Sequence[Lake]:
    if people is False:
        return ("city",)
    catalog = zones.releases / release.release_id / "people.sqlite"
    if os.access(catalog, os.R_OK) and os.access(zones.data("people"), os.R_OK | os.X_OK):
        return ("city", "people")
    if people:
        raise EnvironmentProblem(PEOPLE_BY_ROLE)
    return ("city",)


def _open(
    settings: Settings, release: Release, lakes: Sequence[Lake], *, locked: bool
) -> tuple[duckdb.DuckDBPyConnection, Path]:
    zones = Zones.of(settings)
    catalogs: dict[Lake, Path] = {lake: zones.releases / release.release_id / f"{lake}.sqlite" for lake in lakes}
    # A query that outgrows memory spills here: never into the caller's folder, never readable by others.
    scratch = private_folder()
    try:
        connection = open_locked(settings, catalogs, scratch) if locked else _open_free(settings, catalogs, scratch)
        connection.execute("use city")
        connection.execute(f"set variable release_id = '{quoted(release.release_id)}'")
        connection.execute(f"set variable data_as_of = date '{release.data_as_of.isoformat()}'")
        connection.execute(f"set variable origin = '{release.origin}'")
        if locked:
            lock(connection)
    except duckdb.Error as problem:
        shutil.rmtree(scratch, ignore_errors=True)
        raise EnvironmentProblem(
            f"Release {release.release_id} cannot be opened by this account. citylake doctor tells why. ({problem})"
        ) from problem
    return connection, scratch


def _open_free(settings: Settings, catalogs: dict[Lake, Path], scratch: Path) -> duckdb.DuckDBPyConnection:
    connection = bare_connection(Zones.of(settings), settings, spill=scratch)
    for lake, catalog in catalogs.items():
        attach_frozen(connection, Zones.of(settings), lake, catalog)
    return connection


def _let_go(in_use: int, scratch: Path) -> None:
    os.close(in_use)
    shutil.rmtree(scratch, ignore_errors=True)
