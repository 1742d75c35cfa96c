"""What is sought of a person who is to be erased."""

from citylake.contracts.model import find_contract
from citylake.identity.erasure import delete, forget_traders, records_with_the_business, rows_left
from citylake.identity.seeking import seek
from citylake.lake.attach import open_lakes
from tests.identity.staged import ANNA, BO, ENTITIES, REGISTER, Staged


def test_the_phones_sought_are_those_that_nobody_else_is_known_by(staged: Staged) -> None:
    # A family's phone stands in everybody's records: sought, it would erase the family, or never be proved gone.
    family, own = "13900000001", "13900000002"
    columns = "register_no, citizen_id, phone"
    staged.stage(REGISTER, columns, [("P1", ANNA, family), ("P2", ANNA, f"+86 {own}"), ("P3", BO, family)])
    staged.night()
    sought = seek(staged.settings, staged.keys()["P1"])
    assert sought.phones == sorted([own, f"86{own}", f"086{own}", f"0086{own}"])
    assert ANNA in sought.ids
    assert own not in repr(sought)


def test_a_name_or_a_familys_phone_in_a_basis_tells_who_is_erased(staged: Staged) -> None:
    # What the erasure does not seek, because others have it too, still says who it was about to whoever reads it.
    columns = "register_no, citizen_id, person_name, phone"
    family = "13900000001"
    staged.stage(REGISTER, columns, [("P1", ANNA, "王小明", family), ("P2", BO, "李雷", family)])
    staged.night()
    sought = seek(staged.settings, staged.keys()["P1"])
    assert [
        sought.is_named_in(text) for text in ("应王 小明之请", "来电139-0000-0001", "李雷的申请", "法〔2026〕14号")
    ] == [*(True, True, False, False)]


def test_an_erasure_has_every_mention_of_a_dataset_that_lost_rows_read_anew(staged: Staged) -> None:
    # A row that went because an id stands in its text is another record's: its mention stayed in the vault for good.
    columns = "register_no, citizen_id, person_name, residence_address"
    staged.stage(REGISTER, columns, [("P1", ANNA, "王小明", None), ("P2", BO, "李雷", f"随{ANNA}居住")])
    reflected = (
        "create or replace table vault.staging.applied_delivery as "
        "select ? as dataset, '1' as delivery_id, 'r' as run_id"
    )
    with open_lakes(staged.settings, ("vault",)) as lake:
        lake.execute(reflected, [REGISTER])
    staged.night()
    sought = seek(staged.settings, staged.keys()["P1"])
    delete(staged.settings, sought, lambda _: None)
    assert rows_left(staged.settings, sought) == {}
    # Staging is built anew from the same deliveries.
    with open_lakes(staged.settings, ("vault",)) as lake:
        lake.execute(reflected, [REGISTER])
    staged.night()
    assert staged.rows("select register_no from vault.identity.person_mention") == []


def test_the_record_of_a_sole_trader_is_the_persons_and_a_companys_is_not(staged: Staged) -> None:
    # Its name is the person's, its domicile a home: an erasure that left it would not have erased the person.
    licence, trader, company = "credit_office.administrative_licence", "92710000MA10A2B33K", "91710000MA20C4D50Y"
    staged.holds({"P1": ANNA, "P2": BO})
    staged.stage(ENTITIES, "registration_code, entity_name, legal_representative", [
        (trader, "王小明小吃店", "王小明"), (company, "甲公司", "王小明"), ("92710000MA30E6F786", "李雷商店", "李雷"),
    ])  # fmt: skip
    names = [column.name for column in find_contract(staged.settings.contracts, licence).columns]
    facts = {"subject_class_code": "个体工商户", "legal_representative": "王小明", "legal_representative_id_no": ANNA}
    row = {**dict.fromkeys(names), **facts, "legal_representative_id_type": "身份证"}
    rows = [{**row, "subject_uscc": code, "document_no": code} for code in (trader, company)]
    staged.stage(licence, ", ".join(names), [tuple(one[name] for name in names) for one in rows])
    staged.night()
    sought = seek(staged.settings, staged.keys()["P1"])
    assert sought.traders == {ENTITIES: [trader], licence: [f"{trader}|subject_uscc"]}
    delete(staged.settings, sought, lambda _: None)
    # Whom the erased records were weighed against is told by no delivery: the next night looks at everybody.
    unfinished = "select kind from vault.identity.unfinished_run order by all"
    assert staged.rows(unfinished) == [("entity",), ("person",)]
    staged.night()
    assert staged.rows(unfinished) == []
    forget_traders(staged.settings, sought)
    assert rows_left(staged.settings, sought) == {}
    left = staged.rows(f"select registration_code from vault.staging.stg_{ENTITIES.replace('.', '__')} order by all")
    assert left == [(company,), ("92710000MA30E6F786",)]
    for table in ("entity_mention", "entity_record", "retired_record", "entity_profile"):
        assert not [
            one for one in staged.rows(f"from vault.identity.{table}") if trader in repr(one) or "小吃" in repr(one)
        ]


