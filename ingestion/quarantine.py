"""Quarantine as its department gets it: which line broke which rule, why, and how to mend it, as a file.

Reads what loading wrote; the original values are in it, so what is exported is its owner's alone.
"""

from pathlib import Path

import polars as pl

from citylake.contracts.model import Contract
from citylake.lake.deliveries import delivery_folder, find_delivery, manifests
from citylake.lake.errors import UsageError
from citylake.lake.spreadsheets import write_table
from citylake.lake.zones import Zones
from ingestion.mending import UNPARSED, broken_rules, headings_of, original, to_mend
from ingestion.validation import REJECTED_SCHEMA

ORIGIN = "数据来源 data_origin"
"""Whether a row is synthetic or real; undeclared in a file that was only checked and does not say."""


def read_quarantine(zones: Zones, dataset: str, delivery: str | None = None) -> pl.LazyFrame:
    """Rejected rows of a dataset, or of one of its deliveries, in the order of delivery and line.

    Raises UsageError when the delivery is unknown or another dataset's.
    """
    found = [manifest for manifest, _, _ in manifests(zones, dataset)]
    if delivery is not None:
        wanted = find_delivery(zones, delivery)[0]
        if wanted.dataset != dataset:
            raise UsageError(f"{wanted.delivery_id} is not a delivery of {dataset}.")
        found = [wanted]
    places = (
        delivery_folder(zones.quarantine, one.dataset, one.extract_date, one.sha256) / one.rejected_file
        for one in found
    )
    files = [file for file in places if file.exists()]
    if not files:
        return pl.LazyFrame(schema={"delivery_id": pl.String(), **REJECTED_SCHEMA, "origin": pl.String()})
    origins = {one.delivery_id: one.origin for one in found}
    return pl.scan_parquet(files, glob=False).with_columns(
        origin=pl.col("delivery_id").replace_strict(origins, default=None, return_dtype=pl.String)
    )


def export_quarantine(rows: pl.LazyFrame, contract: Contract, file: Path) -> int:
    """Write rows for a spreadsheet, owner-only: what to mend and how, then the whole record.

    A row that breaks several rules says so on several lines of its cells. Returns the number of rows. Raises UsageError
    when the file cannot be written.
    """
    rules = [broken.explanation for broken in broken_rules(contract, rows, "line", "rules")]
    mending = to_mend(rules, is_seen=False)
    headings = headings_of(rows, contract)
    record = original(headings)
    said = {
        "批次 Delivery": pl.col("delivery_id"),
        ORIGIN: pl.col("origin"),
        "行号 Line": pl.col("line"),
        "列 Column": mending["columns"],
        "值 Value": mending["values"],
        "原因": pl.col("reason_zh"),
        "约定": mending["asks_zh"],
        "怎样修改": mending["mend_zh"],
        "Reason": pl.col("reason_en"),
        "What the contract says": mending["asks_en"],
        "How to mend it": mending["mend_en"],
        "规则 Rules": mending["rules"],
    }
    unparsed = {"原始行 Original line": record.struct.field(UNPARSED)}
    # A department may have a column 原因, too.
    delivered = {
        f"{heading} (数据 delivered)" if heading in said | unparsed else heading: record.struct.field(heading)
        for heading in headings
    }
    table = rows.select(value.alias(name) for name, value in (said | delivered | unparsed).items())
    write_table(table, file)
    return int(rows.select(pl.len()).collect().item())
