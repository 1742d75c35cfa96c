from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from citylake.lake.errors import AuditFailed
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from orchestration.dbt import CityTranslator, _fingerprint, _raise_for, environment, prepare_manifest, take_parsed
from orchestration.dbt_host import DbtFailed
from orchestration.dbt_paths import PARTIAL_PARSE, DbtPaths

CITIZEN_ID = "99999919800101001X"


@dataclass
class _Process:
    """A dbt that has ended."""

    exit_code: int

    def wait(self) -> int:
        return self.exit_code


@dataclass
class _Invocation:
    """What is left of a dbt command."""

    process: _Process = field(default_factory=lambda: _Process(1))
    target_path: Path = Path("target")


def _result(
    kind: str, name: str, status: str, message: str | None = None, failures: int | None = None
) -> dict[str, Any]:
    return {"unique_id": f"{kind}.citylake.{name}.1f3a", "status": status, "message": message, "failures": failures}


def test_a_failed_test_is_a_failed_audit_that_names_the_test_and_how_many_rows() -> None:
    # Exit code 5 and the test's name are all that tells a scheduler to look at the data and not at the program.
    results = [
        _result("model", "fct_urban_case", "success"),
        _result("test", "is_key_fct_urban_case", "fail", failures=3),
    ]
    with pytest.raises(AuditFailed, match=r"is_key_fct_urban_case \(3\)"):
        _raise_for(_Invocation(), results)  # pyright: ignore[reportArgumentType]


def test_a_model_that_cannot_be_built_is_a_failure_of_dbt_and_quotes_no_value() -> None:
    # DuckDB quotes what it could not convert: a citizen id in a message would go out with the notice.
    message = f"Conversion Error: Could not convert string '{CITIZEN_ID}' to INT32"
    with pytest.raises(DbtFailed, match="fct_urban_case: Conversion Error") as raised:
        _raise_for(_Invocation(), [_result("model", "fct_urban_case", "error", message)])  # pyright: ignore[reportArgumentType]
    assert CITIZEN_ID not in str(raised.value)


def test_a_dbt_that_ends_without_results_is_a_failure() -> None:
    # A killed dbt leaves no results, and no failed result either: nothing must be published on that.
    with pytest.raises(DbtFailed):
        _raise_for(_Invocation(_Process(-9)), [])  # pyright: ignore[reportArgumentType]


def test_a_warned_test_stops_nothing() -> None:
    # A warning that stopped the release would make every warning an error.
    _raise_for(_Invocation(_Process(0)), [_result("test", "late_dataset", "warn", failures=1)])  # pyright: ignore[reportArgumentType]


def test_dbt_sees_the_lake_of_its_settings_and_sends_nothing_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An as-of computation runs dbt on another lake than the one that the environment names.
    monkeypatch.setenv("CITYLAKE_HOME", "/somewhere/else")
    seen = environment(Settings(home=tmp_path), tmp_path / "target")
    assert seen["CITYLAKE_HOME"] == str(tmp_path)
    assert seen["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"
    assert seen["DBT_TARGET_PATH"].startswith(str(tmp_path))


@pytest.mark.parametrize(("threads", "given"), [(3, "3"), (None, "")])
def test_dbt_keeps_to_the_memory_and_the_threads_of_its_settings(
    threads: int | None, given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Settings made in a program, or the environment of whoever started it, would hold for all of a night but dbt.
    monkeypatch.setenv("CITYLAKE_THREADS", "7")
    seen = environment(Settings(home=tmp_path, threads=threads, memory_limit="1GB"), tmp_path / "target")
    assert (seen["CITYLAKE_THREADS"], seen["CITYLAKE_MEMORY_LIMIT"]) == (given, "1GB")


def test_an_unchanged_project_is_parsed_once(parsed: Settings) -> None:
    # Parsing takes seconds: paid by every start of Dagster, its code server and each night.
    manifest = prepare_manifest(parsed)
    before = manifest.stat().st_mtime_ns
    assert prepare_manifest(parsed).stat().st_mtime_ns == before
    assert (DbtPaths.of(parsed).parsed / "semantic_manifest.json").exists()


def test_another_home_takes_the_project_as_it_was_parsed(parsed: Settings, tmp_path: Path) -> None:
    # A moved home, or the scratch home of a computation as of a day, would parse the whole anew: seconds each time.
    other = Settings(home=tmp_path / "other")
    prepare(other)
    take_parsed(other, parsed)
    before = (DbtPaths.of(other).parsed / "manifest.json").stat().st_mtime_ns
    assert prepare_manifest(other).stat().st_mtime_ns == before
    assert str(parsed.home).encode() not in (DbtPaths.of(other).parsed / PARTIAL_PARSE).read_bytes()


@pytest.mark.parametrize("package", ["dbt-core", "dbt-adapters", "dbt-duckdb"])
def test_a_project_parsed_with_another_adapter_is_parsed_anew(
    package: str, parsed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is parsed holds the adapter's macros: after an upgrade of dbt-duckdb alone, nights would go on with the old.
    def upgraded(name: str) -> str:
        return "99.0" if name == package else installed_version(name)

    before = _fingerprint(parsed)
    monkeypatch.setattr("orchestration.dbt.installed_version", upgraded)
    assert _fingerprint(parsed) != before


@pytest.mark.parametrize(
    ("source", "name", "key"),
    [
        ("urban_management", "urban_case", ["raw", "urban_management", "urban_case"]),
        ("identity", "person_record", ["vault", "identity", "person_record"]),
        ("ledger", "delivery", ["ledger", "deliveries"]),
        ("ledger", "run", ["ledger", "run"]),
        ("ledger", "rule", ["ledger", "rules"]),
    ],
)
def test_a_source_of_dbt_is_the_asset_that_makes_it(source: str, name: str, key: list[str]) -> None:
    # Under a key of its own, the source would be an asset that nobody makes, and lineage would end there.
    props = {"resource_type": "source", "source_name": source, "name": name}
    assert CityTranslator().get_asset_key(props) == dg.AssetKey(key)
