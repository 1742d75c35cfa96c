"""Permits, insurance, licences, penalties and service cases: about the city's own people and entities, and in their
contracts' formats."""

import gzip
import itertools
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from python_calamine import load_workbook

from sample_city import rates
from sample_city.city import make_city
from sample_city.defects import BREACH
from sample_city.extract import Delivery, write_extract
from sample_city.hardness import DOCUMENTED
from sample_city.nights import ENTITIES, INSURANCE, LICENCES, PENALTIES, PERMITS, PERSONS, SERVICES
from tests.sample_city.conftest import CONTRACTS, UNTIL, City, contract_of, is_near


# Would catch an extract that a reader for another dialect would read as well: nothing would show that ours works.
def test_each_extract_is_in_its_contracts_format(city: City) -> None:
    permits, cases = city.first(PERMITS).path.read_bytes(), city.first(SERVICES).path.read_bytes()
    assert permits.startswith(b"\xef\xbb\xbf")
    assert permits.count(b"\r\n") == permits.count(b"\n") == city.facts["residence_permit"] + 1
    assert gzip.decompress(cases).count(b"\n") == city.facts["service_case"] + 1
    assert city.first(INSURANCE).path.read_bytes().startswith(b"PAR1")
    assert pl.read_parquet_schema(city.first(INSURANCE).path)["缴费基数"] == pl.Decimal(18, 2)


# Would catch a workbook without its title line, with ids turned to numbers, or with dates that are text.
@pytest.mark.parametrize("dataset", [LICENCES, PENALTIES])
def test_a_workbook_has_a_title_headings_and_typed_cells(city: City, dataset: str) -> None:
    title, headings, *_ = city.sheet(city.first(dataset))
    assert title[0].startswith(contract_of(dataset).title.zh)
    assert headings == [column.heading for column in contract_of(dataset).columns]
    rows = city.cells(city.first(dataset))
    assert len(rows) == city.facts[dataset.split(".")[1]] > 100
    assert {type(row["decision_date"]) for row in rows} == {date}
    numbers = {type(row[name]) for row in rows for name in ("subject_id_no", "legal_representative_id_no")}
    assert numbers == {str, type(None)}


# Would catch a row of a workbook that is said to be broken and is not: no date that does not exist would be tried.
def test_a_date_that_does_not_exist_is_text_in_a_workbook(tmp_path: Path) -> None:
    contract = contract_of(PENALTIES)
    required = {column.name: "1" for column in contract.columns if column.required}
    frame = pl.DataFrame([required] * 2).with_columns(
        decision_date=date(2026, 10, 1), publicity_end_date=date(2026, 11, 1), **{BREACH: pl.Series([None, "type"])}
    )
    day = date(2026, 10, 2)
    written = write_extract(tmp_path, Delivery(contract, day, day + timedelta(days=1)), [frame])
    place = [column.name for column in contract.columns].index("decision_date")
    rows = load_workbook(written.path).get_sheet_by_name("行政处罚").to_python(skip_empty_area=False)[2:]
    assert [row[place] for row in rows] == [date(2026, 10, 1), "2026-02-30"]


# Would catch permits of nobody: holders are people of the city, in the register or beside it, with their own ids.
def test_permits_belong_to_registered_people_and_to_outsiders(city: City) -> None:
    persons = city.truth("person_record").select("person", "true_citizen_id", "true_name").unique("person")
    permits = city.truth("residence_permit")
    known = permits.join(persons, on="person")
    sound = known.filter(pl.col("citizen_id").is_not_null())
    right = sound.filter(pl.col("citizen_id") == pl.col("true_citizen_id")).height
    assert is_near(right, sound.height, 1 - (rates.ID_MISTYPED + rates.ID_OLD_FORM) / (1 - rates.ID_MISSING))
    outsiders = permits.join(persons, on="person", how="anti")
    assert 0.15 < outsiders.height / permits.height < 0.35
    assert not set(outsiders["citizen_id"].drop_nulls()) & set(persons["true_citizen_id"])


# Would catch nights of permits without renewals or deletions, or two records of one permit.
def test_permits_are_issued_renewed_cancelled_and_deleted(city: City) -> None:
    first, second, third = (city.table(file) for file in city.files(PERMITS))
    assert first["permit_no"].is_unique().all()
    for later, day in ((second, "2026-10-30"), (third, "2026-10-31")):
        assert set(later["operation"]) == {"I", "U", "D"}
        assert later["updated_at"].str.starts_with(day).all()
        issued = later.filter(pl.col("operation") == "I")
        assert issued["issued_date"].unique().to_list() == [day]
        assert not set(issued["permit_no"]) & set(first["permit_no"])
        changed = later.filter(pl.col("operation") != "I")
        assert set(changed["permit_no"]) < set(first["permit_no"])
    assert not set(second["permit_no"]) & set(third["permit_no"])


