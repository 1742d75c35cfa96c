"""Whose past a deleted record tells: decided by deliveries, whichever nights saw the record."""

from dataclasses import replace
from pathlib import Path

from citylake.contracts.model import find_contract
from citylake.identity.keeper import open_keeper
from citylake.identity.past_records import keep_past_records
from citylake.lake.attach import open_lakes
from citylake.lake.zones import Zones
from tests.identity.staged import ANNA, BO, ENTITIES, REGISTER, Staged

DAY = "2026-10-31"
INSURANCE = "human_resources.social_insurance"


def past(staged: Staged) -> list[tuple[object, ...]]:
    return staged.rows(
        "select past.register_no, record.register_no from vault.identity.past_record as past "
        "inner join vault.identity.person_record as record on past.key = record.person_key order by all"
    )


def delete(staged: Staged, *records: tuple[str, str | None]) -> None:
    staged.add(REGISTER, "register_no, citizen_id", records, DAY, deleted=True)


def test_a_deleted_record_is_the_past_of_whoever_carries_its_number_and_no_night_decides(tmp_path: Path) -> None:
    # The key that waits for a record exists only where a night saw it: one history would have been told here, another
    # there, of the same deliveries.
    saw, never_saw = Staged(tmp_path / "saw"), Staged(tmp_path / "never_saw")
    saw.holds({"P1": ANNA, "P2": ANNA, "P3": BO, "P4": None})
    saw.night()
    for staged in (saw, never_saw):
        staged.holds({"P1": ANNA})
        delete(staged, ("P2", ANNA), ("P3", BO), ("P4", None))
        assert staged.night()["person_past_records"] == 1
        assert past(staged) == [("P2", "P1")]
    told = "select source_record_key from vault.identity.retired_record where register_no = 'P2'"
    assert saw.rows("select source_record_key from vault.identity.past_record") == saw.rows(told)


def history(staged: Staged, *versions: tuple[str, str | None, str, bool]) -> None:
    """What dbt makes of deliveries before identity: number, citizen id, first day, whether deleted."""
    with open_lakes(staged.settings, ("vault",)) as connection:
        connection.execute("create schema if not exists vault.history")
        connection.execute(
            "create or replace table vault.history.hst_public_security__person_register "
            "(register_no varchar, citizen_id varchar, version_from_date date, is_deleted boolean)"
        )
        connection.executemany(
            "insert into vault.history.hst_public_security__person_register values (?, ?, ?, ?)", versions
        )


def test_a_tombstone_without_a_number_is_told_by_the_last_version_before_it(tmp_path: Path) -> None:
    # A department that deletes by key alone would have the past of all whom it ever deleted forgotten.
    saw, never_saw = Staged(tmp_path / "saw"), Staged(tmp_path / "never_saw")
    saw.holds({"P1": ANNA, "P2": ANNA, "P3": BO, "P4": ANNA, "P5": BO})
    saw.night()
    for staged in (saw, never_saw):
        staged.holds({"P1": ANNA, "P6": BO})
        delete(staged, ("P2", None), ("P3", "1"), ("P4", BO), ("P5", None))
        history(
            staged,
            ("P2", BO, "2026-10-01", False),
            ("P2", ANNA, "2026-10-02", False),
            ("P2", None, DAY, True),
            ("P3", BO, "2026-10-01", False),
            ("P3", None, DAY, True),
            ("P4", ANNA, "2026-10-01", False),
            ("P4", None, DAY, True),
            ("P5", BO, "2026-10-01", False),
            ("P5", "unreadable", "2026-10-02", False),
            ("P5", None, DAY, True),
        )
        assert staged.night()["person_past_records"] == 3
        # What the tombstone says counts before what was said earlier, and of that the last alone.
        assert past(staged) == [("P2", "P1"), ("P3", "P6"), ("P4", "P6")]


def test_a_past_follows_its_number_to_whoever_carries_it_now(staged: Staged) -> None:
    staged.holds({"P1": ANNA, "P5": BO})
    delete(staged, ("P2", ANNA))
    staged.night()
    staged.holds({"P1": BO, "P5": ANNA})
    delete(staged, ("P2", ANNA))
    staged.night()
    assert past(staged) == [("P2", "P5")]


def test_a_record_that_is_in_force_again_is_no_past(staged: Staged) -> None:
    staged.holds({"P1": ANNA})
    delete(staged, ("P2", ANNA))
    staged.night()
    staged.holds({"P1": ANNA, "P2": ANNA})
    staged.night()
    assert past(staged) == []


def test_a_number_under_which_another_stands_apart_leads_to_whom_it_anchors(staged: Staged) -> None:
    # Born on another day than the number says, under another name: whoever wrote it so is not its person.
    columns = "register_no, citizen_id, person_name, birth_date"
    staged.stage(REGISTER, columns, [("P1", ANNA, "赵一", "1990-01-01"), ("P2", ANNA, "钱二", "1971-03-03")])
    delete(staged, ("P3", ANNA))
    staged.night()
    assert past(staged) == [("P3", "P1")]


def test_a_deleted_enterprise_is_the_past_of_the_one_that_has_its_number(staged: Staged) -> None:
    # The register of entities deletes nothing today; one that does says so in its contract alone.
    code = "91110000600037341L"
    staged.stage(ENTITIES, "registration_code, entity_name", [("110000000000001", "别家")], DAY)
    staged.add(ENTITIES, "registration_code, entity_name", [(code, "旧名"), ("无号", "无号")], DAY, deleted=True)
    staged.stage(INSURANCE, "insurance_no, employer_code, employer_name", [("S1", code, "新名")], DAY)
    staged.night()
    contract = replace(find_contract(staged.settings.contracts, ENTITIES), tombstone=("status_code", "D"))
    with open_lakes(staged.settings, ("vault",)) as connection:
        open_keeper(Zones.of(staged.settings), staged.settings, None).register(connection)
        assert keep_past_records(connection, [contract], "entity") == 1
    found = staged.rows("select register_no, key from vault.identity.past_record where kind = 'entity'")
    assert found == [(code, staged.keys("entity")[code])]
