"""``citylake sql``: the analysts' shell and one-shot queries; :mod:`apps.sql` decides what a session may do."""

import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from apps.sql.output import Format, banner, console_for
from apps.sql.session import Session
from apps.sql.shell import Shell, complete_with, run_script
from citylake.lake.errors import UsageError
from citylake.lake.settings import Settings

# A word of the command line that begins like an option and goes on like a comment: no option has a space in its name.
_COMMENT = re.compile(r"--[^\s=]*\s")


class _Sql(TyperCommand):
    """The command whose argument may begin with a comment of SQL, which looks like an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # the type is private to Typer
        """Parse, with statements that begin with a comment taken for statements."""
        return super().parse_args(ctx, [f"\n{one}" if _COMMENT.match(one) else one for one in args])


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sql", cls=_Sql)(sql)


def sql(
    query: Annotated[str | None, typer.Argument(help="Statements to run; without them, the shell opens.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Run the statements of this file.")] = None,
    release: Annotated[
        str | None, typer.Option(help="A release's id, or the start of it; else the current one.")
    ] = None,
    on: Annotated[
        datetime | None,
        typer.Option(
            "--date", formats=["%Y-%m-%d"], help="The newest release whose data reach no further than this day."
        ),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="csv and json give every row, on standard output alone.")
    ] = "table",
) -> None:
    """用 SQL 查询当前发布。 Query the current release in SQL: read-only, and nothing else can be read or set.

    Statements come from the argument, from a file, or from a pipe; with none of them the shell opens.
    What is read (release, day, synthetic or not) is told on standard error; csv and json rows also carry it themselves,
    as the last column data_origin.
    """
    if query is not None and file is not None:
        raise UsageError("Give statements or a file, not both. 语句与文件只能给一个。")
    script = _script(query, file)
    session = Session(Settings(), release, on.date() if on else None)
    if script is None:
        complete_with(session.words())
        Shell(session, sys.stdout).talk()
    else:
        console_for(sys.stderr).print(banner(session.release))
        run_script(session, script, form, sys.stdout)


def _script(query: str | None, file: Path | None) -> str | None:
    """The statements to run; None when a person is to be asked."""
    if file is not None:
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise UsageError(f"{file} cannot be read as UTF-8 text: {problem}. 无法读取该文件。") from problem
    return query if query is not None or sys.stdin.isatty() else sys.stdin.read()
