"""The statements with which :mod:`clustering` ends: clusters, what people must look at, and counts."""

# Of members of a cluster without an anchor: through which edge each hangs together with another. Equal mentions are one
# node without an edge to another; what the profile weighs against itself says why they are one.
CLUSTERS = """
create or replace temp table linking_way as
select
    link.a as unit,
    max(link.match_weight) as match_weight,
    arg_min(link.there, (-link.match_weight, link.there)) as there
from linking_link as link
inner join linking_target as here on link.a = here.unit
inner join linking_target as other on link.b = other.unit and here.target = other.target
group by link.a;

create or replace temp table linking_twin as
select left_profile as profile_key, match_weight
from linking_edge where left_profile = right_profile;

create or replace temp table {clusters} as
select
    member.mention_key,
    case when target.target is not null then min(member.mention_key) over (partition by target.target) end
        as cluster_key,
    case
        when target.target is null then null
        when member.anchor_id is not null then 'anchor'
        when member.is_decided then 'decided'
        when target.there is not null or way.there is not null then 'linked'
        when count(*) over (partition by member.unit) > 1 then 'same_description'
        else 'own_record'
    end as match_rule,
    case
        when member.anchor_id is not null then null
        when target.there is not null or way.there is not null then coalesce(target.match_weight, way.match_weight)
        when count(*) over (partition by member.node_key) > 1 then twin.match_weight
    end as match_weight,
    case
        when member.anchor_id is not null then null
        when target.there is not null or way.there is not null then coalesce(target.there, way.there)
        when count(*) over (partition by member.node_key) > 1
            then if(
                member.mention_key = member.node_key,
                max(member.mention_key) over (partition by member.node_key),
                member.node_key
            )
    end as matched_key
from linking_unit_of as member
left join linking_target as target using (unit)
left join linking_way as way using (unit)
left join linking_twin as twin using (profile_key)
union all
select mention_key, min(mention_key) over (partition by anchor_id), 'anchor', null, null
from linking_mention
where anchor_id is not null and anchor_id not in (select anchor_id from linking_busy)
"""

# Who is asked about is a unit that is attached, or else the whole component that it is in: of all its edges to another
# cluster the strongest is shown, whichever member has it.
REVIEWS = """
create or replace temp table {reviews} as
with met as (
    select
        case when own.there is null then coalesce(own.target, link.a) else link.a end as asker,
        own.there is not null as is_attached,
        link.here,
        link.there,
        link.match_weight,
        other.target,
        own.target as own_target
    from linking_link as link
    inner join linking_unit as free on link.a = free.unit and not free.is_anchored
    inner join linking_target as other on link.b = other.unit
    left join linking_target as own on link.a = own.unit
    where
        (link.a, link.b) not in (select (a, b) from linking_bar)
        and (link.a, other.target) not in (
            select (bar.a, held.target) from linking_bar as bar inner join linking_target as held on bar.b = held.unit
        )
),

asked as (
    select *
    from met
    qualify row_number() over (partition by asker, target order by match_weight desc, here, there) = 1
),

by_target as (
    select
        *,
        max(match_weight) over (partition by asker) as best_weight,
        row_number() over (partition by asker order by match_weight desc, target) as rank
    from asked where target is distinct from own_target
),

held as (
    select asker, arg_min(there, (-match_weight, there)) as there
    from asked where target = own_target and is_attached
    group by asker
),

found as (
    select here as left_key, there as right_key, 'ambiguous' as reason, match_weight
    from by_target
    where best_weight >= $threshold and match_weight > best_weight - $margin and not is_attached
    union all
    select here, there, 'uncertain', match_weight
    from by_target
    where rank = 1 and best_weight < $threshold and not is_attached
    union all
    select held.there, by_target.there, 'two_anchors', by_target.match_weight
    from by_target
    inner join held using (asker)
    inner join linking_unit as other on by_target.target = other.unit and other.is_anchored
    inner join linking_unit as own on by_target.own_target = own.unit and own.is_anchored
    where by_target.match_weight >= $threshold
    union all
    select apart.mention_key, min(other.mention_key), 'contradicted_id', null
    from linking_set_apart as apart
    inner join linking_unit_of as other on apart.anchor_id = other.anchor_id
    group by apart.mention_key
)

select
    least(left_key, right_key) as left_key,
    greatest(left_key, right_key) as right_key,
    min(reason) as reason,
    max(match_weight) as match_weight
from found
where
    left_key <> right_key
    and (least(left_key, right_key), greatest(left_key, right_key)) not in (
        select (left_key, right_key) from linking_decision
    )
group by all
union all
select left_key, right_key, 'contradictory_decisions', null from linking_contradictory
"""

COUNTS = """
with sizes as (
    select cluster_key, count(*) as mentions, bool_or(match_rule = 'anchor') as is_anchored
    from {clusters} where cluster_key is not null
    group by cluster_key
)

select
    (select count(*) from {clusters}),
    count(*),
    (select count(*) from {clusters} as member inner join sizes using (cluster_key)
        where sizes.is_anchored and member.match_rule <> 'anchor'),
    (select count(*) from {clusters} where cluster_key is null),
    coalesce(max(mentions), 0),
    coalesce(max(mentions) filter (not is_anchored), 0)
from sizes
"""
