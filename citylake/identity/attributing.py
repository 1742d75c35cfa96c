"""Whose a record is where no number of its own tells: what its columns say together, as they were delivered. Pure.

Two things tell. The number of a person's sole trader, where the contract says that the record is about the entity, and
no valid id of somebody else stands in it: an entity's case or penalty is the trader's, a row of the trader's employee
is the employee's. And an id that records of others carry too, beside the name that none of these has.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from citylake.contracts.identifiers import citizen_id_forms, citizen_id_key
from citylake.contracts.mentions import CODES
from citylake.contracts.model import Contract
from citylake.identity.names import person_name
from citylake.lake.erasures import Sought
from citylake.lake.written import number_sql

Read = Callable[[str], str]
"""A contract's column → an expression of it as text: rows are read as loaded, or as rejected, which have headings."""


@dataclass(frozen=True)
class Told:
    """The columns of a dataset by which its records may be told to be a person's."""

    numbers: tuple[str, ...]
    """Of the numbers of the entity that the record is about."""
    persons: tuple[tuple[str, str | None], ...]
    """Of a citizen id and of the name beside it, if there is one."""

    def present_in(self, columns: set[str]) -> "Told":
        """As much as these columns can tell: older files lack some."""
        persons = ((one, name if name in columns else None) for one, name in self.persons if one in columns)
        return Told(tuple(one for one in self.numbers if one in columns), tuple(persons))

    def select(self, read: Read) -> str:
        """The columns as :func:`theirs` and the candidates want them, to stand behind another one in a select list."""
        found = [f"{number_sql(read(column))} as number_{place}" for place, column in enumerate(self.numbers)]
        for place, (column, name) in enumerate(self.persons):
            found += [f"{read(column)} as id_{place}", f"{read(name) if name else 'null'}::varchar as name_{place}"]
        return "".join(f", {one}" for one in found)

    def where(self, read: Read) -> str:
        """Rows that may be the person's. Takes those parameters of :func:`bound` that it has."""
        found = [f"{number_sql(read(column))} in (select unnest($codes::varchar[]))" for column in self.numbers]
        found += [f"{number_sql(read(column))} in (select unnest($shared::varchar[]))" for column, _ in self.persons]
        return " or ".join(found) or "false"

    def theirs(self, rows: pl.DataFrame, sought: Sought) -> pl.DataFrame:
        """Those of rows that :meth:`select` read which are the person's."""
        named = pl.Series(sought.named_ids, dtype=pl.String).implode()
        by_name = [one.is_in(named) for one in self.named_ids()]
        codes = pl.Series(sought.codes, dtype=pl.String).implode()
        by_code = [pl.col(f"number_{place}").is_in(codes) for place in range(len(self.numbers))]
        is_theirs = pl.any_horizontal(pl.lit(value=False), *by_code) & ~self.names_another(sought)
        return rows.filter(pl.any_horizontal(is_theirs, *by_name))

    def names_another(self, sought: Sought) -> pl.Expr:
        """Whether a valid id stands in the row that is not the person's."""
        own = {*sought.ids, *sought.shared_ids, *map(id_of, sought.named_ids)}
        known = pl.Series(sorted(own), dtype=pl.String).implode()
        valid = (citizen_id_key(pl.col(f"id_{place}")) for place in range(len(self.persons)))
        others = [(one.is_not_null() & ~one.is_in(known)) for one in valid]
        return pl.any_horizontal(pl.lit(value=False), *others)

    def named_ids(self) -> Iterator[pl.Expr]:
        """Of each person: the valid id and the name beside it, as ``Sought.named_ids`` has them; else null."""
        for place, (_, name) in enumerate(self.persons):
            if name is not None:
                yield named_id(pl.col(f"id_{place}"), pl.col(f"name_{place}"))


def told(contract: Contract) -> Told:
    """What a contract's mentions say of it."""
    subjects = [one for one in contract.mentions if one.names == "entity" and one.is_subject]
    persons = [one.columns for one in contract.mentions if one.names == "person" and "id" in one.columns]
    return Told(
        numbers=tuple(
            dict.fromkeys(column for one in subjects for field in CODES for column in one.columns.get(field, ()))
        ),
        persons=tuple(dict.fromkeys((one["id"][0], next(iter(one.get("name", ())), None)) for one in persons)),
    )


def named_id(written: pl.Expr, name: pl.Expr) -> pl.Expr:
    """A valid id and the normalised name beside it as one text; null where either is missing."""
    return pl.concat_str(citizen_id_key(written), pl.lit("|"), person_name(name))


def id_of(named: str) -> str:
    """The id of such a text."""
    return named.partition("|")[0]


def bound(sought: Sought) -> dict[str, list[str]]:
    """The parameters of :meth:`Told.where`."""
    shared = pl.Series(sorted({*map(id_of, sought.named_ids)}), dtype=pl.String)
    return {"codes": sought.codes, "shared": citizen_id_forms(shared)}
