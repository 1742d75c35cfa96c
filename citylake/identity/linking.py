"""Which mentions are one person or entity tonight: the one place where scoring and clustering are called.

Pairs of what changed are scored, and clusters are made anew for the components that a change can reach; a full relink
forgets all scores and does both for everybody. Both give the same clusters, for they are a function of mentions, model
and decisions; a bound on block sizes is what can make them differ.
"""

from dataclasses import dataclass, replace

import duckdb

from citylake.contracts.mentions import Kind
from citylake.identity.clustering import cluster
from citylake.identity.describing import DESCRIBED_SCHEMA
from citylake.identity.linkage import Scored, score
from citylake.identity.models import LinkageModel
from citylake.identity.reviews import replace_linking_pairs
from citylake.identity.tables import transaction

RULES: dict[Kind, str] = {"person": "valid_citizen_id", "entity": "valid_identifier"}
_WHOLE = 0.5
"""From this share of the mentions on, following what a change can reach costs more than clustering everybody."""
_ROUNDS = 12

# A citizen id that a mention contradicts stays known, so that nothing links the mention to whom the id belongs to.
_INPUT = {
    "person": """
    create or replace temp view linking_input as
    select
        * replace (coalesce(anchor_id, valid_id) as anchor_id),
        anchor_id is null and valid_id is not null as is_apart
    from vault.identity.person_mention
    """,
    "entity": "create or replace temp view linking_input as select * from vault.identity.entity_mention",
}

# Read before scoring: whoever was equal to a changed mention, or decided about with one, may be another one's now.
_START = """
create or replace temp table linking_start as
select mention_key from touched
union
select mention_key from vault.identity.{kind}_described where profile_key in (
    select profile_key from vault.identity.{kind}_described where mention_key in (select mention_key from touched)
)
union
select right_key from linking_word where left_key in (select mention_key from touched)
union
select left_key from linking_word where right_key in (select mention_key from touched)
"""
_KNOWN = (
    "create or replace temp table linking_known as select mention_key, profile_key, carried_id from linking_mention"
)
_SIDES = """
create or replace temp table linking_side as
select left_key as here, right_key as there from vault.identity.{kind}_edge
union all
select left_key, right_key from linking_word
"""
_FIRST_REACHED = """
create or replace temp table linking_next as
select mention_key, profile_key, carried_id
from linking_known
where
    mention_key in (select mention_key from linking_start)
    or mention_key in (select mention_key from linking_loosened)
    or profile_key in (select profile_key from linking_fresh)
    or carried_id in (select anchor_id from touched);

create or replace temp table linking_reached as select mention_key from linking_next
"""
# Of whom was reached last: who is equal, who has the same number, and who is at the other end of an edge or a decision.
_NEXT = """
create or replace temp table linking_next as
select mention_key, profile_key, carried_id
from linking_known
where
    (
        profile_key in (select profile_key from linking_next)
        or carried_id in (select carried_id from linking_next)
        or mention_key in (select there from linking_side where here in (select mention_key from linking_next))
        or mention_key in (select here from linking_side where there in (select mention_key from linking_next))
    )
    and mention_key not in (select mention_key from linking_reached)
"""

_PART = "(select * from linking_input where mention_key in (select mention_key from linking_reached))"

# The last word on each pair.
_WORDS = """
create or replace temp table linking_word as
select left_key, right_key, arg_max(decision, decided_at) as decision
from vault.identity.decision
where kind = $kind
group by left_key, right_key
"""

_CLUSTER = """
create or replace temp table cluster as
select
    mention_key,
    cluster_key as cluster,
    if(match_rule = 'anchor', '{rule}', match_rule) as match_rule,
    match_weight,
    matched_key
from linking_cluster
where cluster_key is not null
"""
_ALSO_TOUCHED = """
insert into touched
select mention_key, null from linking_cluster where mention_key not in (select mention_key from touched)
"""


@dataclass(frozen=True)
class Linked:
    """What one night's linking of a kind did, in numbers that name nobody."""

    scored: Scored
    clustered: int
    """Mentions whose clusters were made anew."""
    contradictions: int
    """Decisions that others contradict."""


def link_mentions(
    connection: duckdb.DuckDBPyConnection, kind: Kind, model: LinkageModel, run_id: str, *, anew: bool
) -> Linked:
    """The clusters that hold a mention, or have an anchor, of the temporary table ``touched`` (mention_key, anchor_id).

    ``anew`` forgets every score and clusters everybody. Writes the temporary table ``cluster``: mention_key, cluster (a
    label of this night), match_rule, match_weight (log2 Bayes factor; null where no probability was asked) and
    matched_key (the mention through which it attached; null for anchors). Its clusters are whole; whom more was
    clustered of than was touched is added to ``touched``, and a touched mention in none of them names nobody. Pairs for
    people go to ``review_pair``.
    """
    edges, profiles, described = (f"vault.identity.{kind}_{one}" for one in ("edge", "profile", "described"))
    connection.execute(_INPUT[kind])
    connection.execute(_WORDS, {"kind": kind})
    if kind == "person":
        model = replace(model, apart="is_apart")
    if anew:
        # Made again by scoring: the fields of another model are other columns.
        with transaction(connection):
            for table in (edges, profiles, described):
                connection.execute(f"drop table if exists {table}")
    else:
        connection.execute(f"create table if not exists {described} ({DESCRIBED_SCHEMA})")
        connection.execute(_START.format(kind=kind))
    scored = score(
        connection,
        model,
        "linking_input",
        edges=edges,
        profiles=profiles,
        described=described,
        changed=None if anew else "touched",
    )
    is_whole = anew or _reach(connection, kind, scored)
    clustered = cluster(
        connection,
        model,
        "linking_input" if is_whole else _PART,
        edges=edges,
        clusters="linking_cluster",
        reviews="linking_review",
        decisions="linking_word",
        is_prepared=is_whole and not scored.is_part,
    )
    connection.execute(_CLUSTER.format(rule=RULES[kind]))
    connection.execute(_ALSO_TOUCHED)
    replace_linking_pairs(connection, kind, run_id)
    return Linked(scored, clustered.mentions, clustered.contradictions)


def _reach(connection: duckdb.DuckDBPyConnection, kind: Kind, scored: Scored) -> bool:
    """Make ``linking_reached``, all that a change can reach; true where that is better taken for everybody."""
    if not scored.is_part:
        connection.execute(_KNOWN)
    connection.execute(_SIDES.format(kind=kind))
    connection.execute(_FIRST_REACHED)
    for _ in range(_ROUNDS):
        reached = connection.execute("select count(*) from linking_reached").fetchone()
        if reached and reached[0] > _WHOLE * scored.mentions:
            return True
        connection.execute(_NEXT)
        added = connection.execute("insert into linking_reached select mention_key from linking_next").fetchone()
        if not added or not added[0]:
            return False
    return True
