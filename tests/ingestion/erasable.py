"""A person in a file of every format: what tests of erasing deliver, erase and look for."""

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import polars as pl

from citylake.contracts.mentions import Mention
from citylake.contracts.model import Contract, Dialect
from citylake.lake.deliveries import Manifest, manifests, read_ledger
from citylake.lake.erasures import Sought
from citylake.lake.settings import Settings
from citylake.lake.traces import Wanted, has_any
from citylake.lake.zones import Zones
from ingestion.erasing import Erased, Facts, erase_from_deliveries
from ingestion.landing import land
from ingestion.loading import load_delivery
from tests.ingestion.specimens import workbook
from tests.ingestion.support import column, contract

DAY = date(2026, 11, 20)
ID, OTHER = "11010519491231002X", "440524188001010014"
OLD = "110105491231002"
HEADINGS = ("编号", "证件", "说明", "数量")
ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("P00000000001", OTHER, "甲", "1"),
    ("P00000000002", ID, "乙，two\nlines", "2"),
    ("P00000000003", "", "丙", "3"),
    ("P00000000004", "", f"配偶{ID.lower()}", "4"),
    ("P00000000005", OLD, "戊", "bad"),
    ("P00000000006", "", "己", "bad"),
    ("P00000000007", "", "庚", "7"),
    ("P00000000008", "", "辛", "8"),
)
"""Of the person: the second by id, the third by its number, the fourth by a text, the fifth, which is quarantined."""
SOUGHT = Sought(ids=[OLD, ID], records={"office.thing": ["P00000000003"]}, numbers={"office.thing": ["P00000000003"]})
LEFT = ["P00000000001", "P00000000007", "P00000000008"]
FACTS = Facts("erasure-1", datetime(2026, 11, 21, tzinfo=UTC), "officer", "个人信息保护法第47条")


def csv(rows: tuple[tuple[str, ...], ...], dialect: Dialect) -> bytes:
    def quoted(text: str) -> str:
        return f'"{text}"' if "\n" in text or dialect.delimiter in text else text

    codec = {"UTF-16": "utf-16", "UTF-8-SIG": "utf-8-sig"}.get(dialect.encoding, dialect.encoding)
    return "".join(dialect.delimiter.join(map(quoted, row)) + "\r\n" for row in (HEADINGS, *rows)).encode(codec)


def objects(rows: tuple[tuple[str, ...], ...]) -> list[str]:
    return [json.dumps(dict(zip(HEADINGS, row, strict=True)), ensure_ascii=False) for row in rows]


def lines(rows: tuple[tuple[str, ...], ...], _: Dialect) -> bytes:
    return "".join(f"{one}\n" for one in objects(rows)).encode()


def array(rows: tuple[tuple[str, ...], ...], _: Dialect) -> bytes:
    return f"[{', '.join(objects(rows))}]".encode()


def sheet(rows: tuple[tuple[str, ...], ...], _: Dialect) -> bytes:
    return workbook(HEADINGS, rows)


def parquet(rows: tuple[tuple[str, ...], ...], _: Dialect) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(rows, schema=HEADINGS, orient="row").write_parquet(buffer)
    return buffer.getvalue()


Write = Callable[[tuple[tuple[str, ...], ...], Dialect], bytes]


def packed(write: Write) -> Write:
    return lambda rows, dialect: gzip.compress(write(rows, dialect))


FORMATS: dict[str, tuple[Dialect, Write]] = {
    "csv": (Dialect("csv"), csv),
    "csv in GB18030, packed": (Dialect("csv", encoding="GB18030"), packed(csv)),
    "csv in UTF-16": (Dialect("csv", encoding="UTF-16", delimiter="\t"), csv),
    "csv with a mark": (Dialect("csv", encoding="UTF-8-SIG"), csv),
    "json lines": (Dialect("json"), lines),
    "json array": (Dialect("json"), array),
    "json array, packed": (Dialect("json"), packed(array)),
    "workbook": (Dialect("xlsx", preamble_lines=1), sheet),
    "workbook, packed": (Dialect("xlsx", preamble_lines=1), packed(sheet)),
    "parquet": (Dialect("parquet"), parquet),
    "parquet, packed": (Dialect("parquet"), packed(parquet)),
}


def agreed(dialect: Dialect, **facts: Any) -> Contract:
    return contract(
        column("thing_id", heading="编号", required=True, primary_key=True, classification="identifier"),
        column("citizen_id", heading="证件", check="citizen_id", severity="warning", classification="identifier"),
        column("note", heading="说明"),
        column("count", "integer", heading="数量"),
        dialect=dialect,
        mentions=(Mention("person", "subject", {"id": ("citizen_id",)}),),
        **facts,
    )


def deliver(settings: Settings, thing: Contract, content: bytes, **facts: Any) -> Manifest:
    file = settings.home.parent / "export"
    file.write_bytes(content)
    return load_delivery(settings, thing, land(settings, file, thing, facts.pop("day", DAY), **facts), "night")


def erase(settings: Settings, thing: Contract, sought: Sought = SOUGHT, **wishes: Any) -> Erased:
    return erase_from_deliveries(settings, {thing.dataset: thing}, sought, FACTS, **wishes)


def traces(settings: Settings, sought: Sought = SOUGHT) -> list[str]:
    """Files in which the person can still be found, by the means of the proof."""
    zones = Zones.of(settings)
    wanted = Wanted(frozenset(sought.ids), frozenset(sought.long_numbers()))
    with duckdb.connect() as engine:
        files = (path for root in (zones.landing, zones.raw, zones.quarantine) for path in root.rglob("*"))
        return [path.name for path in files if path.is_file() and has_any(path, wanted, engine)[0]]


def in_force(settings: Settings) -> pl.DataFrame:
    paths = read_ledger(Zones.of(settings)).filter(pl.col("status") == "in_force")["path"].sort()
    return pl.concat(pl.read_parquet(path) for path in paths).sort("_line")


def only(settings: Settings) -> Manifest:
    ((manifest, _, _),) = manifests(Zones.of(settings))
    return manifest
