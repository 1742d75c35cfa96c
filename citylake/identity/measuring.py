"""How precise linking is, and how much it finds, estimated from pairs that were drawn at random and reviewed by people.

The population are the pairs that scoring weighed; pairs that no blocking rule brings together, and those that a valid
identifier joins, are not in it. It is cut into strata by weight. What a pair was before anybody decided about it is
kept when it is drawn: a decision makes linking right about its own pair.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from citylake.contracts.mentions import Kind

Z = 1.959964
"""Of a two-sided interval of 95 %."""

# One word a pair, by the last that was said; unsure says nothing about either figure.
_LABELLED = """
with word as (
    select left_key, right_key, arg_max(decision, decided_at) as decision
    from vault.identity.decision where kind = $kind
    group by left_key, right_key
),

drawn as (
    select left_key, right_key, arg_max(stratum, drawn_at) as stratum, arg_max(is_linked, drawn_at) as is_linked
    from vault.identity.review_sample where kind = $kind and model_version = $version
    group by left_key, right_key
),

size as (
    select stratum, arg_max(stratum_pairs, drawn_at) as pairs
    from vault.identity.review_sample where kind = $kind and model_version = $version
    group by stratum
),

labelled as (
    select drawn.stratum, drawn.is_linked, word.decision = 'same' as is_same
    from drawn inner join word using (left_key, right_key)
    where word.decision in ('same', 'different')
)

select is_linked, is_same, size.pairs / count(*) over (partition by stratum) as weight
from labelled inner join size using (stratum)
"""


@dataclass(frozen=True)
class Estimate:
    """A share, its 95 % interval, and how many equally weighted pairs the labelled ones are worth."""

    share: float | None
    low: float | None
    high: float | None
    n: float


def estimate(hits: Sequence[bool], weights: Sequence[float]) -> Estimate:
    """The weighted share of hits, with Wilson's interval (Wilson 1927) at Kish's effective size (Kish 1965).

    The interval stays honest where every pair was a hit, which a variance taken from the sample would not.
    """
    total = sum(weights)
    if not total:
        return Estimate(None, None, None, 0.0)
    share = sum(weight for weight, is_hit in zip(weights, hits, strict=True) if is_hit) / total
    n = total**2 / sum(weight**2 for weight in weights)
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return Estimate(share, max(centre - half, 0.0), min(centre + half, 1.0), n)


def measure(connection: duckdb.DuckDBPyConnection, kind: Kind, version: str) -> dict[str, Any]:
    """Precision and recall of linking with this model, by columns of ``linkage_run``; null without labelled pairs."""
    rows = connection.execute(_LABELLED, {"kind": kind, "version": version}).fetchall()
    linked = [(is_same, weight) for is_linked, is_same, weight in rows if is_linked]
    same = [(is_linked, weight) for is_linked, is_same, weight in rows if is_same]
    found: dict[str, Any] = {"labelled_pairs": len(rows)}
    for name, pairs in (("precision", linked), ("recall", same)):
        one = estimate([hit for hit, _ in pairs], [weight for _, weight in pairs])
        found |= {
            f"{name}_estimate": one.share,
            f"{name}_low": one.low,
            f"{name}_high": one.high,
            f"{name}_n": one.n,
        }
    return found
