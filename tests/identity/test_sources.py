"""Which source wins an attribute, who disagrees, and that a night looks only at what changed."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citylake.contracts.model import load_contracts
from citylake.identity.names import person_name
from citylake.identity.source_priority import PRIORITY_FILE, InvalidPriority, read_priorities
from citylake.identity.sources import keep_sources
from citylake.lake.attach import open_lakes
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare

DAY = date(2026, 11, 20)
REGISTER, PERMIT = "public_security.person_register", "public_security.residence_permit"
INSURANCE, SERVICES = "human_resources.social_insurance", "government_service.service_case"
ENTITIES, LICENCES = "market_supervision.entity_register", "credit_office.administrative_licence"

_TABLES = """
create schema vault.staging;
create table vault.identity.person_mention (
    mention_key varchar, source_dataset varchar, register_no varchar, role varchar, anchor_id varchar,
    written_id varchar, name varchar, name_sound varchar, birth_date date, sex_code varchar, region_code varchar,
    address varchar, phone varchar, organisation_code varchar, extract_date date, delivery_id varchar,
    is_standing boolean, content_hash varchar
);
create table vault.identity.entity_mention (
    mention_key varchar, source_dataset varchar, register_no varchar, role varchar, anchor_id varchar,
    written_code varchar, uscc varchar, registration_no varchar, organisation_code varchar, tax_no varchar,
    institution_no varchar, association_no varchar, name varchar, name_core varchar, name_sound varchar,
    region_code varchar, address varchar, representative varchar, extract_date date, delivery_id varchar,
    is_standing boolean, content_hash varchar
);
create table vault.identity.person_record (
    source_dataset varchar, register_no varchar, source_record_key varchar, person_key varchar, match_rule varchar,
    match_weight double, matched_record_key varchar
);
create table vault.identity.entity_record (
    source_dataset varchar, register_no varchar, source_record_key varchar, entity_key varchar, match_rule varchar,
    match_weight double, matched_record_key varchar
);
create table vault.identity.changed_key (kind varchar, key varchar, is_moved boolean);
create table vault.staging.stg_public_security__person_register (
    register_no varchar, status_code varchar, updated_at timestamptz, is_deleted boolean
);
create table vault.staging.stg_public_security__residence_permit (
    permit_no varchar, status_code varchar, valid_to_date date, updated_at timestamptz, is_deleted boolean
);
"""


class Vault:
    """Mentions and records by hand, with the columns that identity gives them."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, threads=1)
        prepare(self.settings)
        with open_lakes(self.settings, ("vault",)) as connection:
            connection.execute("create schema vault.identity")
            connection.execute(_TABLES)

    def mention(self, dataset: str, number: str, key: str, *, kind: str = "person", **said: Any) -> None:
        """One mention under a key; said again, it replaces what was said, and identity notes whose keys change."""
        content = {name: value for name, value in said.items() if name != "extract_date"}
        values = {"extract_date": DAY, "content_hash": repr(content)} | said
        row = {"mention_key": number, "source_dataset": dataset, "register_no": number} | values
        with open_lakes(self.settings, ("vault",)) as connection:
            before = connection.execute(
                f"select {kind}_key, content_hash from vault.identity.{kind}_record inner join "
                f"vault.identity.{kind}_mention on mention_key = source_record_key where mention_key = ?",
                [number],
            ).fetchone()
            is_moved = before == (key, row["content_hash"])
            for changed in {key, before[0] if before else key}:
                connection.execute("insert into vault.identity.changed_key values (?, ?, ?)", [kind, changed, is_moved])
            for table, column in ((f"{kind}_mention", "mention_key"), (f"{kind}_record", "source_record_key")):
                connection.execute(f"delete from vault.identity.{table} where {column} = ?", [number])
            marks = ", ".join("?" for _ in row)
            connection.execute(
                f"insert into vault.identity.{kind}_mention ({', '.join(row)}) values ({marks})", list(row.values())
            )
            connection.execute(
                f"insert into vault.identity.{kind}_record (source_dataset, register_no, source_record_key, {kind}_key)"
                " values (?, ?, ?, ?)",
                [dataset, number, number, key],
            )

    def register(self, number: str, status: str, updated: str) -> None:
        self.write(
            "insert into vault.staging.stg_public_security__person_register "
            f"values ('{number}', '{status}', '{updated}', false)"
        )

    def permit(self, number: str, valid_to: str) -> None:
        self.write(
            "insert into vault.staging.stg_public_security__residence_permit "
            f"values ('{number}', '1', '{valid_to}', '2026-01-01', false)"
        )

    def write(self, statement: str) -> None:
        with open_lakes(self.settings, ("vault",)) as connection:
            connection.execute(statement)

    def night(self, day: date = DAY) -> dict[str, int]:
        return keep_sources(self.settings, day)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with open_lakes(self.settings, ("vault",), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def won(self, attribute: str, kind: str = "person") -> dict[str, tuple[Any, ...]]:
        """Key → value, record and rule of the winner."""
        rows = self.rows(
            f"select {kind}_key, value, source_record_key, rule from vault.identity.{kind}_attribute "
            f"where attribute = '{attribute}'"
        )
        return {key: tuple(rest) for key, *rest in rows}

    def disagreements(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "select key, attribute, winner_dataset, other_dataset, winner_value, other_value "
            "from vault.identity.attribute_disagreement order by all"
        )


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path)


