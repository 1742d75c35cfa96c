"""Which records are one person, and that this person's key stays."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from citylake.contracts.model import load_contracts
from citylake.identity.mentions import named_records
from citylake.lake.attach import open_lakes
from citylake.lake.errors import SecretMismatch
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones
from tests.identity.staged import ANNA, BO, DAY, ENTITIES, REGISTER, Staged, with_check_digit


def test_records_with_one_valid_id_are_one_person(staged: Staged) -> None:
    staged.holds({"P1": ANNA, "P2": ANNA, "P3": BO})
    staged.night()
    keys = staged.keys()
    assert keys["P1"] == keys["P2"] != keys["P3"]


def test_a_lower_case_check_letter_is_the_same_id(staged: Staged) -> None:
    with_x = next(
        with_check_digit(f"7100001990010100{n}"[:17])
        for n in range(10, 99)
        if with_check_digit(f"7100001990010100{n}"[:17]).endswith("X")
    )
    staged.holds({"P1": with_x, "P2": with_x.lower()})
    staged.night()
    assert len(set(staged.keys().values())) == 1


def test_an_id_with_a_wrong_check_digit_links_nobody(staged: Staged) -> None:
    # Would catch linking on the raw text: two people whose ids are mistyped alike are not one person.
    wrong = ANNA[:17] + ("0" if ANNA[17] != "0" else "1")
    staged.holds({"P1": wrong, "P2": wrong})
    staged.night()
    assert len(set(staged.keys().values())) == 2


def test_records_without_an_id_are_persons_of_their_own(staged: Staged) -> None:
    staged.holds({"P1": None, "P2": None})
    staged.night()
    assert len(set(staged.keys().values())) == 2


def test_a_night_without_changes_writes_nothing(staged: Staged) -> None:
    staged.holds({"P1": ANNA, "P2": None})
    staged.night()
    before = staged.keys()
    facts = staged.night()
    assert (facts["person_touched"], facts["entity_touched"]) == (0, 0)
    assert staged.keys() == before


def test_records_that_only_moved_to_another_delivery_leave_no_run_unfinished(staged: Staged) -> None:
    # Would catch every such night making the next one look at everybody.
    rows = [("P1", ANNA), ("P2", None)]
    staged.stage(REGISTER, "register_no, citizen_id", rows, "2026-10-30")
    staged.night()
    staged.stage(REGISTER, "register_no, citizen_id", rows, "2026-10-31")
    assert staged.night()["person_touched"] == 0
    assert staged.rows("from vault.identity.unfinished_run") == []


def test_no_key_shows_the_id_or_the_register_number(staged: Staged) -> None:
    staged.holds({"P1": ANNA})
    staged.night()
    key = staged.keys()["P1"]
    assert len(key) == 32
    assert ANNA not in key


def test_a_corrected_id_merges_the_record_and_leaves_an_event(staged: Staged) -> None:
    staged.holds({"P1": ANNA, "P2": ANNA, "P3": None})
    staged.night()
    before = staged.keys()
    staged.holds({"P1": ANNA, "P2": ANNA, "P3": ANNA})
    staged.night()
    assert set(staged.keys().values()) == {before["P1"]}
    assert staged.events() == [("merge", before["P3"], before["P1"], DAY)]


def test_a_split_leaves_the_key_with_the_larger_part(staged: Staged) -> None:
    staged.holds({"P1": ANNA, "P2": ANNA, "P3": ANNA})
    staged.night()
    key = staged.keys()["P1"]
    staged.holds({"P1": BO, "P2": ANNA, "P3": ANNA})
    staged.night()
    after = staged.keys()
    assert after["P2"] == after["P3"] == key != after["P1"]
    assert staged.events() == [("split", key, after["P1"], DAY)]


def test_a_record_that_comes_back_finds_its_key(staged: Staged) -> None:
    # A withdrawn delivery that is delivered again must not change anybody's key.
    staged.holds({"P1": ANNA, "P2": None})
    staged.night()
    before = staged.keys()
    staged.holds({"P1": ANNA})
    staged.night()
    staged.holds({"P1": ANNA, "P2": None})
    staged.night()
    assert staged.keys() == before


def test_a_key_is_never_used_for_somebody_else(staged: Staged) -> None:
    # P1 founds a key, leaves it behind with P2, and needs a second one: the first must not be made again.
    staged.holds({"P1": ANNA, "P2": ANNA, "P3": ANNA})
    staged.night()
    for ids in (
        {"P1": BO, "P2": ANNA, "P3": ANNA},
        {"P1": None, "P2": BO, "P3": ANNA},
        {"P1": ANNA, "P2": None, "P3": BO},
    ):
        staged.holds(ids)
        staged.night()
        assert len(set(staged.keys().values())) == len(set(ids.values()))
    minted = staged.rows("select count(*), count(distinct person_key) from vault.identity.person_key")
    assert minted[0][0] == minted[0][1]


def test_a_lost_secret_stops_the_night_before_anything_is_written(staged: Staged) -> None:
    staged.holds({"P1": ANNA})
    staged.night()
    before = staged.keys()
    Zones.of(staged.settings).secret.unlink()
    staged.holds({"P1": ANNA, "P2": BO})
    with pytest.raises(SecretMismatch):
        staged.night()
    assert staged.keys() == before


def test_records_are_called_as_they_always_were() -> None:
    # Would catch a contract that is told otherwise from one day to the next: every record of it would be a new one, and
    # the keys of all whom it names would change.
    named = {
        (one.dataset, one.mention.role): (one.record_id, one.is_numbered)
        for contract in load_contracts(Settings().contracts).values()
        for one in named_records(contract)
    }
    decision = ("document_no", "authority_uscc")
    assert named == {
        (REGISTER, "registered"): (("register_no",), True),
        ("public_security.residence_permit", "holder"): (("permit_no",), True),
        ("human_resources.social_insurance", "insured"): (("insurance_no",), True),
        ("human_resources.social_insurance", "employer"): (("employer_code",), True),
        (ENTITIES, "registered"): (("registration_code",), True),
        (ENTITIES, "legal_representative"): (("registration_code", "'legal_representative'"), False),
        ("government_service.service_case", "applicant"): (("case_no", "'applicant_citizen_id'"), False),
        ("government_service.service_case", "applying_entity"): (("case_no", "'applicant_entity_code'"), False),
    } | {
        (f"credit_office.administrative_{event}", role): ((*decision, f"'{column}'"), False)
        for event in ("licence", "penalty")
        for role, column in (
            ("legal_representative", "legal_representative_id_no"),
            ("subject", "subject_id_no"),
            ("trader", "subject_id_no"),
            ("subject_entity", "subject_uscc"),
        )
    }


def test_a_person_has_one_key_in_every_dataset_and_the_register_keeps_its_own(staged: Staged) -> None:
    # Would catch keys of existing persons that change when more datasets come to name them.
    staged.holds({"P1": ANNA, "P2": None})
    staged.night()
    before = staged.keys()
    staged.stage("public_security.residence_permit", "permit_no, citizen_id", [("J1", ANNA), ("J2", BO), ("J3", None)])
    staged.stage(
        "human_resources.social_insurance",
        "insurance_no, employer_code, citizen_id",
        [("I1", "a", ANNA), ("I1", "b", None), ("I2", "a", BO), ("I3", "a", None), ("I3", "b", None)],
    )
    staged.night()
    keys = staged.keys()
    assert {record: keys[record] for record in before} == before
    assert keys["P1"] == keys["J1"] == keys["I1"]
    assert keys["J2"] == keys["I2"]
    assert len({keys[record] for record in ("P1", "P2", "J2", "J3", "I3")}) == 5


def test_a_decision_names_nobody_but_by_a_valid_citizen_id(staged: Staged) -> None:
    # Would catch a person of their own for every passport, and for every organisation, which has no citizen id at all.
    staged.stage(
        "credit_office.administrative_licence",
        "document_no, authority_uscc, subject_class_code, legal_representative_id_no, subject_id_no",
        [
            ("1", "x", "法人", ANNA, None),
            ("2", "x", "自然人", None, ANNA),
            ("3", "x", "法人", "E12345678", None),
            ("4", "x", "个体工商户", BO, ANNA),
            # What a form of an organisation holds under a person's document names nobody.
            ("5", "x", "法人", None, ANNA),
        ],
    )
    staged.night()
    assert staged.keys().keys() == {
        *("1|x|legal_representative_id_no", "2|x|subject_id_no", "4|x|legal_representative_id_no", "4|x|subject_id_no")
    }
    assert len(set(staged.keys().values())) == 2


def test_of_several_versions_the_newest_with_a_valid_id_says_who_it_is(staged: Staged) -> None:
    # Would catch an applicant whose mistyped id was corrected and who stays two persons, or nobody.
    staged.holds({"P1": ANNA, "P2": BO})
    cases, columns = "government_service.service_case", "case_no, updated_at, applicant_citizen_id"
    staged.stage(cases, columns, [("c", "1", ANNA)])
    staged.add(cases, columns, [("c", "2", BO), ("d", "2", "typing error")], "2026-11-01")
    staged.add(cases, columns, [("c", "3", None)], "2026-11-02")
    staged.night()
    keys = staged.keys()
    assert keys["c|applicant_citizen_id"] == keys["P2"]
    assert "d|applicant_citizen_id" not in keys


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_order_of_records_within_a_night_changes_no_key(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    one, other = (Staged(tmp_path_factory.mktemp("home")) for _ in range(2))
    for home in (one, other):
        home.settings = home.settings.model_copy(update={"identity_secret": SecretStr("a" * 64)})
    ids = st.sampled_from([ANNA, BO, None])
    for _ in range(2):
        records = data.draw(st.dictionaries(st.sampled_from(["P1", "P2", "P3", "P4", "P5"]), ids, min_size=1))
        shuffled = dict(data.draw(st.permutations(list(records.items()))))
        for home, held in ((one, records), (other, shuffled)):
            home.holds(held)
            home.night()
        assert one.keys() == other.keys()


def test_what_a_night_does_not_touch_a_full_one_would_not_change(staged: Staged) -> None:
    # Would catch a night that looks at too few clusters: a key that two claim, or nobody, shows in a full one.
    chance = random.Random(4)
    numbers = [f"P{number}" for number in range(12)]
    ids = [with_check_digit(f"7100001990010100{digit}") for digit in range(3)]
    records: dict[str, str | None] = dict.fromkeys(numbers)
    for _ in range(4):
        for number in chance.sample(numbers, 4):
            records[number] = chance.choice([*ids, None])
        staged.holds({number: held for number, held in records.items() if chance.random() < 0.8})
        staged.night()
        facts = staged.night(full=True)
        written = ("keys_minted", "records_written", "records_retired", "key_events")
        assert [facts[f"person_{name}"] for name in written] == [0, 0, 0, 0]
    assert staged.events()


def test_a_home_of_before_keeps_every_key(staged: Staged) -> None:
    # As it was left by a version that knew persons only: fewer columns, and rows of records that had gone.
    staged.holds({"P1": ANNA, "P2": None, "P3": BO})
    staged.night()
    before = staged.keys()
    with open_lakes(staged.settings, ("vault",)) as connection:
        kept = "source_dataset, register_no, source_record_key, person_key, match_rule"
        connection.execute(f"create table vault.identity.old_record as select {kept} from vault.identity.person_record")
        for table in ("person_record", "person_mention", "entity_mention", "entity_record", "entity_key", "key_event"):
            connection.execute(f"drop table vault.identity.{table}")
        for table in ("retired_record", "review_pair", "extracted_dataset"):
            connection.execute(f"drop table vault.identity.{table}")
        connection.execute("alter table vault.identity.old_record rename to person_record")
        connection.execute(
            "create table vault.identity.key_event as select 'a' as old_key, 'b' as new_key, "
            "date '2026-10-01' as changed_date, 'merge' as event_type, 'reason' as reason, 'run' as run_id"
        )
    staged.holds({"P1": ANNA, "P2": None})
    staged.night()
    assert staged.keys() == {number: before[number] for number in ("P1", "P2")}
    assert staged.rows("select kind, old_key from vault.identity.key_event") == [("person", "a")]
    staged.holds({"P1": ANNA, "P2": None, "P3": BO})
    staged.night()
    assert staged.keys() == before
