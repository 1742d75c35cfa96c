"""What tests of several rooms share: a released sample city, made once for the whole test session."""

from datetime import date
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings as hypothesis_settings

from citylake.lake.settings import PROJECT_ROOT, Settings
from citylake.lake.zones import prepare

# The machine is shared and noisy: no property is a matter of milliseconds.
hypothesis_settings.register_profile("citylake", deadline=None)
hypothesis_settings.load_profile("citylake")

SAMPLE_UNTIL = date(2026, 10, 31)
SHARED_DATA = PROJECT_ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The home of a small sample city after one night. Shared by all workers: read it, never write to it."""
    session = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    home = session / "sample_city"
    with FileLock(session / "sample_city.lock"):
        if not (home / "releases" / "current").exists():
            _run_one_night(home)
    return home


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real input, which lies beside the project and is no part of it; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real input is not here ({SHARED_DATA})")
    return SHARED_DATA


def _run_one_night(home: Path) -> None:
    from orchestration.nightly import run_nightly
    from sample_city.city import make_city

    settings = Settings(home=home)
    zones = prepare(settings)
    make_city(zones.landing, settings.contracts, residents=3_000, seed=1, until=SAMPLE_UNTIL)
    result = run_nightly(settings)
    assert result.release is not None, result
