"""Nothing lost: rows read, accepted and quarantined add up, and raw and staging hold exactly what is in force."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from citylake.contracts.labels import Label
from citylake.contracts.model import Contract
from citylake.governance.results import CheckResult, Subject, nothing_wrong


def check(subject: Subject) -> Iterator[CheckResult]:
    """Ledger, raw files, then staging table by table."""
    yield _ledger_adds_up(subject)
    yield _raw_files_are_whole(subject)
    for contract in subject.contracts.values():
        yield _staging_is_what_is_in_force(subject, contract)


def _ledger_adds_up(subject: Subject) -> CheckResult:
    accepted = subject.ledger.filter(pl.col("load_status") == "accepted")
    adds_up = pl.col("rows_read") == pl.col("rows_accepted") + pl.col("rows_quarantined")
    wrong = accepted.filter(~adds_up.fill_null(value=False)).height
    erased = int(subject.ledger["rows_erased"].sum())
    return nothing_wrong(
        "ledger.rows_add_up",
        wrong,
        Label(
            f"{accepted.height} 个交付中有 {wrong} 个的读取行数不等于接收加隔离行数；依法删除 {erased} 行",
            f"{wrong} of {accepted.height} deliveries: rows read are not rows accepted plus rows quarantined; "
            f"{erased} rows were erased since on a legal basis",
        ),
    )


def _raw_files_are_whole(subject: Subject) -> CheckResult:
    """Every file in force is there and has as many rows as its manifest says; reads footers only."""
    in_force, present = subject.in_force, _present(subject)
    counted = 0
    if present.height:
        held = subject.connection.execute(
            "select file_name as path, num_rows as rows_held from parquet_file_metadata(?::varchar[])",
            [present["path"].to_list()],
        ).pl()
        counted = present.join(held, on="path").filter(pl.col("rows_held") == pl.col("rows_accepted")).height
    wrong = in_force.height - counted
    return nothing_wrong(
        "raw.rows_as_in_manifest",
        wrong,
        Label(
            f"{in_force.height} 个有效交付中有 {wrong} 个的原始文件缺失或行数与清单不符",
            f"{wrong} of {in_force.height} deliveries in force: raw file missing, or with other rows than its manifest",
        ),
    )


def _staging_is_what_is_in_force(subject: Subject, contract: Contract) -> CheckResult:
    """Staging has a row for every key in force, deleted ones included. Reads the keys of every file in force."""
    table = f"vault.staging.stg_{contract.department}__{contract.name}"
    deliveries = _present(subject).filter(pl.col("dataset") == contract.dataset)
    key = [*contract.key] or ["_line"]
    if contract.mode != "upsert":
        key = ["_delivery_id", *key]
    expected = 0
    if deliveries.height:
        expected = subject.count(
            f"select count(*) from (select distinct {', '.join(key)} from read_parquet(?::varchar[]))",
            deliveries["path"].to_list(),
        )
    observed = subject.count(f"select count(*) from {table}") if table in subject.tables else 0
    return CheckResult(
        check_id=f"staging.{contract.dataset}",
        status="passed" if observed == expected else "failed",
        observed=observed,
        expected=expected,
        message=Label(
            f"{contract.title.zh}：暂存表 {observed} 行，有效交付中不同主键 {expected} 个",
            f"{contract.title.en}: {observed} rows in staging, {expected} distinct keys in the deliveries in force",
        ),
    )


def _present(subject: Subject) -> pl.DataFrame:
    """The deliveries in force whose file is there; that none is missing has a check of its own."""
    in_force = subject.in_force
    return in_force.filter([path is not None and Path(path).is_file() for path in in_force["path"]])
