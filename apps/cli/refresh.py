"""``citylake refresh``, ``citylake dbt`` and ``citylake dagster``: running nights, and showing what came of them."""

import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from apps.cli.console import err, facts_table, out, show_error
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare

if TYPE_CHECKING:
    from orchestration.night import StageEvent
    from orchestration.nightly import NightResult

_SHOWN = 30
_STAGES = {
    "ledger": "台账 Delivery ledger",
    "staging": "贴源层 Staging",
    "identity": "身份归并 Identity",
    "urban_study": "城市扩张 Urban expansion",
    "marts": "主题库与测试 Marts and tests",
    "indicators": "指标 Indicators",
    "audit": "审计 Audit",
    "release": "发布 Release",
    "maintenance": "维护 Maintenance",
}

AsOfOption = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="DATE",
        help="Compute with the deliveries that had arrived by the end of this day, in a scratch lake. "
        "Publishes nothing and changes nothing.",
    ),
]
FewerRowsOption = Annotated[
    str | None,
    typer.Option(
        metavar="REASON",
        help="Publish although tables hold far fewer rows than in the last release. The reason and your account "
        "are kept with the release's checks, for every reader; name no person.",
    ),
]
LinkageOption = Annotated[
    str | None,
    typer.Option(
        metavar="REASON",
        help="Publish although linking is out of its bounds. The reason and your account are kept with the "
        "release's checks, for every reader; name no person.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(refresh)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})(
        dbt
    )
    app.command()(dagster)


def refresh(  # noqa: PLR0913, PLR0917  # one parameter an option
    as_of: AsOfOption = None,
    full: Annotated[bool, typer.Option("--full", help="Rebuild every table from the deliveries in force.")] = False,
    allow_mixed: Annotated[
        bool, typer.Option("--allow-mixed", help="Let this release mix synthetic and real deliveries.")
    ] = False,
    accept_fewer_rows: FewerRowsOption = None,
    relink: Annotated[
        bool,
        typer.Option("--relink", help="Link every record anew, and say whom that places otherwise than nights did."),
    ] = False,
    accept_linkage: LinkageOption = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="With --as-of: keep the scratch lake until the next night clears it.")
    ] = False,
) -> None:
    """Run one night: what is new in landing becomes an audited release (运行一次夜间刷新).

    Loads new deliveries, builds and tests the lake, computes indicators, audits, and publishes a release. Readers
    keep the last release until the new one has passed its audit, and whatever fails.
    """
    settings = Settings()
    if allow_mixed:
        settings = settings.model_copy(update={"allow_mixed_origin": True})
    if accept_fewer_rows is not None:
        settings = settings.model_copy(update={"accept_fewer_rows": accept_fewer_rows})
    if accept_linkage is not None:
        settings = settings.model_copy(update={"accept_linkage": accept_linkage})
    with err.status("启动 Starting …") as status:
        from orchestration.nightly import run_nightly  # noqa: PLC0415  # Dagster and dbt take seconds to import

        def show(event: "StageEvent") -> None:
            label = stage_label(event.stage)
            if event.state in {"began", "working"}:
                status.update(f"{label} {event.detail}…")
            else:
                mark = "[green]✓[/]" if event.state == "succeeded" else "[red]✗[/]"
                err.print(f"{mark} {label} [dim]{event.seconds:.1f} s[/]")

        result = run_nightly(
            settings, as_of=None if as_of is None else as_of.date(), full=full, relink=relink, keep=keep, progress=show
        )
    show_result(result, is_as_of=as_of is not None)


def dbt(context: typer.Context) -> None:
    """Run dbt alone, under the writer's lock, on the last identity state: citylake dbt build --select …."""
    from orchestration.dbt import run_dbt  # noqa: PLC0415  # Dagster and dbt take seconds to import

    raise typer.Exit(run_dbt(Settings(), context.args))


def dagster(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where the pages are served, on this machine only.")
    ] = 3000,
) -> None:
    """Start Dagster with its pages on localhost: the asset graph, the 02:00 schedule, the sensors (启动调度界面)."""
    from orchestration.instance import dagster_home  # noqa: PLC0415  # Dagster takes seconds to import

    settings = Settings()
    home = dagster_home(prepare(settings))
    # Dagster would take settings from the folder it starts in before those of its home.
    os.chdir(home)
    arguments = ["dev", "--module-name", "orchestration.definitions", "--host", "127.0.0.1", "--port", str(port)]
    os.execve(  # noqa: S606  # a fixed program with a list of arguments; no shell is wanted
        sys.executable,
        [sys.executable, "-m", "dagster", *arguments],
        {**os.environ, "DAGSTER_HOME": str(home), "CITYLAKE_HOME": str(settings.home)},
    )


def stage_label(stage: str) -> str:
    """A stage's name for people, in both languages."""
    return f"接收 Loading {stage.removeprefix('raw.')}" if stage.startswith("raw.") else _STAGES.get(stage, stage)


def show_result(result: "NightResult", *, is_as_of: bool) -> None:
    """Print the summary of a night; leaves with the error's exit code when it failed."""
    if result.stages:
        out.print(_summary(result))
        out.print(_times(result))
    for refused in _listed(result, "refused")[:_SHOWN]:
        reason = f"{refused['delivery_id']}: {refused['zh']} {refused['en']}"
        out.print(f"[yellow]被拒收 Refused[/] {escape(reason)}")
    _say_how_many(_listed(result, "refused"))
    for drifted in _listed(result, "drifted")[:_SHOWN]:
        out.print(f"[yellow]列有变化 Columns[/] {escape(_drifted(drifted))}")
    _say_how_many(_listed(result, "drifted"))
    for dataset, rows in result.facts("ledger").get("erased_again", {}).items():
        out.print(f"[yellow]已删除人员再次报送 Erased persons delivered again[/] {escape(dataset)}: {rows:,}")
    warnings = [*result.facts("marts").get("warnings", []), *result.facts("audit").get("warned", [])]
    for warning in [*_problems(result), *warnings]:
        out.print(f"[yellow]注意 Warning[/] {escape(warning)}")
    if result.error is not None:
        show_error(result.error)
        if result.log is not None:
            err.print(f"  [dim]{result.log}[/]")
        raise typer.Exit(result.error.exit_code)
    if result.figures.height:
        out.print(_figures(result))
    out.print(_next_steps(result, is_as_of=is_as_of))


