"""Makes the synthetic city: three departments, a few nights of extracts, the same bytes for the same seed.

This is the recipe; people, entities and cases have a module each. Everything is drawn from generators seeded by the
city's seed and the step's own number, so that a change in one step leaves the others as they were.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from citylake.contracts.model import Contract, load_contracts
from sample_city import rates
from sample_city.cases import Period, changed_on, going_on_since, known_by, make_cases
from sample_city.defects import BREACH, choose_breaches
from sample_city.entities import make_entities
from sample_city.extract import Delivered, write_extract
from sample_city.identifiers import Integers
from sample_city.nights import (
    CASES,
    ENTITIES,
    PERSONS,
    Nights,
    entity_changes,
    lose_cancellations,
    person_changes,
    plan_person_changes,
    register_numbers,
)
from sample_city.persons import People, PersonRecords, Register, make_people
from sample_city.regions import Regions, load_regions

_BLOCK = 100_000
_REGIONS, _PEOPLE, _RECORDS, _CHANGES, _ENTITIES, _ENTITY_CHANGES, _CASES, _BREACHES, _CASE_BREACHES = range(9)


def make_city(  # noqa: PLR0913  # what a city can be asked to be, by keyword
    landing: Path,
    contracts: Path,
    *,
    residents: int = 20_000,
    seed: int = 1,
    until: date,
    months: int = 14,
    nights: int = 3,
    truth: Path | None = None,
) -> dict[str, int]:
    """Write the extracts of a synthetic city into ``landing/<department>/<dataset>/`` and say how much it was.

    Args:
        landing: Where extracts arrive; created when missing. Files of the same name are replaced.
        contracts: The folder of the data contracts, which give headings, encodings and formats.
        residents: How many people the register holds on the first night.
        seed: The same seed and arguments give the same bytes.
        until: The last extract date.
        months: Whole months of history before the month of ``until``; cases that were still going on when it begins
            are older.
        nights: How many nights; the first brings everything, the others one day's changes each.
        truth: Where to write which records are whose, as Parquet. For tests and benchmarks only.

    Returns:
        deliveries, rows, malformed rows, and records of each kind on the first night.
    """
    catalogue = load_contracts(contracts)
    plan = Nights.until(until, nights)
    regions = load_regions(_generator(seed, _REGIONS))
    new = max(1, round(residents * rates.PERSONS_NEW_A_DAY))
    people = make_people(_generator(seed, _PEOPLE), regions, residents + new * (nights - 1), plan.days[0])
    city = _City(
        landing=landing,
        contracts=catalogue,
        nights=plan,
        seed=seed,
        residents=residents,
        regions=regions,
        people=people,
        truth=truth,
    )
    written = [*city.deliver_persons(new), *city.deliver_entities(), *city.deliver_cases(months)]
    first = {item.delivery.contract.name: item.rows for item in reversed(written)}
    return {
        "deliveries": len(written),
        "rows": sum(item.rows for item in written),
        "malformed": sum(item.malformed for item in written),
        **first,
    }


@dataclass(frozen=True, kw_only=True)
class _City:
    """The parts of one city while it is being written."""

    landing: Path
    contracts: dict[str, Contract]
    nights: Nights
    seed: int
    residents: int
    regions: Regions
    people: People
    truth: Path | None

    def deliver_persons(self, new: int) -> Iterator[Delivered]:
        """The person register: all of it in blocks, then each night's changes."""
        rng = _generator(self.seed, _CHANGES)
        count, residents = len(self.nights.days), self.residents
        twice = rng.permutation(residents)[: round(residents * rates.REGISTERED_TWICE)]
        person = np.concatenate([np.arange(residents), twice, np.arange(residents, len(self.people))])
        register = Register(self.people, self.regions, person, self.nights.days[0])
        records = residents + len(twice)
        changes = plan_person_changes(rng, residents, records, new, count)
        touched = np.sort(np.concatenate([np.empty(0, np.int64), *(change.touched for change in changes)]))
        first, *later = self.nights.deliveries(self.contracts, PERSONS)
        base: list[pl.DataFrame] = []
        true: list[pl.DataFrame] = []

        def blocks() -> Iterator[pl.DataFrame]:
            for start in range(0, records, _BLOCK):
                rows = np.arange(start, min(start + _BLOCK, records))
                block = register.records(_generator(self.seed, _RECORDS, start), rows)
                base.append(_among(block, touched))
                frame = block.frame.with_columns(choose_breaches(_generator(self.seed, _BREACHES, start), len(rows)))
                if self.truth is not None:
                    true.append(block.truth.with_columns(frame[BREACH].alias("breach")))
                yield frame

        yield write_extract(self.landing, first, blocks())
        known = pl.concat(base)
        for delivery, change in zip(later, changes, strict=True):
            frame, newcomers = person_changes(rng, register, known, change, delivery.extract_date)
            true.append(newcomers.with_columns(breach=pl.lit(None, pl.String)))
            yield write_extract(self.landing, delivery, [frame.with_columns(choose_breaches(rng, frame.height))])
        self._write_truth("person_record", true)

    def deliver_entities(self) -> Iterator[Delivered]:
        """The entity register, a few of its lines twice, then each night's changes, one of them to be corrected."""
        rng = _generator(self.seed, _ENTITY_CHANGES)
        count = round(self.residents * rates.ENTITIES_PER_RESIDENT)
        new = max(2, round(count * rates.ENTITIES_NEW_A_DAY))
        everything = count + new * (len(self.nights.days) - 1)
        frame, truth = make_entities(
            _generator(self.seed, _ENTITIES), self.people, self.regions, everything, self.nights.days[0]
        )
        first, *later = self.nights.deliveries(self.contracts, ENTITIES)
        full = frame.head(count).with_columns(choose_breaches(rng, count))
        good = full.filter(pl.col(BREACH).is_null())
        repeated = good[np.sort(rng.permutation(good.height)[: max(1, round(count * rates.ENTITY_LINE_REPEATED))])]
        yield write_extract(self.landing, first, [full, repeated])
        days = dict(zip(self.nights.days[1:], entity_changes(rng, frame, self.nights, new), strict=True))
        for delivery in later:
            changes = days[delivery.extract_date]
            sent = lose_cancellations(changes) if self.nights.is_corrected(delivery) else changes
            sent = sent.with_columns(choose_breaches(_generator(self.seed, _BREACHES, delivery.revision), sent.height))
            yield write_extract(self.landing, delivery, [sent])
        self._write_truth("entity_record", [truth])

    def deliver_cases(self, months: int) -> Iterator[Delivered]:
        """Urban cases: all that were known on the first night, then those in which something happened."""
        until = self.nights.days[-1]
        start = _months_before(until, months)
        lived = Period(_months_before(start, rates.CASE_MONTHS_BEFORE), until)
        rng = _generator(self.seed, _CASES)
        cases = going_on_since(make_cases(rng, self.people, self.regions, self.residents, lived), start)
        first, *later = self.nights.deliveries(self.contracts, CASES)
        yield write_extract(self.landing, first, self._cases_known(cases, first.extract_date))
        for delivery in later:
            changes = known_by(changed_on(cases, delivery.extract_date), delivery.extract_date)
            yield write_extract(self.landing, delivery, [changes.with_columns(choose_breaches(rng, changes.height))])
        self._write_truth("urban_case", [cases])

    def _cases_known(self, cases: pl.DataFrame, day: date) -> Iterator[pl.DataFrame]:
        for start in range(0, cases.height, _BLOCK):
            block = known_by(cases.slice(start, _BLOCK), day)
            yield block.with_columns(choose_breaches(_generator(self.seed, _CASE_BREACHES, start), block.height))

    def _write_truth(self, name: str, frames: list[pl.DataFrame]) -> None:
        if self.truth is not None:
            self.truth.mkdir(parents=True, exist_ok=True)
            pl.concat(frames).write_parquet(self.truth / f"{name}.parquet")


def _months_before(day: date, months: int) -> date:
    """The first day of the month so many months before that of ``day``."""
    return pl.select(pl.lit(day).dt.truncate("1mo").dt.offset_by(f"-{months}mo")).item()


def _among(block: PersonRecords, rows: Integers) -> pl.DataFrame:
    return block.frame.filter(pl.col("register_no").is_in(register_numbers(rows).implode()))


def _generator(seed: int, step: int, part: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, step, part])
