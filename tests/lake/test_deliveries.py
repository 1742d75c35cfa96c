from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from citylake.lake.deliveries import (
    MANIFEST,
    Manifest,
    delivery_folder,
    find_delivery,
    manifests,
    read_ledger,
    reinstate,
    withdraw,
    write_ledger,
)
from citylake.lake.errors import EnvironmentProblem, UsageError
from citylake.lake.landed import LandedFile
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare

NIGHT = datetime(2026, 11, 1, 10, tzinfo=UTC)


def deliver(zones: Zones, sha256: str, **given: Any) -> Manifest:
    """Put a delivery's manifest where loading puts it."""
    manifest = Manifest.model_validate(
        {
            "dataset": "market_supervision.entity_register",
            "extract_date": date(2026, 11, 1),
            "sha256": sha256.ljust(64, "0"),
            "revision": 0,
            "mode": "upsert",
            "status": "accepted",
            "origin": "synthetic",
            "received_at": NIGHT,
            "loaded_at": NIGHT,
            "run_id": "run-1",
            "file_name": f"{sha256}.csv",
            "file_size": 1,
            "file_mtime_ns": 1,
            "contract_version": "1.0.0",
            "rows_read": 3,
            "rows_accepted": 2,
            "rows_quarantined": 1,
            **given,
        }
    )
    folder = delivery_folder(zones.raw, manifest.dataset, manifest.extract_date, manifest.sha256)
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    return manifest


def statuses(zones: Zones, as_of: date | None = None) -> dict[str, str]:
    """Status by the first letters of the hash."""
    ledger = read_ledger(zones, as_of)
    return dict(zip(ledger["sha256"].str.strip_chars_end("0"), ledger["status"], strict=True))


@pytest.fixture
def zones(tmp_path: Path) -> Zones:
    return prepare(Settings(home=tmp_path / "home"))


def test_an_empty_ledger_has_its_columns(zones: Zones) -> None:
    # dbt reads it on the first night of all.
    ledger = pl.read_parquet(write_ledger(read_ledger(zones), zones))
    assert ledger.height == 0
    assert {"delivery_id", "status", "path", "received_at"} <= set(ledger.columns)


def test_the_ledger_counts_every_rule_that_rows_broke_with_its_severity(zones: Zones) -> None:
    # dbt publishes them: a remark counted among the rows kept out would accuse a department wrongly.
    deliver(zones, "a", rules_quarantined={"a.type": 1}, rules_warned={"b.check": 2})
    deliver(zones, "b", extract_date=date(2026, 11, 2))
    ledger = pl.read_parquet(write_ledger(read_ledger(zones), zones))
    broken = [
        {"rule": "a.type", "severity": "error", "row_count": 1},
        {"rule": "b.check", "severity": "warning", "row_count": 2},
    ]
    assert ledger["rules"].to_list() == [broken, []]


def test_a_correction_supersedes_its_extract_date_alone(zones: Zones) -> None:
    deliver(zones, "a")
    deliver(zones, "b", revision=1)
    deliver(zones, "c", extract_date=date(2026, 11, 2))
    assert statuses(zones) == {"a": "superseded", "b": "in_force", "c": "in_force"}


def test_of_a_snapshot_only_the_newest_extract_date_is_in_force(zones: Zones) -> None:
    # Absence deletes: an older snapshot would bring the deleted back.
    deliver(zones, "a", mode="snapshot")
    deliver(zones, "b", mode="snapshot", extract_date=date(2026, 11, 2))
    deliver(zones, "c", mode="snapshot", dataset="urban_management.urban_case")
    assert statuses(zones) == {"a": "outdated", "b": "in_force", "c": "in_force"}


def test_a_refused_delivery_changes_nothing(zones: Zones) -> None:
    # A refused correction must not take the good delivery's place, nor a refused snapshot the last good one's.
    deliver(zones, "a", mode="snapshot")
    refusal = {"rule": "file.empty", "zh": "空文件", "en": "empty"}
    deliver(zones, "b", mode="snapshot", revision=1, status="refused", refusal=refusal)
    deliver(zones, "c", mode="snapshot", extract_date=date(2026, 11, 2), status="refused", refusal=refusal)
    assert statuses(zones) == {"a": "in_force", "b": "refused", "c": "refused"}
    refused = read_ledger(zones).filter(pl.col("status") == "refused")
    assert refused["path"].to_list() == [None, None]
    assert refused["refusal_reason_zh"].to_list() == ["空文件", "空文件"]