# Would catch insurance with employers that no register knows, beyond the few that are mistyped.
def test_employers_are_entities_of_the_register(city: City) -> None:
    entities = city.truth("entity_record").select(
        code=pl.when("is_code_old").then("registration_code").otherwise("true_code")
    )
    insured = city.parquet(city.first(INSURANCE))
    known = insured["employer_code"].is_in(entities["code"].implode()).sum()
    assert is_near(insured.height - known, insured.height, rates.EMPLOYER_CODE_MISTYPED)
    assert insured["employer_code"].n_unique() > 100


# Would catch a snapshot that forgets those who left, or that ends insurance before it began.
def test_a_snapshot_has_everything_that_is_known_of_insurance(city: City) -> None:
    key = ["insurance_no", "employer_code"]
    nights = [city.parquet(file) for file in city.files(INSURANCE)]
    for before, after in itertools.pairwise(nights):
        assert before.join(after, on=key, how="anti").is_empty()
    last = nights[-1]
    assert last.select(key).is_unique().all()
    ended = last.filter(pl.col("status_code") == "3")
    assert (ended["insured_to_date"] >= ended["insured_from_date"]).all()
    assert last.filter(pl.col("status_code") != "3")["insured_to_date"].is_null().all()
    assert 0.1 < ended.height / last.height < 0.4
    again = last.filter(pl.col("insurance_no").is_duplicated())
    assert not again.is_empty()


# Would catch employment in every month alike by accident of one date: the stock needs beginnings and ends throughout.
def test_insurance_begins_and_ends_in_every_month_of_the_history(city: City) -> None:
    insured = city.parquet(city.files(INSURANCE)[-1])
    months = {date(2025, month, 1) for month in range(9, 13)} | {date(2026, month, 1) for month in range(1, 11)}
    for column in ("insured_from_date", "insured_to_date"):
        assert months <= set(insured[column].drop_nulls().dt.month_start())


# Would catch subjects without what their class requires: the whole delivery would be refused for its row rules.
@pytest.mark.parametrize("dataset", [LICENCES, PENALTIES])
def test_subjects_carry_what_their_class_requires(city: City, dataset: str) -> None:
    rows = [row for file in city.files(dataset) for row in city.cells(file)]
    persons = [row for row in rows if row["subject_class_code"] == "自然人"]
    others = [row for row in rows if row["subject_class_code"] != "自然人"]
    assert persons
    assert {row["subject_class_code"] for row in others} == {"法人", "非法人组织", "个体工商户"}
    assert all(row["subject_id_type"] and row["subject_id_no"] for row in persons)
    assert not any(row["subject_uscc"] or row["legal_representative"] for row in persons)
    assert all(row["legal_representative"] for row in others)
    assert all(row["subject_uscc"] or row["subject_registration_no"] for row in others)


# Would catch subjects from outside the city: nothing could be linked, and nobody would see it.
def test_subjects_are_entities_and_persons_of_the_city(city: City) -> None:
    entities, persons = city.truth("entity_record"), city.truth("person_record")
    known = set(entities["true_code"]) | set(entities["registration_code"])
    for dataset in (LICENCES, PENALTIES):
        rows = city.cells(city.first(dataset))
        codes = [row["subject_uscc"] for row in rows if row["subject_uscc"]]
        assert len([code for code in codes if code not in known]) <= 0.02 * len(codes)
        ids = [row["subject_id_no"] for row in rows if row["subject_id_no"]]
        assert len([number for number in ids if number in set(persons["true_citizen_id"])]) > 0.8 * len(ids)


# Would catch fines without an amount, in yuan instead of ten thousands, or publicity that ends before it begins.
def test_penalties_keep_the_rules_of_publicity(city: City) -> None:
    rows = [row for file in city.files(PENALTIES) for row in city.cells(file)]
    fined = [row for row in rows if "罚款" in row["penalty_class"]]
    assert 0 < len(fined) < len(rows)
    assert all(0 < row["fine_10k_cny"] <= 80 for row in fined)
    assert all(row["decision_date"] <= row["publicity_end_date"] for row in rows)


