import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from citylake.contracts.labels import Label
from citylake.contracts.model import Column, Contract, load_contracts
from citylake.governance.results import CheckResult
from citylake.lake import deliveries, releases
from citylake.lake.errors import AuditFailed, LockHeld
from citylake.lake.lock import writer_lock
from citylake.lake.reader import connect
from citylake.lake.runs import Run, mint_run_id
from citylake.lake.settings import Settings
from ingestion.landing import scan_landing
from ingestion.replaying import replay
from orchestration.dbt import prepare_manifest
from orchestration.lake import publish
from orchestration.night import Night, Plan, hold_night
from orchestration.nightly import run_nightly
from tests.integration.small_city import HISTORY, NIGHTS, SmallCity, differences

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def test_one_night_makes_a_release_out_of_what_was_delivered(first_night: SmallCity) -> None:
    # The whole chain, from the departments' extracts to figures that a reader sees, named and dated.
    release = releases.current_release(first_night.zones)
    assert release.origin == "synthetic"
    assert set(release.deliveries) == set(load_contracts(first_night.settings.contracts))
    with connect(settings=first_night.settings) as reader:
        measured = _count(reader, "select count(distinct indicator_id) from city.indicator.indicator_value")
        assert measured == _count(reader, "select count(*) from city.indicator.dim_indicator") >= 20
        assert _count(reader, "select count(*) from city.governance.fct_urban_case") > 0
        assert {release.release_id} == {
            run_id for (run_id,) in reader.execute("select distinct run_id from indicator.indicator_value").fetchall()
        }


def test_every_test_of_the_dbt_project_runs_in_a_night(first_night: SmallCity) -> None:
    # A test that holds a mart against staging belongs to neither half by itself: it must not fall between them.
    project = json.loads(prepare_manifest(first_night.settings).read_bytes())
    tests = [node for node in project["nodes"].values() if node["resource_type"] == "test"]
    release = releases.current_release(first_night.zones)
    stages = {stage["stage"]: stage["facts"] for stage in Run(release.release_id, first_night.zones).stages()}
    ran = [stages[half]["tests_passed"] + stages[half]["tests_warned"] for half in ("staging", "marts")]
    assert sum(ran) == len(tests) > 100


def test_every_row_read_is_accepted_or_quarantined(first_night: SmallCity) -> None:
    # Promise 1. The sample city contains rows that break rules: quarantined are some, lost is none.
    known = [manifest for manifest, _, _ in deliveries.manifests(first_night.zones)]
    assert all(m.rows_read == m.rows_accepted + m.rows_quarantined for m in known if m.status == "accepted")
    assert sum(manifest.rows_quarantined for manifest in known) > 0


