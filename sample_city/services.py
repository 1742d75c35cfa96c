"""Cases of government service of the synthetic city, from application to result.

Every case is lived through to its end; ``lives`` shows what was known of it at the end of a day. Approvals of one
construction project are cases that follow each other through its stages.
"""

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from sample_city import rates
from sample_city.entities import Entities
from sample_city.hardness import Defects
from sample_city.identifiers import phones
from sample_city.lives import NEVER, Life, Period, draw_beginnings, instants, numbered_by_day, without_never
from sample_city.persons import People, written_ids, written_names
from sample_city.regions import Regions
from sample_city.worktime import HOURS_A_DAY, Seconds, WorkingClock

# item, name, group, department, applicants are entities, promised working days, weight
_ITEMS: tuple[tuple[str, str, str, str, bool, int, int], ...] = (
    ("000109001000", "居民身份证换领", "social_service", "public_security", False, 10, 190),
    ("000109002000", "居住证申领", "social_service", "public_security", False, 3, 120),
    ("000114001000", "社会保险关系转移", "social_service", "human_resources", False, 10, 160),
    ("000114002000", "社会保险参保证明", "social_service", "human_resources", False, 1, 260),
    ("000115001000", "不动产转移登记", "social_service", "natural_resources", False, 3, 110),
    ("000117001000", "公共租赁住房申请", "social_service", "housing_construction", False, 15, 25),
    ("000111001000", "高龄津贴申请", "social_service", "civil_affairs", False, 5, 40),
    ("000123001000", "生育登记", "social_service", "health", False, 1, 45),
    ("000131001000", "企业设立登记", "business_start", "market_supervision", True, 2, 60),
    ("000109003000", "公章刻制备案", "business_start", "public_security", True, 1, 45),
    ("000114003000", "企业社会保险登记", "business_start", "human_resources", True, 1, 45),
    ("000131002000", "食品经营许可", "licence", "market_supervision", True, 5, 70),
    ("000123002000", "公共场所卫生许可", "licence", "health", True, 5, 30),
    ("000118001000", "道路货物运输经营许可", "licence", "transport", True, 7, 35),
    ("000133001000", "户外广告设置许可", "licence", "urban_management", True, 5, 20),
)
_ITEM_COLUMNS = ("task_code", "task_name", "task_group_code", "department_code", "is_entity", "promise_value", "weight")
# stage, item, name, department, promised working days; a project goes through them in this order
_APPROVALS: tuple[tuple[str, str, str, str, int], ...] = (
    ("1", "000115002000", "建设项目用地预审与选址意见书", "natural_resources", 5),
    ("1", "000115003000", "建设用地规划许可", "natural_resources", 5),
    ("2", "000115004000", "建设工程规划许可", "natural_resources", 8),
    ("3", "000117002000", "建筑工程施工许可", "housing_construction", 3),
    ("4", "000117003000", "建设工程竣工联合验收", "housing_construction", 7),
)
_APPROVAL_COLUMNS = ("stage_code", "task_code", "task_name", "department_code", "promise_value")
_WEEKDAYS = np.array([1.15, 1.05, 1.0, 1.0, 1.0, 0.2, 0.15])
_HOURS = np.array([1, 1, 0, 0, 0, 1, 3, 10, 50, 110, 105, 70, 30, 60, 90, 85, 70, 35, 18, 16, 18, 14, 7, 3])
_SPELL = 12 * 86400
_DAY = HOURS_A_DAY * 3600
LIFE = Life(("applied_at", "accepted_at", "suspended_at", "resumed_at", "finished_at"))


