"""Loading and landing: once whatever happens, whole or not at all, and order that does not matter."""

import itertools
import os
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from citylake.contracts.model import Contract
from citylake.lake.deliveries import Manifest, delivery_folder, read_ledger
from citylake.lake.errors import UsageError
from citylake.lake.landed import LandedFile
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.landing import date_in_name, land, scan_landing
from ingestion.loading import FileChanged, Step, load_delivery
from tests.ingestion.support import write_contract

DAY = date(2026, 11, 20)
GOOD = "编号,数量\n1,10\n2,20\n3,bad\n"
STEPS: tuple[Step, ...] = ("examined", "written", "quarantined", "cleared", "loaded")


class PowerCut(BaseException):
    """What ends a process at once: nothing catches it."""


def file_with(folder: Path, content: str) -> Path:
    path = folder / f"export_{abs(hash(content))}.csv"
    path.write_text(content, "utf-8")
    return path


def deliver(
    settings: Settings, contract: Contract, content: str, day: date = DAY, revision: int | None = None
) -> Manifest:
    landed = land(settings, file_with(settings.home.parent, content), contract, day, revision=revision)
    return load_delivery(settings, contract, landed, "run")


def accepted(settings: Settings, manifest: Manifest) -> list[tuple[str, int]]:
    folder = delivery_folder(Zones.of(settings).raw, manifest.dataset, manifest.extract_date, manifest.sha256)
    return pl.read_parquet(folder / "accepted.parquet").select("thing_id", "count").rows()


def tree(settings: Settings) -> set[str]:
    zones = Zones.of(settings)
    return {
        str(path.relative_to(zones.home))
        for zone in (zones.raw, zones.quarantine, zones.scratch)
        for path in zone.rglob("*")
    }


def test_every_row_read_is_accepted_or_quarantined_and_both_are_on_disk(settings: Settings, thing: Contract) -> None:
    # A manifest that counts what it did not write would hide every loss.
    manifest = deliver(settings, thing, GOOD)
    assert (manifest.rows_read, manifest.rows_accepted, manifest.rows_quarantined) == (3, 2, 1)
    assert accepted(settings, manifest) == [("1", 10), ("2", 20)]
    quarantine = delivery_folder(Zones.of(settings).quarantine, manifest.dataset, DAY, manifest.sha256)
    rows = pl.read_parquet(quarantine / "rejected.parquet")
    assert rows.select("delivery_id", "line", "rule", "record").rows() == [
        (manifest.delivery_id, 4, "count.type", '{"编号":"3","数量":"bad"}')
    ]


def test_the_parquet_that_staging_reads_has_the_agreed_columns(settings: Settings, thing: Contract) -> None:
    # dbt reads these by name and type.
    manifest = deliver(settings, thing, GOOD)
    folder = delivery_folder(Zones.of(settings).raw, manifest.dataset, DAY, manifest.sha256)
    assert dict(pl.read_parquet_schema(folder / "accepted.parquet")) == {
        "thing_id": pl.String,
        "count": pl.Int64,
        "_line": pl.Int64,
        "_warnings": pl.List(pl.String),
        "_delivery_id": pl.String,
        "_extract_date": pl.Date,
    }


def test_a_delivery_sent_twice_is_loaded_once(settings: Settings, thing: Contract) -> None:
    # A department that sends a file again would double every count.
    first = deliver(settings, thing, GOOD)
    before = tree(settings)
    assert deliver(settings, thing, GOOD) == first
    assert tree(settings) == before
    assert len(list((Zones.of(settings).landing / "office" / "thing").iterdir())) == 1


def test_a_correction_supersedes_in_whatever_order_the_two_are_loaded(settings: Settings, thing: Contract) -> None:
    # Ordered by load time, a correction that is loaded first would lose.
    zones = Zones.of(settings)
    files = [
        land(settings, file_with(settings.home.parent, content), thing, DAY)
        for content in ("编号,数量\n1,1\n", "编号,数量\n1,2\n")
    ]
    assert [landed.revision for landed in files] == [0, 1]
    for order in itertools.permutations(files):
        shutil.rmtree(zones.raw)
        zones.raw.mkdir()
        for landed in order:
            load_delivery(settings, thing, landed, "run")
        ledger = read_ledger(zones).sort("revision")
        assert ledger["status"].to_list() == ["superseded", "in_force"]


def test_a_correction_can_be_taken_back_by_sending_the_first_file_again(settings: Settings, thing: Contract) -> None:
    # Known by its hash alone, the first file would be ignored and the wrong correction stay in force.
    first, second = "编号,数量\n1,1\n", "编号,数量\n1,2\n"
    for content in (first, second, first):
        deliver(settings, thing, content)
    in_force = read_ledger(Zones.of(settings)).filter(pl.col("status") == "in_force")
    assert in_force["revision"].to_list() == [2]
    assert in_force["sha256"].item() == deliver(settings, thing, first).sha256


