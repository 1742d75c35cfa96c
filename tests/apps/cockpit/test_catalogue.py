"""The catalogue of texts: whole in both languages, and neither richer nor poorer than the code that uses it."""

import ast
import re
import string
from pathlib import Path

import pytest

from apps.cockpit import catalogue

COCKPIT = Path(catalogue.__file__).parent
SOURCES = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted(COCKPIT.rglob("*.py"))]
GROUPS = {key.split(".")[0] for key in catalogue.entries()}
_KEY = re.compile(rf"^({'|'.join(sorted(GROUPS))})\.[a-z0-9_]+$")


def _constants() -> set[str]:
    """Every literal text of the code; what is part of an f-string is in :func:`_patterns`."""
    nodes = [node for source in SOURCES for node in ast.walk(source)]
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    return {
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
    }


def _patterns() -> list[re.Pattern[str]]:
    """Every f-string that can only be a key: ``f"page.{name}"`` as ``^page\\.[a-z0-9_]+$``."""
    nodes = (node for source in SOURCES for node in ast.walk(source) if isinstance(node, ast.JoinedStr))
    written = (
        "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z0-9_]+" for part in node.values)
        for node in nodes
    )
    return [re.compile(f"^{pattern}$") for pattern in written if pattern.split(r"\.")[0] in GROUPS]


def _placeholders(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


@pytest.mark.parametrize("key", sorted(catalogue.entries()))
def test_every_text_is_there_in_both_languages_with_the_same_placeholders(key: str) -> None:
    # Would catch a page that ends in a KeyError, or loses a date, in one language only.
    entry = catalogue.entries()[key]
    assert set(entry) == set(catalogue.LANGUAGES)
    assert all(text.strip() for text in entry.values())
    assert _placeholders(entry["zh"]) == _placeholders(entry["en"])


def test_every_text_is_used() -> None:
    # Would catch texts that outlive the screen they were written for.
    constants, patterns = _constants(), _patterns()
    unused = {
        key for key in catalogue.entries() if key not in constants and not any(known.match(key) for known in patterns)
    }
    assert unused == set()


def test_every_key_in_the_code_is_in_the_catalogue() -> None:
    # Would catch a mistyped key on a path that no other test walks.
    assert {value for value in _constants() if _KEY.match(value)} <= set(catalogue.entries())
    assert all(any(known.match(key) for key in catalogue.entries()) for known in _patterns())


def test_chinese_texts_are_chinese_and_english_ones_have_no_chinese_punctuation() -> None:
    # Would catch a text pasted into the wrong language.
    han, punctuation = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[\u3000-\u303f\uff00-\uffef]")
    for key, entry in catalogue.entries().items():
        words = re.sub(r"\{.*?\}", "", entry["zh"])
        assert han.search(words) or not re.search(r"[A-Za-z]", words), key
        assert not punctuation.search(entry["en"]), key
