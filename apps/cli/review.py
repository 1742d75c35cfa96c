"""``citylake review``, ``citylake who`` and ``citylake link``: people decide who is who, and see why; owner only."""

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import polars as pl
import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from apps.cli import people
from apps.cli.console import out
from citylake.identity import explaining, model_versions, review_queue
from citylake.identity.decisions import Decided, Kept, find_pair, keep_decisions
from citylake.lake.deliveries import LEDGER
from citylake.lake.errors import UsageError
from citylake.lake.lock import writer_lock
from citylake.lake.settings import TIMEZONE, Settings
from citylake.lake.zones import Zones

_SHOWN = 5
_LINES_SHOWN = 20


class Subject(StrEnum):
    """Whom a pair, a key or a model is about."""

    PERSON = "person"
    ENTITY = "entity"


class Choice(StrEnum):
    """What may be decided about a pair."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


KindOption = Annotated[Subject | None, typer.Option("--kind", help="Only pairs of persons, or of entities.")]

review = typer.Typer(help="复核：哪些记录是同一人、同一主体（含个人信息，仅限数据湖所有者）。 Review who is who.")
link = typer.Typer(no_args_is_help=True, help="归并模型：训练、启用。 Linkage models: train, adopt, list.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(review, name="review")
    app.add_typer(link, name="link")
    app.command("who")(who)


@review.callback(invoke_without_command=True)
def list_pairs(  # noqa: PLR0913, PLR0917  # one parameter an option
    context: typer.Context,
    kind: KindOption = None,
    reason: Annotated[str | None, typer.Option(help="Only pairs asked for this reason: uncertain, …")] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write all of them for a spreadsheet, readable by you alone."),
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Take in the decisions filled in there, all or none.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Draw so many pairs at random, for measuring precision and recall. Needs --kind."),
    ] = None,
    shown: Annotated[int, typer.Option("--show", min=1, help="How many to show.")] = _SHOWN,
) -> None:
    """待复核的记录对及证据。 The pairs that wait for a decision, with reason, weight and evidence.

    Everything shown is personal data. Decide with: citylake review decide LEFT RIGHT same|different|unsure --why TEXT
    """
    if context.invoked_subcommand is not None:
        return
    _refuse_what_does_not_go_together(reason, csv, source, sample)
    settings = Settings()
    if source is not None:
        _take_in(settings, source)
        return
    if sample is not None:
        if kind is None:
            raise UsageError("请加 --kind person 或 entity。 Say which: --kind person or --kind entity.")
        drawn = review_queue.draw_sample(settings, kind.value, sample)
        out.print(f"抽取 {drawn.height} 对。 {drawn.height} pairs drawn at random; decide all of them, unseen.")
    of_kind = kind.value if kind else None
    drawn = review_queue.sampled_pairs(settings, of_kind)
    pairs = drawn if sample is not None or reason == "sample" else review_queue.open_pairs(settings, of_kind, reason)
    if csv is not None:
        count = review_queue.export_pairs(settings, pairs, csv)
        out.print(
            f"{count} 对已导出，含个人信息，请妥善保管；填好决定与理由后用 --from 导入。 "
            f"{count} pairs with personal data, readable by you alone: {escape(str(csv))}. "
            "Fill in decision and reason, then: citylake review --from FILE"
        )
        return
    _print_counts(pairs, drawn.height)
    _print_pairs(settings, pairs.head(shown))


def _refuse_what_does_not_go_together(
    reason: str | None, csv: Path | None, source: Path | None, sample: int | None
) -> None:
    if source is not None and (csv is not None or sample is not None):
        raise UsageError(
            "--from 不能与 --csv、--sample 同用。 Decisions are taken in by themselves: --from goes with neither --csv "
            "nor --sample."
        )
    if reason is not None and reason not in people.REASONS:
        raise UsageError(f"没有这种原因。 {reason!r} is no reason: {', '.join(people.REASONS)}.")


@review.command()
def decide(
    left: Annotated[str, typer.Argument(metavar="LEFT", help="The reference of the one record.")],
    right: Annotated[str, typer.Argument(metavar="RIGHT", help="The reference of the other.")],
    decision: Annotated[Choice, typer.Argument(help="What they are.")],
    why: Annotated[str, typer.Option(help="Why; kept in the vault with your account and the time.")],
) -> None:
    """记录一项决定，下次刷新生效。 Keep a decision; it takes effect with the next night, and survives every relink."""
    settings = Settings()
    pair = find_pair(settings, left, right)
    _print_kept(keep_decisions(settings, [Decided(pair, decision.value, why)]))


def who(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="A person key or entity key, or its start; an old one, too.")
    ],
    explain: Annotated[
        bool, typer.Option("--explain", help="Attributes, records, weights, key events, open pairs, decisions.")
    ] = False,
) -> None:
    """这是谁，为什么（含个人信息，仅限数据湖所有者）。 Who a key stands for, and why; nothing of it is logged."""
    answer = explaining.who(Settings(), key)
    if [card.key for card in answer.cards] != [answer.asked]:
        into = ", ".join(card.key for card in answer.cards)
        out.print(f"键已变更 {answer.asked} 现为 now: {into}")
    for card in answer.cards:
        people.print_card(card, is_explained=explain)


@link.command()
def train(
    kind: Annotated[Subject, typer.Argument(help="Persons or entities.")],
    version: Annotated[str, typer.Option(help="A name for it that is not taken.")],
) -> None:
    """用本市记录训练归并模型，不立即启用。 Estimate a model on this city's records; nothing links with it yet."""
    settings = Settings()
    model, file = model_versions.train_model(settings, kind.value, version, _origin(settings), _today())
    out.print(
        f"已写入 written: {escape(str(file))}\n{escape(model.trained_on)}\n审阅后启用 Review it, then: "
        f"citylake link adopt {kind.value} {escape(version)}"
    )


