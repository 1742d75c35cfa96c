"""Dagster's event log on SQLite, with its databases open for as long as a night lasts.

What is logged is Dagster's business and lies where Dagster looks for it; only how often a database is opened is ours.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import sqlalchemy.event
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import StaticPool
from typing_extensions import override


class OpenEventLog(SqliteEventLogStorage):
    """The storage that Dagster takes by default, with one connection to a database instead of one to an event.

    A night of some hundred assets and checks logs more than five hundred events, each into two databases. To open and
    close one for each took more time than the city's indicators: who closes a database last writes its whole log back.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, sa.Engine] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    @override
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "OpenEventLog":
        return cls(inst_data=inst_data, **config_value)

    @override
    def dispose(self) -> None:
        """Close what is open; what was logged goes from SQLite's log into its databases."""
        super().dispose()
        with self._db_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()

    @override
    def has_table(self, table_name: str) -> bool:
        """Whether the log has a table: Dagster asks at every event, and opens a database to answer. None ever goes."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    @contextmanager
    @override
    def _connect(self, shard: str) -> Generator[sa.Connection]:
        # Dagster's own lock keeps threads apart, as it does where each has a connection of its own.
        with self._db_lock:
            if shard not in self._engines:
                self._engines[shard] = self._open(shard)
            with self._engines[shard].begin() as connection:
                yield connection

    def _open(self, shard: str) -> sa.Engine:
        engine = sa.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        sqlalchemy.event.listen(engine, "connect", _sync_at_checkpoints)
        self._initdb(engine)
        return engine


def _sync_at_checkpoints(connection: sqlite3.Connection, _: object) -> None:
    """A power cut may take the newest events, and never breaks the log; no lake and no release depends on it."""
    connection.execute("pragma synchronous = normal")
