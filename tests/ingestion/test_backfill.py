"""Folders of extracts: what is recognised in them, and bringing them in however often it is interrupted."""

import os
import random
import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from citylake.contracts.model import Contract
from citylake.lake.deliveries import manifests
from citylake.lake.errors import LockHeld, UsageError
from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.backfill import Brought, bring, look_through
from ingestion.landing import land_content
from ingestion.loading import load_delivery

HEADER = "编号,数量\n"


@pytest.fixture
def folder(thing: Contract, tmp_path: Path) -> Path:
    """Where extracts of the one dataset come from."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


def write(folder: Path, name: str, body: str = "1,1\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + body, "utf-8")
    return path


def days(folder: Path, count: int) -> None:
    for day in range(1, count + 1):
        write(folder, f"thing_202611{day:02d}.csv", f"{day},1\n")


def run(settings: Settings, folder: Path, dataset: str | None = None) -> list[Brought]:
    told: list[Brought] = []
    bring(settings, look_through(settings, folder, dataset)[0], "run", told.append, pause=lambda _: None)
    return told


def state(settings: Settings) -> list[tuple[str, date, int, str, str]]:
    """What the ledger is derived from, run and times aside."""
    return [
        (m.sha256, m.extract_date, one.revision, one.file_name, m.status)
        for m, _, _ in manifests(Zones.of(settings))
        for one in m.arrivals
    ]


def test_names_as_in_landing_are_recognised_wherever_they_lie(settings: Settings, folder: Path) -> None:
    # A slip in recognising a name files a correction as a first delivery, or made-up rows as real ones.
    write(folder, "thing_20261101.csv")
    write(folder, "office/thing/thing_20261102_r3.synthetic.csv")
    write(folder, "2024/thing_20261103.csv.gz")
    found, left = look_through(settings, folder)
    assert {(one.extract_date.day, one.revision, one.origin) for one in found} == {
        (3, 0, "real"),
        (2, 3, "synthetic"),
        (1, 0, "real"),
    }
    assert left == []


def test_what_is_not_recognised_is_listed_and_left(settings: Settings, folder: Path) -> None:
    # A file passed over in silence is a day that is missing from the marts, and nobody knows.
    names = ["notes.txt", "other_20261101.csv", "thing_20261399.csv", "thing.csv"]
    for name in names:
        write(folder, name)
    (folder / "thing_20261104.csv").symlink_to(write(folder, "thing_20261105.csv"))
    for name in (".thing_20261106.csv", "thing_20261107.csv.part"):
        write(folder, name)
    found, left = look_through(settings, folder)
    assert [one.path.name for one in found] == ["thing_20261105.csv"]
    assert sorted(one.path.name for one in left) == sorted([*names, "thing_20261104.csv"])
    assert run(settings, folder)[0].manifest is not None
    assert all((folder / name).exists() for name in names)


def test_what_is_no_file_is_said_to_be_none(settings: Settings, folder: Path) -> None:
    # Silence about an extract that is a pipe, or a link to nothing, is a day missing; to open a pipe waits for ever.
    os.mkfifo(folder / "thing_20261101.csv")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "thing_20261102.csv"))
    (folder / "thing_20261103.csv").symlink_to(folder / "nowhere")
    (folder / "thing_20261104").symlink_to(folder.parent, target_is_directory=True)
    found, left = look_through(settings, folder)
    assert found == []
    assert [(one.path.name, one.reason.en) for one in left] == [
        ("thing_20261101.csv", "it is not a file, but a pipe, a socket or a device"),
        ("thing_20261102.csv", "it is not a file, but a pipe, a socket or a device"),
        ("thing_20261103.csv", "it is a link"),
        ("thing_20261104", "it is a link"),
    ]


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_file_that_became_a_link_or_a_pipe_before_its_turn_is_not_read(
    settings: Settings, folder: Path, kind: str
) -> None:
    # Whoever may write in the folder would have the lake's owner read what only the owner may; or wait for ever.
    file, other = write(folder, "thing_20261101.csv"), write(folder.parent, "private.csv", "7,7\n")
    found, _ = look_through(settings, folder)
    file.unlink()
    file.symlink_to(other) if kind == "link" else os.mkfifo(file)
    told: list[Brought] = []
    bring(settings, found, "run", told.append)
    assert [(one.manifest, one.reason is not None) for one in told] == [(None, True)]
    assert state(settings) == []
    assert [path for path in Zones.of(settings).landing.rglob("*") if path.is_file()] == []


def test_under_a_dataset_any_name_with_a_day_will_do(settings: Settings, folder: Path) -> None:
    # Departments name files as they like; a revision or origin that a name does give is not to be lost.
    write(folder, "事物 2026-11-01.csv")
    write(folder, "export_20261102_r2.csv")
    write(folder, "export.csv")
    found, left = look_through(settings, folder, "office.thing", synthetic=True)
    assert {(one.extract_date.day, one.revision, one.origin) for one in found} == {
        (1, 0, "synthetic"),
        (2, 2, "synthetic"),
    }
    assert [one.path.name for one in left] == ["export.csv"]
    with pytest.raises(UsageError, match=r"office\.thing"):
        look_through(settings, folder, "office.nothing")


def test_two_departments_may_have_a_dataset_of_one_name_which_the_folder_tells_apart(
    settings: Settings, folder: Path
) -> None:
    # Taken for the first of the two, one department's rows would be judged by the other's contract.
    text = (settings.contracts / "office" / "thing.odcs.yaml").read_text("utf-8")
    (settings.contracts / "bureau").mkdir()
    (settings.contracts / "bureau" / "thing.odcs.yaml").write_text(text.replace("office", "bureau"), "utf-8")
    write(folder, "bureau/thing/thing_20261101.csv")
    write(folder, "thing_20261101.csv")
    found, left = look_through(settings, folder)
    assert [one.contract.dataset for one in found] == ["bureau.thing"]
    assert [one.path.name for one in left] == ["thing_20261101.csv"]


def test_which_of_two_files_of_one_day_corrects_the_other_is_not_guessed(settings: Settings, folder: Path) -> None:
    # Whichever came last would win, and a restart might turn them round.
    write(folder, "a/thing_20261101.csv", "1,1\n")
    write(folder, "b/thing_20261101.csv", "1,2\n")
    found, left = look_through(settings, folder)
    assert found == []
    assert len(left) == 2


def test_a_folder_brings_each_delivery_once_however_often_it_is_brought(settings: Settings, folder: Path) -> None:
    # Corrections, a refused file, the same content twice: a second start must find all of it known.
    days(folder, 3)
    write(folder, "thing_20261102_r1.csv", "2,5\n")
    write(folder, "thing_20261103_r1.csv", "3,1\n")
    write(folder, "thing_20261104.csv", "4,x\n")
    first = run(settings, folder)
    assert [one.is_known for one in first].count(False) == 5
    assert [one.file.path.name for one in first if one.manifest and one.manifest.refusal] == ["thing_20261104.csv"]
    known = state(settings)
    again = run(settings, folder)
    assert all(one.is_known for one in again)
    assert [one.file.path.name for one in again if one.manifest and one.manifest.refusal] == ["thing_20261104.csv"]
    assert state(settings) == known


def test_a_file_whose_revision_is_taken_by_other_content_stops_nobody_else(settings: Settings, folder: Path) -> None:
    # Landing is never changed; one department's slip must not keep the others' years out.
    days(folder, 1)
    run(settings, folder)
    write(folder, "thing_20261101.csv", "9,9\n")
    write(folder, "thing_20261102.csv", "2,1\n")
    taken, good = run(settings, folder)
    assert taken.manifest is None
    assert taken.reason is not None
    assert "_r1" in taken.reason.en
    assert good.manifest is not None


class Died(BaseException):
    """Stands for a kill or Ctrl-C: nothing catches it."""


@pytest.mark.parametrize("seed", range(3))
def test_an_interrupted_backfill_goes_on_where_it_was(
    seed: int, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The real thing, killed processes and all, is tests/integration/test_backfill.py; here it dies at every file's
    # most awkward moments: before it is in landing, between landing and loading, before it is told.
    days(folder, 8)
    write(folder, "thing_20261103_r1.csv", "3,7\n")
    chance = random.Random(seed)

    def dying(step: Callable[..., Any]) -> Callable[..., Any]:
        def act(*given: Any, **named: Any) -> Any:
            if chance.random() < 0.3:
                raise Died
            done = step(*given, **named)
            if chance.random() < 0.3:
                raise Died
            return done

        return act

    monkeypatch.setattr("ingestion.backfill.land_content", dying(land_content))
    monkeypatch.setattr("ingestion.backfill.load_delivery", dying(load_delivery))
    deaths, told = 0, list[Brought]()
    while len(told) < 9:
        try:
            told = run(settings, folder)
        except Died:
            deaths += 1
    assert deaths > 1
    monkeypatch.undo()
    undisturbed = settings.model_copy(update={"home": tmp_path / "undisturbed"})
    run(undisturbed, folder)
    assert state(settings) == state(undisturbed)
    landing = Zones.of(settings).landing
    assert sorted(path.name for path in landing.rglob("*.*")) == sorted(path.name for path in folder.iterdir())


def test_a_night_that_waits_gets_the_lock_between_two_stretches(settings: Settings, folder: Path) -> None:
    # Held for all of three years of extracts, the lock would starve the night, which waits half an hour for it.
    days(folder, 3)
    seen: list[int] = []

    def night(_: float) -> None:
        with writer_lock(settings, "the night", wait_seconds=0):
            seen.append(len(state(settings)))

    def meddle(_: Brought) -> None:
        with pytest.raises(LockHeld), writer_lock(settings, "a stranger", wait_seconds=0):
            pass

    bring(settings, look_through(settings, folder)[0], "run", meddle, stretch_seconds=0, pause=night)
    assert seen == [1, 2]
    assert len(state(settings)) == 3


def test_whoever_meets_another_writer_at_the_beginning_leaves_at_once(settings: Settings, folder: Path) -> None:
    # The one at the keyboard must learn who is at work, not wait for two hours unseen.
    days(folder, 1)
    with writer_lock(settings, "the night"), pytest.raises(LockHeld, match="the night"):
        run(settings, folder)


def test_the_cost_of_a_file_does_not_grow_with_what_was_delivered_before(settings: Settings, folder: Path) -> None:
    # With every manifest read for every file, three years would take days. What is not to be read here cannot be.
    elsewhere = Zones.of(settings).raw / "office" / "thing" / "2026-01-01" / "aaaaaaaaaaaa"
    elsewhere.mkdir(parents=True)
    (elsewhere / "manifest.json").write_text("no manifest", "utf-8")
    days(folder, 1)
    (brought,) = run(settings, folder)
    assert brought.manifest is not None
