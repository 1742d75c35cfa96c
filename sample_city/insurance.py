"""Social insurance of the synthetic city's employees: who was insured by which employer, from when to when.

Every spell of employment is made whole, future included; :func:`insured_by` shows what the bureau knew at the end of
a day. An extract is a snapshot, past spells included.
"""

from datetime import date

import numpy as np
import polars as pl

from sample_city import rates
from sample_city.entities import Entities
from sample_city.hardness import Defects
from sample_city.identifiers import Integers, mistype_codes, phones
from sample_city.persons import Days, People, written_ids, written_names

_YEAR = 365.25
_EARLIEST, _LATEST = 18, 59
"""Ages at which people are employed, in years."""
_BASE_LIMITS = (4494, 24042)
"""Lowest and highest monthly contribution base, in yuan: round about those of the province, stated from memory."""


def make_spells(
    rng: np.random.Generator, everybody: People, entities: Entities, until: date, defects: Defects
) -> pl.DataFrame:
    """One row a person and employer; ``person`` and the day on which it will end are beside it as the truth."""
    today = np.datetime64(until, "D")
    age = (today - everybody.birth).astype(np.int64) / _YEAR
    is_employed = (age > _EARLIEST + 1) & (age < _LATEST) & (rng.random(len(everybody)) < rates.EMPLOYED)
    person = np.flatnonzero(is_employed)
    count = len(person)
    changed = _days_before(rng, today, rates.EMPLOYED_YEARS, count)
    begun = changed - np.maximum(rng.exponential(rates.EMPLOYED_YEARS * _YEAR, count), 30).astype("timedelta64[D]")
    ended = changed + np.maximum(rng.exponential(rates.EMPLOYMENT_ENDS_YEARS * _YEAR, count), 30).astype(
        "timedelta64[D]"
    )
    has_changed = rng.random(count) < rates.EMPLOYER_CHANGED
    who = np.concatenate([person, person[has_changed]])
    start = np.concatenate([changed, begun[has_changed]])
    end = np.concatenate([ended, changed[has_changed] - np.timedelta64(1, "D")])
    frame = _people(rng, everybody, person, defects).join(
        pl.DataFrame({"person": who, "insured_from_date": start, "ends_date": end}), on="person", maintain_order="right"
    )
    employed = frame.hstack(_employers(rng, entities, len(who), defects))
    grown = pl.Series(everybody.birth[who]).dt.offset_by(f"{_EARLIEST}y")
    spells = (
        employed.with_columns(
            pl.max_horizontal("insured_from_date", "registered_date", grown.alias("grown")).alias("insured_from_date"),
            contribution_base_cny=_bases(rng, len(who)),
            is_suspended=rng.random(len(who)) < rates.INSURANCE_SUSPENDED,
            insurance_type_code=pl.Series(np.where(rng.random(len(who)) < rates.INSURED_BY_INSTITUTION, 120, 110)).cast(
                pl.String
            ),
        )
        .filter(pl.col("insured_from_date") <= pl.col("ends_date"))
        .unique(["insurance_no", "employer_code"], keep="first", maintain_order=True)
    )
    return spells.join(_details(rng, everybody, person, defects), on="person", maintain_order="left")


def insured_by(spells: pl.DataFrame, day: date) -> pl.DataFrame:
    """What the bureau knew at the end of that day, with the contract's columns."""
    has_ended = pl.col("ends_date") <= day
    return spells.filter(pl.col("insured_from_date") <= day).with_columns(
        insured_to_date=pl.when(has_ended).then("ends_date"),
        status_code=pl.when(has_ended).then(pl.lit("3")).when("is_suspended").then(pl.lit("2")).otherwise(pl.lit("1")),
    )


def _days_before(rng: np.random.Generator, today: np.datetime64, years: float, count: int) -> Days:
    return today - rng.exponential(years * _YEAR, count).astype("timedelta64[D]")


def _people(rng: np.random.Generator, everybody: People, person: Integers, defects: Defects) -> pl.DataFrame:
    """What the bureau has of these persons: a number, an id, a name, written as clerks do."""
    ids, _ = written_ids(rng, everybody.ids(person), everybody.birth[person], defects)
    spelled, _ = written_names(rng, everybody.names(person), defects)
    number = pl.Series(10**9 + np.arange(len(person))).cast(pl.String)
    return pl.DataFrame(
        {"person": pl.Series(person), "insurance_no": number, "citizen_id": ids, "person_name": spelled}
    )


def _details(rng: np.random.Generator, everybody: People, person: Integers, defects: Defects) -> pl.DataFrame:
    """What else the bureau has of these persons; of some it lacks the one or the other."""
    is_known = {
        "sex_code": pl.Series(rng.random(len(person)) >= defects.insured_sex_missing),
        "birth_date": pl.Series(rng.random(len(person)) >= defects.insured_birth_date_missing),
        "phone": pl.Series(rng.random(len(person)) >= defects.insured_phone_missing),
    }
    frame = pl.DataFrame(
        {
            "person": pl.Series(person),
            "sex_code": pl.Series(np.where(everybody.is_male[person], 1, 2)).cast(pl.String),
            "birth_date": pl.Series(everybody.birth[person]),
            "phone": phones(everybody.phone[person]),
        }
    )
    return frame.with_columns(pl.when(known).then(name).alias(name) for name, known in is_known.items())


def _employers(rng: np.random.Generator, entities: Entities, count: int, defects: Defects) -> pl.DataFrame:
    """An employer each, some much larger than others; a few codes mistyped."""
    several = max(1, round(entities.known * rates.ENTITIES_THAT_EMPLOY))
    chosen = entities.choose(rng, several, sole_traders=0.15)
    size = rng.lognormal(0.0, 1.4, several)
    rows = chosen[rng.choice(several, size=count, p=size / size.sum())]
    known = entities.at(rows)
    is_mistyped = (rng.random(count) < defects.employer_code_mistyped) & ~known["is_code_old"].to_numpy()
    return known.select(
        mistype_codes(rng, known["code"], is_mistyped).alias("employer_code"),
        pl.col("entity_name").alias("employer_name"),
        "registered_date",
        "true_code",
    )


def _bases(rng: np.random.Generator, count: int) -> pl.Series:
    """Yuan a month, to the fen, between the lowest and the highest that contributions are paid on."""
    base = np.clip(rng.lognormal(8.9, 0.5, count), *_BASE_LIMITS)
    return (pl.Series(np.round(base * 100)).cast(pl.Int64).cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(18, 2))
