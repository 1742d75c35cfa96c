"""Scores pairs of mentions with a fixed model, and estimates a model's parameters.

Pure functions over a DuckDB connection and tables given by name; nothing here knows the lake. What is scored are
profiles (see :mod:`describing`). A pair is scored where at least one side has no anchor (a valid identifier), for two
anchors are never joined by probability. Candidates come from blocking rules with a bound on the size of a block; Splink
compares them and adds up the weights.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import duckdb

from citylake.identity.common_values import is_common_sql
from citylake.identity.describing import (
    DESCRIBED_SCHEMA,
    PROFILE_SCHEMA,
    describe_all,
    describe_changed,
    find_changed,
)
from citylake.identity.models import WEIGHT, LinkageModel
from citylake.identity.tables import transaction

if TYPE_CHECKING:
    from splink import DuckDBAPI, Linker

_SEED = 1

_BLOCK_OF_RULE = """
select {number} as rule, hash({values}) as block, mention_key, anchor_id is null as is_loose,
    mention_key in (select mention_key from linking_fresh) as is_fresh
from linking_profile
where {present}
    and hash({values}) in (select hash({values}) from linking_profile where anchor_id is null and {present})
    {changed}
"""
# After the first run: only blocks with something new in them.
_BLOCK_CHANGED = """and hash({values}) in (
    select hash({values}) from linking_profile semi join linking_fresh using (mention_key) where {present}
)"""

_BLOCK_SIZES = """
create or replace temp table linking_block_size as
select rule, block, count(*) as profiles, count_if(is_loose) as loose, count_if(is_fresh) as fresh
from linking_block
group by rule, block
having count(*) > 1
"""

# The side without an anchor is met by every other; of two without one, each pair once.
_PAIRS = """
create or replace temp table linking_pair as
with usable as (
    select linking_block.*
    from linking_block semi join linking_block_size as size
    on linking_block.rule = size.rule and linking_block.block = size.block
        and size.fresh > 0 and size.profiles <= $largest_block
),

met as (
    select
        least(loose.mention_key, other.mention_key) as join_key_l,
        greatest(loose.mention_key, other.mention_key) as join_key_r,
        loose.rule
    from usable as loose
    inner join usable as other
        on loose.rule = other.rule
        and loose.block = other.block
        and loose.is_loose
        and (loose.is_fresh or other.is_fresh)
        and (not other.is_loose or loose.mention_key < other.mention_key)
)

select join_key_l, join_key_r, min(rule)::varchar as match_key
from met
group by join_key_l, join_key_r
"""

# What a profile of several mentions weighs against itself is the weight between any two of them.
_TWINS = """
insert into linking_pair
select mention_key, mention_key, 'twin' from linking_fresh where twin_key is not null
"""


@dataclass(frozen=True)
class Capped:
    """A blocking rule's values that too many profiles share: they block nothing."""

    rule: str
    values: int
    profiles: int


@dataclass(frozen=True)
class Scored:
    """What one run of scoring did, in numbers that name nobody."""

    is_part: bool
    """Whether only whom changes concern was looked at."""
    mentions: int
    profiles: int
    scored_profiles: int
    """New or changed since the last run, hence scored now."""
    set_apart: int
    """Of those that were looked at."""
    pairs: int
    edges: int
    pairs_by_rule: dict[str, int] = field(default_factory=dict)
    capped: tuple[Capped, ...] = ()


def score(  # noqa: PLR0913  # tables by keyword
    connection: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    mentions: str,
    *,
    edges: str,
    profiles: str,
    described: str,
    changed: str | None = None,
) -> Scored:
    """Bring edges up to date with mentions: score what is new or changed against all, drop what is gone.

    Args:
        connection: Where all tables are; temporary ones whose names begin with ``linking_`` are made in it.
        model: Fixed; for another version drop ``edges``, ``profiles`` and ``described`` first.
        mentions: A table or view with ``mention_key``, ``anchor_id``, ``is_standing`` and what the model reads.
        edges: A table, made when missing: ``left_key``, ``right_key`` (the first mentions of two profiles; of a
            profile with itself, two of its mentions), ``match_weight`` and one ``weight_<field>`` a field. A pair
            below ``model.review_from`` is not kept.
        profiles: A table, made when missing: which profiles have been scored, by which mention. It is what makes a
            second run score what changed.
        described: A table, made when missing: of which profile each mention is.
        changed: A table that has, as ``mention_key``, every mention that is new, gone or described otherwise since the
            last run. With it a run reads of the others only what can concern these.
    """
    _make_tables(connection, model, edges, profiles, described)
    is_part = changed is not None and describe_changed(
        connection, model, mentions, changed=changed, profiles=profiles, described=described
    )
    if not is_part:
        describe_all(connection, model, mentions)
        find_changed(connection, model, profiles)
    _block(connection, model)
    _compare(connection, model)
    _keep(connection, edges, profiles, described, is_part=is_part)
    scored = Scored(
        is_part=is_part,
        mentions=_count(connection, mentions),
        profiles=_count(connection, profiles),
        scored_profiles=_count(connection, "linking_fresh"),
        set_apart=_count(connection, "linking_set_apart"),
        pairs=_count(connection, "linking_pair"),
        edges=_count(connection, "linking_found"),
        pairs_by_rule=_pairs_by_rule(connection, model),
        capped=_capped(connection, model),
    )
    for table in ("linking_profile", "linking_block", "linking_pair"):
        connection.execute(f"drop table {table}")
    return scored


