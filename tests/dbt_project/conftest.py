"""Homes that are cheap to make."""

from collections.abc import Callable

import pytest
from dbt.contracts.graph.manifest import Manifest as DbtManifest

from citylake.contracts.model import load_contracts
from citylake.lake.attach import open_lakes
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from tests.dbt_project.city_home import CityHome


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory, dbt_manifest: DbtManifest) -> Callable[[], CityHome]:
    """Makes homes, each in a folder of its own."""
    contracts = load_contracts(Settings().contracts)

    def make() -> CityHome:
        settings = Settings(home=tmp_path_factory.mktemp("home"), threads=1)
        prepare(settings)
        open_lakes(settings).close()
        return CityHome(settings=settings, manifest=dbt_manifest, contracts=contracts)

    return make


@pytest.fixture
def home(new_home: Callable[[], CityHome]) -> CityHome:
    return new_home()
