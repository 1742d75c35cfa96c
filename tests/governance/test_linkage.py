"""Every gate of linking can stop a release, says the numbers, and opens for whoever says why."""

from typing import TYPE_CHECKING

import pytest

from citylake.governance.linkage import needed
from citylake.lake.account import whoami

from .conftest import RUN
from .test_audit import release

if TYPE_CHECKING:
    from .conftest import Audited


def linked(city: "Audited", sets: str, kind: str = "person") -> None:
    city.run(f"update vault.identity.linkage_run set {sets} where run_id = '{RUN}' and kind = '{kind}'")


@pytest.mark.parametrize(
    ("gate", "sets", "observed"),
    [
        ("largest_cluster", "largest_cluster = 201", 201),
        ("unlinked", "unlinked_mentions = 201", 0.5025),
        ("nobody", "nobody_mentions = 604", 0.151),
        # 400 pairs, 380 of them right: the whole interval lies below 99 %.
        (
            "precision",
            "precision_estimate = 0.95, precision_low = 0.924, precision_high = 0.967, precision_n = 400",
            0.95,
        ),
        ("recall", "recall_estimate = 0.8, recall_low = 0.71, recall_high = 0.87, recall_n = 100", 0.8),
        ("divergence", "diverging_mentions = 5", 0.00125),
    ],
)
def test_what_is_out_of_its_bounds_stops_the_release(city: "Audited", gate: str, sets: str, observed: float) -> None:
    linked(city, sets)
    assert city.failures() == {f"linkage.person.{gate}": observed}


def test_a_run_that_linked_nobody_stops_the_release(city: "Audited") -> None:
    # Its marts would show who was who the night before.
    city.run("delete from vault.identity.linkage_run where kind = 'entity'")
    assert city.failures() == {"linkage.entity.ran": 0}


def test_the_number_of_persons_may_change_with_the_records_and_not_without(city: "Audited") -> None:
    # Guards against a model that merges neighbours, or tears people apart, in one night; not against a new extract.
    release(city, {}, {})
    city.run(
        "insert into vault.identity.linkage_run by name select * replace ('before' as run_id) "
        f"from vault.identity.linkage_run where run_id = '{RUN}' and kind = 'person'"
    )
    check = "linkage.person.change"
    for keys, records, failed in (
        (2100, 3900, False),
        (2101, 3900, True),
        (1899, 3900, True),
        (2900, 4800, False),
        (1500, 3000, False),
        (1899, 9000, True),
        (2101, 1000, True),
    ):
        linked(city, f"keys = {keys}, records = {records}")
        found = city.audit()[check]
        assert (found.status == "failed") is failed, (keys, records)
        assert str(keys) in found.message.zh
        assert "2000" in found.message.en


def test_a_small_sample_judges_nobody_and_a_poor_estimate_only_warns(city: "Audited") -> None:
    # By hand: z² · 0.99 / 0.01 = 380.3, so 381 flawless pairs are the first to show 99 %.
    assert (needed(0.99), needed(0.95)) == (381, 73)
    low = "precision_estimate = 0.5, precision_low = 0.4, precision_high = 0.6, precision_n = 380"
    linked(city, low)
    few = city.audit()["linkage.person.precision"]
    assert few.status == "passed"
    assert "380" in few.message.en
    assert "381" in few.message.zh
    linked(city, "precision_estimate = 0.985, precision_low = 0.97, precision_high = 0.993, precision_n = 400")
    assert city.audit()["linkage.person.precision"].status == "warned"


def test_a_diverging_mention_and_contradicting_decisions_warn(city: "Audited") -> None:
    linked(city, "diverging_mentions = 1, contradictory_decisions = 2")
    found = city.audit()
    assert [found[f"linkage.person.{name}"].status for name in ("divergence", "decisions")] == ["warned", "warned"]


def test_whoever_says_why_lets_a_gate_pass_and_stands_in_the_record(city: "Audited") -> None:
    linked(city, "largest_cluster = 300")
    assert "--accept-linkage" in city.audit()["linkage.person.largest_cluster"].message.en
    city.accept_linkage = "一家大企业 one large employer"
    found = city.audit()
    accepted = found["linkage.person.largest_cluster"]
    assert accepted.status == "warned"
    assert whoami() in accepted.message.zh
    assert "one large employer" in accepted.message.en
    # What is in its bounds is signed by nobody.
    assert "one large employer" not in found["linkage.entity.largest_cluster"].message.en
