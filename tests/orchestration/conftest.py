"""The small lake that tests of erasing share."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from citylake.contracts.model import load_contracts
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from tests.ingestion.support import CONTRACT
from tests.orchestration.office import CITIZEN, ID, MENTIONS, OTHER, PERMITS, deliver, night


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Settings]:
    made = Settings(home=tmp_path / "home", contracts=tmp_path / "contracts", threads=1, memory_limit="512MB")
    prepare(made)
    folder = made.contracts / "office"
    folder.mkdir(parents=True)
    text = CONTRACT.format(version="1.0.0", tolerance=0.5).rstrip() + CITIZEN
    (folder / "thing.odcs.yaml").write_text(text.replace("value: snapshot}", f"value: append}}{MENTIONS}"), "utf-8")
    (folder / "permit.odcs.yaml").write_text(PERMITS, "utf-8")
    load_contracts.cache_clear()
    yield made
    load_contracts.cache_clear()


@pytest.fixture
def city(office: Settings) -> Settings:
    deliver(office, f"T0000000001,1,{ID}\nT0000000002,2,{OTHER}\nT0000000003,bad,{ID}\n")
    deliver(office, f"T0000000001,3,{ID}\nT0000000004,4,\n", date(2026, 11, 21))
    night(office, "run-001")
    return office
