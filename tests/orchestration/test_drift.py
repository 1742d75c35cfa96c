"""New columns are told of: once, to whoever the settings name, and never lost on the way."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from citylake.lake.deliveries import Manifest
from citylake.lake.settings import Settings
from citylake.lake.zones import prepare
from orchestration import drift
from orchestration.drift import tell_of_new_columns
from orchestration.failures import Notice
from tests.ingestion.support import column, contract

AGREED = contract(column("a", heading="编号"))


def _delivery(*new: str, day: int = 20) -> Manifest:
    now = datetime(2026, 11, day, tzinfo=UTC)
    return Manifest(
        dataset=AGREED.dataset,
        extract_date=date(2026, 11, day),
        sha256=f"{day:064d}",
        mode="append",
        status="accepted",
        loaded_at=now,
        run_id="r",
        contract_version="1.0.0",
        new_columns=list(new),
        revision=0,
        origin="real",
        received_at=now,
        file_name="f",
        file_size=0,
        file_mtime_ns=0,
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home", landing=None, notify_webhook=SecretStr("http://127.0.0.1:9/"))
    prepare(made)
    return made


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Notice]:
    notices: list[Notice] = []

    def notify(_: Settings, notice: Notice) -> list[str]:
        notices.append(notice)
        return []

    monkeypatch.setattr(drift, "notify", notify)
    return notices


def test_a_new_column_is_told_of_once_and_another_one_again(settings: Settings, sent: list[Notice]) -> None:
    # A notice every night is read by nobody after a week; one that names the dataset alone says nothing of a second.
    nights = [[_delivery()], [_delivery("备注")], [_delivery("备注")], [_delivery("备注"), _delivery("渠道", day=21)]]
    for number, known in enumerate(nights):
        assert tell_of_new_columns(settings, f"r{number}", AGREED, known) == []
    assert [(notice.run_id, notice.event) for notice in sent] == [("r1", "new_columns"), ("r3", "new_columns")]
    assert "备注" in sent[0].message
    assert "office.thing" in sent[0].message
    assert ("渠道" in sent[1].message, "备注" in sent[1].message) == (True, False)


def test_a_column_that_got_its_place_in_the_contract_is_new_no_more(settings: Settings, sent: list[Notice]) -> None:
    # Old deliveries go on having been delivered with it; were it taken out again, that should be heard of.
    known = [_delivery("备注")]
    grown = replace(AGREED, columns=(*AGREED.columns, column("note", heading="备注")))
    for agreed, expected in ((AGREED, 1), (grown, 1), (AGREED, 2)):
        tell_of_new_columns(settings, "r", agreed, known)
        assert len(sent) == expected


def test_a_notice_that_could_not_be_sent_is_sent_by_the_next_night(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A webhook that is down for one night would hide the column for ever.
    attempts: list[Notice] = []

    def notify(_: Settings, notice: Notice) -> list[str]:
        attempts.append(notice)
        return ["The webhook did not take the notice."] if len(attempts) == 1 else []

    monkeypatch.setattr(drift, "notify", notify)
    assert [len(tell_of_new_columns(settings, "r", AGREED, [_delivery("备注")])) for _ in range(3)] == [1, 0, 0]
    assert len(attempts) == 2


def test_a_notice_repeats_no_number_that_stands_where_headings_should(settings: Settings, sent: list[Notice]) -> None:
    # An extract without headings has a person's row in their place, and a notice leaves the machine.
    tell_of_new_columns(settings, "r", AGREED, [_delivery("99999919800101001X", *(f"列{n}" for n in range(40)))])
    (notice,) = sent
    assert "99999919800101001X" not in notice.message
    assert len(notice.message) < 600
