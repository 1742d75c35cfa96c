"""JSON Lines: bad lines named, values read by the contract's type, nothing guessed."""

from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from citylake.contracts.model import Dialect
from ingestion.readers import json_array, json_lines
from ingestion.readers.source import text_blocks
from ingestion.refusals import RefusedFile
from tests.ingestion.support import column, contract, engine, examined, gzipped, read, rejected, rows, rows_read

CASES = contract(
    column("code", heading="编号", required=True),
    column("limit", "integer", heading="时限"),
    column("east", "number"),
    column("pauses", "array"),
    dialect=Dialect("json"),
)


def test_a_bad_line_is_named_and_its_neighbours_are_read(tmp_path: Path) -> None:
    # One broken line makes readers that infer a schema give up on the file.
    lines = ['{"编号":"1"}', '{"编号":"2"', "", "7", "[1]", '{"编号":"3","编号":"4"}', '{"编号":"5"}']
    extract = read("\n".join(lines).encode(), CASES, tmp_path)
    assert [row[:2] for row in rows(extract)] == [(1, "1"), (7, "5")]
    assert rejected(extract) == [(2, "row.json"), (4, "row.json"), (5, "row.json"), (6, "row.json")]
    assert rows_read(extract) == 6


def test_a_comma_too_many_is_no_json_but_may_stand_in_a_text(tmp_path: Path) -> None:
    # A parser that lets it pass takes a cut-off record for a whole one.
    extract = read(b'{"\xe7\xbc\x96\xe5\x8f\xb7":"1",}\n{"\xe7\xbc\x96\xe5\x8f\xb7":"a,}"}\n', CASES, tmp_path)
    assert rejected(extract) == [(1, "row.json")]
    assert [row[:2] for row in rows(extract)] == [(2, "a,}")]


def test_blocks_read_at_once_give_what_one_block_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each needs the engine, for its lists and its new keys: shared, one block would get the texts of another.
    def line(number: int) -> str:
        if number % 50 == 7:
            return f'{{"编号":"{number}"'
        return f'{{"编号":"{number}","时限":{number},"pauses":[{number},[{number}.50]],"新":"{number}"}}'

    content = "\n".join(map(line, range(2000))).encode()
    file = tmp_path / "extract"
    file.write_bytes(content)

    def found(block_bytes: int) -> list[tuple[object, ...]]:
        monkeypatch.setattr(json_lines, "text_blocks", partial(text_blocks, block_bytes=block_bytes))
        with engine(tmp_path) as connection:
            batches = list(json_lines.read_json(file, CASES, connection).batches())
        assert len(batches) >= len(content) // (2 * block_bytes)
        accepted = pl.concat((batch.records for batch in batches), how="diagonal_relaxed")
        rejected_lines = [line for batch in batches for line in batch.rejected["_line"]]
        texts = accepted.select(pl.all().cast(pl.String)).select(*sorted(accepted.columns)).rows()
        return [*texts, *((line,) for line in rejected_lines)]

    assert found(512) == found(len(content) + 1)


def test_values_are_read_by_the_contract_s_type_not_by_json_s(tmp_path: Path) -> None:
    # A code that one system writes as a number and another as text is the same code.
    outcome = examined(
        '{"编号":1200,"时限":"3","east":"1.5"}\n{"编号":"1200","时限":3,"east":1.5}\n'.encode(), CASES, tmp_path
    )
    assert outcome.accepted.select("code", "limit", "east").unique().rows() == [("1200", 3, 1.5)]


def test_numbers_keep_their_digits_where_digits_count(tmp_path: Path) -> None:
    # Through a float, an amount of sixteen digits is another amount, and the code 1.10 is the code 1.1.
    agreed = contract(
        column("code", required=True),
        column("amount", "number", physical_type="decimal(18,2)"),
        dialect=Dialect("json"),
    )
    lines = ['{"code":1.10,"amount":1234567890123456.78}', '{"code":"1.10","amount":"2.50"}', '{"code":1e5,"amount":3}']
    outcome = examined("\n".join(lines).encode(), agreed, tmp_path)
    assert outcome.accepted.select("code", "amount").rows() == [
        ("1.10", Decimal("1234567890123456.78")),
        ("1.10", Decimal("2.50")),
        ("1e5", Decimal("3.00")),
    ]


