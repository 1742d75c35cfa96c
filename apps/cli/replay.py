"""``citylake replay``: what landing holds of a dataset, validated again under today's contract."""

from collections import Counter
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from apps.cli.console import err, out
from citylake.contracts.model import find_contract
from citylake.lake.deliveries import Result
from citylake.lake.errors import ContractViolation
from citylake.lake.lock import writer_lock
from citylake.lake.runs import mint_run_id
from citylake.lake.settings import Settings
from ingestion.replaying import Outcome, Replayed
from ingestion.replaying import replay as replay_deliveries

_OUTCOMES: dict[Outcome, str] = {
    "replaced": "[green]已更新 Replaced[/]",
    "unchanged": "无变化 Unchanged",
    "kept": "[yellow]保留原结果 Old result kept[/]",
    "absent": "[yellow]原始文件已不在 No longer in landing[/]",
    "busy": "[yellow]文件正在写入 Still being written[/]",
}


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(replay)


def replay(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="<department>.<name>")],
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="DATE", help="Only extracts of this day and later. 仅此日期起的批次"
        ),
    ] = None,
    accept_refusals: Annotated[
        bool,
        typer.Option(
            "--accept-refusals",
            help="Refuse what today's contract refuses, although it was accepted before. Without this such a delivery "
            "keeps its old result and stays in force. 按现行约定拒收此前已接收的批次",
        ),
    ] = False,
) -> None:
    """Validate a dataset's deliveries again under today's contract (按现行约定重新校验已交付的数据).

    For a contract that was mended, or in which a new column got its place. Reads the files in landing, delivery by
    delivery, and shows what changed; earlier results stay on record (citylake delivery show), withdrawn deliveries stay
    withdrawn. It can be stopped at any moment and started again. Leaves with exit code 3 when deliveries kept their old
    result because today's contract would refuse them. Readers see the rest after the next refresh.
    """
    settings = Settings()
    contract = find_contract(settings.contracts, dataset)
    replayed: list[Replayed] = []
    with writer_lock(settings, f"citylake replay {dataset}"), err.status("重新校验 Validating …") as status:
        for one in replay_deliveries(
            settings,
            contract,
            mint_run_id(),
            since=None if since is None else since.date(),
            accept_refusals=accept_refusals,
        ):
            replayed.append(one)
            status.update(f"{one.delivery.delivery_id} …")
    if not replayed:
        out.print("没有需要重新校验的批次。 There is no delivery to validate again. See: citylake delivery list")
        return
    _show(replayed, contract.version)
    kept = [one for one in replayed if one.outcome == "kept"]
    if kept:
        raise ContractViolation(
            f"{len(kept)} 个批次按现行约定会被拒收，已保留原结果，仍然有效。 "
            f"{len(kept)} deliveries would be refused under version {contract.version} and kept the result that they "
            "had: they stay in force. Mend the contract and replay again, or have them refused with --accept-refusals."
        )


def _show(replayed: list[Replayed], version: str) -> None:
    """What changed, delivery by delivery; of those that did not, only how many."""
    table = Table(title=f"按约定 {version} 重新校验 Validated again under {version}", title_justify="left")
    for heading in ("批次 Delivery", "结果 Outcome", "合格 Accepted", "隔离 Quarantined", "状态 Status"):
        table.add_column(heading, overflow="fold")
    shown = [one for one in replayed if one.outcome != "unchanged"]
    for one in shown:
        now = one.found or one.before
        table.add_row(
            escape(one.delivery.delivery_id),
            _OUTCOMES[one.outcome],
            _change(one.before.rows_accepted, now.rows_accepted),
            _change(one.before.rows_quarantined, now.rows_quarantined),
            _change(_said(one.before), _said(now)),
        )
    if shown:
        out.print(table)
    counts: Counter[Outcome] = Counter(one.outcome for one in replayed)
    out.print(" · ".join(f"{_OUTCOMES[outcome]}: {count}" for outcome, count in counts.items()))
    if counts["replaced"]:
        out.print("下次刷新后生效。 Takes effect with the next refresh.")


def _change(before: object, now: object) -> str:
    """``2 → 3``; one of them where they are the same."""
    return f"{before}" if before == now else f"{before} → {now}"


def _said(result: Result) -> str:
    return f"拒收 refused ({escape(result.refusal.rule)})" if result.refusal else "接收 accepted"
