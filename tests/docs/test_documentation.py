"""What the documentation names exists: paths, links, commands, models."""

import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CODE = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"```(?P<language>\w*)\n(?P<body>.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")
ROOMS = (
    "apps",
    "benchmarks",
    "citylake",
    "dbt_project",
    "deploy",
    "docs",
    "ingestion",
    "orchestration",
    "requirements",
    "sample_city",
    "tests",
)

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def commands_in(text: str) -> list[str]:
    shell = [match["body"] for match in FENCED.finditer(text) if match["language"] == "sh"]
    lines = [line for block in shell for line in block.splitlines()]
    return [line.split("#")[0].strip() for line in [*lines, *CODE.findall(FENCED.sub("", text))]]


def test_there_is_documentation() -> None:
    # The other tests are parametrised over the documents: none found would pass in silence.
    assert {path.name for path in DOCUMENTS} >= {"README.md", "README.zh.md", "CONTRIBUTING.md", "analysts.md"}


@each_document
def test_every_link_leads_to_a_file(document: Path) -> None:
    broken = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert broken == []


@each_document
def test_every_path_exists(document: Path) -> None:
    named = [code for code in CODE.findall(FENCED.sub("", document.read_text())) if re.fullmatch(r"[\w./\-*]+", code)]
    paths = [path for path in named if "/" in path and path.split("/")[0] in ROOMS]
    assert [path for path in paths if not list(ROOT.glob(path.rstrip("/")))] == []


@each_document
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = [
        m.group(1)
        for command in commands_in(document.read_text())
        if (m := re.match(r"(?:\w+=\S+ )*make (\w+)", command))
    ]
    assert set(named) <= targets


@each_document
def test_every_citylake_command_and_option_exists(document: Path) -> None:
    from apps.cli.main import app

    for command in commands_in(document.read_text()):
        words = re.sub(r"^(?:\w+=\S+ )*", "", command).split()
        if words[:1] != ["citylake"] or len(words) == 1 or not re.fullmatch(r"[a-z][a-z\-]*", words[1]):
            continue
        node = get_command(app)
        for word in words[1:]:
            children = getattr(node, "commands", {})
            if not children or word.startswith("-"):
                break
            assert word in children, f"{document.name}: {command}"
            node = children[word]
        known = {option for parameter in node.params for option in parameter.opts}
        used = {word.split("=")[0] for word in words if word.startswith("--")}
        assert used <= known, f"{document.name}: {command}"


@each_document
def test_every_model_named_exists(document: Path) -> None:
    models = {path.stem for path in (ROOT / "dbt_project").rglob("*.*") if path.suffix in (".sql", ".py", ".csv")}
    tables = models | {"dim_indicator", "fct_audit_check"}  # written by the library, not by dbt
    named = re.findall(r"\b(?:dim|fct|stg|bridge|rpt)_[a-z_]+\b", document.read_text())
    assert {name for name in named if not name.endswith("_")} <= tables


def test_both_readmes_have_the_same_shape() -> None:
    # Would catch one language falling behind the other.
    shapes = []
    for name in ("README.md", "README.zh.md"):
        text = (ROOT / name).read_text()
        shell = [re.sub(r"\s*#.*", "", m["body"]) for m in FENCED.finditer(text) if m["language"] == "sh"]
        links = [
            re.sub(r"(README(\.zh)?|cockpit-(governance|entity|urban)(-zh)?)\.(md|png)", "", link)
            for link in LINK.findall(text)
        ]
        rows = len(re.findall(r"^\|", text, re.MULTILINE))
        shapes.append((len(re.findall(r"^#+ ", text, re.MULTILINE)), shell, links, rows))
    assert shapes[0] == shapes[1]


def test_no_committed_file_names_a_package_registry() -> None:
    hosts = [
        ".".join(parts) for parts in (("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"))
    ]
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    texts = {name: (ROOT / name).read_bytes() for name in files if (ROOT / name).is_file()}
    assert [name for name, text in texts.items() if any(host.encode() in text for host in hosts)] == []


def test_operations_explains_every_exit_code_in_the_words_of_the_help() -> None:
    # Would catch two explanations of one code: whoever is called at night reads the other one.
    from apps.cli.console import exit_codes

    said = re.findall(r"^(\d+)  (.+)$", exit_codes(), re.MULTILINE)
    written = re.findall(r"^\| (\d+) \| (.+?) \|", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert len(said) > 5
    assert written == said


def test_the_systemd_timer_starts_a_command_that_exists() -> None:
    service = (ROOT / "deploy/citylake-refresh.service").read_text()
    from apps.cli.main import app

    command = re.search(r"^ExecStart=\S+/citylake (\w+)$", service, re.MULTILINE)
    assert command is not None
    assert command[1] in get_command(app).commands  # type: ignore[attr-defined]
