"""Releases: frozen catalogs under ``releases/<run id>/``, and the pointer that says which one is current.

A release exists for readers from the instant at which the pointer names it, whole; before that its folder may lie
there, unmarked, and nobody is shown it. Everything that a killed writer can leave is put in order by :func:`heal`:

1. the folder is prepared as ``.<run id>.tmp``, flushed to disk and renamed: not a release yet;
2. the pointer is replaced: **the release**;
3. the folder is marked as published, and the ledger of publications gets its entry: derived, redone by ``heal``.

A rollback is recorded first and then carried out, so that ``heal`` can finish it.
"""

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from citylake.lake import publications
from citylake.lake.attach import LAKES, bare_connection, open_lakes
from citylake.lake.errors import AuditFailed, EnvironmentProblem, NoRelease, PublicationHeld, UsageError
from citylake.lake.files import sync_folder, write_atomically
from citylake.lake.frozen import PUBLISHED_LAKES, count_rows, freeze_catalog, head_snapshot, referenced_files
from citylake.lake.publications import Event, held, resume
from citylake.lake.settings import PROJECT_ROOT, Settings
from citylake.lake.zones import Zones

__all__ = [
    "Release",
    "current_release",
    "find_release",
    "freeze_and_publish",
    "heal",
    "held",
    "is_rolled_back",
    "list_releases",
    "published_run_ids",
    "resume",
    "rollback",
]

RECORD = "release.json"
IN_USE = "in_use"
PUBLISHED = "published"
ROLLED_BACK = "rolled_back"

NOT_YET = (
    "尚未发布任何数据: 请先运行一次夜间刷新。 There is no release yet: a nightly refresh has to publish one first "
    "(citylake refresh)."
)


class Release(BaseModel):
    """What a release is and what it was made from; lies in its folder as ``release.json``, readable by all."""

    model_config = ConfigDict(frozen=True)

    release_id: str
    """The id of the run that made it."""
    created_at: datetime
    data_as_of: date
    """The day up to which the data reach."""
    origin: Literal["real", "synthetic", "mixed"]
    code_version: str
    created_by: str
    deliveries: dict[str, list[str]]
    """Dataset → ids of the deliveries in force."""
    rows: dict[str, int]
    """Full table name → rows."""
    checks: list[dict[str, Any]]
    """The audit's results."""
    snapshots: dict[str, int]
    """Lake → snapshot of the head that was frozen (the vault's for reference only)."""


def freeze_and_publish(  # noqa: PLR0913  # what a release says of itself, each by name
    settings: Settings,
    run_id: str,
    *,
    data_as_of: date,
    origin: Literal["real", "synthetic", "mixed"],
    deliveries: dict[str, list[str]],
    checks: list[dict[str, Any]],
    created_by: str,
) -> Release:
    """Freeze the heads of ``city`` and ``people`` and make them current. The caller holds the writer's lock.

    Raises PublicationHeld while a rollback holds publication (see :func:`held`), AuditFailed for a mixture of
    synthetic and real deliveries that nobody asked for, UsageError for a run that was published before.
    """
    zones = Zones.of(settings)
    _refuse_unless_free(settings, zones, run_id, origin)
    aside = _empty_folder(zones.releases / f".{run_id}.tmp")
    snapshots, rows = _freeze(settings, zones, aside)
    release = Release(
        release_id=run_id,
        created_at=datetime.now(UTC),
        data_as_of=data_as_of,
        origin=origin,
        code_version=code_version(),
        created_by=created_by,
        deliveries=deliveries,
        rows=rows,
        checks=checks,
        snapshots=snapshots,
    )
    write_atomically(aside / RECORD, release.model_dump_json(indent=2), mode=0o444)
    _let_readers_in(settings, zones, aside)
    _sync_contents(aside)
    aside.rename(zones.releases / run_id)
    sync_folder(zones.releases)
    _point_to(zones, run_id)
    _confirm_publication(zones, release)
    return release


def origin_of(origins: Collection[Literal["real", "synthetic"]]) -> Literal["real", "synthetic", "mixed"]:
    """What a release is that was made of deliveries of these origins; of several, a mixture."""
    return next(iter(origins)) if len(set(origins)) == 1 else "mixed"


def refuse_mixture(settings: Settings, origin: str) -> None:
    """Raise AuditFailed for a mixture of synthetic and real deliveries that nobody asked for."""
    if origin == "mixed" and not settings.allow_mixed_origin:
        raise AuditFailed(
            "本次数据同时含有合成数据与真实数据, 未发布。 The run mixes synthetic and real deliveries and was not "
            "published: withdraw one kind (citylake delivery withdraw), or ask for the mixture with "
            "citylake refresh --allow-mixed (CITYLAKE_ALLOW_MIXED_ORIGIN=true for every night)."
        )


