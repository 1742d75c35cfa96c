"""``citylake ingest``, ``check``, ``delivery …`` and ``quarantine``: what departments deliver, and what came of it."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import polars as pl
import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from apps.cli.backfill import ingest_folder
from apps.cli.console import err, facts_table, out
from apps.cli.reports import columns_said, print_check, print_exported, print_quarantined, print_rules
from citylake.contracts.labels import Label
from citylake.contracts.model import find_contract
from citylake.lake.account import whoami
from citylake.lake.deliveries import (
    Manifest,
    Result,
    decisions_about,
    delivery_folder,
    find_delivery,
    read_ledger,
    reinstate,
    withdraw,
    withdrawal_in,
)
from citylake.lake.errors import ContractViolation, UsageError
from citylake.lake.landed import LandedFile
from citylake.lake.lock import writer_lock
from citylake.lake.runs import mint_run_id
from citylake.lake.settings import TIMEZONE, Settings
from citylake.lake.zones import Zones
from ingestion.checking import check_file
from ingestion.landing import date_in_name, land
from ingestion.loading import load_delivery
from ingestion.mending import broken_rules
from ingestion.quarantine import export_quarantine, read_quarantine

if TYPE_CHECKING:
    from citylake.lake.deliveries import Refusal

_SHOWN = 30
_LISTED = {
    "extract_date": ("日期\nDay", 10),
    "sha256": ("批次\nId", 12),
    "revision": ("修订\nRev.", 4),
    "status": ("状态\nStatus", 10),
    "origin": ("来源\nOrigin", 9),
    "rows_read": ("读取\nRead", 4),
    "rows_accepted": ("合格\nGood", 4),
    "rows_quarantined": ("隔离\nBad", 4),
    "drift": ("列\nCols", 4),
}
"""Columns of a list of deliveries: heading and the width that 80 columns leave it.

