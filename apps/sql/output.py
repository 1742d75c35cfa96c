"""How answers are written: as a table for people, as CSV or JSON for programs. Programs get every row."""

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from typing import Any, Literal, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apps.sql.session import Answer
from citylake.lake.releases import Release

Format = Literal["table", "csv", "json"]

ROWS_SHOWN = 50
_PIPED_WIDTH = 240


def console_for(file: TextIO) -> Console:
    """A console as wide as its terminal, or wide enough for a pipe."""
    return Console(file=file, width=None if file.isatty() else _PIPED_WIDTH, highlight=False)


def write(answer: Answer, form: Format, file: TextIO, rows_shown: int | None = ROWS_SHOWN) -> None:
    """Write one answer; a table stops after ``rows_shown`` rows (None: never) and says so."""
    if form == "table":
        _write_table(answer, file, rows_shown)
    else:
        _PROGRAM_FORMATS[form](answer, file)


def _write_table(answer: Answer, file: TextIO, rows_shown: int | None) -> None:
    console = console_for(file)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name, is_number in zip(answer.columns, answer.is_number, strict=True):
        table.add_column(escape(name), justify="right" if is_number else "left", overflow="fold")
    rows = list(islice(answer.rows, None if rows_shown is None else rows_shown + 1))
    for row in rows[:rows_shown]:
        table.add_row(*("[dim]NULL[/]" if value is None else escape(str(value)) for value in row))
    console.print(table)
    if rows_shown is not None and len(rows) > rows_shown:
        console.print(f"[dim]仅显示前 {rows_shown} 行。 The first {rows_shown} rows; --format csv gives all.[/]")
    else:
        console.print(f"[dim]{len(rows)} 行 rows[/]")


def _write_csv(answer: Answer, file: TextIO) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows(answer.rows)


def _write_json(answer: Answer, file: TextIO) -> None:
    """One array; a row a line, so that a long answer is written as it is read."""
    file.write("[")
    for number, row in enumerate(answer.rows):
        file.write(",\n " if number else "\n ")
        json.dump(dict(zip(answer.columns, row, strict=True)), file, ensure_ascii=False, default=_plain)
    file.write("\n]\n")


def _plain(value: object) -> Any:  # noqa: ANN401  # whatever JSON can hold
    """What JSON has no word for: decimals as numbers, everything else as text (dates in ISO form)."""
    return float(value) if isinstance(value, Decimal) else str(value)


_PROGRAM_FORMATS: dict[str, Callable[[Answer, TextIO], None]] = {"csv": _write_csv, "json": _write_json}


def banner(release: Release) -> str:
    """What is being read, as Rich markup: release, day, and loudly whether it is invented."""
    line = f"[bold]发布 Release {escape(release.release_id)}[/] · 数据截至 data as of {release.data_as_of}"
    marks = {
        "synthetic": " · [bold black on yellow] 合成数据 SYNTHETIC [/]",
        "mixed": " · [bold black on yellow] 含合成数据 MIXED WITH SYNTHETIC [/]",
        "real": "",
    }
    return line + marks[release.origin]
