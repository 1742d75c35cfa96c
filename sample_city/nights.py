"""What each department delivers on each night: which file, of which day, arriving when, with what gone wrong.

The first night brings everything, each later night one day's changes. With three nights or more the last three bring
what a city must live with: an urban case extract that arrives a night late, an entity extract that is corrected a
night later, and a person extract that lacks a required column and is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from citylake.contracts.model import Contract
from sample_city import rates
from sample_city.entities import Entities, capitals
from sample_city.extract import Delivery
from sample_city.identifiers import Integers
from sample_city.persons import Register

PERSONS = "public_security.person_register"
ENTITIES = "market_supervision.entity_register"
CASES = "urban_management.urban_case"
PERMITS = "public_security.residence_permit"
INSURANCE = "human_resources.social_insurance"
LICENCES = "credit_office.administrative_licence"
PENALTIES = "credit_office.administrative_penalty"
SERVICES = "government_service.service_case"
LEFT_OUT = "registered_date"
"""The column that the refused person extract lacks."""

# A day's extract is written in the night after it.
_NEXT_MORNING = timedelta(days=1)


@dataclass(frozen=True)
class Nights:
    """The extract dates, oldest first; the first is the full extract's."""

    days: tuple[date, ...]

    @classmethod
    def until(cls, last: date, count: int) -> "Nights":
        """``count`` nights that end with the extract of ``last``."""
        return cls(tuple(last - timedelta(days=back) for back in reversed(range(count))))

    @property
    def has_trouble(self) -> bool:
        """Whether there are enough nights for a late, a corrected and a refused delivery."""
        return len(self.days) >= 3

    def deliveries(self, contracts: Mapping[str, Contract], dataset: str) -> list[Delivery]:
        """The deliveries of a dataset in the order of their extract dates; a correction follows what it corrects."""
        contract = contracts[dataset]
        plan = [Delivery(contract, day, day + _NEXT_MORNING) for day in self.days]
        if not self.has_trouble:
            return plan
        *earlier, troubled, last = plan
        if dataset == CASES:
            return [*earlier, Delivery(contract, troubled.extract_date, last.arrives), last]
        if dataset == ENTITIES:
            return [*earlier, troubled, Delivery(contract, troubled.extract_date, last.arrives, revision=1), last]
        if dataset == PERSONS:
            return [*earlier, troubled, Delivery(contract, last.extract_date, last.arrives, without=LEFT_OUT)]
        return plan

    def is_corrected(self, delivery: Delivery) -> bool:
        """Whether this is the delivery that a later one corrects."""
        return self.has_trouble and delivery.extract_date == self.days[-2] and delivery.revision == 0


@dataclass(frozen=True)
class PersonChanges:
    """Which records of the person register change on one night; the three kinds do not overlap."""

    moved: Integers
    cancelled: Integers
    deleted: Integers
    new: Integers

    @property
    def touched(self) -> Integers:
        """Records of the full extract that change."""
        return np.concatenate([self.moved, self.cancelled, self.deleted])


def plan_person_changes(
    rng: np.random.Generator, residents: int, records: int, new_each_night: int, nights: int
) -> list[PersonChanges]:
    """Choose for every night after the first; records from ``residents`` on are second records of somebody.

    No record changes on two nights. Second records are what gets deleted.
    """
    moved, cancelled = (
        each_night(residents, rates.PERSONS_CHANGED_A_DAY),
        each_night(residents, rates.PERSONS_CANCELLED_A_DAY),
    )
    deleted = each_night(residents, rates.PERSONS_DELETED_A_DAY)
    first = rng.permutation(residents)
    second = residents + rng.permutation(records - residents)
    return [
        PersonChanges(
            moved=np.sort(first[night * moved : (night + 1) * moved]),
            cancelled=np.sort(first[::-1][night * cancelled : (night + 1) * cancelled]),
            deleted=np.sort(second[night * deleted : (night + 1) * deleted]),
            new=records + night * new_each_night + np.arange(new_each_night),
        )
        for night in range(nights - 1)
    ]


