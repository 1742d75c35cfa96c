"""One number, one source: which department's value of an attribute counts for a person or an entity, and who disagrees.

Of the records that belong to one key, attribute by attribute one value wins. A value that is not too old comes before
one that is; then the rank that ``source_priority.csv`` gives the dataset; then a record that still holds, as its
contract says, before one that does not; then what was said last (by the contract's sequence, else by extract date);
and, so that the order in which records came cannot matter, the smaller record key. What wins is kept in
``vault.identity.person_attribute`` and ``entity_attribute``; the other values that still hold and say something else in
``attribute_disagreement``. All of it is restricted: values identify people. ``person_description`` shows of it what may
be known outside the vault.

Values are compared as the mentions have them, normalised; a coarser region does not disagree with a finer one in it. A
night looks closely only at the keys of which something changed: what each was chosen from is kept as a fingerprint
(``attribute_basis``).
"""

from collections.abc import Mapping
from datetime import date
from hashlib import sha256

import duckdb
import polars as pl

from citylake.contracts.model import Contract, load_contracts
from citylake.identity.source_priority import ATTRIBUTES, KINDS, Kind, read_priorities
from citylake.identity.tables import transaction
from citylake.lake.attach import open_lakes
from citylake.lake.settings import Settings

_ATTRIBUTE = """
    {kind}_key varchar, attribute varchar, value varchar, source_dataset varchar, source_record_key varchar,
    rule varchar
"""
_TABLES = {
    "person_attribute": _ATTRIBUTE.format(kind="person"),
    "entity_attribute": _ATTRIBUTE.format(kind="entity"),
    "attribute_disagreement": """
        kind varchar, key varchar, attribute varchar, winner_dataset varchar, other_dataset varchar,
        winner_record_key varchar, other_record_key varchar, winner_value varchar, other_value varchar,
        first_extract_date date, last_extract_date date
    """,
    "attribute_basis": "kind varchar, key varchar, fingerprint varchar",
    "source_priority": "kind varchar, attribute varchar, dataset varchar, rank integer, max_age_days integer",
}
_COMMENTS = {
    "person_attribute": "The value of each attribute of a person that counts, its source, and what decided for it",
    "entity_attribute": "The value of each attribute of an entity that counts, its source, and what decided for it",
    "attribute_disagreement": "Values that hold and say something else than the one that counts, with their days",
    "attribute_basis": "Fingerprint of what the attributes of each key were last chosen from",
    "source_priority": "Which dataset is believed first for which attribute, as last applied",
}
# What may be known of a person outside the vault, by the boundary of the lakes: nothing here names or numbers anybody.
_DESCRIPTION = """
create or replace view vault.identity.person_description as
select
    person_key,
    year(max(try_cast(value as date)) filter (where attribute = 'birth_date'))::integer as birth_year,
    max(source_dataset) filter (where attribute = 'birth_date') as birth_year_source,
    max(value) filter (where attribute = 'sex_code') as sex_code,
    max(source_dataset) filter (where attribute = 'sex_code') as sex_source,
    max(value) filter (where attribute = 'region_code') as region_code,
    max(source_dataset) filter (where attribute = 'region_code') as region_source
from vault.identity.person_attribute
where attribute in ('birth_date', 'sex_code', 'region_code')
group by person_key
"""

# Every mention of a dataset that anybody may believe, under its key, and whether its record still holds.
_SOURCED = """
create or replace temp table sourced as
select
    record.{kind}_key as key,
    mention.mention_key,
    mention.source_dataset,
    mention.extract_date,
    coalesce(standing.updated_at, mention.extract_date::timestamptz) as stated_at,
    coalesce(standing.is_holding, true) as is_holding,
    len(list_filter(believed.ages, lambda age: mention.extract_date + age < $as_of)) as outgrown_ages,
    mention.content_hash
from vault.identity.{kind}_mention as mention
inner join vault.identity.{kind}_record as record on mention.mention_key = record.source_record_key
inner join (
    select dataset, list(distinct max_age_days) filter (where max_age_days is not null) as ages
    from priority where kind = '{kind}' group by dataset
) as believed on mention.source_dataset = believed.dataset
left join standing
    on mention.source_dataset = standing.source_dataset and mention.register_no = standing.register_no
"""

_TOUCHED = """
create or replace temp table touched as
with basis as (
    select
        key,
        -- A sum, not bit_xor: DuckDB combines hashes by xor, so that what two mentions share would cancel out. As text,
        -- for the lake keeps no integers of 128 bits.
        sum(hash(
            $priorities, mention_key, content_hash, extract_date, stated_at, is_holding, outgrown_ages
        )::hugeint)::varchar as fingerprint
    from sourced
    group by key
)

select coalesce(basis.key, known.key) as key, basis.fingerprint
from basis
full join (select key, fingerprint from vault.identity.attribute_basis where kind = '{kind}') as known
    on basis.key = known.key
where basis.fingerprint is distinct from known.fingerprint
"""

