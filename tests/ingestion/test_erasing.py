"""Erasing a person from deliveries: gone from every file, every other row as it was, whatever kills it."""

import io
import os
import shutil
from dataclasses import replace

import polars as pl
import pytest
import xlsxwriter

from citylake.contracts.model import Dialect
from citylake.lake.deliveries import read_ledger, reinstate, withdraw
from citylake.lake.erasures import Sought
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.erasing import erase_from_deliveries
from ingestion.landing import new_files
from ingestion.loading import Step, load_delivery
from ingestion.quarantine import read_quarantine
from ingestion.replaying import replay
from tests.ingestion.erasable import (
    FACTS,
    FORMATS,
    HEADINGS,
    ID,
    LEFT,
    OTHER,
    ROWS,
    SOUGHT,
    agreed,
    csv,
    deliver,
    erase,
    in_force,
    only,
    traces,
)
from tests.ingestion.support import column

STEPS: tuple[Step, ...] = ("written", "quarantined", "placed", "loaded", "swept", "settled")


class PowerCut(BaseException):
    """What ends a process at once: nothing catches it."""


@pytest.mark.parametrize("name", FORMATS)
def test_a_person_is_gone_from_a_file_of_every_format_and_no_other_row_has_moved(name: str, settings: Settings) -> None:
    # An id left in a shared text of a workbook, or line numbers that shift, so that a reason names another's row.
    dialect, write = FORMATS[name]
    thing = agreed(dialect)
    before = deliver(settings, thing, write(ROWS, dialect))
    assert before.refusal is None
    assert len(traces(settings)) >= 2
    rows_before = in_force(settings)
    erased = erase(settings, thing)
    assert traces(settings) == []
    after, rows = only(settings), in_force(settings)
    assert rows["thing_id"].to_list() == LEFT
    assert rows.equals(rows_before.filter(pl.col("thing_id").is_in(LEFT)))
    quarantined = read_quarantine(Zones.of(settings), "office.thing").collect()
    assert quarantined["record"].str.contains("P00000000006").to_list() == [True]
    assert (before.rows_read, after.rows_read, after.rows_accepted, after.rows_quarantined) == (8, 4, 3, 1)
    assert (after.rows_erased, erased.landing_lines, erased.raw_rows, erased.quarantine_rows) == (4, 4, 3, 1)
    assert (after.sha256, after.delivery_id, after.received_at) == (
        before.sha256,
        before.delivery_id,
        before.received_at,
    )
    ledger = read_ledger(Zones.of(settings))
    assert ledger.select("rows_read", "rows_accepted", "rows_quarantined", "rows_erased").row(0) == (4, 3, 1, 4)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_left_is_known_to_landing_and_comes_out_the_same_in_a_replay(name: str, settings: Settings) -> None:
    # Loaded as a new delivery, the rest would count twice; replayed, an emptied row would be a rejected one.
    dialect, write = FORMATS[name]
    thing = agreed(dialect)
    deliver(settings, thing, write(ROWS, dialect))
    erase(settings, thing)
    assert new_files(settings, thing) == []
    assert [one.outcome for one in replay(settings, thing, "replay")] == ["unchanged"]
    for path in Zones.of(settings).landing.rglob("thing_*"):
        path.touch()
    (touched,) = new_files(settings, thing)
    assert load_delivery(settings, thing, touched, "night").delivery_id == only(settings).delivery_id
    changed = replace(thing, version="2.0.0", columns=(*thing.columns[:3], column("count", heading="数量")))
    (one,) = replay(settings, changed, "replay 2")
    assert (one.outcome, one.delivery.rows_read, one.delivery.rows_accepted, one.delivery.rows_erased) == (
        *("replaced", 4, 4),
        4,
    )
    assert traces(settings) == []


def test_rows_of_other_people_keep_every_byte(settings: Settings) -> None:
    # What was delivered is evidence: only the lines concerned may change.
    thing = agreed(Dialect("csv"))
    deliver(settings, thing, csv(ROWS, thing.dialect))
    erase(settings, thing)
    (file,) = Zones.of(settings).landing.rglob("*.csv")
    kept = csv((*ROWS[5:],), thing.dialect).split(b"\r\n", 1)[1]
    head = csv((ROWS[0],), thing.dialect)
    # A record of two lines leaves the end of both.
    assert file.read_bytes() == head + b"\n\r\n" + b"\r\n" * 3 + kept


@pytest.mark.parametrize("status", ["superseded", "withdrawn", "refused"])
def test_deliveries_that_are_not_in_force_are_erased_too(status: str, settings: Settings) -> None:
    # A superseded file lies in landing for years, and comes back into force when its correction is withdrawn.
    thing = agreed(Dialect("csv"), tolerance=0.1 if status == "refused" else 1.0)
    deliver(settings, thing, csv(ROWS, thing.dialect))
    if status == "superseded":
        deliver(settings, thing, csv(ROWS[:1], thing.dialect))
    if status == "withdrawn":
        withdraw(Zones.of(settings), "office.thing", "误报", "officer")
    assert status in read_ledger(Zones.of(settings))["status"]
    assert erase(settings, thing).landing_lines == 4
    assert traces(settings) == []
    if status == "withdrawn":
        reinstate(Zones.of(settings), "office.thing", "核实", "officer")
        assert in_force(settings)["thing_id"].to_list() == LEFT


def test_a_refused_file_that_nobody_can_read_loses_its_lines_too(settings: Settings) -> None:
    # Headings were missing, so no row was ever read: the person stands in landing all the same.
    thing = agreed(Dialect("csv"))
    deliver(settings, thing, f"甲,乙\n1,{ID}\n2,P00000000003\n3,丙\n".encode())
    assert erase(settings, thing).landing_lines == 2
    assert traces(settings) == []
    (file,) = Zones.of(settings).landing.rglob("*.csv")
    assert file.read_text("utf-8") == "甲,乙\n\n\n3,丙\n"
    assert only(settings).rows_read is None


