"""``citylake release …``: which releases there are, going back to an earlier one, and going on again."""

from itertools import chain
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from apps.cli.console import out
from citylake.lake import publications, releases
from citylake.lake.account import whoami
from citylake.lake.errors import NoRelease
from citylake.lake.lock import writer_lock
from citylake.lake.releases import Release
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones

_ORIGINS = {
    "real": "真实 real",
    "synthetic": "[black on yellow]合成 synthetic[/]",
    "mixed": "[black on yellow]混合 mixed[/]",
}

release = typer.Typer(
    no_args_is_help=True, help="发布版本：查看、回退、恢复。 Releases: list, show, roll back, resume."
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(release, name="release")


@release.command("list")
def list_releases() -> None:
    """列出仍可读取的发布版本。 The releases that can still be read, newest first."""
    zones = Zones.of(Settings())
    found = releases.list_releases(zones)
    if not found:
        raise NoRelease(releases.NOT_YET)
    current = releases.current_release(zones).release_id
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column()
    table.add_column("发布\nRelease (UTC)", no_wrap=True)
    table.add_column("数据截至\nData as of", no_wrap=True)
    table.add_column("来源\nOrigin")
    table.add_column("行数\nRows", justify="right")
    table.add_column()
    for one in found:
        table.add_row(
            "[green]●[/]" if one.release_id == current else "",
            escape(one.release_id),
            str(one.data_as_of),
            _ORIGINS[one.origin],
            f"{sum(one.rows.values()):,}",
            _state(zones, one, current),
        )
    out.print(table)
    _print_hold(zones)


def _state(zones: Zones, one: Release, current: str) -> str:
    if one.release_id == current:
        return "[green]当前\ncurrent[/]"
    return "[red]已回退\nrolled back[/]" if releases.is_rolled_back(zones, one.release_id) else ""


@release.command()
def show(
    wanted: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="An id, or its start; else the current one.")
    ] = None,
) -> None:
    """查看一个发布版本。 What a release was made from: code, deliveries, rows, checks."""
    zones = Zones.of(Settings())
    one = releases.find_release(zones, wanted)
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    for label, value in (
        ("发布 Release", escape(one.release_id)),
        ("数据截至 Data as of", str(one.data_as_of)),
        ("发布于 Published", f"{one.created_at:%Y-%m-%d %H:%M} UTC, {escape(one.created_by)}"),
        ("来源 Origin", _ORIGINS[one.origin]),
        ("程序版本 Code", escape(one.code_version)),
        ("检查 Checks", _checks_line(one)),
    ):
        facts.add_row(label, value)
    out.print(facts)
    tables = Table(box=SIMPLE_HEAD, pad_edge=False)
    tables.add_column("数据表 Table", overflow="fold")
    tables.add_column("行数 Rows", justify="right")
    for name, rows in one.rows.items():
        tables.add_row(escape(name), f"{rows:,}")
    out.print(tables)
    deliveries = Table(box=SIMPLE_HEAD, pad_edge=False)
    # The id begins with the dataset; an id cut short cannot be given to citylake delivery.
    deliveries.add_column("有效交付 Deliveries in force", overflow="fold")
    for delivery in chain.from_iterable(one.deliveries.values()):
        deliveries.add_row(escape(delivery))
    out.print(deliveries)


def _checks_line(one: Release) -> str:
    statuses = [str(check.get("status", "?")) for check in one.checks]
    return ", ".join(f"{statuses.count(status)} {escape(status)}" for status in sorted(set(statuses))) or "–"


@release.command()
def rollback(
    wanted: Annotated[str, typer.Argument(metavar="ID", help="The release to go back to; its id, or its start.")],
    reason: Annotated[str, typer.Option(help="Why; readers and the next scheduler will ask.")],
) -> None:
    """回退到较早的版本并暂停发布。 Make an earlier release current again, and hold publication until it is resumed.

    Nights go on computing while publication is held. A bad delivery is withdrawn with: citylake delivery withdraw
    """
    with writer_lock(Settings(), "release rollback") as hold:
        one = releases.rollback(hold.zones, wanted, reason, whoami())
    out.print(f"[green]当前发布 Current now: {escape(one.release_id)}[/] (数据截至 data as of {one.data_as_of})")
    out.print(
        "发布已暂停; 处理完毕后运行 Publication is held; when the cause is gone: [bold]citylake release resume[/]"
    )


@release.command()
def resume() -> None:
    """恢复发布。 Lift the hold: the next night publishes again."""
    with writer_lock(Settings(), "release resume") as hold:
        releases.heal(hold.zones)
        releases.resume(hold.zones, whoami())
    out.print("[green]已恢复; 下一次夜间刷新将照常发布。 Lifted: the next night publishes again.[/]")


def _print_hold(zones: Zones) -> None:
    try:
        hold = publications.held(zones)
    except PermissionError:
        return  # The ledger is its owner's; readers may list releases all the same.
    if hold is not None:
        out.print(
            f"[yellow]发布已暂停 Publication is held[/] ({escape(hold.by)}, {hold.at:%Y-%m-%d %H:%M} UTC): "
            f"{escape(hold.reason or '')}"
        )
