"""What is scored, at what cost, and that no bad input makes a crowd of it. All persons are made up."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from citylake.identity.clustering import Clustered, cluster
from citylake.identity.contradictions import JUDGED
from citylake.identity.linkage import Scored, score, train
from citylake.identity.models import LinkageModel, ModelMismatch, load_model, save_model, specification_of
from citylake.identity.names import name_sound, person_name

Connection = duckdb.DuckDBPyConnection
PERSON = {
    "mention_key": pl.String,
    "role": pl.String,
    "anchor_id": pl.String,
    "written_id": pl.String,
    "name": pl.String,
    "birth_date": pl.Date,
    "sex_code": pl.String,
    "region_code": pl.String,
    "address": pl.String,
    "phone": pl.String,
    "organisation_code": pl.String,
    "is_standing": pl.Boolean,
    "source_dataset": pl.String,
    "is_numbered": pl.Boolean,
}
WEI, MING = "710000199001010010", "710000198512310026"
BORN = date(1990, 1, 1)
MODEL = load_model("person")


@pytest.fixture
def connection() -> Iterator[Connection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


def mention(key: str, name: str | None = None, **values: object) -> dict[str, object]:
    anchor = values.get("anchor_id")
    written = values.get("written_id", anchor)
    return {"mention_key": key, "name": name, "is_standing": True, **values, "written_id": written}


def deliver(connection: Connection, *mentions: dict[str, object]) -> None:
    frame = pl.DataFrame(list(mentions), schema=PERSON).with_columns(name=person_name(pl.col("name")))
    connection.register("given", frame.with_columns(name_sound=name_sound(pl.col("name"))).to_arrow())
    connection.execute("create or replace table mentions as from given")


def link(connection: Connection, model: LinkageModel = MODEL) -> tuple[Scored, Clustered, dict[str, str | None]]:
    scored = score(connection, model, "mentions", edges="edges", profiles="profiles", described="described")
    clustered = cluster(
        connection, model, "mentions", edges="edges", clusters="clusters", reviews="reviews", is_prepared=True
    )
    keys = dict(connection.execute("select mention_key, cluster_key from clusters").fetchall())
    return scored, clustered, keys


REGISTERED = mention("a", "王伟", anchor_id=WEI, birth_date=BORN, sex_code="1", phone="10012345678")


def test_an_id_with_one_wrong_digit_is_evidence_and_attaches(connection: Connection) -> None:
    wrong = mention("b", "王伟", written_id=WEI[:12] + "2" + WEI[13:], birth_date=BORN)
    deliver(connection, REGISTERED, wrong)
    *_, keys = link(connection)
    assert keys == {"a": "a", "b": "a"}


def test_a_name_of_the_same_sound_with_the_same_birth_date_and_phone_is_the_same_person(connection: Connection) -> None:
    deliver(connection, REGISTERED, mention("b", "王 玮", birth_date=BORN, phone="10012345678"))
    *_, keys = link(connection)
    assert keys == {"a": "a", "b": "a"}


def test_a_name_alone_is_nobody(connection: Connection) -> None:
    deliver(connection, REGISTERED, mention("b", "王伟", is_standing=False))
    _, clustered, keys = link(connection)
    assert keys == {"a": "a", "b": None}
    assert clustered.nobody == 1


def test_a_family_that_shares_a_phone_stays_apart(connection: Connection) -> None:
    deliver(connection, REGISTERED, mention("b", "王芳", phone="10012345678"))
    *_, keys = link(connection)
    assert keys == {"a": "a", "b": "b"}


def test_twins_with_all_but_one_character_in_common_stay_apart(connection: Connection) -> None:
    home = {"birth_date": BORN, "sex_code": "1", "phone": "10012345678", "address": "人民路1号"}
    deliver(connection, mention("a", "王梓涵", anchor_id=WEI, **home), mention("b", "王梓轩", **home))
    *_, keys = link(connection)
    assert keys == {"a": "a", "b": "b"}


def test_a_valid_id_under_another_name_and_birth_date_is_set_apart_for_review(connection: Connection) -> None:
    other = mention("c", "李明", anchor_id=WEI, birth_date=date(1985, 12, 31))
    deliver(connection, REGISTERED, mention("b", "王伟", anchor_id=WEI, birth_date=BORN), other)
    carried = "(select *, anchor_id as valid_id from mentions)"
    judged = f"select mention_key from ({JUDGED.format(mentions=carried)}) where is_apart"
    scored, clustered, keys = link(connection, replace(MODEL, apart=f"mention_key in ({judged})"))
    assert keys == {"a": "a", "b": "a", "c": "c"}
    assert (scored.set_apart, clustered.reviews["contradicted_id"]) == (1, 1)


NUMBERED = {"source_dataset": "register", "is_numbered": True}


def test_namesakes_of_one_day_whom_one_register_numbers_apart_are_asked_and_not_joined(connection: Connection) -> None:
    # Would catch two citizens made one by what ten thousand share: a name, a day and a sex.
    same = {"birth_date": BORN, "sex_code": "1"}
    deliver(
        connection,
        mention("a", "王伟", **same, **NUMBERED, region_code="320213"),
        mention("b", "王伟", **same, **NUMBERED),
        mention("c", "李明", **same, **NUMBERED),
        mention("d", "李明", **same, **NUMBERED),
    )
    _, clustered, keys = link(connection)
    assert keys == {key: key for key in "abcd"}
    assert clustered.reviews == {"uncertain": 2}
    # Two departments, each with its own number, say nothing of the kind.
    deliver(
        connection,
        mention("a", "王伟", **same, **NUMBERED),
        mention("b", "王伟", **same, source_dataset="permit", is_numbered=True),
    )
    *_, keys = link(connection)
    assert set(keys.values()) == {"a"}


@pytest.mark.parametrize(
    "more",
    [{"phone": "10012345678"}, {"address": "人民路1号"}, {"written_id": WEI[:12] + "2" + WEI[13:]}],
    ids=["phone", "address", "mistyped_id"],
)
def test_whoever_is_registered_twice_is_found_when_more_than_that_agrees(
    connection: Connection, more: dict[str, str]
) -> None:
    same = {"birth_date": BORN, "sex_code": "1", **NUMBERED}
    first = mention("a", "王伟", anchor_id=WEI, address="人民路1号", phone="10012345678", **same)
    deliver(connection, first, mention("b", "王伟", **same, **more))
    *_, keys = link(connection)
    assert keys == {"a": "a", "b": "a"}


def test_edges_scored_by_other_fields_are_scored_anew(connection: Connection) -> None:
    # Would catch a city's own model that stops its nights when the code compares one field more.
    deliver(connection, REGISTERED, mention("b", "王伟", birth_date=BORN))
    *_, keys = link(connection)
    connection.execute("alter table edges drop column weight_register")
    scored, _, again = link(connection)
    assert again == keys
    assert scored.scored_profiles == 2


def test_a_phone_that_too_many_share_makes_nobody_of_equal_records(connection: Connection) -> None:
    # Would catch a hotline's number making one person of a hundred applicants of one name.
    crowd = [
        mention(
            f"c{number:03}", f"{'赵钱孙李周吴郑王冯陈'[number % 10]}{chr(0x4E00 + 40 * number)}", phone="10066666666"
        )
        for number in range(MODEL.largest_block + 1)
    ]
    cases = [mention(f"z{number}", "张伟", phone="10066666666") for number in range(3)]
    deliver(connection, *crowd[: MODEL.largest_block // 2], *cases)
    *_, keys = link(connection)
    assert {keys[f"z{number}"] for number in range(3)} == {"z0"}
    # The next night the number has become common: what it proved yesterday it proves no more.
    deliver(connection, *crowd, *cases)
    *_, keys = link(connection)
    assert [keys[f"z{number}"] for number in range(3)] == ["z0", "z1", "z2"]


def test_edges_say_what_each_field_contributed(connection: Connection) -> None:
    deliver(connection, REGISTERED, mention("b", "王伟", birth_date=BORN))
    link(connection)
    row = connection.execute("select * from edges").pl().row(0, named=True)
    fields = [row[weight] for weight in MODEL.weights]
    assert (row["left_key"], row["right_key"]) == ("a", "b")
    assert row["weight_name"] > 10
    assert row["weight_phone"] == 0
    assert row["match_weight"] == pytest.approx(sum(fields) - 22.25, abs=0.01)


def test_a_second_run_scores_what_changed_and_ends_where_one_run_would(connection: Connection) -> None:
    people = [
        mention(f"p{n}", f"{surname}{given}", birth_date=date(1980, 1, n + 1), phone=f"100123456{n:02}")
        for n, (surname, given) in enumerate(zip("王李张刘陈杨", "伟芳娜敏静丽", strict=True))
    ]
    again = [person | {"mention_key": f"q{person['mention_key']}", "address": None} for person in people]
    deliver(connection, *people, *again[:3])
    link(connection)
    deliver(connection, *people[1:], again[0] | {"birth_date": date(1980, 2, 1)}, *again[1:])
    scored, _, keys = link(connection)
    edges = connection.execute("from edges order by all").fetchall()
    connection.execute("drop table edges; drop table profiles")
    whole, _, whole_keys = link(connection)
    assert scored.scored_profiles < whole.scored_profiles
    assert edges == connection.execute("from edges order by all").fetchall()
    assert keys == whole_keys


def somebody(chance: random.Random, key: str) -> dict[str, object]:
    """A mention of few possible values, so that many are equal, share a value or are alike."""
    return mention(
        key,
        chance.choice(("王伟", "王玮", "李芳", None)),
        anchor_id=chance.choice((None, None, None, WEI, MING)),
        birth_date=chance.choice((BORN, date(1985, 12, 31), None)),
        phone=chance.choice((None, "10012345678", "10012345679")),
        address=chance.choice((None, "人民路1号")),
        is_standing=chance.random() < 0.8,
    )


@pytest.mark.parametrize("seed", range(6))
def test_reading_only_whom_a_change_concerns_scores_what_reading_everybody_does(
    connection: Connection, seed: int
) -> None:
    # Blocks and values of more than four profiles count for nothing, and nearly every change takes some across that.
    chance, model = random.Random(seed), replace(MODEL, largest_block=4)
    people = {f"m{number:02}": somebody(chance, f"m{number:02}") for number in range(40)}
    for night in range(5):
        changed = chance.sample(sorted(people), 6) if night else []
        for key in changed[:4]:
            people[key] = somebody(chance, key)
        for key in changed[4:]:
            del people[key]
        newcomers = [f"n{night}{number}" for number in range(3)]
        people |= {key: somebody(chance, key) for key in newcomers}
        deliver(connection, *people.values())
        connection.register("changed", pl.DataFrame({"mention_key": [*changed, *newcomers]}).to_arrow())
        scored = [
            score(
                connection,
                model,
                "mentions",
                edges=f"{name}_edges",
                profiles=f"{name}_profiles",
                described=f"{name}_described",
                changed=known,
            )
            for name, known in (("part", "changed"), ("whole", None))
        ]
        assert [one.is_part for one in scored] == [night > 0, False]
        assert scored[0] == replace(scored[1], is_part=night > 0, set_apart=scored[0].set_apart)
        for table in ("edges", "profiles", "described"):
            differing = f"(from part_{table} except from whole_{table}) union all "
            differing += f"(from whole_{table} except from part_{table})"
            assert connection.execute(differing).fetchall() == [], (night, table)


def test_a_change_that_was_not_told_is_no_reason_to_score_wrongly(connection: Connection) -> None:
    # Would catch a table of descriptions that fell behind: a run that was cut short, a home that was put back.
    deliver(connection, *(mention(f"m{number}", f"王{number}") for number in range(8)))
    link(connection)
    connection.execute("delete from described where mention_key = 'm3'")
    connection.execute("create table changed as select 'm0' as mention_key")
    scored = score(
        connection, MODEL, "mentions", edges="edges", profiles="profiles", described="described", changed="changed"
    )
    assert not scored.is_part
    assert connection.execute("select count(*) from described").fetchone() == (8,)


def test_a_model_that_reads_other_words_of_a_mention_is_no_reason_to_lose_edges(connection: Connection) -> None:
    # Would catch a release whose code shortens addresses: whom nobody told of would lose what links them.
    twins = [mention(key, "王伟", birth_date=BORN, phone="10012345678", address="人民路1号") for key in "ab"]
    deliver(connection, *twins, *(mention(f"m{number}", f"李{number}") for number in range(8)))
    link(connection)
    shorter = replace(MODEL, columns=MODEL.columns | {"address": "left(address, 3)"})
    assert shorter.fingerprint != MODEL.fingerprint
    connection.execute("create table changed as select 'm0' as mention_key")
    scored = score(
        connection, shorter, "mentions", edges="edges", profiles="profiles", described="described", changed="changed"
    )
    assert not scored.is_part
    assert connection.execute("select left_key, right_key from edges").fetchall() == [("a", "b")]


def test_nothing_to_link_is_nothing(connection: Connection) -> None:
    deliver(connection)
    scored, clustered, keys = link(connection)
    assert (scored.mentions, scored.pairs, clustered.clusters, keys) == (0, 0, 0, {})


def test_the_same_person_ten_thousand_times_is_one_profile(connection: Connection) -> None:
    person = {"birth_date": BORN, "phone": "10012345678", "sex_code": "1"}
    deliver(connection, *(mention(f"m{n:05}", "王伟", **person) for n in range(10_000)))
    scored, clustered, _ = link(connection)
    assert (scored.profiles, scored.pairs, clustered.clusters, clustered.largest) == (1, 1, 1, 10_000)


def test_a_phone_that_everyone_shares_links_nobody_and_is_reported(connection: Connection) -> None:
    people = pl.DataFrame({"n": range(2_000)}).with_columns(born=pl.lit(BORN) + pl.duration(days=pl.col("n")))
    deliver(
        connection,
        *(mention(f"m{n:05}", "王伟", birth_date=born, phone="10012345678") for n, born in people.iter_rows()),
    )
    scored, clustered, _ = link(connection)
    assert [(cap.rule, cap.values, cap.profiles) for cap in scored.capped] == [("phone", 1, 2_000)]
    assert (scored.pairs, clustered.largest) == (0, 1)


def test_ids_full_of_zeros_are_no_evidence(connection: Connection) -> None:
    names = ("王伟", "李芳", "张娜", "刘敏")
    deliver(
        connection,
        *(mention(f"m{n}", name, written_id="0" * 18, is_standing=n > 1) for n, name in enumerate(names)),
    )
    scored, clustered, _ = link(connection)
    assert (scored.pairs, clustered.largest, clustered.nobody) == (0, 1, 2)


def test_a_name_of_five_hundred_characters_is_compared_and_cut(connection: Connection) -> None:
    deliver(connection, REGISTERED, mention("b", "王" * 500, birth_date=BORN, phone="10012345678"))
    *_, keys = link(connection)
    assert keys == {"a": "a", "b": "b"}


def test_a_stretch_of_chained_likenesses_does_not_become_a_giant(connection: Connection) -> None:
    # Everybody born on one day at one address under one name, each with a phone of his own: a form filled by a clerk.
    door = {"birth_date": BORN, "address": "人民路1号"}
    deliver(connection, *(mention(f"m{n:04}", "王伟", phone=f"100{n:04}5678", **door) for n in range(250)))
    scored, clustered, _ = link(connection)
    assert clustered.largest <= MODEL.largest_component
    assert scored.pairs <= 250 * 249 / 2
    assert clustered.cut_components == 1


@pytest.mark.parametrize("kind", ["person", "entity"])
def test_the_shipped_parameters_fit_the_specification_and_say_where_they_come_from(kind: str) -> None:
    model = load_model(kind)
    assert "synthetic" in model.trained_on
    assert model.trained_date is not None
    for comparison in model.comparisons:
        shares = [(level.m or 0, level.u or 0) for level in comparison.levels]
        assert sum(m for m, _ in shares) == pytest.approx(1)
        assert sum(u for _, u in shares) == pytest.approx(1)
        if comparison.is_stated:
            continue
        first = comparison.levels[0]
        assert (first.m or 0) > (first.u or 0), f"{comparison.field}: agreement speaks for a match"


def test_a_model_of_other_levels_is_refused(tmp_path: Path) -> None:
    save_model(MODEL, tmp_path / "person.json")
    text = (tmp_path / "person.json").read_text(encoding="utf-8")
    (tmp_path / "person.json").write_text(text.replace('"same_sound"', '"rhymes"'), encoding="utf-8")
    with pytest.raises(ModelMismatch, match="Train it again"):
        load_model("person", tmp_path / "person.json")


def test_training_gives_every_level_a_parameter_and_says_on_what(connection: Connection, tmp_path: Path) -> None:
    given = "伟芳娜敏静丽强磊军洋"
    people = [
        mention(
            f"p{n:03}",
            f"王{given[n % 10]}{given[n // 10]}",
            birth_date=date(1980, 1 + n % 12, 1 + n % 28),
            address=f"人民路{n}号",
            phone=f"100{n:04}5678",
        )
        for n in range(100)
    ]
    twice = [person | {"mention_key": f"q{person['mention_key']}", "sex_code": "1"} for person in people]
    deliver(connection, *people, *twice)
    specification = specification_of("person")
    model = train(
        connection, specification, "mentions", version="t", trained_on="synthetic test", day=BORN, pairs=10_000
    )
    save_model(model, tmp_path / "person.json")
    again = load_model("person", tmp_path / "person.json")
    assert again == model
    name = model.comparisons[0].levels[0]
    assert (name.m or 0) > 0.9
    assert (name.u or 1) < 0.1
