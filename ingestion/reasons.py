"""What a broken rule means, in both languages. A reason never contains a value: values of identifiers must not leak."""

import polars as pl

from citylake.contracts.labels import Label
from citylake.contracts.model import Column

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
}
_TYPES: dict[str, Label] = {
    "integer": Label("整数", "whole number"),
    "number": Label("数值", "number"),
    "boolean": Label("是否值", "yes or no"),
    "date": Label("日期", "date"),
    "timestamp": Label("时间", "time"),
    "array": Label("列表", "list"),
}


def column_rule(column: Column, kind: str) -> Label:
    """Why a value of this column breaks a rule of this kind."""
    label = _KINDS[kind]
    kinds = _TYPES.get(column.logical_type, Label("文本", "text"))
    return _about(column, Label(label.zh.format(type_zh=kinds.zh), label.en.format(type_en=kinds.en)))


def identifier_rule(column: Column, finding: pl.Expr, findings: dict[str, Label]) -> pl.Expr:
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


def _about(column: Column, said: Label) -> Label:
    return Label(f"「{column.label.zh}」{said.zh}", f"{column.label.en} {said.en}")
