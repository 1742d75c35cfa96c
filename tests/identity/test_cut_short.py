"""A night of identity that is cut short between its steps comes to what an undisturbed one comes to."""

import shutil
from pathlib import Path

import pytest

from citylake.identity import linking, resolve
from tests.identity.staged import ANNA, BO, REGISTER, Staged

# Each is called once a kind, after other steps have written what they found.
STEPS = (
    (resolve, "link_mentions"),
    (linking, "cluster"),
    (linking, "replace_linking_pairs"),
    (resolve, "write_records"),
    (resolve, "keep_past_records"),
    (resolve, "note_run"),
)
KEPT = (
    "select source_record_key, person_key, match_rule, matched_record_key from vault.identity.person_record",
    "select person_key, founding_source_record_key, generation from vault.identity.person_key",
    "select event_type, old_key, new_key, reason, record_count from vault.identity.key_event",
    "select register_no, key from vault.identity.retired_record",
    "select mention_key, anchor_id, delivery_id from vault.identity.person_mention",
    "select left_key, right_key, match_weight from vault.identity.person_edge",
    "select kind, run_id from vault.identity.unfinished_run",
)


class CutShortError(Exception):
    pass


def what_is_kept(home: Staged) -> list[list[tuple[object, ...]]]:
    return [sorted(home.rows(query), key=repr) for query in KEPT]


def after(home: Path, source: Path, night: int) -> Staged:
    """A home as another one was left."""
    shutil.copytree(source, home)
    staged = Staged(home)
    staged.nights = night
    return staged


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after its first night, with changes waiting: a merge, a split, one that is gone, one that is new."""
    home = tmp_path_factory.mktemp("first") / "home"
    staged = Staged(home)
    columns = "register_no, citizen_id, person_name, birth_date"
    people = [
        ("P1", ANNA, "王小明", "1990-01-01"),
        ("P2", ANNA, "王小明", "1990-01-01"),
        ("P3", None, "孙丽华", "1962-04-09"),
        ("P4", BO, "李建国", "1985-12-31"),
        ("P5", BO, "李建国", "1985-12-31"),
        ("P6", BO, "李建国", "1985-12-31"),
    ]
    staged.stage(REGISTER, columns, people)
    staged.night()
    changed = {
        "P3": (BO, "李建国", "1985-12-31"),
        "P2": (None, "赵丽", "1971-03-05"),
        "P7": (ANNA, "王晓明", "1990-01-01"),
    }
    staged.stage(
        REGISTER,
        columns,
        [(number, *changed.get(number, rest)) for number, *rest in [*people, ("P7", "", "", "")] if number != "P6"],
        "2026-11-01",
    )
    return home


@pytest.fixture(scope="module")
def undisturbed(first_night: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[tuple[object, ...]]]:
    staged = after(tmp_path_factory.mktemp("undisturbed") / "home", first_night, 1)
    staged.night()
    return what_is_kept(staged)


@pytest.mark.parametrize("step", STEPS, ids=[name for _, name in STEPS])
def test_a_night_cut_short_before_a_step_is_finished_by_the_next(
    step: tuple[object, str],
    first_night: Path,
    undisturbed: list[list[tuple[object, ...]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    staged = after(tmp_path / "home", first_night, 1)

    def cut(*_: object, **__: object) -> None:
        raise CutShortError

    with monkeypatch.context() as patch:
        patch.setattr(*step, cut)
        with pytest.raises(CutShortError):
            staged.night()
    staged.night()
    assert what_is_kept(staged) == undisturbed


def test_the_changes_are_those_that_make_a_night_hard(undisturbed: list[list[tuple[object, ...]]]) -> None:
    events = undisturbed[KEPT.index(next(query for query in KEPT if "key_event" in query))]
    assert {row[0] for row in events} == {"merge", "split"}