def test_nested_values_are_kept_as_json_text(tmp_path: Path) -> None:
    # Flattened or dropped, the suspensions of a case would be lost.
    outcome = examined('{"编号":"1","pauses":[{"from":"x","to":null}]}\n'.encode(), CASES, tmp_path)
    assert outcome.accepted["pauses"].to_list() == ['[{"from":"x","to":null}]']


def test_a_missing_field_and_a_null_are_both_no_value(tmp_path: Path) -> None:
    # A system that leaves empty fields out must not be treated differently from one that writes null.
    outcome = examined('{"编号":"1"}\n{"编号":"2","时限":null}\n{"编号":null}\n'.encode(), CASES, tmp_path)
    assert outcome.accepted["limit"].to_list() == [None, None]
    assert outcome.rejected["rule"].to_list() == ["code.required"]


def test_unknown_fields_are_reported(tmp_path: Path) -> None:
    # A field that a department adds must not vanish without anybody noticing.
    extract = read('{"编号":"1","new":1}\n{"编号":"2","other":1}\n'.encode(), CASES, tmp_path)
    assert extract.new_columns == ("new", "other")


def test_a_wrong_type_in_json_is_rejected_not_rounded(tmp_path: Path) -> None:
    # A limit of 2.5 read as 2 would make cases overdue that are not.
    outcome = examined('{"编号":"1","时限":2.5}\n{"编号":"2","时限":true}\n'.encode(), CASES, tmp_path)
    assert outcome.rejected["rules"].to_list() == [["limit.type"], ["limit.type"]]


def test_undecodable_json_is_quarantined_and_gzip_is_read(tmp_path: Path) -> None:
    # A line with broken bytes can still parse as JSON, with a wrong value in it.
    body = b"".join(b'{"\xe7\xbc\x96\xe5\x8f\xb7":"%d"}\n' % number for number in range(20))
    extract = read(gzipped(body + b'{"\xe7\xbc\x96\xe5\x8f\xb7":"\xff"}\n'), CASES, tmp_path)
    assert rejected(extract) == [(21, "row.encoding")]
    assert len(rows(extract)) == 20


def test_an_array_is_read_record_by_record(tmp_path: Path) -> None:
    # Read line by line, every line of a pretty-printed array would be a bad one.
    content = '\n [ {"编号": "1", "pauses": [\n1]},\n{"编号":"2"} ,{"east":\n1.5}, 7]\n'
    extract = read(content.encode(), CASES, tmp_path)
    assert [(row[0], row[1], row[4]) for row in rows(extract)] == [(1, "1", "[1]"), (2, "2", None), (3, None, None)]
    assert rejected(extract) == [(4, "row.json")]


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
def test_an_array_survives_every_piece_s_edge(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Cut in the middle of a number, 12 would be read as 1.
    monkeypatch.setattr(json_array, "_PIECE_CHARACTERS", size)
    extract = read('[{"编号":"甲乙"},{"编号":12}]'.encode(), CASES, tmp_path)
    assert [row[:2] for row in rows(extract)] == [(1, "甲乙"), (2, "12")]


@pytest.mark.parametrize(
    "content",
    [b'[{"a":1},\n{"a":2}', b'[{"a":1}', b"[", b'[{"a":1}]]', b'[{"a":1} {"a":2}]', b'[{"a":1},]', b'[{"a":\xff}]'],
)
def test_a_broken_array_is_refused_whole(content: bytes, tmp_path: Path) -> None:
    # Nothing says where the next record of a broken array begins: some would be lost or made up.
    with pytest.raises(RefusedFile) as caught:
        read(content, CASES, tmp_path)
    assert caught.value.refusal.rule == "file.structure"