def test_content_that_came_in_several_files_is_hashed_once_for_each(settings: Settings, thing: Contract) -> None:
    # Known by one of its files alone, the others would be new for ever: hashed each night, and a run for each look.
    first, second = "编号,数量\n1,1\n", "编号,数量\n1,2\n"
    for content in (first, second, first):
        deliver(settings, thing, content)
    folder = Zones.of(settings).landing / "office" / "thing"
    (folder / "thing_20261120.synthetic.csv").write_text(first, "utf-8")
    os.utime(folder / "thing_20261120_r1.csv")
    found = scan_landing(settings, {thing.dataset: thing}).new[thing.dataset]
    assert {landed.path.name for landed in found} == {"thing_20261120.synthetic.csv", "thing_20261120_r1.csv"}
    for landed in found:
        load_delivery(settings, thing, landed, "run")
    assert not scan_landing(settings, {thing.dataset: thing}).new
    assert read_ledger(Zones.of(settings)).sort("revision")["revision"].to_list() == [1, 2]


def test_the_same_content_delivered_as_real_under_a_higher_revision_is_real(
    settings: Settings, thing: Contract
) -> None:
    # A trial with a real file, marked as synthetic, would mark the city's real figures for ever.
    file = file_with(settings.home.parent, GOOD)
    trial = land(settings, file, thing, DAY, synthetic=True)
    assert load_delivery(settings, thing, trial, "trial").origin == "synthetic"
    real = land(settings, file, thing, DAY)
    assert real.revision == 1
    manifest = load_delivery(settings, thing, real, "real")
    assert (manifest.origin, manifest.revision, manifest.run_id) == ("real", 1, "trial")
    assert read_ledger(Zones.of(settings)).select("origin", "status").rows() == [("real", "in_force")]


def test_content_that_is_real_and_synthetic_at_once_is_synthetic_in_whatever_order_the_two_are_loaded(
    settings: Settings, thing: Contract
) -> None:
    # Decided by which file is read first, one night's release would be marked real and a rebuild's synthetic.
    folder = Zones.of(settings).landing / "office" / "thing"
    folder.mkdir(parents=True)
    names = ["thing_20261120.csv", "thing_20261120.synthetic.csv"]
    for name in names:
        (folder / name).write_text(GOOD, "utf-8")
    for order in itertools.permutations(names):
        shutil.rmtree(Zones.of(settings).raw)
        Zones.of(settings).raw.mkdir()
        for name in order:
            landed = LandedFile.parse(folder / name, "office")
            assert landed is not None
            load_delivery(settings, thing, landed, "run")
        assert read_ledger(Zones.of(settings))["origin"].to_list() == ["synthetic"]


def test_as_of_a_day_a_correction_that_is_taken_back_later_is_in_force(settings: Settings, thing: Contract) -> None:
    # Judged by its last file alone, what came first would have overruled, that day, a correction that came after it.
    days = [datetime(2026, 11, 20 + number, tzinfo=UTC) for number in range(3)]
    for content, day in zip(("编号,数量\n1,1\n", "编号,数量\n1,2\n", "编号,数量\n1,1\n"), days, strict=True):
        landed = land(settings, file_with(settings.home.parent, content), thing, DAY)
        os.utime(landed.path, (day.timestamp(), day.timestamp()))
        load_delivery(settings, thing, landed, "run")
    in_force = [
        read_ledger(Zones.of(settings), day.date()).filter(pl.col("status") == "in_force")["revision"].to_list()
        for day in days
    ]
    assert in_force == [[0], [1], [2]]


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_loses_and_doubles_nothing(step: Step, settings: Settings, thing: Contract) -> None:
    # Whatever is half done when the power fails must neither count nor stand in the way.
    zones = Zones.of(settings)
    landed = land(settings, file_with(settings.home.parent, GOOD), thing, DAY)

    def cut(done: Step) -> None:
        if done == step:
            shutil.copytree(zones.home, zones.home.parent / "as_it_stood")
            raise PowerCut

    with pytest.raises(PowerCut):
        load_delivery(settings, thing, landed, "first", after=cut)
    # A killed process runs no clean-up: go back to exactly what lay on disk at that moment.
    shutil.rmtree(zones.home)
    (zones.home.parent / "as_it_stood").rename(zones.home)

    is_there = bool(read_ledger(zones).height)
    assert is_there == (step == "loaded")
    new = scan_landing(settings, {thing.dataset: thing}).new
    assert bool(new) != is_there
    manifest = load_delivery(settings, thing, landed, "second")
    assert manifest.run_id == ("first" if is_there else "second")
    assert accepted(settings, manifest) == [("1", 10), ("2", 20)]
    assert len(list(zones.raw.rglob("manifest.json"))) == 1
    assert len(list(zones.quarantine.rglob("rejected.parquet"))) == 1


