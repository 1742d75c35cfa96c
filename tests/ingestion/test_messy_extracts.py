"""Files that others collected because readers fail on them. They lie beside the project; skipped where absent."""

import csv
from pathlib import Path

import pytest

from citylake.contracts.model import Contract, Dialect
from ingestion.refusals import RefusedFile
from tests.ingestion.support import column, contract, read, rejected, rows


def agreed(folder: Path, name: str, dialect: Dialect) -> Contract:
    """What the file's own header promises; for one family of files, what their undamaged original does."""
    model = folder / ("pollock__source.csv" if name.startswith("pollock") else name)
    headings = next(csv.reader([model.read_bytes().decode("utf-8-sig", errors="replace").splitlines()[0]]))
    return contract(
        *(
            column(f"c{place}", heading=heading.strip(), required=True)
            for place, heading in enumerate(dict.fromkeys(headings))
        ),
        dialect=dialect,
    )


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("frictionless__defective-rows.csv", 0, [(2, "row.columns"), (3, "row.columns")]),
        ("frictionless__encoding-issue-274.csv", 507, []),
        ("gebi__evil1.csv", 0, [(2, "row.columns")]),
        ("pollock__file_double_trailing_newline.csv", 83, []),
        ("pollock__file_header_only.csv", 0, []),
        ("pollock__file_record_delimiter_0xA.csv", 83, []),
        ("pollock__row_field_delimiter_10_0x20.csv", 82, [(11, "row.quote")]),
        ("pollock__row_more_sep_row10_col4.csv", 82, [(11, "row.columns")]),
        ("pollock__source.csv", 83, []),
        ("rvl__extra_fields_empty.csv", 2, []),
        ("rvl__mixed_line_endings.csv", 2, []),
        ("rvl__ragged_rows_short.csv", 1, [(2, "row.columns"), (4, "row.columns")]),
        ("rvl__unterminated_quote.csv", 0, [(2, "row.quote")]),
        ("rvl__utf8_bom.csv", 2, []),
    ],
)
def test_good_rows_are_read_around_bad_ones(
    name: str, good: int, bad: list[tuple[int, str]], shared_data: Path, tmp_path: Path
) -> None:
    # Each of these files makes at least one common reader lose, shift or invent rows.
    folder = shared_data / "messy_extracts"
    extract = read((folder / name).read_bytes(), agreed(folder, name, Dialect("csv")), tmp_path)
    assert (len(rows(extract)), rejected(extract)) == (good, bad)


@pytest.mark.parametrize(
    ("name", "encoding", "rule"),
    [
        ("frictionless__duplicate-headers.csv", "UTF-8", "file.structure"),
        ("frictionless__invalid.csv", "UTF-8", "file.structure"),
        ("frictionless__table-with-accents.csv", "GB18030", "file.encoding"),
        ("pollock__file_field_delimiter_0x2C_0x20.csv", "UTF-8", "file.dialect"),
        ("pollock__file_no_header.csv", "UTF-8", "file.missing_column"),
        ("pollock__row_extra_quote0_col4.csv", "UTF-8", "file.structure"),
        ("pollock__row_more_sep_row0_col4.csv", "UTF-8", "file.structure"),
        ("rvl__blank_only.csv", "UTF-8", "file.empty"),
        ("rvl__encoding_nul_first8k.csv", "UTF-8", "file.encoding"),
        ("rvl__encoding_utf16le.csv", "UTF-8", "file.encoding"),
    ],
)
def test_a_file_that_cannot_be_read_right_is_refused(
    name: str, encoding: str, rule: str, shared_data: Path, tmp_path: Path
) -> None:
    # Each of these is read by some common reader without an error, and wrongly.
    folder = shared_data / "messy_extracts"
    contract_of_file = agreed(folder, name, Dialect("csv", encoding=encoding))
    with pytest.raises(RefusedFile) as caught:
        read((folder / name).read_bytes(), contract_of_file, tmp_path)
    assert caught.value.refusal.rule == rule
