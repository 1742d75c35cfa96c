"""Nobody exposed: no identifier of a natural person in ``people`` or ``city``, nor in their catalogs.

Three searches, over every row, none of them a sample:

- by name: no column is called what a contract calls an identifier;
- by pattern: citizen ids with a valid check character, and mobile numbers, anywhere inside a text;
- by value: every text cell, and every cell of the catalogs (which hold column minima and maxima in clear), against
  every value of the columns that contracts classify as identifiers. Both sides are hashed to 64 bits, so that a
  million residents cost one hash join, and what agrees is confirmed by the values themselves. Whole cells only.

The catalogs are searched as the release would carry them: frozen aside. What a failed night left in the heads' earlier
snapshots goes nowhere, and must not stop the night in which the delivery at fault is withdrawn.

What is public may equal an identifier: a person may be called like a town, live where a company has its seat, or be an
organisation (the executive partner of a partnership). Such values are not searched for; neither is what fills a column
of numbers without being one: a row of one digit, or fewer digits than any number of a person has. Columns of
organisations' codes are not searched: their contract says what they are, and a check character cannot contradict it.
Findings are counted and located, in the lakes and in the deliveries, never shown.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import polars as pl

from citylake.contracts.identifiers import citizen_id
from citylake.contracts.labels import Label
from citylake.contracts.model import Contract
from citylake.governance.origins import lines_with, lines_with_number
from citylake.governance.results import CheckResult, Subject, nothing_wrong
from citylake.lake.attach import bare_connection, quoted
from citylake.lake.frozen import PUBLISHED_LAKES, freeze_catalog

# Not within a longer word or number, nor a part of a decimal number: 15 billion of capital are no mobile number.
_PATTERN = r"(?:^|[^0-9A-Za-z.]|[^0-9]\.)([1-8][0-9]{16}[0-9Xx]|1[3-9][0-9]{9})(?:$|[^0-9A-Za-z.]|\.[^0-9]|\.$)"
_SHORTEST_NUMBER = 11
_SHORTEST_VALUE = 2
# What stands in a column of numbers for want of one: up to six digits (a division, a counter), or one digit repeated.
_NO_NUMBER = "[0-9]{1,6}|" + "|".join(f"{digit}+" for digit in range(10))

_KEEPER = "vault.identity.keeper"

_PUBLIC_TEXTS = {
    "city.base.dim_entity": (("entity_name", "not is_sole_trader"), ("domicile", "not is_sole_trader")),
    "city.base.dim_entity_version": (("entity_name", "not is_sole_trader"), ("domicile", "not is_sole_trader")),
    "city.base.dim_region": (("region_code", "true"), ("region_name_zh", "true"), ("region_name_en", "true")),
    "city.base.dim_department": (("department_name_zh", "true"), ("department_name_en", "true")),
}

# A credit code may happen to be a citizen id by form; the contract has checked that it is a credit code.
_CODES_OF_ORGANISATIONS = {
    ("city.base.bridge_entity_registration", "registration_code"),
    ("city.base.dim_entity", "registration_code"),
    ("city.base.dim_entity_version", "registration_code"),
}

# Bounds that a catalog's statistics hold, and of which column they are.
_BOUNDS = ("min_value", "max_value")
_BOUNDED = """
select stats.{bound} as cell, '{lake}.' || schemas.schema_name || '.' || tables.table_name as bounded_table,
    columns.column_name as bounded_column
from {catalog}.{statistics} as stats
left join {catalog}.ducklake_table as tables on stats.table_id = tables.table_id
left join {catalog}.ducklake_schema as schemas on tables.schema_id = schemas.schema_id
left join {catalog}.ducklake_column as columns
    on stats.table_id = columns.table_id and stats.column_id = columns.column_id
