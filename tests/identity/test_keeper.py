"""The keeper's secret and keys."""

import hmac
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from citylake.identity.keeper import Keeper, check_secret, note_keeper, open_keeper
from citylake.identity.tables import prepare_tables
from citylake.lake.attach import open_lakes
from citylake.lake.errors import SecretMismatch
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare
from orchestration.night import Plan, hold_night


@settings(max_examples=30)
@given(secret=st.binary(min_size=1, max_size=200), message=st.text(max_size=50))
def test_the_key_made_in_sql_is_the_standard_hmac(secret: bytes, message: str) -> None:
    # Would catch a wrong pad, block size or encoding in the SQL form of RFC 2104.
    with duckdb.connect() as connection:
        Keeper(secret).register(connection)
        found = connection.execute("select keeper_key(?)", [message]).fetchone()
    assert found == (hmac.new(secret, message.encode(), sha256).hexdigest()[:32],)


@pytest.fixture
def zones(tmp_path: Path) -> Zones:
    return prepare(Settings(home=tmp_path))


def test_the_first_night_makes_an_owner_only_secret(zones: Zones, tmp_path: Path) -> None:
    open_keeper(zones, Settings(home=tmp_path), None)
    assert zones.secret.stat().st_mode & 0o777 == 0o600
    assert len(zones.secret.read_text().strip()) == 64


def test_the_same_secret_is_found_again(zones: Zones, tmp_path: Path) -> None:
    first = open_keeper(zones, Settings(home=tmp_path), None)
    assert open_keeper(zones, Settings(home=tmp_path), first.fingerprint) == first


def test_a_lost_secret_is_noticed(zones: Zones, tmp_path: Path) -> None:
    # Would catch a keeper that quietly makes a new secret and so changes every key.
    first = open_keeper(zones, Settings(home=tmp_path), None)
    zones.secret.unlink()
    with pytest.raises(SecretMismatch, match="missing"):
        open_keeper(zones, Settings(home=tmp_path), first.fingerprint)
    assert not zones.secret.exists()


def test_a_changed_secret_is_noticed(zones: Zones, tmp_path: Path) -> None:
    first = open_keeper(zones, Settings(home=tmp_path), None)
    other = Settings(home=tmp_path, identity_secret="f" * 64)
    with pytest.raises(SecretMismatch, match="not the one"):
        open_keeper(zones, other, first.fingerprint)


def test_a_secret_that_others_can_read_is_refused(zones: Zones, tmp_path: Path) -> None:
    open_keeper(zones, Settings(home=tmp_path), None)
    zones.secret.chmod(0o644)
    with pytest.raises(SecretMismatch, match="other accounts"):
        open_keeper(zones, Settings(home=tmp_path), None)


def test_a_short_secret_is_refused(zones: Zones, tmp_path: Path) -> None:
    with pytest.raises(SecretMismatch, match="shorter"):
        open_keeper(zones, Settings(home=tmp_path, identity_secret="too short"), None)


def test_the_secret_is_not_in_the_keeper_s_representation() -> None:
    assert "hunter2" not in repr(Keeper(b"hunter2"))


def test_what_is_kept_for_sql_tells_nothing_of_the_secret_and_comes_to_a_home_of_before(tmp_path: Path) -> None:
    # A home of before knows the fingerprint alone; its keys must stay, and its records get keys of their own secret.
    settings_ = Settings(home=tmp_path, identity_secret="a" * 64, threads=1)
    zones = prepare(settings_)
    keeper = open_keeper(zones, settings_, None)
    with open_lakes(settings_, ("vault",)) as connection:
        connection.execute("create schema vault.identity; create table vault.identity.keeper (fingerprint varchar)")
        connection.execute("insert into vault.identity.keeper values (?)", [keeper.fingerprint])
        for _ in range(2):
            connection.begin()
            prepare_tables(connection)
            note_keeper(connection, keeper)
            connection.commit()
        kept = connection.execute("select fingerprint, record_secret from vault.identity.keeper").fetchall()
    assert kept == [(keeper.fingerprint, keeper.record_secret)]
    assert keeper.record_secret not in {keeper.fingerprint, keeper.secret.decode()}


def test_another_secret_stops_a_night_before_anything_is_written(tmp_path: Path) -> None:
    # It was once noticed by identity only, after deliveries had been loaded and staged.
    right = Settings(home=tmp_path, identity_secret="a" * 64, threads=1)
    zones = prepare(right)
    check_secret(right)
    with open_lakes(right, ("vault",)) as connection:
        prepare_tables(connection)
        note_keeper(connection, open_keeper(zones, right, None))
    check_secret(right)
    leaving = zones.scratch / "of_the_night_before"
    leaving.touch()
    wrong = right.model_copy(update={"identity_secret": SecretStr("b" * 64)})
    with pytest.raises(SecretMismatch, match="not the one"), hold_night(wrong, Plan()):
        pass
    assert leaving.exists()
