"""Files that others collected because readers fail on them. They lie beside the project; skipped where absent.

What each must come to is written beside the files; here it is said in this project's terms, for every one of them.
"""

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from citylake.contracts.model import Contract, Dialect
from tests.ingestion.support import column, contract, examined

POLLOCK = ("DATE", "TIME", "Qty", "PRODUCTID", "Price", "ProductType", "ProductDescription", "URL", "Comments")
PAIR = ("id", "value")


@dataclass(frozen=True)
class Case:
    """A file, what its contract says, and what must come of it: rows and bad lines, or a refusal."""

    name: str
    headings: tuple[str, ...]
    good: int = 0
    bad: tuple[tuple[int, str], ...] = ()
    refusal: str | None = None
    dialect: Dialect = field(default_factory=lambda: Dialect("csv"))


CASES = [
    Case("pollock__file_header_only.csv", POLLOCK),
    Case("pollock__file_no_header.csv", POLLOCK, refusal="file.missing_column"),
    Case("pollock__file_double_trailing_newline.csv", POLLOCK, good=83),
    Case("pollock__file_header_multirow_2.csv", POLLOCK, good=83, dialect=Dialect("csv", header_lines=2)),
    Case("pollock__file_header_multirow_2.csv", POLLOCK, refusal="file.dialect"),
    Case("pollock__file_multitable_same.csv", POLLOCK, refusal="file.structure"),
    Case(
        "pollock__file_multitable_more.csv",
        POLLOCK,
        good=83,
        bad=tuple((line, "row.quote" if line == 106 else "row.columns") for line in range(85, 168)),
    ),
    Case("pollock__file_field_delimiter_0x9.csv", POLLOCK, good=83, dialect=Dialect("csv", delimiter="\t")),
    Case("pollock__file_field_delimiter_0x9.csv", POLLOCK, refusal="file.dialect"),
    Case("pollock__file_field_delimiter_0x2C_0x20.csv", POLLOCK, good=83, dialect=Dialect("csv", delimiter=", ")),
    Case("pollock__file_field_delimiter_0x2C_0x20.csv", POLLOCK, refusal="file.dialect"),
    Case("pollock__file_escape_char_0x5C.csv", POLLOCK, good=83, dialect=Dialect("csv", escape="\\")),
    Case("pollock__file_record_delimiter_0xA.csv", POLLOCK, good=83),
    Case("pollock__source.csv", POLLOCK, good=83),
    Case("pollock__row_more_sep_row10_col4.csv", POLLOCK, good=82, bad=((11, "row.columns"),)),
    Case("pollock__row_extra_quote0_col4.csv", POLLOCK, refusal="file.structure"),
    Case("pollock__row_field_delimiter_10_0x20.csv", POLLOCK, good=82, bad=((11, "row.quote"),)),
    Case("pollock__row_more_sep_row0_col4.csv", POLLOCK, refusal="file.structure"),
    Case("gebi__evil1.csv", ("Expert", '"Trust me', "I'm an expert\""), bad=((2, "row.columns"),)),
    Case("rvl__unterminated_quote.csv", PAIR, bad=((2, "row.quote"),)),
    Case("rvl__ragged_rows_short.csv", (*PAIR, "comment"), good=1, bad=((2, "row.columns"), (4, "row.columns"))),
    Case("rvl__extra_fields_empty.csv", PAIR, good=2),
    Case("rvl__duplicate_headers.csv", ("name",), refusal="file.structure"),
    Case("rvl__ambiguous_delimiter.csv", ("h1", "h2", "h3"), refusal="file.missing_column"),
    Case("rvl__ambiguous_delimiter.csv", ("h1", "h2;h3"), good=1),
    Case("rvl__utf8_bom.csv", PAIR, good=2),
    Case("rvl__encoding_utf16le.csv", PAIR, refusal="file.encoding"),
    Case("rvl__encoding_utf16le.csv", PAIR, refusal="file.encoding", dialect=Dialect("csv", encoding="UTF-16")),
    Case("rvl__encoding_nul_first8k.csv", PAIR, refusal="file.encoding"),
    Case("rvl__blank_only.csv", PAIR, refusal="file.empty"),
    Case("rvl__header_only.csv", (*PAIR, "comment")),
    Case("rvl__mixed_line_endings.csv", PAIR, good=2),
    Case("rvl__backslash_escape.csv", ("col",), good=1, dialect=Dialect("csv", preamble_lines=1, escape="\\")),
    Case("rvl__accounting_parentheses.csv", ("id", "amount"), bad=tuple((n, "amount.type") for n in range(2, 7))),
    Case("qsv__password-protected-password123.xlsx", ("a",), refusal="file.protected", dialect=Dialect("xlsx")),
    Case("qsv__excel-large-floats.xlsx", ("A",), bad=((2, "row.digits"),), dialect=Dialect("xlsx")),
    Case("frictionless__merged-cells.xlsx", ("data",), refusal="file.dialect", dialect=Dialect("xlsx")),
    Case("frictionless__skip-rows.xlsx", ("B",), good=2, dialect=Dialect("xlsx", preamble_lines=1)),
    Case("frictionless__skip-rows.xlsx", ("B",), refusal="file.dialect", dialect=Dialect("xlsx")),
    Case("frictionless__implicit-gz.csv", ("id", "name"), good=2),
    Case(
        "frictionless__table-with-accents.csv",
        ("Classement", "Quartier"),
        refusal="file.encoding",
        dialect=Dialect("csv", encoding="GB18030", delimiter=";"),
    ),
    Case(
        "frictionless__table-with-accents.csv",
        ("Classement", "Année"),
        refusal="file.encoding",
        dialect=Dialect("csv", delimiter=";"),
    ),
    Case("frictionless__encoding-issue-274.csv", (), good=507),
    Case("frictionless__defective-rows.csv", ("id", "name", "age"), bad=((2, "row.columns"), (3, "row.columns"))),
    Case("frictionless__duplicate-headers.csv", ("id", "name", "age"), refusal="file.structure"),
    Case("frictionless__invalid.csv", ("id", "name"), refusal="file.structure"),
]


