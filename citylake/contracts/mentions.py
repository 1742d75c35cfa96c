"""Whom a dataset's records name: what the contract's property ``mentions`` says, checked against its columns.

One mention is one person or organisation that a record names in one role. Which columns hold what of it is said here
and nowhere else; whether two mentions are the same somebody is decided by ``citylake.identity``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["person", "entity"]
KINDS: tuple[Kind, ...] = ("person", "entity")

_FIELDS = {
    "id": "id",
    "name": "name",
    "birthDate": "birth_date",
    "sex": "sex",
    "region": "region",
    "address": "address",
    "phone": "phone",
    "organisation": "organisation",
    "code": "code",
    "registrationNo": "registration_no",
    "organisationCode": "organisation_code",
    "taxNo": "tax_no",
    "institutionNo": "institution_no",
    "associationNo": "association_no",
    "representative": "representative",
}
"""What the contract calls a field → what it is called here. Which of them a kind has, the JSON Schema says."""
CODES = ("code", "registration_no", "organisation_code", "tax_no", "institution_no", "association_no")
"""The fields that may hold an organisation's number, the most telling first."""


@dataclass(frozen=True)
class Condition:
    """Holds where a column has one of these values, or none: a record that does not say otherwise."""

    column: str
    one_of: tuple[str, ...]


@dataclass(frozen=True)
class Mention:
    """One person or organisation that each record of a dataset names, if it is one ``where`` holds for."""

    names: Kind
    role: str
    columns: Mapping[str, tuple[str, ...]] = field(hash=False)
    """Field → the columns that hold it; of several, the first that has a value counts."""
    where: Condition | None = None
    id_where: Condition | None = None
    """Where the number under ``id`` is a citizen id at all, and no passport's."""
    is_subject: bool = False
    """Of an entity: whether the record is about it, so that a sole trader's is the person's own."""

    @property
    def naming(self) -> str:
        """The column that stands for the mention in the record's name: its number's, else its name's."""
        return next(self.columns[name][0] for name in ("id", *CODES, "name") if name in self.columns)

    def used(self) -> Iterator[str]:
        """Every column that it is read from."""
        for columns in self.columns.values():
            yield from columns
        yield from (condition.column for condition in (self.where, self.id_where) if condition is not None)


def parse_mentions(value: Sequence[Mapping[str, Any]]) -> tuple[Mention, ...]:
    """The mentions of a contract, as its property says them; the JSON Schema has passed it."""
    return tuple(
        Mention(
            names=said["names"],
            role=said["role"],
            columns={_FIELDS[name]: _several(column) for name, column in said.items() if name in _FIELDS},
            where=_condition(said.get("where")),
            id_where=_condition(said.get("idWhere")),
            is_subject=said.get("isSubject", False),
        )
        for said in value
    )


def _several(column: str | list[str]) -> tuple[str, ...]:
    return (column,) if isinstance(column, str) else tuple(column)


def _condition(said: Mapping[str, Any] | None) -> Condition | None:
    return None if said is None else Condition(said["column"], tuple(said["oneOf"]))


def problems_of(mentions: Sequence[Mention], columns: Sequence[str]) -> Iterator[str]:
    """What is wrong with the mentions of a dataset with these columns: nothing, if all is well."""
    roles = [mention.role for mention in mentions]
    if len(set(roles)) < len(roles):
        yield "two mentions have one role"
    unknown = sorted({column for mention in mentions for column in mention.used()} - set(columns))
    if unknown:
        yield f"a mention is read from columns that there are not: {', '.join(unknown)}"
    places = [(mention.names, mention.naming, mention.where) for mention in mentions]
    if len(set(places)) < len(places):
        yield "two mentions are told by one column and the same condition"
