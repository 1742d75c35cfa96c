"""Who leaves an anchor when people have told mentions under it apart.

All decisions about an anchor are weighed together. What people called the same stays or leaves together. Of those that
are told apart from another that is still there, the one for which the fewest of the others speak leaves, and so on
until nobody is left who was told from somebody; of equals, first whom more decisions are against, then whom the others
resemble less. No order of records or decisions has a part in it.
"""

import duckdb

from citylake.identity.clustering_sql import COMPONENTS
from citylake.identity.models import LinkageModel, weight_sql

_SAME = """
create or replace temp table linking_word_same as
select left_key as a, right_key as b from linking_decision where decision = 'same'
"""

# A party is a mention, or what decisions "same" hold together; where "different" contradicts them, they hold nothing.
_PARTIES = """
create or replace temp table linking_party as
with joined as (
    select left_key as mention_key, component
    from linking_decision inner join linking_word_component on left_key = id
    union
    select right_key, component
    from linking_decision inner join linking_word_component on right_key = id
),

contradictory as (
    select here.component
    from linking_decision as decision
    inner join joined as here on decision.left_key = here.mention_key
    inner join joined as other on decision.right_key = other.mention_key and here.component = other.component
    where decision.decision = 'different'
)

select
    node.mention_key,
    node.anchor_id,
    case
        when joined.component is null or joined.component in (select component from contradictory) then node.mention_key
        else joined.component
    end as party
from linking_node_of as node
left join joined using (mention_key)
where node.anchor_id is not null and node.anchor_id in (
    select here.anchor_id
    from linking_decision as decision
    inner join linking_node_of as here on decision.left_key = here.mention_key
    inner join linking_node_of as other on decision.right_key = other.mention_key and here.anchor_id = other.anchor_id
    where decision.decision = 'different'
)
"""

_DISPUTES = """
create or replace temp table linking_dispute as
with pair as (
    select here.anchor_id, here.party as left_party, other.party as right_party
    from linking_decision as decision
    inner join linking_party as here on decision.left_key = here.mention_key
    inner join linking_party as other on decision.right_key = other.mention_key and here.anchor_id = other.anchor_id
    where decision.decision = 'different'
)

select anchor_id, left_party as party, right_party as other from pair
union all
select anchor_id, right_party, left_party from pair
"""

# What each of the anchor's mentions says for a disputed party: it speaks for it if all that both state weighs more for
# one person than for two. In thousandths of a bit, for sums of whole numbers do not depend on their order.
_BACKING = """
create or replace temp table linking_backing as
with disputed as (
    select distinct anchor_id, party from linking_dispute
),

stated as (
    select party.anchor_id, party.party, mention.profile_key, {columns}, count(*) as mentions
    from linking_party as party inner join linking_mention as mention using (mention_key)
    group by all
),

weighed as (
    select
        here.anchor_id,
        here.party,
        other.party as other,
        here.profile_l,
        other.profile_r,
        other.mentions,
        coalesce(round(1000 * ({weight}))::bigint, 0) as weight
    from (
        select anchor_id, party, profile_key as profile_l, {left}
        from stated semi join disputed using (anchor_id, party)
    ) as here
    inner join (select anchor_id, party, mentions, profile_key as profile_r, {right} from stated) as other
        on here.anchor_id = other.anchor_id and here.party <> other.party
)

select
    anchor_id,
    party,
    other,
    profile_r,
    any_value(mentions) as mentions,
    bool_or(weight > 0 or profile_l = profile_r) as is_for,
    max(weight) as weight
from weighed
where (anchor_id, party, other) not in (select (anchor_id, party, other) from linking_dispute)
group by anchor_id, party, other, profile_r
"""

_NOBODY_LEFT = "create or replace temp table linking_left_anchor (anchor_id varchar, party varchar)"

_NEXT_TO_LEAVE = """
insert into linking_left_anchor
with still as (
    select dispute.*
    from linking_dispute as dispute
    where
        (dispute.anchor_id, dispute.party) not in (select (anchor_id, party) from linking_left_anchor)
        and (dispute.anchor_id, dispute.other) not in (select (anchor_id, party) from linking_left_anchor)
),

against as (
    select anchor_id, party, count(*) as decisions from still group by anchor_id, party
),

backed as (
    select anchor_id, party, sum(if(is_for, mentions, 0)) as mentions, sum(mentions * weight) as weight
    from linking_backing
    where (anchor_id, other) not in (select (anchor_id, party) from linking_left_anchor)
    group by anchor_id, party
)

select against.anchor_id, against.party
from against
left join backed using (anchor_id, party)
qualify row_number() over (
    partition by against.anchor_id
    order by coalesce(backed.mentions, 0), against.decisions desc, coalesce(backed.weight, 0), against.party desc
) = 1
"""

_TOLD_APART = """
create or replace temp table linking_told_apart as
select party.mention_key, party.anchor_id
from linking_party as party
semi join linking_left_anchor as gone on party.anchor_id = gone.anchor_id and party.party = gone.party
"""


def tell_apart(connection: duckdb.DuckDBPyConnection, model: LinkageModel) -> None:
    """Make ``linking_told_apart`` (``mention_key``, ``anchor_id``): whom people told from others under its anchor.

    Reads ``linking_mention``, ``linking_node_of`` and ``linking_decision``; the model weighs how far two agree.
    """
    connection.execute(_SAME)
    connection.execute(COMPONENTS.format(edges="linking_word_same", result="linking_word_component"))
    connection.execute(_PARTIES)
    connection.execute(_DISPUTES)
    connection.execute(_NOBODY_LEFT)
    if _count(connection, "linking_dispute"):
        connection.execute(
            _BACKING.format(
                columns=", ".join(f"mention.{name}" for name in model.columns),
                left=", ".join(f"{name} as {name}_l" for name in model.columns),
                right=", ".join(f"{name} as {name}_r" for name in model.columns),
                weight=" + ".join(weight_sql(comparison) for comparison in model.comparisons) or "0",
            )
        )
        before = -1
        while before < (before := _count(connection, "linking_left_anchor")):
            connection.execute(_NEXT_TO_LEAVE)
    connection.execute(_TOLD_APART)


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return row[0] if row else 0
