"""The small lake that tests of erasing share: after a night, and after an erasure."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from citylake.contracts.model import load_contracts
from citylake.lake.settings import Settings
from tests.lake.homes import copy_folder, made_once
from tests.orchestration.office import ID, OTHER, deliver, erased, found, night, settings_of


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Settings]:
    load_contracts.cache_clear()
    yield found(tmp_path)
    load_contracts.cache_clear()


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
        erased(settings_of(folder))

    return made_once(session_folder / "one_erasure", make)


@pytest.fixture
def city(one_night: Path, tmp_path: Path) -> Settings:
    copy_folder(one_night, tmp_path)
    return settings_of(tmp_path)


@pytest.fixture
def erased_city(one_erasure: Path, tmp_path: Path) -> Settings:
    copy_folder(one_erasure, tmp_path)
    return settings_of(tmp_path)
