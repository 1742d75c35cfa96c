"""Nobody exposed: no identifier of a natural person in ``people`` or ``city``, nor in their catalogs.

Three searches, over every row, none of them a sample:

- by name: no column is called what a contract calls an identifier;
- by pattern: citizen ids with a valid check character, and mobile numbers, anywhere inside a text;
- by value: every text cell, and every cell of the catalogs (which hold column minima and maxima in clear), against
  every value of the columns that contracts classify as identifiers. Both sides are hashed to 64 bits, so that a
  million residents cost one hash join, and what agrees is confirmed by the values themselves. Whole cells only.

What is public may equal an identifier: a person may be called like a town, live where a company has its seat, or be an
organisation (the executive partner of a partnership). Such values are not searched for. Findings are counted and
located, never shown.
"""

import re
import sqlite3
from collections.abc import Iterator

import polars as pl

from citylake.contracts.identifiers import citizen_id
from citylake.contracts.labels import Label
from citylake.contracts.model import Contract
from citylake.governance.results import CheckResult, Subject, nothing_wrong
from citylake.lake.zones import Zones

# Not within a longer word or number, nor a part of a decimal number: 15 billion of capital are no mobile number.
_PATTERN = r"(?:^|[^0-9A-Za-z.]|[^0-9]\.)([1-8][0-9]{16}[0-9Xx]|1[3-9][0-9]{9})(?:$|[^0-9A-Za-z.]|\.[^0-9]|\.$)"
_SHORTEST_NUMBER = 11
_SHORTEST_VALUE = 2

_PUBLIC_TEXTS = {
    "city.base.dim_entity": (("entity_name", "not is_sole_trader"), ("domicile", "not is_sole_trader")),
    "city.base.dim_entity_version": (("entity_name", "not is_sole_trader"), ("domicile", "not is_sole_trader")),
    "city.base.dim_region": (("region_name_zh", "true"), ("region_name_en", "true")),
    "city.base.dim_department": (("department_name_zh", "true"), ("department_name_en", "true")),
}

# A credit code may happen to be a citizen id by form; the contract has checked that it is a credit code.
_CODES_OF_ORGANISATIONS = {
    ("city.base.bridge_entity_registration", "registration_code"),
    ("city.base.dim_entity", "registration_code"),
    ("city.base.dim_entity_version", "registration_code"),
}


def check(subject: Subject) -> Iterator[CheckResult]:
    """By name, by sole trader, then by pattern and by value in the lakes and in their catalogs."""
    yield _no_column_is_an_identifier(subject)
    yield _sole_traders_are_hidden(subject)
    lakes = [(table, column, f'{table}."{column}"') for table, column in subject.columns(text_only=True)]
    catalogs = [cell for lake in ("city", "people") for cell in _catalog_columns(subject.zones, lake)]
    _collect_identifiers(subject)
    for where, cells in (("lakes", lakes), ("catalogs", catalogs)):
        yield _no_pattern(subject, where, cells)
        yield _no_value(subject, where, cells)


def _no_column_is_an_identifier(subject: Subject) -> CheckResult:
    names = {name for contract in subject.contracts.values() for name in _identifiers(contract)}
    found = [f"{table}.{column}" for table, column in subject.columns() if column in names]
    return nothing_wrong(
        "identifier.columns",
        len(found),
        Label(
            f"含有身份标识列：{'、'.join(found) or '无'}", f"columns that are identifiers: {', '.join(found) or 'none'}"
        ),
    )


def _sole_traders_are_hidden(subject: Subject) -> CheckResult:
    table, wrong = "city.base.dim_entity", 0
    if table in subject.tables:
        wrong = subject.count(
            f"select count(*) from {table} where is_sole_trader and (entity_name is not null or domicile is not null)"
        )
    return nothing_wrong(
        "identifier.sole_traders",
        wrong,
        Label(f"{wrong} 个个体工商户的名称或住所被公开", f"{wrong} sole traders whose name or domicile is published"),
    )


