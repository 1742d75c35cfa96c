"""What a department is told of its rejected rows: from the contract alone, whatever the rule and whenever stored."""

import csv
from pathlib import Path

import polars as pl
import pytest

from citylake.contracts.labels import Label
from citylake.contracts.model import RowRule, load_contracts
from citylake.lake.settings import Settings
from ingestion.keys import CONFLICT, REPEATED
from ingestion.mending import broken_rules, masked, to_mend
from ingestion.quarantine import export_quarantine
from ingestion.reasons import STRUCTURE, explain
from ingestion.rules import compile_contract
from tests.ingestion.support import column, contract, examined

UNKNOWN = "a rule that today's contract no longer has"


def test_every_rule_of_every_contract_says_what_is_agreed_and_how_to_mend_it() -> None:
    # Would catch a kind of rule that its department meets without a word on what to do.
    for known in load_contracts(Settings().contracts).values():
        rules = {*(rule.rule_id for rule in compile_contract(known).rules), *STRUCTURE, CONFLICT, REPEATED}
        for rule in rules:
            said = explain(known, rule)
            texts = [
                getattr(label, language) for label in (said.reason, said.asks, said.mend) for language in ("zh", "en")
            ]
            assert all(texts), rule
            assert said.asks.en != UNKNOWN, rule
            assert "{" not in "".join(texts), rule


@pytest.mark.parametrize("rule", ["gone.type", "a.pattern", "a.nonsense", "no_such_row_rule", "row.unheard_of"])
def test_a_rule_that_the_contract_no_longer_has_is_said_to_be_such(rule: str) -> None:
    # Would catch a quarantine that cannot be read once a contract has changed.
    assert explain(contract(column("a", required=True)), rule).asks.en == UNKNOWN


def test_a_rule_over_several_columns_names_them_and_their_values(tmp_path: Path) -> None:
    # Would catch "closing must not be before filing" without saying which two cells to look at.
    agreed = contract(
        column("filed", "date", heading="立案"),
        column("closed", "date", heading="结案"),
        row_rules=(RowRule("in_order", "filed <= closed", Label("立案不得晚于结案", "Filing is not after closure")),),
    )
    outcome = examined("立案,结案\n2026-02-02,2026-02-01\n2026-02-02,2026-02-03\n".encode(), agreed, tmp_path)
    (broken,) = broken_rules(agreed, outcome.rejected.lazy(), "line", "rules")
    assert (broken.rows, broken.lines, broken.explanation.headings) == (1, (2,), "立案、结案")
    said = outcome.rejected.select(**to_mend([broken.explanation], is_seen=True))
    assert said["values"].to_list() == ["立案=2026-02-02，结案=2026-02-01"]


def test_a_row_that_breaks_several_rules_tells_of_each_in_the_same_order(tmp_path: Path) -> None:
    # Would catch a value beside another column's advice.
    agreed = contract(column("a", "integer", heading="甲"), column("b", heading="乙", enum=("x", "y")))
    outcome = examined("甲,乙\n1.5,z\n2,x\n".encode(), agreed, tmp_path)
    file = tmp_path / "to_mend.csv"
    rows = outcome.rejected.lazy().with_columns(delivery_id=pl.lit("d"), origin=pl.lit("real"))
    assert export_quarantine(rows, agreed, file) == 1
    with file.open(encoding="utf-8-sig", newline="") as opened:
        (row,) = csv.DictReader(opened)
    assert row["规则 Rules"].splitlines() == ["a.type", "b.enum"]
    assert row["列 Column"].splitlines() == ["甲", "乙"]
    assert row["值 Value"].splitlines() == ["1.5", "z"]
    assert row["What the contract says"].splitlines()[1] == "one of: x, y"
    assert len(row["怎样修改"].splitlines()) == len(row["How to mend it"].splitlines()) == 2


def test_rows_stored_under_an_earlier_contract_keep_their_columns_in_the_export(tmp_path: Path) -> None:
    # Would catch a column renamed since then vanishing from the rows to mend.
    before = contract(column("a", "integer", heading="旧名"), column("b", heading="乙"))
    outcome = examined("旧名,乙\nx,y\n".encode(), before, tmp_path)
    today = contract(column("z", "integer", heading="新名"), column("b", heading="乙"))
    file = tmp_path / "to_mend.csv"
    export_quarantine(outcome.rejected.lazy().with_columns(delivery_id=pl.lit("d"), origin=pl.lit("real")), today, file)
    (row,) = csv.DictReader(file.read_text("utf-8-sig").splitlines())
    assert (row["旧名"], row["新名"], row["乙"]) == ("x", "", "y")
    assert row["What the contract says"] == UNKNOWN


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("王小明", "…（3 位 characters）"),
        ("1381234", "…（7 位 characters）"),
        ("32020219900101123X", "32…3X（18 位 characters）"),
    ],
)
def test_a_masked_value_cannot_be_read_back(value: str, seen: str) -> None:
    # Would catch a name of two or three characters shown by its first and last one.
    assert pl.select(masked(pl.lit(value))).item() == seen


@pytest.mark.parametrize(
    "number",
    [
        "13812345678",
        "电话13812345678。",
        "+8613812345678",
        "138-1234-5678",
        "１３８１２３４５６７８",
        "320202199001011234",
        "32020219900101123x",
        "320202 19900101 1234",
    ],
)
def test_a_person_s_number_in_another_column_is_masked_too(number: str, tmp_path: Path) -> None:
    # Would catch columns swapped in the extract, and citizen ids on the screen because they stand under 数量.
    agreed = contract(column("a", "date"))
    outcome = examined(f"a\n{number}\nx\n".encode(), agreed, tmp_path)
    said = outcome.rejected.select(**to_mend([explain(agreed, "a.type")], is_seen=True))["values"].to_list()
    assert number not in said[0]
    assert said[1] == "x"


def test_what_is_said_of_a_row_is_in_the_order_of_its_reasons(tmp_path: Path) -> None:
    # The rules are told most broken first: in a row's cells that order puts a value beside another column's reason.
    agreed = contract(column("a", "integer", heading="甲"), column("b", heading="乙", enum=("x", "y")))
    outcome = examined("甲,乙\n1.5,z\n2,w\n3,v\n".encode(), agreed, tmp_path)
    broken = broken_rules(agreed, outcome.rejected.lazy(), "line", "rules")
    assert [one.explanation.rule for one in broken] == ["b.enum", "a.type"]
    said = to_mend([one.explanation for one in broken], is_seen=True)
    rows = outcome.rejected.sort("line").select("reason_zh", **said).rows(named=True)
    assert [row["columns"] for row in rows] == ["甲\n乙", "乙", "乙"]
    assert [row["values"] for row in rows] == ["1.5\nz", "w", "v"]
    assert [reason[1] for reason in rows[0]["reason_zh"].split("；")] == ["a", "b"]
