"""Values that so many profiles share that they prove nothing: a hotline's number, a hostel's door, "none" in words.

What the bound on the size of a block is to pairs, this is to a description that is repeated word for word.
"""

import duckdb

from citylake.identity.models import LinkageModel

_COMMON = """
select '{name}' as field, {name}::varchar as value
from linking_profile
where {name} is not null
group by {name}
having count(*) > {largest}
"""


def mark_common(connection: duckdb.DuckDBPyConnection, model: LinkageModel) -> None:
    """Note in ``common`` of ``linking_profile``, where several mentions are one profile, which columns prove nothing.

    Such a profile is scored anew when that changes. Makes ``linking_common``.
    """
    rare = [one.rare for one in model.comparisons if one.rare]
    found = [_COMMON.format(name=name, largest=model.largest_block) for name in rare]
    none = "select null::varchar as field, null::varchar as value where false"
    connection.execute(f"create or replace temp table linking_common as {' union all '.join(found) or none}")
    if connection.execute("select count(*) from linking_common").fetchone() == (0,):
        return
    flags = ", ".join(
        f"case when {name}::varchar in (select value from linking_common where field = '{name}') then '{name}' end"
        for name in rare
    )
    connection.execute(
        f"update linking_profile set common = nullif(concat_ws(',', {flags}), '') where twin_key is not null"
    )


def is_common_sql(column: str, common: str) -> str:
    """SQL for whether a column is among those that ``common`` of a profile lists."""
    return f"coalesce(contains(',' || {common} || ',', ',{column},'), false)"


def profile_key_sql(model: LinkageModel) -> str:
    """SQL for the profile of a mention, from its anchor_id (null if it was set apart), is_standing and the columns."""
    texts = ", ".join(f"coalesce({name}::varchar, chr(30))" for name in model.columns)
    return f"md5(concat_ws(chr(31), coalesce(anchor_id, chr(30)), is_standing, {texts}))::uuid"
