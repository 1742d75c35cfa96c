"""Files of pairs for reviewers, and what their decisions say about linking."""

import csv
import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from citylake.identity import review_queue
from citylake.identity.decisions import Decided, keep_decisions, pair_of
from citylake.identity.measuring import estimate, measure
from citylake.identity.review_queue import draw_sample, export_pairs, import_decisions, open_pairs, sampled_pairs
from citylake.lake.attach import open_lakes
from citylake.lake.errors import EnvironmentProblem, UsageError
from citylake.lake.spreadsheets import read_table, write_table
from tests.identity.staged import REGISTER, Staged
from tests.identity.test_linking import PEOPLE, REGISTERED

DECISION, WHY = "决定 Decision", "理由 Why"


def filled(source: Path, target: Path, word: str, why: str, encoding: str = "gb18030") -> Path:
    with source.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with target.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, DECISION: word, WHY: why} for row in rows)
    return target


def test_a_file_of_pairs_runs_no_formula_and_comes_back_with_decisions(staged: Staged, tmp_path: Path) -> None:
    people = [("=1+1", *person[1:]) if person[0] == "P2" else person for person in PEOPLE]
    people[1] = (*people[1][:5], "+8613912345678")
    staged.stage(REGISTER, REGISTERED, people)
    staged.night()
    file = tmp_path / "pairs.csv"
    assert export_pairs(staged.settings, open_pairs(staged.settings), file) == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert not any(
        cell.startswith(("=", "+", "@")) for row in csv.reader(file.open(encoding="utf-8-sig")) for cell in row
    )
    undecided = import_decisions(staged.settings, file)
    assert (undecided.lines, undecided.undecided, undecided.kept.recorded) == (1, 1, 0)
    # Begun and not finished: said, for it may be a slip.
    assert import_decisions(staged.settings, filled(file, tmp_path / "begun.csv", "", "同一人")).unsaid == (2,)
    # Typed in full width.
    assert import_decisions(staged.settings, filled(file, tmp_path / "wide.csv", "ＳＡＭＥ", "?")).kept.recorded == 1
    # Saved by a Chinese spreadsheet, in Chinese words.
    done = filled(file, tmp_path / "done.csv", "相同", "同一人")
    assert import_decisions(staged.settings, done).kept.recorded == 1
    assert import_decisions(staged.settings, done).kept.repeated == 1
    assert open_pairs(staged.settings).is_empty()


def test_a_file_with_one_bad_line_is_not_imported_at_all(staged: Staged, tmp_path: Path) -> None:
    staged.stage(REGISTER, REGISTERED, PEOPLE)
    staged.night()
    file = tmp_path / "pairs.csv"
    export_pairs(staged.settings, open_pairs(staged.settings), file)
    good = filled(file, tmp_path / "good.csv", "same", "seen", "utf-8").read_text("utf-8").splitlines()
    for line in (
        good[1].replace(",same,", ",perhaps,"),
        good[1].replace(",seen,", ",,"),
        good[1].replace(",same,", ",different,"),
        "ffffffffffff" + good[1][12:],
    ):
        bad = tmp_path / "bad.csv"
        bad.write_text("\n".join([*good, line]), "utf-8")
        with pytest.raises(UsageError, match=r"(?s)Nothing was imported.*\n3: "):
            import_decisions(staged.settings, bad)
    assert staged.rows("select count(*) from vault.identity.decision") == [(0,)]
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="lacks the columns"):
        import_decisions(staged.settings, tmp_path / "other.csv")


def test_a_sample_is_judged_unseen_and_a_decision_does_not_judge_itself(staged: Staged, tmp_path: Path) -> None:
    # P3 is linked to P1, and P2 to neither. All three are decided to be one: linking found one pair of three. Were the
    # pairs' state read after the decision, recall would be 1 whatever linking does.
    staged.stage(REGISTER, REGISTERED, PEOPLE)
    staged.night()
    drawn = draw_sample(staged.settings, "person", 10)
    assert drawn.height == 3
    with pytest.raises(UsageError, match="left to draw"):
        draw_sample(staged.settings, "person", 10)
    file = tmp_path / "sample.csv"
    export_pairs(staged.settings, sampled_pairs(staged.settings), file)
    text = file.read_text("utf-8")
    assert "same_sound" not in text
    assert "李铭铭" in text
    import_decisions(staged.settings, filled(file, tmp_path / "done.csv", "same", "seen"))
    assert sampled_pairs(staged.settings).is_empty()
    for _ in range(2):
        staged.night()
        found = staged.rows(
            "select labelled_pairs, precision_estimate, recall_estimate from vault.identity.linkage_run "
            "where kind = 'person' order by linked_at desc limit 1"
        )
        assert found == [(3, 1.0, pytest.approx(1 / 3))]


