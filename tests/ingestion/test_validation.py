"""Validation: each kind of rule, its severity, its reason; keys; and that no row goes missing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from citylake.contracts.labels import Label
from citylake.contracts.model import Contract, Dialect, RowRule
from ingestion.judging import Judge
from ingestion.readers.extract import Batch, Extract
from ingestion.rules import compile_contract
from ingestion.validation import RowsLost, Stamp, Validated, validate
from tests.ingestion.support import Outcome, column, contract, engine, examined, read, small, texts


def one_column(values: list[str], folder: Path, logical_type: Any = "string", **facts: Any) -> Outcome:
    agreed = contract(column("id", required=True), column("x", logical_type, **facts))
    content = "id,x\n" + "".join(f'{number},"{value}"\n' for number, value in enumerate(values))
    return examined(content.encode(), agreed, folder)


def test_dates_are_real_days_in_the_agreed_form(tmp_path: Path) -> None:
    # A parser that is lenient turns 30 February into March and 1 December into 12 January.
    values = ["2024-02-29", "20240229", "2023-02-29", "2024-2-9", "2024-13-01", "09/02/2024", "2024-02-29 "]
    outcome = one_column(values, tmp_path, "date")
    assert outcome.accepted["x"].to_list() == [date(2024, 2, 29)] * 3
    assert outcome.rejected["line"].to_list() == [4, 5, 6, 7]


def test_times_are_local_unless_they_say_otherwise_and_kept_in_utc(tmp_path: Path) -> None:
    # Read as UTC, every deadline would be eight hours off.
    values = [
        "2026-11-01 08:00:00",
        "2026-11-01T08:00",
        "2026-11-01T00:00:00Z",
        "2026-11-01 02:00:00+02:00",
        "2026-11-01 25:00:00",
    ]
    outcome = one_column(values, tmp_path, "timestamp")
    assert outcome.accepted["x"].to_list() == [datetime(2026, 11, 1, tzinfo=UTC)] * 4
    assert outcome.rejected["rules"].to_list() == [["x.type"]]


def test_a_local_time_that_never_was_is_no_time(tmp_path: Path) -> None:
    # In 1986 Shanghai's clocks went from 02:00 to 03:00 on 4 May: 02:30 did not exist.
    outcome = one_column(["1986-05-04 02:30:00", "1986-05-04 03:30:00"], tmp_path, "timestamp")
    assert outcome.accepted["x"].to_list() == [datetime(1986, 5, 3, 18, 30, tzinfo=UTC)]
    assert outcome.rejected["line"].to_list() == [2]


def test_numbers_are_finite_and_never_rounded(tmp_path: Path) -> None:
    # NaN makes every later sum NaN; a rounded amount is a wrong amount.
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    outcome = one_column(["1.5", "-2e3", "NaN", "inf", "1,5", "١"], tmp_path / "a", "number")
    assert outcome.accepted["x"].to_list() == [1.5, -2000.0]
    money = one_column(
        ["12.34", "+5", "1.005", "12345678901234567890"], tmp_path / "b", "number", physical_type="decimal(18,2)"
    )
    assert money.accepted["x"].to_list() == [Decimal("12.34"), Decimal("5.00")]
    assert money.accepted.schema["x"] == pl.Decimal(18, 2)


def test_whole_numbers_have_no_fraction(tmp_path: Path) -> None:
    # 3.7 days read as 3 would be a silent change.
    outcome = one_column(["7", " 7 ", "-7", "3.7", "1e3", "99999999999999999999"], tmp_path, "integer")
    assert outcome.accepted["x"].to_list() == [7, 7, -7]
    assert outcome.examination.validated is not None
    assert outcome.examination.validated.rules_rejected == {"x.type": 3}


def test_a_pattern_s_digits_are_0_to_9(tmp_path: Path) -> None:
    # Regular expressions take full-width digits for digits, and codes with them match nothing later.
    outcome = one_column(["12", "１２", "1a"], tmp_path, pattern=r"^\d{2}$")
    assert outcome.accepted["x"].to_list() == ["12"]


@pytest.mark.parametrize(
    ("facts", "good", "bad", "rule"),
    [
        ({"enum": ("A", "B")}, "A", "C", "x.enum"),
        ({"min_length": 2, "max_length": 3}, "无锡市", "无锡市区", "x.length"),
        ({"logical_type": "integer", "minimum": 1, "maximum": 5}, "5", "6", "x.range"),
        ({"logical_type": "date", "minimum": "1900-01-01"}, "1900-01-01", "1899-12-31", "x.range"),
        (
            {"logical_type": "timestamp", "minimum": "2000-01-01T00:00:00"},
            "2000-01-02 00:00:00",
            "1999-01-01 00:00:00",
            "x.range",
        ),
        ({"logical_type": "boolean"}, "是", "也许", "x.type"),
        ({"logical_type": "array"}, "[1]", "1", "x.type"),
        ({"check": "uscc"}, "91350100M000100Y43", "91350100M000100Y44", "x.check"),
    ],
)
def test_each_kind_of_rule_quarantines_by_its_own_id(
    facts: dict[str, Any], good: str, bad: str, rule: str, tmp_path: Path
) -> None:
    # A rule that is compiled wrongly lets everything pass, or nothing.
    outcome = one_column([good, bad, ""], tmp_path, **facts)
    assert outcome.accepted["_line"].to_list() == [2, 4]
    assert outcome.rejected["rule"].to_list() == [rule]
    assert outcome.rejected["column_name"].to_list() == ["x"]


def test_a_warning_keeps_the_row_and_names_the_rule(tmp_path: Path) -> None:
    # Quarantining for every mistyped phone would lose the case that it belongs to.
    outcome = one_column(["123", "12"], tmp_path, pattern="^[0-9]{3}$", severity="warning")
    assert outcome.accepted.select("x", "_warnings").rows() == [("123", []), ("12", ["x.pattern"])]
    assert outcome.examination.validated is not None
    assert outcome.examination.validated.rules_warned == {"x.pattern": 1}


def test_an_old_identifier_is_kept_with_a_grade_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    # Old numbers are valid history; treating them like typing errors would lose entities.
    outcome = one_column(["320211000053726", "91350100M000100Y44"], tmp_path, check="entity_code")
    assert outcome.accepted.select("x", "_warnings").rows() == [("320211000053726", ["x.legacy"])]
    assert outcome.rejected["reason_zh"].to_list() == ["「x」校验码不正确"]
    assert outcome.rejected["reason_en"].to_list() == ["x has a wrong check character"]


def test_a_row_that_breaks_several_rules_names_them_all_and_keeps_its_values(tmp_path: Path) -> None:
    # A department that mends one fault at a time delivers the same file ten times.
    agreed = contract(
        column("id", heading="编号", required=True),
        column("day", "date", heading="日期"),
        column("kind", enum=("A",), heading="类"),
    )
    outcome = examined('编号,日期,类\n,2023-02-30,"B ""x"""\n'.encode(), agreed, tmp_path)
    assert outcome.rejected["rules"].to_list() == [["id.required", "day.type", "kind.enum"]]
    assert outcome.rejected["reason_zh"].item().count("；") == 2
    assert outcome.rejected["record"].str.json_decode(
        pl.Struct({"编号": pl.String, "日期": pl.String, "类": pl.String})
    ).to_list() == [{"编号": None, "日期": "2023-02-30", "类": 'B "x"'}]


