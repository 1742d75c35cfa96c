"""The record of a run: its id, and what each of its stages did and how long it took.

The run id is minted when a run begins and is the id of the release that it may become.
"""

import json
import resource
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from citylake.lake.files import write_atomically
from citylake.lake.zones import Zones


def mint_run_id(now: datetime | None = None) -> str:
    """A new run id, ``20261121T180000Z-1f3a``: sorts by time, unique by its tail."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


@dataclass(frozen=True)
class Run:
    """One run; its record lies in ``ledger/runs/<run id>/``, one small file a stage."""

    run_id: str
    zones: Zones

    @property
    def folder(self) -> Path:
        """Where the run's record and its logs lie; made with the first of them."""
        return self.zones.ledger / "runs" / self.run_id

    @contextmanager
    def stage(self, name: str) -> Generator[dict[str, Any]]:
        """Time a stage and keep what it reports: ``with run.stage("ingest") as facts: facts["rows_read"] = 3``.

        Kept with it: ``seconds`` of wall time, ``cpu_seconds`` of this process (dbt's is another), and ``peak_mib``,
        the most memory that this process has had by the stage's end.
        """
        facts: dict[str, Any] = {}
        began, cpu_began, started_at = time.perf_counter(), time.process_time(), datetime.now(UTC)
        status = "failed"
        try:
            yield facts
            status = "succeeded"
        finally:
            record = {
                "stage": name,
                "status": status,
                "started_at": started_at.isoformat(),
                "seconds": round(time.perf_counter() - began, 3),
                "cpu_seconds": round(time.process_time() - cpu_began, 3),
                "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "facts": facts,
            }
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomically(
                self.folder / f"{name}.json", json.dumps(record, ensure_ascii=False, default=str, indent=1)
            )

    def stages(self) -> list[dict[str, Any]]:
        """The stages so far, oldest first."""
        records = [json.loads(file.read_text(encoding="utf-8")) for file in self.folder.glob("*.json")]
        return sorted(records, key=lambda record: record["started_at"])
