from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from citylake.lake import doctor, releases
from citylake.lake.doctor import Finding, examine
from citylake.lake.releases import RECORD, Release
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from tests.lake.support import night


def wrong(settings: Settings) -> list[Finding]:
    return [finding for finding in examine(settings) if finding.status == "wrong"]


def test_a_machine_in_order_has_nothing_wrong(settings: Settings) -> None:
    # A doctor that cries wolf is not asked again.
    night(settings, 1)
    assert wrong(settings) == []
    assert any(finding.subject.endswith("Release") and "run-001" in finding.detail for finding in examine(settings))


def test_a_machine_before_its_first_night_has_nothing_wrong_and_is_left_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert wrong(Settings(home=home)) == []
    assert not home.exists()


def test_every_wrong_thing_comes_with_the_way_to_mend_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # "Permission denied" alone mends nothing.
    zones = Zones.of(settings)
    night(settings, 1)
    zones.vault.chmod(0o755)
    zones.secret.write_text("secret", encoding="utf-8")
    zones.secret.chmod(0o644)
    monkeypatch.setattr(doctor, "_FREE_WRONG", 1 << 60)
    found = wrong(settings.model_copy(update={"people_group": "no-such-group"}))
    assert [finding.mend for finding in found if "vault has mode 755" in finding.detail] == [f"chmod 700 {zones.vault}"]
    assert [finding.mend for finding in found if "secret" in finding.detail] == [f"chmod 600 {zones.secret}"]
    assert {"Disk", "lake"} <= {finding.subject.split()[-1] for finding in found}
    assert all(finding.mend for finding in found)


def test_a_clock_behind_the_last_release_is_wrong(settings: Settings) -> None:
    # Deliveries are dated by it: a dead clock battery rewrites history.
    zones = Zones.of(settings)
    release = night(settings, 1)
    record = zones.releases / release.release_id / RECORD
    late = release.model_copy(update={"created_at": datetime.now(UTC) + timedelta(days=1)})
    record.chmod(0o644)
    record.write_text(late.model_dump_json(), encoding="utf-8")
    assert Release.model_validate_json(record.read_bytes()) == late
    assert [finding.subject.split()[-1] for finding in wrong(settings)] == ["Clock"]


def test_extensions_that_cannot_be_loaded_are_wrong(settings: Settings) -> None:
    (library,) = Zones.of(settings).extensions.rglob("ducklake.duckdb_extension")
    library.unlink()
    library.write_bytes(b"half a download")
    assert "Extensions" in {finding.subject.split()[-1] for finding in wrong(settings)}


def test_a_package_that_is_not_as_locked_is_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements").mkdir()
    lock = tmp_path / "requirements" / "run.txt"
    lock.write_text(
        "duckdb==0.0.1 \\\n    --hash=sha256:00\nnumpy==9 ; python_full_version < '3.12' \\\n    --hash=sha256:00\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(doctor, "PROJECT_ROOT", tmp_path)
    (finding,) = wrong(settings)
    assert "duckdb" in finding.detail
    assert "locked: 0.0.1" in finding.detail
    assert "numpy" not in finding.detail


def test_a_hold_and_a_broken_release_are_told(settings: Settings) -> None:
    zones = Zones.of(settings)
    night(settings, 1)
    night(settings, 2)
    releases.rollback(zones, "run-001", "wrong boundaries", "keeper")
    assert any("wrong boundaries" in finding.detail for finding in examine(settings))
    catalog = zones.releases / "run-001" / "city.sqlite"
    catalog.chmod(0o644)
    catalog.write_bytes(b"nothing")
    assert [finding.subject.split()[-1] for finding in wrong(settings)] == ["Release"]
