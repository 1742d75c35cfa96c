"""Who is meant by a key that is to be erased: the records, numbers, phones and names that are the person's. Reads only.

What of it others carry too is told apart: a number that two persons' records have, by a slip or because a steward said
that they are two, tells of neither, and nothing of the other's may go with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from citylake.contracts.identifiers import citizen_id_forms, citizen_id_key
from citylake.contracts.model import Contract, load_contracts
from citylake.identity.mentions import named_records
from citylake.identity.trading import find_business
from citylake.lake.attach import open_lakes
from citylake.lake.erasures import Sought
from citylake.lake.errors import UsageError
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

TABLES_OF = "select table_name from duckdb_tables() where database_name = 'vault' and schema_name = ?"
_COUNTRY_CODES = ("", "86", "086", "0086")
_UNKNOWN = (
    "没有这个人员键，或该人员已被删除。 No person has this key, or the person was erased already: nothing was changed. "
    "Give the whole key, as it stands in people.base.dim_person; an old one leads to the one that replaced it."
)


@dataclass(frozen=True)
class RecordId:
    """How a dataset's records that are a person's are called."""

    dataset: str
    table: str
    parts: tuple[str, ...]
    """Columns, and texts in quotes, that make up the record id: see :class:`citylake.identity.mentions.NamedRecord`."""
    is_numbered: bool
    """Whether the record id is a number of the person's."""
    id_column: str | None
    """The citizen id; None where the record is an entity's, which is a person's own if it is a sole trader's."""
    name_column: str | None

    @property
    def sql(self) -> str:
        """The record id as an expression over rows of the dataset."""
        return f"concat_ws('|', {', '.join(self.parts)})"


def record_ids(contract: Contract) -> list[RecordId]:
    """How a contract's records name persons by a number: the one place that knows where contracts say so.

    So do records that are about an entity: those of a sole trader are the person's. A name alone, such as a legal
    representative's, is that record's own affair: what the record is about is somebody else, and it stays (decision
    0014).
    """
    return [
        RecordId(
            dataset=named.dataset,
            table=f"vault.staging.{named.table}",
            parts=named.record_id,
            is_numbered=named.is_numbered and named.mention.names == "person",
            id_column=next(iter(named.mention.columns.get("id", ())), None),
            name_column=next(iter(named.mention.columns.get("name", ())), None),
        )
        for named in named_records(contract)
        if (named.mention.is_subject if named.mention.names == "entity" else "id" in named.mention.columns)
    ]


