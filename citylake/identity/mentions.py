"""Reads from staging whom the records in force name, as the contracts say, and keeps ``*_mention`` up to date.

Only mentions whose content changed are normalised and marked for linking; those that are gone are removed, and those
that merely came with a newer delivery take over its date. A dataset none of whose deliveries changed is not read, and
of one that deliveries were only added to, the records in these alone.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import duckdb
import polars as pl

from citylake.contracts.identifiers import citizen_id_key
from citylake.contracts.mentions import CODES, Condition, Kind, Mention
from citylake.contracts.model import Contract
from citylake.identity.anchors import anchor
from citylake.identity.normalising import FIELDS, normalised_entities, normalised_persons
from citylake.identity.tables import MENTION, forget, transaction

NORMALISATION = "4"
"""Raised whenever the same record would be normalised otherwise: every mention is then read anew."""
_BATCH = 200_000
NORMALISED = {"person": normalised_persons, "entity": normalised_entities}
_NAMED_BY = {"person": ("id", "name"), "entity": (*CODES, "name")}
"""Fields of which one must have a value for a record to name anybody, where its dataset does not number it."""

_STAGED = """
select table_name, list(column_name) from duckdb_columns()
where database_name = 'vault' and schema_name = 'staging' group by table_name
"""


@dataclass(frozen=True)
class NamedRecord:
    """How the records of a dataset are called where they name somebody; models find them by ``record_id``."""

    dataset: str
    table: str
    mention: Mention
    record_id: tuple[str, ...]
    """SQL texts: the columns that number the named one in its dataset, or the record's own key and the column."""
    is_numbered: bool
    """Whether the dataset numbers whom it names, so that every record is somebody, with or without a valid number."""
    holding: tuple[str, ...] = ()
    """The columns that say whether a record still holds. Where they change, so does what the mention is worth."""


def named_records(contract: Contract) -> Iterator[NamedRecord]:
    """What the contract's mentions are read from.

    A dataset numbers its persons where its key is an identifier: those of its first mention of persons. It numbers
    entities where their code is part of its key.
    """
    numbers = tuple(name for name in contract.key if contract.column(name).classification == "identifier")
    rest = tuple(name for name in contract.key if name != contract.sequence)
    first_person = next((mention for mention in contract.mentions if mention.names == "person"), None)
    for mention in contract.mentions:
        own = numbers if mention is first_person else ()
        if mention.names == "entity":
            own = tuple(name for name in mention.columns.get("code", ()) if name in contract.key)
        yield NamedRecord(
            dataset=contract.dataset,
            table=f"stg_{contract.department}__{contract.name}",
            mention=mention,
            record_id=own or (*rest, f"'{mention.naming}'"),
            is_numbered=bool(own),
            holding=(contract.holds.column, *((contract.holds.until,) if contract.holds.until else ()))
            if contract.holds
            else (),
        )


def extract_mentions(
    connection: duckdb.DuckDBPyConnection, contracts: Sequence[Contract], kind: Kind, run_id: str, *, full: bool
) -> int:
    """Bring ``vault.identity.<kind>_mention`` up to date; how many mentions changed, are new or gone.

    Leaves the temporary table ``touched`` (mention_key, anchor_id): every mention whose cluster may be another now,
    under the anchor that it had and the one that it has. Where anything changed, ``unfinished_run`` says so until
    :func:`records.write_records` has followed.
    """
    staged = staged_columns(connection)
    current, known = _made_from(connection, contracts, kind, staged), _extracted(connection)
    connection.execute(f"create or replace temp table incoming ({MENTION[kind]})")
    connection.execute("create or replace temp table gone (mention_key varchar)")
    connection.execute(
        "create or replace temp table moved (mention_key varchar, extract_date date, delivery_id varchar)"
    )
    read_anew: dict[str, _MadeFrom | None] = {}
    for contract in contracts:
        named = [one for one in named_records(contract) if one.mention.names == kind and one.table in staged]
        read = f"{contract.dataset} {kind}"
        made_from, before = current.get(read), None if full else known.get(read)
        if named and (made_from is None or made_from != before):
            added = made_from.added_to(before) if made_from and before else None
            _read(connection, kind, named, staged[named[0].table], added)
            read_anew[read] = made_from
    touched = anchor(connection, kind, run_id, full=full)
    _write(connection, kind, run_id, read_anew)
    forget(connection, but=("touched",))
    return touched