def test_reasons_never_contain_values(tmp_path: Path) -> None:
    # Reasons travel to logs and screens; the quarantined record does not.
    outcome = one_column(["91350100M000100Y44"], tmp_path, check="uscc")
    assert (
        not outcome.rejected.select(pl.col("reason_zh", "reason_en").str.contains("91350100").any()).to_series().any()
    )


def test_a_row_rule_passes_where_it_cannot_be_judged(tmp_path: Path) -> None:
    # An open case has no closing time: it must not count as closed before it was reported.
    rule = RowRule("ends_after_start", "ends >= starts", Label("结束早于开始", "ends before it starts"))
    agreed = contract(column("starts", "date"), column("ends", "date"), row_rules=(rule,))
    outcome = examined(
        b"starts,ends\n2026-01-02,2026-01-01\n2026-01-02,\n,2026-01-01\n2026-01-01,2026-01-01\n", agreed, tmp_path
    )
    assert outcome.rejected.select("line", "rule", "column_name", "reason_en").rows() == [
        (2, "ends_after_start", None, "ends before it starts")
    ]


def test_a_header_in_the_middle_of_a_file_refuses_it(tmp_path: Path) -> None:
    # Two tables pasted together have two headers; whether the second is more of the same, nobody can say.
    outcome = examined(b"a,b\n1,2\na,b\na,3\n", texts("a", "b"), tmp_path)
    assert outcome.rejected.select("line", "rule").rows() == [(3, "row.header")]
    assert outcome.examination.refusal is not None
    assert outcome.examination.refusal.rule == "file.structure"
    assert "Line 3" in outcome.examination.refusal.en


def test_texts_that_mean_no_value_are_none(tmp_path: Path) -> None:
    # "N/A" counted as a type of entity would be the fourth most frequent one.
    agreed = contract(column("id", required=True), column("x"), dialect=Dialect("csv", null_values=("", "N/A")))
    outcome = examined(b"id,x\n1,N/A\n2, \n3,y\nN/A,z\n", agreed, tmp_path)
    assert outcome.accepted["x"].to_list() == [None, None, "y"]
    assert outcome.rejected["rule"].to_list() == ["id.required"]


