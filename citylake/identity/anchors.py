"""What anchors a mention: a valid identifier that it shares with others, unless it contradicts them.

A person's anchor is the valid citizen id; what contradicts it, ``contradictions`` says. An entity's is the component of
its six valid identifiers; where one of them leads to two unified codes, it anchors nobody. Mentions that are set apart
for that are pairs for review.
"""

import duckdb

from citylake.contracts.mentions import Kind
from citylake.identity.contradictions import JUDGED
from citylake.identity.reviews import replace_pairs

_IDENTIFIERS = ("uscc", "registration_no", "organisation_code", "tax_no", "institution_no", "association_no")

# The citizen ids of whom something is to be decided, and all mentions that carry one of them.
_GROUPS = """
create or replace temp table grouped as
with before as (
    select mention_key, valid_id from vault.identity.person_mention
    where mention_key in (select mention_key from incoming) or mention_key in (select mention_key from gone)
),

concerned as (
    select valid_id from incoming where valid_id is not null
    union
    select valid_id from before where valid_id is not null
)

select mention_key, valid_id, name_sound, birth_date, null::varchar as anchored_by
from incoming where valid_id is not null
union all
select mention_key, valid_id, name_sound, birth_date, coalesce(anchor_id, '')
from vault.identity.person_mention
where
    valid_id in (select valid_id from concerned)
    and mention_key not in (select mention_key from incoming)
    and mention_key not in (select mention_key from gone)
"""

_PERSON_ANCHORS = f"""
create or replace temp table anchored as
select
    grouped.mention_key,
    if(judged.is_apart, null, grouped.valid_id) as anchor_id,
    grouped.valid_id,
    grouped.anchored_by
from grouped
inner join ({JUDGED.format(mentions="grouped")}) as judged using (mention_key)
"""

_PERSON_DOUBTS = """
create or replace temp table doubt as
select
    least(apart.mention_key, usual.mention_key) as left_key,
    greatest(apart.mention_key, usual.mention_key) as right_key
from anchored as apart
inner join (
    select valid_id, min(mention_key) as mention_key from anchored where anchor_id is not null group by valid_id
) as usual using (valid_id)
where apart.anchor_id is null
"""
_PERSONS_CONCERNED = """
create or replace temp table concerned as
select mention_key from grouped union select mention_key from gone union select mention_key from incoming
"""

# Distinct sets of identifiers, old and new, each as nodes of a graph. A unified code is a node like the others, so that
# two that meet can be told.
_NODES = """
create or replace temp table node as
with mention as (
    select mention_key, {identifiers} from incoming
    union all
    select mention_key, {identifiers} from vault.identity.entity_mention
    where mention_key not in (select mention_key from incoming) and mention_key not in (select mention_key from gone)
),

listed as (
    unpivot (select distinct {identifiers}, md5(concat_ws('|', {hashed})) as set_key from mention)
    on {identifiers} into name kind value number
)

select set_key, kind || ':' || number as identifier, kind = 'uscc' as is_unified from listed
"""

# An identifier that stands beside two unified codes is somebody's mistake, and joins nobody.
_AMBIGUOUS = """
create or replace temp table ambiguous as
select node.identifier, count(distinct unified.identifier) as code_count
from node inner join node as unified using (set_key)
where not node.is_unified and unified.is_unified
group by node.identifier
having count(distinct unified.identifier) > 1
"""

_FIRST_LABELS = """
create or replace temp table label as
select set_key, identifier, min(identifier) over (partition by set_key) as anchor_id
from node
where identifier not in (select identifier from ambiguous)
"""

_NEXT_LABELS = """
create or replace temp table next_label as
with spread as (
    select set_key, identifier, min(anchor_id) over (partition by identifier) as anchor_id from label
)

select set_key, identifier, min(anchor_id) over (partition by set_key) as anchor_id from spread
"""

# Where a chain still joins two unified codes, only these anchor, and those beside one of them.
_SET_ANCHORS = """
create or replace temp table set_anchor as
with component as (
    select
        anchor_id,
        count(distinct identifier) filter (where identifier like 'uscc:%') as code_count
    from label group by anchor_id
),

beside as (
    select other.identifier, min(unified.identifier) as code
    from label as other inner join label as unified using (set_key)
    where unified.identifier like 'uscc:%'
    group by other.identifier
),

found as (
    select
        label.set_key,
        any_value(label.anchor_id) as anchor_id,
        any_value(component.code_count) as code_count,
        min(label.identifier) filter (where label.identifier like 'uscc:%') as own_code,
        min(beside.code) as beside_code,
        max(beside.code) as other_code
    from label
    inner join component using (anchor_id)
    left join beside using (identifier)
    group by label.set_key
)

select
    set_key,
    case
        when code_count <= 1 then anchor_id
        when own_code is not null then own_code
        when beside_code = other_code then beside_code
    end as anchor_id
from found
"""

