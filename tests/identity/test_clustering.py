"""Laws of clustering, over made-up graphs: who ends up with whom must follow from the facts alone."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citylake.identity.clustering import Clustered, cluster, components
from citylake.identity.models import LinkageModel, compare

Connection = duckdb.DuckDBPyConnection
MODEL = LinkageModel(
    kind="made_up",
    columns={"name": "left(name, 1)", "written": "name"},
    comparisons=(compare("name", ("same", "name_l = name_r")),),
    blocking=(),
    training_blocks=(),
    prior=0.01,
    threshold=6.0,
    review_from=0.0,
    margin=3.0,
    largest_component=4,
).with_parameters({"name": {"same": (0.9, 0.1), "otherwise": (0.1, 0.9)}})
MENTION = {"mention_key": pl.String, "anchor_id": pl.String, "is_standing": pl.Boolean, "name": pl.String}
EDGE = {"left_key": pl.String, "right_key": pl.String, "match_weight": pl.Float64}
DECISION = {"left_key": pl.String, "right_key": pl.String, "decision": pl.String}


@dataclass(frozen=True)
class Graph:
    mentions: list[tuple[str, str | None, bool, str]]
    edges: list[tuple[str, str, float]]
    decisions: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Result:
    keys: dict[str, str | None]
    rules: dict[str, str | None]
    reviews: set[tuple[str, str, str]]
    facts: Clustered

    def members(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for mention, key in self.keys.items():
            if key is not None:
                found[key].add(mention)
        return found


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


def clustered(connection: Connection, graph: Graph, model: LinkageModel = MODEL) -> Result:
    tables = {
        "mentions": pl.DataFrame(graph.mentions, schema=MENTION, orient="row"),
        "edges": pl.DataFrame(graph.edges, schema=EDGE, orient="row"),
        "decisions": pl.DataFrame(graph.decisions, schema=DECISION, orient="row"),
    }
    for name, frame in tables.items():
        connection.register("given", frame.to_arrow())
        connection.execute(f"create or replace table {name} as from given")
    facts = cluster(
        connection, model, "mentions", edges="edges", clusters="clusters", reviews="reviews", decisions="decisions"
    )
    rows = connection.execute("select mention_key, cluster_key, match_rule from clusters").fetchall()
    reviews = connection.execute("select left_key, right_key, reason from reviews").fetchall()
    return Result({row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows}, set(reviews), facts)


@st.composite
def graphs(draw: st.DrawFn, *, decisions: bool = True) -> Graph:
    """Up to nine mentions, some equal, some anchored; weights between all profiles of which one has no anchor."""
    count = draw(st.integers(1, 9))
    kinds = st.tuples(st.sampled_from([None, None, "A", "B", "C"]), st.booleans(), st.sampled_from("abcdefghij"))
    mentions = []
    for number in range(count):
        anchor, is_standing, name = draw(kinds)
        mentions.append((f"m{number}", anchor, is_standing or anchor is not None, name))
    profiles: dict[tuple, list[str]] = defaultdict(list)
    for key, *rest in mentions:
        profiles[tuple(rest)].append(key)
    weights = st.none() | st.integers(0, 20).map(float)
    edges = []
    listed = list(profiles.items())
    for place, (here, keys) in enumerate(listed):
        if here[0] is None and len(keys) > 1 and (weight := draw(weights)) is not None:
            edges.append((keys[0], keys[1], weight))
        for there, others in listed[place + 1 :]:
            if (here[0] is None or there[0] is None) and (weight := draw(weights)) is not None:
                edges.append((*sorted((keys[0], others[0])), weight))
    pairs = [(f"m{left}", f"m{right}") for left in range(count) for right in range(left + 1, count)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=4)) if decisions and pairs else []
    words = st.sampled_from(["same", "different", "unsure"])
    return Graph(mentions, edges, [(left, right, draw(words)) for left, right in chosen])


law = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@law
@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_records_edges_and_decisions_does_not_matter(
    connection: Connection, graph: Graph, random: Random
) -> None:
    first = clustered(connection, graph)
    shuffled = Graph(*(random.sample(rows, len(rows)) for rows in (graph.mentions, graph.edges, graph.decisions)))
    assert clustered(connection, shuffled) == first


@law
@given(graphs(decisions=False))
def test_without_a_decision_no_cluster_has_two_anchors_and_no_anchor_two_clusters(
    connection: Connection, graph: Graph
) -> None:
    keys = clustered(connection, graph).keys
    pairs = {(keys[key], anchor) for key, anchor, *_ in graph.mentions if anchor}
    assert len({key for key, _ in pairs}) == len({anchor for _, anchor in pairs}) == len(pairs)


@law
@given(graphs())
def test_what_people_tell_apart_is_never_in_one_cluster(connection: Connection, graph: Graph) -> None:
    keys = clustered(connection, graph).keys
    for left, right, decision in graph.decisions:
        if decision == "different":
            assert keys[left] is None or keys[left] != keys[right]


@law
@given(graphs())
def test_of_mentions_told_apart_under_an_anchor_no_more_leave_than_must(connection: Connection, graph: Graph) -> None:
    # Would catch a rule that empties an anchor: whom nobody told from another stays, and who left was told from one.
    told = {frozenset(pair) for *pair, decision in graph.decisions if decision == "different"}
    keys = clustered(connection, replace(graph, decisions=[(*pair, "different") for pair in map(sorted, told)])).keys
    for anchor in {anchor for _, anchor, *_ in graph.mentions if anchor}:
        under = [key for key, other, *_ in graph.mentions if other == anchor]
        staying = {keys[key] for key in under if not any({key, other} in told for other in under)}
        assert len(staying) <= 1
        for key in under:
            if staying and keys[key] not in staying:
                assert any({key, other} in told for other in under if keys[other] in staying)


@law
@given(st.integers(2, 5), st.integers(0, 3), st.randoms(use_true_random=False))
def test_whoever_is_told_from_those_that_agree_leaves_their_anchor(
    connection: Connection, many: int, few: int, random: Random
) -> None:
    # Would catch a rule that sends away one side of a pair by the order of keys: the person loses the own number.
    keys = [f"m{number}" for number in range(many + 1)]
    random.shuffle(keys)
    odd, *agreeing = keys
    # Each is written otherwise, as those of different departments are.
    mentions = [(key, "A", True, ("b" if key == odd else "a") + key) for key in keys]
    told = random.sample(agreeing, max(1, min(few, many)))
    decisions = [(*sorted((odd, other)), "different") for other in told]
    found = clustered(connection, Graph(mentions, [], decisions)).keys
    assert len({found[key] for key in agreeing}) == 1
    assert found[odd] not in {found[key] for key in agreeing}


def test_mentions_that_people_joined_leave_an_anchor_together(connection: Connection) -> None:
    mentions = [(key, "A", True, "b" if key in "xy" else "a") for key in "abcxy"]
    result = clustered(connection, Graph(mentions, [], [("x", "y", "same"), ("a", "x", "different")]))
    assert result.keys == {"a": "a", "b": "a", "c": "a", "x": "x", "y": "x"}
    assert result.facts.contradictions == 0


@law
@given(graphs())
def test_what_people_join_is_always_in_one_cluster_unless_they_contradict_themselves(
    connection: Connection, graph: Graph
) -> None:
    result = clustered(connection, graph)
    contradictory = {(left, right) for left, right, reason in result.reviews if reason == "contradictory_decisions"}
    for left, right, decision in graph.decisions:
        if decision == "same" and (left, right) not in contradictory:
            assert result.keys[left] is not None
            assert result.keys[left] == result.keys[right]
    if "different" not in {decision for *_, decision in graph.decisions}:
        assert not contradictory


@law
@given(graphs(decisions=False))
def test_a_component_without_an_anchor_is_bounded(connection: Connection, graph: Graph) -> None:
    result = clustered(connection, graph)
    profile = {key: tuple(rest) for key, *rest in graph.mentions}
    standing = {key for key, _, is_standing, _ in graph.mentions if is_standing}
    anchored = {key for key, anchor, *_ in graph.mentions if anchor}
    for members in result.members().values():
        if not members & anchored:
            assert len({profile[key] for key in members & standing}) <= MODEL.largest_component


@law
@given(graphs())
def test_what_founds_nobody_alone_is_in_no_cluster_of_its_own(connection: Connection, graph: Graph) -> None:
    result = clustered(connection, graph)
    decided = {key for *pair, decision in graph.decisions for key in pair if decision == "same"}
    standing = {key for key, _, is_standing, _ in graph.mentions if is_standing}
    for members in result.members().values():
        assert members & (standing | decided)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=40))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_components_are_those_that_splink_finds(connection: Connection, pairs: list[tuple[int, int]]) -> None:
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    connection.register("given", pl.DataFrame(pairs, schema=["a", "b"], orient="row").to_arrow())
    connection.execute("create or replace table pairs as from given where a <> b")
    connection.execute("create or replace table nodes as select a as id from pairs union select b from pairs")
    components(connection, "pairs", "ours")
    api = DuckDBAPI(connection=connection)
    theirs = cluster_pairwise_predictions_at_threshold(
        api.register("nodes"), api.register("pairs"), api, "id", "a", "b"
    )
    differing = connection.execute(
        f"select count(*) from ours full join {theirs.physical_name} as t using (id) "
        "where ours.component is distinct from t.cluster_id"
    ).fetchone()
    api.delete_tables_created_by_splink_from_db()
    assert differing == (0,)


def test_a_mention_between_two_anchors_joins_neither_and_goes_to_review(connection: Connection) -> None:
    mentions = [("a", "A", True, "a"), ("b", "B", True, "b"), ("c", None, True, "c")]
    result = clustered(connection, Graph(mentions, [("a", "c", 12.0), ("b", "c", 11.0)], []))
    assert result.keys == {"a": "a", "b": "b", "c": "c"}
    assert result.reviews == {("a", "c", "ambiguous"), ("b", "c", "ambiguous")}


def test_a_clear_best_anchor_wins_and_two_that_both_match_are_shown_to_people(connection: Connection) -> None:
    mentions = [("a", "A", True, "a"), ("b", "B", True, "b"), ("c", None, True, "c")]
    result = clustered(connection, Graph(mentions, [("a", "c", 20.0), ("b", "c", 11.0)], []))
    assert result.keys["c"] == "a"
    assert result.reviews == {("a", "b", "two_anchors")}


def test_a_mention_finds_its_anchor_through_another_that_found_it(connection: Connection) -> None:
    mentions = [("a", "A", True, "a"), ("b", None, True, "b"), ("c", None, True, "c")]
    result = clustered(connection, Graph(mentions, [("a", "b", 9.0), ("b", "c", 9.0)], []))
    assert set(result.keys.values()) == {"a"}
    assert result.rules == {"a": "anchor", "b": "linked", "c": "linked"}


def test_a_pair_below_the_threshold_is_shown_unless_somebody_has_decided(connection: Connection) -> None:
    mentions = [("a", "A", True, "a"), ("b", None, True, "b")]
    assert clustered(connection, Graph(mentions, [("a", "b", 3.0)], [])).reviews == {("a", "b", "uncertain")}
    assert not clustered(connection, Graph(mentions, [("a", "b", 3.0)], [("a", "b", "unsure")])).reviews


def test_of_a_component_between_two_anchors_the_strongest_pairs_are_asked(connection: Connection) -> None:
    # Would catch a question that shows the weakest evidence: "s" is in the component and resembles one anchor a little.
    mentions = [("a", "A", True, "a"), ("b", "B", True, "b"), ("t", None, True, "t"), ("s", None, True, "s")]
    edges = [("a", "t", 49.0), ("b", "t", 49.0), ("s", "t", 20.0), ("a", "s", 14.8), ("b", "s", 14.8)]
    for renamed in ({"t": "c", "s": "d"}, {"t": "d", "s": "c"}):
        named = [(renamed.get(key, key), *rest) for key, *rest in mentions]
        weighed = [(*sorted(renamed.get(key, key) for key in pair), weight) for *pair, weight in edges]
        result = clustered(connection, Graph(named, weighed, []))
        like = renamed["t"]
        assert result.reviews == {("a", like, "ambiguous"), ("b", like, "ambiguous")}


def test_who_is_alone_and_who_is_said_twice_are_told_by_their_rules(connection: Connection) -> None:
    # Would catch a register that writes everybody twice, counted as people who link to nobody.
    equal = [(key, None, True, "x") for key in "abc"]
    result = clustered(connection, Graph([*equal, ("d", None, True, "y")], [("a", "b", 9.0)], []))
    assert result.rules == {
        "a": "same_description",
        "b": "same_description",
        "c": "same_description",
        "d": "own_record",
    }
    rows = connection.execute("select mention_key, match_weight, matched_key from clusters order by all").fetchall()
    assert rows == [("a", 9.0, "c"), ("b", 9.0, "a"), ("c", 9.0, "a"), ("d", None, None)]
    founder = [("a", None, True, "x"), ("b", None, False, "y")]
    assert clustered(connection, Graph(founder, [("a", "b", 9.0)], [])).rules == {"a": "linked", "b": "linked"}


@law
@given(graphs())
def test_only_whoever_is_the_only_mention_of_its_cluster_stands_alone(connection: Connection, graph: Graph) -> None:
    result = clustered(connection, graph)
    for members in result.members().values():
        alone = {key for key in members if result.rules[key] == "own_record"}
        assert not alone or len(members) == 1


def test_one_to_one_an_anchor_takes_only_its_best_match(connection: Connection) -> None:
    mentions = [("a", "A", True, "a"), ("b", None, True, "b"), ("c", None, True, "c")]
    graph = Graph(mentions, [("a", "b", 12.0), ("a", "c", 14.0)], [])
    result = clustered(connection, graph, replace(MODEL, is_one_to_one=True))
    assert result.keys == {"a": "a", "b": "b", "c": "a"}


def test_equal_mentions_that_are_not_alike_enough_stay_apart(connection: Connection) -> None:
    mentions = [("a", None, True, "x"), ("b", None, True, "x"), ("c", None, True, "x")]
    assert clustered(connection, Graph(mentions, [("a", "b", 3.0)], [])).keys == {"a": "a", "b": "b", "c": "c"}
    assert set(clustered(connection, Graph(mentions, [("a", "b", 9.0)], [])).keys.values()) == {"a"}


def test_no_mentions_are_no_clusters(connection: Connection) -> None:
    facts = clustered(connection, Graph([], [], [])).facts
    assert (facts.mentions, facts.clusters, facts.largest) == (0, 0, 0)
