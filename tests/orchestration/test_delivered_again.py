"""A person who was erased and whom departments deliver again: noticed, emptied, counted."""

from datetime import date

import pytest

from citylake.contracts.model import load_contracts
from citylake.identity.erasure import remember
from citylake.lake.deliveries import manifests
from citylake.lake.erasures import Sought
from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from ingestion.landing import land, new_files
from ingestion.loading import load_delivery
from ingestion.suppressing import suppress
from tests.orchestration.office import DAY, ID, OTHER, bytes_with, deliver, thing


def test_a_person_who_is_delivered_again_is_erased_again_and_counted(erased_city: Settings) -> None:
    # Departments do not know of it: tomorrow's extract has the person as today's had.
    deliver(erased_city, f"T0000000001,9,\nT0000000008,9,{ID}\nT0000000009,9,{OTHER}\n", date(2026, 11, 22))
    with writer_lock(erased_city, "test"):
        assert suppress(erased_city, {"office.thing": thing(erased_city)}, "run-003") == {"office.thing": 2}
        assert suppress(erased_city, {"office.thing": thing(erased_city)}, "run-004") == {}
    assert bytes_with(erased_city, ID) == []
    assert new_files(erased_city, thing(erased_city)) == []
    (newest,) = [one for one, _, _ in manifests(Zones.of(erased_city)) if one.extract_date == date(2026, 11, 22)]
    assert (newest.rows_read, newest.rows_accepted, newest.rows_erased) == (1, 1, 2)


def test_the_very_content_that_was_erased_is_emptied_when_it_comes_again(erased_city: Settings) -> None:
    # Its hash is that of a delivery which is known, so nothing would be loaded, and the file would stay as it is.
    deliver(erased_city, f"T0000000001,3,{ID}\nT0000000004,4,\n", date(2026, 11, 21))
    assert bytes_with(erased_city, ID)
    with writer_lock(erased_city, "test"):
        assert suppress(erased_city, {"office.thing": thing(erased_city)}, "run-003") == {"office.thing": 1}
    assert (bytes_with(erased_city, ID), new_files(erased_city, thing(erased_city))) == ([], [])


def test_nobody_is_looked_for_while_nobody_was_erased(city: Settings) -> None:
    # The nights of cities that never erase must not pay for it.
    assert suppress(city, {"office.thing": thing(city)}, "run-002") == {}
    assert not list(Zones.of(city).vault.glob("suppression*"))


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
    deliver(erased_city, f"T0000000008,9,{written}\nT0000000009,9,{OTHER}\n", date(2026, 11, 22))
    with writer_lock(erased_city, "test"):
        assert suppress(erased_city, {"office.thing": thing(erased_city)}, "run-003") == {"office.thing": 1}
    landed = next(path for path in Zones.of(erased_city).landing.rglob("thing_20261122*"))
    assert landed.read_text("utf-8") == f"编号,数量,证件\n\nT0000000009,9,{OTHER}\n"


def test_what_no_number_of_its_own_tells_is_noticed_in_a_dataset_new_to_the_person(city: Settings) -> None:
    # A case under the business's code has a new number each time; an id that another carries too told of nobody.
    permit, trader, shared = load_contracts(city.contracts)["office.permit"], "92710000MA10A2B33K", f"{ID}|王小明"
    remember(city, Sought(ids=[], shared_ids=[ID], codes=[trader], named_ids=[shared]), "erasure-1")
    file = city.home.parent / "permits.csv"
    rows = [f"N1,{trader},,", f"N2,,{ID},王小明", f"N3,,{ID},李雷", f"N4,{trader},{OTHER},李雷", f"N5,,{ID},"]
    file.write_text("\n".join(["编号,代码,证件,姓名", *rows, ""]), "utf-8")
    load_delivery(city, permit, land(city, file, permit, DAY), "night")
    with writer_lock(city, "test"):
        assert suppress(city, load_contracts(city.contracts), "run-003") == {"office.permit": 2}
    (landed,) = Zones.of(city).landing.rglob("permit_*")
    assert landed.read_text("utf-8").splitlines()[1:] == ["", "", *rows[2:]]