def staged_record_ids(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Iterator[RecordId]:
    """Those of datasets that are staged."""
    staged = tables(connection, "staging")
    for contract in load_contracts(settings.contracts).values():
        yield from (one for one in record_ids(contract) if one.table.rpartition(".")[2] in staged)


def tables(connection: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
    """Names of the tables of one of the vault's schemas."""
    return {name for (name,) in connection.execute(TABLES_OF, [schema]).fetchall()}


def seek(settings: Settings, key: str) -> Sought:
    """What is known of the person who has this key, or the one that replaced it. Reads only.

    Raises UsageError for an unknown key, and for one whose records have become several persons'.
    """
    if not Zones.of(settings).catalog("vault").exists():
        raise UsageError(_UNKNOWN)
    with open_lakes(settings, ("vault",), read_only=True) as connection:
        if "person_record" not in tables(connection, "identity"):
            raise UsageError(_UNKNOWN)
        current = _current_key(connection, key.strip().lower())
        records = _records(connection, current)
        named = list(staged_record_ids(connection, settings))
        of_persons = [one for one in named if one.id_column is not None]
        written = pl.concat([_written(connection, one, records.get(one.dataset, []), current) for one in of_persons])
        own = written.filter(pl.col("field") == "id")["value"]
        others = _carried_by_others(connection, of_persons, citizen_id_forms(own), current)
        shared = own.filter(_valid(own).is_in(others["valid_id"].unique().implode()))
        known = _known_by(connection, current)
        numbers = {one.dataset: records[one.dataset] for one in named if one.is_numbered and one.dataset in records}
        sought = Sought(
            ids=citizen_id_forms(own.filter(~own.is_in(shared.implode()))),
            shared_ids=citizen_id_forms(shared),
            named_ids=_named_ids(connection, _valid(shared), current),
            records_of_others=others.select("source_dataset", "register_no").unique().height,
            records=records,
            numbers=numbers,
            phones=_with_country_code(known.filter(pl.col("field") == "phone", ~pl.col("is_of_others"))["value"]),
            shared_phones=_with_country_code(known.filter(pl.col("field") == "phone", "is_of_others")["value"]),
            names=sorted(
                {*known.filter(pl.col("field") == "name")["value"], *written.filter(pl.col("field") == "name")["value"]}
            ),
            key=current,
        )
        return find_business(connection, settings, current, sought)


def _current_key(connection: duckdb.DuckDBPyConnection, key: str) -> str:
    """The key that has records now. A merge leads to one; after a split, several may have the old one's records."""
    rows = connection.execute(
        """
        with recursive successor(person_key) as (
            select $key
            union
            select event.new_key from vault.identity.key_event as event
            inner join successor on event.old_key = successor.person_key
            where event.event_type = 'merge'
        )
        select distinct person_key from successor
        inner join vault.identity.person_record using (person_key)
        """,
        {"key": key},
    ).fetchall()
    found = {row[0] for row in rows}
    if key in found:
        return key
    if not found:
        raise UsageError(_UNKNOWN)
    if len(found) > 1:
        raise UsageError(
            "该旧键的记录现分属多人，请给出其中一人的现行键。 The records of this old key belong to several persons "
            "now: give the key that one of them has today (people.base.key_history)."
        )
    return found.pop()


def _records(connection: duckdb.DuckDBPyConnection, key: str) -> dict[str, list[str]]:
    found = connection.execute(
        "select source_dataset, list(register_no order by register_no) from vault.identity.person_record "
        "where person_key = ? group by source_dataset order by source_dataset",
        [key],
    ).fetchall()
    return dict(found)


def _written(connection: duckdb.DuckDBPyConnection, one: RecordId, records: Sequence[str], key: str) -> pl.DataFrame:
    """Ids and names as these records write them: columns ``field`` (``id``, ``name``) and ``value``.

    An id that is not valid and that others' records have too names nobody: it is not among them.
    """
    name = one.name_column or "null::varchar"
    found = connection.execute(
        f"""
        with written as (
            select {one.sql} as register_no, {one.id_column}::varchar as citizen_id, {name} as name from {one.table}
        ),
        own as (
            from written where list_contains($records::varchar[], register_no)
        ),
        id as (
            select citizen_id, bool_or(record.person_key is distinct from $key) as is_of_others
            from written
            left join vault.identity.person_record as record
                on record.source_dataset = $dataset and record.register_no = written.register_no
            where citizen_id in (select citizen_id from own)
            group by citizen_id
        )
        select 'id' as field, citizen_id as value, is_of_others from id
        union all
        select distinct 'name', trim(name), false from own where name is not null
        """,
        {"key": key, "dataset": one.dataset, "records": list(records)},
    ).pl()
    found = found.cast({"field": pl.String, "value": pl.String})
    is_valid = citizen_id_key(pl.col("value")).is_not_null()
    return found.filter(is_valid | ~pl.col("is_of_others")).select("field", "value")


def _carried_by_others(
    connection: duckdb.DuckDBPyConnection, named: Sequence[RecordId], forms: Sequence[str], key: str
) -> pl.DataFrame:
    """Records of other persons that carry a valid one of these ids: ``source_dataset, register_no, valid_id``."""
    carried = " union all ".join(
        f"""
        select '{one.dataset}' as source_dataset, {one.sql} as register_no, upper(trim({one.id_column})) as citizen_id
        from {one.table} where upper(trim({one.id_column})) in (select unnest($forms::varchar[]))
        """
        for one in named
    )
    found = connection.execute(
        f"""
        select distinct source_dataset, register_no, carried.citizen_id
        from ({carried}) as carried
        inner join vault.identity.person_record as record using (source_dataset, register_no)
        where record.person_key <> $key
        """,
        {"key": key, "forms": list(forms)},
    ).pl()
    return (
        found.cast({"citizen_id": pl.String})
        .with_columns(citizen_id_key(pl.col("citizen_id")).alias("valid_id"))
        .drop("citizen_id")
        .drop_nulls()
    )


def _named_ids(connection: duckdb.DuckDBPyConnection, shared: pl.Series, key: str) -> list[str]:
    """Shared ids, each beside the name that records of the person alone give with it."""
    found = connection.execute(
        """
        select mention.valid_id || '|' || mention.name
        from vault.identity.person_mention as mention
        left join vault.identity.person_record as record on mention.mention_key = record.source_record_key
        where mention.valid_id in (select unnest($shared::varchar[])) and mention.name is not null
        group by all having bool_and(record.person_key is not distinct from $key)
        order by all
        """,
        {"key": key, "shared": shared.drop_nulls().unique().to_list()},
    ).fetchall()
    return [row[0] for row in found]


def _known_by(connection: duckdb.DuckDBPyConnection, key: str) -> pl.DataFrame:
    """Names and phones of the person's mentions: ``field, value, is_of_others`` (a family's phone tells of nobody)."""
    return connection.execute(
        """
        with mention as (
            select unnest(['name', 'phone']) as field, unnest([name, phone]) as value, person_key
            from vault.identity.person_mention as mention
            left join vault.identity.person_record as record on mention.mention_key = record.source_record_key
        )
        select field, value, bool_or(person_key is distinct from $key) as is_of_others
        from mention where value is not null
        group by field, value having bool_or(person_key = $key)
        order by field, value
        """,
        {"key": key},
    ).pl()


def _with_country_code(phones: pl.Series) -> list[str]:
    """Phones in every form that registers write."""
    return sorted(f"{prefix}{phone}" for phone in phones for prefix in _COUNTRY_CODES)


def _valid(written: pl.Series) -> pl.Series:
    return written.to_frame("text").select(citizen_id_key(pl.col("text"))).to_series()
