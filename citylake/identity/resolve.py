"""The night of identity, step by step: who is named, who of them is one, and the key that each keeps.

Whom records name, the contracts say. What a night writes depends on the records in force, the model, people's decisions
and the keys that exist, not on the order of the records; what it costs follows what changed. Now and then everybody is
linked anew, and how far that differs from what nights had come to is counted.

Each step computes first and writes what it found at once. A run that was cut short between mentions and records is
known by ``unfinished_run``, and the next one looks at everybody.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from citylake.contracts.mentions import KINDS, Kind
from citylake.contracts.model import load_contracts
from citylake.identity.keeper import note_keeper, open_keeper, stored_fingerprint
from citylake.identity.linkage_runs import NightOf, count_run, last_relink, last_run, note_run
from citylake.identity.linking import Linked, link_mentions
from citylake.identity.mentions import extract_mentions
from citylake.identity.model_versions import is_adopted, model_in_force, note_adopted
from citylake.identity.models import LinkageModel
from citylake.identity.past_records import keep_past_records
from citylake.identity.records import count, is_unfinished, nothing_owed, write_records
from citylake.identity.tables import forget, prepare_tables, transaction
from citylake.lake.attach import open_lakes
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

# Whom people decided about since the last night.
_DECIDED = """
insert into touched
select mention.mention_key, mention.anchor_id
from vault.identity.{kind}_mention as mention
inner join (
    select unnest([left_key, right_key]) as mention_key
    from vault.identity.decision
    where kind = '{kind}' and decided_at > coalesce($since, '-infinity'::timestamptz)
) as decided using (mention_key)
"""
_EVERYBODY = "insert into touched select mention_key, anchor_id from vault.identity.{kind}_mention"

# Of whom the company is not the same: where it is, it is as large before, now, and in what both have in common.
_DIVERGING = """
with placed as (
    select record.source_record_key, record.{kind}_key as before, cluster.cluster as now
    from vault.identity.{kind}_record as record
    full join cluster on record.source_record_key = cluster.mention_key
),

counted as (
    select
        before is null or now is null as is_nobody,
        count(*) over (partition by before) as before_size,
        count(*) over (partition by now) as now_size,
        count(*) over (partition by before, now) as both_size
    from placed
)

select count(*) from counted where is_nobody or before_size <> both_size or now_size <> both_size
"""


@dataclass(frozen=True)
class _Step:
    """One kind's night."""

    connection: duckdb.DuckDBPyConnection
    kind: Kind
    model: LinkageModel
    run_id: str
    as_of: date

    def link(self, *, anew: bool, is_first: bool = False) -> tuple[Linked, dict[str, int]]:
        linked = link_mentions(self.connection, self.kind, self.model, self.run_id, anew=anew)
        return linked, write_records(self.connection, self.kind, self.run_id, self.as_of, is_first=is_first)


def resolve_identities(
    settings: Settings, run_id: str, as_of: date, *, full: bool = False, relink: bool = False
) -> dict[str, Any]:
    """Bring ``vault.identity`` up to date with staging. The caller holds the writer's lock.

    ``full`` reads and links everything anew, changed or not. ``relink`` links everybody anew after the night's own
    changes, and counts whom that places otherwise; it happens by itself ``relink_days`` after the last time.
    Returns counts by kind: mentions in force and how many of them the night touched, records that name somebody, keys
    minted, records written and retired, key events, deleted records that tell somebody's past, and what linking came
    to. Raises SecretMismatch before anything is
    written when the secret is lost or changed.
    """
    contracts = list(load_contracts(settings.contracts).values())
    facts: dict[str, Any] = {}
    with open_lakes(settings, ("vault",)) as connection:
        keeper = open_keeper(Zones.of(settings), settings, stored_fingerprint(connection))
        keeper.register(connection)
        with transaction(connection):
            prepare_tables(connection)
            note_keeper(connection, keeper)
        for kind in KINDS:
            step = _Step(connection, kind, model_in_force(settings, kind), run_id, as_of)
            is_resumed = is_unfinished(connection, kind)
            is_first = is_resumed or count(connection, f"vault.identity.{kind}_mention") == 0
            touched = extract_mentions(connection, contracts, kind, run_id, full=full)
            if is_resumed:
                connection.execute(_EVERYBODY.format(kind=kind))
            due = relink or _is_due(step, settings.relink_days)
            counted = _resolve(step, touched, full=full, relink=due, is_first=is_first)
            counted["past_records"] = keep_past_records(connection, contracts, kind)
            facts |= {f"{kind}_{name}": value for name, value in counted.items()}
            forget(connection)
    return facts


def _resolve(step: _Step, touched: int, *, full: bool, relink: bool, is_first: bool) -> dict[str, Any]:
    """One kind: link what changed, or everybody where that is asked for or the model is another; keep the count."""
    connection, kind = step.connection, step.kind
    is_new_model = not is_adopted(connection, kind, step.model)
    is_anew = full or is_new_model
    decided = _touch_decided(step)
    linked: Linked | None = None
    counted: dict[str, Any] = {"touched": touched}
    if touched or decided or is_first or is_anew:
        if is_anew:
            connection.execute(_EVERYBODY.format(kind=kind))
        linked, written = step.link(anew=is_anew, is_first=is_first)
        counted |= written
    else:
        nothing_owed(connection, kind)
    diverging = None
    if relink and not is_anew:
        connection.execute(_EVERYBODY.format(kind=kind))
        linked = link_mentions(connection, kind, step.model, step.run_id, anew=True)
        row = connection.execute(_DIVERGING.format(kind=kind)).fetchone()
        diverging = row[0] if row else 0
        write_records(connection, kind, step.run_id, step.as_of, is_first=False)
    night = NightOf(step.run_id, step.as_of, kind, step.model.version)
    noted = count_run(connection, night, linked, changed=touched, is_relink=is_anew or relink, diverging=diverging)
    with transaction(connection):
        if is_new_model:
            note_adopted(connection, kind, step.model, step.run_id)
        note_run(connection, night, noted)
    kept = (
        "mentions",
        "records",
        "keys",
        "nobody_mentions",
        "largest_cluster",
        "capped_values",
        "capped_profiles",
        "diverging_mentions",
        "model_version",
    )
    return counted | {name: noted[name] for name in kept}


def _is_due(step: _Step, days: int) -> bool:
    last = last_relink(step.connection, step.kind)
    return last is not None and step.as_of - last >= timedelta(days=days)


def _touch_decided(step: _Step) -> int:
    before = last_run(step.connection, step.kind)
    since = {"since": before["decided_until"] if before else None}
    row = step.connection.execute(_DECIDED.format(kind=step.kind), since).fetchone()
    return row[0] if row else 0
