"""Mention tables of a synthetic city, with the true person or organisation beside every mention. For ``linkage.py``.

The records are made by the sample city's own modules, defects included; what a mention table has of them is what the
contracts say that they mention.
"""

from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl

from citylake.contracts.identifiers import citizen_id_key, entity_code
from citylake.identity import names
from sample_city import credit, insurance, permits, rates, services
from sample_city.entities import Entities, make_entities
from sample_city.hardness import Defects
from sample_city.lives import Period
from sample_city.persons import People, Register, make_people
from sample_city.regions import Regions, load_regions

ON = date(2026, 10, 31)
HISTORY = Period(date(2025, 9, 1), ON)
_BLOCK = 100_000
PERSON = {
    "mention_key": pl.String,
    "role": pl.String,
    "written_id": pl.String,
    "name": pl.String,
    "birth_date": pl.Date,
    "sex_code": pl.String,
    "region_code": pl.String,
    "address": pl.String,
    "phone": pl.String,
    "organisation_code": pl.String,
    "source_dataset": pl.String,
    "is_numbered": pl.Boolean,
    "truth": pl.String,
}
# Of the roles whose register numbers its persons; one row a number.
_NUMBERED = ("registered", "holder", "insured")
ENTITY = {
    "mention_key": pl.String,
    "role": pl.String,
    "written_code": pl.String,
    "name": pl.String,
    "region_code": pl.String,
    "address": pl.String,
    "representative": pl.String,
    "truth": pl.String,
}