def train(  # noqa: PLR0913  # what the model file says of its origin, by keyword
    connection: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    mentions: str,
    *,
    version: str,
    trained_on: str,
    day: date,
    pairs: float = 1e6,
) -> LinkageModel:
    """Estimate m and u and give back the model with them; write it with :func:`models.save_model` once reviewed.

    u is how often levels are seen in random pairs (that many), m comes from expectation maximisation (Dempster, Laird
    and Rubin 1977) over the pairs of ``model.training_blocks`` of which at least one side has no anchor, as in
    scoring. A level never seen counts as seen once: no single field outweighs what the sample can show.
    """
    describe_all(connection, model, mentions)
    loose = "(l.anchor_id is null or r.anchor_id is null)"
    learned = replace(model, comparisons=model.learned)
    _, linker = _linker(connection, learned)
    linker.training.estimate_u_using_random_sampling(max_pairs=pairs, seed=_SEED)
    for condition in model.training_blocks:
        linker.training.estimate_parameters_using_expectation_maximisation(
            f"{condition} and {loose}", record_sample_proportion=1.0
        )
    trained = model.with_parameters(_parameters(linker, learned, 1 / pairs))
    linker.table_management.delete_tables_created_by_splink_from_db()
    return replace(trained, version=version, trained_on=trained_on, trained_date=day)


def _parameters(linker: "Linker", model: LinkageModel, least: float) -> dict[str, dict[str, tuple[float, float]]]:
    stated = {item["output_column_name"]: item for item in linker.misc.save_model_to_json()["comparisons"]}
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for comparison in model.comparisons:
        levels = {level["label_for_charts"]: level for level in stated[comparison.field]["comparison_levels"]}
        m = {
            level.label: min(max(_seen(levels[level.label], "m"), level.least), level.most)
            for level in comparison.levels
        }
        u = {level.label: max(_seen(levels[level.label], "u"), level.least_u, least) for level in comparison.levels}
        found[comparison.field] = {label: (m[label] / sum(m.values()), u[label] / sum(u.values())) for label in m}
    return found


def _seen(level: dict[str, float | None], parameter: str) -> float:
    return level.get(f"{parameter}_probability") or 0.0


def _linker(connection: duckdb.DuckDBPyConnection, model: LinkageModel) -> "tuple[DuckDBAPI, Linker]":
    """Splink over ``linking_profile``, on this connection."""
    # Here and not above: importing Splink costs the command line half a second that most commands need not pay.
    from splink import DuckDBAPI, Linker  # noqa: PLC0415

    class TemporaryTables(DuckDBAPI):
        """What Splink makes is temporary: a transaction that writes to a lake may write to no other database."""

        def _setup_for_execute_sql(self, sql: str, physical_name: str) -> str:
            statement = super()._setup_for_execute_sql(sql, physical_name)
            return statement.replace("CREATE TABLE", "CREATE TEMP TABLE", 1)

    api = TemporaryTables(connection=connection)
    return api, Linker(api.register("linking_profile"), model.splink_settings(), log_level=None)


def _make_tables(
    connection: duckdb.DuckDBPyConnection, model: LinkageModel, edges: str, profiles: str, described: str
) -> None:
    """Make the tables; anew where what is in them was scored by other fields."""
    columns = [
        "left_key varchar",
        "right_key varchar",
        "match_weight double",
        *(f"{one} double" for one in model.weights),
    ]
    schemas = {edges: ", ".join(columns), profiles: PROFILE_SCHEMA, described: DESCRIBED_SCHEMA}
    for table, schema in schemas.items():
        connection.execute(f"create table if not exists {table} ({schema})")
    if any(_columns(connection, table) != schema for table, schema in schemas.items()):
        with transaction(connection):
            for table, schema in schemas.items():
                connection.execute(f"drop table {table}")
                connection.execute(f"create table {table} ({schema})")


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    described = connection.execute(f"from {table} limit 0").description or []
    return ", ".join(f"{name} {str(kind).lower()}" for name, kind, *_ in described)