def _summary(result: "NightResult") -> Table:
    raw = [stage["facts"] for stage in result.stages if stage["stage"].startswith("raw.")]
    staging, marts, audit = (result.facts(name) for name in ("staging", "marts", "audit"))
    ledger, indicators, release = (result.facts(name) for name in ("ledger", "indicators", "release"))
    rows = {
        "本次接收 Deliveries loaded": _total(raw, "deliveries"),
        "行数 Rows read / accepted / quarantined": " / ".join(
            f"{_total(raw, name):,}" for name in ("rows_read", "rows_accepted", "rows_quarantined")
        ),
        "被拒收 Deliveries refused": len(_listed(result, "refused")),
        "列有变化 Deliveries with other columns": len(_listed(result, "drifted")),
        "有效交付 Deliveries in force": ledger.get("in_force", "—"),
        "模型 Models built": _total([staging, marts], "models"),
        "测试 Tests passed / warned / failed": " / ".join(
            str(_total([staging, marts], name)) for name in ("tests_passed", "tests_warned", "tests_failed")
        ),
        "过于常见而未比对的取值 Values too common to compare by, persons / entities": " / ".join(
            str(result.facts("identity").get(f"{kind}_capped_values", "—")) for kind in ("person", "entity")
        ),
        "指标 Indicators / values": f"{indicators.get('indicators', '—')} / {indicators.get('values', '—')}",
        "审计 Audit checks passed / warned / failed": " / ".join(
            str(len(found) if isinstance(found := audit.get(name, "—"), list) else found)
            for name in ("passed", "warned", "failed")
        ),
        "发布 Release": result.release or "—",
        "来源 Origin": release.get("origin", "—"),
    }
    table = facts_table(f"夜间刷新 Nightly refresh {result.run_id}")
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _times(result: "NightResult") -> Table:
    table = Table(title="各阶段用时 Time per stage", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    for stage in result.stages:
        table.add_row(stage_label(stage["stage"]), f"{stage['seconds']:.1f} s")
    return table


def _problems(result: "NightResult") -> list[str]:
    """What a stage could not do, and the night went on without."""
    told = [(stage["stage"], stage["facts"].get("problem")) for stage in result.stages]
    return [f"{stage_label(stage)}: {problem}" for stage, problem in told if problem]


def _figures(result: "NightResult") -> Table:
    months = result.figures.filter(period_type="month")["period_start"].drop_nulls()
    title = "全市 City-wide" + (f", {months[0]:%Y-%m}" if months.len() else "")
    table = Table(title=title, title_justify="left")
    for heading in ("", "指标 Indicator", "值 Value", "目标 Target", "单位 Unit"):
        table.add_column(heading, justify="right" if heading.startswith(("值", "目标")) else "left", overflow="fold")
    for row in result.figures.iter_rows(named=True):
        year = f", {row['period_start']:%Y}" if row["period_type"] == "year" and row["period_start"] else ""
        table.add_row(
            row["indicator_id"],
            f"{row['name_zh']} {row['name_en']}{year}",
            _number(row["value"], row["decimals"]),
            _number(row["target"], row["decimals"]),
            row["unit"],
        )
    return table


def _number(value: float | None, decimals: int) -> str:
    return "—" if value is None else f"{value:,.{decimals}f}"


def _next_steps(result: "NightResult", *, is_as_of: bool) -> str:
    if is_as_of:
        kept = "" if result.kept is None else f" The scratch lake is kept until the next night: {result.kept}"
        return f"[bold]未发布。[/] Nothing was published: this was computed as of a past day.{kept}"
    if result.held is not None:
        return f"[yellow]{escape(result.held)}[/]"
    return (
        "[bold]接下来 What next[/]\n"
        "  make app                     看大屏 the cockpit in your browser\n"
        '  citylake sql "from city.indicator.indicator_value limit 5"\n'
        "  citylake quarantine DATASET  哪些行被隔离 which rows were quarantined, and why"
    )


def _listed(result: "NightResult", name: str) -> list[dict[str, Any]]:
    """What all stages list under a name."""
    return [item for stage in result.stages for item in stage["facts"].get(name, [])]


def _say_how_many(listed: list[dict[str, Any]]) -> None:
    """Where more deliveries are listed than were shown."""
    if len(listed) > _SHOWN:
        out.print(f"  …… 共 {len(listed)} 个。 {len(listed)} in all: citylake delivery list")


def _drifted(delivery: dict[str, Any]) -> str:
    """How a delivery's columns differ from its contract's, and what became of that."""
    new, missing = ("、".join(delivery[f"{which}_columns"]) for which in ("new", "missing"))
    kept = {"freeze": "仅存于原始文件 left in landing", "evolve": "已另存 kept"}[delivery["drift"]]
    parts = [f"新增 new: {new} ({kept})"] * bool(new) + [f"缺少 missing: {missing}"] * bool(missing)
    return f"{delivery['delivery_id']}: {'; '.join(parts)}"


def _total(facts: list[dict[str, Any]], name: str) -> int:
    return sum(int(item.get(name, 0)) for item in facts)
