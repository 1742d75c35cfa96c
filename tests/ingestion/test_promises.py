"""What contracts promise, as dbt reads it."""

import stat
from datetime import timedelta
from pathlib import Path

from citylake.contracts.labels import Label
from citylake.contracts.model import load_contracts
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare
from ingestion.promises import DATASETS, RULES, datasets, rules, write_promises
from tests.ingestion.support import column, contract


def test_a_promise_is_in_days_and_hours() -> None:
    # Would catch a weekly dataset that is missing six days of seven.
    weekly = contract(column("a"), frequency=timedelta(days=7), max_age=timedelta(hours=60), title=Label("甲", "A"))
    hourly = contract(column("a"), frequency=timedelta(hours=1), dataset="office.other")
    closed = contract(column("a"), frequency=timedelta(0), dataset="office.archive")
    found = datasets([weekly, hourly, closed])
    assert found.select("dataset", "dataset_name_zh", "frequency_days", "latency_hours").rows() == [
        ("office.thing", "甲", 7, 60.0),
        ("office.other", "事物", 1, 36.0),
        ("office.archive", "事物", None, 36.0),
    ]


def test_every_rule_that_a_manifest_can_count_is_in_words_once() -> None:
    # Would catch a rule on the scorecard that nobody but its author can read.
    found = rules(load_contracts(Settings().contracts).values())
    assert not found.select("dataset", "rule").is_duplicated().any()
    assert found.null_count().drop("column_headings").row(0) == (0, 0, 0, 0, 0, 0)
    kinds = {rule.rpartition(".")[2] for rule in found["rule"].to_list()}
    assert kinds >= {"required", "type", "enum", "pattern", "range", "check", "legacy", "columns", "json", "conflict"}


def test_both_tables_are_their_owner_s_alone(tmp_path: Path) -> None:
    # Would catch a file of the restricted ledger that any account can read.
    settings = Settings(home=tmp_path / "home")
    prepare(settings)
    write_promises([contract(column("a"))], Zones.of(settings))
    modes = {stat.S_IMODE((Zones.of(settings).ledger / name).stat().st_mode) for name in (DATASETS, RULES)}
    assert modes == {0o600}
