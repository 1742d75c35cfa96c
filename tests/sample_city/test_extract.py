"""What the sample city writes in a dialect, ingestion reads in it: every value, in every format."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from citylake.contracts.model import Dialect
from citylake.lake.settings import Settings
from ingestion.examination import examine
from sample_city.defects import BREACH
from sample_city.extract import Delivery, write_extract
from sample_city.nights import PERMITS
from tests.sample_city.conftest import contract_of

DAY = date(2026, 10, 31)
PERMITS_HELD = pl.DataFrame(
    {
        "permit_no": ["JZ1000000001", "JZ1000000002"],
        "holder_name": ["王䶮", "艾力·次仁"],
        "sex_code": ["1", "2"],
        "birth_date": [date(1980, 2, 29), date(1999, 12, 31)],
        "residence_address": ['人民路1号,"东"门', None],
        "issued_date": [date(2026, 1, 1)] * 2,
        "valid_to_date": [date(2026, 12, 31)] * 2,
        "status_code": ["1", "2"],
        "updated_at": pl.Series(["2026-01-01 09:30:00", "2026-10-31 23:59:59"]).str.to_datetime(time_unit="us"),
        "operation": ["I", "U"],
        BREACH: pl.Series([None, None], dtype=pl.String),
    }
)
DIALECTS: dict[str, dict[str, Any]] = {
    "csv": {"format": "csv", "encoding": "UTF-8"},
    "byte_order_mark": {"format": "csv", "encoding": "UTF-8-SIG"},
    "gb18030": {"format": "csv", "encoding": "GB18030"},
    "utf_16": {"format": "csv", "encoding": "UTF-16"},
    "tabs": {"format": "csv", "delimiter": "\t"},
    "escapes": {"format": "csv", "escape": "\\"},
    "title_and_two_lines_of_headings": {"format": "csv", "preamble_lines": 2, "header_lines": 2},
    "json_lines": {"format": "json"},
    "workbook": {"format": "xlsx", "sheet": "居住证", "preamble_lines": 1},
    "workbook_with_two_rows_of_headings": {"format": "xlsx", "sheet": "居住证", "preamble_lines": 1, "header_lines": 2},
    "parquet": {"format": "parquet"},
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_value_comes_through_in_every_dialect(tmp_path: Path, dialect: str) -> None:
    # A writer and a reader that take one declaration differently: a heading lost, a quote doubled, a day shifted.
    contract = replace(contract_of(PERMITS), dialect=Dialect(**DIALECTS[dialect]))
    written = write_extract(tmp_path, Delivery(contract, DAY, DAY), [PERMITS_HELD])
    folder = tmp_path / "examined"
    folder.mkdir()
    examination = examine(Settings(home=tmp_path / "home"), written.path, contract, folder)
    assert examination.refusal is None
    assert examination.validated is not None
    assert examination.validated.rules_rejected == {}
    accepted = pl.read_parquet(examination.validated.accepted).select(PERMITS_HELD.drop(BREACH).columns)
    local = accepted.with_columns(pl.col("updated_at").dt.convert_time_zone("Asia/Shanghai").dt.replace_time_zone(None))
    assert local.to_dicts() == PERMITS_HELD.drop(BREACH).to_dicts()


def test_a_packed_extract_is_named_so_and_the_same_every_time(tmp_path: Path) -> None:
    # A file that keeps the moment of packing would be another delivery every time the city is made.
    contract = replace(contract_of(PERMITS), path="public_security/residence_permit/residence_permit_*.csv.gz")
    one, two = (write_extract(tmp_path / n, Delivery(contract, DAY, DAY), [PERMITS_HELD]).path for n in ("1", "2"))
    assert one.name == two.name == "residence_permit_20261031.synthetic.csv.gz"
    assert one.read_bytes() == two.read_bytes()
