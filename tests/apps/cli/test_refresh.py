from datetime import date
from typing import Any

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from apps.cli.main import app
from apps.cli.refresh import show_result, stage_label
from citylake.lake.errors import AuditFailed
from citylake.lake.settings import Settings
from orchestration.nightly import NightResult


def _stages() -> list[dict[str, Any]]:
    loaded = {"deliveries": 2, "rows_read": 1203, "rows_accepted": 1200, "rows_quarantined": 3}
    refused = {
        "delivery_id": "a.b/2026-10-31/0123456789ab",
        "zh": "缺少列 [统一社会信用代码]",
        "en": "a column is missing",
    }
    drifted = {"delivery_id": "a.b/2026-10-31/ba9876543210", "new_columns": ["[备注]"], "missing_columns": ["电话"]}
    facts: dict[str, dict[str, Any]] = {
        "raw.a.b": {**loaded, "refused": [refused], "drifted": [{**drifted, "drift": "evolve"}]},
        "ledger": {"deliveries": 3, "in_force": 2},
        "staging": {"models": 6, "tests_passed": 24, "tests_warned": 0, "tests_failed": 0, "warnings": []},
        "marts": {"models": 10, "tests_passed": 30, "tests_warned": 1, "tests_failed": 0, "warnings": ["late_dataset"]},
        "urban_study": {"is_measured_anew": True, "problem": "429000 不是地级市。 429000 is no city [at all]."},
        "release": {"release": "20261101T180000Z-1f3a", "origin": "synthetic"},
    }
    return [{"stage": name, "status": "succeeded", "seconds": 1.5, "facts": fact} for name, fact in facts.items()]


def test_the_summary_says_what_came_in_what_was_refused_and_what_was_published(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The one screen that a scheduler reads in the morning: a number missing here is a failure that nobody sees.
    monkeypatch.setattr("apps.cli.refresh.out.width", 160, raising=False)
    figures = pl.DataFrame(
        {
            "indicator_id": ["E14", "G08"],
            "name_zh": ["建成区面积", "结案率"],
            "name_en": ["Built-up area", "Closure rate"],
            "unit": ["km²", "%"],
            "decimals": [1, 2],
            "period_type": ["year", "month"],
            "period_start": [date(2013, 1, 1), date(2026, 10, 1)],
            "value": [299.71, 93.7243],
            "target": [None, None],
        },
        schema_overrides={"target": pl.Float64},
    )
    result = NightResult("20261101T180000Z-1f3a", "20261101T180000Z-1f3a", _stages(), figures=figures)
    show_result(result, is_as_of=False)
    shown = capsys.readouterr().out
    for expected in (
        "1,203 / 1,200 / 3",
        "54 / 1 / 0",
        "synthetic",
        "[统一社会信用代码]",
        "late_dataset",
        "新增 new: [备注] (已另存 kept); 缺少 missing: 电话",
        "2026-10",
        "429000 is no city [at all].",
        "建成区面积 Built-up area, 2013",
        "299.7",
        "93.72",
        "—",
    ):
        assert expected in shown


def test_a_failed_night_leaves_with_the_errors_exit_code() -> None:
    # `citylake refresh && publish-elsewhere` must stop.
    result = NightResult("r1", None, _stages(), error=AuditFailed("2 checks failed"))
    with pytest.raises(typer.Exit) as left:
        show_result(result, is_as_of=False)
    assert left.value.exit_code == AuditFailed.exit_code


def test_every_stage_has_a_name_for_people() -> None:
    # A new stage would be shown under its code name.
    for stage in (
        "ledger",
        "staging",
        "identity",
        "urban_study",
        "marts",
        "indicators",
        "audit",
        "release",
        "maintenance",
    ):
        assert stage_label(stage) != stage
    assert "urban_management.urban_case" in stage_label("raw.urban_management.urban_case")


def test_a_reason_for_fewer_rows_reaches_the_night_that_it_was_given_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # An option that is documented and lost on its way would leave a department that shrank without releases.
    asked: list[str | None] = []

    def run_nightly(settings: Settings, **_: object) -> NightResult:
        asked.append(settings.accept_fewer_rows)
        return NightResult(None, None, [])

    monkeypatch.setattr("orchestration.nightly.run_nightly", run_nightly)
    for arguments in (["--accept-fewer-rows", "Jiangyin left"], []):
        assert CliRunner().invoke(app, ["refresh", *arguments]).exit_code == 0
    assert asked == ["Jiangyin left", None]