def agreed(case: Case, file: Path) -> Contract:
    """A contract of text columns, nearly all required; amounts are money. Without headings given, those of the file."""
    names = case.headings or next(csv.reader([file.read_text("utf-8").splitlines()[0]]))
    money: dict[str, Any] = {"logical_type": "number", "physical_type": "decimal(18,2)"}
    columns = [
        column(
            name if name.isalnum() else f"c{place}",
            heading=name,
            required=name in case.headings and name != "Comments",
            **(money if name == "amount" else {}),
        )
        for place, name in enumerate(names)
    ]
    return contract(*columns, dialect=case.dialect)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.refusal or case.good}")
def test_a_file_that_readers_fail_on_is_read_right_or_refused(case: Case, shared_data: Path, tmp_path: Path) -> None:
    # Each of these makes at least one common reader lose, shift or invent rows, without an error.
    file = shared_data / "messy_extracts" / case.name
    outcome = examined(file.read_bytes(), agreed(case, file), tmp_path)
    refusal = outcome.examination.refusal
    assert (refusal.rule if refusal else None) == case.refusal
    if refusal is None:
        bad = outcome.rejected.select("line", "rule").rows()
        assert (outcome.accepted.height, tuple(bad)) == (case.good, case.bad)
        assert outcome.examination.rows_read == case.good + len(case.bad)


def test_every_collected_file_has_a_case(shared_data: Path) -> None:
    # A file that is added there and forgotten here would prove nothing.
    with (shared_data / "messy_extracts" / "cases.csv").open(encoding="utf-8", newline="") as file:
        assert {row["file"] for row in csv.DictReader(file)} == {case.name for case in CASES}
