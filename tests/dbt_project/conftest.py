"""Homes that are cheap to make, and one parse of the project for a whole session."""

from collections.abc import Callable
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest as DbtManifest

from citylake.contracts.model import load_contracts
from citylake.lake.attach import install_extensions, open_lakes
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from tests.dbt_project.city_home import DBT_PROJECT, CityHome


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DuckDB's extensions, copied once a session."""
    zones = prepare(Settings(home=tmp_path_factory.mktemp("extensions")))
    install_extensions(zones)
    return zones.extensions


@pytest.fixture(scope="session")
def dbt_manifest(tmp_path_factory: pytest.TempPathFactory) -> DbtManifest:
    """The parsed project. Parsing needs no lake: the home it is given does not exist."""
    nowhere = tmp_path_factory.mktemp("parse")
    project = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--quiet"]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CITYLAKE_HOME", str(nowhere / "nowhere"))
        outcome = dbtRunner().invoke(
            ["parse", *project, "--target-path", str(nowhere / "target"), "--log-path", str(nowhere)]
        )
    assert outcome.success, outcome.exception
    assert isinstance(outcome.result, DbtManifest)
    return outcome.result


@pytest.fixture(scope="session")
def new_home(
    tmp_path_factory: pytest.TempPathFactory, extensions: Path, dbt_manifest: DbtManifest
) -> Callable[[], CityHome]:
    """Makes homes, each in a folder of its own, that share one copy of DuckDB's extensions."""
    contracts = load_contracts(Settings().contracts)

    def make() -> CityHome:
        settings = Settings(home=tmp_path_factory.mktemp("home"), threads=1)
        zones = prepare(settings)
        zones.extensions.rmdir()
        zones.extensions.symlink_to(extensions)
        open_lakes(settings).close()
        return CityHome(settings=settings, manifest=dbt_manifest, contracts=contracts)

    return make


@pytest.fixture
def home(new_home: Callable[[], CityHome]) -> CityHome:
    return new_home()