# Would catch decisions that are published twice or never.
def test_every_decision_is_published_on_one_night(city: City) -> None:
    for dataset in (LICENCES, PENALTIES):
        numbers = [{(row["document_no"], row["authority_uscc"]) for row in city.cells(f)} for f in city.files(dataset)]
        decisions = city.truth(dataset.split(".")[1]).select("document_no", "authority_uscc", "published_date")
        assert decisions.select("document_no", "authority_uscc").is_unique().all()
        for day, sent in zip((date(2026, 10, 30), date(2026, 10, 31)), numbers[1:], strict=True):
            expected = set(decisions.filter(pl.col("published_date") == day).select(pl.nth(0, 1)).iter_rows())
            assert sent == expected or not expected
        assert len(numbers[0]) == decisions.filter(pl.col("published_date") <= date(2026, 10, 29)).height


# Would catch steps of a case in the wrong order, a result before the end, or a limit that is always kept.
def test_a_service_case_runs_from_application_to_result(city: City) -> None:
    cases = city.truth("service_case")
    for before, after in itertools.pairwise(["applied_at", "accepted_at", "suspended_at", "resumed_at", "finished_at"]):
        assert cases.filter(pl.col(before) > pl.col(after)).is_empty()
    done = cases.filter(pl.col("finished_at").is_not_null())
    late = done.filter(pl.col("finished_at") > pl.col("due_at")).height
    assert is_near(late, done.height, rates.SERVICE_LATE)
    delivered = city.table(city.first(SERVICES))
    assert (delivered["result_code"].is_null() == delivered["finished_at"].is_null()).all()
    assert 0 < delivered["finished_at"].null_count() < 0.1 * delivered.height
    assert delivered["channel_code"].n_unique() == 4


# Would catch a case whose second record says less than its first, or carries the same time of update.
def test_a_service_case_delivered_again_has_moved_on(city: City) -> None:
    first, *later = (city.table(file) for file in city.files(SERVICES))
    for night in later:
        both = night.join(first, on="case_no", suffix="_before")
        assert (both["updated_at"] > both["updated_at_before"]).all()
    assert not later[0].join(first, on="case_no").is_empty()


# Would catch approvals that belong to no project, or a project of two applicants or two districts.
def test_the_approvals_of_a_project_follow_its_stages(city: City) -> None:
    approvals = city.truth("service_case").filter(pl.col("task_group_code") == "project_approval").sort("applied_at")
    assert approvals["project_no"].null_count() == 0
    projects = approvals.group_by("project_no", maintain_order=True).agg(
        pl.col("applicant_entity_code", "region_code").n_unique(), is_ordered=pl.col("stage_code").is_sorted()
    )
    assert projects.height > 50
    assert projects["is_ordered"].all()
    assert projects["applicant_entity_code"].unique().to_list() == [1]
    assert projects["region_code"].unique().to_list() == [1]


# Would catch an applicant that is both, or neither, a person and an organisation.
def test_an_applicant_is_a_person_or_an_entity(city: City) -> None:
    cases = city.table(city.first(SERVICES))
    is_person = cases["applicant_type_code"] == "person"
    assert cases.filter(is_person)["applicant_entity_code"].is_null().all()
    assert cases.filter(~is_person)["applicant_citizen_id"].is_null().all()
    assert cases.filter(~is_person)["applicant_entity_code"].is_not_null().all()
    missing = cases.filter(is_person)["applicant_citizen_id"].null_count()
    assert is_near(missing, int(is_person.sum()), rates.ID_MISSING)


# Would catch cases without a past: E07 and S15 need finished ones in every month.
def test_service_cases_of_every_group_end_in_every_month(city: City) -> None:
    cases = city.truth("service_case").with_columns(month=pl.from_epoch("finished_at").dt.strftime("%Y-%m"))
    ended = cases.group_by("task_group_code", "month").len().drop_nulls()
    months = {f"2025-{month:02}" for month in range(9, 13)} | {f"2026-{month:02}" for month in range(1, 11)}
    for group in ("business_start", "project_approval", "social_service", "licence"):
        assert months <= set(ended.filter(pl.col("task_group_code") == group)["month"])


