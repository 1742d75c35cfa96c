"""Writes which person or entity each record names: the keys that ``keys`` decides, into the lake and its history."""

from datetime import date

import duckdb

from citylake.contracts.mentions import Kind
from citylake.identity.keys import assign_keys
from citylake.identity.tables import transaction

# The records of the night's clusters, each with the key it had; one that comes back has the key that waited for it.
# With them all others that have one of these keys: clusters that nothing touched, known by their key.
_CLUSTERED = """
create or replace temp table clustered as
with known as (
    select
        cluster.mention_key as source_record_key,
        cluster.cluster,
        cluster.match_rule,
        cluster.match_weight,
        cluster.matched_key as matched_record_key,
        coalesce(record.{kind}_key, retired.key) as old_key
    from cluster
    left join vault.identity.{kind}_record as record on cluster.mention_key = record.source_record_key
    left join vault.identity.retired_record as retired
        on cluster.mention_key = retired.source_record_key and retired.kind = '{kind}'
)

select * from known
union all by name
select
    source_record_key,
    'key|' || {kind}_key as cluster,
    match_rule,
    match_weight,
    matched_record_key,
    {kind}_key as old_key
from vault.identity.{kind}_record
where
    {kind}_key in (select old_key from known)
    and source_record_key not in (select source_record_key from known)
    and source_record_key not in (select mention_key from leaving)
"""

_LEAVING = """
create or replace temp table leaving as
select distinct mention_key from touched where mention_key not in (select mention_key from cluster)
"""
# A home of before kept the rows of records that had gone.
_ALSO_LEAVING = """
insert into leaving
select source_record_key from vault.identity.{kind}_record
where
    source_record_key not in (select mention_key from vault.identity.{kind}_mention)
    and source_record_key not in (select mention_key from leaving)
"""

_CHANGED = """
create or replace temp table changed as
select
    mention.source_dataset,
    mention.register_no,
    assigned.source_record_key,
    assigned.new_key as {kind}_key,
    clustered.match_rule,
    clustered.match_weight,
    clustered.matched_record_key
from assigned
inner join clustered using (source_record_key)
inner join vault.identity.{kind}_mention as mention on assigned.source_record_key = mention.mention_key
left join vault.identity.{kind}_record as known using (source_record_key)
where
    (known.{kind}_key, known.match_rule, known.match_weight, known.matched_record_key)
    is distinct from (assigned.new_key, clustered.match_rule, clustered.match_weight, clustered.matched_record_key)
"""

_RETIRED = """
insert into vault.identity.retired_record
select '{kind}', source_dataset, register_no, source_record_key, {kind}_key
from vault.identity.{kind}_record
where source_record_key in (select mention_key from leaving)
"""

# Whose records are others now: whoever had them, and whoever has them.
_KEYS_CHANGED = """
insert into vault.identity.changed_key
select '{kind}', {kind}_key, false from vault.identity.{kind}_record
where
    source_record_key in (select mention_key from leaving)
    or source_record_key in (select source_record_key from changed)
union
select '{kind}', {kind}_key, false from changed
"""

# Whoever asks why two became one, or one two, must find the person who said so: what a record was found by may be the
# valid number that it always had. A word that others contradict joined nobody.
_DECIDED = """
update event set reason = 'decided'
where (old_key, new_key) in (
    select (moved.old_key, moved.new_key)
    from (
        select left_key as one, right_key as other, decision from linking_word
        union all
        select right_key, left_key, decision from linking_word
    ) as word
    inner join assigned as moved on word.one = moved.source_record_key
    inner join assigned as beside on word.other = beside.source_record_key
    where
        word.decision = 'same'
        and moved.new_key = beside.new_key
        and moved.old_key is distinct from beside.old_key
        and (least(word.one, word.other), greatest(word.one, word.other)) not in (
            select (left_key, right_key) from linking_contradictory
        )
        or word.decision = 'different' and moved.new_key <> beside.new_key and moved.old_key = beside.old_key
)
"""

_EVENTS = """
insert into vault.identity.key_event by name
select
    '{kind}' as kind, old_key, new_key, $as_of::date as changed_date, event_type, reason, record_count,
    evidence_record_key, $run_id as run_id
from event
"""


