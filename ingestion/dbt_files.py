"""The dbt files of a dataset, written from its contract: its source, and its staging model.

``python -m ingestion.dbt_files`` writes them anew for every contract; a test holds the files to what this writes. So
columns, types, keys and classification are said once. What is in force of a dataset is decided by the macro that the
model calls; a model that is there already keeps its SQL, for somebody may have added to it.
"""

import sys
from pathlib import Path

import polars as pl

from citylake.contracts.model import Column, Contract, DeliveryMode, load_contracts
from citylake.lake.settings import Settings
from ingestion.readers.extract import NEW_COLUMNS
from ingestion.rules import polars_type

_TYPES: dict[type[pl.DataType], str] = {
    pl.String: "varchar",
    pl.Int64: "bigint",
    pl.Float64: "double",
    pl.Boolean: "boolean",
    pl.Date: "date",
    pl.Datetime: "timestamp with time zone",
}
_WRITTEN = "# Written from the contract by `python -m ingestion.dbt_files`; a test says when it is behind.\n"
_ALSO_STAGED = (
    ("_delivery_id", "varchar", "来源交付 Delivery that this version came with"),
    ("_extract_date", "date", "提取日期 Extract date of that delivery"),
    ("_line", "bigint", "行号 Line of that extract on which the record starts"),
    ("is_deleted", "boolean", "已删除 Whether the version in force says that the record was deleted"),
)
_KEPT = "未约定的列 What stood under headings that the contract does not know: a JSON object of texts, null for none"
_IN_FORCE: dict[DeliveryMode, tuple[str, str]] = {
    "upsert": (
        "in the version in force",
        "a deleted record stays, marked is_deleted; whoever reads this table leaves it out",
    ),
    "snapshot": ("in the newest extract", "who is in no newer extract is gone; nothing is marked is_deleted"),
    "append": (
        "of every delivery in force",
        "a record delivered on two days is here twice; whoever reads this table decides which one counts",
    ),
}


def write_dbt_files(contracts: Path, staging: Path) -> list[Path]:
    """Write source and model of every contract into dbt's folder of staging models; say which files are new."""
    new: list[Path] = []
    for contract in load_contracts(contracts).values():
        model = f"stg_{contract.department}__{contract.name}"
        files = {
            staging / f"{contract.department}__{contract.name}_source.yml": source_yaml(contract),
            staging / f"{model}.yml": model_yaml(contract),
            staging / f"{model}.sql": model_sql(contract),
        }
        missing = [path for path in files if not path.exists()]
        for path, text in files.items():
            if path.suffix == ".yml" or path in missing:
                path.write_text(text, encoding="utf-8")
        new += missing
    return new


def source_yaml(contract: Contract) -> str:
    """The dbt source of a dataset's raw deliveries."""
    columns = "".join(
        f"          - {{{described}, config: {{meta: {{classification: {classification}}}}}}}\n"
        for described, classification in _columns(contract)
    )
    return (
        f"{_WRITTEN}"
        "sources:\n"
        f"  - name: {contract.department}\n"
        f"    description: {contract.owner}\n"
        "    database: vault\n"
        "    tables:\n"
        f"      - name: {contract.name}\n"
        f"        description: {_quoted(str(contract.purpose))}\n"
        f"        config: {{meta: {{{_facts(contract)}}}}}\n"
        f"        columns:\n{columns}"
    )


def model_yaml(contract: Contract) -> str:
    """What is promised of a dataset's staging model, and tested."""
    rows, _ = _IN_FORCE[contract.mode]
    text = f"{contract.title}, typed, one row per record {rows}. Restricted: stays in the vault."
    described = [*(column for column, _ in _columns(contract)), *(_described(*also) for also in _ALSO_STAGED)]
    columns = "".join(f"      - {{{column}}}\n" for column in described)
    return (
        f"{_WRITTEN}"
        "models:\n"
        f"  - name: stg_{contract.department}__{contract.name}\n"
        f"    description: {_quoted(text)}\n"
        "    config: {contract: {enforced: true}}\n"
        "    data_tests:\n"
        f"      - is_key: {{arguments: {{columns: [{', '.join(_grain(contract))}]}}}}\n"
        f"    columns:\n{columns}"
    )


def model_sql(contract: Contract) -> str:
    """A dataset's staging model: one call of the staging macro."""
    rows, nuance = _IN_FORCE[contract.mode]
    return (
        f"-- One row per record of {contract.dataset}, {rows}.\n"
        f"-- Grain: {', '.join(_grain(contract))}.\n"
        f"-- Nuance: {nuance}.\n"
        f"{{{{ staged(source('{contract.department}', '{contract.name}')) }}}}\n"
    )


def _columns(contract: Contract) -> list[tuple[str, str]]:
    """Every column of a dataset's raw deliveries, described, and its classification.

    Nobody has said what new columns hold: whoever they may be about, they count as identifiers.
    """
    new = [(_described(NEW_COLUMNS, "varchar", _KEPT), "identifier")] if contract.drift == "evolve" else []
    return [*((_column(column), column.classification) for column in contract.columns), *new]


def _column(column: Column) -> str:
    text = f"{column.label}: {column.description}" if column.description else str(column.label)
    return _described(column.name, _duckdb_type(column), text)


def _described(name: str, data_type: str, text: str) -> str:
    return f"name: {name}, data_type: {data_type}, description: {_quoted(text)}"


def _duckdb_type(column: Column) -> str:
    kind = polars_type(column)
    if isinstance(kind, pl.Decimal):
        return f'"decimal({kind.precision},{kind.scale})"'
    return _TYPES[type(kind)]


def _facts(contract: Contract) -> str:
    """What dbt must know of a dataset: whose it is, and how its deliveries are merged."""
    owner = f"owner: {{zh: {_quoted(contract.owner.zh)}, en: {_quoted(contract.owner.en)}}}"
    facts = [owner, f"delivery_mode: {contract.mode}", f"key: [{', '.join(contract.key)}]"]
    if contract.sequence:
        facts.append(f"sequence: {contract.sequence}")
    if contract.tombstone:
        column, value = contract.tombstone
        facts.append(f"tombstone: {{column: {column}, value: {_quoted(value)}}}")
    return ", ".join(facts)


def _grain(contract: Contract) -> tuple[str, ...]:
    """What is unique in staging: of an append dataset, and of one without a key, only within a delivery."""
    key = contract.key or ("_line",)
    return key if contract.mode != "append" and contract.key else ("_delivery_id", *key)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


if __name__ == "__main__":
    settings = Settings()
    for path in write_dbt_files(settings.contracts, settings.dbt_project / "models" / "staging"):
        sys.stdout.write(f"{path}\n")
