"""A city by hand: the facts that indicators are evaluated on, a few rows each, in the lakes of a temporary home.

The semantic manifest is the real project's, parsed once a session.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeAlias

import duckdb
import pytest

from citylake.indicators.evaluate import evaluate
from citylake.lake.attach import open_lakes
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from orchestration.dbt_paths import SEMANTIC_MANIFEST, DbtPaths

REGIONS = """
insert into city.base.dim_region values
    ('320200', 'city', null, '320200', '320200-U', '320200-U-U', false, null, null),
    ('320200-U', 'district', '320200', '320200', '320200-U', '320200-U-U', true, null, null),
    ('320200-U-U', 'street', '320200-U', '320200', '320200-U', '320200-U-U', true, null, null),
    ('320205', 'district', '320200', '320200', '320205', '320205-U', false, null, null),
    ('320205-U', 'street', '320205', '320200', '320205', '320205-U', true, null, null),
    ('320205001', 'street', '320205', '320200', '320205', '320205001', false, null, null),
    ('320205002', 'street', '320205', '320200', '320205', '320205002', false, null, null),
    ('320205001001', 'community', '320205001', '320200', '320205', '320205001', false, null, null),
    ('320206', 'district', '320200', '320200', '320206', '320206-U', false, null, null),
    ('320206-U', 'street', '320206', '320200', '320206', '320206-U', true, null, null),
    ('320206001', 'street', '320206', '320200', '320206', '320206001', false, null, null),
    ('320202', 'district', '320200', '320200', '320202', '320202-U', false, null, '2015-10-13')
"""

TABLES = {
    "base.dim_region": "region_code varchar, region_level varchar, parent_code varchar, city_code varchar, "
    "district_code varchar, street_code varchar, is_unallocated boolean, valid_from date, valid_to date",
    "governance.fct_urban_case": "case_key varchar, category_code varchar, region_code varchar, "
    "department_code varchar, filed_date date, handled_date date, handling_working_hours double",
    "governance.fct_urban_case_due": "case_key varchar, due_date date, region_code varchar, "
    "department_code varchar, is_handled_on_time boolean, is_closed boolean, is_closed_on_time boolean",
    "governance.fct_urban_case_backlog": "case_key varchar, month_date date, region_code varchar, "
    "department_code varchar",
    "economy.fct_entity_month": "month_date date, region_code varchar, new_count bigint, cancelled_count bigint, "
    "active_count bigint, active_at_start_count bigint",
    "service.fct_service_case": "case_key varchar, task_group_code varchar, project_code varchar, region_code varchar, "
    "department_code varchar, accepted_date date, finished_date date, result_code varchar, "
    "handling_working_days double",
    "service.fct_service_case_month": "case_key varchar, month_date date, region_code varchar, "
    "department_code varchar, is_finished_on_time boolean",
    "credit.fct_credit_event": "credit_event_key varchar, event_type varchar, decision_date date, region_code varchar",
    "economy.fct_insured_month": "month_date date, region_code varchar, insured_count bigint",
    "urban.fct_urban_growth_year": "region_code varchar, region_level varchar, year_date date, built_up_km2 double, "
    "growth_km2 double, year_count integer, land_area_km2_years double, rank_size_q double, data_origin varchar",
    "base.fct_population_month": "month_date date, region_code varchar, resident_count bigint",
    "exchange.fct_delivery": "delivery_id varchar, dataset varchar, department_code varchar, extract_date date, "
    "status varchar, rows_accepted bigint",
    "exchange.dim_dataset": "dataset varchar, frequency_days integer",
    "indicator.indicator_target": "indicator_id varchar, region_code varchar, value double, direction varchar, "
    "set_by varchar, set_on date, source varchar, valid_from date, valid_to date",
}

DATASETS = (
    "public_security.person_register",
    "market_supervision.entity_register",
    "urban_management.urban_case",
    "human_resources.social_insurance",
    "credit_office.administrative_licence",
    "government_service.service_case",
    "natural_resources.night_light_composite",
)

Cell: TypeAlias = str | float | bool | date | None


@dataclass
class City:
    """The lakes of one test."""

    home: Path
    manifest: Path
    as_of: date = date(2026, 10, 31)
    settings: Settings = field(init=False)
    connection: duckdb.DuckDBPyConnection = field(init=False)
    """The test's own; the evaluation opens and closes another."""

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.home, threads=1)
        prepare(self.settings)
        self.connection = open_lakes(self.settings, ("city",))
        statements = [REGIONS]
        for table, columns in TABLES.items():
            schema = table.split(".", 1)[0]
            statements[:0] = [f"create schema if not exists city.{schema}", f"create table city.{table} ({columns})"]
        statements.sort(key=lambda statement: ("insert" in statement, "table" in statement))
        self.run(*statements)
        long_ago = date(2025, 1, 1)
        self.add("exchange.fct_delivery", [(d, d, d.split(".", 1)[0], long_ago, "in_force", 0) for d in DATASETS])

    def run(self, *statements: str) -> None:
        self.connection.begin()
        for statement in statements:
            self.connection.execute(statement)
        self.connection.commit()

    def add(self, table: str, rows: Sequence[Sequence[Cell]]) -> None:
        one = f"({', '.join('?' for _ in rows[0])})"
        self.connection.execute(
            f"insert into city.{table} values {', '.join(one for _ in rows)}", [cell for row in rows for cell in row]
        )

    def evaluate(self, run_id: str = "20261101T180000Z-0001", as_of: date | None = None) -> dict[str, int]:
        return evaluate(self.settings, run_id, as_of or self.as_of, manifest=self.manifest)

    def rows(self, sql: str, *parameters: Cell) -> list[tuple[Cell, ...]]:
        return self.connection.execute(sql, list(parameters)).fetchall()

    def figures(
        self, indicator_id: str, region: str = "320200", month: date = date(2026, 10, 1), department: str | None = None
    ) -> tuple[Cell, ...] | None:
        """(numerator, denominator, value rounded to 4 decimals) of one value; None when there is no such row."""
        found = self.rows(
            """
            select numerator, denominator, round(value, 4) from city.indicator.indicator_value
            where indicator_id = ? and region_code = ? and period_start = ? and department_code is not distinct from ?
            """,
            indicator_id,
            region,
            month,
            department,
        )
        assert len(found) <= 1
        return found[0] if found else None


@pytest.fixture(scope="session")
def manifest(parsed: Settings) -> Path:
    return DbtPaths.of(parsed).parsed / SEMANTIC_MANIFEST


@pytest.fixture
def city(tmp_path: Path, manifest: Path) -> Iterator[City]:
    city = City(tmp_path, manifest)
    yield city
    city.connection.close()
