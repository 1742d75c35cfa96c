"""A released city small enough to reckon by hand: two districts, three streets, fifteen months, three departments.

October 2026 repeats the published month of rule 3: 996 filed, 972 due, 911 closed, 737 on time. Everything is
synthetic; what the cockpit shows of it is known to the last digit.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import pytest
import streamlit as st

from citylake.lake.attach import open_lakes
from citylake.lake.releases import freeze_and_publish
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare

HERE = Path(__file__).parent
Origin = Literal["real", "synthetic", "mixed"]
FIRST_RUN = "20261120T180000Z-0001"
RUN = "20261121T180000Z-0002"
AS_OF = date(2026, 11, 21)


@dataclass(frozen=True)
class SmallCity:
    """A home with a release, and the id of that release."""

    home: Path
    release_id: str


def build(
    home: Path,
    *,
    run_id: str = RUN,
    origin: Origin = "synthetic",
    with_values: bool = True,
    without: Iterable[str] = (),
) -> SmallCity:
    """Make the city and release it, some tables left out."""
    settings = Settings(home=home)
    prepare(settings)
    with open_lakes(settings, ("city", "people")) as lake:
        lake.execute("set variable run_id = ?", [run_id])
        lake.execute("set variable first_run_id = ?", [FIRST_RUN])
        lake.execute("set variable as_of = ?", [AS_OF])
        for part in ("places", "deliveries", "registry", "figures", "entities", "urban"):
            lake.execute((HERE / f"{part}.sql").read_text(encoding="utf-8"))
        if not with_values:
            lake.execute("delete from city.indicator.indicator_value")
        for table in without:
            lake.execute(f"drop table {table}")
    publish(home, run_id=run_id, origin=origin)
    return SmallCity(home, run_id)


def publish(home: Path, *, run_id: str, origin: Origin = "synthetic") -> None:
    """Release what the home's head holds."""
    settings = Settings(home=home, allow_mixed_origin=True)
    freeze_and_publish(settings, run_id, data_as_of=AS_OF, origin=origin, deliveries={}, checks=[], created_by="tests")


@pytest.fixture(autouse=True)
def _own_main() -> Iterator[None]:
    """A script that Streamlit runs becomes ``__main__``, which a process started by a later test would run again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> SmallCity:
    """The small city, released once; read it only."""
    return build(tmp_path_factory.mktemp("cockpit") / "home")


@pytest.fixture
def build_city() -> Callable[..., SmallCity]:
    """Builds a city of a test's own."""
    return build


@pytest.fixture
def publish_city() -> Callable[..., None]:
    """Publishes such a city again."""
    return publish


@pytest.fixture
def fresh_caches() -> Iterator[None]:
    """Streamlit's caches are the process's: a test with a home of its own begins and ends with them empty."""
    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def at_small_city(small_city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> SmallCity:
    """The small city as this process's installation; what is cached of its release stays, as it would in use."""
    monkeypatch.setitem(os.environ, "CITYLAKE_HOME", str(small_city.home))
    return small_city