def _refuse_unless_free(settings: Settings, zones: Zones, run_id: str, origin: str) -> None:
    hold = held(zones)
    if hold is not None:
        raise PublicationHeld(
            f"发布已暂停: {hold.by} 已回退到 {hold.release_id}, 原因: {hold.reason}。"
            f"Publication is held: {hold.by} rolled back to {hold.release_id} ({hold.reason}). "
            "The run was computed and readers keep that release; lift the hold with: citylake release resume"
        )
    refuse_mixture(settings, origin)
    if run_id in published_run_ids(zones):
        raise UsageError(f"Run {run_id} was published before; a new run gets a new id.")


def _empty_folder(folder: Path) -> Path:
    """A fresh folder, closed to others until it is complete."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    return folder


def _freeze(settings: Settings, zones: Zones, folder: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Freeze both catalogs; the heads' snapshots and the rows of every table."""
    if not all(zones.catalog(lake).exists() for lake in LAKES):
        open_lakes(settings).close()
    with bare_connection(zones, settings) as connection:
        for lake in PUBLISHED_LAKES:
            freeze_catalog(connection, zones, lake, folder / f"{lake}.sqlite")
        rows = count_rows(connection, zones, folder)
    (folder / IN_USE).touch()
    return {lake: head_snapshot(zones, lake) for lake in LAKES}, rows


def _let_readers_in(settings: Settings, zones: Zones, folder: Path) -> None:
    """Open the release to those who may read it, whatever the writer's umask made of its files and the lakes'."""
    (folder / "city.sqlite").chmod(0o444)
    (folder / "people.sqlite").chmod(0o440)
    (folder / IN_USE).chmod(0o444)
    if settings.people_group is not None:
        shutil.chown(folder / "people.sqlite", group=settings.people_group)
    for lake in PUBLISHED_LAKES:
        # Who may enter a lake is said by its data folder's own mode; beneath it, all may read. No file is ever changed
        # once it is written, so that not even its owner needs to be able to.
        files = referenced_files(folder / f"{lake}.sqlite", zones.data(lake))
        folders = {parent for file in files for parent in file.parents if zones.data(lake) in parent.parents}
        for path, wanted in [*((file, 0o444) for file in files), *((parent, 0o755) for parent in folders)]:
            if path.stat().st_mode & 0o777 != wanted:
                path.chmod(wanted)
    folder.chmod(0o755)


def _sync_contents(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder)


def _point_to(zones: Zones, release_id: str) -> None:
    write_atomically(zones.current, f"{release_id}\n", mode=0o444)


def _confirm_publication(zones: Zones, release: Release) -> None:
    """What follows from the pointer: the mark on the folder and the ledger's entry."""
    _mark(zones, release.release_id, PUBLISHED)
    if release.release_id not in publications.recorded_ids(zones):
        publications.record(zones, "publication", release.release_id, by=release.created_by)


def _mark(zones: Zones, release_id: str, mark: str) -> None:
    path = zones.releases / release_id / mark
    if not path.exists():
        write_atomically(path, "", mode=0o444)


def current_id(zones: Zones) -> str | None:
    """What the pointer says; None when there is none. Never waits."""
    try:
        return zones.current.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def current_release(zones: Zones) -> Release:
    """The release that readers see. Raises NoRelease."""
    release_id = current_id(zones)
    release = None if release_id is None else _read(zones.releases / release_id)
    if release is None:
        raise NoRelease(NOT_YET)
    return release


def list_releases(zones: Zones) -> list[Release]:
    """The releases that still have their files, newest first, rolled back ones included."""
    return sorted(_existing(zones), key=lambda release: (release.created_at, release.release_id), reverse=True)


def _existing(zones: Zones) -> Iterator[Release]:
    current = current_id(zones)
    for folder in zones.releases.glob("[!.]*/"):
        release = _read(folder)
        if release is not None and (folder.name == current or (folder / PUBLISHED).exists()):
            yield release


