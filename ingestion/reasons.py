"""What a rule asks, what breaking it means and how to mend that, in both languages: the one place for all of it.

Everything is said from the contract's columns and the kind of rule, so that a contract's author writes nothing more.
Nothing here contains a value of a record: values of identifiers must not leak.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from citylake.contracts.labels import Label
from citylake.contracts.model import Column, Contract, RowRule
from ingestion.forms import in_words
from ingestion.keys import CONFLICT, REPEATED

REPEATED_HEADER = "row.header"
STRUCTURE: dict[str, Label] = {
    "row.columns": Label("字段个数与表头不符", "the number of fields differs from the header"),
    REPEATED_HEADER: Label("重复的表头，不是数据", "repeats the header and is no data"),
    "row.quote": Label("引号不成对或位置不对", "a quote is unpaired or misplaced"),
    "row.encoding": Label("含有无法按约定编码解码的字节", "contains bytes that the declared encoding does not have"),
    "row.digits": Label(
        "有一个超过15位的数字，表格软件已丢失其末尾几位；请将该列设为文本格式后重新填写",
        "has a number of more than 15 digits, whose last ones a spreadsheet loses: make the column text, fill it anew",
    ),
    "row.formula": Label("有一个公式出错或没有计算结果", "has a formula that failed or was never computed"),
    "row.json": Label("不是一个完整的 JSON 对象", "is not one well-formed JSON object"),
}
KEY_CONFLICT = Label(
    "同一批次中主键重复而内容不同，保留最先出现的一行", "repeats a key with other content; the first is kept"
)

_KINDS: dict[str, Label] = {
    "required": Label("必填，但没有值", "is required but has no value"),
    "type": Label("不是有效的{type_zh}", "is not a valid {type_en}"),
    "pattern": Label("格式不符合约定", "does not have the agreed form"),
    "enum": Label("不在约定的取值范围内", "is not one of the agreed values"),
    "length": Label("长度不符合约定", "does not have the agreed length"),
    "range": Label("超出约定的范围", "is outside the agreed range"),
    "check": Label("不是有效的号码", "is not a valid number"),
    "legacy": Label("是旧式号码", "is a number of an older kind"),
}
_TYPES: dict[str, Label] = {
    "integer": Label("整数", "whole number"),
    "number": Label("数值", "number"),
    "boolean": Label("是否值", "yes or no"),
    "date": Label("日期", "date"),
    "timestamp": Label("时间", "time"),
    "array": Label("列表", "list"),
}
_WRITTEN_SO: dict[str, Label] = {
    "integer": Label(
        "整数，如 1200；不带千分位、单位和小数", "a whole number such as 1200, without separators, unit or decimals"
    ),
    "number": Label(
        "数值，如 1200.50；不带千分位和单位，小数位数不超过约定",
        "a number such as 1200.50, without separators or unit, with no more decimals than agreed",
    ),
    "boolean": Label("是或否（也可写 true/false、1/0、y/n）", "是 or 否 (or true/false, 1/0, y/n)"),
    "date": Label("存在的日期，写作 2026-10-31 或 20261031", "a day that exists, written 2026-10-31 or 20261031"),
    "timestamp": Label("存在的时间，写作 2026-10-31 09:30:00", "a time that exists, written 2026-10-31 09:30:00"),
    "array": Label("写在方括号内的列表：[…]", "a list in square brackets: […]"),
}
_CHECKED: dict[str, Label] = {
    "citizen_id": Label(
        "18位公民身份号码（GB 11643），末位是校验码；1999年前的15位旧号码也可",
        "a citizen id of 18 characters (GB 11643), the last one a check character; or the 15 digits used before 1999",
    ),
    "uscc": Label(
        "18位统一社会信用代码（GB 32100），末位是校验码，不含字母 I、O、S、V、Z",
        "a unified social credit code of 18 characters (GB 32100), the last one a check character; no I, O, S, V or Z",
    ),
    "entity_code": Label(
        "18位统一社会信用代码（GB 32100），或旧注册号、组织机构代码",
        "a unified social credit code of 18 characters (GB 32100), or an older registration or organisation number",
    ),
}
_NEVER_MADE_UP = Label(
    "对照证件或登记簿更正，不要自行推算；在表格软件中先把该列设为文本格式，否则末尾几位会变成 0",
    "correct it from the document or register, never by guessing; in a spreadsheet make the column text first, or its "
    "last digits turn into zeros",
)
_MEND: dict[str, Label] = {
    "required": Label(
        "填上该值；不知道时不要填“无”或“-”，请先查清", "fill it in; where it is not known find out, and write no dash"
    ),
    "type": Label("按约定写法改写后重新导出", "write it in that way and export again"),
    "pattern": Label(
        "检查缺位、多位、空格和全角字符；表格软件会去掉开头的 0，先把该列设为文本格式",
        "look for missing or further characters, blanks and full-width ones; spreadsheets drop leading zeros: make the "
        "column text first",
    ),
    "enum": Label("改为其中一个值，写法须完全一致", "change it to one of these, written exactly so"),
    "length": Label("检查是否串列，或几个值写在了一格", "see if it belongs in another column, or is several values"),
    "range": Label("核对数值和单位；日期请核对年份", "check the figure and its unit; of a date, the year"),
    "check": _NEVER_MADE_UP,
    "legacy": Label("可以报送；知道新号码时请更新", "may be delivered; put the present number where it is known"),
}
_EXPORT_AGAIN = Label("由系统重新导出，不要手工拼接或改动分隔符", "export it again; do not piece it together by hand")
_STRUCTURE_MEND: dict[str, Label] = {
    REPEATED_HEADER: Label("删除多余的表头行，几张表分别报送", "delete the further header; deliver each table alone"),
    "row.digits": Label("将该列设为文本格式后重新填写", "make the column text and fill it in anew"),
    "row.formula": Label("把公式粘贴为数值后重新保存", "paste the formula as its value and save again"),
}
_STRUCTURE_ASKS: dict[str, Label] = {
    "row.columns": Label(
        "每行的字段与表头一样多，以“{delimiter}”分隔；含分隔符的文字用引号括起",
        'as many fields a row as in the header, separated by "{delimiter}"; a text with that in it stands in quotes',
    ),
    REPEATED_HEADER: Label("表头只有一个，在数据之前", "one header, before the data"),
    "row.quote": Label("引号成对，文字中的引号写两遍", "quotes in pairs; a quote within a text is doubled"),
    "row.encoding": Label("文字编码为 {encoding}", "text in the encoding {encoding}"),
    "row.digits": Label("超过15位的号码存为文本", "numbers of more than 15 digits kept as text"),
    "row.formula": Label("单元格中是值，不是公式", "values in the cells, no formulas"),
    "row.json": Label("每行一个 JSON 对象", "one JSON object a line"),
}
_KEY_ASKS = Label("同一批次中每个主键只出现一次", "each key once in a delivery")
_KEY_MEND = Label("只保留正确的一行", "keep the one row that is right")
_KEY_REPEATED = Label("同一批次中完全重复的行", "repeats another row of the delivery in all columns")
_KEY_REPEATED_MEND = Label("可以报送；请检查导出是否重复", "may be delivered; see why the export has it twice")
_UNKNOWN = Label("现行约定中已没有这条规则", "a rule that today's contract no longer has")
_UNKNOWN_MEND = Label("按现行约定重新校验：citylake check", "check it again under today's contract: citylake check")
_ROW_MEND = Label("核对这几列，改正写错的一个", "compare these columns and correct the one that is wrong")


@dataclass(frozen=True)
class Explanation:
    """One rule as its department meets it."""

    rule: str
    columns: tuple[Column, ...]
    """The columns that it is about, none when it is about the row's form."""
    reason: Label
    """What is wrong where it is broken."""
    asks: Label
    """What the contract says."""
    mend: Label
    """How to mend it."""

    @property
    def headings(self) -> str:
        """The columns under the department's own headings."""
        return "、".join(column.heading for column in self.columns)


