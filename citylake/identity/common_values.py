"""Values that so many profiles share that they prove nothing: a hotline's number, a hostel's door, "none" in words.

What the bound on the size of a block is to pairs, this is to a description that is repeated word for word.
"""

from collections.abc import Sequence

import duckdb

from citylake.identity.models import LinkageModel

_COMMON = """
select '{name}' as field, {name}::varchar as value
from {profiles}
where {name} is not null
group by {name}
having count(*) > {largest}
"""


NOTHING_COMMON = "select null::varchar as field, null::varchar as value where false"


def count_common(connection: duckdb.DuckDBPyConnection, largest: int, names: Sequence[str], profiles: str) -> None:
    """Make ``linking_common`` (field, value): what more than ``largest`` of these profiles say in a column of these."""
    found = [_COMMON.format(name=name, largest=largest, profiles=profiles) for name in names]
    connection.execute(f"create or replace temp table linking_common as {' union all '.join(found) or NOTHING_COMMON}")


def mark_common(connection: duckdb.DuckDBPyConnection, model: LinkageModel) -> None:
    """Note in ``common`` of ``linking_profile``, where several mentions are one profile, which columns prove nothing.

    Such a profile is scored anew when that changes. Reads ``linking_common``.
    """
    if connection.execute("select count(*) from linking_common").fetchone() == (0,):
        return
    flags = ", ".join(
        f"case when {name}::varchar in (select value from linking_common where field = '{name}') then '{name}' end"
        for name in (one.rare for one in model.comparisons)
        if name
    )
    connection.execute(
        f"update linking_profile set common = nullif(concat_ws(',', {flags}), '') where twin_key is not null"
    )


def is_common_sql(column: str, common: str) -> str:
    """SQL for whether a column is among those that ``common`` of a profile lists."""
    return f"coalesce(contains(',' || {common} || ',', ',{column},'), false)"
