"""The tables of schema ``city.indicator`` that the evaluation writes: their columns, types and comments.

``indicator_target`` lies there too; it is a seed of dbt. What fills the tables is in
:mod:`citylake.indicators.evaluate` and :mod:`citylake.indicators.vintages`.
"""

from collections.abc import Mapping

import duckdb

SCHEMA = "city.indicator"

DIM_INDICATOR: Mapping[str, tuple[str, str]] = {
    "indicator_id": ("varchar", "指标编号 Indicator"),
    "name_zh": ("varchar", "指标名称 Name in Chinese"),
    "name_en": ("varchar", "英文名称 Name in English"),
    "definition_zh": ("varchar", "指标定义 Definition in Chinese"),
    "definition_en": ("varchar", "英文定义 Definition in English"),
    "formula": ("varchar", "计算公式 Formula in words"),
    "unit": ("varchar", "计量单位（英文） Unit in English"),
    "unit_zh": ("varchar", "计量单位 Unit in Chinese"),
    "scale": ("double", "换算系数 What numerator / denominator is multiplied by: 100 for percent; 1 for a count"),
    "is_share": ("boolean", "部分占比 Whether the numerator is a part of the denominator: never above 100 %"),
    "direction": ("varchar", "指标方向 up: higher is better; down: lower is better; none: context only"),
    "owner_department_code": ("varchar", "责任部门 Department that owns the indicator"),
    "standard": ("varchar", "对应标准 Standard or practice that it follows, as far as it has been checked"),
    "datasets": ("varchar", "所需数据集 Datasets that must be in force for it to have values, separated by commas"),
    "grain": ("varchar", "统计粒度 Finest grain"),
    "roll_up": ("varchar", "汇总方式 sum: numerator and denominator add up from street to city; none: they do not"),
    "region_levels": ("varchar", "区划级别 Levels of region that it has values for, separated by commas"),
    "has_department": ("boolean", "分部门 Whether it has values by department beside those of all departments"),
    "period_type": ("varchar", "周期类型 month or year: over which periods it is computed"),
    "page": ("varchar", "所在页面 Page of the cockpit: governance, economy or urban"),
    "decimals": ("integer", "小数位数 Decimals to show"),
    "numerator_metric": ("varchar", "分子度量 Metric of the semantic layer that is the numerator"),
    "denominator_metric": ("varchar", "分母度量 Metric that is the denominator; null for a count"),
}

_KEY: Mapping[str, tuple[str, str]] = {
    "indicator_id": ("varchar", "指标编号 Indicator"),
    "period_type": ("varchar", "周期类型 month or year"),
    "period_start": ("date", "期初 First day of the period (Asia/Shanghai)"),
    "region_code": ("varchar", "区划代码 Region; <parent>-U is what is not located within its parent"),
    "department_code": ("varchar", "部门代码 Department; null: all departments, cases without one included"),
}

_FIGURES: Mapping[str, tuple[str, str]] = {
    "numerator": ("double", "分子 Numerator; a count's value"),
    "denominator": ("double", "分母 Denominator; null for a count"),
    "value": ("double", "指标值 scale × numerator / denominator; null when the denominator is zero"),
}

INDICATOR_VALUE: Mapping[str, tuple[str, str]] = {
    **_KEY,
    "period_end": ("date", "期末 Last day of the period"),
    "is_complete": ("boolean", "已完结 Whether the period had ended on the day of the data"),
    "region_level": ("varchar", "区划级别 city, district or street"),
    **_FIGURES,
    "target": ("double", "目标值 Target that holds on the period's last day; null without one"),
    "target_direction": ("varchar", "目标方向 up: at least the target; down: at most"),
    "is_flagged_100": ("boolean", "分母待核 Exactly 100 % over a large denominator: the denominator is to be audited"),
    "run_id": ("varchar", "批次 Run that computed it; the release's id once published"),
    "data_as_of": ("date", "数据日期 Day of the data"),
}

INDICATOR_VINTAGE: Mapping[str, tuple[str, str]] = {
    **_KEY,
    **_FIGURES,
    "run_id": ("varchar", "批次 Run that first computed these figures"),
    "data_as_of": ("date", "数据日期 Day of the data of that run"),
}

KEY_COLUMNS = tuple(_KEY)
FIGURE_COLUMNS = tuple(_FIGURES)

_TABLES: Mapping[str, tuple[Mapping[str, tuple[str, str]], str]] = {
    "dim_indicator": (
        DIM_INDICATOR,
        "指标目录 The indicators: names, definitions, unit, owner and standard, one row each",
    ),
    "indicator_value": (
        INDICATOR_VALUE,
        "指标值 Values of this release: one row an indicator, period, region and department",
    ),
    "indicator_vintage": (
        INDICATOR_VINTAGE,
        "指标历次数值 Every figure ever shown: a row for each change of a value's figures",
    ),
}


def create(connection: duckdb.DuckDBPyConnection, table: str, *, replace: bool) -> None:
    """Create one of the tables, empty and commented; with ``replace``, in place of the one that is there."""
    columns, comment = _TABLES[table]
    exists = connection.execute(
        "select 1 from duckdb_tables() where database_name || '.' || schema_name = ? and table_name = ?",
        [SCHEMA, table],
    ).fetchone()
    if exists and not replace:
        return
    types = ", ".join(f"{name} {data_type}" for name, (data_type, _) in columns.items())
    connection.execute(f"create or replace table {SCHEMA}.{table} ({types})")
    connection.execute(f"comment on table {SCHEMA}.{table} is {_literal(comment)}")
    for name, (_, meaning) in columns.items():
        connection.execute(f"comment on column {SCHEMA}.{table}.{name} is {_literal(meaning)}")


def _literal(text: str) -> str:
    """A text inside a statement: COMMENT takes no parameters."""
    return "'" + text.replace("'", "''") + "'"
