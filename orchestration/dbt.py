"""dbt as Dagster runs it: its manifest, its process, and its models as assets in two selections, around identity.

What the models say belongs into ``dbt_project``. What dbt writes beside the lakes lies under ``<home>/dagster/dbt``.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliInvocation, dbt_assets
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from packaging.version import Version
from typing_extensions import override

from citylake.lake.attach import install_extensions
from citylake.lake.errors import AuditFailed
from citylake.lake.lock import writer_lock
from citylake.lake.runs import Run, mint_run_id
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from orchestration.dbt_host import DbtFailed
from orchestration.dbt_paths import PARTIAL_PARSE, SEMANTIC_MANIFEST, DbtPaths
from orchestration.night import Night, write_deliveries

STAGING = "fqn:citylake.staging fqn:citylake.history"
"""What identity reads: what is in force, and what was."""
LEDGER_KEYS = {
    "delivery": dg.AssetKey(["ledger", "deliveries"]),
    "run": dg.AssetKey(["ledger", "run"]),
    "dataset": dg.AssetKey(["ledger", "datasets"]),
    "rule": dg.AssetKey(["ledger", "rules"]),
}
"""What dbt calls the ledger's files → the assets that write them."""
_PROJECT_FILES = ("dbt_project.yml", "profiles.yml", "models", "macros", "seeds", "tests", "snapshots")
_PARSED_WITH = ("dbt-core", "dbt-common", "dbt-adapters", "dbt-duckdb", "dbt-semantic-interfaces")
"""What is parsed holds the macros of the adapter too, and is kept in the words of these."""
_SHOWN_FAILURES = 12


def environment(settings: Settings, target: Path) -> dict[str, str]:
    """The environment of a dbt process: the lake of these settings and no other, and nothing sent anywhere."""
    return {
        **os.environ,
        "CITYLAKE_HOME": str(settings.home),
        "CITYLAKE_MEMORY_LIMIT": settings.memory_limit,
        "CITYLAKE_THREADS": str(settings.threads or ""),
        "DBT_PROJECT_DIR": str(settings.dbt_project),
        "DBT_PROFILES_DIR": str(settings.dbt_project),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "PYTHONUNBUFFERED": "1",
    }


def command(*arguments: str) -> list[str]:
    """The command line of dbt in a process that dies with this one."""
    return [sys.executable, "-m", "orchestration.dbt_process", str(os.getpid()), *arguments]


def prepare_manifest(settings: Settings) -> Path:
    """The parsed project's manifest; parsed anew when the project changes. Raises DbtFailed."""
    paths = DbtPaths.of(settings)
    wanted = _fingerprint(settings)
    mark = paths.parsed / "fingerprint"
    manifest = paths.parsed / "manifest.json"
    if manifest.exists() and mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return manifest
    install_extensions(Zones.of(settings))
    paths.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.root) as aside:
        if (paths.parsed / PARTIAL_PARSE).exists():
            (Path(aside) / PARTIAL_PARSE).write_bytes((paths.parsed / PARTIAL_PARSE).read_bytes())
        parsing = subprocess.run(
            command("--quiet", "parse"),
            env=environment(settings, Path(aside)),
            cwd=settings.dbt_project,
            capture_output=True,
            text=True,
            check=False,
        )
        if parsing.returncode != 0:
            raise DbtFailed(f"The dbt project cannot be parsed: {(parsing.stdout + parsing.stderr).strip()}")
        paths.parsed.mkdir(exist_ok=True)
        # File by file, the mark last: whoever reads meanwhile finds whole files, and parses again without the mark.
        mark.unlink(missing_ok=True)
        for name in ("manifest.json", SEMANTIC_MANIFEST, PARTIAL_PARSE):
            (Path(aside) / name).replace(paths.parsed / name)
    mark.write_text(wanted, encoding="utf-8")
    return manifest


def take_parsed(settings: Settings, source: Settings) -> None:
    """Begin a home with the project as another home has parsed it; parsing takes longer than a small city's models."""
    if DbtPaths.of(source).parsed.exists():
        shutil.copytree(DbtPaths.of(source).parsed, DbtPaths.of(settings).parsed, dirs_exist_ok=True)


