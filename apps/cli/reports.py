"""What ``citylake check`` and ``citylake quarantine`` say to whoever made an extract. Prints; decides nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from apps.cli.console import facts_table, out
from citylake.contracts.labels import Label
from citylake.contracts.model import Contract, Drift
from ingestion.checking import CheckReport
from ingestion.mending import BrokenRule

if TYPE_CHECKING:
    from ingestion.examination import Examination

_RULES_SHOWN = 30
_DRIFT: dict[Drift, str] = {
    "freeze": "仅存于原始文件 left in landing only",
    "evolve": "另存待约定 kept until the contract knows them",
}


def print_check(report: CheckReport, file: Path, contract: Contract) -> None:
    """Counts, then what is to be mended rule by rule, then the first rows with their values."""
    examination = report.examination
    read = examination.rows_read or 0
    out.print(f"[bold]校验报告 Check of {escape(file.name)} · {escape(str(contract.title))}[/]")
    if read:
        out.print(_counts(examination, contract))
    columns = columns_said(examination.new_columns, examination.missing_columns, contract.drift)
    for name, said in columns.items():
        out.print(f"{name}: {escape(said)}")
    print_rules(
        Label("要修改的：这些行不会被接收", "To be mended: these rows would not be taken in"), report.broken, read
    )
    if report.first_rejected is not None:
        rejected = 0 if examination.validated is None else examination.validated.rows_rejected
        _print_rows(report.first_rejected, rejected)
    print_rules(Label("提示：照常接收，建议修改", "Remarks: taken in all the same, worth mending"), report.warned, read)


def print_rules(
    title: Label, broken: Sequence[BrokenRule], read: int | None = None, *, with_lines: bool = True
) -> None:
    """A paragraph a rule: how many rows, which column, what the contract says, how to mend it, the first lines.

    ``read``: how many rows there are, for the share of each rule; None where that is not known. ``with_lines``: false
    for the rows of several files.
    """
    if not broken:
        return
    out.print(f"\n[bold]{title.zh} {title.en}[/]")
    for number, one in enumerate(broken[:_RULES_SHOWN], 1):
        said = one.explanation
        share = f" ({one.rows / read:.2%})" if read else ""
        name = escape(said.headings or "整行 whole row")
        out.print(f"\n{number}. [bold]{name}[/] · {one.rows:,} 行 rows{share} [dim]{escape(said.rule)}[/]")
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for label, text in (("问题 Problem", said.reason), ("约定 Contract", said.asks), ("修改 Mend", said.mend)):
            table.add_row(label, escape(text.zh if text.zh == text.en else f"{text.zh}\n{text.en}"))
        if with_lines:
            table.add_row("行号 Lines", "、".join(map(str, one.lines)) + (" …" if one.rows > len(one.lines) else ""))
        out.print(Padding(table, (0, 0, 0, 3)))
    if len(broken) > _RULES_SHOWN:
        out.print(f"  另有 {len(broken) - _RULES_SHOWN} 条规则。 {len(broken) - _RULES_SHOWN} more rules.")


def print_quarantined(rows: pl.DataFrame, total: int) -> None:
    """The first quarantined rows: of which delivery, on which line, and why; no values."""
    if rows.is_empty():
        return
    table = Table(title_justify="left")
    for heading in ("批次 Delivery", "行号 Line", "规则 Rule", "原因 Reason"):
        table.add_column(heading, overflow="fold")
    for delivery, line, rules, zh, en in rows.select(
        "delivery_id", "line", "rules", "reason_zh", "reason_en"
    ).iter_rows():
        table.add_row(delivery.split("/", 1)[1], str(line), escape("\n".join(rules)), escape(f"{zh}\n{en}"))
    out.print(table)
    _print_how_many(rows.height, total)


def print_exported(count: int, file: Path) -> None:
    """Where rejected rows with their values were written."""
    out.print(
        f"\n{count} 行已导出，含原始值，请妥善保管。 "
        f"{count} rows with their original values, readable by you alone: {escape(str(file))}"
    )


def _counts(examination: "Examination", contract: Contract) -> Table:
    table = facts_table()
    validated, read = examination.validated, examination.rows_read or 0
    table.add_row("读取 Rows read", f"{read:,}")
    if validated is not None:
        table.add_row("合格 Good", f"{validated.rows_accepted:,}")
        table.add_row(
            "不合格 Not accepted",
            f"{validated.rows_rejected:,} ({validated.rows_rejected / read:.2%}；"
            f"允许 allowed {contract.quarantine_tolerance:.2%})",
        )
    return table


def columns_said(new: Sequence[str], missing: Sequence[str], drift: Drift) -> dict[str, str]:
    """Columns that the contract does not know, with what becomes of them, and those that the file lacks."""
    said = {
        "未约定的列 Unknown columns": f"{'、'.join(new)}（{_DRIFT[drift]}）" if new else "",
        "缺少的可选列 Optional columns missing": "、".join(missing),
    }
    return {name: columns for name, columns in said.items() if columns}


def _print_rows(rows: pl.DataFrame, total: int) -> None:
    if rows.is_empty():
        return
    out.print("\n[bold]逐行 Row by row[/]")
    table = Table(title_justify="left")
    for heading in ("行号 Line", "列 Column", "值 Value", "原因 Reason"):
        table.add_column(heading, overflow="fold")
    for line, columns, values, zh, en in rows.iter_rows():
        table.add_row(str(line), escape(columns), escape(values or "—"), escape(f"{zh}\n{en}"))
    out.print(table)
    _print_how_many(rows.height, total)
    out.print(
        "[dim]身份证号、姓名等标识列的值已遮盖；--csv 文件 可导出全部原值。 "
        "Values that identify a person are masked; --csv FILE writes all of them in full.[/]"
    )


def _print_how_many(shown: int, total: int) -> None:
    if total > shown:
        out.print(f"前 {shown} 行，共 {total} 行。 The first {shown} of {total} rows.")
