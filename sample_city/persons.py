"""The residents of the synthetic city and the records that the public security bureau keeps of them.

:class:`People` is the truth, arrays only, small enough to hold for millions; records are made from it in blocks and
thrown away once written. Defects are put into records, never into people.
"""

from dataclasses import astuple, dataclass, fields
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from sample_city import names, rates
from sample_city.hardness import Defects
from sample_city.identifiers import (
    Integers,
    Mask,
    citizen_bodies,
    citizen_checks,
    citizen_ids,
    mistype,
    old_citizen_ids,
    phones,
)
from sample_city.regions import FORMER, SUCCESSOR, Regions

Days = npt.NDArray[np.datetime64]
_OUTSIDERS_A_DAY = 99
"""How many numbers of one sex and day of birth are kept for people who are not in the register."""


@dataclass(frozen=True)
class Homes:
    """Addresses, one entry each: a community and what stands on the door."""

    community: Integers
    road: Integers
    number: Integers
    estate: Integers
    room: Integers

    @classmethod
    def draw(cls, rng: np.random.Generator, regions: Regions, count: int) -> "Homes":
        """Homes, by population."""
        return cls(
            community=regions.draw(rng, count).astype(np.int16),
            road=rng.integers(len(names.ROADS), size=count, dtype=np.int16),
            number=rng.integers(1, 400, size=count, dtype=np.int16),
            estate=rng.integers(len(names.ESTATES), size=count, dtype=np.int16),
            room=rng.integers(1, 33, size=count, dtype=np.int16) * 100 + rng.integers(1, 5, size=count, dtype=np.int16),
        )

    def at(self, rows: Integers) -> "Homes":
        """These rows only."""
        return Homes(self.community[rows], self.road[rows], self.number[rows], self.estate[rows], self.room[rows])

    def or_else(self, other: "Homes", use_other: Mask) -> "Homes":
        """The other's homes where the mask says so."""
        return Homes(
            np.where(use_other, other.community, self.community),
            np.where(use_other, other.road, self.road),
            np.where(use_other, other.number, self.number),
            np.where(use_other, other.estate, self.estate),
            np.where(use_other, other.room, self.room),
        )

    def addresses(self, regions: Regions) -> pl.Series:
        """The addresses in Chinese, from city to door."""
        frame = regions.at(self.community.astype(np.int64)).with_columns(
            road=pl.Series(names.ROADS).gather(self.road),
            estate=pl.Series(names.ESTATES).gather(self.estate),
            number=pl.Series(self.number),
            room=pl.Series(self.room),
        )
        return frame.select(
            pl.format("无锡市{}{}{}{}号{}{}室", "district_name", "street_name", "road", "number", "estate", "room")
        ).to_series()


@dataclass(frozen=True)
class People:
    """Everybody, one entry a person, in the order of their numbers."""

    birth: Days
    is_male: Mask
    sequence: Integers
    """Distinguishes those born on one day; odd for men."""
    surname: Integers
    first: Integers
    second: Integers
    """Second character of the given name; -1 for none."""
    phone: Integers
    homes: Homes

    def __len__(self) -> int:
        return len(self.birth)

    def and_also(self, others: "People") -> "People":
        """These persons, then the others."""
        homes = Homes(*(np.concatenate(pair) for pair in zip(astuple(self.homes), astuple(others.homes), strict=True)))
        arrays = {
            field.name: np.concatenate([getattr(self, field.name), getattr(others, field.name)])
            for field in fields(self)
            if field.name != "homes"
        }
        return People(**arrays, homes=homes)

    def ids(self, rows: Integers) -> npt.NDArray[np.int64]:
        """The first seventeen digits of these persons' citizen ids."""
        return citizen_bodies(self.birth[rows], self.sequence[rows])

    def names(self, rows: Integers) -> pl.Series:
        """The true names of these persons."""
        surnames = pl.Series([*names.SURNAMES, *names.LONG_SURNAMES]).gather(self.surname[rows])
        first = np.where(self.is_male[rows], self.first[rows], self.first[rows] + _FEMALE)
        second = np.where(self.is_male[rows], self.second[rows], self.second[rows] + _FEMALE)
        second = np.where(self.second[rows] < 0, len(_GIVEN) - 1, second)
        return surnames + pl.Series(_GIVEN).gather(first) + pl.Series(_GIVEN).gather(second)


_PER_SEX = min(len(names.GIVEN_MALE), len(names.GIVEN_FEMALE))
_FEMALE = _PER_SEX + len(names.GIVEN_RARE)
_GIVEN = [
    *names.GIVEN_MALE[:_PER_SEX],
    *names.GIVEN_RARE,
    *names.GIVEN_FEMALE[:_PER_SEX],
    *names.GIVEN_RARE,
    "",
]
"""Given-name characters: men's, women's at an offset, none at the end."""


