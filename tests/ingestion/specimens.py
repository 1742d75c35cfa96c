"""Good extracts of every format, each beside what is in it: what the fuzz test mutates."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

import polars as pl
import xlsxwriter

from citylake.contracts.model import Contract, Dialect
from tests.ingestion.support import column, contract

HEADINGS = ("文件", "名字", "附言", "日期", "金", "份")
Row = tuple[str, str | None, str | None, date | None, Decimal | None, int | None]
"""Values in the order of the headings."""
_SIMPLIFIED = ("无锡市梁溪区", "江阴市澄江街道", "张三丰", "李四", "滨湖区太湖街道", "欧阳建国")
_TRADITIONAL = ("無錫市梁溪區", "江陰市澄江街道", "張三豐", "李四", "濱湖區太湖街道", "歐陽建國")


@dataclass(frozen=True)
class Specimen:
    """A good extract: either text, record by record, or a table that some library writes."""

    name: str
    contract: Contract
    truth: tuple[Row, ...]
    head: bytes = b""
    records: tuple[bytes, ...] = ()
    tail: bytes = b""

    @property
    def encoding(self) -> str:
        return {"Big5": "cp950", "UTF-16": "utf-16-le"}.get(
            self.contract.dialect.encoding, self.contract.dialect.encoding
        )


def rows(words: Sequence[str], note: str) -> tuple[Row, ...]:
    """Two dozen rows, each unlike any other, with gaps."""
    return tuple(
        (
            f"R{number:04d}",
            words[number % len(words)] + str(number),
            None if number % 3 else f"{note}{number}",
            None if number % 5 == 4 else date(2024, 1, 1) + timedelta(days=number),
            None if number % 7 == 6 else Decimal(number * 137) / 100,
            number * 11,
        )
        for number in range(24)
    )


def agreed(dialect: Dialect) -> Contract:
    return contract(
        column("no", heading="文件", required=True, pattern=r"^R\d{4}$"),
        column("name", heading="名字", required=True),
        column("note", heading="附言"),
        column("day", "date", heading="日期"),
        column("amount", "number", heading="金", physical_type="decimal(18,2)"),
        column("count", "integer", heading="份"),
        dialect=dialect,
        tolerance=0.9,
    )


def as_texts(row: Row) -> list[str]:
    return ["" if value is None else str(value) for value in row]


def _delimited(  # noqa: PLR0913  # each is a fact of the file
    name: str, dialect: Dialect, words: Sequence[str], note: str, *, mark: bytes = b"", end: str = "\n"
) -> Specimen:
    truth = rows(words, note)
    specimen = Specimen(name, agreed(dialect), truth)

    def written(fields: Sequence[str]) -> bytes:
        return (dialect.delimiter.join(_quoted(field, dialect) for field in fields) + end).encode(specimen.encoding)

    preamble = "".join(f"title {number}{end}" for number in range(dialect.preamble_lines)).encode(specimen.encoding)
    return Specimen(
        name,
        specimen.contract,
        truth,
        mark + preamble + written(HEADINGS),
        tuple(written(as_texts(row)) for row in truth),
    )


def _quoted(field: str, dialect: Dialect) -> str:
    if not any(mark in field for mark in (dialect.delimiter, dialect.quote, "\n")):
        return field
    doubled = field.replace(dialect.quote, (dialect.escape or dialect.quote) + dialect.quote)
    return f"{dialect.quote}{doubled}{dialect.quote}"


def _json(name: str, *, is_array: bool) -> Specimen:
    truth = rows(_SIMPLIFIED, 'a "quoted" note ')
    records = [
        json.dumps(
            {heading: text for heading, text in zip(HEADINGS, as_texts(row), strict=True) if text}, ensure_ascii=False
        )
        for row in truth
    ]
    if not is_array:
        return Specimen(name, agreed(Dialect("json")), truth, records=tuple(f"{one}\n".encode() for one in records))
    separated = [f"{one},\n" for one in records[:-1]] + [f"{records[-1]}\n"]
    return Specimen(name, agreed(Dialect("json")), truth, b"[\n", tuple(one.encode() for one in separated), b"]\n")


def workbook(headings: Sequence[str], cells: Sequence[Sequence[object]]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet("数据")
        sheet.write(0, 0, "title")
        for number, row in enumerate([headings, *cells], start=1):
            sheet.write_row(number, 0, row)
    return buffer.getvalue()


def parquet(headings: Sequence[str], cells: Sequence[Sequence[object]]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(cells, schema=list(headings), orient="row", infer_schema_length=None).write_parquet(buffer)
    return buffer.getvalue()


@cache
def specimens() -> tuple[Specimen, ...]:
    """One of each format and dialect."""
    plain, quoted = "note ", 'x, "y"\nand z '
    return (
        _delimited("utf8", Dialect("csv"), _SIMPLIFIED, plain),
        _delimited(
            "utf8_quoted", Dialect("csv", encoding="UTF-8-SIG"), _SIMPLIFIED, quoted, mark=b"\xef\xbb\xbf", end="\r\n"
        ),
        _delimited("gb18030", Dialect("csv", encoding="GB18030"), (*_SIMPLIFIED, "𠮷㙟"), plain),
        _delimited("big5", Dialect("csv", encoding="Big5", delimiter="\t"), _TRADITIONAL, plain),
        _delimited("utf16", Dialect("csv", encoding="UTF-16", delimiter=";"), _SIMPLIFIED, quoted, mark=b"\xff\xfe"),
        _delimited("escaped", Dialect("csv", escape="\\", delimiter="||", preamble_lines=2), _SIMPLIFIED, 'a "b"||c '),
        _json("json_lines", is_array=False),
        _json("json_array", is_array=True),
        Specimen("xlsx", agreed(Dialect("xlsx", sheet="数据", preamble_lines=1)), rows(_SIMPLIFIED, plain)),
        Specimen("parquet", agreed(Dialect("parquet")), rows(_SIMPLIFIED, plain)),
    )
