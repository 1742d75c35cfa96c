"""Enterprises of the page Entity 360: finding one, following its key, and what the register said of it and when.

What a reader types is a bound value and means itself alone, whatever characters it has. Sole traders have no name in a
release, so that no part of one finds anybody.
"""

import re

import polars as pl
import streamlit as st

from apps.cockpit.queries.release import Source, frame, has_table

FOUND_SHOWN = 20
"""How many of the enterprises found are listed; the others are counted."""

_VERSIONS = "city.base.dim_entity_version"
_NUMBERS = "city.base.bridge_entity_registration"
_KEY_HISTORY = "city.base.entity_key_history"

# What every list of enterprises shows of each, beside its name.
_LISTED = """
    dim_entity.entity_key is not null as is_registered,
    coalesce(dim_entity.is_sole_trader, false) as is_sole_trader,
    dim_entity.registration_code,
    dim_entity.status_code,
    dim_entity.region_code"""

# Of what is found only what ranks it is read of every row; the few that are listed are looked up after that.
_FOUND_NOW = """
select
    entity_key,
    entity_name as found_name,
    is_active,
    case
        when registration_code = $code then 0
        when length(entity_name) <= $length then 1
        when starts_with(entity_name, $name) then 2
        else 3
    end as distance
from city.base.dim_entity
where registration_code = $code or regexp_matches(entity_name, $pattern)
"""

# Whoever had another name, or another number, is found by it too; a sole trader by numbers alone.
_NAMED_THEN = f"""
select
    version.entity_key,
    max(version.entity_name) as found_name,
    coalesce(any_value(dim_entity.is_active), false) as is_active,
    4 as distance
from {_VERSIONS} as version
left join city.base.dim_entity on version.entity_key = dim_entity.entity_key
where
    not version.is_current
    and regexp_matches(version.entity_name, $pattern)
    and not coalesce(dim_entity.is_sole_trader, false)
    and version.entity_key not in (select entity_key from hit_now)
group by version.entity_key
"""

_NUMBERED_THEN = f"""
select
    number.entity_key,
    any_value(dim_entity.entity_name) as found_name,
    coalesce(any_value(dim_entity.is_active), false) as is_active,
    0 as distance
from {_NUMBERS} as number
left join city.base.dim_entity on number.entity_key = dim_entity.entity_key
where number.registration_code = $code and number.entity_key not in (select entity_key from hit_now)
group by number.entity_key
"""

_FOUND = f"""
with hit_now as materialized ({{now}}),

hit as materialized ({{hit}}),

nearest as (
    select * from hit
    order by distance, is_active desc, length(found_name), entity_key
    limit $shown
)

select
    nearest.entity_key,
    (select count(*) from hit) as found_count,
    coalesce(dim_entity.entity_name, nearest.found_name) as entity_name,
    case when nearest.found_name is distinct from dim_entity.entity_name then nearest.found_name end as former_name,
    {_LISTED}
from nearest
left join city.base.dim_entity on nearest.entity_key = dim_entity.entity_key
order by nearest.distance, nearest.is_active desc, length(nearest.found_name), nearest.entity_key
"""

# Where an old key leads: through all that came later, never back in time. A key that ended was merged, into one or
# several; of one that was split a part has another key since. Two nights of one day have one date: what ended on it is
# followed, what split off on it may have done so before.
_FOLLOWED = f"""
with recursive followed (key, changed_date) as (
    select new_key, changed_date from {_KEY_HISTORY} where old_key = $key
    union
    select later.new_key, later.changed_date
    from followed
    join {_KEY_HISTORY} as later
        on
            followed.key = later.old_key
            and (
                later.changed_date > followed.changed_date
                or (later.changed_date = followed.changed_date and later.event_type = 'merge')
            )
),

part as (
    select key from followed
    union
    select $key
),

was_registered as (
    select distinct entity_key from {_VERSIONS}
    where entity_key in (select key from part)
)

select
    key as entity_key,
    dim_entity.entity_name,
    cast(null as varchar) as former_name,
    {_LISTED},
    (select max(changed_date) from {_KEY_HISTORY} where old_key = $key) as changed_date
from part
left join city.base.dim_entity on part.key = dim_entity.entity_key
left join was_registered on part.key = was_registered.entity_key
where dim_entity.entity_key is not null or was_registered.entity_key is not null
order by key
"""

_ENTITY = """
select
    dim_entity.*,
    coalesce(registration_code_type, 'none') as code_type,
    {other_codes} as other_codes
from city.base.dim_entity
where entity_key = $key
"""

_OTHER_CODES = f"""(
    select string_agg(number.registration_code, ' ' order by number.registration_code)
    from {_NUMBERS} as number
    where number.entity_key = dim_entity.entity_key and number.registration_code <> dim_entity.registration_code
)"""