def make_people(
    rng: np.random.Generator, regions: Regions, count: int, on: date, *, are_outsiders: bool = False
) -> People:
    """Draw everybody, as old as they are on that day. Outsiders are not in the register, and share no id with it."""
    groups = np.array(list(rates.AGE_GROUPS))
    shares = np.array(list(rates.AGE_GROUPS.values()))
    group = rng.choice(len(groups), size=count, p=shares / shares.sum())
    age_days = rng.integers(groups[group, 0] * 36525 // 100, groups[group, 1] * 36525 // 100)
    birth = np.datetime64(on, "D") - age_days.astype("timedelta64[D]")
    is_male = rng.random(count) < rates.SHARE_MALE
    frequencies = 1.0 / (np.arange(len(names.SURNAMES)) + 6.0)
    frequencies = np.append(frequencies / frequencies.sum(), np.full(len(names.LONG_SURNAMES), 0.0002))
    second = _draw_given(rng, count)
    second[rng.random(count) < 0.15] = -1
    return People(
        birth=birth,
        is_male=is_male,
        sequence=_sequences(birth, is_male, from_above=are_outsiders),
        surname=rng.choice(len(frequencies), size=count, p=frequencies / frequencies.sum()).astype(np.int16),
        first=_draw_given(rng, count),
        second=second,
        phone=rng.integers(10**7, 10**8, size=count, dtype=np.int32),
        homes=Homes.draw(rng, regions, count),
    )


def _draw_given(rng: np.random.Generator, count: int) -> npt.NDArray[np.int16]:
    """Characters of given names, frequent ones first, a few that take four bytes in GB 18030."""
    common = np.minimum(rng.exponential(_PER_SEX / 3, count), _PER_SEX - 1).astype(np.int16)
    rare = rng.integers(_PER_SEX, _FEMALE, size=count, dtype=np.int16)
    return np.where(rng.random(count) < 0.001, rare, common)


def _sequences(birth: Days, is_male: Mask, *, from_above: bool) -> Integers:
    """Number everybody of one sex born on one day: odd for men, even for women, from 1 and 2 up or 999 and 998 down."""
    frame = pl.DataFrame({"birth": birth, "is_male": is_male})
    rank = frame.select(pl.int_range(pl.len()).over("birth", "is_male")).to_series().to_numpy()
    room = _OUTSIDERS_A_DAY if from_above else 499 - _OUTSIDERS_A_DAY
    if rank.max(initial=0) >= room:
        raise ValueError(
            f"More than {room} people of one sex born on one day: ids would repeat. Ask for fewer residents."
        )
    return (np.where(is_male, 999, 998) - 2 * rank if from_above else 2 * rank + np.where(is_male, 1, 2)).astype(
        np.int16
    )


@dataclass(frozen=True)
class PersonRecords:
    """A block of register records: what is delivered, and beside it what is true."""

    frame: pl.DataFrame
    truth: pl.DataFrame


@dataclass(frozen=True)
class Register:
    """Whose records the register holds: entry n is the person that record n is about."""

    people: People
    regions: Regions
    person: Integers
    extract_date: date
    """The day of the full extract; nothing in it is later."""
    defects: Defects

    def records(self, rng: np.random.Generator, rows: Integers) -> PersonRecords:
        """Make these records, with the defects of the register, as of the full extract."""
        person, count = self.person[rows], len(rows)
        homes = self.people.homes.at(person)
        is_out_of_date = rng.random(count) < self.defects.address_out_of_date
        written = homes.or_else(Homes.draw(rng, self.regions, count), is_out_of_date)
        frame = pl.DataFrame(
            {
                "register_no": pl.Series(10**9 + rows.astype(np.int64)).cast(pl.String),
                "sex_code": pl.Series(np.where(self.people.is_male[person], 1, 2)).cast(pl.String),
                "birth_date": pl.Series(self.people.birth[person]),
                "ethnic_code": _ethnic_codes(rng, count),
                "residence_address": written.addresses(self.regions),
                "phone": phones(self.people.phone[person]),
                **_region_codes(rng, self.regions, written, homes),
                **_life(rng, self.people.birth[person], np.datetime64(self.extract_date, "D")),
            }
        ).with_columns(
            register_no="P" + pl.col("register_no"),
            phone=pl.when(pl.Series((rng.random(count) >= self.defects.phone_missing) & self._is_grown(person))).then(
                "phone"
            ),
            operation=pl.Series(np.where(rng.random(count) < 0.7, "I", "U").astype(object), dtype=pl.String),
        )
        ids, id_truth = written_ids(rng, self.people.ids(person), self.people.birth[person], self.defects)
        spelled, name_truth = written_names(rng, self.people.names(person), self.defects)
        truth = pl.DataFrame(
            {
                "register_no": frame["register_no"],
                "person": pl.Series(person),
                "is_address_out_of_date": is_out_of_date,
                "true_address": homes.addresses(self.regions),
                **id_truth,
                **name_truth,
            }
        )
        return PersonRecords(frame.with_columns(citizen_id=ids, person_name=spelled), truth)

    def _is_grown(self, person: Integers) -> Mask:
        return self.people.birth[person] < np.datetime64(self.extract_date, "D") - np.timedelta64(14 * 365, "D")


def _region_codes(
    rng: np.random.Generator, regions: Regions, written: Homes, registered: Homes
) -> dict[str, pl.Series]:
    """The division of residence as finely as the clerk knew it, and the district of the household."""
    home = regions.at(written.community.astype(np.int64))
    count = home.height
    levels, shares = list(rates.RESIDENCE_PRECISION), list(rates.RESIDENCE_PRECISION.values())
    frame = home.with_columns(
        level=pl.Series(rng.choice(len(levels), size=count, p=shares)),
        former=pl.Series(rng.choice(list(FORMER), size=count).astype(object), dtype=pl.String),
        is_former=pl.Series(rng.random(count) < rates.FORMER_DISTRICT / rates.DISTRICT_SHARES[SUCCESSOR]),
        household_district=regions.at(registered.community.astype(np.int64))["district_code"],
    )
    finest = pl.col("level").replace_strict(range(len(levels)), levels)
    residence = (
        pl.when(pl.col("is_former") & (pl.col("district_code") == SUCCESSOR))
        .then("former")
        .when(finest == "community")
        .then("community_code")
        .when(finest == "street")
        .then("street_code")
        .when(finest == "district")
        .then("district_code")
    )
    codes = frame.select(residence_region_code=residence, household_region_code="household_district")
    return {name: codes[name] for name in codes.columns}


def _life(rng: np.random.Generator, birth: Days, today: np.datetime64) -> dict[str, pl.Series]:
    """Registration, status, cancellation and last update, in this order in time, none after ``today``."""
    count = len(birth)
    age = (today - birth).astype(np.int64)
    at_birth = np.minimum(rng.integers(0, 31, count), age)
    on_arrival = np.maximum(age - (rng.exponential(10 * 365, count)).astype(np.int64), 0)
    registered = birth + np.where(rng.random(count) < rates.SHARE_BORN_HERE, at_birth, on_arrival)
    chance = rng.random(count)
    has_died = chance < np.clip((age - 60 * 365) / (60 * 365), 0.0005, 0.4) * 0.5
    has_left = ~has_died & (chance > 1 - rates.MOVED_OUT)
    is_over = has_died | has_left
    since = (today - registered).astype(np.int64)
    over = today - np.minimum(rng.exponential(500, count).astype(np.int64), since)
    last = np.where(is_over, over, registered)
    update = np.maximum(last, today - rng.exponential(200, count).astype(np.int64))
    seconds = rng.integers(8 * 3600, 17 * 3600, count)
    return {
        "status_code": pl.Series(np.where(has_died, 2, np.where(has_left, 3, 1))).cast(pl.String),
        "registered_date": pl.Series(registered),
        "cancelled_date": pl.select(pl.when(pl.Series(is_over)).then(pl.Series(over))).to_series(),
        "updated_at": pl.Series(update.astype("datetime64[us]") + seconds * np.timedelta64(1_000_000, "us")),
    }


def _ethnic_codes(rng: np.random.Generator, count: int) -> pl.Series:
    codes = np.where(rng.random(count) < 0.985, 1, rng.integers(2, 57, count))
    return pl.Series(codes).cast(pl.String).str.zfill(2)


def written_ids(
    rng: np.random.Generator, bodies: npt.NDArray[np.int64], birth: Days, defects: Defects
) -> tuple[pl.Series, dict[str, pl.Series]]:
    """The ids as departments have them: most right, some missing, mistyped or in the old form."""
    chance = rng.random(len(bodies))
    is_missing = chance < defects.id_missing
    is_mistyped = ~is_missing & (chance < defects.id_missing + defects.id_mistyped)
    is_old_form = (chance > 1 - defects.id_old_form) & (birth < np.datetime64("1999-10-01"))
    true_ids = citizen_ids(bodies)
    wrong = citizen_ids(mistype(rng, bodies), citizen_checks(bodies))
    written = pl.select(
        pl.when(pl.Series(is_missing))
        .then(None)
        .when(pl.Series(is_mistyped))
        .then(wrong)
        .when(pl.Series(is_old_form))
        .then(old_citizen_ids(bodies))
        .otherwise(true_ids)
    ).to_series()
    flags = {"is_id_missing": is_missing, "is_id_mistyped": is_mistyped, "is_id_old_form": is_old_form}
    return written, {"true_citizen_id": true_ids, **{name: pl.Series(flag) for name, flag in flags.items()}}


def written_names(
    rng: np.random.Generator, true_names: pl.Series, defects: Defects
) -> tuple[pl.Series, dict[str, pl.Series]]:
    """The names as clerks wrote them: a character that sounds alike, or else a space after the surname."""
    is_variant = rng.random(len(true_names)) < defects.name_variant
    frame = pl.DataFrame({"name": true_names, "is_variant": is_variant})
    alike = pl.col("name").str.slice(0, 1) + pl.col("name").str.slice(1).str.replace_many(names.VARIANTS)
    spaced = pl.col("name").str.slice(0, 1) + pl.lit(" ") + pl.col("name").str.slice(1)
    variant = pl.when(alike != pl.col("name")).then(alike).otherwise(spaced)
    written = frame.select(pl.when("is_variant").then(variant).otherwise("name")).to_series()
    return written, {"true_name": true_names, "is_name_variant": pl.Series(is_variant)}