def test_each_attribute_has_the_value_of_the_source_that_is_believed_first(vault: Vault) -> None:
    # Choosing a record for all attributes would take the register's missing phone, or the insurance's name.
    vault.mention(REGISTER, "r", "p", name="张三", sex_code="1", birth_date=date(1990, 1, 1))
    vault.mention(INSURANCE, "i", "p", name="张三", sex_code="2", phone="13900000000")
    vault.night()
    assert vault.won("name") == {"p": ("张三", "r", "all_agree")}
    assert vault.won("sex_code") == {"p": ("1", "r", "rank")}
    assert vault.won("phone") == {"p": ("13900000000", "i", "only_source")}
    assert vault.disagreements() == [("p", "sex_code", REGISTER, INSURANCE, "1", "2")]


def test_of_one_source_a_record_that_holds_then_the_newest_update_then_the_smaller_key_counts(vault: Vault) -> None:
    # This is the order in which dim_person and its history choose; another would make them contradict each other.
    for number, status, updated, region in [
        ("r1", "3", "2026-09-01", "320205"),
        ("r2", "1", "2026-01-01", "320206"),
        ("r3", "1", "2026-02-01", "320211"),
    ]:
        vault.mention(REGISTER, number, "p", region_code=region)
        vault.register(number, status, updated)
    vault.mention(REGISTER, "r5", "q", region_code="320205")
    vault.mention(REGISTER, "r4", "q", region_code="320206")
    vault.night()
    assert vault.won("region_code") == {"p": ("320211", "r3", "recency"), "q": ("320206", "r4", "record_key")}
    # What does not hold any more disagrees with nobody.
    assert [row[-1] for row in vault.disagreements() if row[0] == "p"] == ["320206"]


def test_a_permit_holds_until_its_last_day_though_nothing_is_delivered(vault: Vault) -> None:
    vault.mention(PERMIT, "new", "p", region_code="320205")
    vault.mention(PERMIT, "old", "p", region_code="320206")
    vault.permit("new", "2026-11-20")
    vault.permit("old", "2027-11-20")
    vault.night()
    assert vault.won("region_code") == {"p": ("320205", "new", "record_key")}
    assert vault.night(date(2026, 11, 21))["sources_chosen_anew"] == 1
    assert vault.won("region_code") == {"p": ("320206", "old", "holding")}


def test_a_value_that_is_too_old_yields_to_any_that_is_not(vault: Vault) -> None:
    # A phone given two years ago is worth less than a register's; where nobody knows another it is still the best.
    vault.mention(SERVICES, "s1", "p", phone="13900000001", extract_date=date(2024, 11, 20))
    vault.mention(REGISTER, "r1", "p", phone="13900000002", extract_date=date(2020, 1, 1))
    vault.mention(SERVICES, "s2", "q", phone="13900000003", extract_date=date(2020, 11, 20))
    vault.night()
    assert vault.won("phone") == {"p": ("13900000001", "s1", "rank"), "q": ("13900000003", "s2", "only_source")}
    vault.night(date(2026, 11, 21))
    assert vault.won("phone")["p"] == ("13900000002", "r1", "age")
    assert vault.disagreements() == []


