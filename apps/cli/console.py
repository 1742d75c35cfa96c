"""What every command shares: where it prints, who runs it, and how an error is shown. No command is defined here."""

import errno
import os
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from typer.core import TyperGroup
from typer.exceptions import TyperException

from citylake.lake.errors import CitylakeError, EnvironmentProblem
from citylake.lake.settings import Settings
from citylake.lake.zones import OWNER_ONLY, of_another_account

UNEXPECTED = 1

out = Console()
"""Results: what a pipe may want."""
err = Console(stderr=True)
"""Progress and errors."""


class Commands(TyperGroup):
    """The command group that turns every exception into one paragraph and a documented exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  # the type is private to Typer
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except CitylakeError as error:
            show_error(error)
            raise typer.Exit(error.exit_code) from error
        except (TyperException, typer.Exit, typer.Abort, EOFError, BrokenPipeError):
            raise
        except Exception as error:
            problem = _foreseen(error)
            if problem is not None:
                show_error(problem)
                raise typer.Exit(problem.exit_code) from error
            show_unexpected(error)
            raise typer.Exit(UNEXPECTED) from error


def _foreseen(error: Exception) -> CitylakeError | None:
    """What a failure of the operating system means, where that can be told."""
    if isinstance(error, PermissionError):
        return of_another_account(Settings().home)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EnvironmentProblem(
            "磁盘空间已满。 The disk is full. Nothing is half written: make room, then run the same command again, and "
            "it goes on where it was. citylake doctor shows what is left."
        )
    return None


def facts_table(title: str | None = None) -> Table:
    """An empty table of labels and values; what is too wide goes on in the next line, for an id cut short is none."""
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column()
    table.add_column(overflow="fold")
    return table


def show_error(error: CitylakeError) -> None:
    """Print an expected error: what it means and what to do."""
    err.print(f"[bold red]{type(error).__name__}[/]")
    err.print(Padding(escape(str(error)), (0, 2)), soft_wrap=False)


def show_unexpected(error: Exception) -> None:
    """Print that something was not foreseen; the traceback, which may hold data, goes to an owner-only file."""
    log = _write_log(error)
    err.print(f"[bold red]{type(error).__name__}[/]")
    message = (
        f"This was not foreseen. 出现意外错误。 Nothing is half written. Details, for the owner of the lake: {log}"
    )
    err.print(Padding(escape(message), (0, 2)))


def exit_codes() -> str:
    """The exit codes and what they mean, as the errors themselves document them."""
    kinds = sorted(CitylakeError.__subclasses__(), key=lambda kind: kind.exit_code)
    known = {kind.exit_code: (kind.__doc__ or "").splitlines()[0] for kind in reversed(kinds) if kind.exit_code > 1}
    lines = ["0  Done.", "1  An error that was not foreseen, or a stage that failed."]
    return "\n\n".join(["[bold]Exit codes[/]", *lines, *(f"{code}  {known[code]}" for code in sorted(known))])


def _write_log(error: Exception) -> Path:
    folder = Settings().home / "ledger" / "errors"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY)
    except OSError:
        folder = Path(tempfile.gettempdir())
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    return Path(name)