KEYED = contract(column("id", required=True, primary_key=True), column("at", "integer"), column("x"), sequence="at")


def test_an_identical_repeat_is_kept_with_a_warning_and_a_contradiction_is_not(tmp_path: Path) -> None:
    # Which of two contradicting rows wins would otherwise depend on the order in which they are read.
    outcome = examined(b"id,at,x\n1,1,a\n2,1,a\n1,1,b\n1,2,b\n2,1,a\n", KEYED, tmp_path)
    assert outcome.accepted.select("_line", "_warnings").rows() == [(2, []), (3, []), (5, []), (6, ["key.repeated"])]
    assert outcome.rejected.select("line", "rule").rows() == [(4, "key.conflict")]


def test_a_rejected_row_does_not_block_a_good_one_of_the_same_key(tmp_path: Path) -> None:
    # The broken first line would otherwise drive out the good second one.
    outcome = examined(b"id,at,x\n1,oops,a\n1,1,b\n1,1,b\n", KEYED, tmp_path)
    assert outcome.accepted.select("_line", "_warnings").rows() == [(3, []), (4, ["key.repeated"])]


def test_spellings_of_one_code_are_one_key(tmp_path: Path) -> None:
    # Compared as written, the lower-case spelling would become a second entity.
    agreed = contract(column("id", required=True, primary_key=True, check="uscc"), column("x"))
    outcome = examined(b"id,x\n91350100M000100Y43,a\n91350100m000100y43,b\n", agreed, tmp_path)
    assert outcome.rejected["rule"].to_list() == ["key.conflict"]


def test_what_is_said_of_a_key_is_said_of_that_row_in_whatever_order_rows_come(tmp_path: Path) -> None:
    # A reader whose rows do not come in the order of their lines would quarantine the wrong ones.
    extract = read(b"id,at,x\n1,1,a\n2,1,a\n1,1,b\n", KEYED, tmp_path)
    reversed_rows = replace(extract, batches=lambda: (Batch(batch.records.reverse()) for batch in extract.batches()))
    with engine(tmp_path) as connection:
        validated = validate(reversed_rows, KEYED, tmp_path, lambda: connection)
    assert pl.read_parquet(validated.rejected)["line"].to_list() == [4]
    assert sorted(pl.read_parquet(validated.accepted)["_line"]) == [2, 3]


def test_repeated_keys_that_outgrow_memory_are_judged_all_the_same(tmp_path: Path) -> None:
    # Held in memory, the keys of a large register that came three times over would end the night.
    keys = pl.select(id=pl.int_range(200_000).cast(pl.String)).with_columns(at=pl.lit("1"), x=pl.lit("a"))
    content = b"id,at,x\n" + keys.write_csv(include_header=False).encode() * 3
    outcome = examined(content, KEYED, tmp_path, small(tmp_path).model_copy(update={"memory_limit": "24MB"}))
    assert outcome.examination.validated is not None
    assert outcome.examination.validated.rules_warned == {"key.repeated": 400_000}


def test_ingestion_keeps_to_the_memory_and_the_threads_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A limit of its own would be too much for a small machine and too little for a large one.
    seen: list[tuple[str, int]] = []

    def look(
        extract: Extract, agreed: Contract, folder: Path, engine: Callable[[], duckdb.DuckDBPyConnection], stamp: Stamp
    ) -> Validated:
        (limit, threads), *_ = (
            engine().execute("select current_setting('memory_limit'), current_setting('threads')").fetchall()
        )
        seen.append((limit, threads))
        return validate(extract, agreed, folder, engine, stamp)

    monkeypatch.setattr("ingestion.examination.validate", look)
    settings = small(tmp_path).model_copy(update={"memory_limit": "64MiB", "threads": 3})
    examined(b"id,at,x\n1,1,a\n", KEYED, tmp_path, settings)
    assert seen == [("64.0 MiB", 3)]