def test_what_is_about_a_sole_trader_is_the_persons_and_what_is_about_its_employee_is_not(staged: Staged) -> None:
    # A case filed under the trader's code alone names the person by it; an employee's insurance is the employee's.
    cases, insurance = "government_service.service_case", "human_resources.social_insurance"
    trader, company = "92710000MA10A2B33K", "91710000MA20C4D50Y"
    staged.holds({"P1": ANNA, "P2": BO})
    staged.stage(ENTITIES, "registration_code, entity_name, legal_representative", [
        (trader, "王小明小吃店", "王小明"), (company, "甲公司", "王小明"),
    ])  # fmt: skip
    staged.stage(cases, "case_no, applicant_type_code, applicant_entity_code, applicant_citizen_id", [
        ("C1", "entity", trader, None), ("C2", "entity", company, None),
        ("C3", "entity", trader, BO), ("C4", "person", None, ANNA),
    ])  # fmt: skip
    staged.stage(insurance, "insurance_no, citizen_id, person_name, employer_code", [("I1", BO, "李雷", trader)])
    _decide(staged, trader)
    staged.night()
    sought = seek(staged.settings, staged.keys()["P1"])
    assert sought.traders[cases] == ["C1|applicant_entity_code"]
    assert trader in sought.codes
    assert not {company, company[8:17]} & {*sought.codes}
    assert sought.is_named_in(f"注销{trader}")
    delete(staged.settings, sought, lambda _: None)
    staged.night()
    forget_traders(staged.settings, sought)
    assert rows_left(staged.settings, sought) == {}
    left = "select case_no from vault.staging.stg_government_service__service_case order by all"
    assert staged.rows(left) == [("C2",), ("C3",)]
    assert staged.rows("select insurance_no from vault.staging.stg_human_resources__social_insurance") == [("I1",)]
    assert records_with_the_business(staged.settings, sought) == 2


def test_a_sole_trader_that_no_register_has_is_the_persons_whom_decisions_name_under_its_code(staged: Staged) -> None:
    # A register that forgets who gave up their business must not keep an erasure from what was filed under it.
    cases, trader = "government_service.service_case", "92710000MA10A2B33K"
    staged.holds({"P1": ANNA, "P2": BO})
    staged.stage(cases, "case_no, applicant_type_code, applicant_entity_code", [("C1", "entity", trader)])
    _decide(staged, trader)
    staged.night()
    assert seek(staged.settings, staged.keys()["P1"]).traders[cases] == ["C1|applicant_entity_code"]
    assert seek(staged.settings, staged.keys()["P2"]).traders == {}


def test_what_is_about_the_company_that_a_sole_trader_became_is_not_the_persons(staged: Staged) -> None:
    # Both have the registration number of before, by which they are one entity: the cases are the company's.
    cases, old = "government_service.service_case", "710000600000019"
    company = "91710000MA20C4D50Y"
    staged.holds({"P1": ANNA})
    licence = "credit_office.administrative_licence"
    names = [column.name for column in find_contract(staged.settings.contracts, licence).columns]
    facts = {"subject_class_code": "法人", "document_no": "L2", "subject_uscc": company}
    facts |= {"subject_registration_no": old}
    staged.stage(ENTITIES, "registration_code, entity_name, legal_representative", [
        (old, "王小明小吃店", "王小明"), (company, "小明餐饮有限公司", "李雷"),
    ])  # fmt: skip
    _decide(staged, old)
    staged.add(licence, ", ".join(names), [tuple(facts.get(name) for name in names)], "2026-10-31")
    columns = "case_no, applicant_type_code, applicant_entity_code"
    staged.stage(cases, columns, [("C1", "entity", company), ("C2", "entity", old)])
    staged.night()
    keys = staged.keys("entity")
    assert keys[old] == keys[company] == keys["C1|applicant_entity_code"]
    sought = seek(staged.settings, staged.keys()["P1"])
    assert (sought.traders, sought.codes) == ({ENTITIES: [old]}, [])


def test_who_works_for_a_sole_trader_is_erased_alone(staged: Staged) -> None:
    # Insurance is numbered by insured and employer: the employer's number is no record of whoever is insured there.
    insurance, trader = "human_resources.social_insurance", "92710000MA10A2B33K"
    staged.stage(insurance, "insurance_no, citizen_id, employer_code", [("I1", ANNA, trader), ("I2", BO, trader)])
    staged.night()
    sought = seek(staged.settings, staged.keys()["I1"])
    assert (sought.traders, sought.codes) == ({}, [])
    delete(staged.settings, sought, lambda _: None)
    assert staged.rows("select insurance_no from vault.staging.stg_human_resources__social_insurance") == [("I2",)]


def _decide(staged: Staged, code: str) -> None:
    """A licence of the sole trader with this code, which names ANNA by her id."""
    licence = "credit_office.administrative_licence"
    names = [column.name for column in find_contract(staged.settings.contracts, licence).columns]
    facts = {"subject_class_code": "个体工商户", "legal_representative": "王小明", "legal_representative_id_no": ANNA}
    facts |= {"legal_representative_id_type": "身份证", "subject_uscc": code, "document_no": "L1"}
    staged.stage(licence, ", ".join(names), [tuple(facts.get(name) for name in names)])
