"""Quarantine as its department gets it: which line broke which rule, why, and how to mend it, as a file.

Reads what loading wrote; the original values are in it, so what is exported is its owner's alone.
"""

import os
import tempfile
from pathlib import Path

import polars as pl

from citylake.contracts.model import Contract
from citylake.lake.deliveries import delivery_folder, find_delivery, manifests
from citylake.lake.errors import UsageError
from citylake.lake.zones import Zones
from ingestion.mending import UNPARSED, broken_rules, headings_of, original, to_mend
from ingestion.validation import REJECTED_SCHEMA

_FORMULA = r"^\s*[=+\-@＝＋－＠\t\r]"
_PLAIN_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?$"
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
    """Write rows as CSV for a spreadsheet (UTF-8 with mark, owner-only): what to mend and how, then the whole record.

    A row that breaks several rules says so on several lines of its cells. A text that a spreadsheet would run as a
    formula gets an apostrophe in front. Returns the number of rows. Raises UsageError when it cannot be written.
    """
    if file.is_dir() or not os.access(file.absolute().parent, os.W_OK):
        raise UsageError(
            f"{file} cannot be written: name a file in a folder that exists and is yours. 无法写入该文件。"
        )
    rules = [broken.explanation for broken in broken_rules(contract, rows, "line", "rules")]
    mending = to_mend(rules, is_seen=False)
    headings = headings_of(rows, contract)
    record = original(headings)
    said = {
        "批次 Delivery": pl.col("delivery_id"),
        ORIGIN: pl.col("origin"),
        "行号 Line": pl.col("line"),
        "列 Column": mending["columns"],
        "值 Value": _harmless(mending["values"]),
        "原因": pl.col("reason_zh"),
        "约定": mending["asks_zh"],
        "怎样修改": mending["mend_zh"],
        "Reason": pl.col("reason_en"),
        "What the contract says": mending["asks_en"],
        "How to mend it": mending["mend_en"],
        "规则 Rules": mending["rules"],
    }
    unparsed = {"原始行 Original line": _harmless(record.struct.field(UNPARSED))}
    # A department may have a column 原因, too.
    delivered = {
        f"{heading} (数据 delivered)" if heading in said | unparsed else heading: _harmless(
            record.struct.field(heading)
        )
        for heading in headings
    }
    table = rows.select(value.alias(name) for name, value in (said | delivered | unparsed).items())
    descriptor, aside = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
    os.close(descriptor)
    try:
        table.sink_csv(aside, include_bom=True)
        Path(aside).rename(file)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    return int(rows.select(pl.len()).collect().item())


def _harmless(text: pl.Expr) -> pl.Expr:
    is_formula = text.str.contains(_FORMULA) & ~text.str.contains(_PLAIN_NUMBER)
    return pl.when(is_formula).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)
