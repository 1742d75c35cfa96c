"""Numbers that pass their checks and belong to nobody.

Citizen ids carry the division 710000: none is issued on the mainland with it. Unified codes carry 710000 as the
division of the registration authority, which registers nobody there under this scheme. Phones have eleven digits and
begin with 100, under which no subscriber number is assigned (only short service numbers such as 10000 are).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

DIVISION = 710000
PHONE_PREFIX = 100
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"

_CITIZEN_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_CITIZEN_CHECKS = np.array(list("10X98765432"))
_ORGANISATION_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])
_USCC_WEIGHTS = np.array([3**place % 31 for place in range(17)])
_ORGANISATION_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Multiplying by a number without a common factor with 31**6 spreads consecutive serials without a repetition.
_SERIALS = 31**6
_SPREAD = 387_420_481

Integers = npt.NDArray[np.integer[Any]]
Mask = npt.NDArray[np.bool_]


def citizen_bodies(birth: npt.NDArray[np.datetime64], sequence: Integers) -> npt.NDArray[np.int64]:
    """The first seventeen digits as one number: division, date of birth, sequence (odd for men)."""
    days = birth.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    years = days.astype("datetime64[Y]").astype(np.int64) + 1970
    month = months.astype(np.int64) % 12 + 1
    day = (days - months).astype(np.int64) + 1
    return ((DIVISION * 10_000 + years) * 10_000 + month * 100 + day) * 1000 + sequence.astype(np.int64)


def citizen_ids(bodies: npt.NDArray[np.int64], checks: npt.NDArray[np.str_] | None = None) -> pl.Series:
    """The ids as text; the check characters are computed unless given (a mistyped id keeps the right one's)."""
    characters = citizen_checks(bodies) if checks is None else checks
    return pl.Series(bodies).cast(pl.String) + pl.Series(characters.astype(object), dtype=pl.String)


def citizen_checks(bodies: npt.NDArray[np.int64]) -> npt.NDArray[np.str_]:
    """GB 11643: the weighted sum of the seventeen digits modulo 11 chooses the check character."""
    return _CITIZEN_CHECKS[(_digits(bodies) * _CITIZEN_WEIGHTS).sum(axis=1) % 11]


def mistype(rng: np.random.Generator, bodies: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """One digit after the division wrong, or two unlike neighbours swapped: what the check character always finds."""
    count = len(bodies)
    digits = _digits(bodies)
    place = rng.integers(6, 16, count)
    here, there = digits[np.arange(count), place], digits[np.arange(count), place + 1]
    is_swap = (rng.random(count) < 0.3) & (here != there)
    wrong = (here + rng.integers(1, 10, count)) % 10
    unit = 10 ** (16 - place.astype(np.int64))
    swapped = (there - here) * unit + (here - there) * (unit // 10)
    return bodies + np.where(is_swap, swapped, (wrong - here) * unit)


def old_citizen_ids(bodies: npt.NDArray[np.int64]) -> pl.Series:
    """The fifteen digits that were issued before 1999: no century, no check character."""
    text = pl.Series(bodies).cast(pl.String)
    return text.str.slice(0, 6) + text.str.slice(8, 9)


def phones(numbers: Integers) -> pl.Series:
    """Eleven digits that no telephone answers to."""
    return pl.Series(np.int64(PHONE_PREFIX) * 10**8 + numbers.astype(np.int64)).cast(pl.String)


def unified_codes(category: Integers, serial: Integers, authority: int = 9) -> pl.Series:
    """Valid unified social credit codes (GB 32100): authority 9, category 1 enterprise, 2 sole trader, 3 cooperative.

    Those of government bodies have authority 1, category 1.
    The nine characters of the organisation begin with MA like all that were issued since 2015 and pass their own check.
    """
    count = len(serial)
    codes = np.zeros((count, 18), dtype=np.int64)
    codes[:, 0] = authority
    codes[:, 1] = category
    codes[:, 2:8] = [int(digit) for digit in str(DIVISION)]
    codes[:, 8:10] = [USCC_ALPHABET.index("M"), USCC_ALPHABET.index("A")]
    spread = serial.astype(np.int64) * _SPREAD % _SERIALS
    codes[:, 10:16] = spread[:, None] // 31 ** np.arange(5, -1, -1) % 31
    in_organisation = np.array([_ORGANISATION_ALPHABET.index(character) for character in USCC_ALPHABET])
    check = (11 - (in_organisation[codes[:, 8:16]] * _ORGANISATION_WEIGHTS).sum(axis=1) % 11) % 11
    codes[:, 16] = np.where(check == 10, USCC_ALPHABET.index("X"), check)
    codes[:, 17] = (31 - (codes[:, :17] * _USCC_WEIGHTS).sum(axis=1) % 31) % 31
    return _spell(codes)


def mistype_codes(rng: np.random.Generator, codes: pl.Series, mask: Mask) -> pl.Series:
    """Another digit in one place of the organisation's part, where the mask says so; the check character is kept."""
    place = rng.integers(11, 16, len(codes))
    shift = rng.integers(1, 10, len(codes))
    frame = pl.DataFrame({"code": codes, "place": place, "shift": shift, "is_wrong": mask})
    here = pl.col("code").str.slice(pl.col("place"), 1)
    alphabet = list(USCC_ALPHABET)
    position = here.replace_strict(alphabet, range(31), default=0, return_dtype=pl.Int64)
    wrong = ((position + pl.col("shift")) % 31).replace_strict(range(31), alphabet)
    text = pl.col("code").str.slice(0, pl.col("place")) + wrong + pl.col("code").str.slice(pl.col("place") + 1)
    return frame.select(pl.when("is_wrong").then(text).otherwise("code")).to_series()


def old_registration_numbers(is_sole_trader: Mask, serial: Integers) -> pl.Series:
    """Fifteen digits: division, eight in sequence (6 in front for sole traders), a check digit modulo 11, 10."""
    first = np.where(is_sole_trader, 6, 2).astype(np.int64)
    body = (np.int64(DIVISION) * 10 + first) * 10**7 + serial.astype(np.int64) % 10**7
    product = np.full(len(body), 10, dtype=np.int64)
    for place in range(13, -1, -1):
        total = (product + body // 10**place % 10) % 10
        product = np.where(total == 0, 10, total) * 2 % 11
    return pl.Series(body * 10 + (11 - product) % 10).cast(pl.String)


def _digits(bodies: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return bodies[:, None] // 10 ** np.arange(16, -1, -1, dtype=np.int64) % 10


def _spell(codes: npt.NDArray[np.int64]) -> pl.Series:
    letters = np.frombuffer(USCC_ALPHABET.encode(), dtype=np.uint8)[codes]
    return pl.Series(np.ascontiguousarray(letters).view("S18").ravel().astype("U18").astype(object), dtype=pl.String)
