"""``citylake sample-city``: what it writes where, and what it refuses to mix."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from apps.cli import sample_city
from apps.cli.console import Commands
from sample_city import lights

EXTRACTS = 25 + 28 + 1
"""The city's own, composites of night lights, and one of published areas."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CITYLAKE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CITYLAKE_LANDING", raising=False)
    return tmp_path / "home"


def _run(*arguments: str) -> Result:
    app = typer.Typer(cls=Commands)
    app.callback()(lambda: None)
    sample_city.register(app)
    return CliRunner().invoke(app, ["sample-city", "--residents", "100", "--months", "1", *arguments])


def _files(home: Path) -> list[Path]:
    return sorted(path for path in (home / "landing").rglob("*") if path.is_file())


# Would catch a command that writes elsewhere than the settings say, or does not say what the data are.
def test_it_writes_into_landing_and_says_that_it_is_synthetic(home: Path) -> None:
    result = _run("--until", "2026-10-31")
    assert result.exit_code == 0
    assert "SYNTHETIC 合成数据" in result.stdout
    assert len(_files(home)) == EXTRACTS
    assert all(".synthetic." in path.name for path in _files(home))
    assert (home / "landing" / "urban_management" / "urban_case" / "urban_case_20261031.synthetic.jsonl").exists()


# Would catch a release in which invented people stand beside real ones.
def test_it_refuses_to_mix_with_real_deliveries(home: Path) -> None:
    real = home / "landing" / "urban_management" / "urban_case" / "urban_case_20261001.jsonl"
    real.parent.mkdir(parents=True)
    real.write_text("{}\n")
    result = _run()
    assert result.exit_code == 2
    assert _files(home) == [real]


# Would catch a second city that blends with the first.
def test_it_refuses_a_second_city_unless_forced(home: Path) -> None:
    assert _run("--until", "2026-10-31").exit_code == 0
    assert _run("--until", "2026-10-30").exit_code == 2
    assert len(_files(home)) == EXTRACTS
    assert _run("--until", "2026-10-30", "--force").exit_code == 0
    assert len(_files(home)) > EXTRACTS


# Would catch a sample city without night lights: the tables of urban expansion would be empty in every trial.
def test_it_brings_night_lights_and_the_areas_that_belong_to_them(home: Path) -> None:
    assert _run("--until", "2026-10-31").exit_code == 0
    folders = [home / "landing" / name for name in (lights.COMPOSITES, lights.AREAS)]
    assert [len(list(folder.iterdir())) for folder in folders] == [28, 1]


# Would catch `make refresh` making no city for whoever looked at night lights first.
def test_synthetic_night_lights_alone_are_no_city(home: Path) -> None:
    brought = home / "landing" / lights.COMPOSITES / "F121999.v4b_web.stable_lights.avg_vis.synthetic.tif"
    brought.parent.mkdir(parents=True)
    brought.write_bytes(b"")
    assert _run("--until", "2026-10-31", "--if-empty").exit_code == 0
    assert len(_files(home)) == EXTRACTS


# Would catch an invented city measured beside composites that a satellite has seen.
def test_it_refuses_to_mix_with_real_night_lights(home: Path) -> None:
    real = home / "landing" / lights.COMPOSITES / "F121999.v4b_web.stable_lights.avg_vis.tif"
    real.parent.mkdir(parents=True)
    real.write_bytes(b"")
    assert _run("--until", "2026-10-31").exit_code == 2
    assert _files(home) == [real]


# Would catch `make refresh` failing, or writing again, on its second day.
def test_if_empty_leaves_a_landing_alone_that_has_files(home: Path) -> None:
    assert _run("--if-empty", "--until", "2026-10-31").exit_code == 0
    before = [(path, path.stat().st_mtime_ns) for path in _files(home)]
    assert _run("--if-empty", "--until", "2026-11-15").exit_code == 0
    assert [(path, path.stat().st_mtime_ns) for path in _files(home)] == before
    assert len(before) == EXTRACTS
