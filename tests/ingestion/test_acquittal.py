"""Rows that are acquitted at small cost: the full expressions find nothing in them, and the same values."""

import io
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from citylake.contracts.labels import Label
from citylake.contracts.model import Dialect, Format, RowRule
from ingestion import acquittal
from ingestion.acquittal import Acquittal
from ingestion.rules import compile_contract
from tests.ingestion.support import column, contract, examined

NEARLY_DATES = st.from_regex(r"( ?(19|20)[0-9]{2}-?[0-3]?[0-9]-?[0-3]?[0-9] ?)|[0-9-]{0,10}", fullmatch=True)
NEARLY_TIMES = st.from_regex(
    r" ?(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9][ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?(\.[0-9]{1,3})?(Z|\+08:?00)?",
    fullmatch=True,
)


def nearly_an_id(division: str, born: date, rest: int, end: str) -> str:
    return f"{division}{born:%Y%m%d}{rest:03d}{end}"


NEARLY_IDS = st.builds(
    nearly_an_id,
    st.sampled_from(["320211", "110101", "999999", "710000", " 32021"]),
    st.dates(date(1840, 1, 1), date(2030, 1, 1)),
    st.integers(0, 999),
    st.sampled_from("0123456789Xx "),
)

BLANKS = st.sampled_from(["", " ", "\t", "\u3000", "\xa0 "])
TEXTS = BLANKS | st.text("a1中 ,x\u3000", max_size=4)
ROWS = st.tuples(
    NEARLY_DATES | BLANKS,
    NEARLY_TIMES | BLANKS,
    NEARLY_IDS | BLANKS,
    st.from_regex(r"[A1１]{0,3}", fullmatch=True) | BLANKS,
    TEXTS,
    st.from_regex(r" ?[+-]?[0-9]{0,3}(\.[0-9]{1,3})?", fullmatch=True) | BLANKS,
    st.sampled_from(["1", "true", "是", "也许", " 1", ""]),
    st.sampled_from(["[1]", "[", " []", "", "[\n]"]),
    st.sampled_from(["91350100M000100Y43", "91350100m000100y43", "91350100M000100Y44", "320281NA000063X", ""]),
)
RULE = RowRule("enough", "n > 1", Label("少", "few"), "warning")
COLUMNS = (
    column("d", "date", minimum="1950-01-01", maximum="2020-01-01"),
    column("t", "timestamp", required=True),
    column("i", check="citizen_id", severity="warning"),
    column("p", pattern=r"^A\d{1,2}$"),
    column("x", required=True, min_length=2, max_length=3),
    column("n", "number", physical_type="decimal(5,2)", minimum=0),
    column("b", "boolean"),
    column("a", "array", required=True),
    column("u", check="entity_code"),
)


@given(st.lists(ROWS, min_size=1, max_size=12), st.sampled_from([("",), ("", "x", "无")]))
@example([("2024-01-01", "1986-05-04 02:30:00", "", "", "", "", "", "", "")], ("",))
def test_an_acquitted_row_breaks_nothing_and_has_the_values_of_the_full_expressions(
    body: list[tuple[str, ...]], nulls: tuple[str, ...]
) -> None:
    # A row that only the short way takes for good would be accepted or not by what stands beside it.
    agreed = contract(*COLUMNS, dialect=Dialect("csv", null_values=nulls), row_rules=(RULE,))
    compiled = compile_contract(agreed)
    given_texts = pl.DataFrame(body, schema=[one.name for one in COLUMNS], orient="row")
    records = given_texts.with_columns(pl.when(pl.all() != "").then(pl.all()))
    full = records.select(*compiled.texts(records)).with_columns(compiled.values)
    is_broken = full.select(pl.any_horizontal(rule.broken for rule in compiled.rules)).to_series()
    for start, count in ((0, len(body)), (0, 1), (len(body) - 1, 1)):
        some = records.slice(start, count)
        typed, is_suspicious = Acquittal(agreed)(some.select(compiled.usual_texts(some)))
        assert not (is_broken.slice(start, count) & ~is_suspicious).any()
        names = [one.name for one in COLUMNS]
        assert (
            typed.filter(~is_suspicious)
            .select(names)
            .equals(full.slice(start, count).filter(~is_suspicious).select(names))
        )


@pytest.mark.parametrize("form", ["json", "parquet"])
@pytest.mark.parametrize(
    ("facts", "nulls", "rules"),
    [
        ({"enum": ("1", "2")}, ("",), [["a.enum"]]),
        ({"pattern": r"^\d$"}, ("",), [["a.pattern"]]),
        ({"max_length": 1}, ("",), [["a.length"]]),
        ({"required": True}, ("", "77"), [["a.required"]]),
    ],
)
def test_what_is_asked_of_texts_is_asked_of_values_too(
    form: Format, facts: dict[str, Any], nulls: tuple[str, ...], rules: list[list[str]], tmp_path: Path
) -> None:
    # A code that a format gives as a number would be accepted whatever the contract's list of codes says.
    frame, buffer = pl.DataFrame({"a": [1, 77]}), io.BytesIO()
    _ = frame.write_ndjson(buffer) if form == "json" else frame.write_parquet(buffer)
    agreed = contract(column("a", "integer", **facts), dialect=Dialect(form, null_values=nulls))
    outcome = examined(buffer.getvalue(), agreed, tmp_path)
    assert outcome.rejected["rules"].to_list() == rules
    assert outcome.accepted["a"].to_list() == [1]


@pytest.mark.parametrize("number", [10**18, 2**63 - 1, -(2**63)])
def test_a_whole_number_is_the_same_beside_a_warning_and_alone(number: int, tmp_path: Path) -> None:
    # The full expressions took eighteen digits, Arrow nineteen: a warning elsewhere in a row decided on its number.
    content = f'{{"a":{number},"b":"x"}}\n{{"a":{number},"b":"long"}}\n'.encode()
    length = column("b", max_length=1, severity="warning")
    outcome = examined(content, contract(column("a", "integer"), length, dialect=Dialect("json")), tmp_path)
    assert outcome.accepted["a"].to_list() == [number, number]


def test_times_that_lie_far_apart_are_not_looked_at_year_by_year() -> None:
    # One 9999-12-31 would cost seconds a batch.
    agreed = contract(column("t", "timestamp"))
    acquittal._offsets.cache_clear()  # what it counts is what is tested
    typed, is_suspicious = Acquittal(agreed)(pl.DataFrame({"_text.t": ["1990-01-01 08:00:00", "9999-12-31 00:00:00"]}))
    assert acquittal._offsets.cache_info().misses == 0  # as above
    assert not is_suspicious.any()
    assert typed["t"].dt.year().to_list() == [1990, 9999]


def test_rows_in_the_usual_form_are_acquitted() -> None:
    # Were every row suspicious, all would still be right, and ten times as slow.
    good = ("2010-02-28", "2010-02-28 08:00:00", "11010119900307803X", "A1", "中文", "1.5", "是", "[1]", None)
    records = pl.DataFrame([good] * 3, schema=dict.fromkeys([one.name for one in COLUMNS], pl.String), orient="row")
    agreed = contract(*COLUMNS, row_rules=(RULE,))
    _, is_suspicious = Acquittal(agreed)(records.select(compile_contract(agreed).usual_texts(records)))
    assert not is_suspicious.any()
