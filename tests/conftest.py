"""What tests of several rooms share, each made once for all workers, and the order in which tests run."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from hypothesis import settings as hypothesis_settings

from citylake.lake import attach
from citylake.lake.settings import PROJECT_ROOT, Settings
from citylake.lake.zones import prepare

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest as DbtManifest

    from tests.integration.small_city import SmallCity

# The machine is shared and noisy: no property is a matter of milliseconds.
hypothesis_settings.register_profile("citylake", deadline=None)
hypothesis_settings.load_profile("citylake")

# Each of two workers has one core. Of a tiny night, DuckDB's threads would spend a third on waiting for each other; the
# one rebuild that nights are compared with has two, and so shows that nothing depends on how many there are.
os.environ.setdefault("CITYLAKE_THREADS", "1")

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


@pytest.fixture(scope="session", autouse=True)
def _extensions(session_folder: Path) -> Iterator[None]:
    """Install DuckDB's extensions in the first home that needs them, and link them into every other.

    Copying a hundred megabytes and checking two signatures takes 0.8 s; hundreds of tests have a home of their own.
    """
    shared, install = session_folder / "extensions", attach._install

    def link(target: Path) -> None:
        with FileLock(session_folder / "extensions.lock"):
            if not shared.exists():
                installing = session_folder / "installing"
                installing.mkdir(exist_ok=True)
                install(installing)
                installing.rename(shared)
        shutil.copytree(shared, target, copy_function=os.link, dirs_exist_ok=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attach, "_install", link)
        yield


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
