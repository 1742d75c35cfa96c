"""``citylake ingest --folder``: many extracts at once, shown while they come, and what came of them by dataset."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from apps.cli.console import err, out
from citylake.contracts.labels import Label
from citylake.lake.errors import ContractViolation, UsageError
from citylake.lake.runs import mint_run_id
from citylake.lake.settings import Settings
from ingestion.backfill import Brought, Left, bring, look_through

INTERRUPTED = 130
"""What shells say of a program that Ctrl-C ended."""
_SHOWN = 30
_COUNTED = {
    "files": "文件\nFiles",
    "rows_read": "读取\nRead",
    "rows_accepted": "合格\nGood",
    "rows_quarantined": "隔离\nBad",
    "refused": "拒收\nRefused",
    "known": "已有\nKnown",
}
"""What is counted for each dataset; rows only of what came with this start."""


@dataclass
class _Outcome:
    """What has come so far."""

    counts: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    refused: list[Brought] = field(default_factory=list[Brought])
    not_taken: list[Left] = field(default_factory=list[Left])

    def add(self, one: Brought) -> None:
        counts = self.counts.setdefault(one.file.contract.dataset, Counter())
        counts["files"] += 1
        counts["known"] += one.is_known
        if one.manifest is None:
            self.not_taken.append(Left(one.file.path, one.reason or Label("", "")))
        elif one.manifest.refusal is not None:
            # Known or not: what was refused is still to be mended, however often the backfill was interrupted.
            counts["refused"] += 1
            self.refused.append(one)
        elif not one.is_known:
            counts["rows_read"] += one.manifest.rows_read or 0
            counts["rows_accepted"] += one.manifest.rows_accepted
            counts["rows_quarantined"] += one.manifest.rows_quarantined


def ingest_folder(settings: Settings, folder: Path, dataset: str | None, *, synthetic: bool) -> None:
    """Bring every extract of a folder. Raises ContractViolation at the end when one was refused.

    Raises UsageError at the end when one could not be taken, and LockHeld when another process is writing.
    """
    found, left = look_through(settings, folder, dataset, synthetic=synthetic)
    outcome = _Outcome()
    try:
        with _progress() as progress:
            task = progress.add_task("", total=len(found))

            def tell(one: Brought) -> None:
                outcome.add(one)
                progress.update(task, advance=1, description=escape(one.file.path.name))

            bring(settings, found, mint_run_id(), tell)
    except KeyboardInterrupt:
        err.print(
            "[yellow]已中断；已接收的有效，再次运行同一命令即可继续。 Interrupted. What has come is kept; the same "
            "command goes on from here.[/]"
        )
        raise typer.Exit(INTERRUPTED) from None
    finally:
        out.print(_table(outcome))
        _list("未识别，未处理 Not recognised, left alone", left)
        _list("未接收 Not taken", outcome.not_taken)
    _leave(outcome)


def _progress() -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=err, transient=True)


def _table(outcome: _Outcome) -> Table:
    table = Table(box=SIMPLE, padding=(0, 0, 0, 1), show_footer=len(outcome.counts) > 1)
    total: Counter[str] = sum(outcome.counts.values(), Counter())
    table.add_column("数据集\nDataset", "合计 Total", overflow="fold")
    for name, heading in _COUNTED.items():
        table.add_column(heading, f"{total[name]:,}", justify="right", overflow="fold")
    for dataset, counts in sorted(outcome.counts.items()):
        table.add_row(dataset, *(f"{counts[name]:,}" for name in _COUNTED))
    return table


def _list(title: str, files: Sequence[Left]) -> None:
    """Paths with reasons: whose name says nothing may still matter to somebody."""
    if not files:
        return
    out.print(f"[yellow]{title}: {len(files)}[/]")
    for one in files[:_SHOWN]:
        out.print(f"  {escape(str(one.path))}: {escape(f'{one.reason.zh} {one.reason.en}')}")
    _say_rest(len(files))


def _leave(outcome: _Outcome) -> None:
    for one in outcome.refused[:_SHOWN]:
        if one.manifest is not None and one.manifest.refusal is not None:
            reason = f"{one.file.path.name}: {one.manifest.refusal.zh} {one.manifest.refusal.en}"
            out.print(f"[yellow]被拒收 Refused[/] {escape(reason)}")
    _say_rest(len(outcome.refused))
    if outcome.refused:
        raise ContractViolation(
            f"{len(outcome.refused)} 个文件被拒收，其余已接收。 {len(outcome.refused)} files were refused; all others "
            "have come. See: citylake delivery list"
        )
    if outcome.not_taken:
        raise UsageError(
            f"{len(outcome.not_taken)} 个文件未接收，原因见上。 {len(outcome.not_taken)} files were not taken, for the "
            "reasons above; all others have come."
        )


def _say_rest(count: int) -> None:
    if count > _SHOWN:
        out.print(f"  …… 共 {count} 个。 {count} in all.")