def make_mentions(residents: int, seed: int, defects: Defects) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The mentions of persons and those of organisations."""
    rng = np.random.default_rng(seed)
    regions = load_regions(rng)
    people = make_people(rng, regions, residents, ON)
    outsiders = make_people(
        rng, regions, max(1, round(residents * rates.OUTSIDERS_PER_RESIDENT)), ON, are_outsiders=True
    )
    everybody = people.and_also(outsiders)
    known = round(residents * rates.ENTITIES_PER_RESIDENT)
    entities = make_entities(rng, people, regions, known, ON, nights=1, defects=defects)
    codes = entities.truth.select(
        pl.when("is_code_old").then("registration_code").otherwise("true_code").alias("code"), "true_code", "owner"
    )
    subjects = credit.Subjects(everybody, entities, defects)
    spells = insurance.make_spells(rng, everybody, entities, ON, defects)
    decisions = [make(rng, subjects, residents, HISTORY) for make in (credit.make_licences, credit.make_penalties)]
    cases = services.make_service_cases(rng, people, entities, regions, residents, HISTORY, defects)
    persons = [
        *_registered(rng, people, regions, residents, defects),
        _holders(rng, everybody, people, regions, defects),
        _insured(insurance.insured_by(spells, ON)),
        *(
            _subjects(decision, codes, dataset)
            for decision, dataset in zip(decisions, ("licence", "penalty"), strict=True)
        ),
        _representatives(entities),
        _applicants(cases),
    ]
    organisations = [
        _registered_entities(entities),
        _employers(insurance.insured_by(spells, ON)),
        *(_subject_entities(decision, role) for decision, role in zip(decisions, ("licence", "penalty"), strict=True)),
        _applying_entities(cases),
    ]
    return _persons(pl.concat(persons)), _entities(pl.concat(organisations))


def _shaped(frame: pl.DataFrame, schema: Mapping[str, type[pl.DataType]], role: str, dataset: str = "") -> pl.DataFrame:
    keyed = frame.with_row_index("n").with_columns(
        role=pl.lit(role),
        source_dataset=pl.lit(dataset or role),
        is_numbered=pl.lit(role in _NUMBERED),
        # Keys as opaque as the keeper's: their order says nothing.
        mention_key=pl.concat_str(pl.lit(dataset or role), pl.lit(role), "n", separator="|").hash(1).cast(pl.String)
        + pl.concat_str(pl.lit(dataset or role), pl.lit(role), "n", separator="|").hash(2).cast(pl.String),
    )
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in keyed.columns]
    return keyed.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in schema.items())


def _registered(
    rng: np.random.Generator, people: People, regions: Regions, residents: int, defects: Defects
) -> list[pl.DataFrame]:
    twice = rng.permutation(residents)[: round(residents * defects.registered_twice)]
    person = np.concatenate([np.arange(residents), twice])
    register = Register(people, regions, person, ON, defects)
    blocks = []
    for start in range(0, len(person), _BLOCK):
        records = register.records(rng, np.arange(start, min(start + _BLOCK, len(person))))
        blocks.append(
            records.frame.select(
                "sex_code",
                "birth_date",
                "phone",
                written_id="citizen_id",
                name="person_name",
                region_code="residence_region_code",
                address="residence_address",
            ).with_columns(truth=records.truth["person"])
        )
    return [_shaped(pl.concat(blocks), PERSON, "registered")]


def _holders(
    rng: np.random.Generator, everybody: People, people: People, regions: Regions, defects: Defects
) -> pl.DataFrame:
    holders = permits.choose_holders(rng, everybody, len(people), ON)
    frame = permits.make_permits(rng, everybody, regions, holders, ON, defects).select(
        "sex_code",
        "birth_date",
        written_id="citizen_id",
        name="holder_name",
        region_code="residence_region_code",
        address="residence_address",
        truth="person",
    )
    return _shaped(frame, PERSON, "holder")


def _insured(spells: pl.DataFrame) -> pl.DataFrame:
    frame = spells.unique("insurance_no", keep="last", maintain_order=True).select(
        "sex_code",
        "birth_date",
        "phone",
        written_id="citizen_id",
        name="person_name",
        organisation_code="employer_code",
        truth="person",
    )
    return _shaped(frame, PERSON, "insured")


def _subjects(decisions: pl.DataFrame, codes: pl.DataFrame, dataset: str) -> pl.DataFrame:
    """Natural persons decided about, and the legal representatives of organisations."""
    persons = decisions.filter("is_person").select(written_id="subject_id_no", name="subject_name", truth="person")
    owners = codes.select("true_code", "owner").unique("true_code", keep="any")
    representatives = (
        decisions.filter(~pl.col("is_person"))
        .join(owners, on="true_code", how="left", maintain_order="left")
        .select(
            written_id="legal_representative_id_no",
            name="legal_representative",
            organisation_code=pl.coalesce("subject_uscc", "subject_registration_no"),
            truth="owner",
        )
    )
    return pl.concat(
        [
            _shaped(persons, PERSON, "subject", dataset),
            _shaped(representatives, PERSON, "legal_representative", dataset),
        ]
    )


def _representatives(entities: Entities) -> pl.DataFrame:
    frame = entities.frame.select(name="legal_representative", organisation_code="registration_code")
    return _shaped(frame.with_columns(truth=entities.truth["owner"]), PERSON, "legal_representative")


def _applicants(cases: pl.DataFrame) -> pl.DataFrame:
    frame = cases.filter(~pl.col("is_entity")).select(
        written_id="applicant_citizen_id", name="applicant_name", phone="applicant_phone", truth="person"
    )
    return _shaped(frame, PERSON, "applicant")


def _registered_entities(entities: Entities) -> pl.DataFrame:
    frame = entities.frame.select(
        written_code="registration_code", name="entity_name", address="domicile", representative="legal_representative"
    )
    return _shaped(frame.with_columns(truth=entities.truth["true_code"]), ENTITY, "registered_entity")


def _employers(spells: pl.DataFrame) -> pl.DataFrame:
    return _shaped(
        spells.select(written_code="employer_code", name="employer_name", truth="true_code"), ENTITY, "employer"
    )


def _subject_entities(decisions: pl.DataFrame, role: str) -> pl.DataFrame:
    frame = decisions.filter(~pl.col("is_person")).select(
        written_code=pl.coalesce("subject_uscc", "subject_registration_no"),
        name="subject_name",
        representative="legal_representative",
        truth="true_code",
    )
    return _shaped(frame, ENTITY, f"{role}_entity")


def _applying_entities(cases: pl.DataFrame) -> pl.DataFrame:
    frame = cases.filter("is_entity").select(
        written_code="applicant_entity_code", name="applicant_name", truth="true_code"
    )
    return _shaped(frame, ENTITY, "applying_entity")


def _persons(frame: pl.DataFrame) -> pl.DataFrame:
    anchor = pl.col("anchor_id")
    name = names.person_name(pl.col("name"))
    return (
        frame.with_columns(
            anchor_id=citizen_id_key(pl.col("written_id")), name=name, address=names.address(pl.col("address"))
        )
        .with_columns(
            written_id=pl.coalesce("anchor_id", "written_id"),
            name_sound=names.name_sound(pl.col("name")),
            birth_date=pl.coalesce("birth_date", anchor.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)),
            sex_code=pl.coalesce(
                "sex_code",
                pl.when(anchor.is_not_null()).then(
                    pl.when(anchor.str.slice(16, 1).cast(pl.Int8, strict=False) % 2 == 1)
                    .then(pl.lit("1"))
                    .otherwise(pl.lit("2"))
                ),
            ),
        )
        .with_columns(
            is_standing=anchor.is_not_null()
            | (pl.col("role") == "registered")
            | (pl.col("name").is_not_null() & (pl.col("birth_date").is_not_null() | pl.col("phone").is_not_null()))
        )
    )


def _entities(frame: pl.DataFrame) -> pl.DataFrame:
    checked = entity_code(pl.col("written_code"))
    return frame.with_columns(
        anchor_id=pl.when(~checked.is_graded("invalid")).then(checked.value),
        written_code=checked.value,
        name=names.entity_name(pl.col("name")),
        name_core=names.entity_core(pl.col("name")),
        address=names.address(pl.col("address")),
        representative=names.person_name(pl.col("representative")),
    ).with_columns(
        name_sound=names.name_sound(pl.col("name_core")),
        is_standing=pl.col("anchor_id").is_not_null() | (pl.col("role") == "registered_entity"),
    )
