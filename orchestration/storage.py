"""Where a night in this process keeps Dagster's history: the same SQLite files that ``citylake dagster`` shows.

Dagster opens and closes a database for every event, and waits for the disk each time: of some five hundred events that
is seconds a night. Here each database stays open while the night runs. Nothing else about its history belongs here.
"""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,  # pyright: ignore[reportPrivateUsage]  # in another folder nobody would look for it
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy import event
from sqlalchemy.pool import QueuePool
from typing_extensions import override

_BUSY_SECONDS = 60


class OpenEventLog(SqliteEventLogStorage):
    """Dagster's event log with one connection a database, kept."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, sa.Engine] = {}
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Generator[sa.Connection]:
        # One thread at a time has the lock, hence one connection is enough for each database.
        with self._db_lock:
            if shard not in self._engines:
                engine = sa.create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=QueuePool,
                    pool_size=1,
                    connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
                )
                event.listen(engine, "connect", _without_waiting)
                self._initdb(engine)
                self._engines[shard] = engine
            with self._engines[shard].begin() as connection:
                yield connection

    @override
    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


def _without_waiting(connection: sqlite3.Connection, _: object) -> None:
    # With a write-ahead log the file stays whole even if the power fails; then its last events may be missing.
    connection.execute("pragma synchronous = normal")


class OpenStorage(DagsterSqliteStorage):
    """Dagster's storage in SQLite files under ``base_dir``, its event log kept open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = OpenEventLog(_event_logs_directory(base_dir))
