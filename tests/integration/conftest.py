"""The small city after all its nights, and copies of it after the first: tests go on from there."""

from pathlib import Path

import pytest

from citylake.lake.settings import Settings
from tests.integration.small_city import NIGHTS, SmallCity, released_city


@pytest.fixture(scope="session")
def rebuilt(session_folder: Path, parsed: Settings) -> SmallCity:
    """The city after one undisturbed run on everything that is ever delivered to it. Never write to it.

    Its run has two of DuckDB's threads and the nights that are compared with it have one: what nights come to does not
    depend on how many there are.
    """
    return released_city(session_folder / "rebuilt", NIGHTS, parsed, threads=2)


@pytest.fixture
def city(first_night: SmallCity, tmp_path: Path) -> SmallCity:
    """A copy of the city after its first night, this test's own."""
    return first_night.copy(tmp_path)
