"""Which records are one person, and the key that this person keeps.

Which datasets name persons, the contracts say: every column whose values must be citizen ids names one. Records are
linked by a valid citizen id only. Where the dataset numbers its persons (its key is an identifier), a record without
one is a person of its own; elsewhere it names nobody. A cluster keeps the key that most of its records had, keys are
never reused, and every change of a record's key is an event with its date and reason. What a night writes depends on
the records and the keys that exist, not on the order of the records.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from citylake.contracts.identifiers import citizen_id_key
from citylake.contracts.model import Contract, load_contracts
from citylake.identity.keeper import open_keeper
from citylake.lake.attach import open_lakes
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

_TABLES = """
create schema if not exists vault.identity;
create table if not exists vault.identity.keeper (fingerprint varchar);
create table if not exists vault.identity.person_record (
    source_dataset varchar, register_no varchar, source_record_key varchar, person_key varchar, match_rule varchar
);
create table if not exists vault.identity.person_key (
    person_key varchar, founding_source_record_key varchar, generation integer, minted_run_id varchar
);
create table if not exists vault.identity.key_event (
    old_key varchar, new_key varchar, changed_date date, event_type varchar, reason varchar, run_id varchar
);
"""

_COMMENTS = {
    "keeper": "What tells whether the secret is still the one that the keys were made with",
    "person_record": "Which person each source record belongs to; one no longer in force keeps its row and key",
    "person_key": "Every person key ever made and the record that it was made over; keys are never reused",
    "key_event": "Every change of a record's person key: merge or split, with date, reason and run",
}

_STAGED = "select database_name || '.' || schema_name || '.' || table_name from duckdb_tables()"

# The records in force, each with the cluster it belongs to and the key it had.
_CLUSTERS = """
create or replace temp table clustered as
select
    record.source_dataset,
    record.register_no,
    coalesce(known.source_record_key, keeper_key('record|' || record.source_dataset || '|' || record.register_no))
        as source_record_key,
    known.person_key as old_key,
    coalesce('id|' || record.link_id, 'record|' || record.source_dataset || '|' || record.register_no) as cluster,
    if(record.link_id is null, 'own_record', 'valid_citizen_id') as match_rule
from incoming as record
left join vault.identity.person_record as known using (source_dataset, register_no)
"""

# A key stays with the cluster that has most of its records, and a cluster with the key most of its records had.
# Ties go to the smaller source record key, which no order of arrival can change.
_KEPT_KEYS = """
create or replace temp table kept as
with claim as (
    select cluster, old_key, count(*) as record_count, min(source_record_key) as first_record
    from clustered
    where old_key is not null
    group by cluster, old_key
)

select cluster, old_key as person_key
from claim
qualify
    row_number() over (partition by cluster order by record_count desc, first_record) = 1
    and row_number() over (partition by old_key order by record_count desc, first_record) = 1
"""

_MINTED_KEYS = """
create or replace temp table minted as
with founded as (
    select cluster, min(source_record_key) as founding_source_record_key
    from clustered
    where cluster not in (select cluster from kept)
    group by cluster
),

numbered as (
    select
        founded.cluster,
        founded.founding_source_record_key,
        count(earlier.person_key)::integer as generation
    from founded
    left join vault.identity.person_key as earlier using (founding_source_record_key)
    group by founded.cluster, founded.founding_source_record_key
)

select *, keeper_key('person|' || founding_source_record_key || '|' || generation) as person_key
from numbered
"""

_CHANGED = """
create or replace temp table changed as
select
    clustered.source_dataset,
    clustered.register_no,
    clustered.source_record_key,
    clustered.old_key,
    coalesce(kept.person_key, minted.person_key) as person_key,
    clustered.match_rule,
from clustered
left join kept using (cluster)
left join minted using (cluster)
left join vault.identity.person_record as known using (source_dataset, register_no)
where
    (known.person_key, known.match_rule)
    is distinct from (coalesce(kept.person_key, minted.person_key), clustered.match_rule)
"""

_EVENTS = """
insert into vault.identity.key_event
select distinct
    changed.old_key,
    changed.person_key,
    $as_of::date,
    if(staying.old_key is null, 'merge', 'split'),
    'valid citizen id of a record changed',
    $run_id