def test_a_withdrawn_delivery_counts_as_never_delivered(zones: Zones) -> None:
    deliver(zones, "a")
    correction = deliver(zones, "b", revision=1)
    withdraw(zones, correction.delivery_id, "wrong month", "keeper")
    assert statuses(zones) == {"a": "in_force", "b": "withdrawn"}
    row = read_ledger(zones).row(by_predicate=pl.col("is_withdrawn"), named=True)
    assert row["withdrawal_reason"] == "wrong month"


def test_a_withdrawal_needs_a_reason_and_one_delivery(zones: Zones) -> None:
    first = deliver(zones, "ab")
    deliver(zones, "ac", extract_date=date(2026, 11, 2))
    for wanted, reason in (("a", "two of them"), ("zz", "none"), (first.delivery_id, "  ")):
        with pytest.raises(UsageError):
            withdraw(zones, wanted, reason, "keeper")
    withdraw(zones, "ab", "wrong", "keeper")
    with pytest.raises(UsageError, match="withdrawn already"):
        withdraw(zones, "ab", "again", "keeper")
    assert find_delivery(zones, "ac")[0].delivery_id == "market_supervision.entity_register/2026-11-02/ac0000000000"


def test_a_reinstated_delivery_counts_again_and_both_decisions_stay_on_record(zones: Zones) -> None:
    # Undone by deleting the withdrawal's file, nobody could say afterwards why a month's figures came and went.
    deliver(zones, "a")
    correction = deliver(zones, "b", revision=1)
    withdraw(zones, correction.delivery_id, "wrong month", "keeper")
    reinstate(zones, correction.delivery_id, "the month was right", "registrar")
    assert statuses(zones) == {"a": "superseded", "b": "in_force"}
    assert read_ledger(zones)["withdrawal_reason"].to_list() == [None, None]
    withdraw(zones, correction.delivery_id, "wrong after all", "keeper")
    assert statuses(zones) == {"a": "in_force", "b": "withdrawn"}
    decisions = find_delivery(zones, correction.delivery_id)[2]
    assert [(one.kind, one.by, one.reason) for one in decisions] == [
        ("withdrawal", "keeper", "wrong month"),
        ("reinstatement", "registrar", "the month was right"),
        ("withdrawal", "keeper", "wrong after all"),
    ]
    assert decisions == sorted(decisions, key=lambda one: one.at)


def test_only_a_withdrawn_delivery_is_reinstated_and_only_with_a_reason(zones: Zones) -> None:
    # A reinstatement of what was never withdrawn would stand in the record as if something had been wrong with it.
    deliver(zones, "a")
    with pytest.raises(UsageError, match="not withdrawn"):
        reinstate(zones, "a", "to be sure", "keeper")
    withdraw(zones, "a", "wrong", "keeper")
    with pytest.raises(UsageError, match="reason"):
        reinstate(zones, "a", " ", "keeper")
    assert statuses(zones) == {"a": "withdrawn"}


@pytest.mark.parametrize("decide", [withdraw, reinstate])
def test_a_refused_delivery_can_be_neither_withdrawn_nor_reinstated(zones: Zones, decide: Any) -> None:
    # It never counted. A withdrawal would outlive the refusal: judged anew under a mended contract, it would not count.
    refusal = {"rule": "file.empty", "zh": "空文件", "en": "empty"}
    deliver(zones, "a", status="refused", refusal=refusal)
    with pytest.raises(UsageError, match="refused"):
        decide(zones, "a", "wrong", "keeper")
    assert statuses(zones) == {"a": "refused"}
    assert find_delivery(zones, "a")[2] == []


def test_no_delivery_is_meant_by_nothing(zones: Zones) -> None:
    # The start of every id; where there is one delivery alone, it would be withdrawn.
    deliver(zones, "a" * 64)
    with pytest.raises(UsageError, match="Which delivery"):
        withdraw(zones, " ", "an empty variable in a script", "somebody")