_CANDIDATES = """
create or replace temp table candidate as
with said as (
    unpivot (
        select sourced.*, {values}
        from sourced
        inner join vault.identity.{kind}_mention as mention on sourced.mention_key = mention.mention_key
        where sourced.key in (select key from touched)
    )
    on {attributes} into name attribute value value
)

select
    said.key,
    said.attribute,
    said.value,
    said.source_dataset,
    said.mention_key,
    said.extract_date,
    said.stated_at,
    said.is_holding,
    priority.rank,
    coalesce(said.extract_date + priority.max_age_days < $as_of, false) as is_outgrown
from said
inner join priority
    on
        priority.kind = '{kind}'
        and said.attribute = priority.attribute
        and said.source_dataset = priority.dataset
where said.value <> ''
"""

_ORDER = "is_outgrown, rank, is_holding desc, stated_at desc, mention_key"
_SAME = """(
    {left}.value = {right}.value
    or (
        {left}.attribute = 'region_code'
        and (starts_with({left}.value, {right}.value) or starts_with({right}.value, {left}.value))
    )
)"""

_WINNERS = f"""
create or replace temp table winner as
select * from candidate
qualify row_number() over (partition by key, attribute order by {_ORDER}) = 1
"""

# What decided: the first criterion by which the winner differs from the best of those who say something else.
_DECIDED = f"""
create or replace temp table decided as
with rival as (
    select candidate.*
    from candidate
    inner join winner on candidate.key = winner.key and candidate.attribute = winner.attribute
    where not {_SAME.format(left="candidate", right="winner")}
    qualify row_number() over (
        partition by candidate.key, candidate.attribute
        order by {", ".join(f"candidate.{criterion}" for criterion in _ORDER.split(", "))}
    ) = 1
),

witness as (
    select key, attribute, count(distinct source_dataset) as dataset_count
    from candidate
    group by key, attribute
)

select
    winner.*,
    case
        when rival.key is null then if(witness.dataset_count = 1, 'only_source', 'all_agree')
        when winner.is_outgrown <> rival.is_outgrown then 'age'
        when winner.rank <> rival.rank then 'rank'
        when winner.is_holding <> rival.is_holding then 'holding'
        when winner.stated_at <> rival.stated_at then 'recency'
        else 'record_key'
    end as rule
from winner
inner join witness on winner.key = witness.key and winner.attribute = witness.attribute
left join rival on winner.key = rival.key and winner.attribute = rival.attribute
"""

_DISAGREEMENTS = f"""
insert into vault.identity.attribute_disagreement
select
    $kind,
    winner.key,
    winner.attribute,
    winner.source_dataset,
    candidate.source_dataset,
    winner.mention_key,
    max_by(candidate.mention_key, (candidate.extract_date, candidate.mention_key)),
    winner.value,
    max_by(candidate.value, (candidate.extract_date, candidate.mention_key)),
    min(candidate.extract_date),
    max(candidate.extract_date)
from candidate
inner join winner on candidate.key = winner.key and candidate.attribute = winner.attribute
where candidate.is_holding and not candidate.is_outgrown and not {_SAME.format(left="candidate", right="winner")}
group by
    winner.key, winner.attribute, winner.source_dataset, candidate.source_dataset, winner.mention_key, winner.value,
    candidate.value
"""


def keep_sources(settings: Settings, as_of: date) -> dict[str, int]:
    """Bring winners and disagreements of both kinds up to date, each kind at once. The caller holds the writer's lock.

    Returns counts: keys looked at anew, disagreements that are open. Raises InvalidPriority before anything is written.
    """
    contracts = load_contracts(settings.contracts)
    priorities = read_priorities(contracts.keys())
    facts = {"sources_chosen_anew": 0}
    with open_lakes(settings, ("vault",)) as connection:
        with transaction(connection):
            prepare_tables(connection, priorities)
        for kind in KINDS:
            if _exists(connection, f"{kind}_mention"):
                facts["sources_chosen_anew"] += choose_sources(connection, kind, as_of, contracts, priorities)
        facts["disagreements"] = _count(connection, "vault.identity.attribute_disagreement")
    return facts