_ENTITY_ANCHORS = """
create or replace temp table anchored as
with mention as (
    select mention_key, {identifiers}, null::varchar as anchored_by, true as is_incoming from incoming
    union all
    select mention_key, {identifiers}, coalesce(anchor_id, ''), false from vault.identity.entity_mention
    where mention_key not in (select mention_key from incoming) and mention_key not in (select mention_key from gone)
)

select mention.mention_key, set_anchor.anchor_id, mention.anchored_by
from mention
left join set_anchor on md5(concat_ws('|', {hashed})) = set_anchor.set_key
where mention.is_incoming or coalesce(set_anchor.anchor_id, '') <> mention.anchored_by
"""

# For each number of two codes, the first mentions of the smallest and the largest of them.
_ENTITY_DOUBTS = """
create or replace temp table doubt as
with named as (
    select set_key, min(mention_key) as mention_key from (
        select mention_key, md5(concat_ws('|', {hashed})) as set_key from (
            select mention_key, {identifiers} from incoming
            union all
            select mention_key, {identifiers} from vault.identity.entity_mention
            where
                mention_key not in (select mention_key from incoming)
                and mention_key not in (select mention_key from gone)
        )
    ) group by set_key
),

beside as (
    select node.identifier, unified.identifier as code, min(named.mention_key) as mention_key
    from node
    inner join ambiguous using (identifier)
    inner join node as unified on node.set_key = unified.set_key and unified.is_unified
    inner join named on node.set_key = named.set_key
    group by node.identifier, unified.identifier
),

ends as (
    select arg_min(mention_key, code) as one_key, arg_max(mention_key, code) as other_key
    from beside
    group by identifier
)

select distinct least(one_key, other_key) as left_key, greatest(one_key, other_key) as right_key from ends
"""
# All of them are looked at, whenever any are.
_ENTITIES_CONCERNED = """
create or replace temp table concerned as
select left_key as mention_key from vault.identity.review_pair where kind = 'entity'
union
select left_key from doubt
"""

# Under the anchor of before and that of today: both groups may be other ones now.
_TOUCHED = """
create or replace temp table touched as
with before as (
    select mention_key, anchor_id from vault.identity.{kind}_mention
)

select mention_key, anchor_id from anchored
union
select mention_key, anchor_id from before
where
    mention_key in (select mention_key from anchored) or mention_key in (select mention_key from incoming)
    or mention_key in (select mention_key from gone)
union
select mention_key, null from incoming where mention_key not in (select mention_key from anchored)
"""
_ALL_TOUCHED = "insert into touched select mention_key, anchor_id from vault.identity.{kind}_mention"


def anchor(connection: duckdb.DuckDBPyConnection, kind: Kind, run_id: str, *, full: bool) -> int:
    """Anchor what ``incoming`` and ``gone`` concern; how many mentions are touched by it. Doubts go to review.

    Writes the temporary tables ``anchored`` (mention_key, anchor_id: of every incoming mention, and of those in the
    lake whose anchor is another now) and ``touched`` (mention_key, anchor_id).
    """
    if kind == "person":
        connection.execute(_GROUPS)
        connection.execute(_PERSON_ANCHORS)
        connection.execute(_PERSON_DOUBTS)
        connection.execute(_PERSONS_CONCERNED)
        replace_pairs(connection, kind, "contradicted_id", run_id)
        connection.execute("delete from anchored where coalesce(anchor_id, '') = anchored_by")
    else:
        _anchor_entities(connection, run_id)
    connection.execute(_TOUCHED.format(kind=kind))
    if full:
        connection.execute(_ALL_TOUCHED.format(kind=kind))
    row = connection.execute("select count(distinct mention_key) from touched").fetchone()
    return row[0] if row else 0


def _anchor_entities(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    row = connection.execute("select (select count(*) from incoming) + (select count(*) from gone)").fetchone()
    if not row or not row[0]:
        connection.execute("create or replace temp table anchored (mention_key varchar, anchor_id varchar)")
        return
    names = {
        "identifiers": ", ".join(_IDENTIFIERS),
        "hashed": ", ".join(f"coalesce({name}, '')" for name in _IDENTIFIERS),
    }
    connection.execute(_NODES.format(**names))
    connection.execute(_AMBIGUOUS)
    connection.execute(_FIRST_LABELS)
    _spread_labels(connection)
    connection.execute(_SET_ANCHORS)
    connection.execute(_ENTITY_ANCHORS.format(**names))
    connection.execute(_ENTITY_DOUBTS.format(**names))
    connection.execute(_ENTITIES_CONCERNED)
    replace_pairs(connection, "entity", "number_of_two_codes", run_id)


def _spread_labels(connection: duckdb.DuckDBPyConnection) -> None:
    """The smallest identifier of each component at all of its nodes. Components are small, and so are their depths."""
    while True:
        connection.execute(_NEXT_LABELS)
        row = connection.execute(
            "select count(*) from label inner join next_label using (set_key, identifier) "
            "where label.anchor_id <> next_label.anchor_id"
        ).fetchone()
        connection.execute("create or replace temp table label as from next_label")
        if not row or not row[0]:
            return
