"""Erasing a person from the vault: what of them is there, and how a new delivery of them is noticed.

The key stays, spent and opaque, so that nobody ever gets it again. Of the identifiers only keyed digests stay, which
nobody without the keeper's secret can test a guess against. Who is meant is :mod:`citylake.identity.seeking`'s, files
of deliveries are ``ingestion``'s.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import duckdb
import polars as pl

from citylake.contracts.mentions import KINDS
from citylake.contracts.model import Contract, load_contracts
from citylake.identity.keeper import open_keeper
from citylake.identity.seeking import RecordId, record_ids, staged_record_ids, tables
from citylake.identity.trading import records_that_refer
from citylake.lake.attach import open_lakes
from citylake.lake.erasures import Sought
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


def remember(settings: Settings, sought: Sought, erasure_id: str) -> None:
    """Mark the key as spent and keep digests of the identifiers. Doing it twice changes nothing."""
    with open_lakes(settings, ("vault",)) as connection:
        _register_keeper(connection, settings)
        rows = [("id", None, value) for value in sought.ids]
        rows += [("code", None, value) for value in sought.codes]
        rows += [("named_id", None, value) for value in sought.named_ids]
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


def suppressed_kinds(settings: Settings) -> set[str]:
    """By what those who were erased are told: ``id``, ``record``, ``code`` (of their business), ``named_id``.

    Empty while nobody was ever erased: then nothing has to be compared.
    """
    if not Zones.of(settings).catalog("vault").exists():
        return set()
    with open_lakes(settings, ("vault",), read_only=True) as connection:
        if "suppression" not in tables(connection, "identity"):
            return set()
        return {row[0] for row in connection.execute("select distinct kind from vault.identity.suppression").fetchall()}


def suppressed_among(settings: Settings, candidates: pl.DataFrame) -> pl.DataFrame:
    """Which of these were erased: columns ``kind`` (see :func:`suppressed_kinds`), ``source_dataset`` and ``value``."""
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
    anew by the next night. So are the mentions of every dataset that lost rows: a row that went by a text may be one by
    which a record of another name is known.
    """
    with open_lakes(settings, ("vault",)) as connection:
        own = {
            dataset: sorted({*records} - {*sought.traders.get(dataset, [])})
            for dataset, records in sought.records.items()
        }
        _note_records(connection, settings, own)
        connection.execute("begin")
        counts = {"vault.staging": 0, "vault.history": 0, "vault.identity": 0}
        by_table: dict[str, list[RecordId]] = {}
        for one in staged_record_ids(connection, settings):
            by_table.setdefault(one.table, []).append(one)
        for contract in load_contracts(settings.contracts).values():
            table = f"vault.staging.stg_{contract.department}__{contract.name}"
            if table.rpartition(".")[2] in tables(connection, "staging"):
                rows = _delete_staged(connection, contract, table, by_table.get(table, []), sought)
                counts["vault.staging"] += rows
                if rows:
                    _have_read_anew(connection, contract.dataset)
            history = f"hst_{contract.department}__{contract.name}"
            if history in tables(connection, "history"):
                counts["vault.history"] += _delete_versions(connection, contract, history, sought)
        for table in sorted(tables(connection, "identity") - {*_STAYING}):
            counts["vault.identity"] += _delete_identity(connection, table, sought)
        _have_linked_anew(connection)
        told(counts)
        connection.execute("commit")
    return counts


