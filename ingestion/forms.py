"""What a pattern asks for, in words and with an example: for people who never saw a regular expression.

Only the plain patterns that contracts are made of are put into words: fixed characters, counted digits and letters,
optional parts, lists of words. Of any other the pattern itself is all that can be said.
"""

import re
from dataclasses import dataclass
from itertools import groupby

from citylake.contracts.labels import Label

_PIECE = re.compile(
    r"(?P<class>\\d|\[0-9\]|\[a-z\]|\[A-Z\]|\[a-z_\])(?:\{(?P<count>\d+)\}|(?P<many>\+))?|(?P<text>\\[.\-/]|[^\\\[\](){}|*+?.^$])"
)
_OPTIONAL_TAIL = re.compile(r"^(?P<head>[^()]*)(?:\((?P<tail>.*)\)\?)?$")
_WORDS = re.compile(r"^\^\((?P<words>[^()\[\]\\*+?{}]+)\)(?:\(\[(?P<separators>[^\]\\]+)\]\((?P=words)\)\)\*)?\$$")
_KINDS: dict[str, tuple[Label, str]] = {
    r"\d": (Label("位数字", "digits"), "1234567890"),
    "[0-9]": (Label("位数字", "digits"), "1234567890"),
    "[a-z]": (Label("个小写字母", "small letters"), "abcdefgh"),
    "[A-Z]": (Label("个大写字母", "capital letters"), "ABCDEFGH"),
    "[a-z_]": (Label("个小写字母或下划线", "small letters or underscores"), "ab_cdefg"),
}


@dataclass(frozen=True)
class _Piece:
    """Fixed characters, or so many of a kind of character; no count means one or more."""

    text: str = ""
    kind: str = ""
    count: int | None = None

    @property
    def words(self) -> Label:
        if not self.kind:
            return Label(f"“{self.text}”", f'"{self.text}"')
        kind, _ = _KINDS[self.kind]
        if self.count is None:
            return Label(f"若干{kind.zh}", f"one or more {kind.en}")
        return Label(f"{self.count}{kind.zh}", f"{self.count} {kind.en if self.count > 1 else kind.en.rstrip('s')}")

    @property
    def example(self) -> str:
        if not self.kind:
            return self.text
        _, letters = _KINDS[self.kind]
        length = self.count or len(letters)
        return (letters * (length // len(letters) + 1))[:length]


def in_words(pattern: str) -> Label:
    """What values of this pattern look like; the pattern itself where words fail."""
    listed = _WORDS.match(pattern)
    if listed is not None:
        return _listed(listed["words"].split("|"), listed["separators"])
    forms = _forms(pattern.removeprefix("^").removesuffix("$"))
    if not forms or not (pattern.startswith("^") and pattern.endswith("$")):
        return Label(f"符合格式 {pattern}", f"of the form {pattern}")
    examples = ["".join(piece.example for piece in form) for form in forms]
    if len(forms) > 1 and all(len(form) == 1 and form[0].kind in (r"\d", "[0-9]") for form in forms):
        counts = [str(form[0].count) for form in forms]
        said = Label(f"{_either(counts, '、', '或')}位数字", f"{_either(counts, ', ', ' or ')} digits")
    else:
        said = Label(
            " 或 ".join("＋".join(piece.words.zh for piece in form) for form in forms),
            " or ".join(" + ".join(piece.words.en for piece in form) for form in forms),
        )
    return Label(f"{said.zh}，如 {'、'.join(examples)}", f"{said.en}, such as {', '.join(examples)}")


def _listed(words: list[str], separators: str | None) -> Label:
    if separators is None:
        return Label(f"以下之一：{'、'.join(words)}", f"one of: {', '.join(words)}")
    return Label(
        f"以下一项或几项，以“{separators[0]}”分隔：{'、'.join(words)}",
        f'one or several of the following, separated by "{separators[0]}": {", ".join(words)}',
    )


def _either(counts: list[str], comma: str, last: str) -> str:
    return f"{comma.join(counts[:-1])}{last}{counts[-1]}"


def _forms(pattern: str) -> list[list[_Piece]]:
    """Every form that optional tails allow, the shortest first; none where a part is not understood."""
    found = _OPTIONAL_TAIL.match(pattern)
    head = None if found is None else _pieces(found["head"])
    if found is None or head is None:
        return []
    if found["tail"] is None:
        return [_merged(head)]
    tails = _forms(found["tail"])
    return [_merged(head), *(_merged([*head, *tail]) for tail in tails)] if tails else []


def _pieces(text: str) -> list[_Piece] | None:
    pieces: list[_Piece] = []
    at = 0
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None:
            return None
        at = found.end()
        if found["text"]:
            pieces.append(_Piece(text=found["text"].removeprefix("\\")))
        else:
            pieces.append(_Piece(kind=found["class"], count=None if found["many"] else int(found["count"] or 1)))
    return pieces


def _merged(pieces: list[_Piece]) -> list[_Piece]:
    """Neighbours of one kind as one: six digits and three are nine."""
    merged: list[_Piece] = []
    for kind, run in groupby(pieces, key=lambda piece: piece.kind):
        same = list(run)
        counts = [piece.count for piece in same]
        total = None if None in counts else sum(count or 0 for count in counts)
        merged.append(_Piece("".join(piece.text for piece in same), kind, total if kind else None))
    return merged
