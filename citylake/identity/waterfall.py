"""Why a pair weighs what it weighs: field by field, what both records say, how far that agrees, and what it counts.

The same conditions and parameters as in scoring, applied to any two mentions, compared or not; between equal mentions
a value that too many share weighs nothing (:mod:`common_values`). A weight is log2 of m/u (Fellegi and Sunter 1969);
they add up to the pair's, with the prior's to begin with.
"""

import math
import re

import duckdb
import polars as pl

from citylake.contracts.mentions import Kind
from citylake.identity.common_values import is_common_sql
from citylake.identity.describing import profile_key_sql
from citylake.identity.models import Comparison, LinkageModel, outcome_sql, weight_sql

PRIOR = "prior"
MISSING = "missing"
COMMON = "common"
_COLUMN = re.compile(r"\b([a-z_]+)_[lr]\b")


def weigh(connection: duckdb.DuckDBPyConnection, kind: Kind, model: LinkageModel, pairs: pl.DataFrame) -> pl.DataFrame:
    """The waterfall of each pair.

    ``pairs``: left_key, right_key. Returns, a row for each field of each pair in the model's order, left_key,
    right_key, field, left_value, right_value, level (``missing`` where one says nothing, ``common`` where two equal
    mentions say what too many say) and weight in bits. The first row of a pair is the prior.
    """
    connection.register("weighed_pair", pairs.select("left_key", "right_key"))
    columns = ", ".join(f"{sql} as {name}" for name, sql in model.columns.items())
    sides = [", ".join(f"{name} as {name}_{side}" for name in model.columns) for side in ("l", "r")]
    compared = " union all ".join(_compared(place, one, model) for place, one in enumerate(model.comparisons, 1))
    found = connection.execute(
        f"""
        with read as (
            select mention_key, anchor_id, is_standing, {columns} from vault.identity.{kind}_mention
            where mention_key in (select left_key from weighed_pair union all select right_key from weighed_pair)
        ),
        side as materialized (select *, {profile_key_sql(model)} as profile_key from read),
        left_side as (select mention_key as key_l, profile_key as profile_l, {sides[0]} from side),
        right_side as (select mention_key as key_r, profile_key as profile_r, {sides[1]} from side),
        pair as (
            select weighed_pair.*, left_side.*, right_side.*, profile.common
            from weighed_pair
            inner join left_side on left_key = key_l
            inner join right_side on right_key = key_r
            left join ({_profiles(connection, kind)}) as profile on profile_l = profile_key and profile_r = profile_key
        )
        select left_key, right_key, 0 as place, '{PRIOR}' as field, null::varchar as left_value,
            null::varchar as right_value, '' as level, {prior_weight(model)} as weight
        from pair
        union all {compared}
        order by left_key, right_key, place
        """
    ).pl()
    connection.unregister("weighed_pair")
    return found.drop("place")


def _profiles(connection: duckdb.DuckDBPyConnection, kind: Kind) -> str:
    """The profiles of which scoring noted values that prove nothing; none before the first night."""
    name = f"{kind}_profile"
    is_there = connection.execute(
        "select 1 from duckdb_columns() where (database_name, schema_name, table_name, column_name) "
        "= ('vault', 'identity', ?, 'common')",
        [name],
    ).fetchone()
    if is_there is None:
        return "select null::uuid as profile_key, null::varchar as common where false"
    return f"select profile_key, common from vault.identity.{name} where common is not null"


def prior_weight(model: LinkageModel) -> float:
    """What a pair weighs before anything is compared, in bits."""
    return math.log2(model.prior / (1 - model.prior))


def _compared(place: int, comparison: Comparison, model: LinkageModel) -> str:
    level = outcome_sql(comparison, {one.label: f"'{one.label}'" for one in comparison.levels}, f"'{MISSING}'")
    weight = weight_sql(comparison)
    if comparison.rare:
        is_common = is_common_sql(comparison.rare, "common")
        level, weight = f"if({is_common}, '{COMMON}', {level})", f"if({is_common}, 0, {weight})"
    used = dict.fromkeys(_COLUMN.findall(" ".join([comparison.missing, *(one.condition for one in comparison.levels)])))
    shown = [name for name in used if name in model.columns and not name.endswith("_sound")]
    values = [
        "nullif(concat_ws(' · ', " + ", ".join(f"{name}_{side}::varchar" for name in shown) + "), '')"
        for side in ("l", "r")
    ]
    return (
        f"select left_key, right_key, {place}, '{comparison.field}', {values[0]}, {values[1]}, {level}, {weight} "
        "from pair"
    )
