"""The night of identity, step by step: who is named, who of them is one, and the key that each keeps.

Whom records name, the contracts say. What a night writes depends on the records in force and the keys that exist, not
on the order of the records; what it costs follows what changed.
"""

from datetime import date

import duckdb

from citylake.contracts.mentions import KINDS
from citylake.contracts.model import load_contracts
from citylake.identity.clusters import cluster_mentions
from citylake.identity.keeper import open_keeper
from citylake.identity.mentions import extract_mentions
from citylake.identity.records import count, write_records
from citylake.identity.tables import prepare_tables
from citylake.lake.attach import open_lakes
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones


def resolve_identities(settings: Settings, run_id: str, as_of: date, *, full: bool = False) -> dict[str, int]:
    """Bring ``vault.identity`` up to date with staging, in one transaction. The caller holds the writer's lock.

    ``full`` reads and clusters everything anew, changed or not. Returns counts by kind: mentions in force and how many
    of them the night touched, records that name somebody, keys minted, records written and retired, key events.
    Raises SecretMismatch before anything is written when the secret is lost or changed.
    """
    contracts = list(load_contracts(settings.contracts).values())
    facts: dict[str, int] = {}
    with open_lakes(settings, ("vault",)) as connection:
        fingerprint = _known_fingerprint(connection)
        keeper = open_keeper(Zones.of(settings), settings, fingerprint)
        keeper.register(connection)
        connection.execute("begin")
        prepare_tables(connection)
        if fingerprint is None:
            connection.execute("insert into vault.identity.keeper values (?)", [keeper.fingerprint])
        for kind in KINDS:
            is_first = count(connection, f"vault.identity.{kind}_mention") == 0
            counted = {"touched": extract_mentions(connection, contracts, kind, run_id, full=full)}
            if counted["touched"] or is_first:
                cluster_mentions(connection, kind)
                counted |= write_records(connection, kind, run_id, as_of, is_first=is_first)
            counted["mentions"] = count(connection, f"vault.identity.{kind}_mention")
            counted["records"] = count(connection, f"vault.identity.{kind}_record")
            facts |= {f"{kind}_{name}": number for name, number in counted.items()}
        connection.execute("commit")
    return facts


def _known_fingerprint(connection: duckdb.DuckDBPyConnection) -> str | None:
    exists = connection.execute(
        "select 1 from duckdb_tables() "
        "where database_name = 'vault' and schema_name = 'identity' and table_name = 'keeper'"
    ).fetchone()
    row = connection.execute("select fingerprint from vault.identity.keeper").fetchone() if exists else None
    return row[0] if row else None
