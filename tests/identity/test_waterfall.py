"""What an explanation says a pair weighs is what scoring weighed it. All persons are made up."""

from itertools import combinations

import duckdb
import polars as pl
import pytest

from citylake.identity.linkage import score
from citylake.identity.waterfall import weigh
from tests.identity.test_linkage import BORN, MODEL, deliver, mention


def test_equal_mentions_that_share_a_hotline_weigh_in_an_explanation_what_their_edge_does() -> None:
    # A reviewer would be shown bits for a phone that proved nothing, and could not see why a pair was not linked.
    phone = "10066666666"
    crowd = [mention(f"c{n:03}", chr(0x4E00 + 40 * n) + "一", phone=phone) for n in range(MODEL.largest_block + 1)]
    twins = [mention(f"z{n}", "张伟", birth_date=BORN, phone=phone) for n in range(3)]
    other = mention("z3", "张伟", birth_date=BORN, phone=phone, address="人民路1号")
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("attach ':memory:' as vault; create schema vault.identity")
        deliver(connection, *crowd, *twins, other)
        connection.execute("create table vault.identity.person_mention as from mentions")
        tables = {
            name: f"vault.identity.person_{name.removesuffix('s')}" for name in ("edges", "profiles", "described")
        }
        score(connection, MODEL, "mentions", **tables)
        edges = dict(
            connection.execute("select (left_key, right_key), match_weight from vault.identity.person_edge").fetchall()
        )
        keys = [*combinations(["z0", "z1", "z2"], 2), ("z0", "z3")]
        pairs = pl.DataFrame(keys, schema=["left_key", "right_key"], orient="row")
        explained = weigh(connection, "person", MODEL, pairs)
    bits = {
        (left, right): bits
        for left, right, bits in explained.group_by("left_key", "right_key").agg(pl.sum("weight")).rows()
    }
    assert {pair: bits[pair] for pair in edges if pair in bits} == {
        pair: pytest.approx(edges[pair]) for pair in (("z0", "z1"), ("z0", "z3"))
    }
    assert bits["z0", "z1"] == bits["z0", "z2"] == bits["z1", "z2"]
    phones = explained.filter(pl.col("field") == "phone")
    assert phones.select("right_key", "level", pl.col("weight") == 0).rows()[-1] == ("z2", "common", True)
    assert phones.filter(pl.col("right_key") == "z3")["weight"][0] > 5
