"""Makes the synthetic city: a few nights of departments' extracts, the same bytes for the same seed.

This is the recipe; what a dataset consists of has a module of its own. Everything is drawn from generators seeded by
the city's seed and the step's own number, so that a change in one step leaves the others as they were.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from citylake.contracts.model import Contract, load_contracts
from sample_city import credit, insurance, permits, rates, services
from sample_city.cases import LIFE, make_cases
from sample_city.defects import BREACH, choose_breaches
from sample_city.entities import Entities, make_entities
from sample_city.extract import Delivered, write_extract
from sample_city.hardness import DOCUMENTED, Defects
from sample_city.identifiers import Integers
from sample_city.lives import Period
from sample_city.nights import (
    CASES,
    ENTITIES,
    INSURANCE,
    LICENCES,
    PENALTIES,
    PERMITS,
    PERSONS,
    SERVICES,
    Nights,
    each_night,
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
_OUTSIDERS, _PERMITS, _INSURANCE, _LICENCES, _PENALTIES, _SERVICES = range(9, 15)


def make_city(  # noqa: PLR0913  # what a city can be asked to be, by keyword
    landing: Path,
    contracts: Path,
    *,
    residents: int = 20_000,
    seed: int = 1,
    until: date,
    months: int = 14,
    nights: int = 3,
    defects: Defects = DOCUMENTED,
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
        defects: How often records are wrong; a harder city is the same city with more of them.
        truth: Where to write which records are whose, as Parquet. For tests and benchmarks only.

    Returns:
        deliveries, rows, malformed rows, and records of each kind on the first night.
    """
    plan = Nights.until(until, nights)
    start = _months_before(until, months)
    city = _City.found(
        landing, load_contracts(contracts), plan, seed=seed, residents=residents, defects=defects, truth=truth
    )
    written = [
        *city.deliver_persons(),
        *city.deliver_permits(),
        *city.deliver_entities(),
        *city.deliver_insurance(),
        *city.deliver_credit(Period(start, until)),
        *city.deliver_cases(start),
        *city.deliver_services(start),
    ]
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
    newcomers: int
    """People who come each night after the first; in ``people`` they stand behind the residents."""
    regions: Regions
    people: People
    """Who is in the register, or will be."""
    everybody: People
    """These, then the outsiders."""
    entities: Entities
    defects: Defects
    truth: Path | None

    @classmethod
    def found(  # noqa: PLR0913  # what a city is made from
        cls,
        landing: Path,
        contracts: dict[str, Contract],
        nights: Nights,
        *,
        seed: int,
        residents: int,
        defects: Defects,
        truth: Path | None,
    ) -> "_City":
        """Draw the places, the people and the organisations that all extracts are about."""
        regions, on = load_regions(_generator(seed, _REGIONS)), nights.days[0]
        new = max(1, round(residents * rates.PERSONS_NEW_A_DAY))
        count = residents + new * (len(nights.days) - 1)
        people = make_people(_generator(seed, _PEOPLE), regions, count, on)
        outside = max(1, round(residents * rates.OUTSIDERS_PER_RESIDENT))
        outsiders = make_people(_generator(seed, _OUTSIDERS), regions, outside, on, are_outsiders=True)
        known = round(residents * rates.ENTITIES_PER_RESIDENT)
        entities = make_entities(
            _generator(seed, _ENTITIES), people, regions, known, on, nights=len(nights.days), defects=defects
        )
        return cls(
            landing=landing,
            contracts=contracts,
            nights=nights,
            seed=seed,
            residents=residents,
            newcomers=new,
            regions=regions,
            people=people,
            everybody=people.and_also(outsiders),
            entities=entities,
            defects=defects,
            truth=truth,
        )

    def deliver_persons(self) -> Iterator[Delivered]:
        """The person register: all of it in blocks, then each night's changes."""
        rng = _generator(self.seed, _CHANGES)
        count, residents = len(self.nights.days), self.residents
        twice = rng.permutation(residents)[: round(residents * self.defects.registered_twice)]
        person = np.concatenate([np.arange(residents), twice, np.arange(residents, len(self.people))])
        register = Register(self.people, self.regions, person, self.nights.days[0], self.defects)
        records = residents + len(twice)
        changes = plan_person_changes(rng, residents, records, self.newcomers, count)
        touched = np.sort(np.concatenate([np.empty(0, np.int64), *(change.touched for change in changes)]))
        first, *later = self.nights.deliveries(self.contracts, PERSONS)
        base: list[pl.DataFrame] = []
        true: list[pl.DataFrame] = []

        def blocks() -> Iterator[pl.DataFrame]:
            for start in range(0, records, _BLOCK):
                rows = np.arange(start, min(start + _BLOCK, records))
                block = register.records(_generator(self.seed, _RECORDS, start), rows)
                base.append(_among(block, touched))
                breaches = choose_breaches(_generator(self.seed, _BREACHES, start), len(rows), first.contract)
                frame = block.frame.with_columns(breaches)
                if self.truth is not None:
                    true.append(block.truth.with_columns(frame[BREACH].alias("breach")))
                yield frame

        yield write_extract(self.landing, first, blocks())
        known = pl.concat(base)
        for delivery, change in zip(later, changes, strict=True):
            frame, newcomers = person_changes(rng, register, known, change, delivery.extract_date)
            true.append(newcomers.with_columns(breach=pl.lit(None, pl.String)))
            yield write_extract(self.landing, delivery, [_broken(rng, frame, delivery.contract)])
        self._write_truth("person_record", true)

    def deliver_entities(self) -> Iterator[Delivered]:
        """The entity register, a few of its lines twice, then each night's changes, one of them to be corrected."""
        rng = _generator(self.seed, _ENTITY_CHANGES)
        count, frame, contract = self.entities.known, self.entities.frame, self.contracts[ENTITIES]
        first, *later = self.nights.deliveries(self.contracts, ENTITIES)
        full = _broken(rng, frame.head(count), contract)
        good = full.filter(pl.col(BREACH).is_null())
        repeated = good[np.sort(rng.permutation(good.height)[: max(1, round(count * rates.ENTITY_LINE_REPEATED))])]
        yield write_extract(self.landing, first, [full, repeated])
        days = dict(zip(self.nights.days[1:], entity_changes(rng, self.entities, self.nights), strict=True))
        for delivery in later:
            changes = days[delivery.extract_date]
            sent = lose_cancellations(changes) if self.nights.is_corrected(delivery) else changes
            yield write_extract(
                self.landing,
                delivery,
                [_broken(_generator(self.seed, _BREACHES, delivery.revision), sent, contract)],
            )
        self._write_truth("entity_record", [self.entities.truth])

    def deliver_cases(self, start: date) -> Iterator[Delivered]:
        """Urban cases: all that were known on the first night, then those in which something happened."""
        lived = Period(_months_before(start, rates.CASE_MONTHS_BEFORE), self.nights.days[-1])
        rng = _generator(self.seed, _CASES)
        cases = LIFE.going_on_since(make_cases(rng, self.people, self.regions, self.residents, lived), start)
        first, *later = self.nights.deliveries(self.contracts, CASES)
        yield write_extract(self.landing, first, self._cases_known(cases, first.extract_date))
        for delivery in later:
            changes = LIFE.known_by(LIFE.changed_on(cases, delivery.extract_date), delivery.extract_date)
            yield write_extract(self.landing, delivery, [_broken(rng, changes, delivery.contract)])
        self._write_truth("urban_case", [cases])

    def _cases_known(self, cases: pl.DataFrame, day: date) -> Iterator[pl.DataFrame]:
        for start in range(0, cases.height, _BLOCK):
            block = LIFE.known_by(cases.slice(start, _BLOCK), day)
            yield _broken(_generator(self.seed, _CASE_BREACHES, start), block, self.contracts[CASES])

    def deliver_permits(self) -> Iterator[Delivered]:
        """Residence permits of some who are registered and of all adults who are not, then each night's changes."""
        rng = _generator(self.seed, _PERMITS)
        on, *later = self.nights.days
        holders = permits.choose_holders(rng, self.everybody, len(self.people), on)
        known = len(holders) - each_night(len(holders), rates.PERMITS_NEW_A_DAY) * len(later)
        frame = permits.make_permits(rng, self.everybody, self.regions, holders, on, self.defects)
        changes = dict(zip(later, permits.permit_changes(rng, frame, known, tuple(later)), strict=True))
        yield from self._deliver(PERMITS, _PERMITS, lambda day: changes.get(day, frame.head(known)))
        self._write_truth("residence_permit", [frame])

    def deliver_insurance(self) -> Iterator[Delivered]:
        """Social insurance: everything that is known, every night."""
        rng = _generator(self.seed, _INSURANCE)
        spells = insurance.make_spells(rng, self.everybody, self.entities, self.nights.days[-1], self.defects)
        yield from self._deliver(INSURANCE, _INSURANCE, lambda day: insurance.insured_by(spells, day))
        self._write_truth("social_insurance", [spells])

    def deliver_credit(self, period: Period) -> Iterator[Delivered]:
        """Licences and penalties: those published by the first night, then those of each day."""
        subjects = credit.Subjects(self.everybody, self.entities, self.defects)
        for dataset, step, make in (
            (LICENCES, _LICENCES, credit.make_licences),
            (PENALTIES, _PENALTIES, credit.make_penalties),
        ):
            decisions = make(_generator(self.seed, step), subjects, self.residents, period)
            yield from self._deliver(
                dataset, step, lambda day, decisions=decisions: credit.published(decisions, day, self._is_first(day))
            )
            self._write_truth(self.contracts[dataset].name, [decisions])

    def deliver_services(self, start: date) -> Iterator[Delivered]:
        """Service cases: the state of all known on the first night, then of those in which something happened."""
        lived = Period(_months_before(start, rates.SERVICE_MONTHS_BEFORE), self.nights.days[-1])
        cases = services.make_service_cases(
            _generator(self.seed, _SERVICES),
            self.people,
            self.entities,
            self.regions,
            self.residents,
            lived,
            self.defects,
        )
        cases = services.LIFE.going_on_since(cases, start)

        def of(day: date) -> pl.DataFrame:
            sent = cases if self._is_first(day) else services.LIFE.changed_on(cases, day)
            return services.with_results(services.LIFE.known_by(sent, day))

        yield from self._deliver(SERVICES, _SERVICES, of)
        self._write_truth("service_case", [cases])

    def _is_first(self, day: date) -> bool:
        return day == self.nights.days[0]

    def _deliver(self, dataset: str, step: int, of: Callable[[date], pl.DataFrame]) -> Iterator[Delivered]:
        """One dataset on all nights: what is sent of each day, a few rows of it broken."""
        for number, delivery in enumerate(self.nights.deliveries(self.contracts, dataset), start=1):
            rng = _generator(self.seed, step, number)
            yield write_extract(self.landing, delivery, [_broken(rng, of(delivery.extract_date), delivery.contract)])

    def _write_truth(self, name: str, frames: list[pl.DataFrame]) -> None:
        if self.truth is not None:
            self.truth.mkdir(parents=True, exist_ok=True)
            pl.concat(frames).write_parquet(self.truth / f"{name}.parquet")


def _months_before(day: date, months: int) -> date:
    """The first day of the month so many months before that of ``day``."""
    return pl.select(pl.lit(day).dt.truncate("1mo").dt.offset_by(f"-{months}mo")).item()


def _broken(rng: np.random.Generator, frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    return frame.with_columns(choose_breaches(rng, frame.height, contract))


def _among(block: PersonRecords, rows: Integers) -> pl.DataFrame:
    return block.frame.filter(pl.col("register_no").is_in(register_numbers(rows).implode()))


def _generator(seed: int, step: int, part: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, step, part])
