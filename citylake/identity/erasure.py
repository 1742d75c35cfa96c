"""Erasing a person from the vault: who is meant, what of them is there, and how a new delivery of them is noticed.

The key stays, spent and opaque, so that nobody ever gets it again. Of the identifiers only keyed digests stay, which
nobody without the keeper's secret can test a guess against. Files of deliveries are ``ingestion``'s.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import polars as pl

from citylake.contracts.identifiers import citizen_id_key
from citylake.contracts.model import Contract, load_contracts
from citylake.identity.keeper import open_keeper
from citylake.identity.mentions import named_records
from citylake.lake.attach import open_lakes
from citylake.lake.erasures import Sought
from citylake.lake.errors import UsageError
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

_TABLES = """
create table if not exists vault.identity.erased_person (
    person_key varchar, erasure_id varchar, erased_at timestamptz
);
create table if not exists vault.identity.suppression (
    digest varchar, kind varchar, source_dataset varchar, erasure_id varchar
);
"""
_STAYING = ("keeper", "person_key", "entity_key", "erased_person", "suppression", "linkage_model")
_TABLES_OF = "select table_name from duckdb_tables() where database_name = 'vault' and schema_name = ?"
_FORMS = (15, 18)
_COUNTRY_CODES = ("", "86", "086", "0086")
_UNKNOWN = (
    "没有这个人员键，或该人员已被删除。 No person has this key, or the person was erased already: nothing was changed. "
    "Give the whole key, as it stands in people.base.dim_person; an old one leads to the one that replaced it."
)


@dataclass(frozen=True)
class RecordId:
    """How a dataset's records that name a person are called."""

    dataset: str
    table: str
    id_column: str
    parts: tuple[str, ...]
    """Columns, and texts in quotes, that make up the record id: see :class:`citylake.identity.mentions.NamedRecord`."""
    is_numbered: bool
    """Whether the record id is a number of the person's."""

    @property
    def sql(self) -> str:
        """The record id as an expression over rows of the dataset."""
        return f"concat_ws('|', {', '.join(self.parts)})"


def record_ids(contract: Contract) -> list[RecordId]:
    """How a contract's records name persons by a number: the one place that knows where contracts say so.

    A name alone, such as a legal representative's in the register of entities, is that record's own affair: what the
    record is about is somebody else, and it stays (decision 0014).
    """
    return [
        RecordId(
            dataset=named.dataset,
            table=f"vault.staging.{named.table}",
            id_column=named.mention.columns["id"][0],
            parts=named.record_id,
            is_numbered=named.is_numbered,
        )
        for named in named_records(contract)
        if named.mention.names == "person" and "id" in named.mention.columns
    ]


def seek(settings: Settings, key: str) -> Sought:
    """What is known of the person who has this key, or the one that replaced it. Reads only.

    Raises UsageError for an unknown key, and for one whose records have become several persons'.
    """
    if not Zones.of(settings).catalog("vault").exists():
        raise UsageError(_UNKNOWN)
    with open_lakes(settings, ("vault",), read_only=True) as connection:
        if "person_record" not in _tables(connection, "identity"):
            raise UsageError(_UNKNOWN)
        current = _current_key(connection, key.strip().lower())
        mentions = connection.execute(
            "select source_dataset, register_no from vault.identity.person_record where person_key = ? order by all",
            [current],
        ).pl()
        records = {
            dataset: sorted(mentions.filter(pl.col("source_dataset") == dataset)["register_no"])
            for dataset in sorted(mentions["source_dataset"].unique())
        }
        named = list(_record_ids(connection, settings))
        written = [_written(connection, one, records.get(one.dataset, []), current) for one in named]
        phones = _phones(connection, current)
    numbers = {one.dataset: records[one.dataset] for one in named if one.is_numbered and one.dataset in records}
    return Sought(
        ids=_every_form(pl.concat(written)["citizen_id"]), records=records, numbers=numbers, phones=phones, key=current
    )


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


def _written(connection: duckdb.DuckDBPyConnection, one: RecordId, records: Sequence[str], key: str) -> pl.DataFrame:
    """Ids as these records write them. One that is not valid and that others' records have too names nobody."""
    found = connection.execute(
        f"""
        with written as (
            select {one.sql} as register_no, {one.id_column} as citizen_id from {one.table}
            where {one.id_column} is not null
        )
        select
            citizen_id,
            bool_or(record.person_key is distinct from $key) as is_of_others
        from written
        left join vault.identity.person_record as record
            on record.source_dataset = $dataset and record.register_no = written.register_no
        where citizen_id in (select citizen_id from written where list_contains($records::varchar[], register_no))
        group by citizen_id
        """,
        {"key": key, "dataset": one.dataset, "records": list(records)},
    ).pl()
    valid = citizen_id_key(pl.col("citizen_id")).is_not_null()
    return found.cast({"citizen_id": pl.String}).filter(valid | ~pl.col("is_of_others")).select("citizen_id")


