"""What mentions say, as far as it is compared: mentions that are equal in all of it are one *profile*.

It is profiles that are scored, each by its first mention: a person 10 000 times in a register costs what one does.
Everybody is described, or only whom a change concerns: what changed, and whatever shares with that a value by which
pairs are sought. Which profile each mention is of is kept between runs. Nothing here knows the lake.
"""

import duckdb

from citylake.identity.common_values import NOTHING_COMMON, count_common, is_common_sql, mark_common
from citylake.identity.models import LinkageModel

DESCRIBED_SCHEMA = "mention_key varchar, profile_key uuid, carried_id varchar"
PROFILE_SCHEMA = "profile_key uuid, mention_key varchar, twin_key varchar, common varchar"
_WHOLE = 0.25
"""From this share of the mentions on, following what changed costs more than describing everybody."""

# A contradicted valid identifier links nobody until a person decides; it stays known as the one that is carried.
_READ = """
select
    mention_key,
    case when not coalesce({apart}, false) then anchor_id end as anchor_id,
    anchor_id as carried_id,
    is_standing,
    {columns}
from {mentions} as mention
"""
_MENTIONS = """
select *, {profile_key} as profile_key
from ({read})
"""
_SET_APART = """
create or replace temp table linking_set_apart as
select mention_key, carried_id as anchor_id from linking_mention where anchor_id is null and carried_id is not null
"""
_TWIN = "case when {anchor} is null and count(*) > 1 then min(mention_key, 2)[2] end as twin_key"
_PROFILES = f"""
create or replace temp table linking_profile as
select
    profile_key,
    min(mention_key) as mention_key,
    {_TWIN.format(anchor="any_value(anchor_id)")},
    any_value(anchor_id) as anchor_id,
    null::varchar as common,
    {{columns}}
from linking_mention
group by profile_key
"""

_FRESH = """
create or replace temp table linking_fresh as
select profile_key, mention_key, twin_key, common from linking_profile
except
select profile_key, mention_key, twin_key, common from {profiles}
"""
_STALE = """
create or replace temp table linking_stale as
select profile_key, mention_key, twin_key, common from {profiles} {where}
except
select profile_key, mention_key, twin_key, common from linking_profile
"""

# Of a part. Whom the change concerns are the profiles that changed mentions were and are of, and those of several
# mentions, for how common their values are may be another. One mention of each is read: it speaks for its equals.
_CHANGED = "create or replace temp table linking_changed as select distinct mention_key from {changed}"
_KNOWN = "create or replace temp table linking_known as from {described}"
_AFFECTED = """
create or replace temp table linking_affected as
select profile_key from linking_known where mention_key in (from linking_changed)
union
select profile_key from {profiles} where twin_key is not null
"""
_SPEAKING = """
create or replace temp table linking_speaking as
from linking_changed
union
select min(mention_key) from linking_known
where profile_key in (from linking_affected) and mention_key not in (from linking_changed)
group by profile_key
"""
# A mention that nobody told of and that is described otherwise: the model's code is another, or a table fell behind.
_UNTOLD = """
select 1
from linking_mention as mention inner join linking_known as known using (mention_key)
where mention_key not in (from linking_changed) and mention.profile_key <> known.profile_key
union all
select 1 from linking_known
where mention_key not in (from linking_changed) and mention_key not in (select mention_key from {mentions})
limit 1
"""
_AFFECTED_TOO = """
insert into linking_affected
select distinct profile_key from linking_mention where profile_key not in (from linking_affected)
"""
_KNOWN_NOW = """
delete from linking_known where mention_key in (from linking_changed);
insert into linking_known
select mention_key, profile_key, carried_id from linking_mention where mention_key in (from linking_changed)
"""
_PROFILES_AFFECTED = f"""
create or replace temp table linking_profile as
with said as (
    select profile_key, any_value(anchor_id) as anchor_id, {{columns}} from linking_mention group by profile_key
),

counted as (
    select profile_key, min(mention_key) as mention_key, {_TWIN.format(anchor="null")}
    from linking_known where profile_key in (from linking_affected)
    group by profile_key
)

select
    profile_key,
    counted.mention_key,
    if(said.anchor_id is null, counted.twin_key, null) as twin_key,
    said.anchor_id,
    null::varchar as common,
    said.* exclude (profile_key, anchor_id)
from counted inner join said using (profile_key)
"""
_OF_AFFECTED = "where profile_key in (from linking_affected)"

_TWINS_OF_BEFORE = """
create or replace temp table linking_twin_of_before as
select profile_key, common from {profiles} where twin_key is not null
"""
_ASKED = """
select profile.{name}
from linking_profile as profile left join linking_twin_of_before as before using (profile_key)
where
    profile.twin_key is not null
    and profile.{name} is not null
    and (
        before.profile_key is null
        or {is_common}
        or profile.{name} in (
            select {name} from linking_mention where mention_key in (from linking_changed)
        )
    )
"""
_SAYING = """
create or replace temp table linking_saying as
with said as (
    select mention_key, {columns} from ({read}) where {said}
)

select distinct said.* exclude (mention_key), linking_known.profile_key
from said inner join linking_known using (mention_key)
"""

# Whoever may be compared with what is new: equal mentions share all values, so these profiles are whole.
_NEAR = """
create or replace temp table linking_near as
select * from ({read}) as mention where {is_near}
"""
_IS_NEAR = """
({present} and hash({values}) in (
    select hash({values}) from linking_profile semi join linking_fresh using (mention_key) where {present}
))
"""
_PROFILES_NEAR = """
insert into linking_profile by name
select
    profile_key,
    min(mention_key) as mention_key,
    any_value(anchor_id) as anchor_id,
    {columns}
from ({mentions})
where profile_key not in (from linking_affected)
group by profile_key
"""