def _read(
    connection: duckdb.DuckDBPyConnection,
    kind: Kind,
    named: Sequence[NamedRecord],
    columns: Sequence[str],
    added: Sequence[str] | None,
) -> None:
    """One dataset: what changed of it into ``incoming``, ``gone`` and ``moved``; looks at records in these deliveries.

    A record's number is part of its key, so a delivery that changes or deletes a record has a row of that number.
    """
    concerned = "true"
    if added is not None:
        delivered = " union ".join(
            f"select {_register_no(one)} as register_no from vault.staging.{one.table} "
            "where _delivery_id in (from given)"
            for one in named
        )
        connection.execute(
            "create or replace temp table delivered_record as "
            f"with given as (select unnest($added::varchar[])) {delivered}",
            {"added": list(added)},
        )
        concerned = "register_no in (from delivered_record)"
    selects = " union all ".join(select_versions(kind, one, columns) for one in named)
    connection.execute(
        f"create or replace temp table version as select * from ({selects}) where {concerned}",
        [one.dataset for one in named],
    )
    _choose_versions(connection, kind)
    _compare(connection, kind, named[0].dataset, concerned)
    _normalise(connection, kind)


@dataclass(frozen=True)
class _MadeFrom:
    """What a dataset's mentions were or would be made from."""

    fingerprint: str
    """Of what its contract says of them and how names are normalised."""
    deliveries: frozenset[str]
    """Identifier and run of each delivery that staging reflects."""

    def added_to(self, before: "_MadeFrom") -> list[str] | None:
        """The deliveries that came since; None where anything else is another too, and all has to be read."""
        if self.fingerprint != before.fingerprint or not before.deliveries <= self.deliveries:
            return None
        return [delivery.split(" ")[0] for delivery in sorted(self.deliveries - before.deliveries)]


def _made_from(
    connection: duckdb.DuckDBPyConnection, contracts: Sequence[Contract], kind: Kind, staged: Mapping[str, object]
) -> dict[str, _MadeFrom]:
    """What each dataset's mentions are made from today.

    None where staging does not say which deliveries it reflects: such datasets are read every time.
    """
    if "applied_delivery" not in staged:
        return {}
    reflected = dict(
        connection.execute(
            "select dataset, list(delivery_id || ' ' || run_id) from vault.staging.applied_delivery group by dataset"
        ).fetchall()
    )
    stated = {
        contract.dataset: [
            NORMALISATION,
            contract.key,
            asdict(contract.holds) if contract.holds else None,
            [asdict(mention) for mention in contract.mentions if mention.names == kind],
        ]
        for contract in contracts
    }
    return {
        f"{dataset} {kind}": _MadeFrom(
            hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest(),
            frozenset(reflected.get(dataset, ())),
        )
        for dataset, parts in stated.items()
    }


def _extracted(connection: duckdb.DuckDBPyConnection) -> dict[str, _MadeFrom]:
    rows = connection.execute(
        "select source_dataset, fingerprint, deliveries from vault.identity.extracted_dataset "
        "where fingerprint is not null and deliveries is not null"
    ).fetchall()
    return {read: _MadeFrom(fingerprint, frozenset(deliveries)) for read, fingerprint, deliveries in rows}


