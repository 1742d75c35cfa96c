"""``citylake disagreements``: what departments say otherwise than the source that counts; for the owner alone."""

from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from apps.cli.console import out
from apps.cli.people import print_records
from citylake.identity.disagreements import export_disagreements, read_disagreements
from citylake.lake.settings import Settings

_SHOWN = 30


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(disagreements)


def disagreements(
    attribute: Annotated[
        str | None, typer.Option("--attribute", "-a", metavar="A", help="Only this attribute: name, phone, …")
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write all of them, with records and days, for a spreadsheet. Readable by you alone: "
            "it holds personal data.",
        ),
    ] = None,
) -> None:
    """Show which departments disagree on whom, with the values (部门间属性分歧；含个人信息，仅限数据湖所有者).

    Everything shown is personal data: work through it, and have the department that is wrong correct its record.
    """
    rows = read_disagreements(Settings(), attribute)
    if csv is not None:
        export_disagreements(rows, csv)
        out.print(
            f"{rows.height} 项分歧已导出，含个人信息，请妥善保管。 "
            f"{rows.height} disagreements with their values, readable by you alone: {escape(str(csv))}"
        )
        return
    if rows.is_empty():
        out.print("没有分歧。 No department disagrees with the source that counts.")
        return
    _print_counts(rows)
    _print_first(rows)


def _print_counts(rows: pl.DataFrame) -> None:
    table = Table(title=f"分歧 {rows.height:,} 项 disagreements", title_justify="left", box=SIMPLE)
    for heading in ("属性\nAttribute", "采信\nCounts", "分歧\nSays otherwise"):
        table.add_column(heading, overflow="fold")
    table.add_column("项数\nCount", justify="right")
    counts = rows.group_by("kind", "attribute", "winner_dataset", "other_dataset").len()
    for kind, attribute, winner, other, count in counts.sort("len", "attribute", descending=[True, False]).iter_rows():
        table.add_row(f"{kind}.{attribute}", winner, other, f"{count:,}")
    out.print(table)


def _print_first(rows: pl.DataFrame) -> None:
    headings = {
        "key": "键 Key",
        "attribute": "属性 Attribute",
        "winner_value": "采信值 Counts",
        "other_value": "分歧值 Said otherwise",
        "other_dataset": "数据集 By",
        "last_extract_date": "最近 Last",
    }
    print_records("分歧值 What they say", rows.head(_SHOWN).select(list(headings)).rename(headings))
    if rows.height > _SHOWN:
        out.print(f"… 共 {rows.height:,} 项；全部见 --csv。 {rows.height:,} in all: every one with --csv.")
