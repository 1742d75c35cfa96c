"""Identifier rules as polars expressions: citizen ids (GB 11643), credit codes (GB 32100), older registration numbers.

Each rule takes a text expression and gives the value in its written form, and a finding: null for a value in today's
form, otherwise a code of :data:`FINDINGS`, which grades it. Nothing here guesses which kind a number is: a number can
be valid as two kinds at once. Divisions come from python-stdnum's table; no list of our own is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

import polars as pl
from stdnum import numdb

from citylake.contracts.labels import Label

Grade = Literal["valid", "legacy", "invalid"]

_CITIZEN_ID_LENGTHS = (15, 18)
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_FORMAT = f"^[0-9]{{8}}[{_USCC_ALPHABET}]{{10}}$"
_EARLIEST_BIRTH = 1850
_STILL_IN_USE = 9999
_CITIZEN_CHECKS = "".join("0123456789X"[(12 - remainder * 2 % 11) % 11] for remainder in range(11))
"""The check character by the remainder of the other seventeen."""
_LAST_DAY = 2100_12_31
_ISSUED_SINCE_STDNUM_TABLE = {"830000": _STILL_IN_USE}
"""Residence permits of residents of Taiwan carry 830000 (since 2018), which is not a division and not in the table."""


@dataclass(frozen=True)
class Finding:
    """What is unusual about a value, how serious that is, and how to say it."""

    grade: Grade
    label: Label


FINDINGS: dict[str, Finding] = {
    "length": Finding("invalid", Label("位数不正确", "has the wrong number of characters")),
    "format": Finding("invalid", Label("含有不允许的字符", "contains characters that are not allowed")),
    "birth_date": Finding("invalid", Label("出生日期不存在", "contains a birth date that does not exist")),
    "division": Finding("invalid", Label("地址码不存在或当时已撤销", "names a division unknown or abolished by then")),
    "checksum": Finding("invalid", Label("校验码不正确", "has a wrong check character")),
    "unknown_form": Finding("invalid", Label("不是任何已知的登记号码形式", "has no known form of registration number")),
    "fifteen_digits": Finding("legacy", Label("15位旧号码", "is an old number of fifteen digits")),
    "registration_number": Finding("legacy", Label("旧注册号", "is an old registration number")),
    "cooperative_number": Finding("legacy", Label("农民专业合作社旧注册号", "is an old number of a cooperative")),
    "organisation_code": Finding("legacy", Label("组织机构代码", "is an organisation code")),
    "foreign_number": Finding("legacy", Label("外资企业旧注册号", "is an old number of a foreign-funded enterprise")),
}


@dataclass(frozen=True)
class Checked:
    """A rule applied to a text expression."""

    value: pl.Expr
    """The value in its written form: separators out, letters in upper case."""
    finding: pl.Expr
    """Null when the value is missing or in today's form, else a code of :data:`FINDINGS`."""

    @property
    def grade(self) -> pl.Expr:
        """``valid``, ``legacy`` or ``invalid``; null for a missing value."""
        grades = {code: finding.grade for code, finding in FINDINGS.items()}
        return pl.when(self.value.is_not_null()).then(
            self.finding.replace_strict(grades, return_dtype=pl.String).fill_null("valid")
        )

    def is_graded(self, grade: Literal["legacy", "invalid"]) -> pl.Expr:
        """True where the finding has this grade, false elsewhere."""
        codes = [code for code, finding in FINDINGS.items() if finding.grade == grade]
        return self.finding.is_in(codes).fill_null(value=False)


def citizen_id(text: pl.Expr) -> Checked:
    """Citizen id, GB 11643: 18 characters, or the 15 digits issued before 1999 (legacy).

    A division need not exist yet at birth, for ids are issued later, but must not have been abolished before it.
    """
    value = text.str.strip_chars().str.to_uppercase()
    length = value.str.len_chars()
    is_old = length == 15
    birth = pl.when(is_old).then(pl.lit("19") + value.str.slice(6, 6)).otherwise(value.str.slice(6, 8))
    pattern = pl.when(is_old).then(value.str.contains("^[0-9]{15}$")).otherwise(value.str.contains("^[0-9]{17}[0-9X]$"))
    last_year = _last_year_of(value)
    finding = (
        pl.when(value.is_null())
        .then(pl.lit(None, pl.String))
        .when(~length.is_in([15, 18]))
        .then(pl.lit("length"))
        .when(~pattern)
        .then(pl.lit("format"))
        .when((birth.str.to_date("%Y%m%d", strict=False).dt.year() < _EARLIEST_BIRTH).fill_null(value=True))
        .then(pl.lit("birth_date"))
        .when((last_year < birth.str.slice(0, 4).cast(pl.Int32, strict=False)).fill_null(value=True))
        .then(pl.lit("division"))
        .when(is_old)
        .then(pl.lit("fifteen_digits"))
        .when(_citizen_check(value) != value.str.slice(17, 1))
        .then(pl.lit("checksum"))
    )
    return Checked(value, finding)