def _read(folder: Path) -> Release | None:
    try:
        return Release.model_validate_json((folder / RECORD).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None


def find_release(zones: Zones, wanted: str | None = None, on: date | None = None) -> Release:
    """The release with this id (or the start of it), the one of a date, or the current one.

    The release of a date is the newest whose data reach no further than that day, and that was not rolled back.
    Raises UsageError when none, or several, are meant; NoRelease when there is none at all.
    """
    if wanted is None and on is None:
        return current_release(zones)
    releases = list_releases(zones)
    if not releases:
        raise NoRelease(NOT_YET)
    if wanted is not None:
        return _by_id(releases, wanted)
    eligible = [r for r in releases if on is None or (r.data_as_of <= on and not is_rolled_back(zones, r.release_id))]
    if not eligible:
        raise UsageError(
            f"截至 {on} 没有可用的发布版本。 No kept release has data up to {on} or before; the oldest reaches to "
            f"{min(release.data_as_of for release in releases)}. See: citylake release list"
        )
    return max(eligible, key=lambda release: (release.data_as_of, release.created_at))


def _by_id(releases: list[Release], wanted: str) -> Release:
    found = [release for release in releases if release.release_id.startswith(wanted)]
    exact = [release for release in found if release.release_id == wanted]
    if len(exact or found) != 1:
        how_many = "No kept release has" if not found else f"{len(found)} releases have"
        raise UsageError(f"{how_many} an id that starts with {wanted!r}. See: citylake release list")
    return (exact or found)[0]


def is_rolled_back(zones: Zones, release_id: str) -> bool:
    """Whether a rollback went past this release: it stays readable by name, and no date leads to it."""
    return (zones.releases / release_id / ROLLED_BACK).exists()


def published_run_ids(zones: Zones) -> set[str]:
    """The ids of all runs that ever were current, also of releases long dropped."""
    current = current_id(zones)
    return publications.recorded_ids(zones) | ({current} if current else set())


def rollback(zones: Zones, wanted: str, reason: str, by: str) -> Release:
    """Make an earlier release current again and hold publication until :func:`resume`. The caller holds the lock."""
    heal(zones)
    now, target = current_release(zones), find_release(zones, wanted)
    if not reason.strip():
        raise UsageError("A rollback needs a reason: readers and the next scheduler will ask. 回退必须写明原因。")
    if target.release_id == now.release_id:
        raise UsageError(f"{target.release_id} is the current release already.")
    event = publications.record(zones, "rollback", target.release_id, by=by, reason=reason.strip())
    _carry_out(zones, event)
    return target


def _carry_out(zones: Zones, hold: Event) -> bool:
    """Bring pointer and marks to what a rollback says; says whether the pointer had to be moved."""
    releases = {release.release_id: release for release in list_releases(zones)}
    target = releases[hold.release_id]
    for release in releases.values():
        if release.created_at > target.created_at:
            _mark(zones, release.release_id, ROLLED_BACK)
    (zones.releases / target.release_id / ROLLED_BACK).unlink(missing_ok=True)
    is_moved = current_id(zones) != target.release_id
    if is_moved:
        _point_to(zones, target.release_id)
    return is_moved


def heal(zones: Zones) -> list[str]:
    """Put in order what a killed writer left, and say what was done. For whoever has just taken the lock.

    Afterwards every folder of ``releases/`` is a whole, published release and the ledger knows it.
    """
    if not zones.releases.exists():
        return []
    done = _clear_leavings(zones)
    hold = held(zones)
    if hold is not None and (zones.releases / hold.release_id).exists() and _carry_out(zones, hold):
        done.append(f"finished the rollback to {hold.release_id}")
    current = current_id(zones)
    if current is not None and (release := _read(zones.releases / current)) is not None:
        is_known = release.release_id in publications.recorded_ids(zones)
        _confirm_publication(zones, release)
        done += [] if is_known else [f"recorded the publication of {current}"]
    else:
        done += _repoint(zones)
    for folder in zones.releases.glob("[!.]*/"):
        if folder.name != current_id(zones) and not (folder / PUBLISHED).exists():
            remove_release(zones, folder.name)
            done.append(f"removed {folder.name}, which was never published")
    return done


def _clear_leavings(zones: Zones) -> list[str]:
    done: list[str] = []
    for path in zones.releases.glob(".*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        done.append(f"cleared {path.name}")
    return done


def _repoint(zones: Zones) -> list[str]:
    """The pointer is lost or names nothing: the newest published release that was not rolled back takes its place."""
    kept = [release for release in list_releases(zones) if not is_rolled_back(zones, release.release_id)]
    if not kept:
        if list_releases(zones):
            raise EnvironmentProblem("The pointer releases/current is lost and every kept release was rolled back.")
        return []
    _point_to(zones, kept[0].release_id)
    return [f"restored the lost pointer to {kept[0].release_id}"]


def remove_release(zones: Zones, release_id: str) -> None:
    """Take a release away whole: renamed out of sight first, so that nobody meets half of it."""
    gone = zones.releases / f".{release_id}.gone"
    (zones.releases / release_id).rename(gone)
    shutil.rmtree(gone)


def code_version() -> str:
    """The package's version, and the commit it runs from where git can tell."""
    version, git = importlib.metadata.version("citylake"), shutil.which("git")
    if git is None:
        return version
    described = subprocess.run(
        [git, "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{version}+{described.stdout.strip()}" if described.returncode == 0 else version
