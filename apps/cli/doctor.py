"""``citylake doctor``: shows what :mod:`citylake.lake.doctor` finds; its exit code is one a monitor understands."""

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from apps.cli.console import out
from citylake.lake.doctor import examine
from citylake.lake.errors import EnvironmentProblem
from citylake.lake.settings import Settings

_SIGNS = {"well": "[green]✓[/]", "note": "[yellow]![/]", "wrong": "[bold red]✗[/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor() -> None:
    """检查运行环境。 Check versions, extensions, folders, permissions, disk, memory, clock, lock and release.

    Changes nothing. What is wrong is followed by how to mend it; anything wrong ends with exit code 9.
    """
    findings = examine(Settings())
    table = Table(box=SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mend = f"\n[cyan]→ {escape(finding.mend)}[/]" if finding.mend else ""
        table.add_row(_SIGNS[finding.status], finding.subject, escape(finding.detail) + mend)
    out.print(table)
    wrong = sum(finding.status == "wrong" for finding in findings)
    if wrong:
        out.print(f"[bold red]{wrong} 项需要处理。 {wrong} to be mended.[/]")
        raise typer.Exit(EnvironmentProblem.exit_code)
    out.print("[green]一切正常。 All is well.[/]")
