"""The two paths of delimited text: they agree with each other, and with RFC 4180 as Python's csv module writes it."""

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citylake.contracts.model import Contract, Dialect
from ingestion.readers.careful import read_carefully
from ingestion.readers.delimited import read_fast
from ingestion.readers.extract import Extract
from ingestion.readers.header import read_header
from ingestion.readers.source import Lines, write_lines
from tests.ingestion.support import read, rejected, rows, texts

PAIR = texts("a", "b")
TRIPLE = texts("a", "b", "c")


def lines_of(content: bytes, folder: Path) -> Lines:
    (folder / "extract").write_bytes(content)
    return write_lines(folder / "extract", folder / "lines.txt", Dialect("csv"))


def carefully(lines: Lines, contract: Contract, folder: Path, block_bytes: int) -> Extract:
    header = read_header(lines, contract)
    parts = read_carefully(lines, header, contract.dialect, folder / "careful", block_bytes=block_bytes)
    return parts.extract(header.new, header.missing)


@given(
    st.lists(st.text("a1 中é'\t,;", max_size=6).map(lambda text: text + ",x"), max_size=20),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 64),
)
def test_fast_and_careful_path_accept_and_quarantine_the_same_rows(
    body: list[str], ending: str, block_bytes: int
) -> None:
    # A row that one path keeps and the other drops would depend on a quote somewhere else in the file.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = lines_of(ending.join(["a,b", *body]).encode(), folder)
        fast = read_fast(lines, read_header(lines, PAIR), PAIR.dialect)
        careful = carefully(lines, PAIR, folder, block_bytes)
        whole = read((folder / "extract").read_bytes(), PAIR, folder)
        assert (rows(whole), rejected(whole)) == (rows(careful), rejected(careful))
        is_clean = all(line.count(",") == 1 for line in body)
        assert (fast is not None) == is_clean
        if fast is not None:
            assert (rows(fast), rejected(fast), fast.rows_read) == (rows(careful), [], careful.rows_read)


@given(
    st.lists(st.tuples(*[st.text('ab,"\n 中', max_size=8)] * 3).filter(any), max_size=15),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(1, 64),
)
def test_what_a_csv_writer_wrote_is_read_back_exactly(
    body: list[tuple[str, str, str]], quoting: int, block_bytes: int
) -> None:
    # Splitting at a line break inside quotes, or at a block's edge, would tear a record in two.
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
    writer.writerows([("a", "b", "c"), *body])
    with tempfile.TemporaryDirectory() as name:
        extract = carefully(lines_of(text.getvalue().encode(), Path(name)), TRIPLE, Path(name), block_bytes)
        assert [row[1:] for row in rows(extract)] == body
        assert rejected(extract) == []


@given(st.lists(st.text('a,"中 ', min_size=1, max_size=8), max_size=25), st.integers(1, 40))
def test_every_line_is_in_a_record_or_rejected_whatever_the_quotes(body: list[str], block_bytes: int) -> None:
    # A stray quote that swallowed its neighbours would lose rows without a trace.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        extract = carefully(lines_of("\n".join(["a,b", *body]).encode(), folder), PAIR, folder, block_bytes)
        inside = [
            line + extra for line, *fields in rows(extract) for extra in range(sum(f.count("\n") for f in fields) + 1)
        ]
        covered = sorted(inside + [line for line, _ in rejected(extract)])
        expected = [number for number, line in enumerate(body, start=2) if line.strip()]
        assert [number for number in covered if body[number - 2].strip()] == expected
        assert extract.rows_read == len(rows(extract)) + len(rejected(extract))


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ('x,"y', "row.quote"),
        ('x,y"', "row.quote"),
        ('x,"y"z', "row.quote"),
        ("x", "row.columns"),
        ("x,y,z", "row.columns"),
        ('"x","y","z"', "row.columns"),
    ],
)
def test_a_bad_line_is_named_and_its_neighbours_are_read(bad: str, rule: str, tmp_path: Path) -> None:
    # An unclosed quote makes most readers swallow everything up to the next quote.
    extract = read(f'a,b\n1,2\n{bad}\n3,"4\n5"\n6,7\n'.encode(), PAIR, tmp_path)
    assert rejected(extract) == [(3, rule)]
    assert rows(extract) == [(2, "1", "2"), (4, "3", "4\n5"), (6, "6", "7")]


def test_an_empty_field_too_many_is_not_dropped(tmp_path: Path) -> None:
    # A delimiter too many in the middle shifts all that follows: where the last field is empty, it looks harmless.
    extract = read(b"a,b\nx,,y\n1,2,\n3,4\n", PAIR, tmp_path)
    assert rows(extract) == [(4, "3", "4")]
    assert rejected(extract) == [(2, "row.columns"), (3, "row.columns")]


def test_line_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    # A department cannot find a row when line breaks inside quotes or blank lines are not counted.
    extract = read(b'a,b\r\n\r\n"1\r\n2",x\r\n\r\nbad\r\n3,y\r\n', PAIR, tmp_path)
    assert rows(extract) == [(3, "1\n2", "x"), (7, "3", "y")]
    assert rejected(extract) == [(6, "row.columns")]


def test_two_quotes_far_apart_do_not_make_one_record(tmp_path: Path) -> None:
    # Two stray quotes that happen to match would turn a thousand rows into one.
    middle = "".join(f"{number},ok\n" for number in range(1000))
    extract = read(f'a,b\nx,"y\n{middle}z",w\n'.encode(), PAIR, tmp_path)
    assert len(rows(extract)) == 1000
    assert [line for line, _ in rejected(extract)] == [2, 1003]
