"""The headings of an extract, held against its contract before any record is read.

Where they are not what the contract says, the first lines are looked at once more for what they seem to be instead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from citylake.contracts.labels import Label
from citylake.contracts.model import Contract, Dialect
from ingestion import refusals
from ingestion.readers.grammar import Grammar
from ingestion.readers.source import TextBlock, check_text, head_of

_LONGEST_HEADING_LINES = 20
_LINES_LOOKED_AT = 30
_DELIMITERS = (",", "\t", ";", "|", ", ", "; ")
_QUOTES = ('"', "'")


@dataclass(frozen=True)
class Header:
    """The headings of a file, held against its contract."""

    line: int
    """The line (row) that they end on."""
    columns: tuple[str | None, ...]
    """The contract's name of each field, in the file's order; None for one that it does not know."""
    new: tuple[str, ...]
    missing: tuple[str, ...]
    may_have_tail: bool = False
    """Whether the first record ends with delimiters too many and nothing behind them."""

    @property
    def new_places(self) -> dict[str, int]:
        """The field of each new heading, from 0. Only the last field may have no heading at all; it is left out."""
        unknown = (place for place, name in enumerate(self.columns) if name is None)
        return dict(zip(self.new, unknown, strict=False))


def read_header(file: Path, contract: Contract) -> Header:
    """Hold the headings of delimited text against the contract. Raises RefusedFile.

    Headings that are not as agreed are most often a matter of the encoding: then that is said.
    """
    head = head_of(file, contract.dialect)
    try:
        return _read_header(head, contract)
    except refusals.RefusedFile:
        check_text(file, contract.dialect)
        raise


def _read_header(lines: TextBlock, contract: Contract) -> Header:
    dialect = contract.dialect
    grammar = Grammar.of(dialect)
    records = _records(lines, grammar, dialect.preamble_lines + 1)
    found = list(islice(records, dialect.header_lines))
    if not found:
        raise refusals.empty()
    line, fields = found[-1][0], [fields for _, fields in found if fields is not None]
    if len(fields) < len(found) or missing_headings(headings(fields), contract):
        _check_decoded(lines, line, contract)
        _explain(lines, contract)
    if len(fields) < len(found):
        raise refusals.wrong_structure(
            "表头中的引号不成对，无法读取。", "The header has a stray quote and cannot be read."
        )
    if any(dialect.preamble_lines < number <= line for number in lines.undecodable):
        raise _undecodable(contract)
    header = match_headings(line, headings(fields), contract)
    following = next(records, None)
    if following is not None and following[1] == fields[-1]:
        raise refusals.wrong_dialect(
            Label(f"表头占{dialect.header_lines}行", f"headings on {dialect.header_lines} line(s)"),
            Label("表头的下一行仍是表头", "one more line of headings"),
        )
    tail = (following[1] or [])[len(header.columns) :] if following is not None else []
    return replace(header, may_have_tail=bool(tail) and not any(tail))


def headings(lines: Sequence[Sequence[str]]) -> list[str]:
    """One heading a column: of headings over several lines the lowest that is not empty."""
    width = max(map(len, lines), default=0)
    places = ([line[place].strip() if place < len(line) else "" for line in reversed(lines)] for place in range(width))
    return [next(filter(None, cells), "") for cells in places]


def match_headings(line: int, fields: Sequence[str], contract: Contract) -> Header:
    """Hold headings against the contract. Raises RefusedFile when they repeat, have no name or lack what it needs."""
    repeated = sorted({field for field in fields if fields.count(field) > 1})
    if repeated:
        names = "、".join(field or "(空 empty)" for field in repeated)
        raise refusals.wrong_structure(f"表头有重复的列：{names}。", f"The header repeats columns: {names}.")
    if "" in fields[:-1]:
        raise refusals.wrong_structure("表头中有一列没有列名。", "The header has a column without a name.")
    names = {column.heading: column.name for column in contract.columns}
    lacking = missing_headings(fields, contract)
    if lacking:
        raise refusals.missing_columns(lacking, len(fields))
    return Header(
        line=line,
        columns=tuple(names.get(field) for field in fields),
        new=tuple(field for field in fields if field and field not in names),
        missing=tuple(column.heading for column in contract.columns if column.heading not in fields),
    )


def missing_headings(fields: Sequence[str], contract: Contract) -> list[str]:
    """The required headings that are not there; all of them where nothing that the contract knows is."""
    lacking = [column for column in contract.columns if column.heading not in fields]
    is_stranger = len(lacking) == len(contract.columns)
    return [column.heading for column in lacking if column.required or is_stranger]


def _records(lines: TextBlock, grammar: Grammar, first: int) -> Iterator[tuple[int, list[str] | None]]:
    """Records from a line on that are not blank, with the line that each ends on; None for one that cannot be read.

    A heading may contain line ends inside its quotes.
    """
    numbered = ((number, line) for number, line in enumerate(lines.lines(), start=1) if number >= first)
    for number, line in numbered:
        if not line.strip():
            continue
        end, text, fields = number, line, grammar.split_headings(line)
        while fields is None and end - number < _LONGEST_HEADING_LINES:
            following = next(numbered, None)
            if following is None:
                break
            end, text = following[0], f"{text}\n{following[1]}"
            fields = grammar.split_headings(text)
        yield end, fields


def _check_decoded(lines: TextBlock, line: int, contract: Contract) -> None:
    """A header that cannot be recognised is most often a matter of the encoding: say so when that can be seen."""
    if line in lines.undecodable:
        raise _undecodable(contract)


def _undecodable(contract: Contract) -> refusals.RefusedFile:
    return refusals.wrong_encoding(contract.dialect.encoding, "表头无法解码。", "The header cannot be decoded.")


def _explain(lines: TextBlock, contract: Contract) -> None:
    """Raises RefusedFile with what was agreed and what was seen when the headings are there, but written otherwise."""
    agreed, expected_line = contract.dialect, contract.dialect.preamble_lines + contract.dialect.header_lines
    first = list(islice(lines.lines(), _LINES_LOOKED_AT))
    tried = [agreed, *(replace(agreed, delimiter=d, quote=q, escape=None) for q in _QUOTES for d in _DELIMITERS)]
    for dialect in tried:
        grammar = Grammar.of(dialect)
        for number, line in enumerate(first, start=1):
            fields = grammar.split_headings(line) or []
            if not missing_headings([field.strip() for field in fields], contract):
                raise refusals.wrong_dialect(_described(agreed, expected_line), _described(dialect, number))


def _described(dialect: Dialect, line: int) -> Label:
    delimiter = dialect.delimiter.replace("\t", "TAB")
    return Label(
        f"表头在第{line}行，分隔符为「{delimiter}」，引号为「{dialect.quote}」",
        f"headings on line {line}, delimiter [{delimiter}], quote [{dialect.quote}]",
    )
