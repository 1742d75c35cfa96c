"""Homes that are cheap to make, and one parse of the project for a whole session."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest as DbtManifest

from citylake.contracts.model import load_contracts
from citylake.lake.attach import install_extensions, open_lakes
from citylake.lake.settings import PROJECT_ROOT, Settings
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
    os.environ["CITYLAKE_HOME"] = str(nowhere / "nowhere")
    project = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--quiet"]
    outcome = dbtRunner().invoke(
        ["parse", *project, "--target-path", str(nowhere / "target"), "--log-path", str(nowhere)]
    )
    assert outcome.success, outcome.exception
    assert isinstance(outcome.result, DbtManifest)
    return outcome.result


@pytest.fixture
def new_home(
    tmp_path: Path, extensions: Path, dbt_manifest: DbtManifest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], CityHome]:
    """Makes homes in this test's own folder."""
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path))
    contracts = load_contracts(PROJECT_ROOT / "ingestion" / "contracts")

    def make(name: str) -> CityHome:
        settings = Settings(home=tmp_path / name, threads=1)
        zones = prepare(settings)
        zones.extensions.rmdir()
        zones.extensions.symlink_to(extensions)
        open_lakes(settings).close()
        return CityHome(settings=settings, manifest=dbt_manifest, contracts=contracts)

    return make


@pytest.fixture
def home(new_home: Callable[[str], CityHome]) -> CityHome:
    return new_home("home")


