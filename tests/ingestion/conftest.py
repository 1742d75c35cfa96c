"""An installation of its own for each test of ingestion, with one small contract."""

from pathlib import Path

import pytest

from citylake.contracts.model import Contract
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from tests.ingestion.support import write_contract


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home", contracts=tmp_path / "contracts")
    prepare(made)
    return made


@pytest.fixture
def thing(settings: Settings) -> Contract:
    return write_contract(settings.contracts)
