"""Which records are one person, and that this person's key stays."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citylake.contracts.model import load_contracts
from citylake.identity.resolve import person_columns, resolve_persons
from citylake.lake.attach import open_lakes
from citylake.lake.errors import SecretMismatch
from citylake.lake.settings import Settings
from citylake.lake.zones import Zones, prepare

DAY = date(2026, 10, 31)
# Valid check digits over the division that no real person has (710000).
ANNA, BO = "710000199001010018", "710000198512310029"


def with_check_digit(body: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


ANNA, BO = with_check_digit(ANNA[:17]), with_check_digit(BO[:17])


class Register:
    """The staging table of the person register, by hand."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        prepare(self.settings)
        self.nights = 0

    def holds(self, records: dict[str, str | None]) -> None:
        self.stage("public_security__person_register", "register_no, citizen_id", list(records.items()))

    def stage(self, table: str, columns: str, rows: Sequence[Sequence[str | None]]) -> None:
        """A staging table with these text columns, and the rows of its first delivery."""
        typed = ", ".join(f"{column} varchar" for column in columns.split(", "))
        with open_lakes(self.settings, ("vault",)) as connection:
            connection.execute("create schema if not exists vault.staging")
            connection.execute(
                f"create or replace table vault.staging.stg_{table} "
                f"({typed}, is_deleted boolean, _extract_date date, _delivery_id varchar, _line bigint)"
            )
        if rows:
            self.add(table, rows, "2026-10-31")

    def add(self, table: str, rows: Sequence[Sequence[str | None]], day: str) -> None:
        """One more delivery of a staging table."""
        values = ", ".join("?" for _ in rows[0])
        with open_lakes(self.settings, ("vault",)) as connection:
            connection.executemany(
                f"insert into vault.staging.stg_{table} values ({values}, false, '{day}', '{day}', ?)",
                [[*row, line] for line, row in enumerate(rows)],
            )

    def night(self) -> dict[str, int]:
        self.nights += 1
        return resolve_persons(self.settings, f"run-{self.nights}", DAY)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with open_lakes(self.settings, ("vault",), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def keys(self) -> dict[str, str]:
        """The keys by record number; numbers of different datasets differ in these tests."""
        return dict(self.rows("select register_no, person_key from vault.identity.person_record"))  # type: ignore[arg-type]

    def events(self) -> list[tuple[object, ...]]:
        return self.rows("select event_type, old_key, new_key, changed_date from vault.identity.key_event order by all")


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path)


def test_records_with_one_valid_id_are_one_person(register: Register) -> None:
    register.holds({"P1": ANNA, "P2": ANNA, "P3": BO})
    register.night()
    keys = register.keys()
    assert keys["P1"] == keys["P2"] != keys["P3"]


def test_a_lower_case_check_letter_is_the_same_id(register: Register) -> None:
    with_x = next(
        with_check_digit(f"7100001990010100{n}"[:17])
        for n in range(10, 99)
        if with_check_digit(f"7100001990010100{n}"[:17]).endswith("X")
    )
    register.holds({"P1": with_x, "P2": with_x.lower()})
    register.night()
    assert len(set(register.keys().values())) == 1


def test_an_id_with_a_wrong_check_digit_links_nobody(register: Register) -> None:
    # Would catch linking on the raw text: two people whose ids are mistyped alike are not one person.
    wrong = ANNA[:17] + ("0" if ANNA[17] != "0" else "1")
    register.holds({"P1": wrong, "P2": wrong})
    register.night()
    assert len(set(register.keys().values())) == 2


def test_records_without_an_id_are_persons_of_their_own(register: Register) -> None:
    register.holds({"P1": None, "P2": None})
    register.night()
    assert len(set(register.keys().values())) == 2


def test_a_night_without_changes_writes_nothing(register: Register) -> None:
    register.holds({"P1": ANNA, "P2": None})
    register.night()
    before = register.keys()
    facts = register.night()
    assert (facts["records_written"], facts["keys_minted"], facts["key_events"]) == (0, 0, 0)
    assert register.keys() == before


def test_no_key_shows_the_id_or_the_register_number(register: Register) -> None:
    register.holds({"P1": ANNA})
    register.night()
    key = register.keys()["P1"]
    assert len(key) == 32
    assert ANNA not in key


def test_a_corrected_id_merges_the_record_and_leaves_an_event(register: Register) -> None:
    register.holds({"P1": ANNA, "P2": ANNA, "P3": None})
    register.night()
    before = register.keys()
    register.holds({"P1": ANNA, "P2": ANNA, "P3": ANNA})
    register.night()
    assert set(register.keys().values()) == {before["P1"]}
    assert register.events() == [("merge", before["P3"], before["P1"], DAY)]


def test_a_split_leaves_the_key_with_the_larger_part(register: Register) -> None:
    register.holds({"P1": ANNA, "P2": ANNA, "P3": ANNA})
    register.night()
    key = register.keys()["P1"]
    register.holds({"P1": BO, "P2": ANNA, "P3": ANNA})
    register.night()
    after = register.keys()
    assert after["P2"] == after["P3"] == key != after["P1"]
    assert register.events() == [("split", key, after["P1"], DAY)]


def test_a_record_that_comes_back_finds_its_key(register: Register) -> None:
    # A withdrawn delivery that is delivered again must not change anybody's key.
    register.holds({"P1": ANNA, "P2": None})
    register.night()
    before = register.keys()
    register.holds({"P1": ANNA})
    register.night()
    register.holds({"P1": ANNA, "P2": None})
    register.night()
    assert register.keys() == before