def make_service_cases(  # noqa: PLR0913, PLR0917  # the city's parts, and how much of it
    rng: np.random.Generator,
    people: People,
    entities: Entities,
    regions: Regions,
    residents: int,
    period: Period,
    defects: Defects,
) -> pl.DataFrame:
    """All cases applied for in the period, one row each: facts, applicant, and the instants of :data:`LIFE`.

    ``due_at`` is beside them as the truth.
    """
    everyday, projects = _everyday(rng, residents, period), _projects(rng, regions, residents, period)
    facts = pl.concat([everyday, projects], how="diagonal").sort("applied_at", maintain_order=True)
    steps = _live(rng, facts, period)
    count, channels = facts.height, list(rates.SERVICE_CHANNELS)
    fate = rng.choice(len(rates.SERVICE_RESULTS), size=count, p=list(rates.SERVICE_RESULTS.values()))
    return (
        facts.with_columns(
            numbered_by_day(facts["applied_at"].to_numpy()).alias("case_no"),
            *_applicants(rng, people, entities, facts, defects),
            _places(rng, regions, facts),
            pl.lit("work_day").alias("promise_unit"),
            channel_code=pl.Series(channels).gather(
                rng.choice(len(channels), size=count, p=list(rates.SERVICE_CHANNELS.values()))
            ),
            final_result_code=pl.Series(list(rates.SERVICE_RESULTS)).gather(fate),
        )
        .with_columns(*instants(steps))
        .with_columns(*without_never(tuple(steps)))
        .pipe(_called, rng, people, defects)
    )


def with_results(cases: pl.DataFrame) -> pl.DataFrame:
    """Cases as known by some day, with their results: there is none before the end."""
    return cases.with_columns(result_code=pl.when(pl.col("finished_at").is_not_null()).then("final_result_code"))


def _everyday(rng: np.random.Generator, residents: int, period: Period) -> pl.DataFrame:
    """What people and organisations apply for every day."""
    total = max(1, round(rates.SERVICE_CASES_PER_RESIDENT_MONTH * residents * period.days / 30.4375))
    items = pl.DataFrame(_ITEMS, schema=list(_ITEM_COLUMNS), orient="row")
    weights = items["weight"].to_numpy()
    chosen = items.drop("weight")[rng.choice(items.height, size=total, p=weights / weights.sum())]
    applied = draw_beginnings(rng, period, total, months=np.ones(12), weekdays=_WEEKDAYS, hours=_HOURS)
    return chosen.with_columns(pl.Series("applied_at", applied))


def _projects(rng: np.random.Generator, regions: Regions, residents: int, period: Period) -> pl.DataFrame:
    """The approvals of construction projects: one after the other, some weeks between them."""
    count = max(1, round(rates.PROJECTS_PER_RESIDENT_MONTH * residents * period.days / 30.4375))
    begun = draw_beginnings(rng, period, count, months=np.ones(12), weekdays=_WEEKDAYS, hours=_HOURS)
    waits = rng.integers(5, 40, (count, len(_APPROVALS))) * 86400
    waits[:, 0] = 0
    approvals = pl.DataFrame(_APPROVALS, schema=list(_APPROVAL_COLUMNS), orient="row")
    project = pl.DataFrame(
        {
            "begun": begun,
            "district": regions.at(regions.draw(rng, count))["district_code"],
            "number": np.arange(1, count + 1),
        }
    ).select(
        project_no=pl.concat_str(
            pl.from_epoch("begun").dt.strftime("%y%m"),
            pl.lit("-"),
            "district",
            pl.lit("-89-01-"),
            pl.col("number").cast(pl.String).str.zfill(6),
        )
    )
    return project.join(approvals, how="cross", maintain_order="left_right").with_columns(
        pl.Series("applied_at", (begun[:, None] + waits.cumsum(axis=1)).ravel()),
        task_group_code=pl.lit("project_approval"),
        is_entity=pl.lit(value=True),
    )


def _live(rng: np.random.Generator, facts: pl.DataFrame, period: Period) -> dict[str, Seconds]:
    """The instants of each case's life, :data:`NEVER` for those that never come, and its deadline."""
    count = facts.height
    # A project's last approval may be applied for half a year after the period; its case must still find a calendar.
    clock = WorkingClock.between(period.start, period.end + timedelta(days=500))
    applied, promised = facts["applied_at"].to_numpy(), facts["promise_value"].to_numpy() * _DAY
    accepted = clock.reached(clock.worked(applied) + 60 + rng.exponential(5400, count).astype(np.int64))
    share = _shares(rng, promised)
    begun = clock.worked(accepted)
    is_suspended = (rng.random(count) < rates.SERVICE_SUSPENDED) & (promised > _DAY)
    suspended = clock.reached(begun + 60 + (promised * share * rng.uniform(0.1, 0.6, count)).astype(np.int64))
    resumed = suspended + rng.integers(4 * 3600, _SPELL, count)
    paused = np.where(is_suspended, clock.worked(resumed) - clock.worked(suspended), 0)
    finished = clock.reached(begun + paused + 120 + (promised * share).astype(np.int64))
    due = clock.reached(begun + paused + promised)
    is_accepted = rng.random(count) >= rates.SERVICE_NOT_ACCEPTED
    return {
        "accepted_at": np.where(is_accepted, accepted, NEVER),
        "suspended_at": np.where(is_accepted & is_suspended, suspended, NEVER),
        "resumed_at": np.where(is_accepted & is_suspended, resumed, NEVER),
        "finished_at": np.where(is_accepted, finished, NEVER),
        "due_at": np.where(is_accepted, due, NEVER),
    }