def test_who_may_not_see_deliveries_is_not_told_that_there_are_none(
    zones: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(zones, "a" * 64)
    monkeypatch.setattr("os.access", lambda *_: False)  # pyright: ignore[reportUnknownLambdaType]
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        read_ledger(zones)


def test_as_of_a_day_only_what_had_arrived_in_shanghai_counts(zones: Zones) -> None:
    # 17:00 UTC is the next day in Wuxi: cutting by UTC would take a correction that nobody had yet.
    deliver(zones, "a", received_at=datetime(2026, 11, 1, 15, 59, tzinfo=UTC))
    deliver(zones, "b", revision=1, received_at=datetime(2026, 11, 1, 16, 1, tzinfo=UTC))
    assert statuses(zones, date(2026, 11, 1)) == {"a": "in_force"}
    assert statuses(zones, date(2026, 11, 2)) == {"a": "superseded", "b": "in_force"}
    assert statuses(zones, date(2026, 10, 31)) == {}


def test_a_folder_without_a_manifest_does_not_exist(zones: Zones) -> None:
    # What a killed loader leaves.
    folder = delivery_folder(zones.raw, "a.b", date(2026, 11, 1), "f" * 64)
    folder.mkdir(parents=True)
    (folder / "accepted.parquet").touch()
    assert list(manifests(zones)) == []


def test_a_file_name_says_dataset_day_revision_and_origin() -> None:
    landed = LandedFile.parse(Path("entity_register_20261101_r2.synthetic.csv.gz"), "market_supervision")
    assert landed is not None
    assert landed.dataset == "market_supervision.entity_register"
    assert (landed.extract_date, landed.revision, landed.origin) == (date(2026, 11, 1), 2, "synthetic")
    plain = LandedFile.parse(Path("urban_case_20261101.jsonl"), "urban_management")
    assert plain is not None
    assert (plain.revision, plain.origin) == (0, "real")


@pytest.mark.parametrize("name", ["urban_case.csv", "urban_case_20261301.csv", "urban_case_20261101.xls", "notes.txt"])
def test_other_files_are_none_of_ours(name: str) -> None:
    assert LandedFile.parse(Path(name), "urban_management") is None


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_in_force_does_not_depend_on_when_it_came(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    # Ordering by load time: the same deliveries, sent late or twice in another order, gave another city.
    deliveries = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "sha256": st.text("abcdef", min_size=4, max_size=4),
                    "extract_date": st.dates(date(2026, 11, 1), date(2026, 11, 3)),
                    "revision": st.integers(0, 12),
                    "mode": st.just("snapshot"),
                    "status": st.sampled_from(["accepted", "accepted", "refused"]),
                }
            ),
            min_size=1,
            max_size=6,
            unique_by=lambda one: one["sha256"],
        )
    )
    order = data.draw(st.permutations(range(len(deliveries))))
    ledgers: list[dict[str, str]] = []
    for places in (range(len(deliveries)), order):
        zones = prepare(Settings(home=tmp_path_factory.mktemp("order") / "home"))
        for place in places:
            arrival = NIGHT + timedelta(days=places.index(place))
            deliver(zones, received_at=arrival, loaded_at=arrival, run_id=f"run-{arrival.day}", **deliveries[place])
        ledgers.append(statuses(zones))
    assert ledgers[0] == ledgers[1]
    accepted = [one for one in deliveries if one["status"] == "accepted"]
    in_force = [sha256 for sha256, status in ledgers[0].items() if status == "in_force"]
    newest = max(((o["extract_date"], o["revision"], o["sha256"]) for o in accepted), default=None)
    assert in_force == ([newest[2]] if newest else [])


def test_what_is_asked_of_one_dataset_or_day_reads_no_other_manifest(zones: Zones) -> None:
    # After years of deliveries, a file that arrives must not cost reading all of them: a backfill would never end.
    # What must not be read cannot be: it is no manifest.
    day, other = date(2026, 11, 2), "market_supervision.entity"
    wanted = deliver(zones, "a", extract_date=day)
    _broken(zones, other, day)
    assert [one.sha256[0] for one, _, _ in manifests(zones, wanted.dataset)] == ["a"]
    _broken(zones, wanted.dataset, date(2026, 11, 1))
    assert [one.sha256[0] for one, _, _ in manifests(zones, wanted.dataset, day)] == ["a"]


def _broken(zones: Zones, dataset: str, day: date) -> None:
    folder = delivery_folder(zones.raw, dataset, day, "c" * 64)
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text("no manifest", encoding="utf-8")
