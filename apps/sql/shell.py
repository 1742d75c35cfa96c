"""The analysts' shell: reads statements and dot commands from a person, or statements from a pipe.

Nothing that is typed is kept on disk: conditions of queries may be personal.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO, get_args

from rich.console import Console
from rich.markup import escape

from apps.sql.output import ROWS_SHOWN, Format, banner, console_for, write
from apps.sql.session import Session
from citylake.lake.errors import CitylakeError, UsageError

_HELP = """\
以分号结束一条 SQL。 A statement ends with a semicolon and may span lines.
  .tables [PART]      所有表及说明  tables and what they hold; .tables case
  .describe TABLE     字段、类型、说明  columns, types, comments; .describe base.dim_region
  .format table|csv|json   输出格式  how answers are written
  .rows N             表格最多显示几行  how many rows a table shows
  .release            当前发布版本  what is being read
  .help .quit         帮助 / 退出  this text; leave (or Ctrl-D)
"""


class Shell:
    """One conversation. ``read`` asks for a line; answers go to ``file``, all else to ``console``."""

    def __init__(
        self,
        session: Session,
        file: TextIO,
        read: Callable[[str], str] = input,
        console: Console | None = None,
    ) -> None:
        self._session = session
        self._read = read
        self._file = file
        self._console = console or console_for(sys.stderr)
        self._form: Format = "table"
        self._rows_shown = ROWS_SHOWN
        self._told: str | None = None
        self._commands: dict[str, Callable[[str], None]] = {
            ".tables": self._write_tables,
            ".describe": self._describe,
            ".format": self._set_format,
            ".rows": self._set_rows,
            ".release": lambda _: self._console.print(banner(session.release)),
            ".help": lambda _: self._console.print(escape(_HELP)),
        }

    def talk(self) -> None:
        """Talk until the person leaves."""
        self._console.print(banner(self._session.release))
        self._console.print("[dim].help 帮助 · .tables 所有表 · Ctrl-D 退出 leave[/]")
        while True:
            try:
                text = self._ask()
            except EOFError:
                return
            except KeyboardInterrupt:
                self._console.print()
                continue
            if text in (".quit", ".exit"):
                return
            try:
                self._obey(text)
            except CitylakeError as error:
                self._console.print(f"[red]{escape(str(error))}[/]")
            except KeyboardInterrupt:
                self._console.print("[red]已取消。 Cancelled.[/]")
            self._tell_of_newer_release()

    def _ask(self) -> str:
        """One dot command, or lines up to a semicolon."""
        lines = [self._read("citylake> ").strip()]
        while lines[0] and not lines[0].startswith(".") and not lines[-1].endswith(";"):
            lines.append(self._read("     ...> ").rstrip())
        return "\n".join(lines)

    def _obey(self, text: str) -> None:
        if not text.startswith("."):
            run_script(self._session, text, self._form, self._file, self._rows_shown)
            return
        name, _, rest = text.partition(" ")
        command = self._commands.get(name)
        if command is None:
            raise UsageError(f"没有命令 {name}。 There is no command {name}; .help lists them.")
        command(rest.strip())

    def _write_tables(self, part: str) -> None:
        write(self._session.tables(part), self._form, self._file, None)

    def _describe(self, table: str) -> None:
        write(self._session.describe(table), self._form, self._file, None)

    def _set_format(self, name: str) -> None:
        found = next((form for form in get_args(Format) if form == name), None)
        if found is None:
            raise UsageError(f"格式只有 The formats are: {', '.join(get_args(Format))}.")
        self._form = found

    def _set_rows(self, number: str) -> None:
        if not number.isdigit() or int(number) < 1:
            raise UsageError("请输入正整数。 .rows takes a number, as .rows 200")
        self._rows_shown = int(number)

    def _tell_of_newer_release(self) -> None:
        newer = self._session.newer_release
        if newer is not None and newer != self._told:
            self._told = newer
            self._console.print(
                f"[yellow]当前发布已变为 {escape(newer)}; 重新进入后生效。 Another release is current now; "
                "this session keeps its own until you leave.[/]"
            )


def run_script(session: Session, sql: str, form: Format, file: TextIO, rows_shown: int = ROWS_SHOWN) -> None:
    """Run statements and write their answers. Raises UsageError at the first that fails."""
    for answer in session.run(sql):
        if answer is not None:
            write(answer, form, file, rows_shown)


def complete_with(words: list[str]) -> None:
    """Let the Tab key complete these words and SQL's dot commands, where the machine has GNU readline."""
    with suppress(ImportError):
        import readline  # noqa: PLC0415  # not on every machine

        known = sorted({*words, ".tables", ".describe", ".format", ".rows", ".release", ".help", ".quit"})
        readline.set_completer_delims(" \t\n,()=<>")
        readline.set_completer(
            lambda text, state: next(iter([word for word in known if word.startswith(text)][state:]), None)
        )
        readline.parse_and_bind("tab: complete")