def test_an_id_in_a_column_that_nobody_agreed_on_is_found(settings: Settings) -> None:
    # Such a column stays in landing alone, where no contract looks.
    thing = agreed(Dialect("csv"))
    content = csv(ROWS[:1], thing.dialect).decode().replace("数量", "数量,新").replace(",1\r", f',1,"x\n{ID}"\r')
    deliver(settings, thing, (content + "P00000000009,,子,9,y\r\n").encode())
    erase(settings, thing)
    assert (traces(settings), in_force(settings)["thing_id"].to_list()) == ([], ["P00000000009"])


def test_a_formula_of_another_row_keeps_its_result(settings: Settings) -> None:
    # A library that loads and saves workbooks loses results, and validation would then reject the other rows.
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        page = book.add_worksheet("数据")
        page.write_row(0, 0, HEADINGS)
        page.write_row(1, 0, ("P00000000001", OTHER, "甲"))
        page.write_formula(1, 3, "=1+1", value="2")
        page.write_row(2, 0, ("P00000000002", ID, "乙", 2))
        book.add_worksheet("其他").write(0, 0, ID)
    thing = agreed(Dialect("xlsx", sheet="数据"))
    deliver(settings, thing, buffer.getvalue())
    erase(settings, thing)
    assert (traces(settings), in_force(settings)["count"].to_list()) == ([], [2])
    assert [one.outcome for one in replay(settings, thing, "replay")] == ["unchanged"]


def test_a_file_that_left_landing_is_erased_from_what_was_made_of_it(settings: Settings) -> None:
    # And once somebody puts the file back, a replay must not bring the person with it.
    thing = agreed(Dialect("csv"))
    deliver(settings, thing, csv(ROWS, thing.dialect))
    (file,) = Zones.of(settings).landing.rglob("*.csv")
    content, facts = file.read_bytes(), file.stat()
    file.unlink()
    erase(settings, thing)
    assert (traces(settings), only(settings).erasures[-1].sha256) == ([], None)
    file.write_bytes(content)
    os.utime(file, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    assert [one.outcome for one in replay(settings, thing, "replay")] == ["absent"]
    erase(settings, thing)
    assert traces(settings) == []


def test_a_second_person_is_erased_from_what_the_first_left(settings: Settings) -> None:
    # The file's hash is no longer that of the delivery: it must be known by what the first erasure left.
    thing = agreed(Dialect("csv"))
    deliver(settings, thing, csv(ROWS, thing.dialect))
    erase(settings, thing)
    second = Sought(ids=[OTHER])
    erase_from_deliveries(settings, {thing.dataset: thing}, second, replace(FACTS, erasure_id="erasure-2"))
    assert traces(settings) == traces(settings, second) == []
    manifest = only(settings)
    assert (manifest.rows_erased, manifest.rows_read, len(manifest.erasures)) == (5, 3, 2)
    assert [one.outcome for one in replay(settings, thing, "replay")] == ["unchanged"]


def test_nothing_is_written_where_the_person_is_not(settings: Settings) -> None:
    # A manifest that changed would have staging read years of deliveries again.
    thing = agreed(Dialect("csv"))
    deliver(settings, thing, csv(ROWS[-1:], thing.dialect))
    before = {path: path.stat().st_mtime_ns for path in Zones.of(settings).home.rglob("*") if path.is_file()}
    assert erase(settings, thing).landing_lines == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", ["csv in GB18030, packed", "workbook", "parquet"])
def test_an_erasure_killed_at_any_step_is_finished_by_the_next(name: str, step: Step, settings: Settings) -> None:
    # Rows gone from raw and lines left in landing, with nothing that says which, could never be found again.
    dialect, write = FORMATS[name]
    thing = agreed(dialect)
    zones = Zones.of(settings)
    deliver(settings, thing, write(ROWS, dialect))

    def cut(done: Step) -> None:
        if done == step:
            shutil.copytree(zones.home, zones.home.parent / "as_it_stood")
            raise PowerCut

    with pytest.raises(PowerCut):
        erase(settings, thing, after=cut)
    # A killed process runs no clean-up: go back to exactly what lay on disk at that moment.
    shutil.rmtree(zones.home)
    (zones.home.parent / "as_it_stood").rename(zones.home)
    manifest = only(settings)
    assert (
        manifest.rows_read
        == manifest.rows_accepted + manifest.rows_quarantined
        == in_force(settings).height + (manifest.rows_quarantined)
    )
    assert new_files(settings, thing) == []
    assert erase(settings, thing).landing_lines == 4
    assert traces(settings) == []
    assert in_force(settings)["thing_id"].to_list() == LEFT
    assert not [path for path in zones.landing.rglob(".*") if path.is_file()]
    assert [one.outcome for one in replay(settings, thing, "replay")] == ["unchanged"]


def test_a_whole_snapshot_erased_is_not_refused_by_a_replay(settings: Settings) -> None:
    # An empty snapshot would delete everything, so one is refused; but this one was delivered with rows.
    thing = agreed(Dialect("csv"), mode="snapshot")
    deliver(settings, thing, csv(ROWS[1:2], thing.dialect))
    erase(settings, thing)
    assert [one.outcome for one in replay(settings, thing, "replay", accept_refusals=True)] == ["unchanged"]


def test_what_is_printed_of_a_person_is_a_count() -> None:
    # Whoever logs an object logs its text.
    assert ID not in repr(SOUGHT) + str(SOUGHT)