# Each attribute against what the version before said of it; gaps between versions are times without a record.
_CHANGES = f"""
with version as (
    select
        valid_from_date,
        valid_to_date,
        lag(valid_to_date) over (order by valid_from_date) as previous_to_date,
        lead(valid_from_date) over (order by valid_from_date) as next_from_date,
        coalesce(entity_name, '') as entity_name,
        coalesce(registration_code, '') as registration_code,
        coalesce(status_code, '') as status_code,
        coalesce(registered_capital_amount || ' ' || registered_capital_currency, '') as registered_capital,
        coalesce(region_code, '') as region_code,
        coalesce(domicile, '') as domicile
    from {_VERSIONS}
    where entity_key = $key
),

statement as (
    unpivot (select * exclude (valid_to_date, previous_to_date, next_from_date) from version)
    on entity_name, registration_code, status_code, registered_capital, region_code, domicile
    into name attribute value said
),

compared as (
    select
        *,
        lag(said) over (partition by attribute order by valid_from_date) as said_before
    from statement
)

select
    valid_from_date as event_date,
    attribute as event,
    nullif(said_before, '') as said_before,
    nullif(said, '') as said
from compared
where said <> said_before
union all
select min(valid_from_date), 'begins', null, null from version
having count(*) > 0
union all
select valid_from_date, 'returned', null, null from version
where valid_from_date > previous_to_date
union all
select valid_to_date, 'left', null, null from version
where valid_to_date is distinct from next_from_date and valid_to_date is not null
"""

_OWN_DATES = """
select registered_date as event_date, 'registered' as event, cast(null as varchar) as said_before, null as said
from city.base.dim_entity
where entity_key = $key and registered_date is not null
union all
select cancelled_date, 'cancelled', null, null
from city.base.dim_entity
where entity_key = $key and cancelled_date is not null
"""

_KEY_EVENTS = f"""
select distinct changed_date as event_date, 'key_' || event_type as event, old_key as said_before, new_key as said
from {_KEY_HISTORY}
where new_key = $key or old_key = $key
"""


@st.cache_data(max_entries=64, show_spinner=False)
def found(source: Source, name: str, code: str) -> pl.DataFrame:
    """The enterprises of that number, or whose name, now or once, contains a text: the nearest, and how many.

    Args:
        source: the release, and who reads it.
        name: part of a name, compared without regard to case, blanks and width of brackets.
        code: a unified social credit code or an older number, in its written form.
    """
    hits = ["select * from hit_now"]
    if has_table(source, _VERSIONS):
        hits.append(_NAMED_THEN)
    if has_table(source, _NUMBERS):
        hits.append(_NUMBERED_THEN)
    hit = " union all ".join(hits)
    plain = "".join(name.split())
    values = {"name": plain, "length": len(plain), "pattern": _pattern(plain), "code": code, "shown": FOUND_SHOWN}
    return frame(source, _FOUND.format(now=_FOUND_NOW, hit=hit), **values)


@st.cache_data(max_entries=64, show_spinner=False)
def followed(source: Source, key: str) -> pl.DataFrame:
    """The enterprises that a key stands for today: itself, what it was merged into, or all parts it was split into.

    No row when the key is in no history and not in the register; ``changed_date`` is null when it never changed.
    """
    if has_table(source, _KEY_HISTORY) and has_table(source, _VERSIONS):
        return frame(source, _FOLLOWED, key=key)
    return frame(
        source,
        f"""
        select
            entity_key,
            entity_name,
            cast(null as varchar) as former_name,
            {_LISTED},
            cast(null as date) as changed_date
        from city.base.dim_entity
        where entity_key = $key
        """,
        key=key,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def entity(source: Source, key: str) -> pl.DataFrame:
    """What the register says of an enterprise today, and its other numbers; no row when it does not have it."""
    other_codes = _OTHER_CODES if has_table(source, _NUMBERS) else "null::varchar"
    return frame(source, _ENTITY.format(other_codes=other_codes), key=key)


@st.cache_data(max_entries=64, show_spinner=False)
def entity_history(source: Source, key: str) -> pl.DataFrame:
    """One row an event of an enterprise, newest first: what changed in the register and on which extract's day.

    ``event`` is an attribute of the register that changed, or ``begins`` (the first extract that names it),
    ``left`` and ``returned`` (from and to the register), ``registered``, ``cancelled``, ``key_merge``, ``key_split``.
    """
    parts = [_OWN_DATES]
    if has_table(source, _VERSIONS):
        parts.append(_CHANGES)
    if has_table(source, _KEY_HISTORY):
        parts.append(_KEY_EVENTS)
    events = " union all ".join(f"select * from ({part})" for part in parts)
    return frame(source, f"select * from ({events}) order by event_date desc, event, said", key=key)


@st.cache_data(max_entries=8, show_spinner=False)
def extracts(source: Source) -> pl.DataFrame:
    """One row a dataset: its names, and the day that its newest delivery in force describes."""
    return frame(
        source,
        """
        select
            dataset,
            dataset_name_zh as name_zh,
            dataset_name_en as name_en,
            max(extract_date) filter (status = 'in_force') as newest_extract_date
        from city.exchange.dim_dataset
        left join city.exchange.fct_delivery using (dataset)
        group by all
        """,
    )


def _pattern(plain: str) -> str:
    """A text without blanks as a pattern of itself alone: any case, brackets of either width, blanks anywhere.

    Every character is escaped, and the engine is linear in the text, so that nothing typed is a pattern of its own.
    """
    widths = {bracket: f"[{pair}]" for pair in ("(（", ")）") for bracket in pair}
    return "(?i)" + "[ 　]*".join(widths.get(character) or re.escape(character) for character in plain)