def normalised(name: str) -> str:
    """A name as mentions have it."""
    return pl.select(person_name(pl.lit(name))).item()


def test_another_way_of_writing_is_no_disagreement(vault: Vault) -> None:
    vault.mention(REGISTER, "r", "p", name="张国华", region_code="320205001002")
    vault.mention(PERMIT, "w", "p", name=normalised("張國華"), region_code="320205")
    vault.mention(ENTITIES, "e", "k", kind="entity", name="无锡中天机械有限公司")
    vault.mention(LICENCES, "l", "k", kind="entity", name=normalised("無錫中天機械有限公司"))
    vault.night()
    assert vault.disagreements() == []
    assert vault.won("name", "entity") == {"k": ("无锡中天机械有限公司", "e", "all_agree")}


def test_a_value_said_by_many_records_is_one_disagreement_from_the_first_to_the_last(vault: Vault) -> None:
    vault.mention(ENTITIES, "e", "k", kind="entity", representative="张三")
    for day in (3, 9, 6):
        said_on = date(2026, 11, day)
        vault.mention(LICENCES, f"l{day}", "k", kind="entity", representative="李四", extract_date=said_on)
    vault.night()
    rows = vault.rows(
        "select kind, other_record_key, other_value, first_extract_date, last_extract_date "
        "from vault.identity.attribute_disagreement"
    )
    assert rows == [("entity", "l9", "李四", date(2026, 11, 3), date(2026, 11, 9))]


def test_a_night_chooses_anew_only_for_keys_of_which_something_changed(vault: Vault) -> None:
    # The cost of a night must follow what changed; and a key that lost its records must lose its attributes.
    for number in "abcd":
        vault.mention(REGISTER, number, f"key_{number}", name=f"张{number}")
    assert vault.night() == {"sources_chosen_anew": 4, "disagreements": 0}
    assert vault.night()["sources_chosen_anew"] == 0
    vault.mention(REGISTER, "a", "key_a", name="李")
    vault.mention(REGISTER, "b", "key_c", name="张b")
    assert vault.night()["sources_chosen_anew"] == 3
    assert {key: value[0] for key, value in vault.won("name").items()} == {
        "key_a": "李",
        "key_c": "张b",
        "key_d": "张d",
    }


def test_a_record_that_came_again_as_it_was_is_looked_at_only_where_its_day_counts(vault: Vault) -> None:
    # Would catch a whole register looked at every night that it is delivered, and a day that is forgotten.
    days = date(2026, 11, 1), date(2026, 11, 9)
    said = {
        "alone": [(REGISTER, "张三")],
        "agreed": [(REGISTER, "张三"), (PERMIT, "张三")],
        "twice": [(INSURANCE, "张三"), (INSURANCE, "李四")],
        "disputed": [(REGISTER, "张三"), (PERMIT, "李四")],
        "aging": [(SERVICES, "张三")],
    }
    looked_at: list[int] = []
    for day in days:
        for key, records in said.items():
            for number, (dataset, name) in enumerate(records):
                vault.mention(dataset, f"{key}{number}", key, name=name, phone="13900000000", extract_date=day)
        looked_at.append(vault.night()["sources_chosen_anew"])
    assert looked_at == [5, 3]
    # A night that has nobody to look at forgets all the same whose days moved: the notes of many nights would add up.
    vault.mention(REGISTER, "alone0", "alone", name="张三", phone="13900000000", extract_date=date(2026, 11, 10))
    assert vault.night()["sources_chosen_anew"] == 0
    assert vault.rows("select count(*) from vault.identity.changed_key") == [(0,)]
    dates = vault.rows("select key, last_extract_date from vault.identity.attribute_disagreement order by all")
    assert dates == [("disputed", days[1]), ("twice", days[1])]