# Would catch what else the insurance knows of a person saying something else in one row than in the next.
def test_the_insured_have_sex_birth_date_and_phone_but_for_a_few(city: City) -> None:
    insured = city.parquet(city.files(INSURANCE)[-1]).unique("insurance_no")
    missing = {
        "sex_code": rates.INSURED_SEX_MISSING,
        "birth_date": rates.INSURED_BIRTH_DATE_MISSING,
        "phone": rates.INSURED_PHONE_MISSING,
    }
    for column, rate in missing.items():
        assert is_near(insured[column].null_count(), insured.height, rate)
    told = insured.filter(pl.col("citizen_id").str.len_chars() == 18, pl.col("birth_date").is_not_null())
    as_in_id = told.filter(pl.col("citizen_id").str.slice(6, 8) == pl.col("birth_date").dt.strftime("%Y%m%d")).height
    assert 0.97 * told.height < as_in_id <= told.height
    per_person = city.parquet(city.files(INSURANCE)[-1]).group_by("insurance_no").agg(pl.col(missing).n_unique())
    assert per_person.select(pl.col(missing).max()).row(0) == (1, 1, 1)


# Would catch a case of an organisation under a person's name, or a person's without any.
def test_applicants_are_called_by_their_names(city: City) -> None:
    cases = city.table(city.first(SERVICES)).filter(pl.col("applicant_type_code").is_in(["person", "entity"]))
    names = cases.filter(pl.col("applicant_type_code") == "person")
    assert is_near(names["applicant_phone"].null_count(), names.height, rates.APPLICANT_PHONE_MISSING)
    assert names["applicant_name"].str.len_chars().max() < 12
    register = city.table(city.first(ENTITIES))["entity_name"]
    called = cases.filter(pl.col("applicant_type_code") == "entity")
    assert called["applicant_phone"].null_count() == called.height
    assert called["applicant_name"].is_in(register.implode()).sum() > 0.99 * called.height


# Would catch a harder city that is another city: only what is wrong in its records may differ.
def test_a_harder_city_has_the_same_people_and_more_defects(tmp_path: Path) -> None:
    truth: list[pl.DataFrame] = []
    for name, defects in (("plain", DOCUMENTED), ("hard", DOCUMENTED.times(2, ids_missing=0.2))):
        make_city(
            tmp_path / name, CONTRACTS, residents=5_000, until=UNTIL, nights=1, defects=defects, truth=tmp_path / name
        )
        truth.append(pl.read_parquet(tmp_path / name / "person_record.parquet"))
    plain, hard = truth
    assert plain.head(5_000)["true_citizen_id"].to_list() == hard.head(5_000)["true_citizen_id"].to_list()
    assert hard.height - 5_000 == 2 * (plain.height - 5_000)
    assert is_near(hard["is_id_missing"].sum(), hard.height, 0.2)
    assert is_near(hard["is_id_mistyped"].sum(), hard.height, 2 * rates.ID_MISTYPED)
    assert is_near(hard["is_name_variant"].sum(), hard.height, 2 * rates.NAME_VARIANT)


def test_a_share_of_defects_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        DOCUMENTED.times(1, ids_missing=1.5)


# Would catch an empty or truncated night in a hamlet: what has no rows is refused as a failed export.
def test_a_hamlet_delivers_something_of_every_dataset_every_night(tmp_path: Path) -> None:
    make_city(tmp_path, CONTRACTS, residents=100, until=UNTIL, months=1, nights=5)
    hamlet = City(tmp_path, tmp_path, {})
    assert all(hamlet.cells(file) for dataset in (LICENCES, PENALTIES) for file in hamlet.files(dataset))
    assert all(hamlet.table(file).height for dataset in (PERMITS, SERVICES) for file in hamlet.files(dataset))
    assert all(hamlet.parquet(file).height for file in hamlet.files(INSURANCE))


# Would catch a new dataset that shares no one with the register: linking persons would have nothing to link.
def test_people_are_found_in_several_extracts(city: City) -> None:
    registered = set(city.table(city.first(PERSONS))["citizen_id"].drop_nulls())
    insured = set(city.parquet(city.first(INSURANCE))["citizen_id"].drop_nulls())
    holders = set(city.table(city.first(PERMITS))["citizen_id"].drop_nulls())
    assert len(registered & insured) > 0.8 * len(insured)
    assert len(holders & insured) > 500


# Would catch timestamps in another order or zone than the contract's.
def test_what_a_case_system_knew_is_never_later_than_its_extract(city: City) -> None:
    for file in city.files(SERVICES):
        newest = city.table(file)["updated_at"].max()
        assert datetime.fromisoformat(str(newest)).date() <= file.extract_date