def run_dbt(settings: Settings, arguments: Sequence[str]) -> int:
    """Run dbt alone, on the deliveries in force and the last identity state; returns its exit code.

    Nothing is published. Raises LockHeld when somebody else is writing, UsageError when nothing was ever delivered.
    """
    with writer_lock(settings, f"dbt {' '.join(arguments)}") as hold:
        night = Night(settings, Run(mint_run_id(), hold.zones), full="--full-refresh" in arguments)
        write_deliveries(night)
        paths = DbtPaths.of(settings)
        install_extensions(hold.zones)
        paths.target.mkdir(parents=True, exist_ok=True)
        run = subprocess.run(
            command(*arguments), env=environment(settings, paths.target), cwd=settings.dbt_project, check=False
        )
    return run.returncode


def _fingerprint(settings: Settings) -> str:
    """Of all that parsing depends on. The home is not: what is parsed names none, and runs on any (``dbt_process``)."""
    project = settings.dbt_project
    digest = hashlib.sha256()
    for package in _PARSED_WITH:
        digest.update(f"{package} {installed_version(package)}\n".encode())
    for name in _PROJECT_FILES:
        top = project / name
        for file in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if file.is_file():
                digest.update(str(file.relative_to(project)).encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


class CityTranslator(DagsterDbtTranslator):
    """dbt's names as the asset graph's: ``<lake>/<schema>/<name>``; a source is the asset that makes it."""

    @override
    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        name = str(dbt_resource_props["name"])
        if dbt_resource_props["resource_type"] != "source":
            return dg.AssetKey([dbt_resource_props["database"], dbt_resource_props["schema"], name])
        match str(dbt_resource_props["source_name"]):
            case "ledger":
                return LEDGER_KEYS[name]
            case "identity" | "nightlights" as schema:
                return dg.AssetKey(["vault", schema, name])
            case department:
                return dg.AssetKey(["raw", department, name])

    @override
    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return "reference" if dbt_resource_props["resource_type"] == "seed" else str(dbt_resource_props["fqn"][1])

    @override
    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props.get("description") or dbt_resource_props["name"])


def dbt_asset_definitions(settings: Settings) -> list[dg.AssetsDefinition]:
    """The models before identity (staging, history), and the rest, each with its tests as checks."""
    manifest = json.loads(prepare_manifest(settings).read_bytes())
    translator = CityTranslator()

    @dbt_assets(manifest=manifest, select=STAGING, dagster_dbt_translator=translator, name="dbt_staging")
    def staging(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]) -> Iterator[Any]:
        yield from _build(context, night, "staging", translator)

    @dbt_assets(manifest=manifest, exclude=STAGING, dagster_dbt_translator=translator, name="dbt_marts")
    def marts(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]) -> Iterator[Any]:
        yield from _build(context, night, "marts", translator)

    return [staging, marts]


def measured_tables(settings: Settings) -> list[dg.AssetKey]:
    """The tables that indicators are computed from: those of the semantic models, and the targets."""
    manifest = prepare_manifest(settings).with_name(SEMANTIC_MANIFEST)
    relations = [model["node_relation"] for model in json.loads(manifest.read_bytes())["semantic_models"]]
    tables = {(relation["database"], relation["schema_name"], relation["alias"]) for relation in relations}
    return sorted(dg.AssetKey(table) for table in {*tables, ("city", "indicator", "indicator_target")})


def _build(context: dg.AssetExecutionContext, night: Night, stage: str, translator: CityTranslator) -> Iterator[Any]:
    """Build one selection and test it. Raises AuditFailed for failed tests, DbtFailed for everything else."""
    paths = DbtPaths.of(night.settings)
    with night.stage(stage) as facts, night.hush():
        invocation = _start(context, night, paths, translator)
        yield from invocation.stream()
        results = _results(paths)
        facts.update(_facts(results))
        _raise_for(invocation, results)


