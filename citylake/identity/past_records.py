"""Whom records that were deleted once named: for history alone, which shows what they said until then.

Told by what was delivered and by nothing else: the valid number that the tombstone gives, or, where it gives none, the
last version before it, and who carries that number today. Versions are read from the dataset's history, which is made
of the same deliveries; so it is the same whichever nights saw the record. The key that waits for it to come back is
``records``' affair. A record without a valid number, or with one that nobody carries today, is nobody's past; and a
snapshot, which deletes by leaving out, leaves no record that could give a number.
"""

from collections.abc import Mapping, Sequence

import duckdb
import polars as pl

from citylake.contracts.mentions import CODES, Kind
from citylake.contracts.model import Contract
from citylake.identity.mentions import NORMALISED, NamedRecord, named_records, select_versions, staged_columns
from citylake.identity.normalising import FIELDS
from citylake.identity.tables import transaction

_NUMBERS = {
    "person": {"valid_id": "anchor_id"},
    "entity": {
        name: name
        for name in ("uscc", "registration_no", "organisation_code", "tax_no", "institution_no", "association_no")
    },
}
"""The numbers of a deleted record, the most telling first, and the column in which mentions in force have the same."""
_GIVEN_IN = {"person": ("id",), "entity": CODES}
"""The fields that these are read from."""

_LAST_VERSION = """
select $dataset as source_dataset, register_no, true as is_numbered, true as is_id, {fields}
from (select *, concat_ws('|', {record_id}) as register_no from vault.history.{table}) as version
where not is_deleted and register_no in (select register_no from without_number)
qualify row_number() over (partition by register_no order by version_from_date desc) = 1
"""

_DELETED = """
create or replace temp table deleted_record as
select
    source_dataset,
    register_no,
    keeper_key('record|' || source_dataset || '|' || register_no) as source_record_key,
    {numbers}
from deleted_version
where register_no not in (select register_no from vault.identity.{kind}_mention where source_dataset = $dataset)
"""

# Who carries a number first and their keys then: few are looked for among all.
_CARRIER = """
select deleted.source_record_key, {place} as place, mention.mention_key
from vault.identity.{kind}_mention as mention
inner join deleted_record as deleted on mention.{carried} = deleted.{number}
"""
# A number that is several persons' or entities' today says nothing.
_FOUND = """
insert into past_found
with carrying as (
    select source_record_key as mention_key, {kind}_key as key
    from vault.identity.{kind}_record
    where source_record_key in (select mention_key from carrier)
),

carried as (
    select carrier.source_record_key, carrier.place, min(carrying.key) as key
    from carrier inner join carrying using (mention_key)
    group by carrier.source_record_key, carrier.place
    having count(distinct carrying.key) = 1
)

select distinct '{kind}', source_dataset, register_no, source_record_key, known.key
from deleted_record
inner join (
    select source_record_key, arg_min(key, place) as key from carried group by source_record_key
) as known using (source_record_key)
"""


def keep_past_records(connection: duckdb.DuckDBPyConnection, contracts: Sequence[Contract], kind: Kind) -> int:
    """Bring the kind's rows of ``vault.identity.past_record`` up to date; how many there are.

    After the night's keys were written. Writes nothing where nothing is another.
    """
    connection.execute("create or replace temp table past_found as from vault.identity.past_record limit 0")
    staged, histories = staged_columns(connection), _history_columns(connection)
    for contract in contracts:
        for named in named_records(contract):
            if named.mention.names == kind and named.is_numbered and contract.tombstone and named.table in staged:
                deleted = _deleted(connection, kind, named, staged[named.table], histories)
                if not deleted.is_empty():
                    _find(connection, kind, contract.dataset, deleted)
    known = f"(from vault.identity.past_record where kind = '{kind}')"
    differing = f"(from past_found except from {known}) union all (from {known} except from past_found)"
    if connection.execute(f"select 1 from ({differing}) limit 1").fetchone():
        with transaction(connection):
            connection.execute("delete from vault.identity.past_record where kind = ?", [kind])
            connection.execute("insert into vault.identity.past_record from past_found")
    row = connection.execute("select count(*) from past_found").fetchone()
    return row[0] if row else 0


def _deleted(
    connection: duckdb.DuckDBPyConnection,
    kind: Kind,
    named: NamedRecord,
    staged: Sequence[str],
    histories: Mapping[str, Sequence[str]],
) -> pl.DataFrame:
    """The deleted records of one dataset, each with the valid numbers of its tombstone, else of its last version."""
    tombstones = connection.execute(select_versions(kind, named, staged, deleted=True), [named.dataset]).pl()
    if tombstones.is_empty():
        return tombstones
    numbers, table = [*_NUMBERS[kind]], named.table.replace("stg_", "hst_", 1)
    given = {
        field: [column for column in named.mention.columns.get(field, ()) if column in histories.get(table, ())]
        for field in _GIVEN_IN[kind]
    }
    told = NORMALISED[kind](tombstones).select("source_dataset", "register_no", *numbers)
    without = told.filter(pl.all_horizontal(pl.col(numbers).is_null())).select("register_no")
    # A number that is a citizen id only if another column says so: history does not keep that column.
    if without.is_empty() or not any(given.values()) or named.mention.id_where:
        return told
    texts = {
        field: f"coalesce({', '.join(f'{column}::varchar' for column in columns)}, null)"
        for field, columns in given.items()
        if columns
    }
    connection.register("without_number", without)
    last = connection.execute(
        _LAST_VERSION.format(
            fields=", ".join(f"{texts.get(field, 'null::varchar')} as {field}" for field in FIELDS[kind]),
            record_id=", ".join(named.record_id),
            table=table,
        ),
        {"dataset": named.dataset},
    ).pl()
    connection.unregister("without_number")
    found = NORMALISED[kind](last).select("source_dataset", "register_no", *numbers)
    return pl.concat([told.filter(~pl.col("register_no").is_in(found["register_no"].implode())), found])


def _history_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The tables of history, and the columns that each has."""
    return dict(
        connection.execute(
            "select table_name, list(column_name) from duckdb_columns() "
            "where database_name = 'vault' and schema_name = 'history' group by table_name"
        ).fetchall()
    )


def _find(connection: duckdb.DuckDBPyConnection, kind: Kind, dataset: str, deleted: pl.DataFrame) -> None:
    """Add the records of one dataset that were deleted and whose numbers somebody carries."""
    numbers = _NUMBERS[kind]
    connection.register("deleted_version", deleted)
    connection.execute(_DELETED.format(kind=kind, numbers=", ".join(numbers)), {"dataset": dataset})
    connection.unregister("deleted_version")
    carriers = " union all ".join(
        _CARRIER.format(kind=kind, place=place, number=number, carried=there)
        for place, (number, there) in enumerate(numbers.items())
    )
    connection.execute(f"create or replace temp table carrier as {carriers}")
    connection.execute(_FOUND.format(kind=kind))
