"""An erasure from being asked for to its certificate, on a small lake: killed, waited for, proved, remembered."""

import gc
import json
from datetime import date
from pathlib import Path

import pytest

from citylake.identity.resolve import resolve_identities
from citylake.lake.attach import open_lakes
from citylake.lake.deliveries import manifests
from citylake.lake.erasures import Journal, certificates, unfinished
from citylake.lake.errors import UsageError
from citylake.lake.lock import writer_lock
from citylake.lake.reader import connect
from citylake.lake.releases import list_releases
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.landing import new_files
from ingestion.suppressing import suppress
from orchestration import erasure
from orchestration.erasure import Outcome, ask, carry_on, finish
from tests.orchestration.office import (
    BASIS,
    DAY,
    ID,
    OTHER,
    bytes_with,
    deliver,
    erase_at_source,
    key_of,
    night,
    settings_of,
    thing,
)


class PowerCut(BaseException):
    """What ends a process at once: nothing catches it."""


def test_a_person_is_erased_from_everything_and_the_certificate_says_no_more_than_counts(city: Settings) -> None:
    # Catalogs keep minima and maxima in clear, old snapshots the rows, old releases the key.
    key = key_of(city, "T0000000001")
    assert bytes_with(city, ID)
    with writer_lock(city, "test"):
        ask(city, key, BASIS, "officer")
        (journal,) = carry_on(city)
        assert journal.counts["landing.lines"] == 3
        night(city, "run-002")
        (outcome,) = finish(city)
    assert (outcome.waiting_for, outcome.traces) == ("", [])
    assert {zone.hits for zone in outcome.searched} == {0}
    assert {zone.zone for zone in outcome.searched if zone.files} >= {"landing", "raw", "vault", "people", "releases"}
    assert bytes_with(city, ID) == []
    assert [one.release_id for one in list_releases(Zones.of(city))] == ["run-002"]
    (certificate,) = certificates(Zones.of(city))
    text = certificate.model_dump_json()
    assert not any(word in text for word in (ID, key, "T0000000001"))
    assert (certificate.basis, certificate.by, certificate.counts["vault.staging"]) == (BASIS, "officer", 2)
    assert (outcome.certificate or Path()).stat().st_mode & 0o077 == 0
    assert unfinished(Zones.of(city)) == []


def test_everybody_else_is_still_found_by_what_they_were_found_by(city: Settings) -> None:
    # Bounds that a catalog keeps decide which files are read: too narrow ones would hide rows.
    other = key_of(city, "T0000000002")
    with writer_lock(city, "test"):
        ask(city, key_of(city, "T0000000001"), BASIS, "officer")
        carry_on(city)
        with open_lakes(city, ("vault",), read_only=True) as lake:
            staged = "select thing_id from vault.staging.stg_office__thing where citizen_id = ?"
            assert lake.execute(staged, [OTHER]).fetchall() == [("T0000000002",)]
            assert lake.execute(staged, [ID]).fetchall() == []
        night(city, "run-002")
        finish(city)
    assert key_of(city, "T0000000002") == other
    with connect(settings=city, people=True) as reader:
        found = reader.execute("select count(*) from people.base.dim_person where person_key = ?", [other]).fetchone()
    assert found == (1,)


def test_a_key_that_was_erased_is_never_given_again(city: Settings) -> None:
    # Whoever kept the key from an old release would take the next person for the erased one.
    key = key_of(city, "T0000000001")
    with writer_lock(city, "test"):
        ask(city, key, BASIS, "officer")
        carry_on(city)
        # As if nobody remembered the person: the same record founds a key once more.
        with open_lakes(city, ("vault",)) as lake:
            staging = "vault.staging.stg_office__thing (thing_id, is_deleted)"
            lake.execute(f"insert into {staging} values ('T0000000001', false)")
        resolve_identities(city, "run-003", DAY)
    assert key_of(city, "T0000000001") != key