The last is by how many columns an extract differs from its contract: ``+1`` new, ``-2`` optional ones missing."""


def _is_there(file: Path | None) -> Path | None:
    if file is not None and not (os.access(file, os.R_OK) and file.is_file()):
        raise UsageError(
            f"没有文件 {file}，或您的账号无权读取。 There is no file {file}, or this account may not read it."
        )
    return file


_DECISIONS = {"withdrawal": "撤回 Withdrawn", "reinstatement": "恢复 Reinstated"}

FileArgument = Annotated[
    Path,
    typer.Argument(help="The extract, as the department wrote it; gzip is recognised.", callback=_is_there),
]
ExtractArgument = Annotated[
    Path | None,
    typer.Argument(help="The extract, as the department wrote it; gzip is recognised.", callback=_is_there),
]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", metavar="DIR", help="Every extract in a folder and below it, instead.")
]
ExtractDateOption = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="DATE",
        help="The day that the extract describes. Taken from the file's name when left out, else today.",
    ),
]
RevisionOption = Annotated[
    int | None,
    typer.Option(
        min=0, max=9999, help="0 for a first delivery, more for a correction; the next free one when left out."
    ),
]
DatasetOption = Annotated[
    str, typer.Option("--dataset", "-d", metavar="DEPARTMENT.NAME", help="Which contract it was delivered under.")
]
DeliveryArgument = Annotated[str, typer.Argument(help="A delivery's id, or the start of its id or hash.")]

CsvOption = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        metavar="FILE",
        help="Write the rejected rows with all their values and how to mend them, for a spreadsheet. Readable by you "
        "alone: it holds personal data.",
    ),
]

delivery = typer.Typer(
    no_args_is_help=True, help="交付批次：查看、撤回与恢复。 Deliveries: list, show, withdraw, reinstate."
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(ingest)
    app.command()(check)
    app.command()(quarantine)
    app.add_typer(delivery, name="delivery")


def ingest(  # noqa: PLR0913, PLR0917  # each is an option of the command
    file: ExtractArgument = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            metavar="DEPARTMENT.NAME",
            help="Which contract it was delivered under. With --folder only needed where names do not tell.",
        ),
    ] = None,
    folder: FolderOption = None,
    extract_date: ExtractDateOption = None,
    revision: RevisionOption = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Mark the delivery as made up, not from a department.")
    ] = False,
) -> None:
    """Deliver an extract, or a folder of them: copy into landing, validate, load (接收一个或一批数据文件).

    Rows that break the contract go to quarantine with line, rule and reason; too many of them, or a file that cannot
    be read as agreed, and the whole delivery is refused (exit code 3) while earlier data stays in force. A second
    file for the same day is a correction and supersedes the first. Readers see the result after the next refresh.

    With --folder, names say of what they are: <dataset>_<YYYYMMDD>[_r<revision>].<ext>, or under --dataset any name
    with a day in it. It may be interrupted at any time; the same command goes on where it was.
    """
    settings = Settings()
    if folder is not None:
        if file is not None or extract_date is not None or revision is not None:
            raise UsageError("With --folder go --dataset and --synthetic alone; days and revisions are in the names.")
        ingest_folder(settings, folder, dataset, synthetic=synthetic)
        return
    if file is None or dataset is None:
        raise UsageError("请指明文件和数据集。 Give a file and --dataset DEPARTMENT.NAME, or --folder DIR.")
    day = extract_date.date() if extract_date else _extract_date(file)
    _ingest_file(settings, file, dataset, day, revision=revision, synthetic=synthetic)


def _ingest_file(  # noqa: PLR0913  # each is a separate fact about the delivery
    settings: Settings, file: Path, dataset: str, day: date, *, revision: int | None, synthetic: bool
) -> None:
    contract = find_contract(settings.contracts, dataset)
    with writer_lock(settings, "citylake ingest") as hold:
        landed = land(settings, file, contract, day, synthetic=synthetic, revision=revision)
        run_id = mint_run_id()
        manifest = load_delivery(settings, contract, landed, run_id)
        place = delivery_folder(hold.zones.raw, manifest.dataset, manifest.extract_date, manifest.sha256)
        withdrawal = withdrawal_in(decisions_about(place))
    if manifest.run_id != run_id:
        err.print("[dim]内容相同，此前已接收。 The same content was delivered before; nothing was loaded again.[/]")
    if withdrawal is not None:
        err.print(
            "[yellow]该批次已撤回，不会生效。 This delivery was withdrawn and stays out of force. "
            f"恢复 To take that back: citylake delivery reinstate {manifest.sha256[:12]} --reason TEXT[/]"
        )
    out.print(_delivery_table(manifest))
    _leave_if_refused(manifest.refusal)
    if manifest.rows_quarantined:
        out.print(f"  隔离明细 Quarantined rows: citylake quarantine {dataset} --delivery {manifest.sha256[:12]}")


def check(file: FileArgument, dataset: DatasetOption, csv: CsvOption = None) -> None:
    """Say what loading a file would say, and keep nothing (校验报告，不写入任何数据).

    For departments, before they deliver: which rows would be quarantined, by column, value, what the contract says and
    how to mend it, and whether the whole file would be refused (exit code 3).
    """
    settings = Settings()
    contract = find_contract(settings.contracts, dataset)
    report = check_file(settings, file, contract, export=csv)
    print_check(report, file, contract)
    validated = report.examination.validated
    if csv is not None and validated is not None:
        print_exported(validated.rows_rejected, csv)
    _leave_if_refused(report.examination.refusal)
    out.print(
        "\n[green]可以报送。[/] This file would be accepted. 湖仓中未写入任何数据。 Nothing was written to the lake."
    )


def quarantine(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="<department>.<name>")],
    delivery_id: Annotated[
        str | None, typer.Option("--delivery", metavar="ID", help="Only this delivery: start of its id or hash.")
    ] = None,
    csv: CsvOption = None,
) -> None:
    """Show which rows were quarantined: by rule, then line by line (隔离区：规则、行号、原因)."""
    settings = Settings()
    contract = find_contract(settings.contracts, dataset)
    rows = read_quarantine(Zones.of(settings), dataset, delivery_id)
    if csv is not None:
        print_exported(export_quarantine(rows, contract, csv), csv)
        return
    total = int(rows.select(pl.len()).collect().item())
    if not total:
        out.print("没有被隔离的行。 No row is quarantined.")
    title = Label(f"隔离 {total:,} 行，按规则", f"{total:,} rows quarantined, by rule")
    print_rules(title, broken_rules(contract, rows, "line", "rules"), with_lines=delivery_id is not None)
    print_quarantined(rows.drop("record").head(_SHOWN).collect(), total)


@delivery.command("list")
def list_deliveries(
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Only this dataset.")] = None,
) -> None:
    """List deliveries, newest extract date last, and which of them are in force (列出交付批次).

    The last column counts columns that the contract does not know (+) and optional ones that are missing (-).
    """
    settings = Settings()
    ledger = read_ledger(Zones.of(settings))
    if dataset is not None:
        ledger = ledger.filter(pl.col("dataset") == find_contract(settings.contracts, dataset).dataset)
    if ledger.is_empty():
        out.print("还没有交付批次。 Nothing has been delivered yet. See: citylake ingest --help")
        return
    ordered = ledger.sort("dataset", "extract_date", "revision").with_columns(
        pl.col("sha256").str.slice(0, 12),
        drift=pl.concat_str(_count("+", "new"), _count("-", "missing"), separator=" "),
    )
    for (name,), deliveries in ordered.group_by("dataset", maintain_order=True):
        table = Table(title=str(name), title_justify="left", box=SIMPLE, padding=(0, 0, 0, 1))
        for heading, width in _LISTED.values():
            table.add_column(heading, min_width=width, overflow="fold")
        for row in deliveries.select(*_LISTED).iter_rows():
            table.add_row(*("—" if value is None else escape(str(value)) for value in row))
        out.print(table)


@delivery.command("show")
def show_delivery(wanted: DeliveryArgument) -> None:
    """Show one delivery: counts, rules broken, columns, earlier results, refusal and withdrawal (查看一个批次)."""
    zones = Zones.of(Settings())
    manifest, _, decisions = find_delivery(zones, wanted)
    status = read_ledger(zones).filter(pl.col("delivery_id") == manifest.delivery_id)["status"].item()
    table = _delivery_table(manifest)
    for name, value in (
        ("状态 Status", status),
        ("文件 File in landing", manifest.file_name),
        ("收到 Received", _local(manifest.received_at)),
        ("载入 Loaded", _loaded(manifest)),
        ("约定版本 Contract version", manifest.contract_version),
        ("SHA-256", manifest.sha256),
        ("拒收原因 Refused", f"{manifest.refusal.zh}\n{manifest.refusal.en}" if manifest.refusal else None),
        *(("此前结果 Earlier result", _described(one)) for one in manifest.earlier_results),
        *((_DECISIONS[one.kind], f"{one.by} {_local(one.at)}: {one.reason}") for one in decisions),
    ):
        _row(table, name, value)
    out.print(table)


@delivery.command("withdraw")
def withdraw_delivery(
    wanted: DeliveryArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why, in words that its department will understand.")],
) -> None:
    """Withdraw a delivery: the next refresh computes as if it had never come (撤回一个批次).

    Its files stay in landing and raw; published releases stay as they are. Taken back with: citylake delivery
    reinstate.
    """
    settings = Settings()
    with writer_lock(settings, "citylake delivery withdraw") as hold:
        manifest = withdraw(hold.zones, wanted, reason, whoami())
    out.print(f"已撤回 Withdrawn: {manifest.delivery_id}. 下次刷新后生效。 Takes effect with the next refresh.")


@delivery.command("reinstate")
def reinstate_delivery(
    wanted: DeliveryArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why, in words that its department will understand.")],
) -> None:
    """Take a withdrawal back: the next refresh computes with the delivery again (恢复已撤回的批次).

    Both decisions stay on record with who, when and why: citylake delivery show.
    """
    settings = Settings()
    with writer_lock(settings, "citylake delivery reinstate") as hold:
        manifest = reinstate(hold.zones, wanted, reason, whoami())
    out.print(f"已恢复 Reinstated: {manifest.delivery_id}. 下次刷新后生效。 Takes effect with the next refresh.")


def _loaded(result: Result) -> str:
    return " ".join([_local(result.loaded_at), *filter(None, [result.loaded_by]), f"({result.run_id})"])


def _described(result: Result) -> str:
    """A result that is no longer in force, in one line."""
    read = "—" if result.rows_read is None else f"{result.rows_read:,}"
    refused = f" · 拒收 refused: {result.refusal.rule}" if result.refusal else ""
    return (
        f"{_loaded(result)} · 约定 contract {result.contract_version} · 读取 read {read}, 合格 accepted "
        f"{result.rows_accepted:,}, 隔离 quarantined {result.rows_quarantined:,}{refused}"
    )


def _count(sign: str, which: str) -> pl.Expr:
    """How many headings a JSON list of the ledger has, after a sign; nothing for none."""
    count = pl.col(f"{which}_columns").str.json_decode(pl.List(pl.String)).list.len()
    return pl.when(count > 0).then(pl.concat_str(pl.lit(sign), count)).otherwise(pl.lit(""))


def _local(instant: datetime) -> str:
    return f"{instant.astimezone(ZoneInfo(TIMEZONE)):%Y-%m-%d %H:%M:%S}"


def _extract_date(file: Path) -> date:
    landed = LandedFile.parse(file, "")
    named = landed.extract_date if landed else date_in_name(file.name)
    if named is not None:
        return named
    today = datetime.now(UTC).astimezone(ZoneInfo(TIMEZONE)).date()
    err.print(
        f"[dim]文件名不含日期，按今天 {today} 处理。 The file's name gives no day, so the extract counts as today's; "
        "say otherwise with --extract-date.[/]"
    )
    return today


def _delivery_table(manifest: Manifest) -> Table:
    table = facts_table()
    _row(table, "批次 Delivery", manifest.delivery_id)
    _row(table, "读取 Rows read", manifest.rows_read)
    _row(table, "合格 Accepted", manifest.rows_accepted)
    _row(table, "隔离 Quarantined", manifest.rows_quarantined)
    _rule_rows(table, "隔离规则 Quarantine rule", manifest.rules_quarantined)
    _rule_rows(table, "提示 Warning", manifest.rules_warned)
    _row(table, "修订 Revision", manifest.revision)
    _row(table, "来源 Origin", "合成 synthetic" if manifest.origin == "synthetic" else "真实 real")
    for name, columns in columns_said(manifest.new_columns, manifest.missing_columns, manifest.drift).items():
        _row(table, name, columns)
    return table


def _row(table: Table, name: str, value: object) -> None:
    if value is not None:
        table.add_row(name, f"{value:,}" if isinstance(value, int) else escape(str(value)))


def _rule_rows(table: Table, name: str, counts: dict[str, int]) -> None:
    for rule, count in counts.items():
        table.add_row(f"  {name}", f"{escape(rule)}: {count:,}")


def _leave_if_refused(refusal: "Refusal | None") -> None:
    if refusal is not None:
        raise ContractViolation(f"{refusal.zh} {refusal.en} ({refusal.rule})")