def _phones(connection: duckdb.DuckDBPyConnection, key: str) -> list[str]:
    """Phones of the person's records, with and without the country's code. One that a family shares tells of nobody."""
    found = connection.execute(
        """
        select mention.phone
        from vault.identity.person_mention as mention
        left join vault.identity.person_record as record on mention.mention_key = record.source_record_key
        where mention.phone is not null
        group by mention.phone
        having bool_and(record.person_key is not distinct from $key)
        """,
        {"key": key},
    ).fetchall()
    return sorted(f"{prefix}{phone}" for (phone,) in found for prefix in _COUNTRY_CODES)


def _every_form(written: pl.Series) -> list[str]:
    """Each id in 18 characters and, for those born before 2000, in the 15 digits issued before 1999; and as written."""
    texts = written.str.strip_chars().str.to_uppercase()
    whole = texts.to_frame("text").select(citizen_id_key(pl.col("text"))).to_series().drop_nulls()
    of_old = whole.filter(whole.str.slice(6, 2) == "19")
    short = of_old.str.slice(0, 6) + of_old.str.slice(8, 9)
    forms = pl.concat([texts, whole, short]).drop_nulls()
    return sorted(forms.filter(forms.str.len_chars().is_in(_FORMS)).unique())


def remember(settings: Settings, sought: Sought, erasure_id: str) -> None:
    """Mark the key as spent and keep digests of the identifiers. Doing it twice changes nothing."""
    with open_lakes(settings, ("vault",)) as connection:
        _register_keeper(connection, settings)
        rows = [("id", None, value) for value in sought.ids]
        rows += [("record", dataset, one) for dataset, ids in sought.records.items() for one in ids]
        schema = {"kind": pl.String, "source_dataset": pl.String, "value": pl.String}
        connection.register("remembered", pl.DataFrame(rows, schema=schema, orient="row"))
        connection.execute("begin")
        connection.execute(_TABLES)
        for table in ("erased_person", "suppression"):
            connection.execute(f"delete from vault.identity.{table} where erasure_id = ?", [erasure_id])
        if sought.key is not None:
            connection.execute(
                "insert into vault.identity.erased_person values (?, ?, ?)",
                [sought.key, erasure_id, datetime.now(UTC)],
            )
        connection.execute(
            f"insert into vault.identity.suppression select {_digest('remembered')}, kind, source_dataset, ? "
            "from remembered",
            [erasure_id],
        )
        connection.execute("commit")


def is_anybody_suppressed(settings: Settings) -> bool:
    """Whether anybody was ever erased: if not, nothing has to be compared."""
    if not Zones.of(settings).catalog("vault").exists():
        return False
    with open_lakes(settings, ("vault",), read_only=True) as connection:
        return "suppression" in _tables(connection, "identity") and bool(
            connection.execute("select 1 from vault.identity.suppression limit 1").fetchone()
        )


def suppressed_among(settings: Settings, candidates: pl.DataFrame) -> pl.DataFrame:
    """Which of these were erased: columns ``kind`` (``id``, ``record``), ``source_dataset`` and ``value``."""
    with open_lakes(settings, ("vault",), read_only=True) as connection:
        _register_keeper(connection, settings)
        connection.register("candidates", candidates)
        return connection.execute(
            f"""
            select kind, source_dataset, value from candidates
            where {_digest("candidates")} in (select digest from vault.identity.suppression)
            """
        ).pl()


def _digest(relation: str) -> str:
    return f"keeper_key('erased|' || kind || '|' || coalesce({relation}.source_dataset, '') || '|' || {relation}.value)"


def delete(settings: Settings, sought: Sought, told: Callable[[dict[str, int]], None]) -> dict[str, int]:
    """Delete the person's rows from staging and identity, in one transaction; how many there were.

    ``told`` hears it before it has come to be, so that a process that dies afterwards has it on record.

    What a staging table of versions loses by a text alone may have had another version: that dataset is then read
    anew by the next night.
    """
    with open_lakes(settings, ("vault",)) as connection:
        _note_records(connection, settings, sought)
        connection.execute("begin")
        counts = {"vault.staging": 0, "vault.history": 0, "vault.identity": 0}
        by_table: dict[str, list[RecordId]] = {}
        for one in _record_ids(connection, settings):
            by_table.setdefault(one.table, []).append(one)
        for contract in load_contracts(settings.contracts).values():
            table = f"vault.staging.stg_{contract.department}__{contract.name}"
            if table.rpartition(".")[2] in _tables(connection, "staging"):
                counts["vault.staging"] += _delete_staged(connection, contract, table, by_table.get(table, []), sought)
            history = f"hst_{contract.department}__{contract.name}"
            if history in _tables(connection, "history"):
                counts["vault.history"] += _delete_versions(connection, contract, history, sought)
        for table in sorted(_tables(connection, "identity") - {*_STAYING}):
            counts["vault.identity"] += _delete_identity(connection, table, sought)
        told(counts)
        connection.execute("commit")
    return counts


