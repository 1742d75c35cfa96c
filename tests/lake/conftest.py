import os
import shutil
from pathlib import Path

import pytest

from citylake.lake.attach import install_extensions
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DuckDB's extensions, installed once: a hundred megabytes need not be copied for every test."""
    zones = prepare(Settings(home=tmp_path_factory.mktemp("extensions") / "home"))
    install_extensions(zones)
    return zones.extensions


@pytest.fixture
def settings(tmp_path: Path, extensions: Path) -> Settings:
    made = Settings(home=tmp_path / "home", threads=1, memory_limit="256MB", delete_grace_hours=0)
    zones: Zones = prepare(made)
    shutil.copytree(extensions, zones.extensions, copy_function=os.link, dirs_exist_ok=True)
    return made
