"""Whom records that were deleted once named: for history alone, which shows what they said until then.

Told by what was delivered and by nothing else: the valid number that the deleted record gives, and who carries it
today. So it is the same whichever nights saw the record; the key that waits for it to come back is ``records``' affair.
A record without a valid number, or with one that nobody carries today, is nobody's past; and a snapshot, which deletes
by leaving out, leaves no record that could give a number.
"""

from collections.abc import Sequence

import duckdb

from citylake.contracts.mentions import Kind
from citylake.contracts.model import Contract
from citylake.identity.mentions import NORMALISED, named_records, select_versions, staged_columns
from citylake.identity.tables import transaction

_NUMBERS = {
    "person": {"valid_id": "anchor_id"},
    "entity": {
        name: name
        for name in ("uscc", "registration_no", "organisation_code", "tax_no", "institution_no", "association_no")
    },
}
"""The numbers of a deleted record, the most telling first, and the column in which mentions in force have the same."""

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

# A number that is several persons' or entities' today says nothing.
_CARRIED = """
select deleted.source_record_key, {place} as place, min(record.{kind}_key) as key
from deleted_record as deleted
inner join vault.identity.{kind}_mention as mention on deleted.{number} = mention.{carried}
inner join vault.identity.{kind}_record as record on mention.mention_key = record.source_record_key
group by deleted.source_record_key
having count(distinct record.{kind}_key) = 1
"""
_FOUND = """
insert into past_found
select distinct '{kind}', source_dataset, register_no, source_record_key, carried.key
from deleted_record
inner join (
    select source_record_key, arg_min(key, place) as key from ({carried}) group by source_record_key
) as carried using (source_record_key)
"""


def keep_past_records(connection: duckdb.DuckDBPyConnection, contracts: Sequence[Contract], kind: Kind) -> int:
    """Bring the kind's rows of ``vault.identity.past_record`` up to date; how many there are.

    After the night's keys were written. Writes nothing where nothing is another.
    """
    connection.execute("create or replace temp table past_found as from vault.identity.past_record limit 0")
    staged = staged_columns(connection)
    for contract in contracts:
        for named in named_records(contract):
            if named.mention.names == kind and named.is_numbered and contract.tombstone and named.table in staged:
                select = select_versions(kind, named, staged[named.table], deleted=True)
                _find(connection, kind, contract.dataset, select)
    known = f"(from vault.identity.past_record where kind = '{kind}')"
    differing = f"(from past_found except from {known}) union all (from {known} except from past_found)"
    if connection.execute(f"select 1 from ({differing}) limit 1").fetchone():
        with transaction(connection):
            connection.execute("delete from vault.identity.past_record where kind = ?", [kind])
            connection.execute("insert into vault.identity.past_record from past_found")
    row = connection.execute("select count(*) from past_found").fetchone()
    return row[0] if row else 0


def _find(connection: duckdb.DuckDBPyConnection, kind: Kind, dataset: str, select: str) -> None:
    """Add the records of one dataset that were deleted and whose numbers somebody carries."""
    numbers = _NUMBERS[kind]
    versions = connection.execute(select, [dataset]).pl()
    if versions.is_empty():
        return
    deleted = NORMALISED[kind](versions)
    connection.register("deleted_version", deleted.select("source_dataset", "register_no", *numbers))
    connection.execute(_DELETED.format(kind=kind, numbers=", ".join(numbers)), {"dataset": dataset})
    connection.unregister("deleted_version")
    carried = " union all ".join(
        _CARRIED.format(kind=kind, place=place, number=number, carried=there)
        for place, (number, there) in enumerate(numbers.items())
    )
    connection.execute(_FOUND.format(kind=kind, carried=carried))
