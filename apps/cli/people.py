"""How pairs, evidence and persons are shown on the owner's screen. Prints; decides nothing, and writes no file."""

from collections.abc import Sequence

import polars as pl
from rich.box import SIMPLE
from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table

from apps.cli.console import out
from citylake.identity.decisions import Pair, as_references, reference_of
from citylake.identity.explaining import Card

REASONS = {
    "uncertain": "不确定 not sure",
    "ambiguous": "两个候选相近 two are alike",
    "two_anchors": "与两人都像 matches two",
    "contradicted_id": "号码与姓名生日矛盾 id contradicted",
    "number_of_two_codes": "一号两主体 number of two codes",
    "contradictory_decisions": "决定相互矛盾 decisions contradict",
    "sample": "抽样 sample",
}
RULES = {
    "valid_citizen_id": "有效身份证号 valid citizen id",
    "valid_identifier": "有效主体代码 valid identifier",
    "linked": "概率归并 linked by weight",
    "decided": "人工决定 decided",
    "same_description": "描述完全相同 says just the same",
    "own_record": "独立记录 stands alone",
}
HEADINGS = {
    "source_dataset": "数据集 Dataset",
    "register_no": "来源编号 Number",
    "source_record_key": "记录 Record",
    "role": "角色 Role",
    "match_rule": "规则 Rule",
    "match_weight": "权重 Weight",
    "matched_record_key": "经由 Through",
    "extract_date": "提取日期 Extracted",
    "name": "名称 Name",
    "records": "记录数 Records",
    "attribute": "属性 Attribute",
    "value": "值 Value",
    "rule": "规则 Rule",
    "changed_date": "日期 Day",
    "event_type": "事件 Event",
    "old_key": "原键 Old key",
    "new_key": "新键 New key",
    "reason": "原因 Reason",
    "record_count": "记录数 Records",
    "left_key": "左 Left",
    "right_key": "右 Right",
    "decision": "决定 Decision",
    "decided_at": "时间 When",
    "decided_by": "决定人 By",
    "why": "理由 Why",
}
_BETWEEN = 2
"""Columns of the screen between two of a table."""
_SYNTHETIC = "[black on yellow]合成数据 SYNTHETIC[/]"
_WATERFALLS = 10


def print_pair(pair: dict[str, object], fields: pl.DataFrame, *, is_blind: bool = False) -> None:
    """Both mentions side by side, field by field; ``is_blind`` leaves out what linking thinks of it."""
    left, right = str(pair["left_key"]), str(pair["right_key"])
    reason = REASONS.get(str(pair["reason"]), str(pair["reason"]))
    weight = "" if is_blind else f" · {_bits(pair['match_weight'])}"
    out.print(f"\n[bold]{reference_of(left)} {reference_of(right)}[/] · {pair['kind']} · {escape(reason)}{weight}")
    print_waterfall(fields, is_blind=is_blind)


def print_waterfall(fields: pl.DataFrame, *, is_blind: bool = False) -> None:
    """One row a field: what the left and the right one say, how far that agrees, and what it weighs."""
    table = Table(box=SIMPLE, pad_edge=False)
    for heading in ("字段 Field", "左 Left", "右 Right"):
        table.add_column(heading, overflow="fold")
    if not is_blind:
        table.add_column("比较 Outcome", overflow="fold")
        table.add_column("权重 Bits", justify="right")
    for one in fields.iter_rows(named=True):
        if is_blind and one["field"] == "prior":
            continue
        values = [escape(one["field"]), *(escape(one[side] or "—") for side in ("left_value", "right_value"))]
        said = [] if is_blind else [_outcome(one["level"], one["weight"]), f"{one['weight'] or 0:+.1f}"]
        table.add_row(*values, *said)
    out.print(table)


def _outcome(level: str, weight: float | None) -> str:
    unweighed = {"": "—", "missing": "缺失 missing", "common": "共有过多 too many share it"}
    if level in unweighed:
        return f"[dim]{unweighed[level]}[/]"
    colour, word = ("green", "一致 agrees") if (weight or 0) > 0 else ("red", "不一致 differs")
    return f"[{colour}]{word}[/] [dim]{escape(level)}[/]"


def _bits(weight: object) -> str:
    return f"{weight:.1f} bits" if isinstance(weight, float) else "—"


def print_contradictions(contradictions: Sequence[Pair]) -> None:
    """Decisions that cannot all hold."""
    for pair in contradictions:
        out.print(
            f"[yellow]决定相互矛盾 Decisions contradict[/] {pair.references}: 判为不同，而其他决定又把二者连在一起。 "
            "told apart, while other decisions lead from the one to the other. The next night sets those aside and "
            "asks again."
        )


def print_card(card: Card, *, is_explained: bool) -> None:
    """A short card, or everything that led to it."""
    mark = f" {_SYNTHETIC}" if "synthetic" in card.origins else ""
    title = {"person": "自然人 Person", "entity": "法人 Entity"}[card.kind]
    out.print(f"\n[bold]{title} {card.key}[/]{mark}")
    out.print(f"记录 records: {card.records.height} · {_by_rule(card.records)}")
    if not is_explained:
        _print_frame(
            "按数据集 By dataset",
            card.records.group_by("source_dataset").len("records").sort("source_dataset"),
        )
        return
    _print_frame("采信属性 What counts", card.golden)
    shown = card.records.with_columns(
        pl.col("match_rule").replace(RULES), pl.col("match_weight").round(1), *_short("source_record_key")
    )
    _print_frame("记录 Records", shown.with_columns(*_short("matched_record_key")))
    for (left, right), fields in list(
        card.waterfalls.partition_by("left_key", "right_key", as_dict=True, maintain_order=True).items()
    )[:_WATERFALLS]:
        out.print(f"\n权重构成 Why {reference_of(str(left))} is tied to {reference_of(str(right))}")
        print_waterfall(fields)
    _print_frame("键的变更 Key events", card.events)
    _print_frame("待复核 Open pairs", card.pairs.with_columns(*_short("left_key", "right_key")))
    _print_frame("决定 Decisions", card.decisions.with_columns(*_short("left_key", "right_key")))


def _by_rule(records: pl.DataFrame) -> str:
    counts = records.group_by("match_rule").len().sort("len", descending=True).rows()
    return ", ".join(f"{RULES.get(rule, rule)} {count}" for rule, count in counts)


def _short(*keys: str) -> list[pl.Expr]:
    return [pl.col(key).pipe(as_references).alias(key) for key in keys]


def _print_frame(title: str, frame: pl.DataFrame) -> None:
    if not frame.is_empty():
        print_records(title, frame.rename(lambda name: HEADINGS.get(name, name)))


def print_records(title: str, frame: pl.DataFrame) -> None:
    """A table where the screen is wide enough for it, else one block a row: a key cut in pieces cannot be copied."""
    rows = [["—" if value is None else str(value) for value in row] for row in frame.iter_rows()]
    names = [name.replace(" ", "\n", 1) for name in frame.columns]
    widths = [
        max(cell_len(line) for text in column for line in text.split("\n")) for column in zip(names, *rows, strict=True)
    ]
    if sum(widths) + _BETWEEN * len(widths) <= out.width:
        table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)
        for name in names:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*map(escape, row))
        out.print(table)
        return
    out.print(f"\n[italic]{escape(title)}[/]")
    for row in rows:
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in zip(frame.columns, row, strict=True):
            table.add_row(escape(name), escape(value))
        out.print(table)
        out.print()
