"""The registry reads what the semantic YAML defines, and refuses half a definition."""

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from citylake.indicators.metric_sql import Question, metric_sql
from citylake.indicators.registry import InvalidRegistry, read_registry
from citylake.lake.settings import PROJECT_ROOT

META = {
    "indicator_id": "X01",
    "name_zh": "某率",
    "definition_zh": "某数除以总数",
    "formula": "some / all",
    "unit": "%",
    "unit_zh": "%",
    "scale": 100,
    "direction": "up",
    "owner_department_code": "urban_management",
    "standard": "to confirm",
    "datasets": ["urban_management.urban_case"],
    "grain": "month × region",
    "roll_up": "sum",
    "region_levels": ["city", "district"],
    "has_department": False,
    "page": "governance",
    "decimals": 1,
}


def metric(name: str, kind: str = "simple", meta: dict[str, Any] | None = None) -> dict[str, Any]:
    params = {"measure": {"name": f"{name}_count"}, "numerator": {"name": "some"}, "denominator": {"name": "every"}}
    return {
        "name": name,
        "type": kind,
        "label": name,
        "description": name,
        "type_params": params,
        "config": {"meta": meta or {}},
    }


def written(
    folder: Path, *metrics: dict[str, Any], dimensions: tuple[str, ...] = ("region_code",), agg: str = "sum"
) -> Path:
    model = {
        "measures": [{"name": f"{name}_count", "agg": agg} for name in ("some", "every", "rate")],
        "entities": [{"name": "thing", "type": "primary"}],
        "dimensions": [{"name": name} for name in dimensions],
        "primary_entity": None,
    }
    path = folder / "semantic_manifest.json"
    parts = [metric("some"), metric("every")]
    path.write_text(json.dumps({"semantic_models": [model], "metrics": [*parts, *metrics]}), encoding="utf-8")
    return path


def test_an_indicator_is_a_metric_with_an_id_and_its_parts(tmp_path: Path) -> None:
    # Guards what the app shows as numerator and denominator: they come from the metric, not from a second list.
    [indicator] = read_registry(written(tmp_path, metric("rate", "ratio", META)))
    assert indicator.indicator_id == "X01"
    assert indicator.denominator is not None
    assert (indicator.numerator.name, indicator.denominator.name) == ("some", "every")
    assert (indicator.numerator.entity, indicator.numerator.has_department) == ("thing", False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name_zh": None}, "name_zh"),
        ({"colour": "red"}, "colour"),
        ({"roll_up": "none"}, "roll_up"),
        ({"has_department": True}, "no department_code"),
        ({"is_share": True, "scale": 1}, "share"),
    ],
)
def test_half_a_definition_is_refused_with_its_reason(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    # Guards against an indicator that appears on a screen without unit, owner or a Chinese name.
    with pytest.raises(InvalidRegistry, match=reason):
        read_registry(written(tmp_path, metric("rate", "ratio", META | change)))


def test_parts_that_cannot_be_added_are_refused(tmp_path: Path) -> None:
    # Guards the roll-up: a ratio of ratios would be averaged, and a part without a place would be lost.
    with pytest.raises(InvalidRegistry, match="derived"):
        read_registry(written(tmp_path, metric("rate", "derived", META)))
    with pytest.raises(InvalidRegistry, match="no region_code"):
        read_registry(written(tmp_path, metric("rate", "ratio", META), dimensions=()))


def test_what_cannot_be_added_must_say_so(tmp_path: Path) -> None:
    # Guards the roll-up: streets' medians would be added up to the city's, or a sum computed three times for nothing.
    with pytest.raises(InvalidRegistry, match="roll_up must be"):
        read_registry(written(tmp_path, metric("rate", "ratio", META), agg="median"))
    [indicator] = read_registry(written(tmp_path, metric("rate", "ratio", META | {"roll_up": "none"}), agg="median"))
    assert [(part.is_additive, part.is_count) for part in indicator.parts] == [(False, False)] * 2


def test_two_metrics_cannot_define_one_indicator(tmp_path: Path) -> None:
    # Guards promise 4: one definition.
    with pytest.raises(InvalidRegistry, match="X01"):
        read_registry(written(tmp_path, metric("rate", "ratio", META), metric("other", "ratio", META)))


def test_the_indicators_of_the_project_are_whole(manifest: Path) -> None:
    # Guards the texts that leaders read: both languages, a known owner, and no claim to conform to a standard.
    with (PROJECT_ROOT / "dbt_project" / "seeds" / "department.csv").open(encoding="utf-8") as file:
        departments = {row["department_code"] for row in csv.DictReader(file)}
    indicators = read_registry(manifest)
    assert [item.indicator_id for item in indicators] == [
        *("D01", "E02", "E03", "E04", "E07", "E14", "E15", "E16", "E17", "E18", "E19"),
        *("G01", "G07", "G08", "G09", "G13", "G14", "S01", "S02", "S15"),
    ]
    for item in indicators:
        definition = item.definition
        assert definition.owner_department_code in departments
        assert not definition.name_zh.isascii()
        assert not definition.definition_zh.isascii()
        assert item.name_en.isascii()
        assert "conform" not in definition.standard


def test_metrics_read_only_what_is_published(manifest: Path) -> None:
    # Guards promise 5: a figure can be recomputed from the release alone, so its SQL must not reach into the vault.
    parts = {part.name: (part, item.definition) for item in read_registry(manifest) for part in item.parts}
    questions = [
        Question(part, None if part.is_additive else of.region_levels[-1], part.has_department, of.period_type)
        for part, of in parts.values()
    ]
    for sql in metric_sql(manifest, questions, date(2026, 1, 1), date(2026, 1, 31)):
        assert 'FROM "city".' in sql
        assert "vault" not in sql