def _no_pattern(subject: Subject, where: str, cells: list[tuple[str, str, str]]) -> CheckResult:
    candidates = subject.connection.execute(
        f"""
        select place, unnest(regexp_extract_all(cell, ?, 1)) as number
        from ({_union([cell for cell in cells if cell[:2] not in _CODES_OF_ORGANISATIONS])})
        where strlen(cell) >= {_SHORTEST_NUMBER} and regexp_matches(cell, ?)
        """,
        [_PATTERN, _PATTERN],
    ).pl()
    is_mobile = pl.col("number").str.len_chars() == 11
    finding = citizen_id(pl.col("number")).finding
    found = candidates.filter(is_mobile | finding.is_null() | (finding == "division"))
    return _located(f"identifier.pattern_in_{where}", found)


def _no_value(subject: Subject, where: str, cells: list[tuple[str, str, str]]) -> CheckResult:
    connection, check_id = subject.connection, f"identifier.value_in_{where}"
    connection.execute(
        f"""
        create or replace temp table suspect as
        select place, cell from ({_union(cells)}) where hash(cell) in (select value_hash from identifier_hash)
        """
    )
    if subject.count("select count(*) from suspect"):
        connection.execute(f"delete from suspect where cell not in ({_identifier_values(subject)})")
    return _located(check_id, connection.execute("select place from suspect").pl())


def _located(check_id: str, found: pl.DataFrame) -> CheckResult:
    places = found.group_by("place").len().sort("place").rows()
    listed = ", ".join(f"{place} ({count})" for place, count in places)
    return nothing_wrong(
        check_id,
        found.height,
        Label(
            f"含有自然人身份标识的单元格：{listed or '无'}", f"cells with an identifier of a person: {listed or 'none'}"
        ),
    )


def _collect_identifiers(subject: Subject) -> None:
    """Temporary table ``identifier_hash``: 8 bytes a distinct value."""
    public = [
        f'select "{column}" as value from {table} where {condition}'
        for table, columns in _PUBLIC_TEXTS.items()
        if table in subject.tables
        for column, condition in columns
    ]
    subject.connection.execute(
        f"""
        create or replace temp table identifier_hash as
        select hash(value) as value_hash from ({_identifier_values(subject)})
        {"except select hash(value) from (" + " union all ".join(public) + ")" if public else ""}
        """
    )


def _identifier_values(subject: Subject) -> str:
    """Every value of every identifier column of staging, as text."""
    columns = [
        (f"vault.staging.stg_{contract.department}__{contract.name}", column)
        for contract in subject.contracts.values()
        for column in _identifiers(contract)
    ]
    selects = [
        f'select "{column}"::varchar as value from {table} where length("{column}"::varchar) >= {_SHORTEST_VALUE}'
        for table, column in columns
        if table in subject.tables
    ]
    return " union all ".join(selects) or "select null::varchar as value where false"


def _identifiers(contract: Contract) -> list[str]:
    return [column.name for column in contract.columns if column.classification == "identifier"]


def _union(cells: list[tuple[str, str, str]]) -> str:
    selects = [
        f"select '{table}.{column}' as place, {expression}::varchar as cell from {table} where {expression} is not null"
        for table, column, expression in cells
    ]
    return " union all ".join(selects) or "select null::varchar as place, null::varchar as cell where false"


def _catalog_columns(zones: Zones, lake: str) -> Iterator[tuple[str, str, str]]:
    """Every column of a lake's SQLite catalog, as DuckDB names it through the attached lake."""
    path = zones.catalog(lake)
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as catalog:
        rows = catalog.execute(
            "select entry.name, field.name from sqlite_master as entry, pragma_table_info(entry.name) as field "
            "where entry.type = 'table' and entry.name not like 'sqlite_%'"
        ).fetchall()
    catalog.close()
    for table, column in rows:
        if re.fullmatch(r"\w+", f"{table}{column}"):
            name = f"__ducklake_metadata_{lake}.main.{table}"
            yield name, column, f'"{column}"'