def describe_all(connection: duckdb.DuckDBPyConnection, model: LinkageModel, mentions: str) -> None:
    """Make ``linking_set_apart``, ``linking_mention`` and ``linking_profile`` of all mentions."""
    connection.execute(f"create or replace temp table linking_mention as {_mentions(model, _read(model, mentions))}")
    connection.execute(_SET_APART)
    connection.execute(_PROFILES.format(columns=_any_values(model)))


def find_changed(connection: duckdb.DuckDBPyConnection, model: LinkageModel, profiles: str) -> None:
    """Make ``linking_fresh`` and ``linking_stale`` after :func:`describe_all`: profiles to be scored, and to forget."""
    rare = [one.rare for one in model.comparisons if one.rare]
    count_common(connection, model.largest_block, rare, "linking_profile")
    mark_common(connection, model)
    connection.execute(_STALE.format(profiles=profiles, where=""))
    connection.execute(_FRESH.format(profiles=profiles))


def describe_changed(  # noqa: PLR0913  # tables by keyword
    connection: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    mentions: str,
    *,
    changed: str,
    profiles: str,
    described: str,
) -> bool:
    """Make ``linking_profile`` of whom a change concerns, ``linking_fresh`` and ``linking_stale``.

    ``changed`` has, as ``mention_key``, every mention that is new, gone or described otherwise since ``described`` was
    written. False, and nothing is made, where describing everybody is called for: so much changed, or what is known
    does not fit the mentions. ``linking_known`` becomes what ``described`` is to be.
    """
    connection.execute(_CHANGED.format(changed=changed))
    if _count(connection, "linking_changed") > _WHOLE * _count(connection, mentions):
        return False
    connection.execute(_KNOWN.format(described=described))
    connection.execute(_AFFECTED.format(profiles=profiles))
    connection.execute(_SPEAKING)
    read = _read(model, mentions)
    connection.execute(
        "create or replace temp table linking_mention as "
        + _mentions(model, f"{read} where mention_key in (from linking_speaking)")
    )
    if connection.execute(_UNTOLD.format(mentions=mentions)).fetchone():
        return False
    connection.execute(_SET_APART)
    connection.execute(_AFFECTED_TOO)
    connection.execute(_KNOWN_NOW)
    if _count(connection, "linking_known") != _count(connection, mentions):
        return False
    connection.execute(_PROFILES_AFFECTED.format(columns=_any_values(model)))
    _count_common(connection, model, read, profiles)
    mark_common(connection, model)
    connection.execute(_STALE.format(profiles=profiles, where=_OF_AFFECTED))
    connection.execute(_FRESH.format(profiles=profiles))
    _add_near(connection, model, read)
    return True


def _count_common(connection: duckdb.DuckDBPyConnection, model: LinkageModel, read: str, profiles: str) -> None:
    """Make ``linking_common``: what profiles of several mentions say that too many profiles of all say.

    Asked is about what can have become common, for something new says it too, and what was so.
    """
    connection.execute(_TWINS_OF_BEFORE.format(profiles=profiles))
    rare = [
        name
        for name in (one.rare for one in model.comparisons)
        if name and connection.execute(f"select 1 from ({_asked(name)}) limit 1").fetchone()
    ]
    if not rare:
        connection.execute(f"create or replace temp table linking_common as {NOTHING_COMMON}")
        return
    said = " or ".join(f"{name} in ({_asked(name)})" for name in rare)
    connection.execute(_SAYING.format(columns=", ".join(rare), read=read, said=said))
    count_common(connection, model.largest_block, rare, "linking_saying")


def _asked(name: str) -> str:
    return _ASKED.format(name=name, is_common=is_common_sql(name, "before.common"))


def _add_near(connection: duckdb.DuckDBPyConnection, model: LinkageModel, read: str) -> None:
    """Add to ``linking_profile`` the profiles that share a block with a fresh one."""
    is_near = " or ".join(
        _IS_NEAR.format(
            values=", ".join(rule.columns), present=" and ".join(f"{column} is not null" for column in rule.columns)
        )
        for rule in model.blocking
    )
    connection.execute(_NEAR.format(read=read, is_near=is_near))
    connection.execute(
        _PROFILES_NEAR.format(columns=_any_values(model), mentions=_mentions(model, "from linking_near"))
    )


def profile_key_sql(model: LinkageModel) -> str:
    """SQL for the profile of a mention, from its anchor_id (null if it was set apart), is_standing and the columns."""
    texts = ", ".join(f"coalesce({name}::varchar, chr(30))" for name in model.columns)
    return f"md5(concat_ws(chr(31), coalesce(anchor_id, chr(30)), is_standing, {texts}))::uuid"


def _read(model: LinkageModel, mentions: str) -> str:
    columns = ", ".join(f"{sql} as {name}" for name, sql in model.columns.items())
    return _READ.format(mentions=mentions, apart=model.apart or "false", columns=columns)


def _mentions(model: LinkageModel, read: str) -> str:
    return _MENTIONS.format(read=read, profile_key=profile_key_sql(model))


def _any_values(model: LinkageModel) -> str:
    return ", ".join(f"any_value({name}) as {name}" for name in model.columns)


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return row[0] if row else 0
