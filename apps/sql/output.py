"""How answers are written: as a table for people, as CSV or JSON for programs. Programs get every row.

What leaves for a program says on every row whether it is invented, for rows are copied, filtered and joined, and no
comment, file name or envelope stays with them. A real city's rows say so too: what was written for the one reads the
other.
"""

import csv
import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import count, islice
from typing import Literal, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apps.sql.session import Answer
from citylake.lake.releases import Release

Format = Literal["table", "csv", "json"]

ORIGIN = "data_origin"
"""The last column of every export: synthetic, real or mixed, as the release is."""
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
    writer.writerow([*answer.columns, ORIGIN])
    writer.writerows((*row, answer.origin) for row in answer.rows)


def _write_json(answer: Answer, file: TextIO) -> None:
    """One array; a row a line, so that a long answer is written as it is read."""
    names = [*_unique(answer.columns), ORIGIN]
    file.write("[")
    for number, row in enumerate(answer.rows):
        file.write(",\n " if number else "\n ")
        file.write(_json(dict(zip(names, (*row, answer.origin), strict=True))))
    file.write("\n]\n")


def _unique(columns: Sequence[str]) -> list[str]:
    """Names of which an object keeps each: a name that was there before gets a number, as DuckDB numbers them."""
    taken = {ORIGIN}
    names: list[str] = []
    for column in columns:
        numbered = (f"{column}_{number}" for number in count(1))
        names.append(
            column if column not in taken else next(name for name in numbered if name not in {*taken, *columns})
        )
        taken.add(names[-1])
    return names


def _json(value: object) -> str:
    """A value as JSON: a decimal digit by digit as a number, what JSON has no word for as text (dates in ISO form)."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text(str(key))}: {_json(part)}' for key, part in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_json, value))}]"
    is_plain = value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
    return json.dumps(value) if is_plain else _text(str(value))


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


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