def _have_read_anew(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    """Have the next night compare the dataset's mentions with its rows, though no delivery of it changed."""
    connection.execute(
        "delete from vault.identity.extracted_dataset where source_dataset in (select ? || ' ' || unnest(?))",
        [dataset, list(KINDS)],
    )


def _have_linked_anew(connection: duckdb.DuckDBPyConnection) -> None:
    """Have the next night look at everybody: what the person's records shared with others was not told it."""
    if "unfinished_run" in tables(connection, "identity"):
        for kind in KINDS:
            connection.execute("insert into vault.identity.unfinished_run values (?, 'erasure')", [kind])
    connection.execute("drop table if exists vault.identity.source_run")


def rows_left(settings: Settings, sought: Sought) -> dict[str, int]:
    """Rows by table of the vault that are still the person's by their record, whatever they say. Reads only.

    Before the night after an erasure they may be there; after it none must.
    """
    left: dict[str, int] = {}
    with open_lakes(settings, ("vault",), read_only=True) as connection:
        named = list(staged_record_ids(connection, settings))
        of_persons = {one.dataset for one in named if one.id_column is not None}
        for one in named:
            counted = connection.execute(
                f"select count(*) from {one.table} where list_contains($records::varchar[], {one.sql})",
                {"records": sought.records.get(one.dataset, [])},
            ).fetchone()
            left[one.table] = left.get(one.table, 0) + (counted[0] if counted else 0)
        own = {dataset: records for dataset, records in sought.records.items() if dataset in of_persons}
        _note_records(connection, settings, {**own, **sought.traders})
        for table in sorted(tables(connection, "identity") - {*_STAYING}):
            where, bound = _of_person(connection, table, sought)
            counted = connection.execute(f"select count(*) from vault.identity.{table} where {where}", bound).fetchone()
            left[f"vault.identity.{table}"] = counted[0] if counted else 0
    return {table: rows for table, rows in left.items() if rows}


def records_with_the_name(settings: Settings, sought: Sought) -> int:
    """How many records in the vault still name somebody as the person was named. Reads only."""
    with open_lakes(settings, ("vault",), read_only=True) as connection:
        counted = connection.execute(
            """
            select count(*) from vault.identity.person_mention where name in (select unnest($names::varchar[]))
            """,
            {"names": sought.names},
        ).fetchone()
    return counted[0] if counted else 0


def records_with_the_business(settings: Settings, sought: Sought) -> int:
    """How many records of others in the vault still refer to the sole trader who the person was. Reads only."""
    if not sought.codes:
        return 0
    with open_lakes(settings, ("vault",), read_only=True) as connection:
        return records_that_refer(connection, settings, sought)


def forget_traders(settings: Settings, sought: Sought) -> None:
    """Delete what the night keeps of a sole trader's record that is gone: the number by which it would come back.

    Their mentions are left to that night, which tells the entity anew by what others' records say of it.
    """
    if not sought.traders:
        return
    with open_lakes(settings, ("vault",)) as connection:
        _note_records(connection, settings, sought.traders)
        connection.execute(
            "delete from vault.identity.retired_record "
            "where source_record_key in (select mention_key from erased_record)"
        )


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


def _note_records(
    connection: duckdb.DuckDBPyConnection, settings: Settings, records: Mapping[str, Sequence[str]]
) -> None:
    """A temporary table of records, each with the key that identity tables call it by."""
    _register_keeper(connection, settings)
    rows = [(dataset, record) for dataset, ids in records.items() for record in ids]
    schema = {"source_dataset": pl.String, "register_no": pl.String}
    connection.register("sought_record", pl.DataFrame(rows, schema=schema, orient="row"))
    connection.execute(
        "create or replace temp table erased_record as "
        "select *, keeper_key('record|' || source_dataset || '|' || register_no) as mention_key from sought_record"
    )


def _delete_identity(connection: duckdb.DuckDBPyConnection, table: str, sought: Sought) -> int:
    where, bound = _of_person(connection, table, sought)
    counted = connection.execute(f"select count(*) from vault.identity.{table} where {where}", bound).fetchone()
    if counted and counted[0]:
        connection.execute(f"delete from vault.identity.{table} where {where}", bound)
    return counted[0] if counted else 0


def _of_person(connection: duckdb.DuckDBPyConnection, table: str, sought: Sought) -> tuple[str, dict[str, object]]:
    """Rows of the person, by whatever a table calls them: a key, a record, a record's key, a pair of them."""
    columns = {row[0] for row in connection.execute(f"describe vault.identity.{table}").fetchall()}
    by_key = [f"{name} = $key" for name in ("person_key", "key", "old_key", "new_key") if name in columns]
    by_mention = [
        f"{name} in (select mention_key from erased_record)"
        for name in ("mention_key", "left_key", "right_key", "matched_record_key", "source_record_key")
        if name in columns
    ]
    where = " or ".join(f"coalesce({condition}, false)" for condition in [*by_key, *by_mention]) or "false"
    return where, {"key": sought.key} if by_key else {}


def _register_keeper(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    row = connection.execute("select fingerprint from vault.identity.keeper").fetchone()
    open_keeper(Zones.of(settings), settings, row[0] if row else None).register(connection)
