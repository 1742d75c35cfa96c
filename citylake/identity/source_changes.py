"""For which keys attributes are chosen anew: those of which something changed since the last time.

What identity wrote of a key's mentions and records stands in ``changed_key``. The rest the calendar does: a permit runs
out, a value grows too old. Other rules, or an earlier day than the last one, concern everybody.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256

import duckdb
import polars as pl

from citylake.contracts.model import Contract
from citylake.identity.source_priority import Kind
from citylake.identity.standing import record_number, staged_table

_EVERYBODY = """
create or replace temp table touched as
select {kind}_key as key from vault.identity.{kind}_record
union
select {kind}_key from vault.identity.{kind}_attribute
"""
RULES = "1"
"""Raised whenever sources are chosen otherwise: the next night does so for everybody."""
# That a record was delivered again as it was, on a later day, matters where its day is compared or shown: with another
# record of its dataset, with the age at which a value is too old, in a disagreement.
_CHANGED = """
create or replace temp table touched as
with changed as (
    select key, bool_and(is_moved) as is_moved from vault.identity.changed_key where kind = '{kind}' group by key
)

select key from changed where not is_moved
union
select {kind}_key from vault.identity.{kind}_record
where {kind}_key in (select key from changed where is_moved)
group by {kind}_key
having
    count(*) > count(distinct source_dataset)
    or bool_or(source_dataset in (
        select dataset from priority where kind = '{kind}' and max_age_days is not null
    ))
union
select key from vault.identity.attribute_disagreement
where kind = '{kind}' and key in (select key from changed where is_moved)
"""
# Whose value is too old since the last time, or whose record has stopped to hold, though nobody said anything.
_OUTGROWN = """
insert into touched
select record.{kind}_key
from vault.identity.{kind}_mention as mention
inner join vault.identity.{kind}_record as record on mention.mention_key = record.source_record_key
inner join (
    select distinct dataset, max_age_days from priority where kind = '{kind}' and max_age_days is not null
) as believed on mention.source_dataset = believed.dataset
where mention.extract_date + believed.max_age_days >= $since and mention.extract_date + believed.max_age_days < $as_of
"""
_LAPSED = """
insert into touched
select {kind}_key
from vault.identity.{kind}_record
where source_dataset = $dataset and register_no in (
    select {register_no} from vault.staging.{table} where {until} >= $since and {until} < $as_of
)
"""


@dataclass(frozen=True)
class SourceRun:
    """As of which day and by which rules attributes of a kind are chosen."""

    kind: Kind
    as_of: date
    fingerprint: str


def fingerprint_of(priorities: pl.DataFrame, standing: Sequence[Contract]) -> str:
    """Of all that decides between sources, but for what they say."""
    stated = [[one.dataset, one.key, one.sequence, asdict(one.holds) if one.holds else None] for one in standing]
    stated_text = RULES + json.dumps(stated, default=str) + priorities.drop("note").write_csv()
    return sha256(stated_text.encode()).hexdigest()


def touch(
    connection: duckdb.DuckDBPyConnection, run: SourceRun, standing: Sequence[Contract], *, full: bool = False
) -> None:
    """Make ``touched``: the keys to choose for; all of them if asked for, by other rules, or for an earlier day."""
    last = connection.execute(
        "select as_of_date, fingerprint from vault.identity.source_run where kind = ?", [run.kind]
    ).fetchone()
    if full or last is None or last[1] != run.fingerprint or last[0] > run.as_of:
        connection.execute(_EVERYBODY.format(kind=run.kind))
        return
    connection.execute(_CHANGED.format(kind=run.kind))
    if last[0] == run.as_of:
        return
    days = {"since": last[0], "as_of": run.as_of}
    connection.execute(_OUTGROWN.format(kind=run.kind), days)
    for contract in standing:
        if contract.holds is not None and contract.holds.until is not None:
            lapsed = _LAPSED.format(
                kind=run.kind,
                register_no=record_number(contract),
                table=staged_table(contract),
                until=contract.holds.until,
            )
            connection.execute(lapsed, days | {"dataset": contract.dataset})
    connection.execute("create or replace temp table touched as select distinct key from touched")