def explain(contract: Contract, rule: str) -> Explanation:
    """What a rule's id stands for under this contract. One that it no longer has is said to be such."""
    if rule in STRUCTURE:
        asks = _written_as(contract, _STRUCTURE_ASKS[rule])
        return Explanation(rule, (), STRUCTURE[rule], asks, _STRUCTURE_MEND.get(rule, _EXPORT_AGAIN))
    if rule in (CONFLICT, REPEATED):
        key = tuple(column for column in contract.columns if column.primary_key)
        said = (KEY_CONFLICT, _KEY_MEND) if rule == CONFLICT else (_KEY_REPEATED, _KEY_REPEATED_MEND)
        return Explanation(rule, key, said[0], _KEY_ASKS, said[1])
    for row in contract.row_rules:
        if row.name == rule:
            return Explanation(rule, _columns_of(contract, row), row.reason, row.reason, _ROW_MEND)
    name, _, kind = rule.rpartition(".")
    column = next((column for column in contract.columns if column.name == name), None)
    asks = None if column is None else _asks(column, kind)
    if column is None or asks is None:
        return Explanation(rule, () if column is None else (column,), _UNKNOWN, _UNKNOWN, _UNKNOWN_MEND)
    return Explanation(rule, (column,), column_rule(column, kind), asks, _MEND[kind])


