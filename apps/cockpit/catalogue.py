"""The cockpit's words: one catalogue in 中文 and English, looked up by key. No other module holds text for readers."""

from functools import cache
from pathlib import Path
from typing import Literal, get_args

import yaml

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
LANGUAGE_NAMES: dict[Language, str] = {"zh": "中文", "en": "English"}
LANGUAGE_TAGS: dict[Language, str] = {"zh": "zh-CN", "en": "en"}
FILE = Path(__file__).with_name("catalogue.yaml")


@cache
def entries() -> dict[str, dict[Language, str]]:
    """Every key of the catalogue with its text in both languages."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def text(language: Language, key: str, /, **values: object) -> str:
    """The text of a key, its placeholders filled.

    Raises:
        KeyError: the catalogue has no such key; a test holds code and catalogue together.
    """
    return entries()[key][language].format(**values)


def both(key: str, /) -> tuple[str, str]:
    """A text in 中文 and in English, for pages shown before a language can be known to be understood."""
    entry = entries()[key]
    return entry["zh"], entry["en"]
