"""Replay: landing under today's contract, each delivery wholly the old one or wholly the new, whatever kills it."""

import shutil
from datetime import date, timedelta

import polars as pl
import pytest

from citylake.contracts.model import Contract, Drift
from citylake.lake.deliveries import Manifest, find_delivery, manifests, read_ledger, reinstate, withdraw
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.landing import land, scan_landing
from ingestion.loading import Step, load_delivery
from ingestion.quarantine import read_quarantine
from ingestion.replaying import Replayed, replay
from tests.ingestion.support import write_contract

DAY = date(2026, 11, 20)
GOOD = "编号,数量,新\n1,10,甲\n2,20,乙\n3,bad,丙\n"
STEPS: tuple[Step, ...] = ("examined", "written", "quarantined", "placed", "loaded", "swept")


class PowerCut(BaseException):
    """What ends a process at once: nothing catches it."""


def deliver(settings: Settings, contract: Contract, content: str, day: date = DAY) -> Manifest:
    file = settings.home.parent / "export.csv"
    file.write_text(content, "utf-8")
    return load_delivery(settings, contract, land(settings, file, contract, day), "night")


def mended(settings: Settings, *, tolerance: float = 0.5, version: str = "2.0.0", drift: Drift = "evolve") -> Contract:
    """The contract with a text for a count, so that every row passes, or with what is asked for."""
    write_contract(settings.contracts, version, tolerance)
    path = settings.contracts / "office" / "thing.odcs.yaml"
    text = path.read_text("utf-8").replace("count, physicalName: 数量", "amount, physicalName: 数量")
    text = text.replace("数量 Count, logicalType: integer", "数量 Count, logicalType: string")
    text = text.replace("customProperties:", f"customProperties:\n  - {{property: drift, value: {drift}}}")
    path.write_text(text, "utf-8")
    from citylake.contracts.model import load_contract  # past the cache of load_contracts

    return load_contract(path)


def replayed(settings: Settings, contract: Contract, **wishes: bool | date) -> list[Replayed]:
    return list(replay(settings, contract, "replay", **wishes))  # type: ignore[arg-type]


def in_force(settings: Settings) -> list[list[str]]:
    """The accepted rows that staging would read, as texts."""
    paths = read_ledger(Zones.of(settings)).filter(pl.col("status") == "in_force")["path"].sort()
    return [pl.read_parquet(path).select(pl.nth(1).cast(pl.String)).to_series().to_list() for path in paths]


def quarantined(settings: Settings) -> int:
    return read_quarantine(Zones.of(settings), "office.thing").collect().height


def test_a_mended_contract_gives_every_delivery_the_result_that_it_has_today(
    settings: Settings, thing: Contract
) -> None:
    # Mended for new deliveries alone, the rows that the old rule kept out would be missing for ever.
    before = deliver(settings, thing, GOOD)
    (one,) = replayed(settings, mended(settings))
    assert (one.outcome, one.before.rows_accepted, one.delivery.rows_accepted) == ("replaced", 2, 3)
    assert in_force(settings) == [["10", "20", "bad"]]
    assert quarantined(settings) == 0
    assert (one.delivery.arrivals, one.delivery.delivery_id) == (before.arrivals, before.delivery_id)
    assert len(list(Zones.of(settings).raw.rglob("*.parquet"))) == 1
    assert not list(Zones.of(settings).quarantine.rglob("*.parquet"))
    assert not scan_landing(settings, {thing.dataset: thing}).new


def test_what_a_delivery_came_to_before_stays_on_record(settings: Settings, thing: Contract) -> None:
    # Figures of a release that was published then could not be explained any more.
    deliver(settings, thing, GOOD)
    replayed(settings, mended(settings))
    replayed(settings, write_contract(settings.contracts, "3.0.0"))
    manifest = find_delivery(Zones.of(settings), "office.thing")[0]
    record = [(one.contract_version, one.rows_accepted, one.rows_quarantined) for one in manifest.earlier_results]
    assert record == [("1.0.0", 2, 1), ("2.0.0", 3, 0)]
    assert {one.loaded_by for one in manifest.earlier_results} == {manifest.loaded_by} != {None}
    assert (manifest.contract_version, in_force(settings), quarantined(settings)) == ("3.0.0", [["10", "20"]], 1)


def test_a_replay_that_changes_nothing_writes_nothing(settings: Settings, thing: Contract) -> None:
    # Staging would build everything anew, and the record would fill with results that are the same.
    deliver(settings, thing, GOOD)
    again = mended(settings)
    replayed(settings, again)
    before = {path: path.stat().st_mtime_ns for path in Zones.of(settings).raw.rglob("*")}
    assert [one.outcome for one in replayed(settings, again)] == ["unchanged"]
    assert {path: path.stat().st_mtime_ns for path in Zones.of(settings).raw.rglob("*")} == before


def test_rows_that_change_under_the_same_counts_are_replaced(settings: Settings, thing: Contract) -> None:
    # A value that is cleaned otherwise, in a contract whose version nobody raised, would never be seen.
    deliver(settings, thing, "编号,数量\n1,1\n2,x\n")
    text = mended(settings, version="1.0.0", drift="freeze")
    (one,) = replayed(settings, text)
    assert (one.outcome, in_force(settings)) == ("replaced", [["1", "x"]])
    kept = mended(settings, version="1.0.0", drift="evolve")
    assert [one.outcome for one in replayed(settings, kept)] == ["replaced"]


def test_a_new_column_is_kept_by_a_replay_once_the_contract_evolves(settings: Settings, thing: Contract) -> None:
    # A contract changed to evolve would keep the column of new deliveries alone.
    deliver(settings, thing, GOOD)
    (one,) = replayed(settings, mended(settings))
    assert (one.delivery.drift, one.delivery.new_columns) == ("evolve", ["新"])
    (path,) = read_ledger(Zones.of(settings))["path"]
    assert pl.read_parquet(path)["_new_columns"].to_list() == ['{"新":"甲"}', '{"新":"乙"}', '{"新":"丙"}']


