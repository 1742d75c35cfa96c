"""SQL of metrics by month or year, written by MetricFlow: at the finest grain, or by region for what cannot be added.

MetricFlow is imported inside the one function that needs it: the import costs a second or more, once a night. Its
engine is built on the semantic manifest alone; dbt's adapter, which would open the lakes a second time beside our
writer, stays out of it: the statements are run by whoever asked for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

from citylake.indicators.registry import REGION, Level, Metric, PeriodType


@dataclass(frozen=True)
class Question:
    """One metric by month or year, by place and, if asked for, by department."""

    metric: Metric
    level: Level | None = None
    """The level of regions that it is grouped by; None for the finest grain that the facts have."""
    by_department: bool = False
    period_type: PeriodType = "month"

    @property
    def dimensions(self) -> dict[str, str]:
        """What MetricFlow calls the columns that it is grouped by; the whole city is grouped by no place."""
        found: dict[str, str] = {}
        if self.level in ("district", "street"):
            found["region_code"] = f"{REGION}__{self.level}_code"
        elif self.level is None and self.metric.has_region:
            found["region_code"] = f"{self.metric.entity}__region_code"
        if self.by_department:
            found["department_code"] = f"{self.metric.entity}__department_code"
        return found


def metric_sql(manifest: Path, questions: Sequence[Question], first: date, last: date) -> list[str]:
    """For each question, a SELECT of period_start, region_code, department_code and amount, one row a combination.

    ``first`` and ``last`` are days, both included; of what is computed by year all years are asked for up to ``last``.
    What is not grouped by a place or department has null there.
    """
    from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest  # noqa: PLC0415
    from metricflow.protocols.sql_client import SqlEngine  # noqa: PLC0415
    from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer  # noqa: PLC0415
    from metricflow_semantics.model.dbt_manifest_parser import (  # noqa: PLC0415
        parse_manifest_from_dbt_generated_manifest,
    )
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup  # noqa: PLC0415

    class Dialect:
        """All that explaining a query needs of a SQL client: which SQL to write. It can run nothing."""

        sql_engine_type = SqlEngine.DUCKDB
        sql_plan_renderer = DuckDbSqlPlanRenderer()

    parsed = parse_manifest_from_dbt_generated_manifest(manifest.read_text(encoding="utf-8"))
    engine = MetricFlowEngine(SemanticManifestLookup(parsed), Dialect())  # pyright: ignore[reportArgumentType]
    # MetricFlow lets no window begin before 2000: years have none.
    windows = {"month": (datetime.combine(first, time()), datetime.combine(last, time())), "year": (None, None)}
    statements: list[str] = []
    for question in questions:
        request = MetricFlowQueryRequest.create(
            metric_names=[question.metric.name],
            group_by_names=[f"metric_time__{question.period_type}", *question.dimensions.values()],
            time_constraint_start=windows[question.period_type][0],
            time_constraint_end=windows[question.period_type][1],
        )
        statements.append(_wrap(question, engine.explain(request).sql_statement.sql, last))
    return statements


def _wrap(question: Question, sql: str, last: date) -> str:
    found = question.dimensions
    columns = [f"{found.get(name, 'null::varchar')} as {name}" for name in ("region_code", "department_code")]
    return (
        f"select metric_time__{question.period_type}::date as period_start, {', '.join(columns)}, "
        f"{question.metric.name} as amount "
        f"from (\n{sql}\n) where metric_time__{question.period_type} <= date '{last}'"
    )
