from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import rasterio
from rasterio.windows import from_bounds

from citylake.nightlights.composites import find_composites
from citylake.nightlights.measures import CityYear, Place
from citylake.nightlights.published import read_published
from citylake.nightlights.study import Study, StudySettings, run_study
from sample_city.lights import AREAS, COMPOSITES, make_lights

CITIES = ("410100", "410200", "410700", "410800", "411000", "320200")


@dataclass
class Synthetic:
    """The synthetic composites, what is known of them, and a study of all six cities."""

    landing: Path
    truth: Path
    study: Study = field(init=False)
    found: list[CityYear] = field(default_factory=list)

    @property
    def published(self) -> pl.DataFrame:
        return read_published(next((self.landing / AREAS).glob("*.csv")))

    def run(self, settings: StudySettings, on_mask: Callable[[CityYear], None] | None = None) -> Study:
        return run_study(find_composites(self.landing / COMPOSITES), self.published, settings, on_mask=on_mask)

    def true_mask(self, place: Place, year: int) -> np.ndarray:
        with rasterio.open(self.truth / f"built_up_{year}.tif") as source:
            window = from_bounds(*place.grid.bounds, source.transform).round_offsets().round_lengths()
            return (source.read(1, window=window) > 0) & (place.weights > 0)


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Synthetic:
    root = tmp_path_factory.mktemp("lights")
    made = Synthetic(root / "landing", root / "truth")
    make_lights(made.landing, truth=made.truth)
    made.study = made.run(StudySettings(cities=CITIES, with_counties=True), made.found.append)
    return made
