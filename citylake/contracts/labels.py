"""Bilingual labels: 中文 first, English after it, as ``businessName`` and ``description`` carry them."""

import re
from dataclasses import dataclass

_CHINESE_THEN_ENGLISH = re.compile(r"^(?P<zh>.*[\u3000-\u9fff\uff00-\uffef])\s+(?P<en>[\x20-\x7e]+)$", re.DOTALL)


@dataclass(frozen=True)
class Label:
    """One text in both languages."""

    zh: str
    en: str

    @classmethod
    def parse(cls, text: str) -> "Label":
        """Split ``案件编号 Case code`` after its last Chinese character; a text in one language serves for both."""
        match = _CHINESE_THEN_ENGLISH.match(text.strip())
        if match is None:
            return cls(zh=text.strip(), en=text.strip())
        return cls(zh=match["zh"].strip(), en=match["en"].strip())

    def __str__(self) -> str:
        return self.zh if self.zh == self.en else f"{self.zh} {self.en}"
