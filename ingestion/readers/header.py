"""The header of delimited text, held against its contract before any record is read."""

import csv
from dataclasses import dataclass

from citylake.contracts.model import Contract, Dialect
from ingestion import refusals
from ingestion.readers.source import Lines


@dataclass(frozen=True)
class Header:
    """The first line of a file, held against its contract."""

    line: int
    columns: tuple[str | None, ...]
    """The contract's name of each field, in the file's order; None for one that it does not know."""
    new: tuple[str, ...]
    missing: tuple[str, ...]


def read_header(lines: Lines, contract: Contract) -> Header:
    """Hold the first line that is not blank against the contract. Raises RefusedFile."""
    number, text = _first_line(lines)
    fields = _split_header(text, contract.dialect)
    repeated = sorted({field for field in fields if fields.count(field) > 1})
    if repeated:
        names = "、".join(field or "(空 empty)" for field in repeated)
        raise refusals.wrong_structure(f"表头有重复的列：{names}。", f"The header repeats columns: {names}.")
    if "" in fields[:-1]:
        raise refusals.wrong_structure("表头中有一列没有列名。", "The header has a column without a name.")
    names = {column.heading: column.name for column in contract.columns}
    absent = [column for column in contract.columns if column.heading not in fields]
    required = [column.heading for column in absent if column.required]
    if required:
        _check_encoding(lines, number, contract)
        raise refusals.missing_columns(required, len(fields))
    return Header(
        line=number,
        columns=tuple(names.get(field) for field in fields),
        new=tuple(field for field in fields if field and field not in names),
        missing=tuple(column.heading for column in absent),
    )


def _first_line(lines: Lines) -> tuple[int, str]:
    with lines.path.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                return number, line.rstrip("\n")
    raise refusals.empty()


def _split_header(text: str, dialect: Dialect) -> list[str]:
    try:
        fields = next(csv.reader([text], delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True))
    except csv.Error as problem:
        raise refusals.wrong_structure(
            "表头中的引号不成对，无法读取。", "The header has a stray quote and cannot be read."
        ) from problem
    return [field.strip() for field in fields]


def _check_encoding(lines: Lines, number: int, contract: Contract) -> None:
    """A header that cannot be recognised is most often a matter of the encoding: say so when that can be seen."""
    if number in lines.undecodable:
        raise refusals.wrong_encoding(contract.dialect.encoding, "表头无法解码。", "The header cannot be decoded.")
