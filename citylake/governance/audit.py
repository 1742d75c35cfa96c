"""The audit of a run: what must hold before its head may become a release.

It reads everything and changes nothing but its own table, ``city.quality.fct_audit_check``. Its checks lie beside it,
one file a promise; a failed one stops the release and never the readers, who keep the last one.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from citylake.contracts.model import load_contracts
from citylake.governance import anonymity, exposure, figures, linkage, reconciliation, references
from citylake.governance.results import CheckResult, Subject
from citylake.lake.attach import open_lakes
from citylake.lake.deliveries import LEDGER
from citylake.lake.errors import AuditFailed
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

_TABLE = "city.quality.fct_audit_check"
_COLUMNS = {
    "run_id": ("varchar", "批次 Run that was audited; the release''s id once published"),
    "check_id": ("varchar", "检查项 Check: <subject>.<what must hold>"),
    "status": ("varchar", "结果 passed, warned or failed; a failed check stops the release"),
    "observed": ("double", "实测 What was found, mostly the number of things wrong"),
    "expected": ("double", "应为 What it was measured against"),
    "message_zh": ("varchar", "说明 What it means, in Chinese"),
    "message_en": ("varchar", "英文说明 What it means, in English"),
}


def run_audit(settings: Settings, run_id: str, as_of: date) -> list[CheckResult]:
    """Carry out every check on the heads of the lakes and keep the results. The caller holds the writer's lock.

    A failed check does not raise: see :func:`raise_if_failed`.
    """
    zones = Zones.of(settings)
    with open_lakes(settings) as connection:
        subject = Subject(
            settings=settings,
            zones=zones,
            run_id=run_id,
            as_of=as_of,
            connection=connection,
            contracts=load_contracts(settings.contracts),
            ledger=pl.read_parquet(zones.ledger / LEDGER),
        )
        parts = (reconciliation, references, figures, linkage, exposure, anonymity)
        results = [result for part in parts for result in part.check(subject)]
        _keep(subject, results)
    return results


def raise_if_failed(results: Sequence[CheckResult]) -> None:
    """Raise AuditFailed that names every failed check in both languages; warnings pass."""
    failed = [result for result in results if result.status == "failed"]
    if failed:
        zh = "；".join(f"[{result.check_id}] {result.message.zh}" for result in failed)
        en = "; ".join(f"[{result.check_id}] {result.message.en}" for result in failed)
        raise AuditFailed(
            f"审计未通过 {len(failed)} 项，本批次不发布，读者仍使用上一版本：{zh}。 "
            f"The audit failed: this run is not published and readers keep the last release. {len(failed)} failed: "
            f"{en}. 修正或撤回有问题的交付后重新运行。 Correct or withdraw the delivery at fault and run again."
        )


def _keep(subject: Subject, results: Sequence[CheckResult]) -> None:
    rows = pl.DataFrame(
        [
            {
                "run_id": subject.run_id,
                **result.model_dump(include={"check_id", "status", "observed", "expected"}),
                "message_zh": result.message.zh,
                "message_en": result.message.en,
            }
            for result in results
        ]
    )
    connection = subject.connection
    connection.register("audit_rows", rows.to_arrow())
    connection.begin()
    try:
        connection.execute("create schema if not exists city.quality")
        types = ", ".join(f"{name} {data_type}" for name, (data_type, _) in _COLUMNS.items())
        connection.execute(f"create or replace table {_TABLE} ({types})")
        connection.execute(f"insert into {_TABLE} by name from audit_rows")
        connection.execute(f"comment on table {_TABLE} is '发布前检查 Checks of the run that this release came from'")
        for name, (_, meaning) in _COLUMNS.items():
            connection.execute(f"comment on column {_TABLE}.{name} is '{meaning}'")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
