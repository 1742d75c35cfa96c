"""The small lake that tests of erasing share: after a night, and after an erasure."""

from datetime import date
from pathlib import Path

import pytest

from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings
from orchestration.erasure import ask, carry_on, finish
from tests.lake.homes import copy_folder, made_once
from tests.orchestration.office import BASIS, ID, OTHER, deliver, found, key_of, night, settings_of


@pytest.fixture
def office(tmp_path: Path) -> Settings:
    return found(tmp_path)


@pytest.fixture(scope="session")
def one_night(session_folder: Path) -> Path:
    """The folder of a small city after a night, as all workers copy it."""

    def make(folder: Path) -> None:
        settings = found(folder)
        deliver(settings, f"T0000000001,1,{ID}\nT0000000002,2,{OTHER}\nT0000000003,bad,{ID}\n")
        deliver(settings, f"T0000000001,3,{ID}\nT0000000004,4,\n", date(2026, 11, 21))
        night(settings, "run-001")

    return made_once(session_folder / "one_night", make)


@pytest.fixture(scope="session")
def one_erasure(session_folder: Path, one_night: Path) -> Path:
    """The same, a person having been erased from it in a second night."""

    def make(folder: Path) -> None:
        copy_folder(one_night, folder)
        city = settings_of(folder)
        with writer_lock(city, "test"):
            ask(city, key_of(city, "T0000000001"), BASIS, "officer")
            carry_on(city)
            night(city, "run-002")
            (outcome,) = finish(city)
        assert outcome.certificate is not None

    return made_once(session_folder / "one_erasure", make)


@pytest.fixture
def city(one_night: Path, tmp_path: Path) -> Settings:
    copy_folder(one_night, tmp_path)
    return settings_of(tmp_path)


@pytest.fixture
def erased_city(one_erasure: Path, tmp_path: Path) -> Settings:
    copy_folder(one_erasure, tmp_path)
    return settings_of(tmp_path)
