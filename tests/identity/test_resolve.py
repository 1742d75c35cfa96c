"""Which records are one person, and that this person's key stays."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citylake.identity.resolve import resolve_persons
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
        with open_lakes(self.settings, ("vault",)) as connection:
            connection.execute("create schema if not exists vault.staging")
            connection.execute(
                "create or replace table vault.staging.stg_public_security__person_register "
                "(register_no varchar, citizen_id varchar, is_deleted boolean)"
            )
            if records:
                connection.executemany(
                    "insert into vault.staging.stg_public_security__person_register values (?, ?, false)",
                    [list(record) for record in records.items()],
                )

    def night(self) -> dict[str, int]:
        self.nights += 1
        return resolve_persons(self.settings, f"run-{self.nights}", DAY)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with open_lakes(self.settings, ("vault",), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def keys(self) -> dict[str, str]:
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
