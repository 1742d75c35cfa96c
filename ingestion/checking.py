"""Checking an extract before it is delivered: what loading would say, with nothing kept.

All that is written lies in a folder that only its owner can enter and that is removed at the end; what a killed check
leaves is removed by the next one.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from citylake.contracts.model import Contract
from citylake.lake.errors import UsageError
from citylake.lake.landed import LandedFile
from citylake.lake.private_folder import private_folder
from citylake.lake.settings import Settings
from ingestion.examination import Examination, examine
from ingestion.judging import REJECTED_SCHEMA, WARNINGS
from ingestion.mending import BrokenRule, broken_rules, to_mend
from ingestion.quarantine import export_quarantine
from ingestion.readers.extract import LINE
from ingestion.validation import Validated

_SHOWN = 20


@dataclass(frozen=True)
class CheckReport:
    """What loading a file would come to."""

    examination: Examination
    broken: tuple[BrokenRule, ...] = ()
    """Rules whose rows would be quarantined, most broken first."""
    warned: tuple[BrokenRule, ...] = ()
    """Rules whose rows would be accepted with a remark."""
    first_rejected: pl.DataFrame | None = None
    """The first rejected rows: line, columns, values (identifiers masked), reason_zh, reason_en."""

    @property
    def would_be_refused(self) -> bool:
        return self.examination.refusal is not None


def check_file(
    settings: Settings, file: Path, contract: Contract, *, export: Path | None = None, shown: int = _SHOWN
) -> CheckReport:
    """Examine a file as loading would; with ``export``, write the rejected rows there, in full, as quarantine does.

    Raises UsageError when the file is not there, or the export cannot be written.
    """
    if not file.is_file():
        raise UsageError(f"{file} is not a file that can be read.")
    folder = private_folder()
    try:
        examination = examine(settings, file, contract, folder)
        if examination.validated is None:
            return CheckReport(examination)
        report = _report(examination, examination.validated, contract, shown)
        if export is not None:
            export_quarantine(_as_quarantined(examination.validated, file, contract), contract, export)
        return report
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _report(examination: Examination, validated: Validated, contract: Contract, shown: int) -> CheckReport:
    rejected = pl.scan_parquet(validated.rejected, glob=False)
    accepted = pl.scan_parquet(validated.accepted, glob=False)
    broken = broken_rules(contract, rejected, "line", "rules")
    said = to_mend([one.explanation for one in broken], is_seen=True)
    first = rejected.bottom_k(shown, by="line").sort("line")
    return CheckReport(
        examination,
        tuple(broken),
        tuple(broken_rules(contract, accepted, LINE, WARNINGS)),
        first.select("line", said["columns"], said["values"], "reason_zh", "reason_en").collect(),
    )


def _as_quarantined(validated: Validated, file: Path, contract: Contract) -> pl.LazyFrame:
    landed = LandedFile.parse(file, contract.department)
    is_synthetic = landed is not None and landed.origin == "synthetic"
    return pl.scan_parquet(validated.rejected, glob=False).select(
        pl.lit(file.name).alias("delivery_id"),
        *REJECTED_SCHEMA,
        pl.lit("synthetic" if is_synthetic else "undeclared").alias("origin"),
    )