def test_loading_leaves_nothing_in_scratch_even_when_it_fails(settings: Settings, thing: Contract) -> None:
    # Person data left in scratch would outlive its delivery.
    landed = land(settings, file_with(settings.home.parent, GOOD), thing, DAY)

    def fail(_: Step) -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        load_delivery(settings, thing, landed, "run", after=fail)
    load_delivery(settings, thing, landed, "run")
    assert not list(Zones.of(settings).scratch.iterdir())


def test_what_a_killed_load_left_aside_is_cleared_by_the_next(settings: Settings, thing: Contract) -> None:
    # Rejected rows hold persons; left in scratch, nobody would ever delete them.
    scratch = Zones.of(settings).scratch
    (scratch / "load.killed").mkdir()
    (scratch / "load.killed" / "rejected.parquet").write_bytes(b"rows")
    load_delivery(settings, thing, land(settings, file_with(settings.home.parent, GOOD), thing, DAY), "run")
    assert not list(scratch.iterdir())


def test_a_file_that_is_still_being_written_is_left_for_later(settings: Settings, thing: Contract) -> None:
    # Half a file, loaded as a whole, is half a city.
    landed = land(settings, file_with(settings.home.parent, GOOD), thing, DAY)

    def go_on_writing(step: Step) -> None:
        if step == "examined":
            with landed.path.open("a", encoding="utf-8") as file:
                file.write("4,40\n")

    with pytest.raises(FileChanged):
        load_delivery(settings, thing, landed, "run", after=go_on_writing)
    assert read_ledger(Zones.of(settings)).is_empty()
    assert load_delivery(settings, thing, landed, "run").rows_read == 4


def test_a_refused_delivery_says_why_and_keeps_no_accepted_rows(settings: Settings, thing: Contract) -> None:
    # Part of a refused file, loaded, would be worse than yesterday's whole one.
    manifest = deliver(settings, thing, "编号,数量\n1,x\n2,y\n3,3\n")
    assert manifest.status == "refused"
    assert manifest.refusal is not None
    assert manifest.refusal.rule == "file.tolerance"
    assert (manifest.rows_read, manifest.rows_accepted, manifest.rows_quarantined) == (3, 0, 2)
    assert not list(Zones.of(settings).raw.rglob("*.parquet"))
    assert read_ledger(Zones.of(settings))["status"].to_list() == ["refused"]


def test_a_file_that_cannot_be_read_is_refused_and_not_tried_again(settings: Settings, thing: Contract) -> None:
    # Retried every night, one bad file would fill the log for ever.
    manifest = deliver(settings, thing, "数量\n1\n")
    assert manifest.refusal is not None
    assert (manifest.refusal.rule, manifest.rows_read) == ("file.missing_column", None)
    assert "编号" in manifest.refusal.zh
    assert not scan_landing(settings, {thing.dataset: thing}).new


def test_a_refused_file_is_judged_anew_under_a_new_version_of_its_contract(settings: Settings, thing: Contract) -> None:
    # Once the contract is mended, the department should not have to send the same file under another name.
    deliver(settings, thing, "编号,数量\n1,x\n2,y\n3,3\n")
    mended = write_contract(settings.contracts, version="1.1.0", tolerance=0.9)
    (landed,) = scan_landing(settings, {mended.dataset: mended}).new[mended.dataset]
    manifest = load_delivery(settings, mended, landed, "run")
    assert (manifest.status, manifest.rows_accepted, manifest.rows_quarantined) == ("accepted", 1, 2)
    assert not scan_landing(settings, {mended.dataset: mended}).new


def test_what_is_loaded_is_not_read_again(settings: Settings, thing: Contract) -> None:
    # Hashing all of landing every night would cost more than the night.
    deliver(settings, thing, GOOD)
    (file,) = (Zones.of(settings).landing / "office" / "thing").iterdir()
    facts = file.stat()
    file.write_text(GOOD.replace("10", "99"), "utf-8")
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert not scan_landing(settings, {thing.dataset: thing}).new
    os.utime(file)
    assert scan_landing(settings, {thing.dataset: thing}).new


