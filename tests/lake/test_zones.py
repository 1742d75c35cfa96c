import grp
import os
from pathlib import Path

import pytest

from citylake.lake.errors import EnvironmentProblem
from citylake.lake.settings import Settings
from citylake.lake.zones import permissions, prepare


def test_every_zone_is_closed_to_whom_it_must_be_whatever_the_umask(tmp_path: Path) -> None:
    # A generous umask that opens the vault; a narrow one that locks analysts out.
    for umask in (0o000, 0o077):
        before = os.umask(umask)
        try:
            settings = Settings(home=tmp_path / f"home{umask}")
            zones = prepare(settings)
        finally:
            os.umask(before)
        modes = {path: path.stat().st_mode & 0o777 for path in permissions(settings)}
        assert modes == permissions(settings)
        for closed in (
            zones.vault,
            zones.raw,
            zones.quarantine,
            zones.landing,
            zones.ledger,
            zones.catalog("city").parent,
        ):
            assert modes[closed] == 0o700
        assert modes[zones.data("city")] == 0o755
        assert modes[zones.data("people")] == 0o750


def test_what_somebody_widened_is_narrowed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    zones = prepare(settings)
    zones.vault.chmod(0o777)
    prepare(settings)
    assert zones.vault.stat().st_mode & 0o777 == 0o700


def test_a_landing_folder_of_the_departments_keeps_its_permissions(tmp_path: Path) -> None:
    # Closing it would shut out the departments' own accounts, which deliver there.
    landing = tmp_path / "exchange"
    landing.mkdir(mode=0o775)
    landing.chmod(0o775)
    settings = Settings(home=tmp_path / "home", landing=landing)
    assert prepare(settings).landing == landing
    assert landing.stat().st_mode & 0o777 == 0o775


def test_the_people_lake_is_its_group_s(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to any group")
    group = next(entry for entry in grp.getgrall() if entry.gr_gid != 0)
    zones = prepare(Settings(home=tmp_path / "home", people_group=group.gr_name))
    assert {zones.people.stat().st_gid, zones.data("people").stat().st_gid} == {group.gr_gid}
    assert zones.city.stat().st_gid == 0


def test_an_unknown_group_is_named_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="CITYLAKE_PEOPLE_GROUP"):
        prepare(Settings(home=tmp_path / "home", people_group="no-such-group"))