def is_plain_citizen_id(text: pl.Expr) -> pl.Expr:
    """The short way: true where a text is an id of 18 characters as written and has no finding; false says nothing.

    Numbers tell that characters are digits, and tables what numbers mean, at a third of the cost of patterns.
    """
    body = text.str.slice(0, 17)
    number = body.cast(pl.Int64, strict=False)
    division, born = number // 10**11, number // 10**3 % 10**8
    remainder = body.str.to_integer(base=13, strict=False) % 11
    check = pl.lit(pl.Series(list(_CITIZEN_CHECKS))).gather(remainder.cast(pl.UInt32))
    is_plain = (
        (text.str.len_bytes() == 18)
        & (pl.lit(_last_years()).gather(division.clip(0, 10**6)) >= born // 10_000)
        & pl.lit(_days()).gather(born.clip(0, _LAST_DAY))
        & (check == text.str.tail(1))
    )
    return is_plain.fill_null(value=False)


def uscc(text: pl.Expr) -> Checked:
    """Unified social credit code, GB 32100: 18 characters, none of I O S V Z, eight digits in front."""
    value = text.str.replace_all(r"[\s-]", "").str.to_uppercase()
    finding = (
        pl.when(value.str.len_chars() != 18)
        .then(pl.lit("length"))
        .when(~value.str.contains(_USCC_FORMAT))
        .then(pl.lit("format"))
        .when(_uscc_check(value) != value.str.slice(17, 1))
        .then(pl.lit("checksum"))
    )
    return Checked(value, finding)


def entity_code(text: pl.Expr) -> Checked:
    """Any registration number of an organisation: a unified code, or one of the older numbers it replaced (legacy).

    The older forms: 15 and 13 digits (registration numbers), ``320281NA000063X`` (cooperatives), ``95028570-8``
    (organisation code), ``企合苏锡总字第0001号`` (foreign-funded enterprises). An 18-character code must be valid.
    A row of zeros has the form of some of them, and is no number.
    """
    unified = uscc(text)
    old = text.str.strip_chars().str.to_uppercase()
    is_unified = unified.value.str.len_chars() == 18
    finding = (
        pl.when(~_has_variety(old))
        .then(pl.lit("unknown_form"))
        .when(is_unified)
        .then(unified.finding)
        .when(old.str.contains("^(?:[0-9]{13}|[0-9]{15})$"))
        .then(pl.lit("registration_number"))
        .when(old.str.contains("^[0-9]{6}NA[0-9]{6}[0-9X]$"))
        .then(pl.lit("cooperative_number"))
        .when(old.str.contains("^[0-9A-Z]{8}-[0-9X]$"))
        .then(
            pl.when(_organisation_check(old) == old.str.slice(9, 1))
            .then(pl.lit("organisation_code"))
            .otherwise(pl.lit("checksum"))
        )
        .when(old.str.contains(r"^企(?:合|独|作|外)[\p{Han}]*字第?[0-9]+号?$"))
        .then(pl.lit("foreign_number"))
        .when(old.is_not_null())
        .then(pl.lit("unknown_form"))
    )
    return Checked(pl.when(is_unified).then(unified.value).otherwise(old), finding)


def citizen_id_key(text: pl.Expr) -> pl.Expr:
    """The valid citizen id in its 18 characters, by which two records can be told to be one person; null for the rest.

    An id of fifteen digits becomes the one that was issued in its place: century 19, and a check character.
    """
    checked = citizen_id(text)
    is_old = checked.value.str.len_chars() == 15
    body = (
        pl.when(is_old)
        .then(checked.value.str.slice(0, 6) + pl.lit("19") + checked.value.str.slice(6, 9))
        .otherwise(checked.value.str.slice(0, 17))
    )
    return pl.when(~checked.is_graded("invalid")).then(body + _citizen_check(body))


def citizen_id_forms(written: pl.Series) -> list[str]:
    """Each id in 18 characters and, for those born before 2000, in the 15 digits issued before 1999; and as written.

    What is neither 15 nor 18 characters long is left out.
    """
    texts = written.cast(pl.String).str.strip_chars().str.to_uppercase()
    whole = texts.to_frame("text").select(citizen_id_key(pl.col("text"))).to_series().drop_nulls()
    of_old = whole.filter(whole.str.slice(6, 2) == "19")
    short = of_old.str.slice(0, 6) + of_old.str.slice(8, 9)
    forms = pl.concat([texts, whole, short]).drop_nulls()
    return sorted(forms.filter(forms.str.len_chars().is_in(_CITIZEN_ID_LENGTHS)).unique())


def uscc_key(text: pl.Expr) -> pl.Expr:
    """The valid unified social credit code, by which two records can be told to be one organisation; null otherwise."""
    checked = uscc(text)
    return pl.when(checked.finding.is_null() & _has_variety(checked.value)).then(checked.value)


def organisation_code_key(text: pl.Expr) -> pl.Expr:
    """The valid organisation code (GB 11714) in its nine characters, written with or without the hyphen."""
    value = _bare(text)
    is_valid = value.str.contains("^[0-9A-Z]{8}[0-9X]$") & (_organisation_check(value) == value.str.slice(8, 1))
    return pl.when(is_valid & _has_variety(value)).then(value)


def registration_no_key(text: pl.Expr) -> pl.Expr:
    """A registration number of before the unified code, in the form that it was given in; null otherwise.

    Fifteen digits must end with their check digit, by ISO 7064 MOD 11,10 (GS 15, 2006); the older forms have none.
    """
    checked = entity_code(text)
    codes = ("registration_number", "cooperative_number", "foreign_number")
    is_right = (
        (checked.value.str.len_chars() != 15)
        | (checked.finding != "registration_number")
        | (_mod_11_10(checked.value, 15) == 1)
    )
    return pl.when(checked.finding.is_in(codes) & is_right & _has_variety(checked.value)).then(checked.value)


def tax_no_key(text: pl.Expr) -> pl.Expr:
    """A tax registration number that an organisation's code is in: six digits and its code, or a unified code.

    A sole trader's of old was the owner's citizen id: what is one too is no organisation's number.
    """
    value = _bare(text)
    is_old = value.str.contains("^[0-9]{6}[0-9A-Z]{8}[0-9X]$") & organisation_code_key(value.str.slice(6)).is_not_null()
    is_unified = uscc_key(value).is_not_null() & citizen_id_key(value).is_null()
    return pl.when(is_old | is_unified).then(value)


def institution_no_key(text: pl.Expr) -> pl.Expr:
    """The twelve digits of a public institution's certificate, with or without words around them. It has no check."""
    value = _bare(text).str.extract("^(?:事证)?第?([0-9]{12})号?$", 1)
    return pl.when(_has_variety(value)).then(value)


def association_no_key(text: pl.Expr) -> pl.Expr:
    """A social organisation's certificate number, in which there are at least four digits. It has no check."""
    value = _bare(text)
    return pl.when(value.str.contains("[0-9]{4}") & _has_variety(value)).then(value)


def _bare(text: pl.Expr) -> pl.Expr:
    return text.str.normalize("NFKC").str.replace_all(r"[\s\p{P}]", "").str.to_uppercase()


def _has_variety(value: pl.Expr) -> pl.Expr:
    """False for a row of zeros and its like: they pass some checks, and mean that nothing was known."""
    return value.str.replace_all("0", "").str.len_chars() > 2


def _mod_11_10(value: pl.Expr, length: int) -> pl.Expr:
    """The sum of ISO 7064 MOD 11,10 over so many digits: 1 for a number that passes.

    Each step is one look-up by what was reached and the next digit, for an expression that named it twice would double.
    """
    steps = {
        reached * 10 + digit: ((reached + digit) % 10 or 10) * 2 % 11 for reached in range(1, 11) for digit in range(10)
    }
    reached = pl.lit(10, pl.Int32)
    for place in range(length - 1):
        number = reached * 10 + value.str.slice(place, 1).cast(pl.Int32, strict=False)
        reached = number.replace_strict(list(steps), list(steps.values()), default=None, return_dtype=pl.Int32)
    return (reached + value.str.slice(length - 1, 1).cast(pl.Int32, strict=False)) % 10


CHECKS: dict[str, Callable[[pl.Expr], Checked]] = {
    "citizen_id": citizen_id,
    "uscc": uscc,
    "entity_code": entity_code,
}
"""The rules by the name that a contract gives them in ``check``."""
PLAIN: dict[str, Callable[[pl.Expr], pl.Expr]] = {"citizen_id": is_plain_citizen_id}
"""Of some rules a short way, over the value, to know that there is no finding."""


def _citizen_check(value: pl.Expr) -> pl.Expr:
    """ISO 7064 MOD 11-2. The weights are powers of 2 modulo 11; 13 is 2 there, so base 13 does the sum in one go."""
    remainder = value.str.slice(0, 17).str.to_integer(base=13, strict=False) % 11
    return _nth_character(remainder, _CITIZEN_CHECKS)


def _last_year_of(value: pl.Expr) -> pl.Expr:
    """The last year in which the division that a citizen id begins with was in use."""
    division = value.str.head(6).cast(pl.UInt32, strict=False).clip(upper_bound=10**6)
    return pl.lit(_last_years()).gather(division)


def _uscc_check(value: pl.Expr) -> pl.Expr:
    return _nth_character((31 - _weighted(value, [3**i % 31 for i in range(17)]) % 31) % 31, _USCC_ALPHABET)


def _organisation_check(value: pl.Expr) -> pl.Expr:
    """GB 11714: weights 3 7 9 10 5 8 4 2, modulo 11, ten is X and eleven is 0."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return _nth_character((11 - _weighted(value, [3, 7, 9, 10, 5, 8, 4, 2], alphabet) % 11) % 11, "0123456789X")


def _weighted(value: pl.Expr, weights: list[int], alphabet: str = _USCC_ALPHABET) -> pl.Expr:
    places = (
        value.str.slice(i, 1).replace_strict(list(alphabet), range(len(alphabet)), default=None, return_dtype=pl.Int32)
        * weight
        for i, weight in enumerate(weights)
    )
    return pl.sum_horizontal(*places, ignore_nulls=False)


def _nth_character(number: pl.Expr, characters: str) -> pl.Expr:
    return number.replace_strict(range(len(characters)), list(characters), default=None, return_dtype=pl.String)


@cache
def _divisions() -> dict[str, int]:
    """Every division code that ever was, with the last year in which it was in use."""
    last_years = dict(_ISSUED_SINCE_STDNUM_TABLE)
    for _, province, _, _, counties in numdb.get("cn/loc").prefixes:
        for _, low, high, properties, _ in counties:
            last_year = max(_last_year(name) for name in properties["county"].split(","))
            last_years |= {f"{province}{county:04d}": last_year for county in range(int(low), int(high) + 1)}
    return last_years


@cache
def _last_years() -> pl.Series:
    """The same as a table: the division code is the place; every number up to a million has one."""
    codes = pl.DataFrame({"code": [int(code) for code in _divisions()], "year": list(_divisions().values())})
    return pl.DataFrame({"code": range(10**6 + 1)}).join(codes, on="code", how="left", maintain_order="left")["year"]


@cache
def _days() -> pl.Series:
    """Whether the number YYYYMMDD is a day, by its place; ids begin with the births of 1850."""
    days = pl.date_range(date(_EARLIEST_BIRTH, 1, 1), date(2100, 12, 31), eager=True)
    numbers = days.dt.year() * 10_000 + days.dt.month().cast(pl.Int32) * 100 + days.dt.day().cast(pl.Int32)
    return pl.repeat(value=False, n=_LAST_DAY + 1, dtype=pl.Boolean, eager=True).scatter(numbers, True)


def _last_year(county: str) -> int:
    """``[1983-1993]潮阳县`` was in use until 1993; a name without years, or without a last one, is still."""
    if not county.startswith("["):
        return _STILL_IN_USE
    return int(county[1 : county.index("]")].split("-")[1] or _STILL_IN_USE)