def person_changes(
    rng: np.random.Generator, register: Register, base: pl.DataFrame, changes: PersonChanges, day: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One day's changes as records, and the truth about the new ones; ``base`` has the records as first delivered."""
    new = register.records(rng, changes.new)
    move_in = new.frame.with_columns(
        status_code=pl.lit("1"),
        registered_date=pl.lit(day),
        cancelled_date=pl.lit(None, pl.Date),
        operation=pl.lit("I"),
    )
    moved = _records(base, changes.moved).with_columns(
        residence_address=register.people.homes.at(register.person[changes.moved]).addresses(register.regions),
        residence_region_code=register.regions.at(
            register.people.homes.community[register.person[changes.moved]].astype(np.int64)
        )["community_code"],
        operation=pl.lit("U"),
    )
    left = (
        _records(base, changes.cancelled)
        .filter(pl.col("status_code") == "1")
        .with_columns(status_code=pl.lit("3"), cancelled_date=pl.lit(day), operation=pl.lit("U"))
    )
    deleted = _records(base, changes.deleted).with_columns(operation=pl.lit("D"))
    frame = pl.concat([part.select(sorted(base.columns)) for part in (move_in, moved, left, deleted)])
    seconds = rng.integers(8 * 3600, 17 * 3600, frame.height) * np.timedelta64(1_000_000, "us")
    return frame.with_columns(updated_at=pl.Series(np.datetime64(day, "us") + seconds)), new.truth


def _records(base: pl.DataFrame, rows: Integers) -> pl.DataFrame:
    wanted = pl.DataFrame({"register_no": register_numbers(rows)})
    return wanted.join(base, on="register_no", maintain_order="left")


def register_numbers(rows: Integers) -> pl.Series:
    """The numbers of these records: P and ten digits."""
    return "P" + pl.Series(10**9 + rows.astype(np.int64)).cast(pl.String)


def entity_changes(rng: np.random.Generator, entities: Entities, nights: Nights) -> list[pl.DataFrame]:
    """One day's changes of the entity register for every night after the first, none of them twice.

    Entities are registered on that day; others are struck off or change their capital.
    """
    known, register = entities.known, entities.frame
    new = (register.height - known) // max(1, len(nights.days) - 1)
    active = register.head(known).with_row_index().filter(pl.col("status_code") == "存续")
    rows = active["index"].to_numpy()[rng.permutation(active.height)]
    ended, changed = (
        each_night(known, rates.ENTITIES_CANCELLED_A_DAY),
        each_night(known, rates.ENTITIES_CHANGED_A_DAY),
    )
    found: list[pl.DataFrame] = []
    for night, day in enumerate(nights.days[1:]):
        struck_off = register[rows[night * ended : (night + 1) * ended]].with_columns(
            status_code=pl.lit("注销"), cancelled_date=pl.lit(day)
        )
        changing = register[rows[::-1][night * changed : (night + 1) * changed]]
        changing = changing.with_columns(registered_capital=capitals(rng, np.zeros(changing.height, dtype=np.bool_)))
        opened = register.slice(known + night * new, new).with_columns(
            registered_date=pl.lit(day), status_code=pl.lit("存续"), cancelled_date=pl.lit(None, pl.Date)
        )
        found.append(pl.concat([opened, struck_off, changing]))
    return found


def lose_cancellations(changes: pl.DataFrame) -> pl.DataFrame:
    """The mistake that the corrected delivery mends: those struck off were sent as if they went on."""
    return changes.with_columns(status_code=pl.lit("存续"), cancelled_date=pl.lit(None, pl.Date))


def each_night(total: int, rate: float) -> int:
    """How many of a thing change in a night, at least one."""
    return max(1, round(total * rate))
