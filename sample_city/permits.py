"""Residence permits of the synthetic city: people whose household is registered elsewhere, in the register or not."""

from datetime import date

import numpy as np
import polars as pl

from sample_city import rates
from sample_city.hardness import Defects
from sample_city.identifiers import Integers
from sample_city.nights import each_night
from sample_city.persons import Days, People, written_ids, written_names
from sample_city.regions import Regions

# Counties that people come from; the codes are real, the people are not.
_ORIGINS = (
    *("341282", "341204", "341225", "341226", "341322", "340421"),
    *("320322", "320324", "320722", "320826", "321322", "321324"),
    *("411481", "411424", "411625", "411722", "511302", "511602"),
    *("520502", "361127", "420921", "430426", "610124", "620502"),
)
_FIRST_ISSUED = np.datetime64("2016-01-01")
"""The regulations on residence permits hold since this day."""
_ADULT = np.timedelta64(16 * 366, "D")


def choose_holders(rng: np.random.Generator, everybody: People, registered: int, on: date) -> Integers:
    """Who has a permit: some of the first so many, who are in the register, and all adults behind them."""
    is_adult = everybody.birth < np.datetime64(on, "D") - _ADULT
    is_registered = np.arange(len(everybody)) < registered
    has_permit = is_adult & (~is_registered | (rng.random(len(everybody)) < rates.PERMITS_PER_RESIDENT))
    return rng.permutation(np.flatnonzero(has_permit))


def make_permits(  # noqa: PLR0913, PLR0917  # the city's parts, and how hard it is
    rng: np.random.Generator, everybody: People, regions: Regions, holders: Integers, on: date, defects: Defects
) -> pl.DataFrame:
    """Their permits as they stand at the end of that day, one row each, ``person`` beside them as the truth."""
    count = len(holders)
    today = np.datetime64(on, "D")
    birth = everybody.birth[holders]
    issued = _issued(rng, birth, today)
    homes = everybody.homes.at(holders)
    ids, _ = written_ids(rng, everybody.ids(holders), birth, defects)
    spelled, _ = written_names(rng, everybody.names(holders), defects)
    is_to_street = rng.random(count) < 0.2
    place = regions.at(homes.community.astype(np.int64))
    return pl.DataFrame(
        {
            "person": pl.Series(holders),
            "permit_no": "JZ" + pl.Series(10**9 + np.arange(count)).cast(pl.String),
            "citizen_id": ids,
            "holder_name": spelled,
            "sex_code": pl.Series(np.where(everybody.is_male[holders], 1, 2)).cast(pl.String),
            "birth_date": pl.Series(birth),
            "origin_region_code": pl.Series(_ORIGINS).gather(rng.integers(len(_ORIGINS), size=count)),
            "residence_region_code": pl.select(
                pl.when(pl.Series(is_to_street)).then(place["street_code"]).otherwise(place["community_code"])
            ).to_series(),
            "residence_address": homes.addresses(regions),
            "issued_date": pl.Series(issued),
            **_validity(rng, issued, today),
        }
    )


def permit_changes(
    rng: np.random.Generator, permits: pl.DataFrame, known: int, days: tuple[date, ...]
) -> list[pl.DataFrame]:
    """The changes of each of these days: permits issued (those behind ``known``), renewed, cancelled and deleted.

    No permit changes twice.
    """
    rows = rng.permutation(known)
    new = (permits.height - known) // max(1, len(days))
    parts = [each_night(known, rates.PERMITS_RENEWED_A_DAY), each_night(known, rates.PERMITS_CANCELLED_A_DAY), 1]
    found: list[pl.DataFrame] = []
    for night, day in enumerate(days):
        renewed, cancelled, deleted = np.split(rows[night * sum(parts) :][: sum(parts)], np.cumsum(parts)[:2])
        until = pl.lit(day).dt.offset_by("1y").dt.offset_by("-1d")
        issued = permits.slice(known + night * new, new).with_columns(
            issued_date=pl.lit(day), valid_to_date=until, status_code=pl.lit("1"), operation=pl.lit("I")
        )
        changed = [
            issued,
            permits[renewed].with_columns(valid_to_date=until, status_code=pl.lit("1"), operation=pl.lit("U")),
            permits[cancelled].with_columns(status_code=pl.lit("3"), operation=pl.lit("U")),
            permits[deleted].with_columns(operation=pl.lit("D")),
        ]
        frame = pl.concat(changed)
        found.append(frame.with_columns(updated_at=_office_hours(rng, np.full(frame.height, np.datetime64(day, "D")))))
    return found


def _issued(rng: np.random.Generator, birth: Days, today: np.datetime64) -> Days:
    """The nearer the more, none before the regulations or the holder's birth."""
    since = (today - np.maximum(birth, _FIRST_ISSUED)).astype(np.int64)
    ago = np.minimum(rng.exponential(3 * 365, len(birth)).astype(np.int64), since)
    return today - ago


def _validity(rng: np.random.Generator, issued: Days, today: np.datetime64) -> dict[str, pl.Series]:
    """A permit holds for a year and is renewed for another, until its holder leaves or forgets."""
    count = len(issued)
    years = (today - issued).astype(np.int64) // 366
    is_forgotten = (rng.random(count) < rates.PERMIT_LAPSED) & (years > 0)
    renewals = np.where(is_forgotten, years - 1, years)
    end, last = (
        pl.DataFrame({"issued": pl.Series(issued), "years": renewals + more})
        .select(pl.col("issued").dt.offset_by(pl.format("{}y", "years")))
        .to_series()
        for more in (1, 0)
    )
    valid_to = end.dt.offset_by("-1d")
    is_over = (valid_to.to_numpy() < today) & (rng.random(count) >= rates.PERMIT_LAPSE_UNMARKED)
    is_cancelled = rng.random(count) < rates.PERMIT_CANCELLED
    status = np.where(is_cancelled, 3, np.where(is_over, 2, 1))
    return {
        "valid_to_date": valid_to,
        "status_code": pl.Series(status).cast(pl.String),
        "operation": pl.Series(np.where(renewals > 0, "U", "I").astype(object), dtype=pl.String),
        "updated_at": _office_hours(rng, np.minimum(last.to_numpy(), today)),
    }


def _office_hours(rng: np.random.Generator, days: Days) -> pl.Series:
    seconds = rng.integers(8 * 3600, 17 * 3600, len(days)) * np.timedelta64(1_000_000, "us")
    return pl.Series(days.astype("datetime64[us]") + seconds)