"""


def check(subject: Subject) -> Iterator[CheckResult]:
    """By name, by sole trader, then by pattern and by value in the lakes and in their catalogs."""
    yield _no_column_is_an_identifier(subject)
    yield _sole_traders_are_hidden(subject)
    lakes = [
        f"select '{table}.{column}' as place, {table}.\"{column}\"::varchar as cell from {table}"
        for table, column in subject.columns(text_only=True)
        if (table, column) not in _CODES_OF_ORGANISATIONS
    ]
    _collect_identifiers(subject)
    _collect_catalogs(subject)
    for where, cells in (("lakes", lakes), ("catalogs", ["select place, cell from catalog_cell"])):
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


def _no_pattern(subject: Subject, where: str, cells: Sequence[str]) -> CheckResult:
    """``cells`` are queries that give ``place`` and ``cell``."""
    candidates = subject.connection.execute(
        f"""
        select place, unnest(regexp_extract_all(cell, ?, 1)) as number
        from ({_union(cells)})
        where strlen(cell) >= {_SHORTEST_NUMBER} and regexp_matches(cell, ?)
        """,
        [_PATTERN, _PATTERN],
    ).pl()
    is_mobile = pl.col("number").str.len_chars() == 11
    finding = citizen_id(pl.col("number")).finding
    found = candidates.filter(is_mobile | finding.is_null() | (finding == "division"))
    lines = lines_with_number(subject, found["number"], _PATTERN) if found.height else Label("", "")
    return _located(f"identifier.pattern_in_{where}", found, lines)


def _no_value(subject: Subject, where: str, cells: Sequence[str]) -> CheckResult:
    connection, check_id = subject.connection, f"identifier.value_in_{where}"
    connection.execute(
        f"""
        create or replace temp table suspect as
        select place, cell from ({_union(cells)}) where hash(cell) in (select value_hash from identifier_hash)
        """
    )
    if subject.count("select count(*) from suspect"):
        connection.execute(f"delete from suspect where cell not in ({_identifier_values(subject)})")
    found = connection.execute("select place, cell from suspect").pl()
    lines = lines_with(subject, found["cell"], _identifier_columns(subject)) if found.height else Label("", "")
    return _located(check_id, found, lines)


def _located(check_id: str, found: pl.DataFrame, lines: Label) -> CheckResult:
    """The result: the columns that findings are in, and the lines of deliveries that they came from."""
    places = found.group_by("place").len().sort("place").rows()
    listed = ", ".join(f"{place} ({count})" for place, count in places)
    return nothing_wrong(
        check_id,
        found.height,
        Label(
            f"含有自然人身份标识的单元格：{listed or '无'}{lines.zh}",
            f"cells with an identifier of a person: {listed or 'none'}{lines.en}",
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
    """Every value of every identifier column of staging, as text, but what only fills a column of numbers.

    And the secret that published keys are made with, which must stay in the vault as they do.
    """
    selects = [
        f'select "{column}"::varchar as value from {table} where length("{column}"::varchar) >= {_SHORTEST_VALUE} '
        f"and not regexp_full_match(\"{column}\"::varchar, '{_NO_NUMBER}')"
        for table, column in _identifier_columns(subject)
    ]
    if _KEEPER in subject.tables:
        selects.append(f"select record_secret as value from {_KEEPER}")
    return " union all ".join(selects) or "select null::varchar as value where false"


def _identifier_columns(subject: Subject) -> list[tuple[str, str]]:
    columns = [
        (f"vault.staging.stg_{contract.department}__{contract.name}", column)
        for contract in subject.contracts.values()
        for column in _identifiers(contract)
    ]
    return [(table, column) for table, column in columns if table in subject.tables]


def _identifiers(contract: Contract) -> list[str]:
    return [column.name for column in contract.columns if column.classification == "identifier"]


def _union(cells: Sequence[str]) -> str:
    selects = [f"select place, cell from ({query}) where cell is not null" for query in cells]
    return " union all ".join(selects) or "select null::varchar as place, null::varchar as cell where false"


def _collect_catalogs(subject: Subject) -> None:
    """Temporary table ``catalog_cell``: every cell of both catalogs as a release would carry them.

    Catalog by catalog: in one query, DuckDB takes scans of equal tables in two SQLite files for the same.
    """
    connection = subject.connection
    connection.execute("create or replace temp table catalog_cell (place varchar, cell varchar)")
    for lake in PUBLISHED_LAKES:
        path, name = subject.zones.scratch / f"audited-{subject.run_id}-{lake}.sqlite", f"catalog_of_{lake}"
        path.unlink(missing_ok=True)
        try:
            with bare_connection(subject.zones, subject.settings) as freezing:
                freeze_catalog(freezing, subject.zones, lake, path)
            connection.execute(f"attach '{quoted(path)}' as {name} (type sqlite, read_only)")
            connection.execute(f"insert into catalog_cell {_union(list(_catalog_cells(path, lake, name)))}")
            connection.execute(f"detach {name}")
        finally:
            path.unlink(missing_ok=True)


def _catalog_cells(path: Path, lake: str, name: str) -> Iterator[str]:
    """The columns of one frozen catalog; of statistics, not those of columns that hold organisations' codes."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as catalog:
        columns = catalog.execute(
            "select entry.name, field.name from sqlite_master as entry, pragma_table_info(entry.name) as field "
            "where entry.type = 'table' and entry.name not like 'sqlite_%'"
        ).fetchall()
    codes = ", ".join(f"('{table}', '{column}')" for table, column in sorted(_CODES_OF_ORGANISATIONS))
    for table, column in columns:
        if not re.fullmatch(r"\w+", f"{table}{column}"):
            continue
        if table.endswith("_column_stats") and column in _BOUNDS:
            bounded = _BOUNDED.format(bound=column, catalog=name, statistics=table, lake=lake)
            yield (
                f"select '{column} of ' || coalesce(bounded_table || '.' || bounded_column, '{table}') as place, "
                f"cell::varchar as cell from ({bounded}) "
                f"where ((bounded_table, bounded_column) in ({codes})) is not true"
            )
        else:
            yield f"select '{name}.{table}.{column}' as place, \"{column}\"::varchar as cell from {name}.{table}"
