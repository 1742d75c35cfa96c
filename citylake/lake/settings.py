"""All settings of citylake, in one class. Each can be set in the environment with the prefix ``CITYLAKE_``.

No other module reads the environment.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parents[2]
TIMEZONE = "Asia/Shanghai"

CockpitRole = Literal["leader", "analyst"]


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class Settings(BaseSettings):
    """The settings of one installation. Instantiate it where a command or an asset begins, and hand it down."""

    model_config = SettingsConfigDict(env_prefix="CITYLAKE_", extra="ignore", frozen=True)

    home: AbsolutePath = Field(
        default=PROJECT_ROOT / ".citylake", description="Where everything that the system writes lies."
    )
    contracts: AbsolutePath = Field(
        default=PROJECT_ROOT / "ingestion" / "contracts", description="The folder of the data contracts."
    )
    dbt_project: AbsolutePath = Field(default=PROJECT_ROOT / "dbt_project", description="The dbt project.")
    landing: AbsolutePath | None = Field(
        default=None, description="Where departments put their extracts; landing/ under the home when unset."
    )
    identity_secret: SecretStr | None = Field(
        default=None, description="The keeper's secret; when unset it is read from vault/secret, owner-only."
    )
    people_group: str | None = Field(default=None, description="The OS group whose members may read the people lake.")
    cockpit_role: CockpitRole = Field(
        default="leader",
        description="Whom the cockpit takes its viewers for: an analyst sees keys of persons where its account may.",
    )
    lock_wait_seconds: float = Field(default=0.0, ge=0, description="How long a late-comer waits for the lock.")
    keep_releases: int = Field(default=30, ge=1, description="How many of the newest releases keep their files.")
    keep_month_ends: int = Field(default=24, ge=0, description="How many months keep their last release.")
    delete_grace_hours: float = Field(
        default=24.0, ge=0, description="How long files that nothing names any more are kept before deletion."
    )
    retain_landing_days: int | None = Field(
        default=None, ge=1, description="How long landing keeps files, from their arrival on; for ever when unset."
    )
    expire_landing_in_force: bool = Field(
        default=False, description="Let landing lose files of deliveries in force too: they cannot be replayed then."
    )
    retain_quarantine_days: int | None = Field(
        default=None, ge=1, description="How long rejected rows with their values are kept; for ever when unset."
    )
    retain_raw_days: int | None = Field(
        default=None,
        ge=1,
        description="How long rows of superseded and outdated deliveries are kept; for ever when unset.",
    )
    allow_mixed_origin: bool = Field(default=False, description="Let a release mix synthetic and real deliveries.")
    accept_fewer_rows: str | None = Field(
        default=None,
        min_length=1,
        description="Why a release may hold far fewer rows than the last one; for one night, and kept with its checks.",
    )
    models: AbsolutePath | None = Field(
        default=None, description="Where a city's own linkage models lie; vault/models under the home when unset."
    )
    relink_days: int = Field(
        default=31, ge=1, description="After how many days a night links everybody anew and counts the divergence."
    )
    link_max_cluster: int = Field(
        default=200, ge=2, description="Most different descriptions that one person or entity may have."
    )
    link_max_unlinked: float = Field(
        default=0.5, ge=0, le=1, description="Largest share of mentions without a valid identifier that link to nobody."
    )
    link_max_nobody: float = Field(default=0.15, ge=0, le=1, description="Largest share of mentions that name nobody.")
    link_max_change: float = Field(
        default=0.05,
        ge=0,
        description="By which share the number of persons or entities may change against the last release, beyond what "
        "records that came or went explain.",
    )
    link_min_precision: float = Field(
        default=0.99, ge=0, lt=1, description="Least precision of linking that the reviewed sample may show."
    )
    link_min_recall: float = Field(
        default=0.95, ge=0, lt=1, description="Least recall of linking that the reviewed sample may show."
    )
    link_max_divergence: float = Field(
        default=0.001, ge=0, le=1, description="Largest share of mentions that a full relink may place otherwise."
    )
    accept_linkage: str | None = Field(
        default=None,
        min_length=1,
        description="Why a release may come out with linking out of bounds; for one night, and kept with its checks.",
    )
    urban_scope: Literal["municipal_districts", "prefecture"] = Field(
        default="municipal_districts", description="Where night lights count as a city's: its districts, or all of it."
    )
    urban_calibration: Literal["elvidge_2014", "elvidge_2009", "liu_2012", "wu_2013"] = Field(
        default="elvidge_2014", description="Whose coefficients calibrate night lights."
    )
    urban_publishers: tuple[str, ...] = Field(
        default=(), description="Whose built-up areas to take, in order of preference; any that agree when empty."
    )
    urban_coupling_tolerance: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="By which share growth of built-up and of lit area may differ and be alike.",
    )
    memory_limit: str = Field(default="3GB", description="DuckDB's memory limit; beyond it, it spills to disk.")
    threads: int | None = Field(default=None, ge=1, description="DuckDB's threads; every core when unset.")
    notify_webhook: SecretStr | None = Field(default=None, description="Where a failed night is reported (JSON POST).")
    notify_mail_to: str | None = Field(default=None, description="Who gets a mail when a night fails.")
    notify_mail_from: str = Field(default="citylake@localhost", description="The sender of that mail.")
    smtp_host: str = Field(default="localhost", description="The mail server.")
    smtp_port: int = Field(default=25, ge=1, le=65535, description="The mail server's port.")
