"""Draws pairs for people to judge, so that precision and recall can be estimated from their judgement.

The population are the pairs that scoring kept, cut into strata by weight; each stratum gives at random, in proportion
to the square root of its size (Bankier 1988): the few pairs near the threshold tell most, and the many must not be left
out. Drawing again goes on without putting back.
"""

from datetime import datetime

import duckdb
import polars as pl

from citylake.contracts.mentions import Kind
from citylake.identity.models import LinkageModel

STRATA = (3.0, 6.0, 9.0, 12.0, 20.0)
"""Where the strata of weight are cut, in bits."""

# Linked is what linking itself came to: on a pair that people decided about, their word says nothing about it, so
# there the weight alone does.
_POPULATION = """
create or replace temp table population as
with word as (
    select distinct left_key, right_key from vault.identity.decision
    where kind = $kind and decision in ('same', 'different')
)

select
    edge.left_key,
    edge.right_key,
    edge.match_weight,
    len(list_filter($strata, lambda bound: bound <= edge.match_weight))::integer as stratum,
    if(
        word.left_key is null,
        coalesce(left_record.{kind}_key = right_record.{kind}_key, false),
        edge.match_weight >= $threshold
    ) as is_linked
from vault.identity.{kind}_edge as edge
left join vault.identity.{kind}_record as left_record on edge.left_key = left_record.source_record_key
left join vault.identity.{kind}_record as right_record on edge.right_key = right_record.source_record_key
left join word on edge.left_key = word.left_key and edge.right_key = word.right_key
where edge.left_key <> edge.right_key
"""
_DRAWN = """
create or replace temp table drawn as
with size as (
    select stratum, count(*) as pairs from population group by stratum
),

share as (
    select stratum, pairs, ceil($size * sqrt(pairs) / sum(sqrt(pairs)) over ())::bigint as wanted from size
),

fresh as (
    select population.*, share.pairs as stratum_pairs, share.wanted,
        row_number() over (partition by stratum order by hash(left_key, right_key, $seed), left_key, right_key) as place
    from population
    inner join share using (stratum)
    where (left_key, right_key) not in (
        select (left_key, right_key) from vault.identity.review_sample where kind = $kind and model_version = $version
    )
)

select * from fresh
where place <= wanted
order by hash(right_key, left_key, $seed)
limit $size
"""
_KEPT = """
insert into vault.identity.review_sample by name
select
    $kind as kind, left_key, right_key, stratum, stratum_pairs, match_weight, is_linked,
    $version as model_version, $at as drawn_at, $by as drawn_by
from drawn
"""


def draw(  # noqa: PLR0913  # who draws, when and by which chance, by keyword
    connection: duckdb.DuckDBPyConnection,
    kind: Kind,
    model: LinkageModel,
    size: int,
    *,
    seed: int,
    by: str,
    at: datetime,
) -> pl.DataFrame:
    """Draw up to ``size`` pairs and keep that they were drawn; inside the caller's transaction.

    Returns left_key, right_key, match_weight, stratum, stratum_pairs, is_linked, in an order that tells nothing.
    """
    about = {"kind": kind, "strata": list(STRATA), "threshold": model.threshold}
    connection.execute(_POPULATION.format(kind=kind), about)
    connection.execute(_DRAWN, {"size": size, "seed": seed, "kind": kind, "version": model.version})
    connection.execute(_KEPT, {"kind": kind, "version": model.version, "at": at, "by": by})
    return connection.execute(
        "select left_key, right_key, match_weight, stratum, stratum_pairs, is_linked from drawn"
    ).pl()