def test_nights_with_a_failed_audit_between_equal_one_rebuild_of_everything(
    city: SmallCity, rebuilt: SmallCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Late, corrected and refused deliveries over three nights, the second of which fails its audit: readers must stay
    # where they are meanwhile, and nothing of the failed night may remain in what the third publishes. Nor may anything
    # remain of a contract that was wrong for that night, and under which a dataset was replayed.
    before = releases.current_release(city.zones).release_id
    right = _contracts(city)["public_security.person_register"]
    wrong = replace(right, version="wrong", columns=tuple(map(_women_only, right.columns)), quarantine_tolerance=1.0)
    city.deliver(NIGHTS[1])
    assert _replayed(city, wrong)[0].rows_accepted < _replayed(city, wrong)[0].earlier_results[0].rows_accepted
    with monkeypatch.context() as broken:
        broken.setattr("orchestration.lake.run_audit", _failing_audit)
        failed = run_nightly(city.settings)
    assert isinstance(failed.error, AuditFailed)
    assert failed.release is None
    assert releases.current_release(city.zones).release_id == before

    assert all(delivery.contract_version == right.version for delivery in _replayed(city, right))
    city.deliver(NIGHTS[2])
    good = run_nightly(city.settings)
    assert good.error is None
    assert good.release == releases.current_release(city.zones).release_id != before
    refused = [item for stage in [*failed.stages, *good.stages] for item in stage["facts"].get("refused", [])]
    assert refused, "the sample city's refused delivery did not come"
    assert list(differences(city, rebuilt, ignoring=HISTORY)) == []


def test_once_the_delivery_at_fault_is_withdrawn_the_next_night_publishes(city: SmallCity) -> None:
    # The failed night stays in earlier snapshots of the heads until something is released; searched there, what it left
    # stopped every later night, too.
    register = max((city.zones.landing / "market_supervision" / "entity_register").glob("*.csv"))
    headings, row = register.read_text("utf-8").splitlines()[:2]
    named = ["无锡13912345678商贸有限公司", "91350100M000100Y43", "2020-10-30", "有限责任公司"]
    cells = [*named, *row.split(",")[4:-2], "存续", ""]
    at_fault = register.with_name("entity_register_20261030.synthetic.csv")
    at_fault.write_text("\n".join([headings, ",".join(cells)]) + "\n", "utf-8")
    failed = run_nightly(city.settings)
    assert isinstance(failed.error, AuditFailed)
    assert "identifier.pattern_in_lakes" in str(failed.error)
    assert "13912345678" not in str(failed.error)
    (told,) = re.findall(r"from: (market_supervision.entity_register/2026-10-30/\w+) line 2", str(failed.error))[:1]
    deliveries.withdraw(city.zones, told, "电话写进了名称 a phone in a name", "test")
    good = run_nightly(city.settings)
    assert good.error is None
    assert good.release == releases.current_release(city.zones).release_id


def _women_only(column: Column) -> Column:
    return replace(column, enum=("2",)) if column.name == "sex_code" else column


def _replayed(city: SmallCity, contract: Contract) -> list[deliveries.Manifest]:
    """A dataset's deliveries after a replay under this contract."""
    with writer_lock(city.settings, "replay"):
        return [one.delivery for one in replay(city.settings, contract, mint_run_id())]


def _failing_audit(settings: Settings, run_id: str, as_of: date) -> Sequence[CheckResult]:
    message = Label("城市与各区之和不等", "the city is not the sum of its districts")
    return [CheckResult(check_id="figures.sum", status="failed", observed=1, expected=0, message=message)]


def test_an_as_of_computation_publishes_nothing_and_changes_nothing(city: SmallCity) -> None:
    # A question about the past must not become the city's present, nor leave anything behind.
    city.deliver(NIGHTS[1])
    ledger = (city.zones.ledger / deliveries.LEDGER).read_bytes()
    known = [item.name for item in city.zones.releases.iterdir()]
    heads = [city.zones.catalog(lake).read_bytes() for lake in ("vault", "people", "city")]
    result = run_nightly(city.settings, as_of=NIGHTS[1])
    assert (result.error, result.release) == (None, None)
    assert result.facts("ledger")["deliveries"] == len(load_contracts(city.settings.contracts)) + len(["F182013"])
    assert result.figures.height > 0
    assert [item.name for item in city.zones.releases.iterdir()] == known
    assert (city.zones.ledger / deliveries.LEDGER).read_bytes() == ledger
    assert [city.zones.catalog(lake).read_bytes() for lake in ("vault", "people", "city")] == heads
    assert list(city.zones.scratch.iterdir()) == []
    assert scan_landing(city.settings, _contracts(city)).new, "the waiting deliveries were loaded"


def test_a_release_never_mixes_synthetic_and_real_unasked(city: SmallCity) -> None:
    # One real file among synthetic ones: figures of nobody's city, under a real name.
    synthetic = next(city.zones.landing.rglob("entity_register_*.synthetic.csv"))
    header, first, *_ = synthetic.read_text(encoding="utf-8").splitlines()
    real = synthetic.with_name("entity_register_20261101.csv")
    real.write_text(f"{header}\n{first}\n", encoding="utf-8")
    before = releases.current_release(city.zones).release_id
    refused = run_nightly(city.settings)
    assert isinstance(refused.error, AuditFailed)
    assert "citylake refresh --allow-mixed" in str(refused.error)
    # Before anything was built on it: the stages after the ledger are most of a night.
    assert [stage["stage"] for stage in refused.stages if not stage["stage"].startswith("raw.")] == ["ledger"]
    with hold_night(city.settings, Plan()) as night, pytest.raises(AuditFailed, match="CITYLAKE_ALLOW_MIXED_ORIGIN"):
        publish(night)
    assert releases.current_release(city.zones).release_id == before


def test_a_night_under_a_hold_succeeds_and_says_that_nothing_was_published(city: SmallCity) -> None:
    # After a rollback the night goes on computing; it must neither fail nor lift the hold.
    first = releases.current_release(city.zones).release_id
    night = Night(city.settings, Run("29990101T000000Z-0001", city.zones), full=False)
    with writer_lock(city.settings, "test"):
        second = publish(night)["release"]
        releases.rollback(city.zones, first, "figures of G08 are wrong", "tester")
        facts = publish(Night(city.settings, Run("29990102T000000Z-0001", city.zones), full=False))
    assert second == "29990101T000000Z-0001"
    assert "figures of G08 are wrong" in facts["held"]
    assert releases.current_release(city.zones).release_id == first


def test_a_night_that_meets_another_leaves_at_once_and_loads_nothing(city: SmallCity) -> None:
    # Two schedulers: the second must say who is at work, not wait unseen or write beside it: neither a delivery, nor
    # the other one's log, nor dbt's parsed project, which the other one is running.
    city.deliver(NIGHTS[1])
    log = city.zones.ledger / "runs" / releases.current_release(city.zones).release_id / "console.log"
    assert log.stat().st_size > 0
    with writer_lock(city.settings, "the other night"):
        before = _written(city)
        result = run_nightly(city.settings)
        assert _written(city) == before
    assert isinstance(result.error, LockHeld)
    assert str(os.getpid()) in str(result.error)
    assert scan_landing(city.settings, _contracts(city)).new


def _written(city: SmallCity) -> dict[Path, int]:
    """Every file of the home and when it was last written, but the lock itself."""
    files = (path for path in city.settings.home.rglob("*") if path.is_file() and path != city.zones.lock)
    return {path: path.stat().st_mtime_ns for path in files}


def _contracts(city: SmallCity) -> dict[str, Contract]:
    return load_contracts(city.settings.contracts)
