"""The registry of indicators: every metric of dbt's semantic layer whose ``config.meta`` has an ``indicator_id``.

The semantic YAML under ``dbt_project/models/semantic`` is the one definition; this file reads what dbt made of it
(``semantic_manifest.json``) and adds nothing. It computes nothing either: see :mod:`citylake.indicators.evaluate`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from citylake.lake.errors import UsageError

Level = Literal["city", "district", "street"]
PeriodType = Literal["month", "year"]

REGION = "region"
"""The entity of a place in the semantic layer: what cannot be added is grouped by its levels."""


class InvalidRegistry(UsageError):
    """The definition of an indicator in the semantic YAML is incomplete or contradicts itself."""


class Metric(BaseModel):
    """A simple metric of the semantic layer: one amount, and by what it can be grouped."""

    model_config = ConfigDict(frozen=True)

    name: str
    entity: str
    """The primary entity of its semantic model: the prefix of its dimensions."""
    has_region: bool
    has_department: bool
    is_additive: bool
    """Whether the amount of a whole is the sum of its parts'; a median or a count of distinct things is not."""
    is_count: bool
    """Whether it is zero where there is nothing; a median of nothing is no value."""


class Definition(BaseModel):
    """What ``config.meta`` of an indicator's metric says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    indicator_id: str
    name_zh: str
    definition_zh: str
    formula: str
    unit: str
    unit_zh: str
    scale: float = 1.0
    """What the quotient is multiplied by: 100 for percent."""
    is_share: bool = False
    """Whether the numerator is a part of the denominator, so that it can never pass 100 %."""
    direction: Literal["up", "down", "none"]
    owner_department_code: str
    standard: str
    datasets: tuple[str, ...]
    """Datasets that must be in force for it to have values: what nobody delivered is not zero."""
    since_first_delivery: bool = False
    """Whether it counts the deliveries themselves: months before a department's first one have no values then."""
    grain: str
    roll_up: Literal["sum", "none"]
    region_levels: tuple[Level, ...]
    has_department: bool
    period_type: PeriodType = "month"
    """Over which periods it is computed. A month without a row is zero, or no value; a year without one has none."""
    page: Literal["governance", "economy", "urban"]
    decimals: int


class Indicator(BaseModel):
    """One indicator: its definition and the metrics that it is made of."""

    model_config = ConfigDict(frozen=True)

    definition: Definition
    name_en: str
    definition_en: str
    numerator: Metric
    denominator: Metric | None
    """None for a count: its value is the numerator."""

    @property
    def indicator_id(self) -> str:
        return self.definition.indicator_id

    @property
    def parts(self) -> list[Metric]:
        return [part for part in (self.numerator, self.denominator) if part is not None]


def read_registry(manifest: Path) -> list[Indicator]:
    """All indicators by id. Raises InvalidRegistry that names the metric and what is wrong with it."""
    document = json.loads(manifest.read_text(encoding="utf-8"))
    metrics = {metric["name"]: metric for metric in document["metrics"]}
    models = {measure["name"]: model for model in document["semantic_models"] for measure in model["measures"]}
    indicators = [
        _indicator(metric, metrics, models)
        for metric in document["metrics"]
        if "indicator_id" in ((metric.get("config") or {}).get("meta") or {})
    ]
    ids = [indicator.indicator_id for indicator in indicators]
    twice = sorted({indicator_id for indicator_id in ids if ids.count(indicator_id) > 1})
    if twice:
        raise InvalidRegistry(
            f"Two metrics define the same indicator: {', '.join(twice)}. An indicator has one metric."
        )
    return sorted(indicators, key=lambda indicator: indicator.indicator_id)


def _indicator(
    metric: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]], models: Mapping[str, Mapping[str, Any]]
) -> Indicator:
    try:
        definition = Definition.model_validate(metric["config"]["meta"])
    except ValidationError as problem:
        raise InvalidRegistry(f"metric {metric['name']}: its meta is not a whole definition: {problem}") from problem
    params = metric["type_params"]
    if metric["type"] == "ratio":
        numerator = _simple(metrics[params["numerator"]["name"]], models)
        denominator = _simple(metrics[params["denominator"]["name"]], models)
    else:
        numerator, denominator = _simple(metric, models), None
    indicator = Indicator(
        definition=definition,
        name_en=metric.get("label") or "",
        definition_en=metric.get("description") or "",
        numerator=numerator,
        denominator=denominator,
    )
    _check(indicator, metric["name"])
    return indicator


def _simple(metric: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]) -> Metric:
    if metric["type"] != "simple":
        raise InvalidRegistry(
            f"metric {metric['name']} is {metric['type']}: an indicator's parts must be simple metrics, "
            "which one measure says how to aggregate; put the difference or filter into a measure."
        )
    measure_name = metric["type_params"]["measure"]["name"]
    model = models[measure_name]
    measure = next(measure for measure in model["measures"] if measure["name"] == measure_name)
    primary = [entity["name"] for entity in model["entities"] if entity["type"] == "primary"]
    dimensions = {dimension["name"] for dimension in model["dimensions"]}
    places = {entity["name"] for entity in model["entities"] if entity["type"] == "foreign"}
    return Metric(
        name=metric["name"],
        entity=model.get("primary_entity") or primary[0],
        has_region="region_code" in dimensions or REGION in places,
        has_department="department_code" in dimensions,
        is_additive=measure["agg"] == "sum",
        is_count=measure["agg"] in ("sum", "count_distinct"),
    )


def _check(indicator: Indicator, metric_name: str) -> None:
    parts, definition = indicator.parts, indicator.definition
    problems = [
        (not indicator.name_en or not indicator.definition_en, "label and description (its English texts) are needed"),
        (
            (definition.roll_up == "sum") is not all(p.is_additive for p in parts),
            "roll_up must be sum where every part adds up from street to city, and none where one does not",
        ),
        (definition.has_department and not all(p.has_department for p in parts), "a part has no department_code"),
        (definition.region_levels != ("city",) and not all(p.has_region for p in parts), "a part has no region_code"),
        (indicator.denominator is None and definition.scale != 1, "a count has no scale"),
        (definition.is_share and (indicator.denominator is None or definition.scale != 100), "a share is a rate in %"),
    ]
    for is_broken, reason in problems:
        if is_broken:
            raise InvalidRegistry(f"metric {metric_name} ({definition.indicator_id}): {reason}.")
