"""The keeper of keys: its secret, and the opaque keys made with it.

A key is HMAC-SHA-256 (RFC 2104) with the keeper's secret over what it names, cut to 128 bits: nobody without the secret
can derive it, or test a guess, from an identifier. Keys are computed in SQL, many at a time; the secret enters as bound
parameters only, so it is in no statement, plan or log.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import sha256

import duckdb

from citylake.lake.attach import open_lakes
from citylake.lake.errors import SecretMismatch
from citylake.lake.files import write_atomically
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

_BLOCK_BYTES = 64
_KEY_HEX_DIGITS = 32
_SECRET_HEX_DIGITS = 64


@dataclass(frozen=True)
class Keeper:
    """Whoever holds the secret. Make one with :func:`open_keeper`."""

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What is stored beside the keys to notice another secret; tells nothing about the secret itself."""
        return hmac.new(self.secret, b"citylake keeper fingerprint", sha256).hexdigest()

    @property
    def record_secret(self) -> str:
        """The secret of what is made from it in SQL, the keys of published records; tells nothing about the keeper's.

        It lies in the vault, which whoever may read has the records themselves.
        """
        return hmac.new(self.secret, b"citylake keys of published records", sha256).hexdigest()

    def key(self, message: str) -> str:
        """The key of one message; for tests and single look-ups."""
        return hmac.new(self.secret, message.encode(), sha256).hexdigest()[:_KEY_HEX_DIGITS]

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give a connection of the writer the macro ``keeper_key(message)``, for as long as it is open."""
        block = self.secret if len(self.secret) <= _BLOCK_BYTES else sha256(self.secret).digest()
        block = block.ljust(_BLOCK_BYTES, b"\0")
        pads = [bytes(byte ^ pad for byte in block) for pad in (0x36, 0x5C)]
        connection.execute(
            "create or replace temp table keeper_pad as select ?::blob as inner_pad, ?::blob as outer_pad", pads
        )
        connection.execute(
            "create or replace temp macro keeper_key(message) as left(sha256("
            "(select outer_pad from keeper_pad) "
            "|| unhex(sha256((select inner_pad from keeper_pad) || encode(message)))), "
            f"{_KEY_HEX_DIGITS})"
        )


def check_secret(settings: Settings) -> None:
    """Raise SecretMismatch where keys exist and their secret is lost, changed or readable by others. Writes nothing.

    For the start of a night, before deliveries are loaded: what would stop the night in its middle stops it here.
    """
    zones = Zones.of(settings)
    if zones.catalog("vault").exists():
        with open_lakes(settings, ("vault",), read_only=True) as connection:
            known = stored_fingerprint(connection)
        if known is not None:
            open_keeper(zones, settings, known)


def stored_fingerprint(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The fingerprint that existing keys carry; None before the first night of identity. The vault is attached."""
    exists = connection.execute(
        "select 1 from duckdb_tables() "
        "where database_name = 'vault' and schema_name = 'identity' and table_name = 'keeper'"
    ).fetchone()
    row = connection.execute("select fingerprint from vault.identity.keeper").fetchone() if exists else None
    return row[0] if row else None


def note_keeper(connection: duckdb.DuckDBPyConnection, keeper: Keeper) -> None:
    """Keep the keeper's fingerprint and its secret of records, once. Inside the caller's transaction."""
    noted = connection.execute("select record_secret from vault.identity.keeper").fetchone()
    if noted != (keeper.record_secret,):
        connection.execute("delete from vault.identity.keeper")
        connection.execute(
            "insert into vault.identity.keeper (fingerprint, record_secret) values (?, ?)",
            [keeper.fingerprint, keeper.record_secret],
        )


def open_keeper(zones: Zones, settings: Settings, known_fingerprint: str | None) -> Keeper:
    """The keeper with its secret, checked against the fingerprint that the existing keys carry.

    On the first night of all (no fingerprint yet) a missing secret is made and kept in an owner-only file.
    Raises SecretMismatch when keys exist and their secret is lost, changed or readable by others.
    """
    secret = _read_secret(zones, settings)
    if secret is None:
        if known_fingerprint is not None:
            raise SecretMismatch(
                f"The identity secret is missing ({zones.secret}), but person keys were made with it. Nothing was "
                "written. Restore the file, or CITYLAKE_IDENTITY_SECRET, from the backup: a new secret would change "
                "every key."
            )
        secret = secrets.token_hex(_SECRET_HEX_DIGITS // 2).encode()
        write_atomically(zones.secret, secret.decode() + "\n", mode=0o600)
    keeper = Keeper(secret)
    if known_fingerprint is not None and not hmac.compare_digest(known_fingerprint, keeper.fingerprint):
        raise SecretMismatch(
            "The identity secret is not the one that the existing person keys were made with. Nothing was written. "
            "Restore the right secret from the backup."
        )
    return keeper


def _read_secret(zones: Zones, settings: Settings) -> bytes | None:
    if settings.identity_secret is not None:
        secret = settings.identity_secret.get_secret_value().strip()
    elif zones.secret.exists():
        if zones.secret.stat().st_mode & 0o077:
            raise SecretMismatch(
                f"{zones.secret} can be read by other accounts. Nothing was written. Run: chmod 600 {zones.secret}; "
                "and consider who may have read it."
            )
        secret = zones.secret.read_text(encoding="utf-8").strip()
    else:
        return None
    if len(secret) < _SECRET_HEX_DIGITS // 2:
        raise SecretMismatch(
            f"The identity secret is shorter than {_SECRET_HEX_DIGITS // 2} characters; nothing was written. "
            "Make one with: openssl rand -hex 32"
        )
    return secret.encode()