def _block(connection: duckdb.DuckDBPyConnection, model: LinkageModel) -> None:
    """Make ``linking_pair``: the candidates, each once, with the first rule that found it."""
    is_first = _count(connection, "linking_fresh") == _count(connection, "linking_profile")
    rules: list[str] = []
    for number, rule in enumerate(model.blocking):
        words = {
            "values": ", ".join(rule.columns),
            "present": " and ".join(f"{column} is not null" for column in rule.columns),
        }
        changed = "" if is_first else _BLOCK_CHANGED.format(**words)
        rules.append(_BLOCK_OF_RULE.format(number=number, changed=changed, **words))
    connection.execute("create or replace temp table linking_block as " + " union all ".join(rules))
    connection.execute(_BLOCK_SIZES)
    connection.execute(_PAIRS, {"largest_block": model.largest_block})
    connection.execute(_TWINS)


def _compare(connection: duckdb.DuckDBPyConnection, model: LinkageModel) -> None:
    """Weigh ``linking_pair``; what is worth keeping becomes ``linking_found``, shaped as the edges are."""
    weights = "".join(f", {weight} double" for weight in model.weights)
    connection.execute(
        "create or replace temp table linking_found "
        f"(left_key varchar, right_key varchar, match_weight double{weights})"
    )
    if not _count(connection, "linking_pair"):
        return
    api, linker = _linker(connection, model)
    pairs = api.register("linking_pair")
    linker.table_management.register_blocked_pairs_for_predict(pairs)
    predicted = linker.inference.predict(threshold_match_weight=model.review_from, warning_mode="never")
    names = "".join(f", {weight}" for weight in model.weights)
    # Between equal mentions a value that too many share weighs nothing.
    common = {WEIGHT + one.field: is_common_sql(one.rare, "twin.common") for one in model.comparisons if one.rare}
    weights = "".join(f", if({common.get(one, 'false')}, 0, {one}) as {one}" for one in model.weights)
    discount = "".join(f" - if({is_common}, {weight}, 0)" for weight, is_common in common.items())
    connection.execute(
        f"""
        insert into linking_found (left_key, right_key, match_weight{names})
        select mention_key_l, coalesce(twin.twin_key, mention_key_r), match_weight{discount} as weight{weights}
        from {predicted.physical_name} as pair
        left join linking_profile as twin
            on pair.mention_key_l = twin.mention_key and pair.mention_key_r = twin.mention_key
        where weight >= $review_from
        """,
        {"review_from": model.review_from},
    )
    linker.table_management.delete_tables_created_by_splink_from_db()


# Of which profile mentions are: of all, or of those that changed.
_DESCRIBED = "create or replace temp table linking_described as "
_DESCRIBED_ALL = """
select mention_key, profile_key, carried_id from linking_mention
except
from {described}
"""
_NO_LONGER = """
create or replace temp table linking_no_longer as
from {described} except select mention_key, profile_key, carried_id from linking_mention
"""


# Whoever had an edge that goes may be another one's now.
_LOOSENED = """
create or replace temp table linking_loosened as
select unnest([left_key, right_key]) as mention_key from {edges}
where
    left_key in (select mention_key from linking_stale) or right_key in (select mention_key from linking_stale)
"""


def _keep(connection: duckdb.DuckDBPyConnection, edges: str, profiles: str, described: str, *, is_part: bool) -> None:
    """Edges, the profiles that they were found for and what mentions are of change together, or not at all."""
    connection.execute(_LOOSENED.format(edges=edges))
    if is_part:
        connection.execute("create or replace temp table linking_no_longer as from linking_changed")
        connection.execute(f"{_DESCRIBED} from linking_known where mention_key in (from linking_changed)")
    else:
        connection.execute(_NO_LONGER.format(described=described))
        connection.execute(_DESCRIBED + _DESCRIBED_ALL.format(described=described))
    if not any(_count(connection, f"linking_{one}") for one in ("stale", "fresh", "no_longer", "described")):
        return
    stale = "in (select mention_key from linking_stale)"
    with transaction(connection):
        connection.execute(f"delete from {edges} where left_key {stale} or right_key {stale}")
        connection.execute(f"insert into {edges} by name select * from linking_found")
        connection.execute(f"delete from {profiles} where profile_key in (select profile_key from linking_stale)")
        connection.execute(
            f"insert into {profiles} select profile_key, mention_key, twin_key, common from linking_fresh"
        )
        connection.execute(f"delete from {described} where mention_key in (select mention_key from linking_no_longer)")
        connection.execute(f"insert into {described} from linking_described")


def _pairs_by_rule(connection: duckdb.DuckDBPyConnection, model: LinkageModel) -> dict[str, int]:
    names = {str(number): rule.name for number, rule in enumerate(model.blocking)} | {"twin": "twin"}
    rows = connection.execute("select match_key, count(*) from linking_pair group by all order by all").fetchall()
    return {names[key]: count for key, count in rows}


def _capped(connection: duckdb.DuckDBPyConnection, model: LinkageModel) -> tuple[Capped, ...]:
    rows = connection.execute(
        "select rule, count(*), sum(profiles)::bigint from linking_block_size where profiles > ? "
        "group by rule order by rule",
        [model.largest_block],
    ).fetchall()
    return tuple(Capped(model.blocking[rule].name, values, profiles) for rule, values, profiles in rows)


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return row[0] if row else 0
