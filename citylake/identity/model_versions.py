"""Which linkage model is in force: the one that citylake ships, or a city's own, trained and adopted by command.

A trained model is a file ``<kind>-<version>.json`` in the models folder, to be reviewed; adopting copies it to
``<kind>.json``, and the next night links everybody anew with it.
"""

import logging
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from citylake.contracts.mentions import KINDS, Kind
from citylake.identity.linkage import train
from citylake.identity.models import LinkageModel, load_model, save_model
from citylake.lake.attach import open_lakes
from citylake.lake.errors import NoRelease, UsageError
from citylake.lake.files import write_atomically
from citylake.lake.settings import Settings
from citylake.lake.zones import OWNER_ONLY, Zones

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")


@dataclass(frozen=True)
class KnownModel:
    """A model that there is, and whether nights link with it."""

    kind: Kind
    version: str
    trained_on: str
    trained_date: date | None
    file: Path | None
    """None for the one that citylake ships."""
    is_in_force: bool


def models_folder(settings: Settings) -> Path:
    """Where a city's own models lie: ``CITYLAKE_MODELS``, by default in the vault."""
    return settings.models or Zones.of(settings).vault / "models"


def model_in_force(settings: Settings, kind: Kind) -> LinkageModel:
    """The model that tonight links with. Raises ModelMismatch when the city's own does not fit this code."""
    own = models_folder(settings) / f"{kind}.json"
    return load_model(kind, own if own.exists() else None)


def known_models(settings: Settings) -> list[KnownModel]:
    """The shipped models and those in the models folder."""
    found = []
    for kind in KINDS:
        in_force = model_in_force(settings, kind).version
        files = [None, *sorted(models_folder(settings).glob(f"{kind}-*.json"))]
        for file in files:
            model = load_model(kind, file)
            found.append(
                KnownModel(kind, model.version, model.trained_on, model.trained_date, file, model.version == in_force)
            )
    return found


def train_model(settings: Settings, kind: Kind, version: str, origin: str, day: date) -> tuple[LinkageModel, Path]:
    """Estimate a model of a kind on the mentions in force and write its file; nothing links with it yet.

    ``origin`` says whether those are real or synthetic. Reads the vault only. Raises UsageError for a version that is
    taken or no file name, NoRelease while nobody is mentioned.
    """
    if not _VERSION.fullmatch(version):
        raise UsageError(f"{version!r} cannot be a version: letters, digits, '.', '_' and '-'. 版本号无效。")
    file = models_folder(settings) / f"{kind}-{version}.json"
    if file.exists() or version == load_model(kind).version:
        raise UsageError(f"版本 {version} 已存在。 There is a {kind} model {version} already: choose another version.")
    # Splink warns of every outcome that the records do not show; the model's bounds stand in for those.
    logging.getLogger("splink").setLevel(logging.ERROR)
    with open_lakes(settings, ("vault",), read_only=True) as connection:
        mentions = _mentions(connection, kind)
        if not mentions:
            raise NoRelease(f"尚无可用记录。 No {kind} is mentioned yet: citylake refresh.")
        trained = train(
            connection,
            load_model(kind),
            f"vault.identity.{kind}_mention",
            version=version,
            trained_on=f"{origin}: {mentions} mentions in force",
            day=day,
        )
    file.parent.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY)
    save_model(trained, file)
    return trained, file


def adopt_model(settings: Settings, kind: Kind, version: str) -> None:
    """Make a trained model the one in force; the caller holds the writer's lock. Raises UsageError for an unknown one.

    The shipped version can be adopted again, too.
    """
    folder = models_folder(settings)
    file, in_force = folder / f"{kind}-{version}.json", folder / f"{kind}.json"
    if version == load_model(kind).version:
        in_force.unlink(missing_ok=True)
        return
    if not _VERSION.fullmatch(version) or not file.exists():
        known = ", ".join(one.version for one in known_models(settings) if one.kind == kind)
        raise UsageError(f"没有版本 {version}。 There is no {kind} model {version}. Known: {known}.")
    load_model(kind, file)
    write_atomically(in_force, file.read_text(encoding="utf-8"))


def is_adopted(connection: duckdb.DuckDBPyConnection, kind: Kind, model: LinkageModel) -> bool:
    """Whether the scores in the vault were made with this model: its version, and all that the code says of it."""
    row = connection.execute(
        "select version, fingerprint from vault.identity.linkage_model where kind = ? "
        "order by adopted_run_id desc limit 1",
        [kind],
    ).fetchone()
    return row == (model.version, model.fingerprint)


def note_adopted(connection: duckdb.DuckDBPyConnection, kind: Kind, model: LinkageModel, run_id: str) -> None:
    """Keep that this run is the first that links with a model."""
    connection.execute(
        "insert into vault.identity.linkage_model (kind, version, adopted_run_id, fingerprint) values (?, ?, ?, ?)",
        [kind, model.version, run_id, model.fingerprint],
    )


def _mentions(connection: duckdb.DuckDBPyConnection, kind: Kind) -> int:
    table = f"{kind}_mention"
    is_there = connection.execute(
        "select 1 from duckdb_tables() where database_name = 'vault' and schema_name = 'identity' and table_name = ?",
        [table],
    ).fetchone()
    row = connection.execute(f"select count(*) from vault.identity.{table}").fetchone() if is_there else None
    return row[0] if row else 0
