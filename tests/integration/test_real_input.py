import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from apps.cli.main import app
from citylake.lake import releases
from citylake.lake.deliveries import manifests
from citylake.lake.reader import connect
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


COMPOSITES = "natural_resources.night_light_composite"


def test_the_real_register_and_real_night_lights_become_a_release_marked_real(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A city's first days: one department delivers, most have nothing yet, and what there is must come out. Composites
    # are matched to the published areas that come with the library.
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    settings = Settings()
    ingest = ["ingest", str(shared_data / "wuxi_enterprises.csv.gz"), "--dataset", "market_supervision.entity_register"]
    assert CliRunner().invoke(app, [*ingest, "--extract-date", "2026-11-20"]).exit_code == 0
    lights = Zones.of(settings).landing / COMPOSITES.replace(".", "/")
    lights.mkdir(parents=True)
    for year in (2018, 2021):
        shutil.copy(shared_data / "nightlights" / f"china_dmsplike_{year}.tif", lights)
    refreshed = CliRunner().invoke(app, ["refresh"])
    assert refreshed.exit_code == 0, refreshed.output
    ((manifest, folder, _),) = [found for found in manifests(Zones.of(settings)) if found[0].dataset != COMPOSITES]
    codes = pl.read_parquet(folder / "accepted.parquet", columns=["registration_code"])["registration_code"]
    assert manifest.rows_read == 16_518 == manifest.rows_accepted + manifest.rows_quarantined
    assert (codes.str.len_chars() == 18).sum() >= 15_841
    release = releases.current_release(Zones.of(settings))
    assert (release.origin, set(release.deliveries)) == ("real", {manifest.dataset, COMPOSITES})
    with connect(settings=settings) as reader:
        by_type = dict(
            reader.execute(
                "select registration_code_type, count(*) from city.base.dim_entity group by registration_code_type"
            ).fetchall()
        )
        measured = reader.execute(
            "select data_origin, count(*), max(abs(residual_pct)) from city.urban.fct_urban_city_year "
            "where series = 'raw' and built_up_km2 > 0 group by data_origin"
        ).fetchall()
        figures = reader.execute("select distinct indicator_id from city.indicator.indicator_value").fetchall()
    assert by_type["uscc"] == codes.filter(codes.str.len_chars() == 18).n_unique()
    assert ("E02",) in figures
    ((origin, cities, residual),) = measured
    assert (origin, cities) == ("real", 5)
    assert 0 < residual < 5, "one step of the threshold moves today's areas by 4 % and more"
