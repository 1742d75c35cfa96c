"""SQL of metrics at the finest grain, written by MetricFlow.

MetricFlow is imported inside the one function that needs it: the import costs a second or more, once a night. Its
engine is built on the semantic manifest alone; dbt's adapter, which would open the lakes a second time beside our
writer, stays out of it: the statements are run by whoever asked for them.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path

from citylake.indicators.registry import Metric


def finest_grain_sql(manifest: Path, metrics: Sequence[Metric], first: date, last: date) -> dict[str, str]:
    """For each metric, a SELECT of month_date, region_code, department_code and amount, one row a combination.

    ``first`` and ``last`` are days, both included. A metric without region or department has null there.
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
    window = datetime.combine(first, time()), datetime.combine(last, time())
    statements: dict[str, str] = {}
    for metric in metrics:
        request = MetricFlowQueryRequest.create(
            metric_names=[metric.name],
            group_by_names=["metric_time__month", *_dimensions(metric).values()],
            time_constraint_start=window[0],
            time_constraint_end=window[1],
        )
        statements[metric.name] = _wrap(metric, engine.explain(request).sql_statement.sql)
    return statements


def _dimensions(metric: Metric) -> dict[str, str]:
    wanted = {"region_code": metric.has_region, "department_code": metric.has_department}
    return {name: f"{metric.entity}__{name}" for name, has in wanted.items() if has}


def _wrap(metric: Metric, sql: str) -> str:
    found = _dimensions(metric)
    columns = [f"{found.get(name, 'null::varchar')} as {name}" for name in ("region_code", "department_code")]
    return (
        f"select metric_time__month::date as month_date, {', '.join(columns)}, {metric.name} as amount from (\n{sql}\n)"
    )
