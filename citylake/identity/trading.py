"""The sole trader that a person is (个体工商户): its records are the person's, its numbers lead to them. Reads only.

Which records of an entity are about it, contracts say (``isSubject``). Others that refer to it, such as that of an
employee, are of whom they are about, and stay.
"""

from collections.abc import Iterable

import duckdb
import polars as pl

from citylake.contracts.mentions import CODES
from citylake.contracts.model import Contract, load_contracts
from citylake.identity.attributing import told
from citylake.identity.mentions import NamedRecord, named_records, staged_columns
from citylake.lake.erasures import Sought
from citylake.lake.settings import Settings
from citylake.lake.written import number_sql

_ROLES = "('trader', 'legal_representative')"
_OWN = """own_mention as (
    select mention.* from vault.identity.person_mention as mention
    inner join vault.identity.person_record as record on mention.mention_key = record.source_record_key
    where record.person_key = $key
)"""
_VALID = ", ".join("uscc" if name == "code" else name for name in CODES)

# An entity that no register knows is the person's when decisions name nobody else as who trades under its number. One
# of which the register has somebody else's record too, such as of the company that it became, is not.
_ENTITIES = """
create or replace temp table trading_entity as
with {own},

unregistered as (
    select distinct organisation_code as number from own_mention
    where role in {roles} and {is_sole_trader} and organisation_code not in (
        select organisation_code from vault.identity.person_mention as mention
        inner join vault.identity.person_record as record on mention.mention_key = record.source_record_key
        where role in {roles} and record.person_key <> $key and organisation_code is not null
    )
),

known as (
    select
        record.entity_key,
        written_code,
        list_contains($registers::varchar[], mention.source_dataset) as is_registered,
        list_contains($registered::varchar[], mention.source_dataset || ' ' || mention.register_no) as is_own,
        written_code in (select number from unregistered) as is_named
    from vault.identity.entity_mention as mention
    inner join vault.identity.entity_record as record on mention.mention_key = record.source_record_key
)

select entity_key, list(written_code) filter (is_own or is_named) as written_codes from known group by entity_key
having bool_or(is_own or is_named) and not bool_or(is_registered and not is_own)
"""
# A number that is not valid came to the entity by a likeness: it may be a slip in somebody else's, and tells nothing.
_OWN_NUMBERS = f"""
with mention as (
    select * from vault.identity.entity_mention as mention
    inner join vault.identity.entity_record as record on mention.mention_key = record.source_record_key
),

own as (
    select unnest(written_codes) as number from trading_entity
    union
    select unnest([{_VALID}]) from mention where entity_key in (select entity_key from trading_entity)
)

select number from own
where number is not null and number not in (
    select unnest(list_filter([written_code, {_VALID}], lambda number: number is not null))
    from mention where entity_key not in (select entity_key from trading_entity)
)
order by number
"""
_ABOUT = """
select mention.register_no from vault.identity.entity_mention as mention
inner join vault.identity.entity_record as record on mention.mention_key = record.source_record_key
where record.entity_key in (select entity_key from trading_entity)
    and mention.source_dataset = $dataset and mention.role = $role
"""


def find_business(connection: duckdb.DuckDBPyConnection, settings: Settings, key: str, sought: Sought) -> Sought:
    """What is sought of a person, and of the sole trader that the person is: its records and its numbers."""
    contracts = [one for one in load_contracts(settings.contracts).values() if one.mentions]
    if not contracts or not _has_entities(connection):
        return sought
    registered = _registered(connection, contracts, key)
    registers = [one.dataset for one in _subjects(contracts) if one.is_numbered]
    connection.execute(
        _ENTITIES.format(own=_OWN, roles=_ROLES, is_sole_trader=_is_sole_trader("organisation_code", "null")),
        {
            "key": key,
            "registers": registers,
            "registered": [f"{dataset} {record}" for dataset, records in registered.items() for record in records],
        },
    )
    codes = [row[0] for row in connection.execute(_OWN_NUMBERS).fetchall()]
    traders = {**registered, **_about(connection, contracts, sought)}
    records = {
        dataset: sorted({*sought.records.get(dataset, []), *traders.get(dataset, [])})
        for dataset in (*sought.records, *traders)
    }
    connection.execute("drop table trading_entity")
    return sought.model_copy(update={"records": records, "traders": traders, "codes": codes})


