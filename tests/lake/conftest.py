from pathlib import Path

import pytest

from citylake.lake.attach import install_extensions
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home", threads=1, memory_limit="256MB", delete_grace_hours=0)
    install_extensions(prepare(made))
    return made
