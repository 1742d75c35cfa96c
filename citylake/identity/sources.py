"""One number, one source: which department's value of an attribute counts for a person or an entity, and who disagrees.

Of the records that belong to one key, attribute by attribute one value wins. A value that is not too old comes before
one that is; then the rank that ``source_priority.csv`` gives the dataset; then a record that still holds, as its
contract says, before one that does not; then what was said last (by the contract's sequence, else by extract date);
and, so that the order in which records came cannot matter, the smaller record key. What wins is kept in
``vault.identity.person_attribute`` and ``entity_attribute``; the other values that still hold and say something else in
``attribute_disagreement``. All of it is restricted: values identify people. ``person_description`` shows of it what may
be known outside the vault.

Values are compared as the mentions have them, normalised; a coarser region does not disagree with a finer one in it. A
night looks only at the keys of which something changed: those whose mentions or records were written since the last
time (``changed_key``), and those of which a day that passed changed something: a permit ran out, a value grew too old.
"""

from collections.abc import Mapping
from datetime import date

import duckdb
import polars as pl

from citylake.contracts.model import Contract, load_contracts
from citylake.identity.source_changes import SourceRun, fingerprint_of, touch
from citylake.identity.source_priority import ATTRIBUTES, KINDS, Kind, read_priorities
from citylake.identity.standing import stand, standing_contracts
from citylake.identity.tables import CHANGED_KEY, known_tables, transaction
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
    "source_run": "kind varchar, as_of_date date, fingerprint varchar",
    "source_priority": "kind varchar, attribute varchar, dataset varchar, rank integer, max_age_days integer",
}
_COMMENTS = {
    "person_attribute": "The value of each attribute of a person that counts, its source, and what decided for it",
    "entity_attribute": "The value of each attribute of an entity that counts, its source, and what decided for it",
    "attribute_disagreement": "Values that hold and say something else than the one that counts, with their days",
    "source_run": "As of which day the attributes of each kind were last chosen, and by which rules",
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

# Every mention under these keys of a dataset that anybody may believe.
_SOURCED = """
create or replace temp table sourced as
with named as (
    select {kind}_key as key, source_record_key as mention_key
    from vault.identity.{kind}_record
    where
        {kind}_key in (select key from touched)
        and source_dataset in (select dataset from priority where kind = '{kind}')
)

select named.key, mention_key, mention.source_dataset, mention.register_no, mention.extract_date, {values}
from vault.identity.{kind}_mention as mention inner join named using (mention_key)
"""

_CANDIDATES = """
create or replace temp table candidate as
with said as (
    unpivot (
        select
            sourced.key,
            sourced.mention_key,
            sourced.source_dataset,
            sourced.extract_date,
            coalesce(standing.updated_at, sourced.extract_date::timestamptz) as stated_at,
            coalesce(standing.is_holding, true) as is_holding,
            {attributes}
        from sourced
        left join standing
            on sourced.source_dataset = standing.source_dataset and sourced.register_no = standing.register_no
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


def keep_sources(settings: Settings, as_of: date, *, full: bool = False) -> dict[str, int]:
    """Bring winners and disagreements of both kinds up to date, each kind at once. The caller holds the writer's lock.

    ``full`` chooses for everybody anew, changed or not.

    Returns counts: keys looked at anew, disagreements that are open. Raises InvalidPriority before anything is written.
    """
    contracts = load_contracts(settings.contracts)
    priorities = read_priorities(contracts.keys())
    facts = {"sources_chosen_anew": 0}
    with open_lakes(settings, ("vault",)) as connection:
        with transaction(connection):
            prepare_tables(connection, priorities)
        known = known_tables(connection, "identity")
        for kind in KINDS:
            if f"{kind}_mention" in known:
                facts["sources_chosen_anew"] += choose_sources(
                    connection, kind, as_of, contracts, priorities, full=full
                )
        facts["disagreements"] = _count(connection, "vault.identity.attribute_disagreement")
    return facts


def prepare_tables(connection: duckdb.DuckDBPyConnection, priorities: pl.DataFrame) -> None:
    """Create what is missing, and show which priorities hold. Inside the caller's transaction."""
    connection.execute("create schema if not exists vault.identity")
    known = known_tables(connection, "identity")
    for table, columns in _TABLES.items():
        if table not in known:
            connection.execute(f"create table vault.identity.{table} ({columns})")
            connection.execute(f"comment on table vault.identity.{table} is '{_COMMENTS[table]}'")
    if "person_description" not in known:
        connection.execute(_DESCRIPTION)
    # A home of before kept digests here.
    connection.execute("drop table if exists vault.identity.attribute_basis")
    connection.execute(f"create table if not exists vault.identity.changed_key ({CHANGED_KEY})")
    connection.register("given", priorities)
    columns = "kind, attribute, dataset, rank, max_age_days"
    differing = f"(select {columns} from given except select {columns} from vault.identity.source_priority)"
    if _count(connection, differing) or _count(connection, "vault.identity.source_priority") != priorities.height:
        connection.execute("delete from vault.identity.source_priority")
        connection.execute(f"insert into vault.identity.source_priority select {columns} from given")


def choose_sources(  # noqa: PLR0913  # what decides, and whether for everybody
    connection: duckdb.DuckDBPyConnection,
    kind: Kind,
    as_of: date,
    contracts: Mapping[str, Contract],
    priorities: pl.DataFrame,
    *,
    full: bool = False,
) -> int:
    """Choose anew for every key of one kind of which something changed; returns how many.

    Reads ``<kind>_mention``, ``<kind>_record``, ``changed_key``, and of staging which records hold and when they were
    updated.
    """
    connection.register("priority", priorities)
    believed = priorities.filter(pl.col("kind") == kind)["dataset"].unique()
    standing = standing_contracts(connection, contracts, believed)
    run = SourceRun(kind, as_of, fingerprint_of(priorities, standing))
    touch(connection, run, standing, full=full)
    touched = _count(connection, "touched")
    if touched:
        names = ATTRIBUTES[kind]
        values = ", ".join(f"mention.{name}::varchar as {name}" for name in names)
        connection.execute(_SOURCED.format(kind=kind, values=values))
        stand(connection, standing, as_of)
        connection.execute(_CANDIDATES.format(kind=kind, attributes=", ".join(names)), {"as_of": as_of})
        connection.execute(_WINNERS)
        connection.execute(_DECIDED)
    _replace(connection, run, touched)
    return touched


def _replace(connection: duckdb.DuckDBPyConnection, run: SourceRun, touched: int) -> None:
    """Write what was chosen, and that it was."""
    kind, is_touched = run.kind, "in (select key from touched)"
    is_noted = connection.execute(
        "select 1 from vault.identity.source_run where kind = ? and as_of_date = ? and fingerprint = ?",
        [run.kind, run.as_of, run.fingerprint],
    ).fetchone()
    waiting = _count(connection, f"(select 1 from vault.identity.changed_key where kind = '{kind}')")
    if is_noted and not touched and not waiting:
        return
    with transaction(connection):
        connection.execute("delete from vault.identity.source_run where kind = ?", [kind])
        connection.execute("insert into vault.identity.source_run values (?, ?, ?)", [kind, run.as_of, run.fingerprint])
        connection.execute("delete from vault.identity.changed_key where kind = ?", [kind])
        if not touched:
            return
        connection.execute(f"delete from vault.identity.{kind}_attribute where {kind}_key {is_touched}")
        connection.execute(
            f"delete from vault.identity.attribute_disagreement where kind = '{kind}' and key {is_touched}"
        )
        connection.execute(
            f"insert into vault.identity.{kind}_attribute "
            "select key, attribute, value, source_dataset, mention_key, rule from decided"
        )
        connection.execute(_DISAGREEMENTS, {"kind": kind})


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return row[0] if row else 0
