"""The whole project on a tiny city: its own tests pass, they fail when they should, and nobody is exposed."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from tests.dbt_project.city_home import CityHome

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
# Over the division that no real person has.
VALID_ID = "710000199001010015"

Schema = dict[str, dict[str, dict[str, dict[str, str]]]]
"""Database → schema → table → column → type."""


def deliver_a_tiny_city(home: CityHome) -> None:
    # All born on one day: it is by their names that nobody is taken for somebody else.
    person = {
        "person_name": "赵一",
        "sex_code": "1",
        "birth_date": date(1990, 1, 1),
        "status_code": "1",
        "registered_date": date(2020, 1, 1),
        "operation": "I",
        "updated_at": NOON,
    }
    home.deliver(
        "public_security.person_register",
        DAY,
        [
            person | {"register_no": "P0000000001", "residence_region_code": "320205001001"},
            person | {"register_no": "P0000000002", "person_name": "钱二", "residence_region_code": None},
            person | {"register_no": "P0000000003", "operation": "D"},
        ],
    )
    home.deliver(
        "market_supervision.entity_register",
        DAY,
        [
            {"registration_code": "913202050000000001", "entity_name": "公司", "registered_date": date(2020, 1, 1)},
            {"registration_code": "923202050000000002", "entity_name": "个体", "registered_date": date(2026, 11, 2)},
        ],
    )
    case = {
        "category_code": "event",
        "big_class_code": "01",
        "small_class_code": "01",
        "source_code": "public",
        "region_code": "320205001001",
        "department_code": "water",
        "time_limit_type": "work_hour",
        "time_limit_value": 4,
        "reported_at": datetime(2026, 11, 2, 1, tzinfo=UTC),
        "filed_at": datetime(2026, 11, 2, 2, tzinfo=UTC),
        "updated_at": NOON,
    }
    home.deliver("urban_management.urban_case", DAY, [case | {"case_code": "1"}, case | {"case_code": "2"}])
    deliver_its_ties_and_services(home)


def deliver_its_ties_and_services(home: CityHome) -> None:
    """A permit, an employment, decisions and a case of service: each names a natural person."""
    permit = {
        "holder_name": "乙",
        "sex_code": "2",
        "birth_date": date(1990, 1, 1),
        "operation": "I",
        "updated_at": NOON,
    }
    home.deliver(
        "public_security.residence_permit",
        DAY,
        [permit | {"permit_no": "JZ0000000001", "issued_date": DAY, "valid_to_date": DAY, "status_code": "1"}],
    )
    employment = {"person_name": "孙三", "employer_name": "公司", "employer_code": "913202050000000001"}
    home.deliver(
        "human_resources.social_insurance",
        DAY,
        [employment | {"insurance_no": "0000000001", "insured_from_date": date(2020, 1, 1), "status_code": "1"}],
    )
    decision = {
        "subject_name": "公司",
        "subject_class_code": "法人",
        "subject_uscc": "913202050000000001",
        "legal_representative": "甲",
        "legal_representative_id_no": VALID_ID,
        "document_no": "1",
        "decision_date": DAY,
        "authority_name": "局",
        "authority_uscc": "11320205014000000X",
    }
    home.deliver("credit_office.administrative_licence", DAY, [decision | {"licence_class_code": "01"}])
    penalty = {
        "violation_type": "其他",
        "penalty_class": "罚款",
        "fine_10k_cny": Decimal("0.5"),
        "publicity_end_date": DAY,
    }
    home.deliver("credit_office.administrative_penalty", DAY, [decision | penalty])
    service = {
        "case_no": "1",
        "task_code": "1",
        "task_name": "事项",
        "department_code": "water",
        "channel_code": "online",
        "applicant_type_code": "person",
        "applicant_citizen_id": VALID_ID,
        "applied_at": datetime(2026, 11, 2, 1, tzinfo=UTC),
        "accepted_at": datetime(2026, 11, 2, 2, tzinfo=UTC),
        "promise_value": 3,
        "promise_unit": "work_day",
    }
    home.deliver("government_service.service_case", DAY, [service | {"updated_at": NOON}])


@pytest.fixture(scope="module")
def city(new_home: Callable[[], CityHome]) -> CityHome:
    """Read it, never write to it."""
    home = new_home()
    deliver_a_tiny_city(home)
    home.build()
    return home


def test_unit_tests_pass_and_every_table_and_column_carries_a_comment(city: CityHome) -> None:
    # The rules' own examples; and an analyst who asks the lake what a column means must get an answer.
    results = city.dbt("test", "--select", "test_type:unit")
    assert {result.status for result in results} == {"pass"}
    silent = """
        select database_name, schema_name, table_name from duckdb_{kind}()
        where database_name in ('vault', 'people', 'city') and schema_name <> 'identity' and comment is null
    """
    assert city.query(silent.format(kind="tables")) == []
    assert city.query(silent.format(kind="columns")) == []


BROKEN = {
    "insert into city.base.dim_department select * from city.base.dim_department limit 1": (
        "is_key_dim_department_department_code"
    ),
    "update people.base.dim_person set person_key = null": "is_key_dim_person_person_key",
    "update city.base.dim_date set calendar_source = null where date_day = '2020-01-01'": "dim_date_rows_hold",
    "update city.base.dim_entity set entity_name = '甲' where is_sole_trader": "dim_entity_rows_hold",
    "delete from city.governance.fct_urban_case where case_code = '1'": "assert_every_case_is_counted_in_one_city",
    "update city.base.fct_population_month set resident_count = resident_count + 1": (
        "assert_every_resident_counts_once_this_month"
    ),
    "delete from city.governance.fct_urban_case_backlog": (
        "assert_an_overdue_case_is_in_the_backlog_of_the_month_it_fell_due"
    ),
    "update people.base.dim_person set source_record_count = 5": "assert_every_person_record_belongs_to_one_person",
    "update people.base.dim_person_version set status_code = '2' where is_current": (
        "assert_the_current_version_of_a_person_is_the_person"
    ),
    "delete from city.base.dim_entity_version where is_sole_trader": (
        "assert_the_current_version_of_an_entity_is_the_entity"
    ),
    "delete from vault.intermediate.int_person_entity": "assert_every_insured_record_ties_a_person",
    "update people.base.bridge_person_entity set relation = 'knows'": "bridge_person_entity_rows_hold",
    "update city.base.fct_entity_person_count set person_count = 1": "fct_entity_person_count_rows_hold",
    "update city.credit.fct_credit_event set subject_type = 'natural_person'": "fct_credit_event_rows_hold",
    "update city.service.fct_service_case set applicant_entity_key = 'k'": "fct_service_case_rows_hold",
    "update city.economy.fct_insured_month set insured_count = -1": "fct_insured_month_rows_hold",
    "update city.exchange.fct_delivery_due set timeliness = 'soon'": "fct_delivery_due_rows_hold",
    "insert into city.exchange.dim_dataset select * from city.exchange.dim_dataset": "is_key_dim_dataset_dataset",
    "insert into city.service.fct_service_case_month select * from city.service.fct_service_case_month": (
        "is_key_fct_service_case_month_case_key__month_date"
    ),
}


def test_each_kind_of_test_fails_on_the_break_it_is_there_for(home: CityHome) -> None:
    # A test that passes whatever the data says guards nothing. Building the city has just run them all: they passed.
    deliver_a_tiny_city(home)
    home.build()
    names = list(BROKEN.values())
    home.write(*BROKEN)
    home.write("update vault.staging.stg_urban_management__urban_case set department_code = 'unheard_of'")
    results = home.dbt("test", "--select", *names, "assert_every_case_names_a_known_department", fails=True)
    expected = dict.fromkeys(names, "fail") | {"assert_every_case_names_a_known_department": "warn"}
    assert {result.node.name: str(result.status) for result in results} == expected


def test_people_and_city_read_of_the_vault_nothing_that_identifies(city: CityHome) -> None:
    # A new model that selects a name, a phone or free text from staging must not even be built unnoticed.
    identifiers = _identifiers(city)
    schema = _schema(city)
    sql = {(n.database, n.schema, n.name): n.compiled_code for n in _models(city) if n.language == "sql"}
    read = {
        origin
        for (database, _, _), compiled in sql.items()
        if database in ("people", "city")
        for table, column in _columns_read(compiled, schema)
        for origin in _origins(table, column, sql, schema)
    }
    assert ("stg_urban_management__urban_case", "filed_at") in read
    assert ("stg_public_security__person_register", "birth_date") in read
    assert ("stg_human_resources__social_insurance", "insured_from_date") in read
    assert ("stg_credit_office__administrative_licence", "subject_class_code") in read
    assert {(table, column) for table, column in read if column in identifiers.get(table, ())} == set()


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("select birth_date from vault.staging.register", {"birth_date"}),
        ("with r as (select * from vault.staging.register) select birth_date from r", {"birth_date"}),
        ("select a.birth_date from vault.staging.register a join vault.staging.register b using (name)", {"name"}),
        ("select 1 as one from vault.staging.register where length(name) > 1", {"name"}),
    ],
)
def test_the_walk_sees_what_a_query_needs_in_any_clause(sql: str, columns: set[str]) -> None:
    # A walk that looked at selected columns alone would miss an identifier that is joined or filtered on.
    schema: Schema = {"vault": {"staging": {"register": {"name": "varchar", "birth_date": "date", "phone": "varchar"}}}}
    read = {column for _, column in _columns_read(sql, schema)}
    assert columns <= read <= {"name", "birth_date"}


def test_models_and_identity_call_a_record_that_names_a_person_alike(city: CityHome) -> None:
    # A record that dbt calls otherwise than identity did finds no person: its ties would be missing without a trace.
    ties = city.query("select relation, count(distinct person_key) from people.base.bridge_person_entity group by all")
    assert dict(ties) == {"employed_by": 1, "legal_representative": 1}
    # Two registered, a permit's holder and the employee without a citizen id, and whom decisions and case name by one.
    assert city.query("select count(*), count(distinct person_key) from vault.identity.person_record") == [(7, 5)]
    assert city.query("select count(*), sum(source_record_count) from people.base.dim_person") == [(5, 3)]


def test_no_column_of_people_or_city_has_the_name_of_an_identifier(city: CityHome) -> None:
    # Whatever way it came: a column called citizen_id or phone has no business outside the vault.
    # An indicator has a value, too.
    named = set().union(*_identifiers(city).values()) - {"value"}
    columns = city.query("select column_name from duckdb_columns() where database_name in ('people', 'city')")
    assert "phone" in named
    assert {name for (name,) in columns} & named == set()


def test_what_a_killed_night_left_half_built_is_built_by_the_next(home: CityHome) -> None:
    # A model in Python is written in a transaction of its own, before the one that puts it in its place: killed between
    # them, a night left a table whose name every later night stumbled over.
    home.write(
        "create schema vault.intermediate",
        "create table vault.intermediate.int_calendar_day__dbt_tmp as select 1 as half_built",
    )
    home.dbt("run", "--select", "int_calendar_day")
    tables = home.query("select table_name from duckdb_tables() where schema_name = 'intermediate'")
    assert tables == [("int_calendar_day",)]
    assert home.query("select count(*) > 4000 from vault.intermediate.int_calendar_day") == [(True,)]


def _models(city: CityHome) -> list[Any]:
    results = city.dbt("compile", "--select", "resource_type:model")
    return [result.node for result in results]


def _identifiers(city: CityHome) -> dict[str, set[str]]:
    """Staging, history or identity table → its columns that identify a person."""
    staged = {
        f"stg_{dataset.replace('.', '__')}": {c.name for c in contract.columns if c.classification == "identifier"}
        for dataset, contract in city.contracts.items()
    }
    named = {"name", "name_sound", "written_id", "valid_id", "anchor_id", "phone", "address", "representative"}
    history = {f"hst_{table.removeprefix('stg_')}": columns for table, columns in staged.items()}
    identity = {
        "person_record": {"register_no"},
        "retired_record": {"register_no"},
        "past_record": {"register_no"},
        "person_mention": named,
        "entity_mention": named,
        "person_attribute": {"value"},
        "entity_attribute": {"value"},
        "attribute_disagreement": {"winner_value", "other_value"},
    }
    return staged | history | identity


def _schema(city: CityHome) -> Schema:
    schema: Schema = {}
    rows = city.query(
        "select database_name, schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where database_name in ('vault', 'people', 'city')"
    )
    for database, schema_name, table, column, kind in rows:
        schema.setdefault(database, {}).setdefault(schema_name, {}).setdefault(table, {})[column] = kind
    return schema


def _columns_read(sql: str, schema: Schema) -> Iterator[tuple[exp.Table, str]]:
    """The columns of real tables that a query needs, in whatever clause; not those that only a ``*`` passes on."""
    query = pushdown_projections(qualify(sqlglot.parse_one(sql, dialect="duckdb"), schema=schema, dialect="duckdb"))
    for scope in traverse_scope(query):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table):
                yield source, column.name


def _origins(table: exp.Table, column: str, sql: dict[Any, str], schema: Schema) -> Iterator[tuple[str, str]]:
    """Where a column of the vault comes from: itself in staging or identity, else through the vault's own models."""
    key = (table.catalog, table.db, table.name)
    if table.catalog != "vault" or table.db != "intermediate":
        yield table.name, column
        return
    if key not in sql:
        return
    for node in lineage(column, sql[key], schema=schema, dialect="duckdb").walk():
        if isinstance(node.source, exp.Table):
            yield from _origins(node.source, node.name.rsplit(".", 1)[-1].strip('"'), sql, schema)