def column_rule(column: Column, kind: str) -> Label:
    """Why a value of this column breaks a rule of this kind."""
    label = _KINDS[kind]
    kinds = _TYPES.get(column.logical_type, Label("文本", "text"))
    return _about(column, Label(label.zh.format(type_zh=kinds.zh), label.en.format(type_en=kinds.en)))


def identifier_rule(column: Column, finding: pl.Expr, findings: Mapping[str, Label]) -> pl.Expr:
    """Why an identifier is invalid, or legacy, by what was found: a struct of ``zh`` and ``en``."""
    about = {code: _about(column, label) for code, label in findings.items()}
    return pl.struct(
        zh=finding.replace_strict(
            {code: label.zh for code, label in about.items()}, default=None, return_dtype=pl.String
        ),
        en=finding.replace_strict(
            {code: label.en for code, label in about.items()}, default=None, return_dtype=pl.String
        ),
    )


def row_rule(reason: Label) -> Label:
    """The reason of a row rule is the contract's own text."""
    return reason


def _written_as(contract: Contract, asks: Label) -> Label:
    facts = {"delimiter": contract.dialect.delimiter, "encoding": contract.dialect.encoding}
    return Label(asks.zh.format(**facts), asks.en.format(**facts))


def _about(column: Column, said: Label) -> Label:
    return Label(f"「{column.label.zh}」{said.zh}", f"{column.label.en} {said.en}")


def _columns_of(contract: Contract, row: RowRule) -> tuple[Column, ...]:
    named = set(pl.sql_expr(row.expression).meta.root_names())
    return tuple(column for column in contract.columns if column.name in named)


def _asks(column: Column, kind: str) -> Label | None:
    """What the contract says of the column in this respect; None where it says nothing."""
    match kind:
        case "required" if column.required:
            asks = Label("每行都要有值", "a value in every row")
        case "type":
            asks = _WRITTEN_SO.get(column.logical_type)
        case "pattern" if column.pattern is not None:
            asks = _noted(column, in_words(column.pattern))
        case "enum" if column.enum:
            asks = _noted(column, Label(f"以下之一：{'、'.join(column.enum)}", f"one of: {', '.join(column.enum)}"))
        case "length" if column.min_length is not None or column.max_length is not None:
            asks = _between(column.min_length, column.max_length, Label(" 个字符", " characters"))
        case "range" if column.minimum is not None or column.maximum is not None:
            asks = _between(column.minimum, column.maximum, Label("", ""))
        case "check" | "legacy" if column.check is not None:
            asks = _CHECKED[column.check]
        case _:
            asks = None
    return asks


def _noted(column: Column, asks: Label) -> Label:
    """With the contract's own remark, which often says what codes stand for."""
    remark = column.description
    return Label(f"{asks.zh}（{remark}）", f"{asks.en} ({remark})") if remark else asks


def _between(low: float | str | None, high: float | str | None, unit: Label) -> Label:
    sides: dict[Literal["zh", "en"], list[str]] = {"zh": [], "en": []}
    if low is not None:
        sides["zh"].append(f"不小于 {low}")
        sides["en"].append(f"at least {low}")
    if high is not None:
        sides["zh"].append(f"不超过 {high}")
        sides["en"].append(f"at most {high}")
    return Label("，".join(sides["zh"]) + unit.zh, ", ".join(sides["en"]) + unit.en)
