"""The statements of :mod:`clustering`, in the order in which they run. Values are bound; table names come from code."""

NO_DECISIONS = "select '' as left_key, '' as right_key, '' as decision where false"

# Decisions about mentions that are in force; each pair in one order.
DECISIONS = """
create or replace temp table linking_decision as
select
    least(known.left_key, known.right_key) as left_key,
    greatest(known.left_key, known.right_key) as right_key,
    known.decision
from ({decisions}) as known
semi join linking_mention as left_mention on known.left_key = left_mention.mention_key
semi join linking_mention as right_mention on known.right_key = right_mention.mention_key
where known.left_key <> known.right_key
"""

# Edges between profiles; what a profile weighs against itself is kept apart.
EDGES = """
create or replace temp table linking_edge as
select
    left_mention.profile_key as left_profile,
    right_mention.profile_key as right_profile,
    edge.left_key,
    edge.right_key,
    edge.match_weight
from {edges} as edge
inner join linking_mention as left_mention on edge.left_key = left_mention.mention_key
inner join linking_mention as right_mention on edge.right_key = right_mention.mention_key
"""

# Anchors that edges, decisions or a contradiction touch. The others, nearly all, are clusters as they stand.
BUSY = """
create or replace temp table linking_busy as
select anchor_id
from linking_mention
where
    anchor_id is not null
    and (
        profile_key in (select left_profile from linking_edge union select right_profile from linking_edge)
        or mention_key in (select left_key from linking_decision union select right_key from linking_decision)
    )
union
select anchor_id from linking_set_apart
"""

# The nodes of the graph: a profile whose mentions are one, whatever else holds, is one node; a mention that people
# decided about is one by itself, and so is each of equal mentions that are not alike enough to be one.
NODES = """
create or replace temp table linking_node_of as
with decided as (
    select left_key as mention_key from linking_decision where decision in ('same', 'different')
    union
    select right_key from linking_decision where decision in ('same', 'different')
),

alike as (
    select left_profile as profile_key from linking_edge
    where left_profile = right_profile and match_weight >= $threshold
),

read as (
    select
        mention.mention_key,
        mention.profile_key,
        mention.anchor_id,
        mention.is_standing,
        decided.mention_key is null and (
            mention.anchor_id is not null or alike.profile_key is not null or not mention.is_standing
        ) as is_grouped
    from linking_mention as mention
    left join decided using (mention_key)
    left join alike using (profile_key)
    where mention.anchor_id is null or mention.anchor_id in (select anchor_id from linking_busy)
)

select
    *,
    case
        when is_grouped then min(mention_key) over (partition by profile_key, is_grouped)
        else mention_key
    end as node_key
from read
"""

LABELS = """
create or replace temp table linking_label as
select
    node.mention_key,
    node.node_key,
    node.profile_key,
    case when apart.mention_key is null then node.anchor_id end as anchor_id,
    node.is_standing,
    case
        when node.anchor_id is null or apart.mention_key is not null then 'n' || node.node_key
        else 'a' || node.anchor_id
    end as label
from linking_node_of as node
left join linking_told_apart as apart using (mention_key)
"""

SAME = """
create or replace temp table linking_same as
select left_label.label as a, right_label.label as b, decision.left_key, decision.right_key
from linking_decision as decision
inner join linking_label as left_label on decision.left_key = left_label.mention_key
inner join linking_label as right_label on decision.right_key = right_label.mention_key
where decision.decision = 'same'
"""

# Connected components: every id takes the smallest id that reaches it, until none changes.
COMPONENTS = """
create or replace temp table {result} as
with recursive neighbour as (
    select a, b from {edges} where a <> b
    union
    select b, a from {edges} where a <> b
),

reached (id, component) using key (id) as (
    select a, min(least(a, b)) from neighbour group by a
    union
    select known.id, min(reached.component)
    from reached
    inner join neighbour on reached.id = neighbour.a
    inner join recurring.reached as known on neighbour.b = known.id and reached.component < known.component
    group by known.id
)

select id, component from reached
"""

UNITS = """
create or replace temp table linking_unit_of as
select
    label.mention_key,
    label.node_key,
    label.profile_key,
    label.anchor_id,
    coalesce(same.component, label.label) as unit,
    same.component is not null as is_decided,
    label.is_standing
from linking_label as label
left join linking_same_component as same on label.label = same.id;

create or replace temp table linking_unit as
select
    unit,
    bool_or(anchor_id is not null) as is_anchored,
    bool_or(is_standing) or bool_or(is_decided) as is_standing,
    count(distinct profile_key) as profiles
from linking_unit_of
group by unit
"""

CONTRADICTORY = """
create or replace temp table linking_contradictory as
select distinct same.left_key, same.right_key
from linking_same as same
inner join linking_unit_of as same_unit on same.left_key = same_unit.mention_key
where same_unit.unit in (
    select left_unit.unit
    from linking_decision as decision
    inner join linking_unit_of as left_unit on decision.left_key = left_unit.mention_key
    inner join linking_unit_of as right_unit on decision.right_key = right_unit.mention_key
    where decision.decision = 'different' and left_unit.unit = right_unit.unit
)
"""

SAME_WITHOUT_CONTRADICTORY = """
delete from linking_same
where (left_key, right_key) in (select (left_key, right_key) from linking_contradictory)
"""