from changed
left join (
    select distinct clustered.old_key from clustered inner join kept using (cluster)
    where clustered.old_key = kept.person_key
) as staying using (old_key)
where changed.old_key is not null and changed.old_key <> changed.person_key
"""


@dataclass(frozen=True)
class PersonColumn:
    """A column of a dataset whose values name natural persons."""

    dataset: str
    table: str
    column: str
    record_id: tuple[str, ...]
    """What a record is called, as SQL texts; models find it by the macro ``person_record_id``."""
    is_numbered: bool
    """Whether the dataset numbers its persons, so that every record is one, with or without a valid citizen id."""


def person_columns(contract: Contract) -> Iterator[PersonColumn]:
    """The columns of a contract that name natural persons: those whose values are citizen ids."""
    numbers = tuple(name for name in contract.key if contract.column(name).classification == "identifier")
    rest = tuple(name for name in contract.key if name != contract.sequence)
    for column in contract.columns:
        if column.check == "citizen_id":
            yield PersonColumn(
                dataset=contract.dataset,
                table=f"vault.staging.stg_{contract.department}__{contract.name}",
                column=column.name,
                record_id=numbers or (*rest, f"'{column.name}'"),
                is_numbered=bool(numbers),
            )


def resolve_persons(settings: Settings, run_id: str, as_of: date) -> dict[str, int]:
    """Bring ``vault.identity`` up to date with staging, in one transaction. The caller holds the writer's lock.

    Returns counts: records, persons, keys minted, records whose row was written, key events.
    Raises SecretMismatch before anything is written when the secret is lost or changed.
    """
    with open_lakes(settings, ("vault",)) as connection:
        fingerprint = _known_fingerprint(connection)
        keeper = open_keeper(Zones.of(settings), settings, fingerprint)
        keeper.register(connection)
        connection.execute("begin")
        connection.execute(_TABLES)
        if fingerprint is None:
            connection.execute("insert into vault.identity.keeper values (?)", [keeper.fingerprint])
            _comment(connection)
        connection.register("incoming", _records(connection, settings))
        for statement in (_CLUSTERS, _KEPT_KEYS, _MINTED_KEYS, _CHANGED):
            connection.execute(statement)
        facts = _write_changes(connection, run_id, as_of)
        connection.execute("commit")
    return facts


def _known_fingerprint(connection: duckdb.DuckDBPyConnection) -> str | None:
    exists = connection.execute(
        "select 1 from duckdb_tables() "
        "where database_name = 'vault' and schema_name = 'identity' and table_name = 'keeper'"
    ).fetchone()
    row = connection.execute("select fingerprint from vault.identity.keeper").fetchone() if exists else None
    return row[0] if row else None


def _records(connection: duckdb.DuckDBPyConnection, settings: Settings) -> pl.DataFrame:
    """Every record in force that names a person: dataset, record id, and the valid citizen id or null."""
    staged = {name for (name,) in connection.execute(_STAGED).fetchall()}
    frames = [
        _named(connection, person)
        for contract in load_contracts(settings.contracts).values()
        for person in person_columns(contract)
        if person.table in staged
    ]
    schema = {"source_dataset": pl.String, "register_no": pl.String, "link_id": pl.String}
    return pl.concat([pl.DataFrame(schema=schema), *frames])


def _named(connection: duckdb.DuckDBPyConnection, person: PersonColumn) -> pl.DataFrame:
    """The records of one column."""
    versions = connection.execute(
        f"""
        select ? as source_dataset, concat_ws('|', {", ".join(person.record_id)}) as register_no,
            {person.column} as citizen_id, _extract_date, _delivery_id, _line
        from {person.table} where not is_deleted
        """,
        [person.dataset],
    ).pl()
    records = versions.with_columns(citizen_id_key(pl.col("citizen_id")).alias("link_id"))
    if records["register_no"].n_unique() < records.height:
        # Several versions of a record are in force: who it is says the newest one that has a valid citizen id.
        newest_first = records.sort("_extract_date", "_delivery_id", "_line", descending=[True, True, False])
        records = newest_first.group_by("source_dataset", "register_no", maintain_order=True).agg(
            pl.col("link_id").drop_nulls().first()
        )
    named = records if person.is_numbered else records.drop_nulls("link_id")
    return named.select("source_dataset", "register_no", "link_id")


def _write_changes(connection: duckdb.DuckDBPyConnection, run_id: str, as_of: date) -> dict[str, int]:
    values = {"run_id": run_id, "as_of": as_of}
    facts = {
        "records": _count(connection, "clustered"),
        "persons": _count(connection, "(select distinct cluster from clustered)"),
        "keys_minted": _count(connection, "minted"),
        "records_written": _count(connection, "changed"),
    }
    if facts["records_written"]:
        connection.execute(_EVENTS, values)
        connection.execute(
            "insert into vault.identity.person_key "
            "select person_key, founding_source_record_key, generation, $run_id from minted",
            {"run_id": run_id},
        )
        connection.execute(
            "delete from vault.identity.person_record "
            "where (source_dataset, register_no) in (select (source_dataset, register_no) from changed)"
        )
        connection.execute(
            "insert into vault.identity.person_record "
            "select source_dataset, register_no, source_record_key, person_key, match_rule from changed"
        )
    row = connection.execute("select count(*) from vault.identity.key_event where run_id = ?", [run_id]).fetchone()
    facts["key_events"] = row[0] if row else 0
    return facts


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return row[0] if row else 0


def _comment(connection: duckdb.DuckDBPyConnection) -> None:
    for table, comment in _COMMENTS.items():
        connection.execute(f"comment on table vault.identity.{table} is '{comment.replace(chr(39), chr(39) * 2)}'")
