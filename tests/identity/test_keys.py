"""The laws of keys, on the mechanism alone: thirty nights of clusters that grow, fall apart, vanish and come back."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citylake.identity.keeper import Keeper
from citylake.identity.keys import assign_keys

Clusters = Mapping[str, int]
"""Record → the cluster it is in."""
RECORDS = [f"r{number:02}" for number in range(12)]
NIGHTS = 30


class Book:
    """What is kept between nights: the key of each record that ever was, and every key ever made."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        Keeper(b"secret").register(self.connection)
        self.known: dict[str, str] = {}
        self.minted: list[tuple[str, str]] = []
        self.events: list[tuple[str, str, str]] = []
        self.ended: dict[str, str] = {}

    def night(self, clusters: Clusters, order: Sequence[str] | None = None) -> dict[str, str]:
        """One night: the keys of the records in force."""
        rows = [(r, str(clusters[r]), "rule", self.known.get(r)) for r in order or sorted(clusters)]
        self._fill("clustered", "source_record_key, cluster, match_rule, old_key", rows)
        self._fill("earlier_key", "founding_source_record_key", [(record,) for _, record in self.minted])
        assign_keys(self.connection, "person")
        keys = dict(self._rows("select source_record_key, new_key from assigned"))
        self.minted += self._rows("select key, founding_source_record_key from minted_key order by key")
        self.events += self._rows("select old_key, new_key, event_type from event order by all")
        successors = dict(self._rows("select old_key, new_key from successor"))
        self.ended |= successors
        self.known = {r: successors.get(key, key) for r, key in self.known.items()} | keys
        return keys

    def _fill(self, table: str, columns: str, rows: Sequence[tuple[str | None, ...]]) -> None:
        typed = ", ".join(f"{column} varchar" for column in columns.split(", "))
        self.connection.execute(f"create or replace temp table {table} ({typed})")
        if rows:
            marks = ", ".join("?" for _ in rows[0])
            self.connection.executemany(f"insert into {table} values ({marks})", rows)

    def _rows(self, sql: str) -> list[Any]:
        return self.connection.execute(sql).fetchall()


@pytest.fixture
def book() -> Iterator[Book]:
    book = Book()
    yield book
    book.connection.close()


def test_a_merge_keeps_the_key_most_records_had(book: Book) -> None:
    before = book.night({"a": 1, "b": 2, "c": 2})
    after = book.night({"a": 3, "b": 3, "c": 3})
    assert set(after.values()) == {before["b"]}
    assert book.events == [(before["a"], before["b"], "merge")]


def test_a_split_leaves_the_key_with_the_larger_part(book: Book) -> None:
    before = book.night({"a": 1, "b": 1, "c": 1})
    after = book.night({"a": 1, "b": 2, "c": 2})
    assert after["b"] == after["c"] == before["a"] != after["a"]
    assert book.events == [(before["a"], after["a"], "split")]


def test_a_merge_and_a_split_on_one_night_are_two_events(book: Book) -> None:
    # Would catch a key that two clusters claim: the larger part of it goes, the smaller stays behind without.
    before = book.night({"a": 1, "b": 1, "c": 1, "d": 2})
    after = book.night({"a": 1, "b": 3, "c": 3, "d": 3})
    assert after["b"] == after["c"] == after["d"] == before["b"]
    assert after["a"] not in before.values()
    assert sorted(kind for _, _, kind in book.events) == ["merge", "split"]


def test_a_key_that_ended_does_not_live_again_when_its_record_comes_back(book: Book) -> None:
    # b is withdrawn, its person is merged into another, then b comes back by itself: as part of that other person's
    # past, with a key that leads on from it.
    before = book.night({"a": 1, "b": 1, "c": 2, "d": 2})
    book.night({"a": 3, "c": 3, "d": 3})
    after = book.night({"a": 3, "b": 4, "c": 3, "d": 3})
    assert after["b"] not in before.values()
    assert (before["c"], after["b"], "split") in book.events


def test_clusters_of_one_name_more_or_less_are_no_events(book: Book) -> None:
    before = book.night({"a": 1, "b": 2})
    assert book.night({"a": 7, "b": 9}) == before
    assert book.events == []


nights = st.lists(st.dictionaries(st.sampled_from(RECORDS), st.integers(0, 4), min_size=1), min_size=2, max_size=8)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nights, st.randoms(use_true_random=False))
def test_the_order_of_records_within_a_night_changes_nothing(history: list[Clusters], chance: random.Random) -> None:
    one, other = Book(), Book()
    for clusters in history:
        shuffled = list(clusters)
        chance.shuffle(shuffled)
        assert one.night(clusters) == other.night(clusters, shuffled)
    assert (one.minted, one.events) == (other.minted, other.events)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(nights)
def test_the_laws_of_keys_hold_whatever_becomes_of_clusters(history: list[Clusters]) -> None:
    book = Book()
    for clusters in history:
        obeys(book, clusters)


def test_no_key_is_lost_or_used_again_in_thirty_nights() -> None:
    for seed in range(5):
        chance, book = random.Random(seed), Book()
        clusters: dict[str, int] = {record: chance.randrange(6) for record in RECORDS}
        for _ in range(NIGHTS):
            for record in chance.sample(RECORDS, 3):
                clusters[record] = chance.randrange(6)
            in_force = {r: c for r, c in clusters.items() if chance.random() < 0.8}
            obeys(book, in_force or clusters)
        assert book.events


def obeys(book: Book, clusters: Clusters) -> None:
    """One night, and the laws: one key a cluster, no key twice, none lost without a trace, none of the dead alive."""
    before, ended, told = dict(book.known), dict(book.ended), len(book.events)
    keys = book.night(clusters)
    of_cluster: defaultdict[int, set[str]] = defaultdict(set)
    of_key: defaultdict[str, set[int]] = defaultdict(set)
    for record, key in keys.items():
        of_cluster[clusters[record]].add(key)
        of_key[key].add(clusters[record])
    assert all(len(found) == 1 for found in of_cluster.values())
    assert all(len(found) == 1 for found in of_key.values())
    made = [key for key, _ in book.minted]
    assert len(set(made)) == len(made)
    assert set(keys.values()) <= set(made)
    assert not set(keys.values()) & ended.keys()
    moved = {(before[r], key) for r, key in keys.items() if r in before and before[r] != key}
    assert moved == {(old, new) for old, new, _ in book.events[told:]}
    minted, events = len(book.minted), len(book.events)
    assert book.night(clusters) == keys
    assert (len(book.minted), len(book.events)) == (minted, events)
