"""A person who was erased and is delivered again: departments do not know, so what is new is looked through.

Rows are told by keyed digests of identifiers and record ids (:mod:`citylake.identity.erasure`); nothing is compared
while nobody was ever erased, and then only deliveries that came or changed since the last time. The caller holds the
writer's lock.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

from citylake.contracts.identifiers import citizen_id_key
from citylake.contracts.model import Contract
from citylake.identity.attributing import Read, Told, named_id, told
from citylake.identity.erasure import suppressed_among, suppressed_kinds
from citylake.identity.seeking import record_ids
from citylake.lake.attach import bare_connection
from citylake.lake.deliveries import Manifest, manifests
from citylake.lake.erasures import Sought
from citylake.lake.settings import Settings
from citylake.lake.traces import pieces_of
from citylake.lake.written import RUNS, number_sql, plain_bytes, plain_sql
from citylake.lake.zones import Zones
from ingestion.erasing import Facts, erase_from_deliveries
from ingestion.finding import as_loaded, as_rejected, columns_of, json_record_id
from ingestion.loading import rows_of

CHECKED = "suppression_checked.parquet"
BASIS = "已删除人员再次报送 An erased person was delivered again"
_RUN = re.compile(rb"[0-9][0-9X]{14,}")
_LENGTHS = (15, 18)
_BORN = {
    length: rf"^[0-9]{{6}}{year}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{{3}}"
    for length, year in zip(_LENGTHS, ("[0-9]{2}", "(18|19|20)[0-9]{2}"), strict=True)
}
_RUNS_AT_ONCE = 200_000
_DAMAGED = (EOFError, OSError, ValueError, RuntimeError)
_SCHEMA = {"delivery_id": pl.String, "run_id": pl.String, "files": pl.Int64}
_CANDIDATES = {"kind": pl.String, "source_dataset": pl.String, "value": pl.String}


def suppress(settings: Settings, contracts: Mapping[str, Contract], run_id: str) -> dict[str, int]:
    """Erase from new deliveries whoever was erased before: rows by dataset, without those that had none."""
    kinds = suppressed_kinds(settings)
    if not kinds:
        return {}
    zones = Zones.of(settings)
    known = _known(zones)
    checked = zones.vault / CHECKED
    before = pl.read_parquet(checked) if checked.exists() else pl.DataFrame(schema=_SCHEMA)
    new = {*known.join(before, on=list(_SCHEMA), how="anti")["delivery_id"]}
    found: dict[str, int] = {}
    for manifest, folder, _ in list(manifests(zones)):
        contract = contracts.get(manifest.dataset)
        if manifest.delivery_id not in new or contract is None:
            continue
        rows = _suppress_one(settings, contract, manifest, folder, run_id, kinds)
        if rows:
            found[manifest.dataset] = found.get(manifest.dataset, 0) + rows
    if new:
        mark_all(zones)
    return found


def mark_all(zones: Zones) -> None:
    """Note that every delivery there is was compared with everybody who was erased."""
    aside = zones.vault / f".{CHECKED}"
    _known(zones).write_parquet(aside)
    aside.chmod(0o600)
    aside.replace(zones.vault / CHECKED)


def _known(zones: Zones) -> pl.DataFrame:
    rows = [(one.delivery_id, one.run_id, len(one.arrivals)) for one, _, _ in manifests(zones)]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _suppress_one(  # noqa: PLR0913, PLR0917  # a delivery, and what those who were erased are told by
    settings: Settings, contract: Contract, manifest: Manifest, folder: Path, run_id: str, kinds: set[str]
) -> int:
    """How many rows of a delivery were of persons who had been erased; content that came again has them again."""
    zones = Zones.of(settings)
    came_again = manifest.rows_erased if _has_original(manifest, zones) else 0
    sought = _sought(settings, contract, manifest, folder, kinds)
    if not (sought.ids or sought.records or sought.codes or sought.named_ids or came_again):
        return 0
    facts = Facts(f"{run_id}-suppression", datetime.now(UTC), "citylake", BASIS)
    erased = erase_from_deliveries(settings, {contract.dataset: contract}, sought, facts, among=[manifest.delivery_id])
    return came_again + erased.found


def _has_original(manifest: Manifest, zones: Zones) -> bool:
    """Whether landing has a file of an erased delivery that is of another size than what the erasure left."""
    if not manifest.erasures:
        return False
    paths = (zones.landing / arrival.file_name for arrival in manifest.arrivals)
    return any(path.is_file() and path.stat().st_size != manifest.erasures[-1].file_size for path in paths)


def _sought(settings: Settings, contract: Contract, manifest: Manifest, folder: Path, kinds: set[str]) -> Sought:
    """Whoever of a delivery was erased before."""
    zones = Zones.of(settings)
    spill = zones.scratch / "suppress"
    with bare_connection(zones, settings, extensions=(), spill=spill) as engine:
        frames = list(_candidates(engine, contract, manifest, folder, zones, kinds))
    shutil.rmtree(spill, ignore_errors=True)
    candidates = pl.concat([pl.DataFrame(schema=_CANDIDATES), *frames]).unique()
    found = suppressed_among(settings, candidates)
    values = {kind: sorted(found.filter(pl.col("kind") == kind)["value"]) for kind in kinds}
    records = values.get("record", [])
    is_numbered = any(one.is_numbered for one in record_ids(contract))
    by_dataset = {contract.dataset: records} if records else {}
    return Sought(
        ids=values.get("id", []),
        codes=values.get("code", []),
        named_ids=values.get("named_id", []),
        records=by_dataset,
        numbers=by_dataset if is_numbered else {},
    )


def _candidates(  # noqa: PLR0913, PLR0917  # a delivery, and what those who were erased are told by
    engine: duckdb.DuckDBPyConnection,
    contract: Contract,
    manifest: Manifest,
    folder: Path,
    zones: Zones,
    kinds: set[str],
) -> Iterator[pl.DataFrame]:
    """Everything in a delivery that may be a citizen id, every record id, and what columns say together."""
    accepted, rejected = rows_of(manifest, folder, zones)
    for file, is_rejected in ((accepted, False), (rejected, True)):
        if not file.exists():
            continue
        runs = engine.execute(
            f"""
            with written as (
                select unnest(list_distinct(
                    regexp_extract_all(row::varchar, $strict) || regexp_extract_all(row::varchar, $loose)
                )) as run
                from read_parquet($file) as row
            )
            select distinct if(regexp_full_match(run, '[0-9X]+'), run, {plain_sql("run")}) as run from written
            """,
            {"file": str(file), "strict": "[0-9]{15,}[Xx]?", "loose": RUNS},
        ).pl()
        yield from map(_ids, runs["run"].cast(pl.String).to_frame("run").iter_slices(_RUNS_AT_ONCE))
        for one in record_ids(contract):
            expression = json_record_id(one, contract) if is_rejected else one.sql
            records = engine.execute(f"select distinct {expression} as value from read_parquet(?)", [str(file)]).pl()
            yield records.drop_nulls().select(
                pl.lit("record").alias("kind"), pl.lit(contract.dataset).alias("source_dataset"), "value"
            )
        read = as_rejected(contract) if is_rejected else as_loaded
        columns = told(contract) if is_rejected else told(contract).present_in(columns_of(engine, file))
        yield from _told_candidates(engine, file, columns, read, kinds)
    for arrival in manifest.arrivals:
        yield from map(_ids, _runs_in(zones.landing / arrival.file_name))


def _told_candidates(
    engine: duckdb.DuckDBPyConnection, file: Path, columns: Told, read: Read, kinds: set[str]
) -> Iterator[pl.DataFrame]:
    """Numbers of the entities that records are about, and ids beside names, where anybody erased is told by such."""

    def distinct(parts: str) -> pl.DataFrame:
        return engine.execute(f"select distinct {parts} from read_parquet(?)", [str(file)]).pl()

    def candidates(kind: str, values: pl.DataFrame) -> pl.DataFrame:
        dataset = pl.lit(None, pl.String).alias("source_dataset")
        return values.drop_nulls().select(pl.lit(kind).alias("kind"), dataset, pl.col("value").cast(pl.String))

    for column in columns.numbers if "code" in kinds else ():
        yield candidates("code", distinct(f"{number_sql(read(column))} as value"))
    for column, name in columns.persons if "named_id" in kinds else ():
        if name is not None:
            pairs = distinct(f"{read(column)} as id, {read(name)} as name").cast(pl.String)
            yield candidates("named_id", pairs.select(named_id(pl.col("id"), pl.col("name")).alias("value")))


def _ids(runs: pl.DataFrame) -> pl.DataFrame:
    """What may be a citizen id of column ``run``: all of it, or a valid id that a longer number contains.

    A sole trader's tax number is the id and two digits more.
    """
    whole = runs.select(pl.col("run").alias("value")).filter(pl.col("value").str.len_chars().is_in(_LENGTHS))
    return (
        pl.concat([whole, *(_windows(runs, length) for length in _LENGTHS)])
        .unique()
        .select(pl.lit("id").alias("kind"), pl.lit(None, pl.String).alias("source_dataset"), "value")
    )


def _windows(runs: pl.DataFrame, length: int) -> pl.DataFrame:
    places = pl.col("run").str.len_chars().cast(pl.Int64) - length + 1
    longer = runs.filter(places > 1).with_columns(pl.int_ranges(places).alias("start"))
    windows = longer.explode("start").select(pl.col("run").str.slice(pl.col("start"), length).alias("value"))
    # Most have no birth date in its place, which a pattern tells for less than the whole check.
    found = windows.filter(pl.col("value").str.contains(_BORN[length])).unique()
    return found.filter(citizen_id_key(pl.col("value")).is_not_null())


def _runs_in(file: Path) -> Iterator[pl.DataFrame]:
    """Long numbers in a file as delivered, however they are written; of one that does not unpack, as far as it does."""
    if not file.is_file() or file.is_symlink():
        return
    try:
        for piece in pieces_of(file):
            # Also as they stand: without what is between them, neighbours become one number.
            text = piece.replace(b"\0", b"") if b"\0" in piece else piece
            found = {*_RUN.findall(text.upper()), *_RUN.findall(plain_bytes(piece))}
            yield pl.DataFrame({"run": [run.decode() for run in found]}, schema={"run": pl.String})
    except _DAMAGED:
        pass
