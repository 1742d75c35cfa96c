"""Whom records name: which mentions are kept, in what form, and what anchors them."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from citylake.contracts.model import Contract, load_contracts
from citylake.lake.attach import open_lakes
from tests.identity.staged import ANNA, BO, ENTITIES, REGISTER, Staged, with_check_digit

LICENCES = "credit_office.administrative_licence"
INSURANCE = "human_resources.social_insurance"
CASES = "government_service.service_case"
REGISTERED = "register_no, citizen_id, person_name, birth_date, sex_code, phone"
# Valid by GB 32100 and, the old number, by ISO 7064 MOD 11,10; all of a division that registers nobody (710000).
ONE, OTHER, OLD = "91710000MA5LG29B5L", "91710000MAK60MB76Y", "710000200000014"


def mention(staged: Staged, number: str) -> dict[str, object]:
    columns = "anchor_id, written_id, name, name_sound, birth_date, sex_code, phone, organisation_code, is_standing"
    (row,) = staged.rows(f"select {columns} from vault.identity.person_mention where register_no = '{number}'")
    return dict(zip(columns.split(", "), row, strict=True))


def test_a_mention_has_one_form_whatever_the_department_writes(staged: Staged) -> None:
    staged.stage(REGISTER, REGISTERED, [("P1", ANNA.lower(), "王 伟", None, "9", "+86 139-1234-5678")])
    staged.stage(
        INSURANCE,
        "insurance_no, person_name, birth_date, sex_code, employer_code",
        [("1", "王伟", "1990-01-01", "2", "ab-1")],
    )
    staged.night()
    assert mention(staged, "P1") == {
        "anchor_id": ANNA,
        "written_id": ANNA,
        "name": "王伟",
        "name_sound": "wang wei",
        "birth_date": date(1990, 1, 1),
        "sex_code": "1",
        "phone": "13912345678",
        "organisation_code": None,
        "is_standing": True,
    }
    insured = mention(staged, "1")
    assert (insured["anchor_id"], insured["sex_code"], insured["organisation_code"]) == (None, "2", "AB1")


def test_a_passports_number_is_no_citizen_id_even_if_it_passes_the_check(staged: Staged) -> None:
    # 11010119900307803X passes the check of citizen ids and that of unified codes: only the contract says what it is.
    number = "11010119900307803X"
    columns = (
        "document_no, authority_uscc, subject_class_code, subject_id_type, subject_id_no, subject_uscc, subject_name"
    )
    staged.stage(
        LICENCES,
        columns,
        [
            ("1", "x", "自然人", "身份证", number, None, "甲"),
            ("2", "x", "自然人", "护照号", number, None, "乙"),
            ("3", "x", "法人", None, None, number, "丙"),
        ],
    )
    staged.night()
    found = dict(staged.rows("select register_no, anchor_id from vault.identity.person_mention"))
    assert found == {"1|x|subject_id_no": number, "2|x|subject_id_no": None}
    assert staged.rows("select register_no, uscc from vault.identity.entity_mention") == [("3|x|subject_uscc", number)]


def test_what_a_record_says_of_holding_changes_its_mention_and_its_day_alone_does_not(staged: Staged) -> None:
    # Sources are chosen anew where something changed: a register that strikes somebody off changes what it is worth.
    columns = f"{REGISTERED}, status_code"
    people = {"P1": ANNA, "P2": BO}
    for night, (day, status) in enumerate([("2026-10-30", "1"), ("2026-10-31", "3")]):
        rows = [
            (number, citizen_id, "王伟", None, None, None, status if number == "P1" else "1")
            for number, citizen_id in people.items()
        ]
        staged.stage(REGISTER, columns, rows, day)
        staged.night()
        if not night:
            with open_lakes(staged.settings, ("vault",)) as connection:
                connection.execute("delete from vault.identity.changed_key")
    keys = staged.keys()
    changed = dict(staged.rows("select key, is_moved from vault.identity.changed_key"))
    assert changed == {keys["P1"]: False, keys["P2"]: True}


def test_a_contract_that_tells_otherwise_what_holds_has_its_records_read_anew(
    staged: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Would catch values of another column taken for those of the one that counts now.
    staged.stage(REGISTER, f"{REGISTERED}, status_code", [("P1", ANNA, "王伟", None, None, None, "1")])
    staged.reflects(REGISTER, "2026-10-31")
    assert [staged.night()["person_touched"] for _ in range(2)] == [1, 0]

    def by_another_column(folder: Path) -> dict[str, Contract]:
        contracts = load_contracts(folder)
        register = contracts[REGISTER]
        assert register.holds is not None
        changed = replace(register, holds=replace(register.holds, column="register_no"))
        return contracts | {REGISTER: changed}

    monkeypatch.setattr("citylake.identity.resolve.load_contracts", by_another_column)
    assert staged.night()["person_touched"] == 1


def test_who_cannot_stand_alone_is_kept_and_names_nobody(staged: Staged) -> None:
    # A name alone founds nobody: every 王伟 of a million cases would be a person.
    columns = "case_no, applicant_type_code, applicant_name, applicant_phone"
    staged.stage(
        CASES,
        columns,
        [("a", "person", "王伟", None), ("b", "person", "王伟", "13912345678"), ("c", "entity", "某公司", None)],
    )
    facts = staged.night()
    assert facts["person_mentions"] == 2
    assert staged.keys().keys() == {"b|applicant_citizen_id"}
    assert staged.keys("entity") == {}


def test_another_name_and_birth_date_under_a_valid_id_is_set_apart(staged: Staged) -> None:
    # Would catch a mistyped id that happens to be another's: two people would be one for good.
    known = [("P1", ANNA, "王丽", "1990-01-01", "2", None), ("P2", ANNA, "王莉", "1990-01-01", "2", None)]
    staged.stage(
        REGISTER,
        REGISTERED,
        [
            *known,
            ("P3", ANNA, "赵建国", "1962-05-05", "1", None),
            ("P4", ANNA, "王丽", "1990-10-01", "2", None),
            ("P5", ANNA, "欧阳雪", "1990-01-01", "2", None),
        ],
    )
    staged.night()
    keys = staged.keys()
    assert keys["P1"] == keys["P2"] == keys["P4"] == keys["P5"] != keys["P3"]
    pairs = staged.rows("select kind, reason from vault.identity.review_pair")
    assert pairs == [("person", "contradicted_id")]
    # Once the others are gone there is nothing that it contradicts.
    staged.stage(REGISTER, REGISTERED, [("P3", ANNA, "赵建国", "1962-05-05", "1", None)])
    staged.night()
    assert mention(staged, "P3")["anchor_id"] == ANNA
    assert staged.rows("from vault.identity.review_pair") == []


def test_a_newer_delivery_of_the_same_content_moves_its_date_and_no_key(staged: Staged) -> None:
    staged.stage(REGISTER, REGISTERED, [("P1", ANNA, "王丽", None, None, None)], day="2026-10-30")
    staged.night()
    staged.stage(REGISTER, REGISTERED, [("P1", ANNA, "王丽", None, None, None)], day="2026-10-31")
    facts = staged.night()
    assert facts["person_touched"] == 0
    assert staged.rows("select extract_date from vault.identity.person_mention") == [(date(2026, 10, 31),)]


def test_a_record_that_is_gone_is_named_no_more(staged: Staged) -> None:
    staged.holds({"P1": ANNA, "P2": BO})
    staged.night()
    staged.holds({"P1": ANNA})
    facts = staged.night()
    assert (facts["person_mentions"], facts["person_records_retired"]) == (1, 1)
    assert staged.keys().keys() == {"P1"}


def test_of_a_dataset_that_deliveries_were_added_to_only_their_records_are_read(staged: Staged) -> None:
    def first_says(number: str, name: str) -> None:
        with open_lakes(staged.settings, ("vault",)) as connection:
            connection.execute(
                "update vault.staging.stg_public_security__person_register set person_name = ? where register_no = ?",
                [name, number],
            )

    columns = "register_no, person_name, birth_date"
    staged.stage(
        REGISTER, columns, [("P1", "王伟", "1990-01-01"), ("P2", "李娜", "1985-12-31"), ("P3", "赵强", "1970-05-06")]
    )
    staged.reflects(REGISTER, "2026-10-31")
    staged.night()
    # Nothing of this is in a new delivery but P2, P3 and P4: that P1 is another is not looked at.
    first_says("P1", "王维")
    with open_lakes(staged.settings, ("vault",)) as connection:
        connection.execute(
            "delete from vault.staging.stg_public_security__person_register where register_no in ('P2', 'P3')"
        )
    staged.add(REGISTER, columns, [("P2", "李丽", "1985-12-31"), ("P4", "孙敏", "1999-09-09")], "2026-11-01")
    staged.add(REGISTER, columns, [("P3", "赵强", "1970-05-06")], "2026-11-01", deleted=True)
    staged.reflects(REGISTER, "2026-10-31", "2026-11-01")
    staged.night()
    named = "select register_no, name from vault.identity.person_mention order by register_no"
    assert staged.rows(named) == [("P1", "王伟"), ("P2", "李丽"), ("P4", "孙敏")]
    # Once a delivery counts no more, everything is.
    staged.reflects(REGISTER, "2026-11-01")
    staged.night()
    assert staged.rows(named) == [("P1", "王维"), ("P2", "李丽"), ("P4", "孙敏")]


def test_a_mention_that_becomes_doubtful_names_nobody_any_more(staged: Staged) -> None:
    # A corrected case without an id: its applicant's key must not stay on it, for a rebuild would not have it.
    columns = "case_no, updated_at, applicant_type_code, applicant_citizen_id, applicant_name"
    staged.stage(CASES, columns, [("a", "1", "person", ANNA, "王丽")])
    staged.night()
    staged.stage(CASES, columns, [("a", "1", "person", None, "王丽")])
    staged.night()
    assert staged.keys() == {}


def subjects(staged: Staged, rows: list[tuple[str | None, ...]]) -> None:
    columns = "document_no, subject_uscc, subject_registration_no, subject_organisation_code, subject_tax_no"
    staged.stage(LICENCES, f"{columns}, authority_uscc, subject_class_code", [(*row, "x", "法人") for row in rows])


def entities(staged: Staged) -> dict[str, str]:
    return {number.split("|")[0]: key for number, key in staged.keys("entity").items()}


def test_an_entity_is_known_by_any_of_its_numbers(staged: Staged) -> None:
    wrong, code = "710000200000015", ONE[8:17]
    subjects(
        staged,
        [
            ("1", ONE, None, None, None),
            ("2", None, None, f"{code[:8]}-{code[8]}", None),
            ("3", None, None, None, f"320200{code}"),
            ("4", ONE, OLD, None, None),
            ("5", None, OLD, None, None),
            ("6", OTHER, None, None, None),
            ("7", None, wrong, None, None),
        ],
    )
    staged.night()
    keys = entities(staged)
    assert len({keys[number] for number in "12345"}) == 1
    assert len({keys[number] for number in "167"}) == 3


def test_a_number_beside_two_unified_codes_joins_nobody(staged: Staged) -> None:
    subjects(
        staged,
        [("1", ONE, OLD, None, None), ("2", OTHER, OLD, None, None), ("3", None, OLD, None, None)],
    )
    staged.night()
    keys = entities(staged)
    assert len({keys[number] for number in "123"}) == 3
    assert staged.rows("select kind, reason from vault.identity.review_pair") == [("entity", "number_of_two_codes")]


@pytest.mark.parametrize("nothing", ["0" * 18, "0" * 15, "000000000"])
def test_a_column_of_zeros_joins_nobody(staged: Staged, nothing: str) -> None:
    subjects(staged, [(str(number), None, nothing, nothing, nothing) for number in range(5)])
    staged.night()
    assert len(set(entities(staged).values())) == 5


def test_an_entity_keeps_its_key_when_its_code_is_renewed(staged: Staged) -> None:
    # A record that carries the old number and the new code tells that they are one: the key stays with both.
    staged.stage(ENTITIES, "registration_code, entity_name", [(OLD, "某公司")])
    staged.night()
    (key,) = staged.keys("entity").values()
    staged.stage(ENTITIES, "registration_code, entity_name", [(ONE, "某公司")])
    subjects(staged, [("1", ONE, OLD, None, None), ("2", None, OLD, None, None)])
    staged.night()
    assert len(set(staged.keys("entity").values())) == 1
    staged.stage(ENTITIES, "registration_code, entity_name", [(ONE, "某公司"), (OLD, "某公司")])
    staged.night()
    assert len(set(staged.keys("entity").values())) == 1
    assert key in {*staged.keys("entity").values(), *(old for _, old, _, _ in staged.events())}


def test_persons_and_entities_of_one_record_do_not_share_a_key(staged: Staged) -> None:
    staged.stage(INSURANCE, "insurance_no, citizen_id, employer_code", [("7", with_check_digit(ANNA[:17]), "7")])
    staged.night()
    assert set(staged.keys().values()).isdisjoint(staged.keys("entity").values())
