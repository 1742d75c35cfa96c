"""Checking an extract before it is delivered: what loading would say, with nothing kept.

All that is written lies in a temporary folder that only its owner can enter and that is removed at the end.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from citylake.contracts.model import Contract
from citylake.lake.errors import UsageError
from citylake.lake.settings import Settings
from ingestion.examination import Examination, examine
from ingestion.validation import REJECTED_SCHEMA

_SHOWN = 20


@dataclass(frozen=True)
class CheckReport:
    """What loading a file would come to."""

    examination: Examination
    first_rejected: pl.DataFrame
    """The first rejected rows: line, rules and reasons, without their values."""

    @property
    def would_be_refused(self) -> bool:
        return self.examination.refusal is not None


def check_file(settings: Settings, file: Path, contract: Contract, *, shown: int = _SHOWN) -> CheckReport:
    """Examine a file as loading would. Raises UsageError when it is not there."""
    if not file.is_file():
        raise UsageError(f"{file} is not a file that can be read.")
    with tempfile.TemporaryDirectory(prefix="citylake-check.") as folder:
        examination = examine(settings, file, contract, Path(folder))
        rejected = pl.LazyFrame(schema=REJECTED_SCHEMA)
        if examination.validated is not None:
            rejected = pl.scan_parquet(examination.validated.rejected, glob=False)
        first = rejected.drop("record").bottom_k(shown, by="line").sort("line").collect()
    return CheckReport(examination, first)