def _note_extracted(connection: duckdb.DuckDBPyConnection, read_anew: Mapping[str, _MadeFrom | None]) -> None:
    connection.execute(
        "delete from vault.identity.extracted_dataset where source_dataset in (select unnest(?::varchar[]))",
        [list(read_anew)],
    )
    rows = [(read, one.fingerprint, sorted(one.deliveries)) for read, one in read_anew.items() if one is not None]
    schema = {"source_dataset": pl.String, "fingerprint": pl.String, "deliveries": pl.List(pl.String)}
    connection.register("noted", pl.DataFrame(rows, schema=schema, orient="row"))
    connection.execute("insert into vault.identity.extracted_dataset by name from noted")
    connection.unregister("noted")


def staged_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The tables of staging, and the columns that each has."""
    return dict(connection.execute(_STAGED).fetchall())


def select_versions(kind: Kind, named: NamedRecord, staged: Sequence[str], *, deleted: bool = False) -> str:
    """The versions of the records that a mention is read from, all fields as text; of deleted ones, if asked for.

    Takes one parameter, the dataset.
    """
    mention = named.mention
    fields = ", ".join(f"{_text(mention.columns.get(field, ()), staged)} as {field}" for field in FIELDS[kind])
    holding = ", ".join(["''", *(f"coalesce({name}::varchar, '')" for name in named.holding if name in staged)])
    conditions = ["is_deleted" if deleted else "not is_deleted", *([_holds(mention.where)] if mention.where else [])]
    if not named.is_numbered:
        has = (_text(mention.columns[field], staged) for field in _NAMED_BY[kind] if field in mention.columns)
        conditions.append(f"coalesce({', '.join(has)}, null) is not null")
    return f"""
        select ? as source_dataset, {_register_no(named)} as register_no,
            '{mention.role}' as role, {str(named.is_numbered).lower()} as is_numbered,
            {_holds(mention.id_where) if mention.id_where else "true"} as is_id,
            concat_ws('|', {holding}) as holding,
            {fields}, _extract_date as extract_date, _delivery_id as delivery_id, _line
        from vault.staging.{named.table} where {" and ".join(conditions)}
    """


def _register_no(named: NamedRecord) -> str:
    return f"concat_ws('|', {', '.join(named.record_id)})"


def _text(columns: Sequence[str], staged: Sequence[str]) -> str:
    """The first value of these columns as text; a lake staged under an older contract may not have all of them yet."""
    present = [f"nullif(trim({column}::varchar), '')" for column in columns if column in staged]
    return f"coalesce({', '.join(present)}, null)" if present else "null::varchar"


def _holds(condition: Condition) -> str:
    values = ", ".join("'" + value.replace("'", "''") + "'" for value in condition.one_of)
    return f"coalesce({condition.column} in ({values}), true)"


def _choose_versions(connection: duckdb.DuckDBPyConnection, kind: Kind) -> None:
    """One version a record: the newest with a valid citizen id, or any code of an entity; else the newest of all."""
    if kind == "person":
        disputed = connection.execute(
            """
            select distinct id from version
            where is_id and id is not null and register_no in (
                select register_no from version
                group by register_no having count(distinct coalesce(id, '')) > 1
            )
            """
        ).pl()
        connection.register("valid", disputed.filter(citizen_id_key(pl.col("id")).is_not_null()))
        told = "is_id and id in (select id from valid)"
    else:
        told = f"coalesce({', '.join(CODES)}) is not null"
    hashed = ", ".join(f"coalesce({field}, chr(30))" for field in FIELDS[kind])
    hashed = f"'{NORMALISATION}', role, is_numbered, is_id, holding, {hashed}"
    connection.execute(
        f"""
        create or replace temp table current_version as
        select *, md5(concat_ws(chr(31), {hashed})) as content_hash
        from version
        qualify row_number() over (
            partition by register_no
            order by coalesce({told}, false) desc, extract_date desc, delivery_id desc, _line, role
        ) = 1
        """
    )
    connection.execute("drop table version")


def _compare(connection: duckdb.DuckDBPyConnection, kind: Kind, dataset: str, concerned: str) -> None:
    """What changed since the last time: content, only the delivery it came with, or everything, being new or gone."""
    connection.execute(
        f"""
        create or replace temp table known as
        select mention_key, register_no, content_hash, extract_date, delivery_id
        from vault.identity.{kind}_mention where source_dataset = ? and {concerned}
        """,
        [dataset],
    )
    connection.execute(
        "insert into gone select mention_key from known "
        "where register_no not in (select register_no from current_version)"
    )
    connection.execute(
        """
        insert into moved
        select known.mention_key, now.extract_date, now.delivery_id
        from current_version as now inner join known using (register_no, content_hash)
        where (now.extract_date, now.delivery_id) is distinct from (known.extract_date, known.delivery_id)
        """
    )
    connection.execute(
        """
        create or replace temp table changed_version as
        select
            now.*,
            keeper_key('record|' || now.source_dataset || '|' || now.register_no) as mention_key,
            row_number() over () as row_no
        from current_version as now anti join known using (register_no, content_hash)
        """
    )


def _normalise(connection: duckdb.DuckDBPyConnection, kind: Kind) -> None:
    """Changed versions into ``incoming``, some at a time: a first night brings the whole city."""
    wanted = [line.split()[0] for line in MENTION[kind].replace("\n", " ").split(", ")]
    wanted = [name for name in wanted if name != "anchor_id"]
    row = connection.execute("select count(*) from changed_version").fetchone()
    for start in range(0, row[0] if row else 0, _BATCH):
        batch = connection.execute(
            "select * from changed_version where row_no > ? and row_no <= ?", [start, start + _BATCH]
        ).pl()
        connection.register("batch", NORMALISED[kind](batch).select(wanted))
        connection.execute("insert into incoming by name select * from batch")
        connection.unregister("batch")
    connection.execute("drop table changed_version")


def _write(
    connection: duckdb.DuckDBPyConnection, kind: Kind, run_id: str, read_anew: Mapping[str, _MadeFrom | None]
) -> None:
    """Replace what changed, moved or is anchored otherwise, remove what is gone; write nothing else."""
    table = f"vault.identity.{kind}_mention"
    connection.execute(
        f"""
        create or replace temp table rewritten as
        select mention.* replace (
            coalesce(moved.extract_date, mention.extract_date) as extract_date,
            coalesce(moved.delivery_id, mention.delivery_id) as delivery_id,
            if(anchored.mention_key is null, mention.anchor_id, anchored.anchor_id) as anchor_id
        )
        from (
            from {table} where mention_key in (
                (select mention_key from moved union select mention_key from anchored)
                except (select mention_key from incoming union select mention_key from gone)
            )
        ) as mention
        left join moved using (mention_key)
        left join anchored using (mention_key)
        """
    )
    changed, replaced = (
        " union all ".join(f"select mention_key from {name}" for name in names)
        for names in (("anchored", "incoming", "gone"), ("rewritten", "incoming", "gone"))
    )
    row = connection.execute(f"select count(*) from ({replaced})").fetchone()
    is_changed = bool(row and row[0])
    if not is_changed and not read_anew:
        return
    with transaction(connection):
        _note_extracted(connection, read_anew)
        if is_changed:
            connection.execute("insert into vault.identity.unfinished_run values (?, ?)", [kind, run_id])
            connection.execute(
                f"insert into vault.identity.changed_key select '{kind}', {kind}_key, "
                f"bool_and(source_record_key not in ({changed})) from vault.identity.{kind}_record "
                f"where source_record_key in ({replaced}) group by {kind}_key"
            )
            connection.execute(f"delete from {table} where mention_key in ({replaced})")
            connection.execute(f"insert into {table} by name select * from rewritten")
            connection.execute(
                f"""
                insert into {table} by name
                select incoming.* replace (anchored.anchor_id as anchor_id)
                from incoming left join anchored using (mention_key)
                """
            )