def _start(
    context: dg.AssetExecutionContext, night: Night, paths: DbtPaths, translator: CityTranslator
) -> DbtCliInvocation:
    """Start ``dbt build``.

    Not through DbtCliResource: it starts dbt anew for each command, asks it for its version and loads an adapter of its
    own, which takes longer than the models of a small city do; and it cannot be given an environment.
    """
    if (dbt := night.dbt) is None:
        raise DbtFailed("dbt runs in a job that has the resource `night`, and this step ran without it.")
    manifest = json.loads(prepare_manifest(night.settings).read_bytes())
    chosen = get_updated_cli_invocation_params_for_context(
        context=context, manifest=manifest, dagster_dbt_translator=translator
    )
    install_extensions(night.zones)
    paths.target.mkdir(parents=True, exist_ok=True)
    paths.results.unlink(missing_ok=True)
    full = ["--full-refresh"] if night.full else []
    # Cautious: a test that also needs a mart waits for the second selection, and is not left out with staging there.
    options = ["--exclude-resource-type", "unit_test", "--indirect-selection", chosen.indirect_selection or "cautious"]
    # Debug lines in the log file would be a tenth of dbt's time; what went wrong is in it without them.
    process = dbt.run(
        ["--log-format", "json", "--log-level-file", "info", "build", *options, *full, *chosen.selection_args],
        results=paths.results,
        environment=environment(night.settings, paths.target),
        folder=night.settings.dbt_project,
    )
    return DbtCliInvocation(
        process=cast("subprocess.Popen[bytes]", process),
        manifest=chosen.manifest,
        dagster_dbt_translator=chosen.dagster_dbt_translator,
        project_dir=night.settings.dbt_project,
        target_path=paths.target,
        raise_on_error=False,
        cli_version=Version(installed_version("dbt-core")),
        project=None,
        context=context,
        adapter=None,
    )


def _results(paths: DbtPaths) -> list[dict[str, Any]]:
    try:
        return json.loads(paths.results.read_bytes())["results"]
    except FileNotFoundError:
        return []


def _facts(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    tests = Counter(result["status"] for result in results if _kind(result) == "test")
    models = [result for result in results if _kind(result) in {"model", "seed"} and result["status"] == "success"]
    return {
        "models": len(models),
        "tests_passed": tests["pass"],
        "tests_warned": tests["warn"],
        "tests_failed": tests["fail"] + tests["error"],
        "warnings": [_named(result) for result in results if result["status"] == "warn"],
        "sql_seconds": round(sum(result["execution_time"] for result in results), 3),
    }


def _raise_for(invocation: DbtCliInvocation, results: Sequence[Mapping[str, Any]]) -> None:
    # A test that could not run is a fault of the program; only one that ran and failed is a fault of the data.
    broken = [result for result in results if result["status"] == "error"]
    failed = [result for result in results if result["status"] == "fail"]
    if broken or (not failed and invocation.process.wait() != 0):
        named = "; ".join(f"{_named(result)}: {_first_lines(result)}" for result in broken[:_SHOWN_FAILURES])
        raise DbtFailed(
            f"dbt could not build the lake, and readers keep the last release: {named or 'dbt itself ended'}. "
            f"The whole log: {invocation.target_path / 'dbt.log'}"
        )
    if failed:
        named = "; ".join(f"{_named(result)} ({result['failures']})" for result in failed[:_SHOWN_FAILURES])
        raise AuditFailed(
            f"{len(failed)} of dbt's tests failed, so nothing was published and readers keep the last release: "
            f"{named}. Each test's SQL lies under {invocation.target_path / 'compiled'}. Data are mended in "
            "the delivery (a correction, or citylake delivery withdraw)."
        )


def _kind(result: Mapping[str, Any]) -> str:
    return str(result["unique_id"]).split(".", 1)[0]


def _named(result: Mapping[str, Any]) -> str:
    """``test.citylake.not_null_dim_person_person_key.1f3a`` without project and hash."""
    return str(result["unique_id"]).split(".")[2]


def _first_lines(result: Mapping[str, Any]) -> str:
    """What dbt says of an error, without the rows that DuckDB may quote: values stay out of messages."""
    lines = [line.strip() for line in str(result.get("message") or "").splitlines() if line.strip()]
    return re.sub(r"'[^']*'", "'…'", " ".join(lines[:2]))
