"""Who somebody is, and why the system thinks so: for the owner, in the restricted zone, on the screen and nowhere else.

Nothing here is written to a lake, a log or a release.
"""

from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from citylake.contracts.mentions import KINDS, Kind
from citylake.identity.model_versions import model_in_force
from citylake.identity.restricted import open_identity, tables
from citylake.identity.waterfall import weigh
from citylake.lake.deliveries import LEDGER
from citylake.lake.errors import UsageError
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

_SHORTEST = 8

_RECORDS = """
select
    record.source_dataset, record.register_no, record.source_record_key, mention.role, record.match_rule,
    record.match_weight, record.matched_record_key, mention.extract_date, mention.name
from vault.identity.{kind}_record as record
left join vault.identity.{kind}_mention as mention on record.source_record_key = mention.mention_key
where record.{kind}_key = ?
order by record.match_rule, record.source_dataset, record.register_no
"""
_EVENTS = """
select changed_date, event_type, old_key, new_key, reason, record_count
from vault.identity.key_event
where kind = $kind and (old_key = $key or new_key = $key)
order by changed_date, old_key, new_key
"""
_OF_RECORDS = """
left_key in (select source_record_key from vault.identity.{kind}_record where {kind}_key = $key)
or right_key in (select source_record_key from vault.identity.{kind}_record where {kind}_key = $key)
"""
_PAIRS = """
select left_key, right_key, reason, match_weight from vault.identity.review_pair
where kind = $kind and ({of_records}) and (
    reason = 'contradictory_decisions' or (left_key, right_key) not in (
        select (left_key, right_key) from vault.identity.decision where kind = $kind
    )
)
order by match_weight desc nulls first, left_key, right_key
"""
_DECISIONS = """
select left_key, right_key, decision, decided_at, decided_by, why from vault.identity.decision
where kind = $kind and ({of_records})
order by decided_at
"""
_GOLDEN = """
select attribute, value, source_dataset, rule from vault.identity.{kind}_attribute where {kind}_key = ?
order by attribute
"""
# From an old key step by step to those that hold its records now: of a split the key itself lives on, beside the new.
_LEADS_TO = """
with recursive reached (key) as (
    select $key
    union
    select event.new_key
    from reached inner join vault.identity.key_event as event on reached.key = event.old_key and event.kind = $kind
)

select reached.key from reached
where reached.key in (select {kind}_key from vault.identity.{kind}_record)
order by reached.key = $key desc, reached.key
"""


@dataclass(frozen=True)
class Card:
    """One person or entity with everything that explains it; frames are in the order in which they are shown."""

    kind: Kind
    key: str
    records: pl.DataFrame
    """source_dataset, register_no, source_record_key, role, match_rule, match_weight, matched_record_key,
    extract_date, name"""
    golden: pl.DataFrame
    """attribute, value, source_dataset, rule: what counts; empty until sources have been chosen."""
    waterfalls: pl.DataFrame
    """Of each record that a probability tied: see :func:`waterfall.weigh`."""
    events: pl.DataFrame
    pairs: pl.DataFrame
    decisions: pl.DataFrame
    origins: tuple[str, ...]
    """Whether the records are real or synthetic, or both."""


@dataclass(frozen=True)
class Answer:
    """What a key leads to: one, or several after a split; ``asked`` is the whole key that was asked for."""

    asked: str
    cards: tuple[Card, ...]


def who(settings: Settings, key: str) -> Answer:
    """Whom a key, or the beginning of one, stands for now.

    Raises UsageError for a key that is unknown, not unique or names nobody any more, EnvironmentProblem for an account
    that is not the owner, NoRelease before the first linking.
    """
    with open_identity(settings) as connection:
        kind, asked = _find(connection, key.strip().lower())
        reached = connection.execute(_LEADS_TO.format(kind=kind), {"key": asked, "kind": kind}).fetchall()
        if not reached:
            raise UsageError(
                f"键 {asked[:_SHORTEST]}… 已无有效记录。 No record in force has the key {asked[:_SHORTEST]}… any more; "
                "it will not be given to anybody else."
            )
        return Answer(asked, tuple(_card(connection, settings, kind, found) for (found,) in reached))


def _find(connection: duckdb.DuckDBPyConnection, begin: str) -> tuple[Kind, str]:
    if len(begin) < _SHORTEST:
        raise UsageError(f"请至少给出键的前 {_SHORTEST} 位。 Give at least {_SHORTEST} characters of the key.")
    found: list[tuple[Kind, str]] = []
    for kind in KINDS:
        names = f"select {kind}_key from vault.identity.{kind}_key where starts_with({kind}_key, ?)"
        keys: list[tuple[str]] = connection.execute(names, [begin]).fetchall()
        found += [(kind, key) for (key,) in keys]
    if len(found) != 1:
        raise UsageError(
            "该前缀不唯一。 Several keys begin like this: give more of it."
            if found
            else "没有这个键。 There is no such person or entity key."
        )
    return found[0]


def _card(connection: duckdb.DuckDBPyConnection, settings: Settings, kind: Kind, key: str) -> Card:
    about: dict[str, Any] = {"kind": kind, "key": key}
    of_records = _OF_RECORDS.format(kind=kind)
    records = connection.execute(_RECORDS.format(kind=kind), [key]).pl()
    has_golden = f"{kind}_attribute" in tables(connection)
    return Card(
        kind=kind,
        key=key,
        records=records,
        golden=connection.execute(_GOLDEN.format(kind=kind), [key]).pl() if has_golden else pl.DataFrame(),
        waterfalls=_waterfalls(connection, settings, kind, records),
        events=connection.execute(_EVENTS, about).pl(),
        pairs=connection.execute(_PAIRS.format(of_records=of_records), about).pl(),
        decisions=connection.execute(_DECISIONS.format(of_records=of_records), about).pl(),
        origins=_origins(settings, records["source_dataset"].unique().to_list()),
    )


def _waterfalls(
    connection: duckdb.DuckDBPyConnection, settings: Settings, kind: Kind, records: pl.DataFrame
) -> pl.DataFrame:
    tied = records.filter(pl.col("matched_record_key").is_not_null()).select(
        pl.col("source_record_key").alias("left_key"), pl.col("matched_record_key").alias("right_key")
    )
    return weigh(connection, kind, model_in_force(settings, kind), tied)


def _origins(settings: Settings, datasets: list[str]) -> tuple[str, ...]:
    ledger = Zones.of(settings).ledger / LEDGER
    if not ledger.exists():
        return ()
    in_force = pl.read_parquet(ledger).filter((pl.col("status") == "in_force") & pl.col("dataset").is_in(datasets))
    return tuple(sorted(in_force["origin"].unique()))
