"""Mentions in one form whatever department they come from: numbers checked, names, addresses and phones normalised.

Expressions over text columns as extraction reads them. What a number is, the contract has said: nothing here takes a
number for another kind because it passes that kind's check. How names are normalised, ``names`` says.
"""

import polars as pl

from citylake.contracts.identifiers import (
    association_no_key,
    citizen_id_key,
    institution_no_key,
    organisation_code_key,
    registration_no_key,
    tax_no_key,
    uscc_key,
)
from citylake.contracts.mentions import CODES
from citylake.identity.names import address, entity_core, entity_name, name_sound, person_name

PERSON_FIELDS = ("id", "name", "birth_date", "sex", "region", "address", "phone", "organisation")
ENTITY_FIELDS = (*CODES, "name", "region", "address", "representative")
FIELDS = {"person": PERSON_FIELDS, "entity": ENTITY_FIELDS}

_SEXES = ("1", "2")
_NOT_IN_NUMBERS = r"[\s\p{P}]"
_PHONE = r"^(?:0?0?86)?(1\d{10})$"


def normalised_persons(mentions: pl.DataFrame) -> pl.DataFrame:
    """The columns of ``person_mention`` but ``anchor_id``, of mentions with the text columns of PERSON_FIELDS.

    Beside these they have ``is_id`` (whether the number under ``id`` is a citizen id) and ``is_numbered``; what else
    they have is kept.
    """
    valid = citizen_id_key(pl.when("is_id").then("id"))
    kept = mentions.with_columns(
        valid_id=valid,
        written_id=_number("id"),
        birth_date=pl.col("birth_date").str.to_date("%Y-%m-%d", strict=False),
        name=person_name(pl.col("name")),
    )
    told = pl.col("valid_id").str.slice(16, 1).cast(pl.Int8, strict=False) % 2
    return kept.with_columns(
        name_sound=name_sound(pl.col("name")),
        birth_date=pl.coalesce("birth_date", pl.col("valid_id").str.slice(6, 8).str.to_date("%Y%m%d", strict=False)),
        sex_code=pl.coalesce(
            pl.when(pl.col("sex").is_in(_SEXES)).then("sex"),
            pl.when(told == 1).then(pl.lit("1")).when(told == 0).then(pl.lit("2")),
        ),
        region_code=pl.col("region"),
        address=address(pl.col("address")),
        phone=_phone("phone"),
        organisation_code=_number("organisation"),
    ).with_columns(
        is_standing=pl.col("is_numbered")
        | pl.col("valid_id").is_not_null()
        | (pl.col("name").is_not_null() & (pl.col("birth_date").is_not_null() | pl.col("phone").is_not_null()))
    )


def normalised_entities(mentions: pl.DataFrame) -> pl.DataFrame:
    """The columns of ``entity_mention`` but ``anchor_id``, of mentions with the text columns of ENTITY_FIELDS."""
    code, number = pl.col("code"), pl.col("registration_no")
    numbers = {
        "uscc": uscc_key(code),
        "registration_no": pl.coalesce(registration_no_key(number), registration_no_key(code)),
        "organisation_code": pl.coalesce(
            organisation_code_key(pl.col("organisation_code")), organisation_code_key(code)
        ),
        "tax_no": tax_no_key(pl.col("tax_no")),
        "institution_no": institution_no_key(pl.col("institution_no")),
        "association_no": association_no_key(pl.col("association_no")),
    }
    written = pl.coalesce(*(_number(name) for name in CODES))
    kept = mentions.with_columns(written_code=written, **numbers, name=entity_name(pl.col("name")))
    return kept.with_columns(
        # Characters 9 to 17 of a unified code are the organisation's own code (GB 32100); so are the last nine of an
        # older tax number.
        organisation_code=pl.coalesce(
            pl.col("uscc").str.slice(8, 9),
            "organisation_code",
            pl.when(pl.col("tax_no").str.len_chars() == 15).then(pl.col("tax_no").str.slice(6)),
        ),
        name_core=entity_core(pl.col("name")),
        region_code=pl.col("region"),
        address=address(pl.col("address")),
        representative=person_name(pl.col("representative")),
        is_standing=pl.col("is_numbered") | pl.col("written_code").is_not_null(),
    ).with_columns(name_sound=name_sound(pl.col("name_core")))


def _number(column: str) -> pl.Expr:
    """A number as written, in half-width capitals without blanks and punctuation; null where nothing is left."""
    text = pl.col(column).str.normalize("NFKC").str.replace_all(_NOT_IN_NUMBERS, "").str.to_uppercase()
    return pl.when(text != "").then(text)


def _phone(column: str) -> pl.Expr:
    """Eleven digits without the country's code; null for anything else."""
    return pl.col(column).str.normalize("NFKC").str.replace_all(r"\D", "").str.extract(_PHONE, 1)