def _delete_rows(  # noqa: PLR0913, PLR0917  # a table, what its rows are called, whom to delete
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    table: str,
    columns: Sequence[str],
    named: Sequence[str],
    sought: Sought,
) -> tuple[int, int]:
    """Delete the rows of a dataset's table that are the person's; how many there were, and how many by a text alone."""
    by_record = " or ".join(f"list_contains($records::varchar[], {sql})" for sql in named) or "false"
    texts = ", ".join(f"{column}::varchar" for column in columns)
    is_theirs = f"(({by_record}) or regexp_matches(concat_ws(' ', {texts}), $pattern, 'i'))"
    bound: dict[str, object] = {"pattern": sought.pattern}
    if named:
        bound["records"] = sought.records.get(contract.dataset, [])
    counted = connection.execute(
        f"select count(*), count(*) filter (not ({by_record})) from {table} where {is_theirs}", bound
    ).fetchone()
    rows, by_text_alone = counted or (0, 0)
    if rows:
        connection.execute(f"delete from {table} where {is_theirs}", bound)
    return rows, by_text_alone


def _delete_staged(
    connection: duckdb.DuckDBPyConnection, contract: Contract, table: str, named: list[RecordId], sought: Sought
) -> int:
    columns = [column.name for column in contract.columns]
    rows, by_text_alone = _delete_rows(connection, contract, table, columns, [one.sql for one in named], sought)
    if by_text_alone and contract.mode == "upsert":
        connection.execute("delete from vault.staging.applied_delivery where dataset = ?", [contract.dataset])
    return rows


def _delete_versions(connection: duckdb.DuckDBPyConnection, contract: Contract, name: str, sought: Sought) -> int:
    """Versions of the person's records. What a history loses by a text alone, the next night builds anew."""
    table = f"vault.history.{name}"
    columns = sorted(row[0] for row in connection.execute(f"describe {table}").fetchall())
    named = [one.sql for one in record_ids(contract) if {p for p in one.parts if not p.startswith("'")} <= {*columns}]
    rows, by_text_alone = _delete_rows(connection, contract, table, columns, named, sought)
    if by_text_alone:
        connection.execute("delete from vault.history.applied_delivery where dataset = ?", [contract.dataset])
    return rows


def _note_records(connection: duckdb.DuckDBPyConnection, settings: Settings, sought: Sought) -> None:
    """A temporary table of the person's records, each with the key that identity tables call it by."""
    _register_keeper(connection, settings)
    rows = [(dataset, record) for dataset, records in sought.records.items() for record in records]
    schema = {"source_dataset": pl.String, "register_no": pl.String}
    connection.register("sought_record", pl.DataFrame(rows, schema=schema, orient="row"))
    connection.execute(
        "create or replace temp table erased_record as "
        "select *, keeper_key('record|' || source_dataset || '|' || register_no) as mention_key from sought_record"
    )


def _delete_identity(connection: duckdb.DuckDBPyConnection, table: str, sought: Sought) -> int:
    """Rows of the person, by whatever a table calls them: a key, a record, a record's key, a pair of them."""
    columns = {row[0] for row in connection.execute(f"describe vault.identity.{table}").fetchall()}
    by_key = [f"{name} = $key" for name in ("person_key", "key", "old_key", "new_key") if name in columns]
    by_mention = [
        f"{name} in (select mention_key from erased_record)"
        for name in ("mention_key", "left_key", "right_key", "matched_record_key", "source_record_key")
        if name in columns
    ]
    conditions = [*by_key, *by_mention]
    if not conditions:
        return 0
    where = " or ".join(f"coalesce({condition}, false)" for condition in conditions)
    bound = {"key": sought.key} if by_key else {}
    counted = connection.execute(f"select count(*) from vault.identity.{table} where {where}", bound).fetchone()
    if counted and counted[0]:
        connection.execute(f"delete from vault.identity.{table} where {where}", bound)
    return counted[0] if counted else 0


def _record_ids(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Iterator[RecordId]:
    """Those of datasets that are staged."""
    staged = _tables(connection, "staging")
    for contract in load_contracts(settings.contracts).values():
        yield from (one for one in record_ids(contract) if one.table.rpartition(".")[2] in staged)


def _tables(connection: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
    return {name for (name,) in connection.execute(_TABLES_OF, [schema]).fetchall()}


def _register_keeper(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    row = connection.execute("select fingerprint from vault.identity.keeper").fetchone()
    open_keeper(Zones.of(settings), settings, row[0] if row else None).register(connection)
