from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from apps.cli.main import app
from citylake.lake.errors import ContractViolation, UsageError
from citylake.lake.settings import Settings
from citylake.nightlights.published import PUBLISHED
from sample_city.lights import AREAS, COMPOSITES


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["urban", *arguments])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("urban")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYLAKE_HOME", str(home))
        made = run("sample")
    assert made.exit_code == 0
    assert "SYNTHETIC" in made.stdout
    return home


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYLAKE_HOME", str(home))


def test_the_report_tells_thresholds_areas_residuals_and_indices() -> None:
    found = run("report", "--cities", "郑州,411000", "--years", "2005-2010")
    assert found.exit_code == 0
    for said in ("郑州市", "许昌市", "threshold", "residual %", "% of land a year", "AWMEI", "s.e."):
        assert said in found.stdout
    # What is invented never looks real.
    titles = [line for line in found.stdout.splitlines() if line.rstrip().endswith("corrected")]
    assert len(titles) == 4
    assert all("SYNTHETIC 合成数据" in title for title in titles)
    years = [line.split()[1] for line in found.stdout.splitlines() if line.strip().startswith("许昌市")]
    assert years[:6] == ["2005", "2006", "2007", "2008", "2009", "2010"]


def test_figures_of_two_publishers_are_shown_beside_each_other(tmp_path: Path) -> None:
    (areas,) = (Settings().landing or Settings().home / "landing").joinpath(AREAS).glob("*.csv")
    both = tmp_path / "areas.synthetic.csv"
    both.write_text(areas.read_text() + "411000,许昌市,2010,140,municipal_districts,规划局,说明,\n")
    asked = ("report", "--cities", "许昌", "--years", "2010", "--areas", str(both))
    torn = run(*asked)
    assert torn.exit_code == UsageError.exit_code
    assert "Published figures conflict" in torn.stderr
    told = run(*asked, "--publisher", "规划局")
    assert told.exit_code == 0
    assert "140.00" in told.stdout
    assert "IoU" in told.stdout


def test_coefficients_that_are_not_the_publications_are_told_of() -> None:
    assert "aiddata" in run("report", "--cities", "许昌", "--years", "2013").stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--cities", "Paris"], "There is no city"),
        (["--cities", " ,"], "No city is named"),
        (["--cities", "许昌", "--years", "13-97"], "no composites of"),
        (["--cities", "许昌", "--years", "2013-1997"], "no span of years"),
        (["--cities", "许昌", "--years", "last"], "no year"),
        (["--cities", "许昌", "--scope", "town"], "There is no scope"),
        (["--cities", "许昌", "--composites", "nowhere"], "There is no folder"),
        (["--cities", "许昌", "--table", "wu_2013"], "has none for F18 2011"),
        (["--cities", "广州"], "does not reach"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_clear_sentence(given: list[str], said: str) -> None:
    found = run("report", *given)
    assert found.exit_code == UsageError.exit_code
    assert said in " ".join(found.stderr.split())


def test_real_areas_are_not_matched_to_synthetic_lights() -> None:
    # What comes of it would look like a finding of the published figure.
    found = run("report", "--cities", "郑州", "--areas", str(PUBLISHED))
    assert found.exit_code == UsageError.exit_code
    assert "one is synthetic and the other real" in " ".join(found.stderr.split())


def test_a_raster_that_is_no_composite_is_refused_by_name(tmp_path: Path) -> None:
    name = "F162012.v4c_web.stable_lights.avg_vis.tif"
    (tmp_path / name).write_bytes(b"")
    found = run("report", "--cities", "许昌", "--composites", str(tmp_path))
    assert found.exit_code == ContractViolation.exit_code
    assert name in found.stderr


def test_synthetic_composites_are_never_put_beside_real_ones(home: Path) -> None:
    real = home / "landing" / COMPOSITES / "F101992.v4b_web.stable_lights.avg_vis.tif"
    real.write_bytes(b"")
    try:
        found = run("sample")
        assert found.exit_code == UsageError.exit_code
        assert real.name in found.stderr
    finally:
        real.unlink()


def test_a_synthetic_raster_under_a_real_name_is_refused(home: Path, tmp_path: Path) -> None:
    # Renamed by hand, it would be published as an observation.
    marked = next((home / "landing" / COMPOSITES).glob("F182010*"))
    (tmp_path / marked.name.replace(".synthetic", "")).write_bytes(marked.read_bytes())
    found = run("report", "--cities", "许昌", "--composites", str(tmp_path), "--areas", str(PUBLISHED))
    assert found.exit_code == ContractViolation.exit_code
    assert "synthetic by its own tag" in " ".join(found.stderr.split())
