"""The folders under ``CITYLAKE_HOME`` and who may open them.

A zone's own folder carries its protection, so that files inside need none of their own: owner-only folders cannot be
entered by anybody else whatever the mode of what lies in them.
"""

import grp
import os
from dataclasses import dataclass
from pathlib import Path

from citylake.lake.account import account_name
from citylake.lake.errors import EnvironmentProblem
from citylake.lake.settings import Settings

OWNER_ONLY = 0o700
BY_ROLE = 0o750
READABLE = 0o755
PASS_THROUGH = 0o711


@dataclass(frozen=True)
class Zones:
    """Every path of one installation. Properties only: nothing is created here (see :func:`prepare`)."""

    home: Path
    landing: Path

    @classmethod
    def of(cls, settings: Settings) -> "Zones":
        return cls(home=settings.home, landing=settings.landing or settings.home / "landing")

    @property
    def raw(self) -> Path:
        return self.home / "raw"

    @property
    def quarantine(self) -> Path:
        return self.home / "quarantine"

    @property
    def vault(self) -> Path:
        return self.home / "vault"

    @property
    def people(self) -> Path:
        return self.home / "people"

    @property
    def city(self) -> Path:
        return self.home / "city"

    @property
    def releases(self) -> Path:
        return self.home / "releases"

    @property
    def ledger(self) -> Path:
        return self.home / "ledger"

    @property
    def dagster(self) -> Path:
        return self.home / "dagster"

    @property
    def scratch(self) -> Path:
        """Where files are prepared before they are moved to their place; emptied by whoever takes the lock."""
        return self.home / "scratch"

    @property
    def extensions(self) -> Path:
        """DuckDB's extensions, installed from their wheels, readable by every account that reads a release."""
        return self.home / "extensions"

    @property
    def lock(self) -> Path:
        return self.home / "ledger" / "writer.lock"

    @property
    def secret(self) -> Path:
        return self.vault / "secret"

    @property
    def current(self) -> Path:
        """The pointer: a text file with the id of the current release."""
        return self.releases / "current"

    def catalog(self, lake: str) -> Path:
        """The head catalog of ``vault``, ``people`` or ``city``; owner-only. Readers use frozen catalogs."""
        return self.home / lake / "catalog" / "catalog.sqlite"

    def data(self, lake: str) -> Path:
        """The Parquet files of a lake."""
        return self.home / lake / "data"


def permissions(settings: Settings) -> dict[Path, int]:
    """The mode that every zone of ours must have, parents first.

    A landing folder outside the home is the departments': its permissions are theirs to set, and not listed here.
    """
    zones = Zones.of(settings)
    modes = {
        zones.home: PASS_THROUGH,
        zones.landing: OWNER_ONLY,
        zones.raw: OWNER_ONLY,
        zones.quarantine: OWNER_ONLY,
        zones.vault: OWNER_ONLY,
        zones.vault / "catalog": OWNER_ONLY,
        zones.vault / "data": OWNER_ONLY,
        zones.people: BY_ROLE,
        zones.people / "catalog": OWNER_ONLY,
        zones.people / "data": BY_ROLE,
        zones.city: READABLE,
        zones.city / "catalog": OWNER_ONLY,
        zones.city / "data": READABLE,
        zones.releases: READABLE,
        zones.ledger: OWNER_ONLY,
        zones.dagster: OWNER_ONLY,
        zones.scratch: OWNER_ONLY,
        zones.extensions: READABLE,
    }
    if not zones.landing.is_relative_to(zones.home):
        del modes[zones.landing]
    return modes


def of_another_account(home: Path) -> EnvironmentProblem | None:
    """What to tell an account that met a closed door in the home of another; None where the home is its own."""
    try:
        owner = home.stat().st_uid
    except OSError:
        return None
    if owner == os.geteuid():
        return None
    name, mine = account_name(owner), account_name(os.geteuid())
    return EnvironmentProblem(
        f"{home} 属于账号 {name}，您是 {mine}。接收、刷新、回退以及查看交付和隔离区只能由 {name} 进行；"
        "查询发布版本各账号均可：citylake sql；也可用 CITYLAKE_HOME 指定自己的目录。 "
        f"{home} belongs to the account {name}, and you are {mine}. Only {name} delivers, refreshes, rolls back, and "
        f"sees deliveries and quarantine: ask its keeper, or run the command as {name} (sudo -u {name} citylake …). "
        "Releases are everybody's to read: citylake sql. For a city of your own set CITYLAKE_HOME to a folder of yours."
    )


def prepare(settings: Settings) -> Zones:
    """Create what is missing and set every zone's permissions, narrowing what somebody widened."""
    zones = Zones.of(settings)
    try:
        for folder, mode in permissions(settings).items():
            folder.mkdir(parents=True, exist_ok=True)
            if folder.stat().st_mode & 0o777 != mode:
                folder.chmod(mode)
        zones.landing.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY)
        if settings.people_group is not None:
            group = grp.getgrnam(settings.people_group).gr_gid
            for folder in (zones.people, zones.people / "data"):
                os.chown(folder, -1, group)
    except (OSError, KeyError) as problem:
        raise of_another_account(settings.home) or EnvironmentProblem(
            f"The folders under {settings.home} cannot be prepared ({problem}). "
            "Check CITYLAKE_HOME, CITYLAKE_PEOPLE_GROUP and the owner of the folder."
        ) from problem
    return zones
