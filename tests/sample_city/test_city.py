"""The extracts as a whole: the same every time, as the contracts say, with the nights and defects that are promised."""

import hashlib
import itertools
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from stdnum.cn import ric, uscc

from citylake.contracts.model import load_contracts
from citylake.lake.settings import Settings
from ingestion.examination import examine
from ingestion.rules import polars_type
from sample_city import rates
from sample_city.city import make_city
from sample_city.defects import BREACH
from sample_city.extract import Delivery, write_extract
from sample_city.nights import CASES, ENTITIES, INSURANCE, LICENCES, PERMITS, PERSONS, SERVICES
from tests.sample_city.conftest import CONTRACTS, UNTIL, City, contract_of, is_near


def _digests(landing: Path) -> dict[str, str]:
    return {
        f"{path.relative_to(landing)} {path.stat().st_mtime_ns}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(landing.rglob("*.*"))
        if path.is_file()
    }


def _midnight(year: int, month: int, day: int) -> int:
    """The beginning of a day on the city's own clock, as the truth counts: in seconds, without a zone."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


# Would catch anything drawn from the clock, from a hash of the process, or in the order of threads.
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("same", 7), ("other", 8)):
        make_city(tmp_path / name, CONTRACTS, residents=400, seed=seed, until=UNTIL, months=2)
    one, same, other = (_digests(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert not set(one.values()) & set(other.values())


# Would catch a truth that is written, and so readable, when nobody asked for it.
def test_the_truth_is_written_only_when_asked_for(tmp_path: Path) -> None:
    make_city(tmp_path / "landing", CONTRACTS, residents=200, until=UNTIL, months=1)
    assert [path.name for path in tmp_path.iterdir()] == ["landing"]
    assert all(".synthetic." in path.name for path in tmp_path.rglob("*.parquet"))


# Would catch a heading that drifts from its contract, or an extract in another encoding.
@pytest.mark.parametrize("dataset", [PERSONS, ENTITIES, PERMITS, SERVICES])
def test_headings_and_encoding_are_the_contracts_own(city: City, dataset: str) -> None:
    contract = contract_of(dataset)
    for file in city.files(dataset)[:-1]:
        assert city.lines(file)[0].split(",") == [column.heading for column in contract.columns]


# Would catch a case extract with names of our own, or one that leaves out a property.
def test_cases_carry_every_heading_of_their_contract(city: City) -> None:
    expected = [column.name for column in contract_of(CASES).columns]
    for file in city.files(CASES):
        assert city.records(file).columns == expected


# Would catch a file that ingestion would take for a real department's.
def test_every_file_says_that_it_is_synthetic(city: City) -> None:
    files = [file for dataset in load_contracts(CONTRACTS) for file in city.files(dataset)]
    assert len(files) == city.facts["deliveries"] == 25
    assert {file.origin for file in files} == {"synthetic"}


def _arrivals(city: City, dataset: str) -> list[tuple[date, int, str]]:
    return [
        (file.extract_date, file.revision, f"{datetime.fromtimestamp(file.path.stat().st_mtime, UTC):%d %H:%M}")
        for file in city.files(dataset)
    ]


# Would catch a late delivery that is in time (17:00 UTC is 01:00 in Shanghai).
def test_the_cases_of_the_second_night_arrive_a_night_late(city: City) -> None:
    assert _arrivals(city, CASES) == [
        (date(2026, 10, 29), 0, "29 17:00"),
        (date(2026, 10, 30), 0, "31 17:00"),
        (date(2026, 10, 31), 0, "31 17:00"),
    ]


# Would catch a correction that comes with what it corrects, or says the same.
def test_the_entities_of_the_second_night_are_corrected_a_night_later(city: City) -> None:
    assert _arrivals(city, ENTITIES) == [
        (date(2026, 10, 29), 0, "29 17:00"),
        (date(2026, 10, 30), 0, "30 17:00"),
        (date(2026, 10, 30), 1, "31 17:05"),
        (date(2026, 10, 31), 0, "31 17:00"),
    ]
    wrong, right = (city.table(file) for file in city.files(ENTITIES)[1:3])
    assert wrong["registration_code"].to_list() == right["registration_code"].to_list()
    assert wrong.filter(pl.col("status_code") == "注销").is_empty()
    struck_off = right.filter(pl.col("status_code") == "注销")
    assert struck_off["cancelled_date"].to_list() == ["2026-10-30"] * struck_off.height
    assert not struck_off.is_empty()


# Would catch a delivery that is refused for another reason, or not at all.
def test_the_persons_of_the_third_night_lack_one_required_heading(city: City) -> None:
    contract = contract_of(PERSONS)
    last = city.files(PERSONS)[-1]
    missing = {column.heading for column in contract.columns} - set(city.lines(last)[0].split(","))
    assert missing == {"登记日期"}
    assert contract.column("registered_date").required


# Would catch nights that repeat the full extract, or leave out deletions.
def test_later_nights_bring_one_days_changes_with_tombstones(city: City) -> None:
    first, second = (city.table(file) for file in city.files(PERSONS)[:2])
    assert 0 < second.height < first.height / 100
    assert set(second["operation"]) == {"I", "U", "D"}
    assert second["updated_at"].str.starts_with("2026-10-30").all()
    assert (first["updated_at"] < "2026-10-30").all()
    new = second.filter(pl.col("operation") == "I")["register_no"]
    assert not set(new) & set(first["register_no"])


# Would catch a case whose second delivery takes back what the first had said.
def test_a_case_delivered_again_keeps_what_was_known_and_moves_on(city: City) -> None:
    first, second, _ = (city.records(file) for file in city.files(CASES))
    both = second.join(first, on="case_code", suffix="_before")
    assert not both.is_empty()
    assert (both["updated_at"] > both["updated_at_before"]).all()
    for step in ("filed_at", "dispatched_at", "handled_at", "closed_at"):
        known = both.filter(pl.col(f"{step}_before").is_not_null())
        assert (known[step] == known[f"{step}_before"]).all()


# Would catch rates that drift from what their table promises.
@pytest.mark.parametrize(
    ("flag", "rate"),
    [
        ("is_id_missing", rates.ID_MISSING),
        ("is_id_mistyped", rates.ID_MISTYPED),
        ("is_name_variant", rates.NAME_VARIANT),
        ("is_address_out_of_date", rates.ADDRESS_OUT_OF_DATE),
    ],
)
def test_defects_of_person_records_come_at_their_rates(city: City, flag: str, rate: float) -> None:
    truth = city.truth("person_record")
    assert is_near(truth[flag].sum(), truth.height, rate)


# Would catch a truth that says one thing while the extract says another.
def test_the_extract_has_the_defects_that_the_truth_tells(city: City) -> None:
    truth = city.truth("person_record").filter(pl.col("breach").is_null())
    delivered = city.table(city.files(PERSONS)[0]).join(truth, on="register_no")
    assert delivered.height > 20_000
    assert (delivered["citizen_id"].is_null() == delivered["is_id_missing"]).all()
    assert ((delivered["person_name"] != delivered["true_name"]) == delivered["is_name_variant"]).all()
    assert ((delivered["residence_address"] != delivered["true_address"]) == delivered["is_address_out_of_date"]).all()


# Would catch invalid ids beyond the promised ones: recognition would be measured against a wrong truth.
def test_every_id_is_valid_that_is_neither_missing_nor_mistyped_nor_old(city: City) -> None:
    truth = city.truth("person_record").filter(pl.col("breach").is_null())
    delivered = (
        city.table(city.files(PERSONS)[0]).join(truth, on="register_no").filter(pl.col("citizen_id").is_not_null())
    )
    valid = pl.Series([ric.is_valid(value) for value in delivered["citizen_id"]])
    assert (valid == ~(delivered["is_id_mistyped"] | delivered["is_id_old_form"])).all()
    assert delivered["true_citizen_id"].n_unique() == delivered["person"].n_unique()


# Would catch duplicates that are somebody else, or none.
def test_one_person_in_two_hundred_is_registered_twice(city: City) -> None:
    truth = city.truth("person_record")
    twice = truth.group_by("person").len().filter(pl.col("len") > 1)
    assert twice["len"].unique().to_list() == [2]
    assert twice.height == round(20_000 * rates.REGISTERED_TWICE)


# Would catch malformed rows that are too many, too few, or all of one kind.
def test_one_row_in_a_thousand_breaks_its_contract_in_all_kinds(city: City) -> None:
    breaches = city.truth("person_record")["breach"].drop_nulls()
    assert len(breaches) == round(20_100 * rates.MALFORMED)
    assert dict(breaches.value_counts().iter_rows()) == {"type": 5, "required": 5, "enum": 5, "columns": 5}


# Would catch lines that are said to be broken and are not.
def test_broken_lines_are_broken_in_the_file(city: City) -> None:
    header, *lines = city.lines(city.files(PERSONS)[0])
    fields, quotes = header.count(","), [line for line in lines if '"' in line]
    assert len([line for line in lines if line.count(",") != fields]) + len(quotes) == 5
    assert len([line for line in city.lines(city.files(CASES)[0]) if not line.endswith("}")]) == 1


# Would catch codes that no register would issue, or mistakes at another rate.
def test_entity_codes_are_valid_but_for_the_promised_defects(city: City) -> None:
    truth = city.truth("entity_record")
    assert all(map(uscc.is_valid, truth["true_code"]))
    assert is_near(truth["is_code_mistyped"].sum(), truth.height, rates.ENTITY_CODE_MISTYPED)
    unified = truth.filter(~pl.col("is_code_old"))
    valid = pl.Series([uscc.is_valid(code) for code in unified["registration_code"]])
    assert (valid == ~unified["is_code_mistyped"]).all()


# Would catch a register without the one quirk that the real one has: a line delivered twice, word for word.
def test_some_entity_lines_are_delivered_twice(city: City) -> None:
    lines = city.lines(city.files(ENTITIES)[0])
    assert len(lines) - len(set(lines)) == max(1, round(2_600 * rates.ENTITY_LINE_REPEATED))


# Would catch months without new or cancelled entities: the indicators of growth would be empty.
def test_entities_come_and_go_in_every_month_of_the_history(city: City) -> None:
    register = city.table(city.files(ENTITIES)[0])
    register = register.with_columns(pl.col("registered_date", "cancelled_date").str.slice(0, 7))
    months = {f"2025-{month:02}" for month in range(8, 13)} | {f"2026-{month:02}" for month in range(1, 11)}
    assert months <= set(register["registered_date"])
    assert months <= set(register["cancelled_date"].drop_nulls())


# Would catch a life cycle in the wrong order, which every row rule of the contract would throw out.
def test_the_steps_of_a_case_follow_each_other(city: City) -> None:
    cases = city.truth("urban_case")
    steps = ["reported_at", "filed_at", "dispatched_at", "handled_at", "closed_at"]
    for before, after in itertools.pairwise(steps):
        assert cases.filter(pl.col(before) > pl.col(after)).is_empty()


# Would catch rates of closure that no leader would believe: 93.72 and 75.82 % of those due, as each month's end saw it.
def test_cases_are_closed_at_about_the_published_rates(city: City) -> None:
    due = city.truth("urban_case").filter(pl.col("due_at") < _midnight(2026, 10, 1))
    month_end = pl.from_epoch("due_at").dt.month_end().dt.truncate("1d").dt.offset_by("1d").dt.epoch("s")
    closed = due.filter(pl.col("closed_at") < month_end)
    assert 0.91 < closed.height / due.height < 0.96
    assert 0.73 < closed.filter(pl.col("closed_at") <= pl.col("due_at")).height / due.height < 0.79


# Would catch a city that begins on the day of its first figure: backlog and handling time would climb for months.
def test_backlog_and_handling_time_are_level_from_the_first_month(city: City) -> None:
    cases = city.truth("urban_case").filter(pl.col("filed_at").is_not_null())
    starts = [_midnight(2025 + month // 12, month % 12 + 1, 1) for month in range(7, 22)]
    backlogs = [cases.filter((pl.col("due_at") < at) & (pl.col("handled_at") >= at)).height for at in starts]
    level = sum(backlogs) / len(backlogs)
    assert level > 10
    assert all(abs(backlog - level) < 3 * level**0.5 for backlog in backlogs)
    hours = [
        cases.filter(pl.col("handled_at").is_between(at, end - 1))
        .select((pl.col("handled_at") - pl.col("dispatched_at")).mean() / 3600)
        .item()
        for at, end in itertools.pairwise(starts)
    ]
    mean = sum(hours) / len(hours)
    assert all(0.5 * mean < month < 1.6 * mean for month in hours)


# Would catch history that is made for the level's sake and then delivered: a department sends what is not over yet.
def test_older_cases_are_delivered_only_when_they_were_still_going_on(city: City) -> None:
    start = _midnight(2025, 8, 1)
    older = city.truth("urban_case").filter(pl.col("reported_at") < start)
    assert not older.is_empty()
    assert older.filter(pl.max_horizontal("closed_at", "due_at") < start).is_empty()
    assert set(older["case_code"]) <= set(city.records(city.files(CASES)[0])["case_code"])


# Would catch cases located too well, or not at all.
def test_a_few_cases_are_located_to_a_district_only_or_not_at_all(city: City) -> None:
    cases = city.truth("urban_case")
    length = cases["region_code"].str.len_chars()
    assert is_near(length.is_null().sum(), cases.height, rates.CASE_UNLOCATED)
    assert is_near((length == 6).sum(), cases.height, rates.CASE_DISTRICT_ONLY)
    assert cases["time_limit_type"].n_unique() == 4


# Would catch a history shorter than promised: fourteen whole months before the month of the last extract.
def test_cases_reach_back_fourteen_months(city: City) -> None:
    reported = city.truth("urban_case").select(pl.from_epoch("reported_at").dt.strftime("%Y-%m")).to_series()
    counts = dict(reported.value_counts().iter_rows())
    months = [f"2025-{month:02}" for month in range(8, 13)] + [f"2026-{month:02}" for month in range(1, 11)]
    assert min(counts[month] for month in months) > 150
    assert all(counts[month] < 60 for month in counts.keys() - set(months))


# Would catch an empty file, which is refused as a failed export, from a day on which nothing happened.
def test_a_hamlet_where_nothing_happens_still_delivers_a_case(tmp_path: Path) -> None:
    make_city(tmp_path, CONTRACTS, residents=100, until=UNTIL, months=1, nights=5)
    assert all(path.stat().st_size > 0 for path in tmp_path.glob("urban_management/*/*.jsonl"))


# Would catch a city of one night, or of none to be late, that fails.
@pytest.mark.parametrize("nights", [1, 2, 5])
def test_any_number_of_nights_can_be_made(tmp_path: Path, nights: int) -> None:
    facts = make_city(tmp_path, CONTRACTS, residents=300, until=UNTIL, months=1, nights=nights)
    assert facts["deliveries"] == 8 * nights + (nights >= 3)


# Would catch former districts that vanish from old records, or types that the register suddenly knows.
def test_former_districts_and_missing_types_come_at_their_rates(city: City) -> None:
    persons = city.table(city.files(PERSONS)[0])
    former = persons["residence_region_code"].is_in(["320202", "320203", "320204"]).sum()
    assert former > 0
    assert is_near(former, persons.height, rates.FORMER_DISTRICT)
    entities = city.table(city.files(ENTITIES)[0])
    assert is_near((entities["entity_type"] == "N/A").sum(), entities.height, rates.ENTITY_TYPE_MISSING)


# Would catch a workbook that cannot be written, or a line that is no record, on a day on which nothing happened.
@pytest.mark.parametrize("dataset", [LICENCES, INSURANCE, PERSONS])
def test_a_day_without_records_is_a_file_with_headings_alone(dataset: str, tmp_path: Path) -> None:
    contract = contract_of(dataset)
    nothing = pl.DataFrame(
        schema={**{column.name: polars_type(column) for column in contract.columns}, BREACH: pl.String}
    )
    delivered = write_extract(tmp_path, Delivery(contract, UNTIL, UNTIL), [nothing])
    settings = Settings(home=tmp_path / "home", memory_limit="256MB", threads=1)
    examination = examine(settings, delivered.path, contract, tmp_path)
    assert examination.rows_read == 0
    assert examination.missing_columns == examination.new_columns == ()