def prepare_tables(connection: duckdb.DuckDBPyConnection, priorities: pl.DataFrame) -> None:
    """Create what is missing, and show which priorities hold. Inside the caller's transaction."""
    connection.execute("create schema if not exists vault.identity")
    for table, columns in _TABLES.items():
        if not _exists(connection, table):
            connection.execute(f"create table vault.identity.{table} ({columns})")
            connection.execute(f"comment on table vault.identity.{table} is '{_COMMENTS[table]}'")
    if not _exists(connection, "person_description"):
        connection.execute(_DESCRIPTION)
    connection.register("given", priorities)
    columns = "kind, attribute, dataset, rank, max_age_days"
    differing = f"(select {columns} from given except select {columns} from vault.identity.source_priority)"
    if _count(connection, differing) or _count(connection, "vault.identity.source_priority") != priorities.height:
        connection.execute("delete from vault.identity.source_priority")
        connection.execute(f"insert into vault.identity.source_priority select {columns} from given")


def choose_sources(
    connection: duckdb.DuckDBPyConnection,
    kind: Kind,
    as_of: date,
    contracts: Mapping[str, Contract],
    priorities: pl.DataFrame,
) -> int:
    """Choose anew for every key of one kind of which something changed; returns how many.

    Reads ``<kind>_mention``, ``<kind>_record``, and of staging which records hold and when they were updated.
    """
    connection.register("priority", priorities)
    _stand(connection, contracts, priorities.filter(pl.col("kind") == kind)["dataset"].unique(), as_of)
    digest = sha256(priorities.drop("note").write_csv().encode()).hexdigest()
    connection.execute(_SOURCED.format(kind=kind), {"as_of": as_of})
    connection.execute(_TOUCHED.format(kind=kind), {"priorities": digest})
    touched = _count(connection, "touched")
    if touched:
        names = ATTRIBUTES[kind]
        values = ", ".join(f"mention.{name}::varchar as {name}" for name in names)
        connection.execute(
            _CANDIDATES.format(kind=kind, values=values, attributes=", ".join(names)),
            {"as_of": as_of},
        )
        connection.execute(_WINNERS)
        connection.execute(_DECIDED)
        _replace(connection, kind)
    return touched


def _replace(connection: duckdb.DuckDBPyConnection, kind: Kind) -> None:
    is_touched = "in (select key from touched)"
    with transaction(connection):
        connection.execute(f"delete from vault.identity.{kind}_attribute where {kind}_key {is_touched}")
        for table in ("attribute_disagreement", "attribute_basis"):
            connection.execute(f"delete from vault.identity.{table} where kind = '{kind}' and key {is_touched}")
        connection.execute(
            f"insert into vault.identity.{kind}_attribute "
            "select key, attribute, value, source_dataset, mention_key, rule from decided"
        )
        connection.execute(_DISAGREEMENTS, {"kind": kind})
        connection.execute(
            f"insert into vault.identity.attribute_basis select '{kind}', key, fingerprint from touched "
            "where fingerprint is not null"
        )


def _stand(
    connection: duckdb.DuckDBPyConnection, contracts: Mapping[str, Contract], datasets: pl.Series, as_of: date
) -> None:
    """Temp table ``standing``: of each record of these datasets, whether it holds and when it was updated."""
    connection.execute(
        "create or replace temp table standing "
        "(source_dataset varchar, register_no varchar, updated_at timestamptz, is_holding boolean)"
    )
    for dataset in sorted(datasets):
        contract = contracts[dataset]
        table = f"stg_{contract.department}__{contract.name}"
        if (
            (contract.sequence or contract.holds)
            and contract.mode != "append"
            and _exists(connection, table, "staging")
        ):
            connection.execute(f"insert into standing {_standing_of(contract, table)}", _parameters(contract, as_of))


def _standing_of(contract: Contract, table: str) -> str:
    """The records of a dataset as a query; they are called as the macro ``person_record_id`` calls numbered ones."""
    holds, is_holding = contract.holds, "true"
    if holds is not None:
        is_holding = f"coalesce({holds.column} in (select unnest($one_of::varchar[])), true)"
        if holds.until is not None:
            is_holding += f" and coalesce({holds.until} >= $as_of::date, true)"
    return (
        f"select '{contract.dataset}', concat_ws('|', {', '.join(contract.key)}), "
        f"{contract.sequence or 'null'}::timestamptz, {is_holding} from vault.staging.{table} where not is_deleted"
    )


def _parameters(contract: Contract, as_of: date) -> dict[str, object]:
    if contract.holds is None:
        return {}
    values: dict[str, object] = {"one_of": list(contract.holds.one_of)}
    return values | ({"as_of": as_of} if contract.holds.until else {})


def _exists(connection: duckdb.DuckDBPyConnection, table: str, schema: str = "identity") -> bool:
    found = connection.execute(
        "select 1 from information_schema.tables where table_catalog = 'vault' and table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    return found is not None


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return row[0] if row else 0
