"""A small city after its first night, made once for all workers; tests copy it and go on from there."""

from pathlib import Path

import pytest
from filelock import FileLock

from orchestration.nightly import run_nightly
from tests.integration.small_city import NIGHTS, SmallCity


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> SmallCity:
    """The city after its first night, released. Read it or copy it; never write to it."""
    session = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    folder = session / "first_night"
    with FileLock(session / "first_night.lock"):
        if (folder / "home" / "releases" / "current").exists():
            return SmallCity.at(folder)
        city = SmallCity.found(folder)
        city.deliver(NIGHTS[0])
        result = run_nightly(city.settings)
        assert result.error is None, result
        return city


@pytest.fixture
def city(first_night: SmallCity, tmp_path: Path) -> SmallCity:
    """A copy of it, this test's own."""
    return first_night.copy(tmp_path)
