"""The study as data of the lake: made from the composites and areas in force, and kept in ``vault.nightlights``.

What is measured is decided in :mod:`citylake.nightlights.study`; here only from what, and whether it must be measured
anew. The tables are those of :mod:`citylake.nightlights.tables`, each with ``data_origin``; dbt publishes them. The
caller holds the writer's lock.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from citylake.lake.attach import open_lakes, quoted
from citylake.lake.deliveries import LEDGER
from citylake.lake.errors import ContractViolation, UsageError
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from citylake.nightlights import tables
from citylake.nightlights.published import SCHEMA, Preference, choose, conflicting, read_published

if TYPE_CHECKING:
    from citylake.nightlights.composites import Composite
    from citylake.nightlights.study import StudySettings

COMPOSITES = "natural_resources.night_light_composite"
AREAS = "housing_construction.built_up_area"
"""The datasets that a study is made from."""

_ORIGIN: tables.Columns = {"data_origin": (pl.String, "数据来源 real or synthetic")}
TABLES: Mapping[str, tuple[str, tables.Columns]] = {
    name: (description, columns if "data_origin" in columns else {**columns, **_ORIGIN})
    for name, description, columns in (
        ("city", "城市 Each city studied", tables.CITY),
        ("city_year", "城市年度 Each city, year and series", tables.CITY_YEAR),
        ("city_period", "城市时段 Each city, period and series", tables.CITY_PERIOD),
        ("patch_period", "新增斑块 Each new patch of built-up area", tables.PATCH_PERIOD),
        ("expansion_type", "扩张类型 New patches summed up by city, period and rule", tables.EXPANSION_TYPE),
        ("satellite_quality", "卫星质量 Each city, year and satellite as recorded", tables.SATELLITE_QUALITY),
        ("rank_size", "位序-规模 The rank-size rule by year", tables.RANK_SIZE),
        ("sensitivity", "口径敏感性 What each published figure would give", tables.SENSITIVITY),
        ("growth_ring", "扩张圈层 Cells built up from one year until another, as outlines", tables.GROWTH_RING),
    )
}
"""Table → what its rows are, and its columns."""
_RUN = "fingerprint varchar, run_id varchar, problem varchar"
_TYPES: Mapping[type[pl.DataType], str] = {
    pl.String: "varchar",
    pl.Int32: "integer",
    pl.Float64: "double",
    pl.Boolean: "boolean",
}

_COMPOSITES_IN_FORCE = """
select delivery.path, staged.file_name, delivery.origin
from vault.staging.stg_natural_resources__night_light_composite as staged
inner join read_parquet($ledger) as delivery on staged._delivery_id = delivery.delivery_id
order by staged.year, staged.series
"""
_AREAS_IN_FORCE = """
select region_code, region_name_zh, year::integer as year, built_up_km2, scope, publisher, source, note, delivery.origin
from vault.staging.stg_housing_construction__built_up_area as staged
inner join read_parquet($ledger) as delivery on staged._delivery_id = delivery.delivery_id
order by region_code, year, scope, publisher
"""


@dataclass(frozen=True)
class _Inputs:
    """What is in force."""

    composites: "list[Composite]"
    areas: pl.DataFrame
    origin: str | None
    """Of the composites; None without any."""
    is_mixed: bool


def keep_study(settings: Settings, run_id: str, *, full: bool = False) -> dict[str, Any]:
    """Make the study anew where a composite, an area, a setting or the method has changed; else leave it as it is.

    Without composites the tables are empty. So they are where no study can be made of what was delivered. That, and a
    city or year that had to be left out, is a ``problem`` among the facts returned (in both languages), never a failure
    of the night.
    """
    zones = Zones.of(settings)
    with open_lakes(settings, ("vault",)) as vault:
        vault.execute("create schema if not exists vault.nightlights")
        vault.execute(f"create table if not exists vault.nightlights.study_run ({_RUN})")
        wanted = _fingerprint(settings, zones)
        last = vault.execute("select fingerprint, problem from vault.nightlights.study_run").fetchone()
        if last is not None and last[0] == wanted and not full:
            return {"is_measured_anew": False, "problem": last[1]}
        inputs = _inputs(vault, zones)
        frames, problem = _measure(inputs, settings)
        _write(vault, frames, (wanted, run_id, problem))
    return {
        "is_measured_anew": True,
        "composites": len(inputs.composites),
        "rows": {name: frame.height for name, frame in frames.items()},
        "problem": problem,
    }


def _fingerprint(settings: Settings, zones: Zones) -> str:
    """Of all that a study depends on: results of deliveries in force, settings, and the method itself."""
    ledger = pl.read_parquet(zones.ledger / LEDGER).filter(
        pl.col("dataset").is_in([COMPOSITES, AREAS]), pl.col("status") == "in_force"
    )
    digest = hashlib.sha256()
    digest.update(json.dumps(sorted(ledger.select("delivery_id", "run_id", "origin").rows())).encode())
    digest.update(settings.model_dump_json(include=set(_SETTINGS)).encode())
    for file in sorted(Path(__file__).parent.iterdir()):
        if file.suffix in {".py", ".csv"}:
            digest.update(file.read_bytes())
    return digest.hexdigest()


_SETTINGS = ("urban_scope", "urban_calibration", "urban_publishers", "urban_coupling_tolerance")


def _inputs(vault: duckdb.DuckDBPyConnection, zones: Zones) -> _Inputs:
    # Rasters and projections would slow down whoever imports this for the names of tables, and nights without change
    from citylake.nightlights.composites import Composite  # noqa: PLC0415

    ledger = {"ledger": str(zones.ledger / LEDGER)}
    files = vault.execute(_COMPOSITES_IN_FORCE, ledger).fetchall()
    areas = vault.execute(_AREAS_IN_FORCE, ledger).pl()
    origin = files[0][2] if files else None
    delivered = areas.drop("origin").cast(dict(SCHEMA))  # pyright: ignore[reportArgumentType]  # names to types
    return _Inputs(
        composites=[Composite.parse(Path(path).parent / name) for path, name, _ in files],
        areas=read_published() if areas.is_empty() and origin == "real" else delivered,
        origin=origin,
        is_mixed=len({origin, *(one for _, _, one in files), *areas["origin"].unique()}) > 1,
    )


def _measure(inputs: _Inputs, settings: Settings) -> tuple[dict[str, pl.DataFrame], str | None]:
    """The frames of :data:`TABLES`, and why they are empty if a study could not be made."""
    from citylake.nightlights.study import run_study  # noqa: PLC0415  # as above

    empty = {name: tables.frame([], columns) for name, (_, columns) in TABLES.items()}
    if not inputs.composites:
        return empty, None
    if inputs.is_mixed:
        return empty, (
            "影像与统计面积须同为真实或同为合成。 Of composites and published areas one is synthetic and the other "
            "real: a threshold matched between them says nothing."
        )
    try:
        areas, wanted, left_out = _studied(inputs, settings)
        study = run_study(inputs.composites, areas, wanted)
    except (UsageError, ContractViolation) as problem:
        return empty, str(problem)
    return {
        name: getattr(study, name).with_columns(data_origin=pl.lit(inputs.origin)).select(list(columns))
        for name, (_, columns) in TABLES.items()
    }, " ".join(left_out) or None


def _studied(inputs: _Inputs, settings: Settings) -> tuple[pl.DataFrame, "StudySettings", list[str]]:
    """Every city that an area is published for, over all years that have a composite, and why any was left out.

    Figures that contradict each other are no figures; a city that the composites do not reach is none of the study's.
    """
    from citylake.nightlights.study import StudySettings  # noqa: PLC0415  # as above

    years = [one.year for one in inputs.composites]
    scopes = ("prefecture",) if settings.urban_scope == "prefecture" else Preference.scopes
    preference = Preference(scopes=scopes, publishers=settings.urban_publishers)
    of_years = inputs.areas.filter(pl.col("year").is_in(years))
    torn = conflicting(of_years, preference).select("region_code", "region_name_zh", "year").unique().sort(pl.all())
    areas = of_years.join(torn, on=["region_code", "year"], how="anti")
    left_out = [
        f"{name} {year}: 公布数据互相矛盾，请指定发布者。 Published figures conflict; name the publishers to prefer."
        for _, name, year in torn.iter_rows()
    ]
    named = choose(areas, preference).filter(pl.col("region_code").str.ends_with("00"))["region_code"].unique().sort()
    problems = {code: _out_of_reach(inputs, code, settings) for code in named}
    left_out += [f"{code}: {problem}" for code, problem in problems.items() if problem]
    study = StudySettings(
        cities=tuple(code for code, problem in problems.items() if not problem),
        first_year=min(years),
        last_year=max(years),
        scope=settings.urban_scope,
        table=settings.urban_calibration,
        preference=preference,
        coupling_tolerance=settings.urban_coupling_tolerance,
    )
    if not study.cities:
        none = "没有可采用的公布面积。 No published area is of the scope, publishers and years that are wanted."
        raise UsageError(" ".join(left_out) or none)
    return areas, study, left_out


def _out_of_reach(inputs: _Inputs, code: str, settings: Settings) -> str | None:
    """Why a city cannot be measured on the composites; None where it can."""
    from citylake.nightlights.boundaries import city_unit  # noqa: PLC0415  # as above
    from citylake.nightlights.composites import grid_of  # noqa: PLC0415  # as above
    from citylake.nightlights.study import MARGIN  # noqa: PLC0415  # as above

    try:
        grid_of(inputs.composites[0]).around(city_unit(code, settings.urban_scope).outline, MARGIN)
    except UsageError as problem:
        return str(problem)
    return None


def _write(
    vault: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame], run: tuple[str, str, str | None]
) -> None:
    """Replace every table, and the note of what they were made from, in one transaction."""
    vault.execute("begin")
    for name, (description, columns) in TABLES.items():
        table = f"vault.nightlights.{name}"
        listed = ", ".join(f"{column} {_TYPES[kind]}" for column, (kind, _) in columns.items())
        vault.execute(f"create or replace table {table} ({listed})")
        vault.execute(f"comment on table {table} is '{quoted(description)}'")
        for column, (_, meaning) in columns.items():
            vault.execute(f"comment on column {table}.{column} is '{quoted(meaning)}'")
        vault.register("measured", frames[name].to_arrow())
        vault.execute(f"insert into {table} select * from measured")
        vault.unregister("measured")
    vault.execute(
        "comment on table vault.nightlights.study_run is 'What the study was last made from, and its problem'"
    )
    for column, meaning in {
        "fingerprint": "Of deliveries, settings and method",
        "run_id": "The run that made it",
        "problem": "Why none could be made",
    }.items():
        vault.execute(f"comment on column vault.nightlights.study_run.{column} is '{meaning}'")
    vault.execute("delete from vault.nightlights.study_run")
    vault.execute("insert into vault.nightlights.study_run values (?, ?, ?)", run)
    vault.execute("commit")