def _shares(rng: np.random.Generator, promised: Seconds) -> npt.NDArray[np.float64]:
    """What share of the promised limit a case takes: most of them little, a few more than all of it.

    Many that are promised within a day are done while the applicant waits.
    """
    count = len(promised)
    at_once = (promised <= _DAY) & (rng.random(count) < rates.SERVICE_AT_ONCE)
    late = 1.0 + rng.exponential(0.6, count) + 0.02
    in_time = np.where(at_once, rng.uniform(0.005, 0.06, count), rng.beta(1.6, 2.8, count) * 0.97)
    return np.where(rng.random(count) < rates.SERVICE_LATE, late, in_time)


def _applicants(
    rng: np.random.Generator, people: People, entities: Entities, facts: pl.DataFrame, defects: Defects
) -> list[pl.Series]:
    """Who applies: persons by their ids, organisations by their codes; one company throughout a project."""
    count = facts.height
    person = rng.integers(len(people), size=count)
    ids, _ = written_ids(rng, people.ids(person), people.birth[person], defects)
    entity, builder = (
        entities.at(entities.choose(rng, count, sole_traders=share)).select(
            pl.struct("code", "entity_name", "true_code").alias("entity")
        )["entity"]
        for share in (0.4, 0.0)
    )
    applied = facts.select("is_entity", "project_no").with_columns(
        person=pl.Series(person), citizen_id=ids, entity=entity, builder=builder
    )
    of_project = pl.col("builder").first().over("project_no")
    entity_of = pl.when("is_entity").then(pl.when(pl.col("project_no").is_null()).then("entity").otherwise(of_project))
    written = applied.select(
        applicant_type_code=pl.when("is_entity").then(pl.lit("entity")).otherwise(pl.lit("person")),
        applicant_citizen_id=pl.when(~pl.col("is_entity")).then("citizen_id"),
        applicant_entity_code=entity_of.struct.field("code"),
        entity_name=entity_of.struct.field("entity_name"),
        true_code=entity_of.struct.field("true_code"),
        person=pl.when(~pl.col("is_entity")).then("person"),
    )
    return written.get_columns()


def _called(cases: pl.DataFrame, rng: np.random.Generator, people: People, defects: Defects) -> pl.DataFrame:
    """The applicants' names, a person's as clerks write them, and the phones of most who are persons."""
    person = cases["person"].fill_null(0).to_numpy()
    spelled, _ = written_names(rng, people.names(person), defects)
    is_person = pl.col("person").is_not_null()
    gives_phone = pl.Series(rng.random(cases.height) >= defects.applicant_phone_missing)
    return cases.with_columns(
        applicant_name=pl.when(is_person).then(spelled).otherwise("entity_name"),
        applicant_phone=pl.when(is_person & gives_phone).then(phones(people.phone[person])),
    )


def _places(rng: np.random.Generator, regions: Regions, facts: pl.DataFrame) -> pl.Series:
    """Where a case was accepted: a project's in its district, others in a street's, a district's or the city's hall."""
    frame = regions.at(regions.draw(rng, facts.height)).with_columns(
        facts["project_no"], hall=pl.Series(rng.random(facts.height))
    )
    city, street = rates.SERVICE_AT_CITY_HALL, rates.SERVICE_AT_STREET_HALL
    return frame.select(
        region_code=pl.when(pl.col("project_no").is_not_null())
        .then(pl.col("project_no").str.slice(5, 6))
        .when(pl.col("hall") < city)
        .then(pl.lit("320200"))
        .when(pl.col("hall") < city + street)
        .then("street_code")
        .otherwise("district_code")
    ).to_series()