@pytest.mark.parametrize("notes", range(1, 6))
def test_an_erasure_killed_after_any_note_in_its_journal_is_finished_by_the_next(
    notes: int, city: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half erased, with nothing that knows it, is worse than not at all: everybody believes it was done.
    real, seen = erasure.note, 0

    def cut(zones: Zones, journal: Journal) -> None:
        nonlocal seen
        real(zones, journal)
        seen += 1
        if seen == notes:
            raise PowerCut

    monkeypatch.setattr(erasure, "note", cut)
    with pytest.raises(PowerCut):
        erase_at_source(city)
    monkeypatch.setattr(erasure, "note", real)
    with writer_lock(city, "test"):
        (journal,) = carry_on(city)
        night(city, "run-002")
        (outcome,) = finish(city)
    assert (outcome.waiting_for, outcome.traces, bytes_with(city, ID)) == ("", [], [])
    wanted = {"landing.lines": 3, "raw.rows": 2, "quarantine.rows": 1, "vault.staging": 2}
    assert {name: journal.counts[name] for name in wanted} == wanted


def test_a_release_that_somebody_reads_is_waited_for_and_then_dropped(city: Settings) -> None:
    # A reader's files must not vanish under it, and the proof must not say that nothing is left.
    def while_somebody_reads() -> None:
        reader = connect(settings=city, people=True)
        ask(city, key_of(city, "T0000000001"), BASIS, "officer")
        carry_on(city)
        (before,) = finish(city)
        assert "release" in before.waiting_for
        night(city, "run-002")
        (waiting,) = finish(city)
        assert "run-001" in waiting.waiting_for
        assert reader.execute("select count(*) from people.base.dim_person").fetchone() == (3,)

    with writer_lock(city, "test"):
        while_somebody_reads()
        gc.collect()
        (outcome,) = finish(city)
    assert (outcome.waiting_for, len(list_releases(Zones.of(city)))) == ("", 1)


def test_a_person_who_is_delivered_again_is_erased_again_and_counted(erased_city: Settings) -> None:
    # Departments do not know of it: tomorrow's extract has the person as today's had.
    city = erased_city
    deliver(city, f"T0000000001,9,\nT0000000008,9,{ID}\nT0000000009,9,{OTHER}\n", date(2026, 11, 22))
    with writer_lock(city, "test"):
        assert suppress(city, {"office.thing": thing(city)}, "run-003") == {"office.thing": 2}
        assert suppress(city, {"office.thing": thing(city)}, "run-004") == {}
    assert bytes_with(city, ID) == []
    assert new_files(city, thing(city)) == []
    (newest,) = [one for one, _, _ in manifests(Zones.of(city)) if one.extract_date == date(2026, 11, 22)]
    assert (newest.rows_read, newest.rows_accepted, newest.rows_erased) == (1, 1, 2)


def test_the_very_content_that_was_erased_is_emptied_when_it_comes_again(erased_city: Settings) -> None:
    # Its hash is that of a delivery which is known, so nothing would be loaded, and the file would stay as it is.
    city = erased_city
    deliver(city, f"T0000000001,3,{ID}\nT0000000004,4,\n", date(2026, 11, 21))
    assert bytes_with(city, ID)
    with writer_lock(city, "test"):
        assert suppress(city, {"office.thing": thing(city)}, "run-003") == {"office.thing": 1}
    assert (bytes_with(city, ID), new_files(city, thing(city))) == ([], [])


def test_nobody_is_looked_for_while_nobody_was_erased(city: Settings) -> None:
    # The nights of cities that never erase must not pay for it.
    assert suppress(city, {"office.thing": thing(city)}, "run-002") == {}
    assert not list(Zones.of(city).vault.glob("suppression*"))


def test_a_request_that_says_too_little_changes_nothing(city: Settings) -> None:
    # A slip of the key must not erase anybody, and an erasure without a basis cannot be accounted for.
    key = key_of(city, "T0000000001")
    with writer_lock(city, "test"):
        with pytest.raises(UsageError, match="basis"):
            ask(city, key, "  ", "officer")
        for wrong in ("0" * 32, key[:8], ""):
            with pytest.raises(UsageError, match="No person has this key"):
                ask(city, wrong, BASIS, "officer")
    assert unfinished(Zones.of(city)) == []


def test_whoever_was_erased_cannot_be_erased_a_second_time(one_night: Path, erased_city: Settings) -> None:
    # A second request would look for whoever has nothing left, and certify that nothing was found.
    key = key_of(settings_of(one_night), "T0000000001")
    with writer_lock(erased_city, "test"), pytest.raises(UsageError, match="erased already"):
        ask(erased_city, key, BASIS, "officer")


def test_an_old_key_leads_to_the_person_who_has_it_now(city: Settings) -> None:
    # A data protection officer has the key from last year's list.
    key = key_of(city, "T0000000001")
    with open_lakes(city, ("vault",)) as lake:
        event = "('person', 'old', ?, date '2026-01-01', 'merge', 'x', 1, null, 'r')"
        lake.execute(f"insert into vault.identity.key_event values {event}", [key])
    with writer_lock(city, "test"):
        assert ask(city, "old", BASIS, "officer").sought.key == key
        carry_on(city)
    with open_lakes(city, ("vault",), read_only=True) as lake:
        assert lake.execute("select count(*) from vault.identity.key_event").fetchone() == (0,)


def test_what_is_found_in_a_file_of_nobodys_is_named_and_holds_the_certificate_back(city: Settings) -> None:
    # A stray copy is the likeliest thing to be forgotten.
    stray = Zones.of(city).ledger / "notes.txt"
    stray.write_text(f"asked about {ID}", "utf-8")
    with writer_lock(city, "test"):
        ask(city, key_of(city, "T0000000001"), BASIS, "officer")
        carry_on(city)
        night(city, "run-002")
        (outcome,) = finish(city)
        assert outcome.traces == [f"ledger: {stray}"]
        assert list(certificates(Zones.of(city))) == []
        stray.unlink()
        (again,) = finish(city)
    assert isinstance(again, Outcome)
    assert again.certificate is not None
    assert json.loads(again.certificate.read_text("utf-8"))["basis"] == BASIS


def test_what_registers_said_before_goes_too(city: Settings) -> None:
    # Versions of a record are kept apart from staging, and no file of a delivery leads there.
    with open_lakes(city, ("vault",)) as lake:
        lake.execute("create schema vault.history")
        lake.execute(
            "create table vault.history.hst_office__thing as select thing_id, _extract_date as version_from_date "
            "from vault.staging.stg_office__thing"
        )
    erase_at_source(city)
    with open_lakes(city, ("vault",), read_only=True) as lake:
        rows = lake.execute("select thing_id from vault.history.hst_office__thing order by all").fetchall()
    assert rows == [("T0000000002",), ("T0000000004",)]
    (journal,) = unfinished(Zones.of(city))
    assert journal.counts["vault.history"] == 2


def told_apart(settings: Settings, *numbers: str) -> None:
    """A steward says that two records with one id are two persons."""
    with open_lakes(settings, ("vault",)) as lake:
        lake.execute(
            "insert into vault.identity.decision "
            "select 'person', min(mention_key), max(mention_key), 'different', now(), 'steward', 'x' "
            "from vault.identity.person_mention where list_contains(?, register_no)",
            [list(numbers)],
        )


def test_another_persons_records_stay_though_they_carry_the_same_wrong_id(office: Settings) -> None:
    # Erased by the id, the other would vanish from every zone, and every later delivery of the other with them.
    deliver(office, f"T0000000001,1,{ID}\nT0000000002,2,{ID}\nT0000000003,bad,{ID}\n")
    night(office, "run-001")
    told_apart(office, "T0000000001", "T0000000002")
    night(office, "run-002")
    other = key_of(office, "T0000000002")
    assert key_of(office, "T0000000001") != other
    with writer_lock(office, "test"):
        asked = ask(office, key_of(office, "T0000000001"), BASIS, "officer")
        assert (asked.sought.ids, asked.sought.shared_id_count, asked.sought.records_of_others) == ([], 1, 1)
        (journal,) = carry_on(office)
        assert (journal.counts["landing.lines"], journal.counts["vault.staging"]) == (1, 1)
        night(office, "run-003")
        (outcome,) = finish(office)
    assert (outcome.waiting_for, outcome.traces, key_of(office, "T0000000002")) == ("", [], other)
    (certificate,) = certificates(Zones.of(office))
    assert certificate.kept == {"ids": 1, "records_with_these_ids": 1, "records_with_the_name": 0}
    assert {zone.zone for zone in certificate.searched if zone.shared} >= {"landing", "raw", "quarantine", "vault"}
    # Delivered again, the person is told by the record's number, and the other is left alone.
    deliver(office, f"T0000000001,5,{ID}\nT0000000002,6,{ID}\n", date(2026, 11, 22))
    with writer_lock(office, "test"):
        assert suppress(office, {"office.thing": thing(office)}, "run-004") == {"office.thing": 1}


def test_a_basis_that_says_who_the_person_is_is_refused_without_repeating_it(city: Settings) -> None:
    # It is copied into manifests, where the proof would find it for good.
    key = key_of(city, "T0000000001")
    wide = ID.translate({ord(digit): ord(digit) - ord("0") + ord("\uff10") for digit in "0123456789"})
    with writer_lock(city, "test"):
        for told in (ID, ID.lower(), f"{ID[:6]} {ID[6:14]}-{ID[14:]}", wide, key, "T0000000001"):
            with pytest.raises(UsageError, match="basis is kept for good") as refused:
                ask(city, key, f"应{told}之请", "officer")
            assert told not in str(refused.value)
    assert unfinished(Zones.of(city)) == []


@pytest.mark.parametrize(
    "written",
    [
        f"税号{ID}01",
        f"{ID[:6]} {ID[6:14]} {ID[14:]}",
        f"{ID[:6]}-{ID[6:14]}-{ID[14:].lower()}",
        "".join(chr(ord(one) + 0xFEE0) for one in ID),
        f"{ID[:6]}{ID[8:17]}00",
    ],
    ids=["in a tax number", "spaced", "hyphenated", "full-width", "the old form in a longer number"],
)
def test_a_person_is_noticed_again_however_the_id_is_written(written: str, erased_city: Settings) -> None:
    # The first erasure finds it there; delivered again, it must not slip through.
    city = erased_city
    deliver(city, f"T0000000008,9,{written}\nT0000000009,9,{OTHER}\n", date(2026, 11, 22))
    with writer_lock(city, "test"):
        assert suppress(city, {"office.thing": thing(city)}, "run-003") == {"office.thing": 1}
    landed = next(path for path in Zones.of(city).landing.rglob("thing_20261122*"))
    assert landed.read_text("utf-8") == f"编号,数量,证件\n\nT0000000009,9,{OTHER}\n"
