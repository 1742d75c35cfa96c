"""What contracts promise and ask, as two tables for dbt: datasets with their deadlines, rules in words.

The ledger's files beside these say what was delivered; dbt holds the one against the other and publishes both.
"""

from collections.abc import Iterable
from datetime import timedelta

import polars as pl

from citylake.contracts.model import Contract
from citylake.lake.deliveries import write_ledger_table
from citylake.lake.zones import Zones
from ingestion.keys import CONFLICT, REPEATED
from ingestion.reasons import STRUCTURE, explain
from ingestion.rules import compile_contract

DATASETS = "datasets.parquet"
RULES = "rules.parquet"
_A_DAY = timedelta(days=1)


def write_promises(contracts: Iterable[Contract], zones: Zones) -> None:
    """Put both tables where dbt reads them, each replaced whole."""
    known = sorted(contracts, key=lambda contract: contract.dataset)
    write_ledger_table(datasets(known), zones, DATASETS)
    write_ledger_table(rules(known), zones, RULES)


def datasets(contracts: Iterable[Contract]) -> pl.DataFrame:
    """One row a dataset: what it is called, and by when an extract is promised; null days where none ever is."""
    return pl.DataFrame(
        [
            {
                "dataset": contract.dataset,
                "department_code": contract.department,
                "dataset_name_zh": contract.title.zh,
                "dataset_name_en": contract.title.en,
                "contract_version": contract.version,
                "delivery_mode": contract.mode,
                "frequency_days": max(1, round(contract.frequency / _A_DAY)) if contract.is_promised else None,
                "latency_hours": contract.max_age / timedelta(hours=1),
                "quarantine_tolerance_pct": contract.quarantine_tolerance * 100,
            }
            for contract in contracts
        ],
        schema={
            **dict.fromkeys(("dataset", "department_code", "dataset_name_zh", "dataset_name_en"), pl.String),
            **dict.fromkeys(("contract_version", "delivery_mode"), pl.String),
            "frequency_days": pl.Int32,
            **dict.fromkeys(("latency_hours", "quarantine_tolerance_pct"), pl.Float64),
        },
    )


def rules(contracts: Iterable[Contract]) -> pl.DataFrame:
    """One row a dataset and rule: the department's headings that it is about, what is wrong, what is asked."""
    explained = [(contract.dataset, explain(contract, rule)) for contract in contracts for rule in _rule_ids(contract)]
    return pl.DataFrame(
        [
            {
                "dataset": dataset,
                "rule": said.rule,
                "column_headings": said.headings or None,
                "reason_zh": said.reason.zh,
                "reason_en": said.reason.en,
                "asks_zh": said.asks.zh,
                "asks_en": said.asks.en,
            }
            for dataset, said in explained
        ],
        schema=dict.fromkeys(
            ("dataset", "rule", "column_headings", "reason_zh", "reason_en", "asks_zh", "asks_en"), pl.String
        ),
    )


def _rule_ids(contract: Contract) -> list[str]:
    compiled = [rule.rule_id for rule in compile_contract(contract).rules]
    return sorted({*compiled, *STRUCTURE, CONFLICT, REPEATED})
