"""Identifier rules against python-stdnum, code by code, and against hand-picked codes."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric
from stdnum.cn import uscc as stdnum_uscc
from stdnum.iso7064 import mod_11_10

from citylake.contracts.identifiers import (
    FINDINGS,
    Checked,
    association_no_key,
    citizen_id,
    entity_code,
    institution_no_key,
    organisation_code_key,
    registration_no_key,
    tax_no_key,
    uscc,
    uscc_key,
)

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
DIVISIONS = ["710000", "320205", "110101", "110111", "110201", "440524", "140120", "810000", "999999", "111111"]


def grades(rule: Callable[[pl.Expr], Checked], codes: list[str]) -> list[str | None]:
    frame = pl.DataFrame({"code": codes}, schema={"code": pl.String})
    return frame.select(rule(pl.col("code")).grade).to_series().to_list()


def grade(rule: Callable[[pl.Expr], Checked], code: str) -> str | None:
    return grades(rule, [code])[0]


def with_ric_check(body: str) -> str:
    return body + ric.calc_check_digit(body + "0")


births = st.dates(date(1850, 1, 1), date(2030, 1, 1)).map(lambda day: f"{day:%Y%m%d}")
ric_bodies = st.builds(
    lambda division, birth, order: f"{division}{birth}{order:03d}",
    st.sampled_from(DIVISIONS),
    st.one_of(births, st.from_regex(r"\A[0-9]{8}\Z")),
    st.integers(0, 999),
)
ric_codes = st.one_of(
    ric_bodies.map(with_ric_check),
    st.builds(lambda body, check: body + check, ric_bodies, st.sampled_from("0123456789Xx")),
    st.text("0123456789X", min_size=14, max_size=19),
)


def born_too_early_or_before_its_division(code: str) -> bool:
    """Where stdnum and we differ on purpose: ids are issued after birth, and nobody was born before 1850."""
    body = code.upper()
    if len(body) != 18 or not body[:17].isdigit() or body[:6] in ("999999", "111111"):
        return False
    has_check = body[17] == ric.calc_check_digit(body)
    try:
        birth = date(int(body[6:10]), int(body[10:12]), int(body[12:14]))
    except ValueError:
        return False
    began = {"110111": 1986, "320205": 2000, "440524": 1983, "810000": 1997}.get(body[:6], 0)
    return has_check and (birth.year < max(began, 1850))


def is_valid_to_stdnum(code: str) -> bool:
    try:
        return ric.is_valid(code)
    except KeyError:  # stdnum's way of saying that a province has no such county
        return False


@given(st.lists(ric_codes, min_size=1, max_size=40))
def test_citizen_ids_are_judged_as_stdnum_judges_them(codes: list[str]) -> None:
    # A slip in one weight would let one mistyped id in eleven through.
    for code, found in zip(codes, grades(citizen_id, codes), strict=True):
        if len(code) == 18 and not born_too_early_or_before_its_division(code):
            assert (found == "valid") == is_valid_to_stdnum(code), code


uscc_bodies = st.builds(
    lambda front, rest: front + rest,
    st.text("0123456789", min_size=8, max_size=8),
    st.text(USCC_ALPHABET, min_size=9, max_size=9),
)
uscc_codes = st.one_of(
    uscc_bodies.map(lambda body: body + stdnum_uscc.calc_check_digit(body + "0")),
    st.builds(lambda body, check: body + check, uscc_bodies, st.sampled_from(USCC_ALPHABET + "IOSVZ")),
    st.text(USCC_ALPHABET + "IOSVZ ", min_size=17, max_size=19),
)


@given(st.lists(uscc_codes, min_size=1, max_size=40))
def test_credit_codes_are_judged_as_stdnum_judges_them(codes: list[str]) -> None:
    # A slip in one weight would let one mistyped code in thirty-one through.
    assert [found == "valid" for found in grades(uscc, codes)] == [stdnum_uscc.is_valid(code) for code in codes]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("11010519491231002X", "valid"),
        ("11010519491231002x", "valid"),
        ("440524188001010014", "valid"),
        ("140120197901010008", "valid"),
        ("810000199408230021", "valid"),
        ("830000199201300022", "valid"),
        ("610104620927690", "legacy"),
        ("610104620932690", "invalid"),
        ("110201199312010077", "invalid"),
        ("990426199112010074", "invalid"),
        ("111111199901101512", "invalid"),
        ("440308199901101513", "invalid"),
        ("440308199902301512", "invalid"),
        ("44030819990110", "invalid"),
        ("T60426199101010078", "invalid"),
        ("１１0105194912310021", "invalid"),
    ],
)
def test_a_citizen_id_gets_its_grade(code: str, expected: str) -> None:
    # Historical divisions, residence permits and old ids are real people; unknown divisions are not.
    assert grade(citizen_id, code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("91350100M000100Y43", "valid"),
        ("91350100m000100y43", "valid"),
        ("91350100M000100Y44", "invalid"),
        ("320211000053726", "legacy"),
        ("3202111102990", "legacy"),
        ("320281NA000063X", "legacy"),
        ("0000000000000", "invalid"),
        ("000000000000000", "invalid"),
        ("000000000000000000", "invalid"),
        ("95028570-8", "legacy"),
        ("95028570-7", "invalid"),
        ("企合苏锡总字第0001", "legacy"),
        ("企合苏锡总字第0001号", "legacy"),
        ("32021111", "invalid"),
        ("无", "invalid"),
    ],
)
def test_an_entity_code_gets_its_grade(code: str, expected: str) -> None:
    # Entities that never changed their number must be kept, mistyped unified codes must not.
    assert grade(entity_code, code) == expected


def test_a_number_valid_as_both_kinds_is_valid_under_either_rule() -> None:
    # Guessing the kind from the check digit would turn persons into organisations.
    code = "11010119900307803X"
    assert (grade(citizen_id, code), grade(uscc, code), grade(entity_code, code)) == ("valid", "valid", "valid")


def test_codes_are_written_one_way() -> None:
    # Two spellings of one code would become two persons or two entities.
    frame = pl.DataFrame({"code": [" 11010519491231002x ", "91 350100-m000100y43", None]})
    values = frame.select(
        person=citizen_id(pl.col("code")).value,
        entity=entity_code(pl.col("code")).value,
        none=uscc(pl.col("code")).grade,
    )
    assert values["person"][0] == "11010519491231002X"
    assert values["entity"][1] == "91350100M000100Y43"
    assert values["none"][2] is None


def test_every_finding_can_be_explained_in_both_languages() -> None:
    # A department that is told only "check failed" cannot mend anything.
    assert all(found.label.zh and found.label.en and found.label.zh != found.label.en for found in FINDINGS.values())


KNOWN_CONTRADICTION = "110111198012010078"
"""Born 1980, division since 1986: stdnum's own example of an invalid id, but by the very rule under which the
vectors call 411082198901010002 and 500154199301135886 valid (ids are issued after birth) it is valid."""


def test_every_published_vector_is_judged_as_expected(shared_data: Path) -> None:
    # The vectors come from three independent sources; generated codes cannot stand in for them.
    vectors = pl.read_csv(shared_data / "id_vectors.csv", infer_schema=False).filter(
        (pl.col("kind") != "ric_strict") & (pl.col("code") != KNOWN_CONTRADICTION)
    )
    for kind, rule in (("ric", citizen_id), ("uscc", uscc), ("both", citizen_id), ("both", uscc)):
        chosen = vectors.filter(pl.col("kind") == kind)
        accepted = [found != "invalid" for found in grades(rule, chosen["code"].to_list())]
        assert accepted == chosen["expected"].str.starts_with("valid").to_list()
        assert chosen.height > 0
    assert grade(citizen_id, KNOWN_CONTRADICTION) == "valid"


def key(rule: Callable[[pl.Expr], pl.Expr], code: str) -> str | None:
    return pl.DataFrame({"code": [code]}).select(rule(pl.col("code"))).item()


@given(st.from_regex(r"\A[1-9][0-9]{13}\Z"), st.integers(0, 9))
def test_a_registration_number_ends_with_its_check_digit(body: str, digit: int) -> None:
    # Would catch a slip in the look-up that stands for the sum; stdnum computes it digit by digit.
    code = body + str(digit)
    is_kept = key(registration_no_key, code) == code
    assert is_kept == mod_11_10.is_valid(code) or len(code.replace("0", "")) < 3


@pytest.mark.parametrize(
    ("rule", "written", "kept"),
    [
        (uscc_key, "91 3202 1476 6529 9371", None),
        (uscc_key, "000000000000000000", None),
        (organisation_code_key, "95028570-8", "950285708"),
        (organisation_code_key, "950285708", "950285708"),
        (organisation_code_key, "95028570-9", None),
        (organisation_code_key, "00000000-0", None),
        (registration_no_key, "3202812105012", "3202812105012"),
        (registration_no_key, "000000000000000", None),
        (registration_no_key, "11010119900307803X", None),
        (tax_no_key, "320200950285708", "320200950285708"),
        # A sole trader's of old: the owner's citizen id, which passes as a unified code.
        (tax_no_key, "11010119900307803X", None),
        (institution_no_key, "事证第132020000123号", "132020000123"),
        (institution_no_key, "无", None),
        (association_no_key, "锡社证字第010001号", "锡社证字第010001号"),
        (association_no_key, "0000", None),
    ],
)
def test_only_a_sound_number_joins_records(rule: Callable[[pl.Expr], pl.Expr], written: str, kept: str | None) -> None:
    # Would catch what stands where nothing is known, or a number of another kind, joining a thousand strangers.
    assert key(rule, written) == kept