# Units that must not come together: people told them apart, or a mention was set apart from its own anchor.
BARS = """
create or replace temp table linking_bar as
with pair as (
    select left_key, right_key from linking_decision where decision = 'different'
    union
    select apart.mention_key, anchored.mention_key
    from linking_set_apart as apart
    inner join linking_unit_of as anchored using (anchor_id)
),

barred as (
    select distinct left_unit.unit as a, right_unit.unit as b
    from pair
    inner join linking_unit_of as left_unit on pair.left_key = left_unit.mention_key
    inner join linking_unit_of as right_unit on pair.right_key = right_unit.mention_key
    where left_unit.unit <> right_unit.unit
)

select a, b from barred union select b, a from barred
"""

# The strongest edge between every two units, seen from both.
LINKS = """
create or replace temp table linking_link as
with met as (
    select
        left_unit.unit as a,
        right_unit.unit as b,
        edge.match_weight,
        edge.left_key as here,
        edge.right_key as there
    from linking_edge as edge
    inner join (select distinct profile_key, unit from linking_unit_of) as left_unit
        on edge.left_profile = left_unit.profile_key
    inner join (select distinct profile_key, unit from linking_unit_of) as right_unit
        on edge.right_profile = right_unit.profile_key
    where left_unit.unit <> right_unit.unit
),

both_ways as (
    select a, b, match_weight, here, there from met
    union all
    select b, a, match_weight, there, here from met
)

select
    a,
    b,
    max(match_weight) as match_weight,
    arg_min(here, (-match_weight, here, there)) as here,
    arg_min(there, (-match_weight, here, there)) as there
from both_ways
group by a, b
"""

NOBODY_ATTACHED = """
create or replace temp table linking_target as
select
    unit,
    unit as target,
    null::double as match_weight,
    null::varchar as there
from linking_unit where is_anchored
"""

# What each free unit weighs against each anchor, through the anchor itself or through what is attached to it.
_CANDIDATES = """
candidate as (
    select
        link.a as unit,
        target.target,
        max(link.match_weight) as match_weight,
        arg_min(link.there, (-link.match_weight, link.there)) as there
    from linking_link as link
    inner join linking_unit as free on link.a = free.unit and not free.is_anchored
    inner join linking_target as target on link.b = target.unit
    where
        link.a not in (select unit from linking_target)
        and (link.a, target.target) not in (
            select (bar.a, held.target) from linking_bar as bar inner join linking_target as held on bar.b = held.unit
        )
    group by link.a, target.target
),

ranked as (
    select
        *,
        row_number() over (partition by unit order by match_weight desc, target) as place,
        lead(match_weight) over (partition by unit order by match_weight desc, target) as second_weight
    from candidate
),

chosen as (
    select unit, target, match_weight, there
    from ranked
    where
        place = 1
        and match_weight >= $threshold
        and (second_weight is null or match_weight - second_weight >= $margin)
)
"""

# Of two that people told apart and that want the same anchor, the one that matches it better gets it; where a file
# has nobody twice, of any two.
_UNDISPUTED = """
select chosen.*
from chosen
where not exists (
    from linking_bar as bar
    inner join chosen as other on bar.b = other.unit
    where
        bar.a = chosen.unit
        and other.target = chosen.target
        and (other.match_weight, chosen.unit) > (chosen.match_weight, other.unit)
)
and (
    not $is_one_to_one
    or (
        chosen.target not in (select target from linking_target where target <> unit)
        and not exists (
            from chosen as other
            where
                other.target = chosen.target
                and (other.match_weight, chosen.unit) > (chosen.match_weight, other.unit)
        )
    )
)
"""

PROPOSALS = f"create or replace temp table linking_proposal as with {_CANDIDATES} {_UNDISPUTED}"
ATTACH = "insert into linking_target select unit, target, match_weight, there from linking_proposal"

REST = """
create or replace temp table linking_component as
select unit, unit as component
from linking_unit
where is_standing and unit not in (select unit from linking_target);

create or replace temp table linking_rest_edge as
select link.a, link.b, link.match_weight
from linking_link as link
semi join linking_component as here on link.a = here.unit
semi join linking_component as other on link.b = other.unit
where
    link.a < link.b
    and link.match_weight >= $threshold
    and (link.a, link.b) not in (select (a, b) from linking_bar)
"""

COMPONENT_OF_REST = """
update linking_component set component = linking_joined.component
from linking_joined where linking_component.unit = linking_joined.id
"""

TOO_LARGE = """
create or replace temp table linking_too_large as
select part.component
from linking_component as part
inner join linking_unit using (unit)
group by part.component
having count(*) > 1 and sum(linking_unit.profiles) > $largest
union
select here.component
from linking_bar as bar
inner join linking_component as here on bar.a = here.unit
inner join linking_component as other on bar.b = other.unit and here.component = other.component
"""

STRONGER = """
create or replace temp table linking_stronger as
select edge.a, edge.b
from linking_rest_edge as edge
inner join linking_component as here on edge.a = here.unit
inner join linking_component as other on edge.b = other.unit and here.component = other.component
where edge.match_weight >= $weight and here.component in (select component from linking_too_large)
"""

CUT = """
update linking_component set component = unit
where component in (select component from linking_too_large);

update linking_component set component = linking_joined.component
from linking_joined where linking_component.unit = linking_joined.id
"""

# What cannot stand alone attaches to whom the others have become, by the same rule.
TARGETS_OF_REST = "insert into linking_target (unit, target) select unit, component from linking_component"