def write_records(
    connection: duckdb.DuckDBPyConnection, kind: Kind, run_id: str, as_of: date, *, is_first: bool
) -> dict[str, int]:
    """Give the night's clusters their keys and write what changed; counts of what was written.

    Reads the temporary tables of linking: ``touched``, ``cluster`` and what people decided. ``is_first`` says that
    mentions are kept since tonight.
    """
    connection.execute(_LEAVING)
    if is_first:
        connection.execute(_ALSO_LEAVING.format(kind=kind))
    connection.execute(_CLUSTERED.format(kind=kind))
    connection.execute(
        f"create or replace temp view earlier_key as select founding_source_record_key from vault.identity.{kind}_key"
    )
    assign_keys(connection, kind)
    connection.execute(_DECIDED)
    connection.execute(_CHANGED.format(kind=kind))
    facts = {
        "keys_minted": count(connection, "minted_key"),
        "records_written": count(connection, "changed"),
        "key_events": count(connection, "event"),
        "records_retired": count(
            connection, f"vault.identity.{kind}_record where source_record_key in (select mention_key from leaving)"
        ),
    }
    _write(connection, kind, {"run_id": run_id, "as_of": as_of}, facts)
    return facts


def is_unfinished(connection: duckdb.DuckDBPyConnection, kind: Kind) -> bool:
    """Whether the last run was cut short between its mentions and its records."""
    return count(connection, f"(select 1 from vault.identity.unfinished_run where kind = '{kind}')") > 0


def nothing_owed(connection: duckdb.DuckDBPyConnection, kind: Kind) -> None:
    """Note that no record follows from the mentions that changed: they moved to another delivery, and no more."""
    if is_unfinished(connection, kind):
        connection.execute("delete from vault.identity.unfinished_run where kind = ?", [kind])


def _write(connection: duckdb.DuckDBPyConnection, kind: Kind, values: dict[str, object], facts: dict[str, int]) -> None:
    if not any(facts.values()) and not is_unfinished(connection, kind):
        return
    record = f"vault.identity.{kind}_record"
    with transaction(connection):
        connection.execute("delete from vault.identity.unfinished_run where kind = ?", [kind])
        if facts["key_events"]:
            connection.execute(_EVENTS.format(kind=kind), values)
        if facts["keys_minted"]:
            connection.execute(
                f"insert into vault.identity.{kind}_key "
                "select key, founding_source_record_key, generation, $run_id from minted_key",
                {"run_id": values["run_id"]},
            )
        if facts["records_retired"] or facts["records_written"]:
            connection.execute(_KEYS_CHANGED.format(kind=kind))
        if facts["records_retired"]:
            connection.execute(_RETIRED.format(kind=kind))
            connection.execute(f"delete from {record} where source_record_key in (select mention_key from leaving)")
        if facts["records_written"]:
            moved = "source_record_key in (select source_record_key from changed)"
            connection.execute(f"delete from {record} where {moved}")
            connection.execute(f"insert into {record} by name select * from changed")
            _keep_retired(connection, kind)


def _keep_retired(connection: duckdb.DuckDBPyConnection, kind: Kind) -> None:
    """Records that came back are retired no more; those still away follow their key to where it was merged."""
    retired = "vault.identity.retired_record"
    back = f"kind = '{kind}' and source_record_key in (select source_record_key from changed)"
    if count(connection, f"(select 1 from {retired} where {back})"):
        connection.execute(f"delete from {retired} where {back}")
    followed = f"kind = '{kind}' and key in (select old_key from successor)"
    if count(connection, f"(select 1 from {retired} where {followed})"):
        connection.execute(
            f"create or replace temp table following as select * replace (successor.new_key as key) "
            f"from {retired} inner join successor on key = successor.old_key where kind = '{kind}'"
        )
        connection.execute(f"delete from {retired} where {followed}")
        connection.execute(
            f"insert into {retired} select kind, source_dataset, register_no, source_record_key, key from following"
        )


def count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """How many rows a relation has."""
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return row[0] if row else 0
