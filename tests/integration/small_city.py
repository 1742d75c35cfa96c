"""A city of a thousand residents for whole nights: delivered night by night, copied, and compared table by table."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

import duckdb
import polars as pl
from dbt.contracts.graph.manifest import Manifest as DbtManifest
from filelock import FileLock
from pydantic import SecretStr

from citylake.lake.attach import open_lakes
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare
from orchestration.dbt import prepare_manifest, take_parsed
from orchestration.dbt_paths import PARTIAL_PARSE
from orchestration.nightly import run_nightly
from sample_city.city import make_city
from sample_city.lights import AREAS, COMPOSITES, make_lights

UNTIL = date(2026, 10, 31)
NIGHTS = (date(2026, 10, 29), date(2026, 10, 30), date(2026, 10, 31))
FIGURES = "select distinct run_id from city.indicator.indicator_value"
"""The release that the figures belong to: one row, its run's id."""
# Of its nature different: what each run left of itself, and the history of keys, which a rebuild does not have.
HISTORY = (
    "city.indicator.indicator_vintage",
    "city.quality.fct_audit_check",
    "people.base.key_history",
    "city.base.entity_key_history",
    "vault.identity.entity_key",
    "vault.identity.extracted_dataset",
    "vault.identity.key_event",
    "vault.identity.linkage_run",
    "vault.identity.person_key",
    "vault.identity.retired_record",
)
_SECRET = SecretStr("0123456789abcdef" * 4)
# Keys stay with whom they were first given to, so they do depend on what came first.
_RUNS = ("run_id", "fingerprint", "minted_run_id", "adopted_run_id", "first_run_id", "loaded_at", "computed_at")
_KEYS = ("key", "person_key", "entity_key", "subject_entity_key", "applicant_entity_key")
_LEFT_ASIDE = (*_RUNS, *_KEYS)


@dataclass(frozen=True)
class SmallCity:
    """One home, and the deliveries that have not arrived there yet."""

    settings: Settings
    coming: Path

    @classmethod
    def found(cls, folder: Path, parsed: Settings | None = None, residents: int = 1_000) -> "SmallCity":
        """An empty lake, and three nights of deliveries still to come; the project may be parsed already elsewhere."""
        city = cls.at(folder)
        prepare(city.settings)
        if parsed is not None:
            take_parsed(city.settings, parsed)
        make_city(city.coming, city.settings.contracts, residents=residents, seed=7, until=UNTIL)
        make_few_lights(city.coming)
        return city

    @classmethod
    def at(cls, folder: Path) -> "SmallCity":
        """The city that lies in this folder."""
        return cls(Settings(home=folder / "home", landing=None, identity_secret=_SECRET), folder / "coming")

    @property
    def zones(self) -> Zones:
        return Zones.of(self.settings)

    def deliver(self, *nights: date) -> list[Path]:
        """Let the files of these nights arrive (of all nights when none is named), with the times they arrive at."""
        arriving = sorted(path for path in self.coming.rglob("*.synthetic.*") if not nights or _night(path) in nights)
        for path in arriving:
            target = self.zones.landing / path.relative_to(self.coming)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        return arriving

    def copy(self, folder: Path) -> "SmallCity":
        """The same city in another place."""
        home = folder / "home"
        shutil.copytree(self.settings.home, home, symlinks=True)
        return SmallCity(self.settings.model_copy(update={"home": home}), self.coming)

    def tables(self) -> dict[str, pl.DataFrame]:
        """Every table of the heads, rows in one order, without keys and what only says which run wrote it."""
        with open_lakes(self.settings, read_only=True) as connection:
            names = connection.execute(
                "select database_name, schema_name, table_name from duckdb_tables() "
                "where database_name in ('vault', 'people', 'city') and not internal order by all"
            ).fetchall()
            return {table: _rows(connection, table) for table in (".".join(name) for name in names)}


def make_few_lights(coming: Path) -> None:
    """Night lights of three years, F18's alone: those of 2011 arrive in the last night, all else in the first."""
    make_lights(coming, years=range(2011, 2014))
    for folder in (COMPOSITES, AREAS):
        for path in (coming / folder).iterdir():
            night = NIGHTS[-1] if "F182011" in path.name else NIGHTS[0]
            arrival = datetime.combine(night, time(17), UTC).timestamp()
            os.utime(path, (arrival, arrival))


def _night(path: Path) -> date:
    """The night in which a file arrives: its time of arrival is one o'clock in the morning after, in Wuxi."""
    day = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    return max(night for night in NIGHTS if night <= day)


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> pl.DataFrame:
    columns = [column for column in connection.table(table).columns if column not in _LEFT_ASIDE]
    return connection.execute(f"select {', '.join(columns)} from {table} order by all").pl()


def released_city(
    folder: Path, nights: tuple[date, ...], parsed: Settings | None = None, threads: int | None = None
) -> SmallCity:
    """The city after one run on the deliveries of these nights; made by whoever comes first, and then shared."""
    with FileLock(folder.with_suffix(".lock")):
        city = SmallCity.at(folder)
        if not city.zones.current.exists():
            city = SmallCity.found(folder, parsed)
            city.deliver(*nights)
            result = run_nightly(city.settings.model_copy(update={"threads": threads or city.settings.threads}))
            assert result.error is None, result
    return city


def parsed_project(settings: Settings) -> DbtManifest:
    """The parsed project as dbt's runner takes it: it names no home, so that any number of homes can share it."""
    parsed = prepare_manifest(settings).with_name(PARTIAL_PARSE)
    manifest = DbtManifest.from_msgpack(parsed.read_bytes())
    manifest.build_flat_graph()
    return manifest


def differences(left: SmallCity, right: SmallCity, *, ignoring: tuple[str, ...] = ()) -> Iterator[str]:
    """The tables in which two cities differ, with a few rows of each; nothing when they are equal."""
    ours, theirs = left.tables(), right.tables()
    for name in sorted({*ours, *theirs}):
        if name in ignoring:
            continue
        if name not in ours or name not in theirs:
            yield f"{name} is in one only"
        elif not ours[name].equals(theirs[name]):
            only_left = ours[name].join(theirs[name], on=ours[name].columns, how="anti", nulls_equal=True)
            only_right = theirs[name].join(ours[name], on=ours[name].columns, how="anti", nulls_equal=True)
            yield f"{name}: {ours[name].height} / {theirs[name].height}\n{only_left.head(3)}\n{only_right.head(3)}"
