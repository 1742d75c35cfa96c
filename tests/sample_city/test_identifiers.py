"""Numbers of the synthetic city: valid by an independent library, and nobody's."""

import numpy as np
import polars as pl
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_10

from sample_city.identifiers import (
    citizen_bodies,
    citizen_checks,
    citizen_ids,
    mistype,
    mistype_codes,
    old_citizen_ids,
    old_registration_numbers,
    phones,
    unified_codes,
)

_COUNT = 2_000


def _bodies(rng: np.random.Generator) -> np.ndarray:
    birth = np.datetime64("1925-01-01") + rng.integers(0, 36_000, _COUNT).astype("timedelta64[D]")
    return citizen_bodies(birth, rng.integers(1, 1000, _COUNT))


# Would catch a wrong weight or check character, or a date written in another order.
def test_citizen_ids_pass_the_check_of_python_stdnum() -> None:
    ids = citizen_ids(_bodies(np.random.default_rng(1)))
    assert all(map(ric.is_valid, ids))


# Would catch a synthetic id that could be a real person's.
def test_citizen_ids_carry_a_division_that_no_mainland_id_has() -> None:
    ids = citizen_ids(_bodies(np.random.default_rng(2)))
    assert ids.str.slice(0, 6).unique().to_list() == ["710000"]


# Would catch a mistake that leaves the id valid: a test of recognition would then link strangers.
def test_a_mistyped_citizen_id_is_never_valid() -> None:
    rng = np.random.default_rng(3)
    bodies = _bodies(rng)
    wrong = citizen_ids(mistype(rng, bodies), citizen_checks(bodies))
    assert not any(map(ric.is_valid, wrong))
    assert (wrong.str.len_chars() == 18).all()


# Would catch an old form from which the id of today cannot be told.
def test_the_old_form_is_the_id_without_century_and_check() -> None:
    bodies = citizen_bodies(np.array(["1962-11-10"], dtype="datetime64[D]"), np.array([15]))
    assert old_citizen_ids(bodies).to_list() == ["710000621110015"]


# Would catch a wrong weight in one of the two checks of a unified code, or a serial number that repeats.
def test_unified_codes_pass_the_check_of_python_stdnum_and_never_repeat() -> None:
    codes = unified_codes(np.random.default_rng(4).integers(1, 4, _COUNT), np.arange(_COUNT))
    assert all(map(uscc.is_valid, codes))
    assert codes.n_unique() == _COUNT
    assert codes.str.slice(2, 6).unique().to_list() == ["710000"]


# Would catch an organisation part whose own check (GB 11714) is wrong, which stdnum does not look at.
def test_the_organisation_part_of_a_unified_code_has_its_own_check() -> None:
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for code in unified_codes(np.ones(50, dtype=np.int64), np.arange(50)):
        characters = zip(code[8:16], (3, 7, 9, 10, 5, 8, 4, 2), strict=True)
        total = sum(alphabet.index(character) * weight for character, weight in characters)
        assert code[16] == "0123456789X0"[11 - total % 11]


# Would catch a mistake that is none.
def test_a_mistyped_code_is_never_valid_and_others_stay_as_they_are() -> None:
    codes = unified_codes(np.ones(_COUNT, dtype=np.int64), np.arange(_COUNT))
    mask = np.arange(_COUNT) % 2 == 0
    written = mistype_codes(np.random.default_rng(5), codes, mask)
    valid = pl.Series([uscc.is_valid(code) for code in written])
    assert (valid.to_numpy() == ~mask).all()


# Would catch old numbers that a reader rightly throws away.
def test_old_registration_numbers_pass_their_check_digit() -> None:
    numbers = old_registration_numbers(np.arange(_COUNT) % 2 == 0, np.arange(_COUNT))
    assert all(map(mod_11_10.is_valid, numbers))
    assert (numbers.str.len_chars() == 15).all()


# Would catch a number that rings somewhere: subscribers' mobile numbers begin with 13 to 19.
def test_phones_begin_with_100() -> None:
    numbers = phones(np.array([0, 99_999_999]))
    assert numbers.to_list() == ["10000000000", "10099999999"]
