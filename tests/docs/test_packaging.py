"""What the project imports is what it declares: a machine with the run-time lock alone must run the city."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("apps", "citylake", "dbt_project", "ingestion", "orchestration", "sample_city")
MAINTAINERS_ONLY = {"sample_city/extract_regions.py"}
"""Run once by a maintainer to renew a seed, with the development lock; never by a night."""
COMES_WITH = {
    "dagster-shared": "dagster",
    "metricflow": "dbt-metricflow",
    "metricflow-semantics": "dbt-metricflow",
    "dbt-semantic-interfaces": "dbt-metricflow",
}
"""Distributions whose version only another one can choose."""


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {module.split(".")[0] for module in modules}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_imported_is_a_declared_dependency() -> None:
    # Would catch a module that is there on a developer's machine only: a newcomer's first command would fail.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {normalised(re.split(r"[^\w\-.]", line)[0]) for line in project["dependencies"]}
    distributions = packages_distributions()
    undeclared = {}
    for path in [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]:
        name = str(path.relative_to(ROOT))
        outside = imported(path) - set(sys.stdlib_module_names) - set(ROOMS)
        found = {module: {normalised(d) for d in distributions.get(module, [])} for module in outside}
        missing = {m for m, ds in found.items() if not {COMES_WITH.get(d, d) for d in ds} & declared}
        if missing and name not in MAINTAINERS_ONLY:
            undeclared[name] = missing
    assert undeclared == {}
