"""JSON Lines: bad lines named, values read by the contract's type, nothing guessed."""

from pathlib import Path

import pytest

from citylake.contracts.model import Dialect
from ingestion.refusals import RefusedFile
from tests.ingestion.support import column, contract, examined, gzipped, read, rejected, rows

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
    assert extract.rows_read == 6


def test_values_are_read_by_the_contract_s_type_not_by_json_s(tmp_path: Path) -> None:
    # A code that one system writes as a number and another as text is the same code.
    outcome = examined(
        '{"编号":1200,"时限":"3","east":"1.5"}\n{"编号":"1200","时限":3,"east":1.5}\n'.encode(), CASES, tmp_path
    )
    assert outcome.accepted.select("code", "limit", "east").unique().rows() == [("1200", 3, 1.5)]


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


def test_one_array_instead_of_lines_is_refused(tmp_path: Path) -> None:
    # Every line of a pretty-printed array is a bad line: the department should hear the real reason.
    with pytest.raises(RefusedFile) as caught:
        read(b'[\n{"a":1}\n]\n', CASES, tmp_path)
    assert caught.value.refusal.rule == "file.structure"
