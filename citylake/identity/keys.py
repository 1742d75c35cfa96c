"""Keys that stay: which key each cluster of records keeps, who gets a new one, and what is to be told of it.

The same for persons and entities. Pure: it knows temporary tables of a connection, no lake. A cluster keeps the key
that most of its records had; a key that no cluster keeps has ended and is never made or given again; what a night
decides depends on the clusters and the keys of before, not on the order of the records.

A night hands over only the clusters that it touched. That is enough as long as with a cluster come all others that hold
a record of one of its keys: nothing else can claim them.
"""

from typing import Literal

import duckdb

Kind = Literal["person", "entity"]

# A key stays with the cluster that has most of its records, and a cluster with the key most of its records had.
# Ties go to the smaller source record key, which no order of arrival can change.
_KEPT = """
create or replace temp table kept_key as
with claim as (
    select cluster, old_key, count(*) as record_count, min(source_record_key) as first_record
    from clustered
    where old_key is not null
    group by cluster, old_key
)

select cluster, old_key as key
from claim
qualify
    row_number() over (partition by cluster order by record_count desc, first_record) = 1
    and row_number() over (partition by old_key order by record_count desc, first_record) = 1
"""

# The generation tells apart the keys that one record founds in its life.
_MINTED = """
create or replace temp table minted_key as
with founded as (
    select cluster, min(source_record_key) as founding_source_record_key
    from clustered
    where cluster not in (select cluster from kept_key)
    group by cluster
),

numbered as (
    select founded.*, count(earlier.founding_source_record_key)::integer as generation
    from founded
    left join earlier_key as earlier using (founding_source_record_key)
    group by all
)

select *, keeper_key('{kind}|' || founding_source_record_key || '|' || generation) as key
from numbered
"""

_ASSIGNED = """
create or replace temp table assigned as
select
    clustered.source_record_key,
    clustered.cluster,
    clustered.match_rule,
    clustered.old_key,
    coalesce(kept_key.key, minted_key.key) as new_key
from clustered
left join kept_key using (cluster)
left join minted_key using (cluster)
"""

# Of a key that stays with some of its records, the others split off; one that stays with none was merged. What a record
# was found by in its new place is the reason, the smallest of the records that moved the evidence.
_EVENTS = """
create or replace temp table event as
select
    assigned.old_key,
    assigned.new_key,
    if(bool_or(staying.key is not null), 'split', 'merge') as event_type,
    string_agg(distinct assigned.match_rule, ',' order by assigned.match_rule) as reason,
    count(*)::integer as record_count,
    min(assigned.source_record_key) as evidence_record_key
from assigned
left join kept_key as staying on assigned.old_key = staying.key
where assigned.old_key <> assigned.new_key
group by assigned.old_key, assigned.new_key
"""

# Where a key that ended has gone to: with most of its records.
_SUCCESSORS = """
create or replace temp table successor as
select old_key, arg_max(new_key, (record_count, evidence_record_key)) as new_key
from event
where event_type = 'merge'
group by old_key
"""


def assign_keys(connection: duckdb.DuckDBPyConnection, kind: Kind) -> None:
    """Decide the keys of the clusters in ``clustered``.

    Reads the temporary tables ``clustered`` (source_record_key, cluster, match_rule, and the old_key that the record
    had, null for none) and ``earlier_key`` (founding_source_record_key, one row for each key ever made), and the macro
    ``keeper_key``. Writes ``assigned`` (the same with new_key), ``minted_key`` (key, founding_source_record_key,
    generation), ``event`` (old_key, new_key, event_type, reason, record_count, evidence_record_key) and ``successor``
    (old_key → new_key of keys that ended).
    """
    for statement in (_KEPT, _MINTED.format(kind=kind), _ASSIGNED, _EVENTS, _SUCCESSORS):
        connection.execute(statement)
