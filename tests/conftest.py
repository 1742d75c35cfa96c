"""What tests of several rooms share, each made once for all workers, and the order in which tests run."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from hypothesis import settings as hypothesis_settings

from citylake.lake.settings import PROJECT_ROOT, Settings
from citylake.lake.zones import prepare

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest as DbtManifest

    from tests.integration.small_city import SmallCity

# The machine is shared and noisy: no property is a matter of milliseconds.
hypothesis_settings.register_profile("citylake", deadline=None)
hypothesis_settings.load_profile("citylake")

SHARED_DATA = PROJECT_ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the long tests first, in both halves of the list: xdist gives each of two workers one half."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    quick = [item for item in items if not item.get_closest_marker("slow")]
    first, second = slow[::2], slow[1::2]
    middle = max(0, (len(items) + 1) // 2 - len(first))
    items[:] = [*first, *quick[:middle], *second, *quick[middle:]]


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def parsed(session_folder: Path) -> Settings:
    """Settings of an empty lake in which dbt's project is parsed. No run happens in it."""
    from orchestration.dbt import prepare_manifest

    settings = Settings(home=session_folder / "parsed", landing=None)
    with FileLock(session_folder / "parsed.lock"):
        prepare(settings)
        prepare_manifest(settings)
    return settings


@pytest.fixture(scope="session")
def dbt_manifest(parsed: Settings) -> "DbtManifest":
    """The parsed project for dbt in this process."""
    from tests.integration.small_city import parsed_project

    return parsed_project(parsed)


@pytest.fixture(scope="session")
def first_night(session_folder: Path, parsed: Settings) -> "SmallCity":
    """A small city after its first night, released. Read it or copy it; never write to it."""
    from tests.integration.small_city import NIGHTS, released_city

    return released_city(session_folder / "first_night", NIGHTS[:1], parsed)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real input, which lies beside the project and is no part of it; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real input is not here ({SHARED_DATA})")
    return SHARED_DATA