def test_what_would_be_refused_today_stays_in_force_until_somebody_accepts_that(
    settings: Settings, thing: Contract
) -> None:
    # One slip in a mended contract would take years of deliveries out of the city's figures in a night.
    deliver(settings, thing, GOOD)
    strict = write_contract(settings.contracts, "2.0.0", tolerance=0.1)
    (one,) = replayed(settings, strict)
    assert one.found is not None
    assert (one.outcome, one.found.status, one.delivery.status) == ("kept", "refused", "accepted")
    assert in_force(settings) == [["10", "20"]]
    (one,) = replayed(settings, strict, accept_refusals=True)
    assert (one.outcome, one.delivery.status, in_force(settings)) == ("replaced", "refused", [])
    assert [result.rows_accepted for result in one.delivery.earlier_results] == [2]
    assert not list(Zones.of(settings).raw.rglob("*.parquet"))
    assert not scan_landing(settings, {thing.dataset: strict}).new
    assert [one.outcome for one in replayed(settings, mended(settings))] == ["replaced"]
    assert in_force(settings) == [["10", "20", "bad"]]


def test_a_withdrawn_delivery_is_replayed_and_stays_withdrawn(settings: Settings, thing: Contract) -> None:
    # A decision of somebody's must survive, and a reinstated delivery must not bring an old contract's rows back.
    deliver(settings, thing, GOOD)
    withdraw(Zones.of(settings), "office.thing", "报错文件", "officer")
    replayed(settings, mended(settings))
    assert in_force(settings) == []
    assert find_delivery(Zones.of(settings), "office.thing")[2][0].reason == "报错文件"
    reinstate(Zones.of(settings), "office.thing", "核实无误", "officer")
    assert in_force(settings) == [["10", "20", "bad"]]


def test_a_delivery_whose_file_left_landing_is_named_and_left(settings: Settings, thing: Contract) -> None:
    # Landing may be kept for a year only; and another content under the same name is another delivery.
    deliver(settings, thing, GOOD)
    (file,) = Zones.of(settings).landing.rglob("*.csv")
    file.write_text("编号,数量\n9,9\n", "utf-8")
    assert [one.outcome for one in replayed(settings, mended(settings))] == ["absent"]
    file.unlink()
    assert [one.outcome for one in replayed(settings, mended(settings))] == ["absent"]
    assert in_force(settings) == [["10", "20"]]


def test_only_deliveries_of_the_asked_days_are_replayed(settings: Settings, thing: Contract) -> None:
    # A column that came last month is no reason to read ten years again.
    for number in range(3):
        deliver(settings, thing, GOOD.replace("10", f"1{number}"), DAY + timedelta(number))
    days = [one.delivery.extract_date.day for one in replayed(settings, mended(settings), since=DAY + timedelta(1))]
    assert days == [21, 22]


def test_a_refusal_that_is_judged_anew_by_a_night_goes_on_record_too(settings: Settings, thing: Contract) -> None:
    # The department was told that its file was refused: that must stay provable once it is accepted.
    deliver(settings, thing, "编号,数量\n1,x\n2,y\n3,3\n")
    again = mended(settings)
    (landed,) = scan_landing(settings, {again.dataset: again}).new[again.dataset]
    manifest = load_delivery(settings, again, landed, "second night")
    assert [(one.status, one.rows_quarantined) for one in manifest.earlier_results] == [("refused", 2)]
    assert (in_force(settings), quarantined(settings)) == ([["x", "y", "3"]], 0)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_mended", [True, False])
def test_a_replay_killed_at_any_step_leaves_one_result_whole_and_is_finished_by_the_next(
    step: Step,
    is_mended: bool,  # noqa: FBT001  # a case
    settings: Settings,
    thing: Contract,
) -> None:
    # Rows of one result under the counts of another, or a delivery that is gone with its decisions, cannot be mended.
    zones = Zones.of(settings)
    deliver(settings, thing if is_mended else mended(settings), GOOD)
    withdraw(zones, "office.thing", "报错文件", "officer")
    reinstate(zones, "office.thing", "核实无误", "officer")
    today = mended(settings) if is_mended else write_contract(settings.contracts, "3.0.0")
    results = {True: ([["10", "20", "bad"]], 0), False: ([["10", "20"]], 1)}

    def cut(done: Step) -> None:
        if done == step:
            shutil.copytree(zones.home, zones.home.parent / "as_it_stood")
            raise PowerCut

    with pytest.raises(PowerCut):
        list(replay(settings, today, "killed", after=cut))
    # A killed process runs no clean-up: go back to exactly what lay on disk at that moment.
    shutil.rmtree(zones.home)
    (zones.home.parent / "as_it_stood").rename(zones.home)

    is_through = step in ("loaded", "swept")
    ((manifest, _, decisions),) = manifests(zones)
    assert (in_force(settings), quarantined(settings)) == results[is_mended == is_through]
    assert (manifest.rows_accepted, manifest.rows_quarantined) == ((3, 0) if is_mended == is_through else (2, 1))
    assert len(decisions) == 2
    (one,) = replay(settings, today, "again")
    assert one.outcome == ("unchanged" if is_through else "replaced")
    assert (in_force(settings), quarantined(settings)) == results[is_mended]
    assert len(one.delivery.earlier_results) == 1
    assert len(list(zones.raw.rglob("*.parquet"))) == 1
    assert len(list(zones.quarantine.rglob("*.parquet"))) == results[is_mended][1]