def test_a_link_in_landing_is_a_stranger(settings: Settings, thing: Contract, tmp_path: Path) -> None:
    # A department's account could have the lake's owner read another department's file, or the vault, for it.
    secret = tmp_path / "secret"
    secret.write_text(GOOD, "utf-8")
    link = Zones.of(settings).landing / "office" / "thing" / "thing_20261121.csv"
    link.parent.mkdir(parents=True)
    link.symlink_to(secret)
    found = scan_landing(settings, {thing.dataset: thing})
    assert found.unrecognised == [link]
    assert not found.new


def test_a_folder_that_is_a_link_is_not_entered(settings: Settings, thing: Contract, tmp_path: Path) -> None:
    # As with a file: whoever may write into landing could have the lake's owner read another folder for him.
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "thing_20261121.csv").write_text(GOOD, "utf-8")
    link = Zones.of(settings).landing / "office" / "thing"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "secret")
    assert not scan_landing(settings, {thing.dataset: thing}).new


def test_a_killed_copy_leaves_nothing_behind_once_the_file_has_come(settings: Settings, thing: Contract) -> None:
    # Under a name of chance, every kill would leave a copy of an extract, with all that it says of people, for good.
    folder = Zones.of(settings).landing / "office" / "thing"
    folder.mkdir(parents=True)
    (folder / ".thing_20261120.csv.part").write_text("half of it", "utf-8")
    landed = land(settings, file_with(settings.home.parent, GOOD), thing, DAY)
    assert list(folder.iterdir()) == [landed.path]
    assert landed.path.read_text("utf-8") == GOOD


def test_the_next_revision_follows_every_file_that_ever_brought_one(settings: Settings, thing: Contract) -> None:
    # One content under two revisions has one manifest; a number given out twice would make two contents one delivery.
    deliver(settings, thing, GOOD)
    deliver(settings, thing, "编号,数量\n8,8\n")
    deliver(settings, thing, GOOD, revision=2)
    for path in (Zones.of(settings).landing / "office" / "thing").iterdir():
        path.unlink()
    assert deliver(settings, thing, "编号,数量\n9,9\n").revision == 3


def test_landing_is_scanned_in_order_and_strangers_are_reported(settings: Settings, thing: Contract) -> None:
    # A file in the wrong folder, or with a slip in its name, must not be ignored in silence.
    folder = Zones.of(settings).landing / "office" / "thing"
    folder.mkdir(parents=True)
    names = ["thing_20261121.csv", "thing_20261120_r1.csv", "thing_20261120.synthetic.csv.gz"]
    strangers = ["thing_20261399.csv", "other_20261121.csv", "notes.txt"]
    unfinished = ["thing_20261122.csv.part", "thing_20261122.csv.tmp", ".hidden"]
    for name in names + strangers + unfinished:
        (folder / name).write_text("x")
    (folder.parent / "thing_20261121.csv").write_text("one folder too high")
    found = scan_landing(settings, {thing.dataset: thing})
    assert [landed.path.name for landed in found.new[thing.dataset]] == [names[2], names[1], names[0]]
    assert [landed.origin for landed in found.new[thing.dataset]] == ["synthetic", "real", "real"]
    assert {path.name for path in found.unrecognised} == {*strangers, "thing_20261121.csv"}


def test_files_arrive_whole_under_their_canonical_name_for_the_owner_alone(settings: Settings, thing: Contract) -> None:
    # A name that appears before its content is a file that a sensor loads too early.
    os.umask(0o022)
    landed = land(settings, file_with(settings.home.parent, GOOD), thing, DAY, synthetic=True)
    assert landed == LandedFile(
        dataset="office.thing",
        extract_date=DAY,
        origin="synthetic",
        path=landed.path.parent / "thing_20261120.synthetic.csv",
    )
    assert landed.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in landed.path.parent.iterdir()] == [landed.path.name]


def test_a_revision_that_is_taken_is_not_overwritten(settings: Settings, thing: Contract) -> None:
    # Landing is never changed: what was delivered must stay provable.
    deliver(settings, thing, GOOD, revision=3)
    with pytest.raises(UsageError, match="taken"):
        deliver(settings, thing, "编号,数量\n9,9\n", revision=3)
    assert deliver(settings, thing, "编号,数量\n9,9\n").revision == 4


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("export_20261121.csv", date(2026, 11, 21)),
        ("案件2026-11-21.jsonl.gz", date(2026, 11, 21)),
        ("export_20261399.csv", None),
        ("wuxi_enterprises.csv.gz", None),
        ("id_3202112026112100.csv", None),
    ],
)
def test_the_day_is_taken_from_a_file_s_name_only_when_it_is_one(name: str, expected: date | None) -> None:
    # A serial number taken for a date would file the extract under a day that nobody meant.
    assert date_in_name(name) == expected