@given(
    st.lists(st.tuples(st.sampled_from("123"), st.sampled_from(["1", "2", "x"]), st.sampled_from("ab")), max_size=12)
)
def test_keys_are_judged_as_one_would_by_hand(
    tmp_path_factory: pytest.TempPathFactory, body: list[tuple[str, str, str]]
) -> None:
    # Set-based window logic is easy to get subtly wrong where repeats and contradictions mix.
    content = "id,at,x\n" + "".join(",".join(row) + "\n" for row in body)
    outcome = examined(content.encode(), KEYED, tmp_path_factory.mktemp("keys"))
    first: dict[tuple[str, str], str] = {}
    expected = []
    for key, at, x in body:
        if at == "x":
            expected.append("at.type")
            continue
        known = first.setdefault((key, at), x)
        is_first = (key, at) not in [(k, a) for k, a, _ in body[: len(expected)]]
        expected.append("" if is_first else "key.repeated" if known == x else "key.conflict")
    found = {
        line: (warnings or [""])[0] for line, warnings in outcome.accepted.select("_line", "_warnings").iter_rows()
    }
    found |= dict(outcome.rejected.select("line", "rule").iter_rows())
    assert [found[line] for line in range(2, len(body) + 2)] == expected


def test_columns_come_out_in_the_contract_s_order_and_types(tmp_path: Path) -> None:
    # dbt's staging models read these files by name and type.
    agreed = contract(
        column("id", required=True), column("day", "date"), column("at", "timestamp"), column("n", "integer")
    )
    outcome = examined(b"day,id\n2026-01-01,1\n", agreed, tmp_path)
    assert outcome.accepted.schema == {
        "id": pl.String, "day": pl.Date, "at": pl.Datetime("us", "UTC"), "n": pl.Int64, "_line": pl.Int64,
        "_warnings": pl.List(pl.String),
    }  # fmt: skip


def test_small_batches_are_written_as_few_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Readers pay for each row group: those of an extract with long lines would be many and small.
    monkeypatch.setattr("ingestion.validation._ROWS_IN_A_GROUP", 10)
    agreed = contract(column("id", required=True))
    batches = [
        Batch(pl.DataFrame({"_line": [line, line + 1], "id": [f"{line}", f"{line + 1}"]})) for line in range(1, 25, 2)
    ]
    with engine(tmp_path) as connection:
        validated = validate(Extract(lambda: iter(batches)), agreed, tmp_path, lambda: connection)
    written = pq.read_metadata(validated.accepted)
    assert [written.row_group(place).num_rows for place in range(written.num_row_groups)] == [10, 10, 4]
    assert pl.read_parquet(validated.accepted)["_line"].to_list() == list(range(1, 25))


def test_a_lost_row_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The promise "nothing lost" is worth what checks it.
    agreed = texts("a", "b")
    extract = read(b"a,b\n1,2\n3,4\n", agreed, tmp_path)
    acquit = Judge.acquit
    monkeypatch.setattr(Judge, "acquit", lambda self, records: acquit(self, records.head(1)))
    with engine(tmp_path) as connection, pytest.raises(RowsLost, match="2 rows were read"):
        validate(extract, agreed, tmp_path, lambda: connection)


@pytest.mark.parametrize(("tolerance", "is_refused"), [(0.5, False), (0.49, True)])
def test_a_file_with_too_many_bad_rows_is_refused_whole(tolerance: float, is_refused: bool, tmp_path: Path) -> None:  # noqa: FBT001  # a parameter of the case
    # Half a file loaded looks like a city that lost half its cases.
    outcome = examined(b"a,b\n1,2\n1\n", texts("a", "b", tolerance=tolerance), tmp_path)
    assert (outcome.examination.refusal is not None) == is_refused


def test_an_empty_snapshot_is_refused_an_empty_change_file_is_not(tmp_path: Path) -> None:
    # A snapshot without rows says that everything is gone; nearly always an export failed.
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    refusal = examined(b"a,b\n", texts("a", "b", mode="snapshot"), tmp_path / "a").examination.refusal
    assert refusal is not None
    assert refusal.rule == "file.empty"
    assert examined(b"a,b\n", texts("a", "b"), tmp_path / "b").examination.refusal is None


class Opened(Exception):
    """An engine was asked for."""


def test_a_clean_extract_is_examined_without_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # To open one takes longer than to examine a day's extract; a backfill has thousands of those.
    def opened(*_: object, **__: object) -> None:
        raise Opened

    monkeypatch.setattr("ingestion.examination.bare_connection", opened)
    assert examined(b"a,b\n1,2\n", texts("a", "b"), tmp_path).accepted.height == 1
    agreed = contract(column("a", primary_key=True, required=True), column("b"))
    (repeated := tmp_path / "repeated").mkdir()
    with pytest.raises(Opened):
        examined(b"a,b\n1,2\n1,3\n", agreed, repeated)


def test_a_contract_is_compiled_once_and_anew_when_it_changes() -> None:
    # Compiling takes longer than judging a small extract; but a contract that was mended must not be judged by the old.
    assert compile_contract(texts("a")) is compile_contract(texts("a"))
    assert len(compile_contract(contract(column("a"))).rules) < len(compile_contract(texts("a")).rules)
