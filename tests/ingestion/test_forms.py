"""Patterns in words: what people who never saw a regular expression are told."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citylake.contracts.model import load_contracts
from citylake.lake.settings import Settings
from ingestion.forms import in_words


@pytest.mark.parametrize(
    ("pattern", "zh", "en"),
    [
        (r"^\d{11}$", "11位数字，如 12345678901", "11 digits, such as 12345678901"),
        (r"^JZ\d{3}$", "“JZ”＋3位数字，如 JZ123", '"JZ" + 3 digits, such as JZ123'),
        (
            r"^\d{6}(\d{3}(\d{3})?)?$",
            "6、9或12位数字，如 123456、123456789、123456789012",
            "6, 9 or 12 digits, such as 123456, 123456789, 123456789012",
        ),
        ("^(甲|乙)$", "以下之一：甲、乙", "one of: 甲, 乙"),
        (
            "^(甲|乙)([;；](甲|乙))*$",
            "以下一项或几项，以“;”分隔：甲、乙",
            'one or several of the following, separated by ";": 甲, 乙',
        ),
    ],
)
def test_a_plain_pattern_is_put_into_words(pattern: str, zh: str, en: str) -> None:
    # Would catch a department shown a regular expression where twelve words do.
    said = in_words(pattern)
    assert (said.zh, said.en) == (zh, en)


@pytest.mark.parametrize(
    "pattern", [r"^(a|b)c$", r"^\d{2,4}$", r"\d{3}", r"^a?b$", r"^[^x]+$", r"^(\d{2})?(\d)?$", "^a.c$"]
)
def test_of_any_other_pattern_nothing_is_invented(pattern: str) -> None:
    # Would catch words that promise less or more than what is checked.
    said = in_words(pattern)
    assert (said.zh, said.en) == (f"符合格式 {pattern}", f"of the form {pattern}")


_PARTS = st.sampled_from([r"\d{2}", r"\d", "[A-Z]{3}", "[a-z_]+", "P", "-", "中"])


@given(st.lists(_PARTS, min_size=1, max_size=5), st.lists(_PARTS, max_size=3))
def test_the_examples_given_keep_to_their_pattern(head: list[str], tail: list[str]) -> None:
    # Would catch an example that the check itself would reject.
    pattern = f"^{''.join(head)}({''.join(tail)})?$" if tail else f"^{''.join(head)}$"
    examples = in_words(pattern).en.rsplit(", such as ", 1)[1].split(", ")
    assert len(examples) == (2 if tail else 1)
    assert all(re.match(pattern, example) for example in examples)


def test_every_example_of_our_contracts_keeps_to_its_pattern() -> None:
    # Would catch a contract whose department is shown a wrong example.
    columns = [column for contract in load_contracts(Settings().contracts).values() for column in contract.columns]
    patterns = {column.pattern for column in columns if column.pattern is not None}
    exemplified = {pattern: in_words(pattern).en.partition(", such as ")[2] for pattern in patterns}
    shown = {pattern: examples.split(", ") for pattern, examples in exemplified.items() if examples}
    assert len(shown) >= 10
    for pattern, examples in shown.items():
        assert all(re.match(pattern, example) for example in examples), pattern
