"""``citylake erase``: a person taken out of everything that the system holds, and the proof of it."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from apps.cli.console import err, out, show_error
from citylake.lake.account import whoami
from citylake.lake.errors import ErasurePending, UsageError
from citylake.lake.lock import writer_lock
from citylake.lake.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from citylake.lake.erasures import Sought

_SHOWN_CHARACTERS = 6
_FILES_SHOWN = 20
_KEPT = ("ids", "records_with_these_ids", "records_with_the_name", "records_with_the_business")

KeyArgument = Annotated[
    str | None,
    typer.Argument(metavar="[PERSON_KEY]", help="The person's key; without one, goes on with what is unfinished."),
]
BasisOption = Annotated[
    str, typer.Option(metavar="TEXT", help="Why: a law, a request's number. It is kept; name no person. 删除依据")
]
RefreshOption = Annotated[
    bool,
    typer.Option(
        "--refresh/--no-refresh",
        help="Run the night that publishes a release without the person at once, or leave that to the next one.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(erase)


def erase(key: KeyArgument = None, basis: BasisOption = "", refresh: RefreshOption = True) -> None:
    """删除一个人员的全部数据并出具证明。 Erase a person from landing, raw, quarantine, vault, catalogs and releases.

    Then a night is run, every earlier release is dropped, every file is searched for the identifiers, and a
    certificate without them is kept. May be stopped at any moment: `citylake erase`, or the next night, goes on.
    Leaves with exit code 6 while something is still waited for.
    """
    from orchestration.erasure import ask, carry_on  # noqa: PLC0415  # Dagster and dbt take seconds to import
    from orchestration.nightly import run_nightly  # noqa: PLC0415  # as above

    settings = Settings()
    if key is None and basis:
        raise UsageError("要删除谁？请给出人员键。 Whom? Give the person's key before --basis.")
    with (
        writer_lock(settings, "citylake erase"),
        err.status("从报送数据和保险库删除 Erasing from deliveries and vault …"),
    ):
        if key is not None:
            asked = ask(settings, key, basis, whoami())
            out.print(f"删除 Erasure {asked.erasure_id} · {escape(key[:_SHOWN_CHARACTERS])}…")
            _show_shared(asked.sought)
        under_way = carry_on(settings)
    if not under_way:
        out.print("没有未完成的删除。 No erasure is under way.")
        return
    for journal in under_way:
        _show_counts(journal.erasure_id, journal.counts)
    if not refresh:
        raise ErasurePending(
            "已从报送数据和保险库删除；旧发布版本仍含该人员，下次夜间刷新后删除。 Erased from deliveries and vault. "
            "Earlier releases still hold the person until the next night: citylake refresh"
        )
    with err.status("夜间刷新、发布、清除旧版本、查验 Refreshing, publishing, dropping, proving …"):
        result = run_nightly(settings)
    if result.error is not None:
        show_error(result.error)
        raise ErasurePending(
            "夜间刷新未成功，旧发布版本仍含该人员。 The night failed, so earlier releases still hold the person. Mend "
            "what it says above, then: citylake erase"
        )
    show_outcomes(result.facts("maintenance").get("erasures", []))


def _show_shared(sought: "Sought") -> None:
    """Say that records of others carry an id of the person: whoever asked may believe that these go too."""
    if sought.shared_ids:
        out.print(
            f"该人员的号码有 {sought.shared_id_count} 个也见于他人的 {sought.records_of_others} 条记录："
            f"他人的记录保留，只删除该人员自己的记录。 {sought.shared_id_count} of the person's ids are also carried "
            f"by {sought.records_of_others} records of others: those are kept, and only the person's own records go."
        )


def _show_counts(erasure_id: str, counts: "Mapping[str, int]") -> None:
    table = Table(title=f"已删除 Erased · {erasure_id}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    out.print(table)


def show_outcomes(outcomes: "list[dict[str, Any]]") -> None:
    """Print what was searched and found. Raises ErasurePending when something is not finished."""
    for outcome in outcomes:
        table = Table(title=f"查验 Searched · {outcome['erasure_id']}", title_justify="left")
        for heading in ("区域 Zone", "文件 Files", "命中 Hits", "与他人共有 Shared", "无法解开 Do not unpack"):
            table.add_column(heading, justify="left" if heading.startswith("区域") else "right")
        for zone in outcome["searched"]:
            table.add_row(zone["zone"], *(f"{zone[name]:,}" for name in ("files", "hits", "shared", "unreadable")))
        if outcome["searched"]:
            out.print(table)
        for trace in outcome["traces"][:_FILES_SHOWN]:
            out.print(f"[red]仍有痕迹 Trace[/] {escape(trace)}")
        if outcome["kept"]:
            ids, records, named, business = (outcome["kept"][name] for name in _KEPT)
            out.print(
                f"保留 Kept: {ids:,} 个与他人共有的号码 ids of others too · {records:,} 条他人记录 records of others "
                f"with these · {named:,} 条同名记录 records with the name · {business:,} 条提及其个体工商户的他人记录 "
                "records of others that refer to the business"
            )
        if outcome["certificate"] is not None:
            out.print(f"证明 Certificate: {escape(outcome['certificate'])}")
    pending = [outcome for outcome in outcomes if outcome["waiting_for"]]
    if pending:
        raise ErasurePending(
            f"{len(pending)} 项删除尚未完成，等待： {len(pending)} erasures are not finished; waiting for: "
            + "; ".join(outcome["waiting_for"] for outcome in pending)
            + "。完成后运行 Then run: citylake erase"
        )