@link.command()
def adopt(
    kind: Annotated[Subject, typer.Argument(help="Persons or entities.")],
    version: Annotated[str, typer.Argument(help="A version that citylake link models lists.")],
) -> None:
    """启用模型；下次刷新全量重连。 Make a model the one in force; the next night links everybody anew with it."""
    settings = Settings()
    with writer_lock(settings, "link adopt"):
        model_versions.adopt_model(settings, kind.value, version)
    out.print("已启用，下次刷新时全量重连。 Adopted: the next night links everybody anew.")


@link.command()
def models() -> None:
    """列出模型。 The models there are, and which are in force."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "对象\nKind", "版本\nVersion", "训练于\nTrained on", "日期\nDay"):
        table.add_column(heading, overflow="fold")
    for one in model_versions.known_models(Settings()):
        mark = "[green]●[/]" if one.is_in_force else ""
        table.add_row(mark, one.kind, escape(one.version), escape(one.trained_on), str(one.trained_date or "—"))
    out.print(table)


def _take_in(settings: Settings, source: Path) -> None:
    reviewed = review_queue.import_decisions(settings, source)
    decided = reviewed.lines - reviewed.undecided
    out.print(
        f"读取 {reviewed.lines} 行：已决定 {decided}，未决定 {reviewed.undecided}。 {reviewed.lines} lines read: "
        f"{decided} decided, {reviewed.undecided} left for later."
    )
    if reviewed.unsaid:
        lines = ", ".join(map(str, reviewed.unsaid[:_LINES_SHOWN]))
        more = " …" if len(reviewed.unsaid) > _LINES_SHOWN else ""
        out.print(
            f"[yellow]有理由而无决定 A reason without a decision[/] {len(reviewed.unsaid)}: "
            f"第 {lines}{more} 行，留待以后。 lines left for later."
        )
    _print_kept(reviewed.kept)


def _print_kept(kept: Kept) -> None:
    repeated = f"，重复 {kept.repeated} repeated" if kept.repeated else ""
    out.print(
        f"已记录 {kept.recorded} recorded{repeated}。下次刷新生效 In effect with the next night: citylake refresh"
    )
    people.print_contradictions(kept.contradictions)


def _print_counts(pairs: pl.DataFrame, drawn: int) -> None:
    if pairs.is_empty():
        out.print("没有待复核的记录对。 No pair waits for a decision.")
    else:
        table = Table(title=f"待复核 {pairs.height:,} 对 pairs to review", title_justify="left", box=SIMPLE_HEAD)
        for heading in ("对象\nKind", "原因\nReason"):
            table.add_column(heading)
        table.add_column("对数\nPairs", justify="right")
        for kind, reason, count in pairs.group_by("kind", "reason").len().sort("kind", "reason").iter_rows():
            table.add_row(kind, people.REASONS.get(reason, reason), f"{count:,}")
        out.print(table)
    if drawn:
        out.print(f"抽样待判 {drawn} 对。 {drawn} sampled pairs wait: citylake review --reason sample")


def _print_pairs(settings: Settings, pairs: pl.DataFrame) -> None:
    if pairs.is_empty():
        return
    fields = review_queue.evidence(settings, pairs)
    for pair in pairs.iter_rows(named=True):
        is_ours = (pl.col("left_key") == pair["left_key"]) & (pl.col("right_key") == pair["right_key"])
        people.print_pair(pair, fields.filter(is_ours), is_blind=pair["reason"] == "sample")
    out.print("\n决定 Decide: citylake review decide LEFT RIGHT same|different|unsure --why TEXT")


def _origin(settings: Settings) -> str:
    ledger = Zones.of(settings).ledger / LEDGER
    if not ledger.exists():
        return "unknown origin"
    origins = pl.read_parquet(ledger).filter(pl.col("status") == "in_force")["origin"].unique().sort()
    return " and ".join(origins.to_list()) or "unknown origin"


def _today() -> date:
    return datetime.now(ZoneInfo(TIMEZONE)).date()
