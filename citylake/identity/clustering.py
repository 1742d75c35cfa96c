"""From anchors, edges and people's decisions to clusters: who is one, and what people must look at.

A pure function of the mentions in force, their edges and the decisions; no order of records and no earlier result has a
part in it. Mentions under one anchor are one. Two anchors are joined by a decision only. What has no anchor attaches
to the anchor that it matches best, if that is above the threshold and clearly ahead of the second best; what
matches none forms connected components of bounded size among itself. So no chain of likenesses grows into a giant.

The steps work on *units*: what anchors, equality and decisions "same" hold together, come what may.
"""

from dataclasses import dataclass

import duckdb

from citylake.identity import clustering_results_sql as results
from citylake.identity import clustering_sql as sql
from citylake.identity.describing import describe_all
from citylake.identity.models import LinkageModel
from citylake.identity.telling_apart import tell_apart

ROUNDS = 3
"""How many steps an attachment may take: a mention that matches no anchor may match one that does."""
_STEP = 3.0
"""By how many bits the threshold rises, again and again, in components that are too large."""


@dataclass(frozen=True)
class Clustered:
    """What came of it, in numbers that name nobody."""

    mentions: int
    clusters: int
    attached: int
    """Mentions without an anchor that found one."""
    nobody: int
    """Mentions that cannot stand alone and matched nothing."""
    largest: int
    """Mentions in the largest cluster."""
    largest_without_anchor: int
    cut_components: int
    """Components that were too large, or held together what people told apart, and were cut at stronger edges."""
    contradictions: int
    """Decisions "same" that were set aside because others contradict them."""
    reviews: dict[str, int]


def cluster(  # noqa: PLR0913  # tables by name
    connection: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    mentions: str,
    *,
    edges: str,
    clusters: str,
    reviews: str,
    decisions: str | None = None,
    is_prepared: bool = False,
) -> Clustered:
    """Make the temporary tables ``clusters`` and ``reviews`` anew.

    Args:
        connection: Where the tables are; temporary ones whose names begin with ``linking_`` are made in it.
        model: Threshold, margin and bounds; the weights are in the edges.
        mentions: As for :func:`linkage.score`.
        edges: As :func:`linkage.score` made them.
        clusters: One row a mention: ``mention_key``; ``cluster_key``, the smallest mention key of the cluster, null for
            a mention that names nobody; ``match_rule`` (``anchor``, ``linked``, ``decided``, ``same_description``: with
            equal mentions alone, ``own_record``: with none, null); ``match_weight`` and ``matched_key``, the mention
            through which it got there, null for anchors.
        reviews: Pairs for people: ``left_key``, ``right_key``, ``reason``, ``match_weight``. Reasons are ``uncertain``,
            ``ambiguous`` (two anchors too close), ``two_anchors`` (one mention matches both), ``contradicted_id``
            (a valid identifier, another name and birth date) and ``contradictory_decisions``.
        decisions: A table ``left_key``, ``right_key``, ``decision`` (``same``, ``different``, ``unsure``), a pair once.
        is_prepared: Whether :func:`linkage.score` has just described all of them on the same connection.
    """
    if not is_prepared:
        describe_all(connection, model, mentions)
    known = f"select left_key, right_key, decision from {decisions}" if decisions else sql.NO_DECISIONS
    connection.execute(sql.DECISIONS.format(decisions=known))
    connection.execute(sql.EDGES.format(edges=edges))
    connection.execute(sql.BUSY)
    connection.execute(sql.NODES, {"threshold": model.threshold})
    tell_apart(connection, model)
    contradictions = _units(connection)
    connection.execute(sql.BARS)
    connection.execute(sql.LINKS)
    _attach(connection, model)
    cut = _join_the_rest(connection, model)
    connection.execute(sql.TARGETS_OF_REST)
    connection.execute(sql.PROPOSALS, _bounds(model))
    connection.execute(sql.ATTACH)
    connection.execute(results.CLUSTERS.format(clusters=clusters))
    connection.execute(results.REVIEWS.format(reviews=reviews), {"threshold": model.threshold, "margin": model.margin})
    return _counted(connection, clusters, reviews, cut, contradictions)


def components(connection: duckdb.DuckDBPyConnection, edges: str, result: str) -> None:
    """Make the temporary table ``result`` (``id``, ``component``: its smallest id) from ``edges`` (``a``, ``b``)."""
    connection.execute(sql.COMPONENTS.format(edges=edges, result=result))


def _units(connection: duckdb.DuckDBPyConnection) -> int:
    """Make ``linking_unit``; decisions "same" without which people's "different" cannot hold are set aside."""
    connection.execute(sql.LABELS)
    connection.execute(sql.SAME)
    _join_units(connection)
    connection.execute(sql.CONTRADICTORY)
    contradictions = _count(connection, "linking_contradictory")
    if contradictions:
        connection.execute(sql.SAME_WITHOUT_CONTRADICTORY)
        _join_units(connection)
    return contradictions


def _join_units(connection: duckdb.DuckDBPyConnection) -> None:
    components(connection, "linking_same", "linking_same_component")
    connection.execute(sql.UNITS)


def _attach(connection: duckdb.DuckDBPyConnection, model: LinkageModel) -> None:
    """Let units without an anchor find theirs, some of them through others that have found it."""
    connection.execute(sql.NOBODY_ATTACHED)
    for _ in range(ROUNDS):
        connection.execute(sql.PROPOSALS, _bounds(model))
        if not _count(connection, "linking_proposal"):
            return
        connection.execute(sql.ATTACH)


def _bounds(model: LinkageModel) -> dict[str, float | bool]:
    return {"threshold": model.threshold, "margin": model.margin, "is_one_to_one": model.is_one_to_one}


def _join_the_rest(connection: duckdb.DuckDBPyConnection, model: LinkageModel) -> int:
    """Make ``linking_component`` of what stands alone and found no anchor; gives the number of components cut."""
    connection.execute(sql.REST, {"threshold": model.threshold})
    components(connection, "linking_rest_edge", "linking_joined")
    connection.execute(sql.COMPONENT_OF_REST)
    row = connection.execute("select max(match_weight) from linking_rest_edge").fetchone()
    strongest = row[0] if row and row[0] is not None else model.threshold
    weight, cut = model.threshold, 0
    while True:
        connection.execute(sql.TOO_LARGE, {"largest": model.largest_component})
        too_large = _count(connection, "linking_too_large")
        if not too_large:
            return cut
        cut = cut or too_large
        weight = weight + _STEP if weight <= strongest else float("inf")
        connection.execute(sql.STRONGER, {"weight": weight})
        components(connection, "linking_stronger", "linking_joined")
        connection.execute(sql.CUT)


def _counted(
    connection: duckdb.DuckDBPyConnection, clusters: str, reviews: str, cut: int, contradictions: int
) -> Clustered:
    row = connection.execute(results.COUNTS.format(clusters=clusters)).fetchone()
    found = connection.execute(f"select reason, count(*) from {reviews} group by reason order by reason").fetchall()
    mentions, groups, attached, nobody, largest, largest_loose = row or (0, 0, 0, 0, 0, 0)
    return Clustered(
        mentions=mentions,
        clusters=groups,
        attached=attached,
        nobody=nobody,
        largest=largest,
        largest_without_anchor=largest_loose,
        cut_components=cut,
        contradictions=contradictions,
        reviews=dict(found),
    )


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return row[0] if row else 0
