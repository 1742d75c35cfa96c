"""The project's own contracts, and what a contract may say."""

from pathlib import Path

import polars as pl
import pytest
import yaml

from citylake.contracts.model import Contract, InvalidContract, load_contract, load_contracts
from citylake.lake.settings import PROJECT_ROOT
from ingestion.rules import compile_contract

FOLDER = PROJECT_ROOT / "ingestion" / "contracts"
CONTRACTS = load_contracts(FOLDER)
ALL = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)


def _changed(tmp_path: Path, dataset: str, **properties: object) -> Path:
    """A copy of a contract with custom properties of the dataset set."""
    department, name = dataset.split(".")
    document = yaml.safe_load((FOLDER / department / f"{name}.odcs.yaml").read_text("utf8"))
    kept = [item for item in document["customProperties"] if item["property"] not in properties]
    document["customProperties"] = [*kept, *({"property": k, "value": v} for k, v in properties.items())]
    path = tmp_path / department / f"{name}.odcs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(document, allow_unicode=True), "utf8")
    return path


# Would catch a label that a leader or a department sees in one language only.
@ALL
def test_every_label_and_reason_is_in_both_languages(contract: Contract) -> None:
    labels = [contract.title, contract.purpose, contract.owner, contract.legal_basis]
    labels += [column.label for column in contract.columns] + [rule.reason for rule in contract.row_rules]
    assert [label.zh for label in labels if label.zh == label.en] == []


# Would catch a column that numbers a person, or free text that names one, and would be published.
@ALL
def test_what_numbers_or_describes_a_person_is_an_identifier(contract: Contract) -> None:
    exposed = [
        column.name
        for column in contract.columns
        if column.classification != "identifier"
        and (column.check == "citizen_id" or "name people" in column.description or "vault" in column.description)
    ]
    # In the entity register, one column names organisations and sole traders, and the scope is kept back by its model.
    assert set(exposed) <= {"entity_name", "business_scope"}


# Would catch a column of citizen ids that says nothing of whom: its records would find no persons.
@ALL
def test_every_column_of_citizen_ids_is_somebodys(contract: Contract) -> None:
    ids = {column for mention in contract.mentions for column in mention.columns.get("id", ())}
    assert {column.name for column in contract.columns if column.check == "citizen_id"} == ids


# Would catch a mention that is read from nothing, or two that one key would be made for.
@pytest.mark.parametrize(
    ("mentions", "reason"),
    [
        ([{"names": "person", "role": "a", "id": "no_such_column"}], "no_such_column"),
        (
            [{"names": "person", "role": "a", "id": "citizen_id"}, {"names": "entity", "role": "a", "code": "phone"}],
            "role",
        ),
        ([{"names": "person", "role": r, "name": "person_name"} for r in ("a", "b")], "told by one column"),
        ([{"names": "person", "role": "a", "phone": "phone"}], "not valid under"),
        ([{"names": "person", "role": "a", "id": "citizen_id", "isSubject": True}], "isSubject"),
        ([{"names": "person", "role": "a", "id": "citizen_id", "code": "citizen_id"}], "code"),
        (
            [{"names": "person", "role": "a", "id": "citizen_id", "where": {"column": "nowhere", "oneOf": ["1"]}}],
            "nowhere",
        ),
    ],
)
def test_a_mention_must_be_read_from_the_contracts_own_columns(
    tmp_path: Path, mentions: list[object], reason: str
) -> None:
    path = _changed(tmp_path, "public_security.person_register", mentions=mentions)
    with pytest.raises(InvalidContract, match=reason):
        load_contract(path)


# Would catch a department under two names: which one is shown would depend on which of its datasets is asked about.
@ALL
def test_a_department_has_one_name(contract: Contract) -> None:
    seed = pl.read_csv(PROJECT_ROOT / "dbt_project" / "seeds" / "department.csv")
    names = {code: (zh, en) for code, zh, en in seed.iter_rows()}
    of_contracts = {other.owner for other in CONTRACTS.values() if other.department == contract.department}
    assert of_contracts == {contract.owner}
    assert names.get(contract.department, (contract.owner.zh, contract.owner.en)) == (
        contract.owner.zh,
        contract.owner.en,
    )


