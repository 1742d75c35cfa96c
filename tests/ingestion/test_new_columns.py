"""Headings that a contract does not know: every reader hands over what stands under them, and the contract decides."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from citylake.contracts.model import Dialect, Drift, Format
from ingestion.refusals import RefusedFile
from tests.ingestion.support import column, contract, examined, read, records

AGREED = contract(column("no", "integer", heading="编号", required=True), column("count", "integer", heading="数量"))
NOTES = ['甲 "乙"', None, "丙,{丁}"]


def _csv(quote: str) -> bytes:
    body = [f"{n},{quote}{(note or '').replace(quote, quote * 2)}{quote},{n}" for n, note in enumerate(NOTES)]
    return "\n".join(["编号,附 注,数量", *body, ""]).encode()


def _json() -> bytes:
    rows = [{"编号": n, "数量": n} | ({} if note is None else {"附 注": note}) for n, note in enumerate(NOTES)]
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def _xlsx() -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as made:
        sheet = made.add_worksheet()
        for number, row in enumerate([("编号", "附 注", "数量"), *((n, note, n) for n, note in enumerate(NOTES))]):
            sheet.write_row(number, 0, row)
    return buffer.getvalue()


def _parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    count = max(map(len, columns.values()))
    pl.DataFrame({"编号": range(count), "数量": range(count), **columns}).write_parquet(buffer)
    return buffer.getvalue()


WRITTEN: list[tuple[Format, str, Callable[[], bytes]]] = [
    ("csv", '"', lambda: _csv('"')),
    ("csv", "'", lambda: _csv("'")),
    ("json", '"', _json),
    ("xlsx", '"', _xlsx),
    ("parquet", '"', lambda: _parquet(**{"附 注": NOTES})),
]


@pytest.mark.parametrize(("kind", "quote", "written"), WRITTEN)
def test_every_reader_hands_over_what_stands_under_a_new_heading(
    kind: Format, quote: str, written: Callable[[], bytes], tmp_path: Path
) -> None:
    # Kept from four formats and lost from the fifth, a new column would begin on a day that nobody can explain.
    extract = read(written(), replace(AGREED, dialect=Dialect(kind, quote=quote)), tmp_path)
    assert extract.new_columns == ("附 注",)
    texts = records(extract).sort("_line")["_new_columns"].to_list()
    assert [text and json.loads(text) for text in texts] == [note and {"附 注": note} for note in NOTES]


@pytest.mark.parametrize("drift", ["freeze", "evolve"])
@pytest.mark.parametrize("content", [b"\xe7\xbc\x96\xe5\x8f\xb7\n1\n", "编号,新,数量\n1,值,1\n2,,x\n3,c,x\n".encode()])
def test_evolve_keeps_new_columns_and_freeze_leaves_them_in_landing(
    drift: Drift, content: bytes, tmp_path: Path
) -> None:
    # A column that is there on some days only, or under the other promise, would fail in staging.
    outcome = examined(content, replace(AGREED, drift=drift), tmp_path)
    assert ("_new_columns" in outcome.accepted.columns) == (drift == "evolve")
    if drift == "evolve":
        assert outcome.accepted["_new_columns"].to_list() == ['{"新":"值"}' if "新".encode() in content else None]


@pytest.mark.parametrize("drift", ["freeze", "evolve"])
def test_a_quarantined_row_keeps_what_stood_under_new_headings(drift: Drift, tmp_path: Path) -> None:
    # The department finds its row by what it wrote in it, whatever the contract knows of that.
    content = "编号,新,数量\n1,值,1\n2,,x\n3,c,x\n".encode()
    outcome = examined(content, replace(AGREED, drift=drift), tmp_path)
    found = [json.loads(record) for record in outcome.rejected["record"]]
    assert found == [{"编号": "2", "数量": "x"}, {"编号": "3", "数量": "x", "新": "c"}]


def test_a_json_object_may_have_any_number_of_new_keys(tmp_path: Path) -> None:
    # With a place for each key of the file, a map in the wrong place would take the memory of rows times keys.
    rows: list[dict[str, Any]] = [{"编号": n, "数量": n, f"k{n}/~\"'": {"a": [n, None]}} for n in range(3_000)]
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in [{"编号": 9, "数量": 9, "空": ""}, *rows])
    extract = read(content.encode(), replace(AGREED, dialect=Dialect("json")), tmp_path)
    texts = records(extract).sort("_line")["_new_columns"].to_list()
    assert len(extract.new_columns) == 3_001
    assert texts[0] is None
    assert json.loads(texts[3_000]) == {"k2999/~\"'": '{"a":[2999,null]}'}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([7], "7"),
        ([1.0], "1"),
        ([True], "true"),
        ([date(2024, 2, 29)], "2024-02-29"),
        ([[1, 2]], "[1,2]"),
        ([{"a": date(2024, 2, 29), "b": None}], '{"a":"2024-02-29","b":null}'),
        ([b"\x00"], None),
        ([[b"\x00"]], None),
        ([{"a": b"\x00"}], None),
    ],
)
def test_a_new_column_of_parquet_is_text_whatever_its_type(values: list[Any], text: str | None, tmp_path: Path) -> None:
    # Nothing is agreed about its type: no type may refuse the delivery, let alone stop the night.
    extract = read(_parquet(新=values), replace(AGREED, dialect=Dialect("parquet")), tmp_path)
    (packed,) = records(extract)["_new_columns"].to_list()
    assert packed and json.loads(packed) == {"新": text} if text else packed is None


def test_a_file_without_any_agreed_heading_is_refused_although_none_is_required(tmp_path: Path) -> None:
    # Read on, every column would be a new one and every row empty; what is reported as headings may be data.
    loose = contract(column("a"), column("b"))
    with pytest.raises(RefusedFile) as caught:
        read(b"x,y\n1,2\n", loose, tmp_path)
    assert caught.value.refusal.rule == "file.missing_column"