def test_changed_priorities_choose_anew_for_everybody(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.mention(REGISTER, "r", "p", name="张三")
    vault.mention(PERMIT, "w", "p", name="李四")
    vault.night()
    turned = read_priorities(load_contracts(vault.settings.contracts)).with_columns(rank=10 - pl.col("rank"))

    def read_turned(_: object) -> pl.DataFrame:
        return turned

    monkeypatch.setattr("citylake.identity.sources.read_priorities", read_turned)
    vault.night()
    assert vault.won("name") == {"p": ("李四", "w", "rank")}
    assert vault.rows("select min(rank) from vault.identity.source_priority") == [(6,)]


def test_what_may_be_known_of_a_person_names_nobody(vault: Vault) -> None:
    # dbt's people and city read this view and no other: a name or a phone in it would leave the vault.
    born = date(1990, 5, 1)
    said = {"name": "张三", "phone": "13900000000", "address": "某路", "sex_code": "1", "region_code": "320205"}
    vault.mention(REGISTER, "r", "p", kind="person", birth_date=born, **said)
    vault.night()
    row = ("p", 1990, REGISTER, "1", REGISTER, "320205", REGISTER)
    assert vault.rows("from vault.identity.person_description") == [row]


def test_without_mentions_there_are_empty_tables(tmp_path: Path) -> None:
    # dbt reads them on the first night of all.
    home = Settings(home=tmp_path, threads=1)
    prepare(home)
    assert keep_sources(home, DAY) == {"sources_chosen_anew": 0, "disagreements": 0}
    with open_lakes(home, ("vault",), read_only=True) as connection:
        assert connection.execute("from vault.identity.person_description").fetchall() == []


_MENTION = st.tuples(
    st.sampled_from([REGISTER, PERMIT, INSURANCE]),
    st.sampled_from("abcdef"),
    st.sampled_from(["p", "q"]),
    st.sampled_from(["张三", "張三", "李四"]),
    st.sampled_from([date(2026, 11, 1), date(2026, 11, 9)]),
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=st.lists(st.lists(_MENTION, max_size=4), min_size=2, max_size=4))
def test_night_by_night_ends_where_choosing_everything_at_once_does(
    nights: list[list[tuple[Any, ...]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    # The law of incremental choice: which night brought what leaves no trace.
    vault, whole = Vault(tmp_path_factory.mktemp("nights")), Vault(tmp_path_factory.mktemp("whole"))
    for mentions in nights:
        for dataset, number, key, name, day in mentions:
            for home in (vault, whole):
                # As in the lake, where a mention's key is made of the dataset and the number in it.
                home.mention(dataset, f"{dataset} {number}", key, name=name, extract_date=day)
        vault.night()
    whole.night()
    for table in ("person_attribute", "attribute_disagreement", "changed_key"):
        query = f"from vault.identity.{table} order by all"
        assert vault.rows(query) == whole.rows(query)


GOOD = "person,name,public_security.person_register,1,,\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("person,name,public_security.no_register,2,,\n", "line 3: 未知数据集"),
        ("person,shoe_size,public_security.residence_permit,2,,\n", "line 3: 未知属性"),
        ("city,name,public_security.residence_permit,2,,\n", "line 3: 未知属性"),
        ("person,name,public_security.residence_permit,1,,\n", "line 2, 3: 次序重复"),
        ("person,name,public_security.person_register,2,,\n", "line 2, 3: 数据集重复"),
        ("person,name,public_security.residence_permit,0,,\n", "line 3: 次序须为"),
        ("person,name,public_security.residence_permit,,,\n", "line 3: 次序须为"),
        ("person,name,public_security.residence_permit,2,-1,\n", "line 3: 期限须为"),
        ("person,region_code,public_security.residence_permit,2,9,\n", "line 3: 此属性有历史"),
        ("person,name,public_security.residence_permit,two,,\n", "无法读取"),
    ],
)
def test_a_priority_file_that_cannot_be_meant_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    # A typing mistake would otherwise quietly take the word of a source away.
    path = tmp_path / "source_priority.csv"
    path.write_text("kind,attribute,dataset,rank,max_age_days,note\n" + GOOD + line, encoding="utf-8")
    with pytest.raises(InvalidPriority, match=reason):
        read_priorities([REGISTER, PERMIT], path)


def test_the_shipped_priorities_can_be_used(vault: Vault) -> None:
    priorities = read_priorities(load_contracts(vault.settings.contracts), PRIORITY_FILE)
    assert priorities.filter(rank=1)["attribute"].n_unique() == len(set(priorities["attribute"]))