def test_a_key_is_never_used_for_somebody_else(register: Register) -> None:
    # P1 founds a key, leaves it behind with P2, and needs a second one: the first must not be made again.
    register.holds({"P1": ANNA, "P2": ANNA, "P3": ANNA})
    register.night()
    for ids in (
        {"P1": BO, "P2": ANNA, "P3": ANNA},
        {"P1": None, "P2": BO, "P3": ANNA},
        {"P1": ANNA, "P2": None, "P3": BO},
    ):
        register.holds(ids)
        register.night()
        assert len(set(register.keys().values())) == len(set(ids.values()))
    minted = register.rows("select count(*), count(distinct person_key) from vault.identity.person_key")
    assert minted[0][0] == minted[0][1]


def test_a_lost_secret_stops_the_night_before_anything_is_written(register: Register) -> None:
    register.holds({"P1": ANNA})
    register.night()
    before = register.keys()
    Zones.of(register.settings).secret.unlink()
    register.holds({"P1": ANNA, "P2": BO})
    with pytest.raises(SecretMismatch):
        register.night()
    assert register.keys() == before


def test_every_dataset_whose_contract_has_a_citizen_id_names_persons() -> None:
    # Would catch a list of datasets kept by hand: a new department's persons would never get a key.
    named = {
        (person.dataset, person.column): (person.record_id, person.is_numbered)
        for contract in load_contracts(Settings().contracts).values()
        for person in person_columns(contract)
    }
    decision = ("document_no", "authority_uscc")
    assert named == {
        ("public_security.person_register", "citizen_id"): (("register_no",), True),
        ("public_security.residence_permit", "citizen_id"): (("permit_no",), True),
        ("human_resources.social_insurance", "citizen_id"): (("insurance_no",), True),
        ("government_service.service_case", "applicant_citizen_id"): (("case_no", "'applicant_citizen_id'"), False),
    } | {
        (f"credit_office.administrative_{event}", column): ((*decision, f"'{column}'"), False)
        for event in ("licence", "penalty")
        for column in ("legal_representative_id_no", "subject_id_no")
    }


def test_a_person_has_one_key_in_every_dataset_and_the_register_keeps_its_own(register: Register) -> None:
    # Would catch keys of existing persons that change when more datasets come to name them.
    register.holds({"P1": ANNA, "P2": None})
    register.night()
    before = register.keys()
    register.stage(
        "public_security__residence_permit", "permit_no, citizen_id", [("J1", ANNA), ("J2", BO), ("J3", None)]
    )
    register.stage(
        "human_resources__social_insurance",
        "insurance_no, employer_code, citizen_id",
        [("I1", "a", ANNA), ("I1", "b", None), ("I2", "a", BO), ("I3", "a", None), ("I3", "b", None)],
    )
    register.night()
    keys = register.keys()
    assert {record: keys[record] for record in before} == before
    assert keys["P1"] == keys["J1"] == keys["I1"]
    assert keys["J2"] == keys["I2"]
    assert len({keys[record] for record in ("P1", "P2", "J2", "J3", "I3")}) == 5


def test_a_decision_names_nobody_but_by_a_valid_citizen_id(register: Register) -> None:
    # Would catch a person of their own for every passport, and for every organisation, which has no citizen id at all.
    register.stage(
        "credit_office__administrative_licence",
        "document_no, authority_uscc, legal_representative_id_no, subject_id_no",
        [("1", "x", ANNA, None), ("2", "x", None, ANNA), ("3", "x", "E12345678", None), ("4", "x", BO, ANNA)],
    )
    register.night()
    assert register.keys().keys() == {
        *("1|x|legal_representative_id_no", "2|x|subject_id_no", "4|x|legal_representative_id_no", "4|x|subject_id_no")
    }
    assert len(set(register.keys().values())) == 2


def test_of_several_versions_the_newest_with_a_valid_id_says_who_it_is(register: Register) -> None:
    # Would catch an applicant whose mistyped id was corrected and who stays two persons, or nobody.
    register.holds({"P1": ANNA, "P2": BO})
    columns = "case_no, updated_at, applicant_citizen_id"
    register.stage("government_service__service_case", columns, [("c", "1", ANNA)])
    register.add("government_service__service_case", [("c", "2", BO), ("d", "2", "typing error")], "2026-11-01")
    register.add("government_service__service_case", [("c", "3", None)], "2026-11-02")
    register.night()
    keys = register.keys()
    assert keys["c|applicant_citizen_id"] == keys["P2"]
    assert "d|applicant_citizen_id" not in keys


@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_order_of_records_within_a_night_changes_no_key(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    register = Register(tmp_path_factory.mktemp("home"))
    other = Register(tmp_path_factory.mktemp("home"))
    secret = "a" * 64
    register.settings = register.settings.model_copy(update={"identity_secret": _secret(secret)})
    other.settings = other.settings.model_copy(update={"identity_secret": _secret(secret)})
    ids = st.sampled_from([ANNA, BO, None])
    for _ in range(2):
        records = data.draw(st.dictionaries(st.sampled_from(["P1", "P2", "P3", "P4", "P5"]), ids, min_size=1))
        shuffled = dict(data.draw(st.permutations(list(records.items()))))
        register.holds(records)
        other.holds(shuffled)
        register.night()
        other.night()
        assert register.keys() == other.keys()


def _secret(text: str) -> object:
    from pydantic import SecretStr

    return SecretStr(text)