# Would catch a rule that compiles to nothing, or that breaks on rows without values.
@ALL
def test_every_rule_passes_a_row_without_values_unless_one_is_required(contract: Contract) -> None:
    compiled = compile_contract(contract)
    empty = pl.DataFrame({column.name: [None] for column in contract.columns}).cast(pl.String)
    typed = empty.select(compiled.texts(empty)).with_columns(compiled.values[: len(contract.columns)])
    typed = typed.with_columns(compiled.values[len(contract.columns) :])
    broken = typed.select(rule.broken.alias(rule.rule_id) for rule in compiled.rules).row(0, named=True)
    expected = {f"{column.name}.required" for column in contract.columns if column.required}
    assert {rule for rule, is_broken in broken.items() if is_broken} == expected


# Would catch contracts that all freeze: what evolve means would be tried by no delivery.
def test_some_contracts_freeze_and_some_evolve() -> None:
    assert {contract.drift for contract in CONTRACTS.values()} == {"freeze", "evolve"}


# Would catch a format or a mode that no dataset of ours shows to work.
def test_the_contracts_cover_every_format_and_mode() -> None:
    assert {contract.dialect.format for contract in CONTRACTS.values()} == {"csv", "json", "xlsx", "parquet", "raster"}
    assert {contract.mode for contract in CONTRACTS.values()} == {"append", "snapshot", "upsert"}


# Would catch a dialect that is declared and not taken over: the reader would look for headings in the title.
def test_a_contract_says_where_in_a_workbook_the_headings_are() -> None:
    dialect = CONTRACTS["credit_office.administrative_licence"].dialect
    assert (dialect.sheet, dialect.preamble_lines, dialect.header_lines) == ("行政许可", 1, 1)
    assert dialect.extension == "xlsx"


# Would catch a misspelt property that is silently without effect.
@pytest.mark.parametrize("properties", [{"sheets": "行政许可"}, {"preambleLines": -1}, {"headerLines": 0}])
def test_an_unknown_property_or_value_is_refused_by_name(tmp_path: Path, properties: dict[str, object]) -> None:
    path = _changed(tmp_path, "credit_office.administrative_licence", **properties)
    with pytest.raises(InvalidContract, match=str(path)):
        load_contract(path)


def _verdict(dataset: str, **values: str) -> set[str]:
    """The row rules that a row with these values breaks."""
    contract = CONTRACTS[dataset]
    compiled = compile_contract(contract)
    row = pl.DataFrame({column.name: [values.get(column.name)] for column in contract.columns}).cast(pl.String)
    typed = row.select(compiled.texts(row)).with_columns(compiled.values[: len(contract.columns)])
    named = {rule.name for rule in contract.row_rules}
    broken = typed.select(rule.broken.alias(rule.rule_id) for rule in compiled.rules if rule.rule_id in named)
    return {name for name, is_broken in broken.row(0, named=True).items() if is_broken}


# Would catch a fine without an amount that passes because a missing value passes every comparison.
def test_a_fine_needs_an_amount_and_a_warning_does_not() -> None:
    organisation = {"subject_class_code": "法人", "subject_uscc": "x", "legal_representative": "x"}
    penalty = "credit_office.administrative_penalty"
    assert _verdict(penalty, **organisation, penalty_class="警告;罚款") == {"fine_has_its_amount"}
    assert _verdict(penalty, **organisation, penalty_class="罚款", fine_10k_cny="0") == {"fine_has_its_amount"}
    assert _verdict(penalty, **organisation, penalty_class="罚款", fine_10k_cny="0.05") == set()
    assert _verdict(penalty, **organisation, penalty_class="警告") == set()


# Would catch a decision about an organisation, or a person, that nobody could be linked to.
def test_a_subject_needs_what_its_class_requires() -> None:
    licence = "credit_office.administrative_licence"
    assert _verdict(licence, subject_class_code="法人") == {"organisation_is_represented", "organisation_has_a_number"}
    assert _verdict(licence, subject_class_code="自然人", subject_id_type="身份证") == {"person_has_a_document"}
    assert _verdict(licence, subject_class_code="自然人", subject_id_type="护照号", subject_id_no="E1") == set()


# Would catch publicity that ends before the decision, or insurance that ended on no day.
def test_dates_follow_each_other() -> None:
    penalty = {"subject_class_code": "自然人", "subject_id_type": "身份证", "subject_id_no": "x"}
    ends_early = {"decision_date": "2026-10-02", "publicity_end_date": "2026-10-01"}
    assert _verdict("credit_office.administrative_penalty", **penalty, **ends_early) == {
        "decided_before_publicity_ends"
    }
    assert _verdict("human_resources.social_insurance", status_code="3") == {"ended_has_its_day"}
