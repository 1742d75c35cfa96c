"""The whole study, on synthetic composites whose truth is known."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import rasterio
import shapely
from exactextract import exact_extract
from exactextract.feature import JSONFeatureSource
from exactextract.raster import NumPyRasterSource

from citylake.lake.errors import UsageError
from citylake.nightlights import measures, tables
from citylake.nightlights.composites import find_composites
from citylake.nightlights.measures import Levels
from citylake.nightlights.patches import EDGE, INFILLING, OUTLYING, new_patches
from citylake.nightlights.published import Preference
from citylake.nightlights.study import StudySettings, run_study
from citylake.nightlights.thresholds import intersection_over_union
from sample_city.lights import COMPOSITES, PUBLISHER
from tests.nightlights.conftest import CITIES, Synthetic

XUCHANG = StudySettings(cities=("411000",))
FORMS = {(1997, 2002): OUTLYING, (2002, 2007): EDGE, (2007, 2012): INFILLING}
"""What leads the growth of each phase in the region, by the way the synthetic cities are made."""


def test_built_up_masks_agree_with_the_truth(synthetic: Synthetic) -> None:
    # The threshold is fitted to the area: only where the area lies says whether it was found.
    agreement = {
        (one.row["region_name_zh"], one.row["series"], one.row["year"]): intersection_over_union(
            one.mask, synthetic.true_mask(one.place, one.row["year"]), one.place.weights
        )
        for one in synthetic.found
        if one.mask is not None
    }
    assert len(agreement) == 6 * 17 * 2
    poor = {key: round(value, 3) for key, value in agreement.items() if value < 0.9}
    assert poor == {}


def test_the_form_that_leads_each_phase_of_the_region_is_recovered_in_order(synthetic: Synthetic) -> None:
    areas = synthetic.study.expansion_type.filter(series="raw", threshold_rule="dynamic")
    for (start, end), form in FORMS.items():
        rows = areas.filter(start_year=start, end_year=end)
        by_form = {name: rows[f"{name}_km2"].sum() for name in (INFILLING, EDGE, OUTLYING)}
        assert max(by_form, key=lambda name: by_form[name]) == form, (start, by_form)


def test_forms_by_area_are_in_the_order_of_the_truth(synthetic: Synthetic) -> None:
    # Forms whose true areas are within three cells of each other have no order to recover.
    masks = {(one.row["region_code"], one.row["year"]): one for one in synthetic.found if one.row["series"] == "raw"}
    for (start, end), code in ((period, code) for period in FORMS for code in CITIES):
        place = masks[code, start].place
        true = new_patches(synthetic.true_mask(place, start), synthetic.true_mask(place, end), place.weights)
        areas = synthetic.study.expansion_type.filter(
            region_code=code, start_year=start, end_year=end, series="raw", threshold_rule="dynamic"
        )
        for one, other in ((INFILLING, EDGE), (EDGE, OUTLYING), (INFILLING, OUTLYING)):
            apart = _of_form(true, one) - _of_form(true, other)
            if abs(apart) > 2.1:
                found = (areas[f"{one}_km2"] - areas[f"{other}_km2"]).item()
                assert np.sign(found) == np.sign(apart), (code, start, one, other, apart, found)


def _of_form(patches: pl.DataFrame, form: str) -> float:
    return patches.filter(expansion_type=form)["area_km2"].sum()


def test_every_residual_is_the_methods_resolution(synthetic: Synthetic) -> None:
    city_year = synthetic.study.city_year
    assert not city_year["is_out_of_reach"].any()
    higher = pl.col("built_up_km2") - pl.col("one_step_higher_km2")
    lower = pl.col("one_step_lower_km2") - pl.col("built_up_km2")
    towards = pl.when(pl.col("built_up_km2") > pl.col("published_km2")).then(higher).otherwise(lower)
    off = (pl.col("built_up_km2") - pl.col("published_km2")).abs()
    # Where no cell lies between two thresholds both have one area, and the step that counts is the next.
    assert city_year.filter((towards > 0) & (off > towards / 2 + 1e-6)).is_empty()
    assert city_year["residual_pct"].abs().max() < 5


def test_a_finer_threshold_leaves_a_smaller_residual(synthetic: Synthetic) -> None:
    coarse = synthetic.study.city_year.filter(region_code="411000")["residual_pct"].abs().mean()
    fine = synthetic.run(replace(XUCHANG, levels=Levels(step=0.25))).city_year["residual_pct"].abs().mean()
    assert fine < coarse


def test_what_was_chosen_is_named_in_every_row(synthetic: Synthetic) -> None:
    row = synthetic.study.city_year.filter(region_code="320200", year=2003, series="raw").row(0, named=True)
    assert (row["satellites"], row["calibration_table"], row["scope"]) == (
        "F14+F15",
        "elvidge_2014",
        "municipal_districts",
    )
    assert (row["published_by"], row["data_origin"]) == (PUBLISHER, "synthetic")
    assert row["satellite_difference"] < 3


def test_calibration_brings_the_satellites_of_a_year_together(synthetic: Synthetic) -> None:
    quality = synthetic.study.satellite_quality
    pairs = quality.filter(pl.len().over("region_code", "year") == 2).group_by("region_code", "year")
    apart = pairs.agg(
        (pl.col(name).max() / pl.col(name).min()).alias(name)
        for name in ("total_light_recorded", "total_light_calibrated")
    )
    assert apart.height == 6 * 11
    assert apart["total_light_calibrated"].mean() < 1.03 < apart["total_light_recorded"].mean()
    assert quality.filter(satellite="F18", year=2013)["coefficients_note"].null_count() == 0


def test_cloud_free_observations_are_told_by_city_and_satellite(synthetic: Synthetic, tmp_path: Path) -> None:
    composite = next(one for one in find_composites(synthetic.landing / COMPOSITES) if one.year == 2010)
    copy = tmp_path / composite.path.name
    copy.write_bytes(composite.path.read_bytes())
    with rasterio.open(copy) as source:
        profile = source.profile
    with rasterio.open(tmp_path / "F182010.v4d_web.cf_cvg.synthetic.tif", "w", **profile) as target:
        target.write(np.full((1, profile["height"], profile["width"]), 52, np.uint8))
    quality = run_study(find_composites(tmp_path), synthetic.published, XUCHANG).satellite_quality
    assert quality["cloud_free_mean_count"].to_list() == pytest.approx([52])
    assert synthetic.study.satellite_quality["cloud_free_mean_count"].null_count() == 6 * 28


def test_the_corrected_series_never_decreases_and_the_raw_one_is_kept_beside_it(synthetic: Synthetic) -> None:
    city_year = synthetic.study.city_year.sort("region_code", "year")
    corrected, raw = city_year.filter(series="corrected"), city_year.filter(series="raw")
    falls = corrected.select(pl.col("total_light").diff().over("region_code") < 0).to_series().sum()
    assert falls == 0
    assert raw["zeroed_cell_count"].sum() == raw["raised_cell_count"].sum() == 0
    assert corrected["raised_cell_count"].sum() > 0
    assert (raw["year"] == corrected["year"]).all()


def test_the_region_moves_towards_balance_as_it_was_made_to(synthetic: Synthetic) -> None:
    q = synthetic.study.rank_size.filter(unit_set="cities", measure="built_up_area", series="raw").sort("year")["q"]
    assert q[-1] < q[len(q) // 2] < q[0]
    counties = synthetic.study.rank_size.filter(unit_set="county_units", year=2013, series="raw")
    assert counties["unit_count"].min() > 30


def test_how_activity_and_building_grow_together_is_as_in_the_truth(synthetic: Synthetic) -> None:
    # Differences of growth that are close to the tolerance may go either way.
    true = pl.read_csv(synthetic.truth / "city_year.csv", schema_overrides={"region_code": pl.String})
    spans = synthetic.study.city_period.filter(series="raw")
    for row in spans.to_dicts():
        areas = true.filter(region_code=row["region_code"])
        start, end = (areas.filter(year=row[name]) for name in ("start_year", "end_year"))
        built, lit = (end[name].item() / start[name].item() - 1 for name in ("built_up_km2", "lit_km2"))
        slack = 0.1 * max(abs(built), abs(lit))
        if abs(abs(lit - built) - slack) > 0.1:
            kind = "fringe" if lit - built > slack else "infilling" if built - lit > slack else "synchronous"
            assert row["coupling_type"] == kind, (row["region_name_zh"], row["start_year"], built, lit)


def test_periods_add_up(synthetic: Synthetic) -> None:
    spans = synthetic.study.city_period.filter(region_code="410100", series="raw").sort("start_year", "end_year")
    assert spans["start_year", "end_year"].rows() == [
        (1997, 2002),
        (1997, 2013),
        (2002, 2007),
        (2007, 2012),
        (2012, 2013),
    ]
    gain = spans["speed_km2_per_year"] * (spans["end_year"] - spans["start_year"])
    assert gain[0] + gain[2] + gain[3] + gain[4] == pytest.approx(gain[1])


def test_new_patches_are_the_growth(synthetic: Synthetic) -> None:
    # In the corrected series cells are hardly lost: what is new less what is lost is the gain.
    spans = synthetic.study.city_period.filter(series="corrected")
    new = synthetic.study.expansion_type.filter(series="corrected", threshold_rule="dynamic")
    joined = spans.join(new, on=["region_code", "start_year", "end_year"])
    gain = joined["built_up_end_km2"] - joined["built_up_start_km2"]
    assert (joined["new_km2"] >= gain - 1e-6).all()
    by_form = joined.select(pl.sum_horizontal("infilling_km2", "edge_expansion_km2", "outlying_km2")).to_series()
    assert by_form.to_list() == pytest.approx(joined["new_km2"].to_list())


def test_light_sums_are_those_of_exactextract(synthetic: Synthetic) -> None:
    for one in (one for one in synthetic.found if one.row["year"] == 2010 and one.row["series"] == "raw"):
        grid = one.place.grid
        source = NumPyRasterSource(one.lights.astype(np.float64), *grid.bounds)
        areas = NumPyRasterSource(grid.cell_areas_km2, *grid.bounds, name="area")
        geometry = shapely.geometry.mapping(one.place.unit.outline)
        outline = JSONFeatureSource({"type": "Feature", "geometry": geometry, "properties": {}})
        (found,) = exact_extract(source, outline, ["total=weighted_sum"], weights=areas)
        assert one.row["total_light"] == pytest.approx(found["properties"]["total"], rel=1e-6)


def test_every_frame_has_the_columns_it_is_documented_with(synthetic: Synthetic) -> None:
    for table in fields(synthetic.study):
        columns = getattr(tables, table.name.upper())
        frame = getattr(synthetic.study, table.name)
        assert frame.schema == {name: kind for name, (kind, _) in columns.items()}, table.name
        assert frame.height > 0


def test_a_city_without_a_published_area_is_measured_by_its_lights_alone(synthetic: Synthetic) -> None:
    settings = replace(XUCHANG, preference=Preference(publishers=("nobody",)))
    study = synthetic.run(settings)
    row = study.city_year.row(0, named=True)
    assert row["threshold"] is row["built_up_km2"] is None
    assert row["lit_km2"] > 0
    assert study.patch_period.is_empty()
    assert study.city_period["coupling_type"].null_count() == study.city_period.height
    assert study.rank_size["measure"].unique().to_list() == ["total_light"]


def test_figures_that_conflict_give_thresholds_that_are_told_beside_each_other(synthetic: Synthetic) -> None:
    published = synthetic.published.filter(region_code="411000")
    bureau = published.with_columns(pl.col("built_up_km2") * 1.3, publisher=pl.lit("规划局"))
    composites = find_composites(synthetic.landing / COMPOSITES)
    both = pl.concat([published, bureau])
    with pytest.raises(UsageError, match="Published figures conflict"):
        run_study(composites, both, XUCHANG)
    settings = replace(XUCHANG, preference=Preference(publishers=(PUBLISHER, "规划局")))
    rows = run_study(composites, both, settings).sensitivity.filter(year=2010, series="raw")
    assert rows["is_chosen"].to_list() == [True, False]
    assert rows["threshold"][0] > rows["threshold"][1]
    assert rows["agreement"][0] == 1
    assert rows["agreement"][1] == pytest.approx(1 / 1.3, abs=0.05)


def test_the_prefecture_is_more_than_its_districts(synthetic: Synthetic) -> None:
    settings = replace(XUCHANG, scope="prefecture", preference=Preference(scopes=("municipal_districts",)))
    whole = synthetic.run(settings).city_year.filter(series="raw", year=2013)
    part = synthetic.study.city_year.filter(series="raw", year=2013, region_code="411000")
    assert whole["land_area_km2"].item() > 4 * part["land_area_km2"].item()
    assert whole["total_light"].item() > part["total_light"].item()


def test_series_of_other_makers_are_not_composed_with_satellites(synthetic: Synthetic) -> None:
    # Their mean would be of calibrated and uncalibrated numbers.
    composites = find_composites(synthetic.landing / COMPOSITES)
    other = replace(composites[0], path=Path("made_dmsplike_1997.synthetic.tif"), satellite=None)
    with pytest.raises(UsageError, match="made_dmsplike_1997"):
        run_study([*composites, other], synthetic.published, XUCHANG)


def test_real_and_synthetic_composites_make_no_series(synthetic: Synthetic) -> None:
    first, *others = find_composites(synthetic.landing / COMPOSITES)
    with pytest.raises(UsageError, match="real and synthetic"):
        run_study([replace(first, origin="real"), *others], synthetic.published, XUCHANG)


def test_years_without_composites_are_refused(synthetic: Synthetic) -> None:
    with pytest.raises(UsageError, match="no composites of 1980 to 1990"):
        synthetic.run(replace(XUCHANG, first_year=1980, last_year=1990))


def test_a_city_beyond_the_composites_is_told_so(synthetic: Synthetic) -> None:
    with pytest.raises(UsageError, match="does not reach"):
        synthetic.run(replace(XUCHANG, cities=("440100",)))


def test_one_year_has_no_periods(synthetic: Synthetic) -> None:
    study = synthetic.run(replace(XUCHANG, first_year=2010, last_year=2010))
    assert study.city_year.height == 2
    assert study.city_period.is_empty()
    assert study.patch_period.is_empty()


@pytest.mark.parametrize(("share", "is_found"), [(0.0, True), (0.005, True), (0.05, False)])
def test_where_much_of_a_city_has_no_data_no_built_up_area_is_found(
    synthetic: Synthetic,
    share: float,
    is_found: bool,  # noqa: FBT001
) -> None:
    # Would catch the area of half a city matched to the published area of all of it.
    place = synthetic.found[0].place
    lights = synthetic.found[0].lights.copy()
    inside = np.flatnonzero(place.weights > 0.9 * place.weights.max())
    lights.flat[inside[: round(share * np.count_nonzero(place.weights))]] = np.nan
    figure = {"built_up_km2": 100.0, "publisher": "p", "scope": "municipal_districts"}
    found = measures.city_year(place, lights, {"year": 1997, "series": "raw"}, figure, Levels())
    assert (found.mask is not None) == is_found
    assert (found.row.get("built_up_km2") is not None) == is_found