def test_strata_are_weighed_by_their_size_and_decisions_outside_the_sample_say_nothing(staged: Staged) -> None:
    # By hand: 10 linked pairs of one stratum, 2 judged, 1 right; 90 of another, 3 judged, all right: (5 + 90) / 100.
    staged.night()
    at = datetime(2026, 11, 1, tzinfo=UTC)
    judged = [("a", 1, 10, "same"), ("b", 1, 10, "different")] + [(name, 5, 90, "same") for name in "cde"]
    with open_lakes(staged.settings, ("vault",)) as connection:
        for name, stratum, size, word in judged:
            connection.execute(
                "insert into vault.identity.review_sample values ('person', ?, 'z', ?, ?, 9.0, true, '1', ?, 'me')",
                [name, stratum, size, at],
            )
            connection.execute(
                "insert into vault.identity.decision values ('person', ?, 'z', ?, ?, 'me', 'x')", [name, word, at]
            )
        connection.execute(
            "insert into vault.identity.decision values ('person', 'q', 'z', 'different', ?, 'me', 'x')", [at]
        )
        found = measure(connection, "person", "1")
        other = measure(connection, "person", "another model")
    assert found["labelled_pairs"] == 5
    assert found["precision_estimate"] == pytest.approx(0.95)
    assert found["recall_estimate"] == 1.0
    assert (other["labelled_pairs"], other["precision_estimate"]) == (0, None)


def test_a_flawless_sample_proves_no_more_than_its_size() -> None:
    # Wilson's interval by hand: n / (n + z²) where all are hits.
    one = estimate([True] * 100, [1.0] * 100)
    assert (one.share, one.high, one.n) == (1.0, pytest.approx(1.0), pytest.approx(100))
    assert one.low == pytest.approx(100 / (100 + 1.959964**2))
    assert estimate([True, False], [3.0, 1.0]).n == pytest.approx(1.6)
    assert estimate([], []).share is None


def test_another_account_is_told_whose_the_vault_is(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    staged.night()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(EnvironmentProblem):
        review_queue.open_pairs(staged.settings)


def test_a_contradiction_is_told_when_it_arises_and_not_with_every_later_decision(staged: Staged) -> None:
    staged.stage(REGISTER, REGISTERED, PEOPLE)
    staged.night()
    keys = [key for (key,) in staged.rows("select mention_key from vault.identity.person_mention order by 1 limit 4")]
    a, b, c, d = (("person", key) for key in keys)
    keep_decisions(staged.settings, [Decided(pair_of(a, b), "same", "x"), Decided(pair_of(b, c), "same", "x")])
    arisen = keep_decisions(staged.settings, [Decided(pair_of(a, c), "different", "x")]).contradictions
    assert arisen == [pair_of(a, c)]
    assert keep_decisions(staged.settings, [Decided(pair_of(a, d), "unsure", "x")]).contradictions == []
    assert keep_decisions(staged.settings, [Decided(pair_of(a, c), "different", "y")]).contradictions == arisen


def test_a_text_that_hides_a_formula_behind_what_is_not_seen_is_made_harmless(tmp_path: Path) -> None:
    texts = ["\ufeff=1+1", "\u200b@SUM(A1)", "\u3000＝1", "﹦1", "﹢1a", "\u2060-a", "=1", "-12.5", "a=1", "−1a"]
    file = tmp_path / "t.csv"
    write_table(pl.DataFrame({"text": texts}), file)
    written = [row[0] for row in csv.reader(file.open(encoding="utf-8-sig"))][1:]
    assert written == [text if text in {"-12.5", "a=1"} else f"'{text}" for text in texts]


def test_a_file_that_nobody_can_have_filled_in_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("citylake.lake.spreadsheets._MOST_BYTES", 10)
    file = tmp_path / "big.csv"
    file.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(UsageError, match="larger than"):
        read_table(file)
