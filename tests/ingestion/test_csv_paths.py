"""The two paths of delimited text: they agree with each other, and with RFC 4180 as Python's csv module writes it."""

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citylake.contracts.model import Contract, Dialect
from ingestion.readers.careful import CarefulReader
from ingestion.readers.delimited import batches, read_fast
from ingestion.readers.extract import Extract
from ingestion.readers.grammar import Grammar
from ingestion.readers.header import read_header
from ingestion.readers.source import text_blocks
from tests.ingestion.support import read, rejected, rows, rows_read, texts

ONE = texts("a")
PAIR = texts("a", "b")
TRIPLE = texts("a", "b", "c")


def file_of(content: bytes, folder: Path) -> Path:
    (folder / "extract").write_bytes(content)
    return folder / "extract"


def carefully(file: Path, agreed: Contract, block_bytes: int) -> Extract:
    header = read_header(file, agreed)
    reader = CarefulReader(header.columns, Grammar.of(agreed.dialect), new=header.new_places)
    found = [reader.read(block.after(header.line)) for block in text_blocks(file, agreed.dialect, block_bytes)]
    return Extract(lambda: iter(found))


def is_taken_by_the_fast_path(file: Path, agreed: Contract) -> bool:
    header = read_header(file, agreed)
    (block,) = text_blocks(file, agreed.dialect)
    return read_fast(block.after(header.line), header, agreed.dialect) is not None


@given(
    st.lists(st.text("a1 中é'\t,;", max_size=6).map(lambda text: text + ",x"), max_size=20),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 64),
    st.sampled_from([PAIR, ONE]),
)
def test_fast_and_careful_path_accept_and_quarantine_the_same_rows(
    body: list[str], ending: str, block_bytes: int, agreed: Contract
) -> None:
    # A row that one path keeps and the other drops would depend on a quote somewhere else in the file; so would a value
    # under a heading that the contract does not know (``b``, of the contract that has ``a`` alone).
    with tempfile.TemporaryDirectory() as name:
        file = file_of(ending.join(["a,b", *body]).encode(), Path(name))
        header = read_header(file, agreed)
        careful = carefully(file, agreed, block_bytes)
        for size in (block_bytes, 1 << 20):
            mixed = Extract(lambda size=size: batches(file, header, agreed.dialect, size))
            assert (rows(mixed), rejected(mixed)) == (rows(careful), rejected(careful))
        if body and all(line.count(",") == 1 for line in body):
            assert is_taken_by_the_fast_path(file, agreed)


@pytest.mark.parametrize("body", ["\n", "\n\n\n", " \n", "1,2\n\n", "\n1,2\n", "1,2\n\n3,4\n"])
def test_a_blank_line_is_no_record_on_the_fast_path_either(body: str, tmp_path: Path) -> None:
    # Each would be a row of nulls: accepted where nothing is required, else held against a sender who wrote none.
    extract = read(f"a,b\n{body}".encode(), PAIR, tmp_path)
    expected = [(number, *line.split(",")) for number, line in enumerate(body.split("\n"), start=2) if line.strip()]
    assert (rows(extract), rejected(extract)) == (expected, [])


@pytest.mark.parametrize("delimiter", ["\t", " "])
def test_a_line_of_delimiters_is_a_record_on_both_paths(delimiter: str, tmp_path: Path) -> None:
    # White space to one path and empty fields to the other: a quote elsewhere would decide whether it counts.
    agreed = texts("a", "b", dialect=Dialect("csv", delimiter=delimiter))
    for value in ("1", '"1"'):
        extract = read(f"a\tb\n\t\n{value}\t2\n".replace("\t", delimiter).encode(), agreed, tmp_path)
        assert rows(extract) == [(2, None, None), (3, "1", "2")]


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
        extract = carefully(file_of(text.getvalue().encode(), Path(name)), TRIPLE, block_bytes)
        assert [tuple(field or "" for field in row[1:]) for row in rows(extract)] == body
        assert rejected(extract) == []


@given(st.lists(st.text('a,"中 ', min_size=1, max_size=8), max_size=25), st.integers(1, 40))
def test_every_line_is_in_a_record_or_rejected_whatever_the_quotes(body: list[str], block_bytes: int) -> None:
    # A stray quote that swallowed its neighbours would lose rows without a trace.
    with tempfile.TemporaryDirectory() as name:
        extract = carefully(file_of("\n".join(["a,b", *body]).encode(), Path(name)), PAIR, block_bytes)
        inside = [
            line + extra
            for line, *fields in rows(extract)
            for extra in range(sum((f or "").count("\n") for f in fields) + 1)
        ]
        covered = sorted(inside + [line for line, _ in rejected(extract)])
        expected = [number for number, line in enumerate(body, start=2) if line.strip()]
        assert [number for number in covered if body[number - 2].strip()] == expected
        assert rows_read(extract) == len(rows(extract)) + len(rejected(extract))


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
