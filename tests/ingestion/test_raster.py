"""Composites of night lights as deliveries: known by their own names, examined whole, kept as files beside a record."""

import gzip
import stat
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from citylake.contracts.model import Contract, load_contracts
from citylake.lake.deliveries import Manifest, manifests, read_ledger
from citylake.lake.errors import UsageError
from citylake.lake.landed import LandedFile
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare
from ingestion.landing import land, new_files, strangers
from ingestion.loading import load_delivery, rasters_of
from ingestion.retention import delete_expired
from tests.nightlights.rasters import centred, write

DATASET = "natural_resources.night_light_composite"
LIGHTS = np.array([[0, 5, 63], [0, 0, 255]], dtype=np.uint8)
F12 = "F121999.v4b_web.stable_lights.avg_vis.tif"
F14 = "F141999.v4b_web.stable_lights.avg_vis.tif"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home", memory_limit="256MB", threads=1)
    prepare(settings)
    return settings


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contracts(Settings().contracts)[DATASET]


def put(settings: Settings, name: str, lights: np.ndarray = LIGHTS, **profile: object) -> Path:
    folder = Zones.of(settings).landing.joinpath(*DATASET.split("."))
    folder.mkdir(parents=True, exist_ok=True)
    return write(folder / name, lights, **profile)


def load(settings: Settings, contract: Contract) -> list[Manifest]:
    return [load_delivery(settings, contract, landed, "run") for landed in new_files(settings, contract)]


def statuses(settings: Settings) -> dict[str, str]:
    ledger = read_ledger(Zones.of(settings))
    return {Path(name).name: status for name, status in ledger.select("file_name", "status").iter_rows()}


def test_a_composite_says_in_its_own_name_whose_lights_of_which_year_it_is() -> None:
    # Would catch NOAA's names taken for strangers, and two satellites of a year for corrections of one another.
    folder = Path("natural_resources/night_light_composite")
    landed = LandedFile.parse(folder / "F182010.v4d_web.stable_lights.avg_vis.synthetic.tif.gz", "natural_resources")
    assert landed is not None
    assert (landed.dataset, landed.extract_date, landed.part) == (DATASET, date(2010, 12, 31), "F18")
    assert (landed.revision, landed.origin) == (3, "synthetic")
    series = LandedFile.parse(folder / "harmonised_dmsplike_2018.tif", "natural_resources")
    assert series is not None
    assert (series.extract_date.year, series.part, series.origin) == (2018, "harmonised_dmsplike", "real")


@pytest.mark.parametrize("name", [F12, f"{F12}.gz"])
def test_an_accepted_composite_is_a_record_and_the_file_as_delivered(
    settings: Settings, contract: Contract, name: str
) -> None:
    # Would catch a record without its raster: landing may be cleared, and the study would find nothing to measure.
    landed = put(settings, name)
    [manifest] = load(settings, contract)
    assert (manifest.status, manifest.rows_read, manifest.rows_accepted) == ("accepted", 1, 1)
    [(_, folder, _)] = manifests(Zones.of(settings), DATASET)
    record = pl.read_parquet(folder / manifest.accepted_file).row(0, named=True)
    assert {column: record[column] for column in ("series", "year", "version", "data_origin", "file_name")} == {
        "series": "F12",
        "year": 1999,
        "version": "v4b",
        "data_origin": "real",
        "file_name": name,
    }
    counts = ("cell_count", "lit_cell_count", "missing_cell_count", "highest_number")
    assert [record[column] for column in counts] == [6, 2, 1, 63.0]
    [kept] = rasters_of(folder)
    assert kept.read_bytes() == landed.read_bytes()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert new_files(settings, contract) == []


def test_two_satellites_of_a_year_count_and_a_later_version_supersedes_its_own_satellite_alone(
    settings: Settings, contract: Contract
) -> None:
    # Would catch half of the composites left out as corrected by the other half.
    corrected = F14.replace("v4b", "v4c")
    for number, name in enumerate((F12, F14, corrected)):
        put(settings, name, LIGHTS + np.array([number, 0, 0], dtype=np.uint8))
    load(settings, contract)
    assert statuses(settings) == {F12: "in_force", F14: "superseded", corrected: "in_force"}


@pytest.mark.parametrize(
    ("name", "lights", "profile", "zh", "en"),
    [
        ("F102013.v4b_web.stable_lights.avg_vis.tif", LIGHTS, {}, "没有 2013 年", "no composite of F10 for 2013"),
        ("VNL_v21_npp_2018_global_average.tif", LIGHTS, {}, "其他传感器", "another sensor"),
        (F12, LIGHTS, {"crs": None}, "缺少坐标系", "no CRS"),
        (F12, LIGHTS, {"nodata": 0}, "无数据值 0 不符", "0 stands for no data"),
        (F12, LIGHTS, {"transform": centred(113 + 1 / 240, 35)}, "栅格错位", "shifted"),
        ("x_dmsplike_2018.tif", LIGHTS.astype(np.float32) - 1, {}, "存在负值", "negative radiances"),
        (F12, LIGHTS * 0, {}, "没有任何灯光", "no light at all"),
        ("x_dmsplike_2018.tif", np.ones((1, 1 << 18), dtype=np.uint8), {}, "宽度超过", "262144 cells wide"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_both_languages_and_nothing_of_it_is_kept(  # noqa: PLR0913, PLR0917
    settings: Settings, contract: Contract, name: str, lights: np.ndarray, profile: dict[str, object], zh: str, en: str
) -> None:
    # Would catch a raster of another sensor measured as if it were one of these, or a refusal that only says "raster".
    put(settings, name, lights, **profile)
    [manifest] = load(settings, contract)
    assert manifest.refusal is not None
    assert (manifest.status, manifest.refusal.rule) == ("refused", "file.raster")
    assert zh in manifest.refusal.zh
    assert en in manifest.refusal.en
    assert rasters_of(next(manifests(Zones.of(settings), DATASET))[1]) == []


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "file.unreadable"),
        (b"", "file.empty"),
        (b"PK\x03\x04....", "file.unreadable"),
        (b"II*\x00torn", "file.raster"),
        (gzip.compress(b"II*\x00" * 99, mtime=0)[:20], "file.raster"),
    ],
)
def test_a_file_that_is_no_raster_is_refused_as_what_it_is(
    settings: Settings, contract: Contract, content: bytes, rule: str
) -> None:
    # Would catch a pointer or a torn download that ends the night instead of its delivery.
    put(settings, F12).write_bytes(content)
    [manifest] = load(settings, contract)
    assert manifest.refusal is not None
    assert manifest.refusal.rule == rule


