"""The keeper's secret and keys."""

import hmac
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citylake.identity.keeper import Keeper, open_keeper
from citylake.lake.errors import SecretMismatch
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare


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
