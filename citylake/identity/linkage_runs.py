"""What each night's linking came to, one row a night and kind: what the gates of the audit read.

Counts and shares only; nothing here names anybody.
"""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from citylake.contracts.mentions import Kind
from citylake.identity.linking import Linked
from citylake.identity.measuring import measure

# A cluster is as large as the number of different descriptions in it: somebody who is registered a thousand times in
# the same words is one person all the same, and a hundred different people are not. It has as many at most as it has
# records, so that whatever has no more of these than one of the largest has descriptions need not be looked into.
_DESCRIBED: dict[Kind, str] = {
    "person": "name, birth_date, sex_code, region_code, address, phone, organisation_code, written_id",
    "entity": "name, written_code, region_code, address, representative",
}
_SIZES = """
create or replace temp table cluster_size as
select {kind}_key as key, count(*) as records, min(source_record_key) as record_key
from vault.identity.{kind}_record
group by all
"""
_LARGEST = """
select count(distinct hash({described})) as descriptions
from vault.identity.{kind}_record as record
inner join vault.identity.{kind}_mention as mention on record.source_record_key = mention.mention_key
where record.{kind}_key in (select key from cluster_size {which})
group by record.{kind}_key
order by descriptions desc
limit 1
"""
_LOOKED_INTO = 100
_SMALLEST_LOOKED_INTO = f"""
select min(records) from (select records from cluster_size order by records desc limit {_LOOKED_INTO})
"""
_COUNTS = """
with mention as (
    select
        count(*) as mentions,
        coalesce(count_if(is_standing), 0)::bigint as standing_mentions,
        coalesce(count_if(anchor_id is null), 0)::bigint as loose_mentions
    from vault.identity.{kind}_mention
)

select
    mention.*,
    (select count(*) from cluster_size) as keys,
    (select coalesce(sum(records), 0)::bigint from cluster_size) as records,
    (select coalesce(max(records), 0) from cluster_size) as largest_cluster_records,
    (
        select count(*)
        from vault.identity.{kind}_mention
        where anchor_id is null and mention_key in (select record_key from cluster_size where records = 1)
    ) as unlinked_mentions
from mention
"""
_BY_RULE = "select match_rule, count(*) from vault.identity.{kind}_record group by all order by all"
_OPEN = """
select pair.reason, count(*)
from vault.identity.review_pair as pair
where
    pair.kind = $kind
    and (
        pair.reason = 'contradictory_decisions'
        or (pair.left_key, pair.right_key) not in (
            select (left_key, right_key) from vault.identity.decision where kind = $kind
        )
    )
group by all
order by all
"""
_LAST = "select * from vault.identity.linkage_run where kind = ? order by linked_at desc limit 1"
_DECIDED_UNTIL = "select max(decided_at) from vault.identity.decision where kind = ?"
_LAST_RELINK = "select max(as_of_date) from vault.identity.linkage_run where kind = ? and is_relink"


@dataclass(frozen=True)
class NightOf:
    """Which run of linking a row is about."""

    run_id: str
    as_of: date
    kind: Kind
    model_version: str


def last_run(connection: duckdb.DuckDBPyConnection, kind: Kind) -> dict[str, Any] | None:
    """The newest row of a kind; None before the first linking."""
    row = connection.execute(_LAST, [kind]).pl()
    return row.row(0, named=True) if row.height else None


def last_relink(connection: duckdb.DuckDBPyConnection, kind: Kind) -> date | None:
    """The day as of which everything was last scored anew."""
    row = connection.execute(_LAST_RELINK, [kind]).fetchone()
    return row[0] if row else None


def count_run(  # noqa: PLR0913  # what a row says, by keyword
    connection: duckdb.DuckDBPyConnection,
    night: NightOf,
    linked: Linked | None,
    *,
    changed: int,
    is_relink: bool = False,
    diverging: int | None = None,
) -> dict[str, Any]:
    """The night's row; a night that linked nothing repeats what the last one found. ``linked`` is None then."""
    before = last_run(connection, night.kind)
    row: dict[str, Any]
    if linked is None and before is not None:
        row = dict(before)
    else:
        row = _counted(connection, night.kind)
        row["capped_values"] = sum(one.values for one in linked.scored.capped) if linked else 0
        row["capped_profiles"] = sum(one.profiles for one in linked.scored.capped) if linked else 0
    row |= {
        "run_id": night.run_id,
        "kind": night.kind,
        "as_of_date": night.as_of,
        "linked_at": datetime.now(UTC),
        "decided_until": _one(connection, _DECIDED_UNTIL, night.kind),
        "model_version": night.model_version,
        "is_relink": is_relink,
        "changed_mentions": changed,
        "diverging_mentions": diverging,
        **measure(connection, night.kind, night.model_version),
    }
    return row


def note_run(connection: duckdb.DuckDBPyConnection, night: NightOf, row: dict[str, Any]) -> None:
    """Write the night's row. That of a run that was begun twice is replaced."""
    names = list(row)
    connection.execute(
        "delete from vault.identity.linkage_run where run_id = ? and kind = ?", [night.run_id, night.kind]
    )
    connection.execute(
        f"insert into vault.identity.linkage_run ({', '.join(names)}) values ({', '.join('?' for _ in names)})",
        list(row.values()),
    )


def _counted(connection: duckdb.DuckDBPyConnection, kind: Kind) -> dict[str, Any]:
    connection.execute(_SIZES.format(kind=kind))
    counts = connection.execute(_COUNTS.format(kind=kind)).pl().row(0, named=True)
    rules = dict(connection.execute(_BY_RULE.format(kind=kind)).fetchall())
    pairs = dict(connection.execute(_OPEN, {"kind": kind}).fetchall())
    return {
        **counts,
        "largest_cluster": _largest(connection, kind),
        "nobody_mentions": counts["mentions"] - counts["records"],
        "records_by_rule": json.dumps(rules),
        "pairs_by_reason": json.dumps(pairs),
        "contradictory_decisions": pairs.get("contradictory_decisions", 0),
    }


def _largest(connection: duckdb.DuckDBPyConnection, kind: Kind) -> int:
    """Descriptions in the cluster that has most of them, of ``cluster_size``."""
    first = f"order by records desc, key limit {_LOOKED_INTO}"
    largest = _one(connection, _LARGEST.format(kind=kind, described=_DESCRIBED[kind], which=first)) or 0
    if largest < (_one(connection, _SMALLEST_LOOKED_INTO) or 0):
        rest = f"where records > {largest}"
        largest = _one(connection, _LARGEST.format(kind=kind, described=_DESCRIBED[kind], which=rest)) or largest
    return largest


def _one(connection: duckdb.DuckDBPyConnection, sql: str, *values: object) -> Any:  # noqa: ANN401
    row = connection.execute(sql, list(values)).fetchone()
    return row[0] if row else None