def records_that_refer(connection: duckdb.DuckDBPyConnection, settings: Settings, sought: Sought) -> int:
    """How many staged records still name the sole trader by a number: of employees, and of others."""
    staged, found = staged_columns(connection), 0
    for contract in load_contracts(settings.contracts).values():
        table = f"stg_{contract.department}__{contract.name}"
        entities = [one.columns for one in contract.mentions if one.names == "entity"]
        numbers = {column for one in entities for field in CODES for column in one.get(field, ())}
        present = sorted(numbers.intersection(staged.get(table, ())))
        if present:
            named = ", ".join(number_sql(f"{column}::varchar") for column in present)
            counted = connection.execute(
                f"select count(*) from vault.staging.{table} where list_has_any([{named}], $codes::varchar[])",
                {"codes": sought.codes},
            ).fetchone()
            found += counted[0] if counted else 0
    return found


def _has_entities(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a night has linked entities in this home."""
    return bool(
        connection.execute(
            "select 1 from duckdb_tables() "
            "where (database_name, schema_name, table_name) = ('vault', 'identity', 'entity_record')"
        ).fetchone()
    )


def _subjects(contracts: Iterable[Contract]) -> list[NamedRecord]:
    """Records that are about an entity."""
    named = (one for contract in contracts for one in named_records(contract))
    return [one for one in named if one.mention.names == "entity" and one.mention.is_subject]


def _about(
    connection: duckdb.DuckDBPyConnection, contracts: Iterable[Contract], sought: Sought
) -> dict[str, list[str]]:
    """By dataset, the records about the trading entities; but none in which a valid id of somebody else stands."""
    staged, own = staged_columns(connection), dict[str, list[str]]()
    for contract in contracts:
        for named in (one for one in _subjects([contract]) if not one.is_numbered and one.table in staged):
            columns = told(contract).present_in({*staged[named.table]})
            record_id = f"concat_ws('|', {', '.join(named.record_id)})"
            rows = connection.execute(
                f"""
                select {record_id} as record_id{columns.select("{}::varchar".format)} from vault.staging.{named.table}
                where {record_id} in ({_ABOUT})
                """,
                {"dataset": named.dataset, "role": named.mention.role},
            ).pl()
            of_others = rows.filter(columns.names_another(sought))["record_id"].implode()
            records = rows.filter(~pl.col("record_id").is_in(of_others))["record_id"]
            if not records.is_empty():
                own[named.dataset] = sorted({*own.get(named.dataset, []), *records})
    return own


def _registered(connection: duckdb.DuckDBPyConnection, contracts: Iterable[Contract], key: str) -> dict[str, list[str]]:
    """By register of entities, the records of the sole trader that the person is.

    The record's own representative is the person; or, where linking could not tell who that is, a decision names the
    person by an id as who trades or represents under this code, and the register has no other name for that.
    """
    staged, found = staged_columns(connection), dict[str, list[str]]()
    for contract in contracts:
        own = next((one for one in _subjects([contract]) if one.is_numbered), None)
        person = next((one for one in named_records(contract) if one.mention.names == "person"), None)
        if own is None or person is None or person.table not in staged:
            continue
        record_id = f"concat_ws('|', {', '.join(own.record_id)})"
        code = f"regexp_replace(upper({record_id}), '[\\s-]', '', 'g')"
        has_type = any(column.name == "entity_type" for column in contract.columns)
        rows = connection.execute(
            f"""
            with {_OWN}

            select distinct {record_id} from vault.staging.{own.table} as register
            left join vault.identity.person_mention as named
                on named.source_dataset = $dataset and named.register_no = concat_ws('|', {", ".join(person.record_id)})
            left join vault.identity.person_record as record on named.mention_key = record.source_record_key
            where {_is_sole_trader(code, "entity_type" if has_type else "null")}
                and (
                    record.person_key = $key
                    or record.person_key is null
                    and {code} in (select organisation_code from own_mention where role in {_ROLES})
                    and (named.name is null or named.name in (select name from own_mention))
                )
            order by all
            """,
            {"key": key, "dataset": own.dataset},
        ).fetchall()
        if rows:
            found[own.dataset] = [row[0] for row in rows]
    return found


def _is_sole_trader(code: str, entity_type: str) -> str:
    """As marts tell it (``is_sole_trader`` in ``dbt_project/macros/entities.sql``)."""
    return f"""(
        (length({code}) = 18 and {code} like '92%')
        or coalesce({entity_type} like '%个体工商户%', false)
        or (length({code}) = 15 and substring({code}, 7, 1) in ('6', '7', '8', '9'))
    )"""