def test_a_file_that_only_points_to_another_is_not_followed(settings: Settings, contract: Contract) -> None:
    # Would catch rasters of folders, or hosts, that nobody delivered, measured and published as if somebody had.
    outside = write(settings.home / "elsewhere.tif", LIGHTS)
    vrt = (
        f'<VRTDataset rasterXSize="3" rasterYSize="2"><SRS>EPSG:4326</SRS>'
        f"<GeoTransform>{centred(113, 35).c}, {1 / 120}, 0, {centred(113, 35).f}, 0, {-1 / 120}</GeoTransform>"
        f'<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>{outside}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    put(settings, F12).write_text(vrt)
    [manifest] = load(settings, contract)
    assert manifest.refusal is not None
    assert "cannot be read as a TIFF" in manifest.refusal.en
    assert str(settings.home) not in manifest.refusal.zh + manifest.refusal.en


def test_a_packed_raster_whose_checksum_is_wrong_is_refused(settings: Settings, contract: Contract) -> None:
    # Would catch a download that was damaged on its way: it unpacks to the end, and is not what was sent.
    packed = put(settings, f"{F12}.gz")
    content = packed.read_bytes()
    packed.write_bytes(content[:-8] + b"\0\0\0\0" + content[-4:])
    [manifest] = load(settings, contract)
    assert manifest.status == "refused"


def test_a_year_in_the_name_of_a_series_is_not_the_year_of_its_lights() -> None:
    # Would catch two years of one series taken for corrections of each other.
    for year in (2014, 2015):
        path = Path(f"/landing/natural_resources/night_light_composite/harm2019_dmsplike_{year}.tif")
        landed = LandedFile.parse(path, "natural_resources")
        assert landed is not None
        assert (landed.extract_date, landed.part) == (date(year, 12, 31), "harm2019_dmsplike")


@pytest.mark.parametrize("is_left", [True, False])
def test_a_composite_that_was_refused_for_its_name_is_accepted_under_its_right_one(
    settings: Settings, contract: Contract, *, is_left: bool
) -> None:
    # Would catch a department that mends the name and is told for ever what was wrong with the old one.
    wrong, right = "F141996.v4b_web.stable_lights.avg_vis.tif", "F121996.v4b_web.stable_lights.avg_vis.tif"
    misnamed = put(settings, wrong)
    assert [one.status for one in load(settings, contract)] == ["refused"]
    put(settings, right).write_bytes(misnamed.read_bytes())
    if not is_left:
        misnamed.unlink()
    [manifest] = load(settings, contract)
    assert (manifest.status, manifest.part) == ("accepted", "F12")
    assert load(settings, contract) == []
    folder = next(manifests(Zones.of(settings), DATASET))[1]
    assert [raster.name for raster in rasters_of(folder)] == [right]


def test_counts_of_cloud_free_observations_are_no_delivery(settings: Settings, contract: Contract) -> None:
    # Would catch them in the place of the composite that they belong to: they are of the same satellite and year.
    put(settings, F12)
    counts = put(settings, "F121999.v4b_web.cf_cvg.tif")
    load(settings, contract)
    assert statuses(settings) == {F12: "in_force"}
    assert strangers(settings, {DATASET: contract}) == [counts]


def test_a_raster_is_landed_under_its_own_name_or_not_at_all(
    settings: Settings, contract: Contract, tmp_path: Path
) -> None:
    # Would catch a composite renamed to <dataset>_<day>.tif, which nobody could tell the satellite of.
    file = write(tmp_path / F12, LIGHTS)
    landed = land(settings, file, contract, date(1999, 12, 31))
    assert landed.path.name == F12
    assert land(settings, file, contract, date(1999, 12, 31)) == landed
    with pytest.raises(UsageError, match="last day of its year"):
        land(settings, file, contract, date(2000, 12, 31))
    with pytest.raises(UsageError, match="synthetic"):
        land(settings, file, contract, date(1999, 12, 31), synthetic=True)
    write(file, LIGHTS // 2)
    with pytest.raises(UsageError, match="other content"):
        land(settings, file, contract, date(1999, 12, 31))


def test_a_superseded_raster_goes_when_its_rows_go(settings: Settings, contract: Contract) -> None:
    # Would catch rasters of the world, hundreds of megabytes each, kept for ever although nothing reads them.
    for number, name in enumerate((F14, F14.replace("v4b", "v4c"))):
        put(settings, name, LIGHTS + np.array([number, 0, 0], dtype=np.uint8))
    load(settings, contract)
    facts = delete_expired(settings.model_copy(update={"retain_raw_days": 0}))
    assert facts["raw_files_expired"] == 2
    kept = [path.name for _, folder, _ in manifests(Zones.of(settings), DATASET) for path in rasters_of(folder)]
    assert kept == [F14.replace("v4b", "v4c")]
