"""Traditional characters and what they are in simplified writing, by OpenCC's table of characters.

One character at a time: names have no context that would tell which of several is meant, and OpenCC then takes the most
frequent. ``names`` folds by it.
"""

from functools import cache

import opencc

_UNIFIED_IDEOGRAPHS = range(0x3400, 0xA000)
"""Extension A and the basic block of Unicode's CJK ideographs; what lies beyond is in no name that people type."""


@cache
def traditional_characters() -> tuple[list[str], list[str]]:
    """Traditional characters, and at the same position the simplified form of each."""
    every = [chr(code) for code in _UNIFIED_IDEOGRAPHS]
    converted = opencc.OpenCC("t2s").convert("\n".join(every)).split("\n")
    pairs = [(one, other) for one, other in zip(every, converted, strict=True) if one != other and len(other) == 1]
    return [one for one, _ in pairs], [other for _, other in pairs]
