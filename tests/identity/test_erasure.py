"""What is sought of a person who is to be erased."""

from citylake.contracts.model import find_contract
from citylake.identity.erasure import delete, forget_traders, rows_left
from citylake.identity.seeking import seek
from citylake.lake.attach import open_lakes
from tests.identity.staged import ANNA, BO, ENTITIES, REGISTER, Staged


def test_the_phones_sought_are_those_that_nobody_else_is_known_by(staged: Staged) -> None:
    # A family's phone stands in everybody's records: sought, it would erase the family, or never be proved gone.
    family, own = "13900000001", "13900000002"
    columns = "register_no, citizen_id, phone"
    staged.stage(REGISTER, columns, [("P1", ANNA, family), ("P2", ANNA, f"+86 {own}"), ("P3", BO, family)])
    staged.night()
    sought = seek(staged.settings, staged.keys()["P1"])
    assert sought.phones == sorted([own, f"86{own}", f"086{own}", f"0086{own}"])
    assert ANNA in sought.ids
    assert own not in repr(sought)


def test_a_name_or_a_familys_phone_in_a_basis_tells_who_is_erased(staged: Staged) -> None:
    # What the erasure does not seek, because others have it too, still says who it was about to whoever reads it.
    columns = "register_no, citizen_id, person_name, phone"
    family = "13900000001"
    staged.stage(REGISTER, columns, [("P1", ANNA, "王小明", family), ("P2", BO, "李雷", family)])
    staged.night()
    sought = seek(staged.settings, staged.keys()["P1"])
    assert [
        sought.is_named_in(text) for text in ("应王 小明之请", "来电139-0000-0001", "李雷的申请", "法〔2026〕14号")
    ] == [*(True, True, False, False)]


def test_an_erasure_has_every_mention_of_a_dataset_that_lost_rows_read_anew(staged: Staged) -> None:
    # A row that went because an id stands in its text is another record's: its mention stayed in the vault for good.
    columns = "register_no, citizen_id, person_name, residence_address"
    staged.stage(REGISTER, columns, [("P1", ANNA, "王小明", None), ("P2", BO, "李雷", f"随{ANNA}居住")])
    reflected = (
        "create or replace table vault.staging.applied_delivery as "
        "select ? as dataset, '1' as delivery_id, 'r' as run_id"
    )
    with open_lakes(staged.settings, ("vault",)) as lake:
        lake.execute(reflected, [REGISTER])
    staged.night()
    sought = seek(staged.settings, staged.keys()["P1"])
    delete(staged.settings, sought, lambda _: None)
    assert rows_left(staged.settings, sought) == {}
    # Staging is built anew from the same deliveries.
    with open_lakes(staged.settings, ("vault",)) as lake:
        lake.execute(reflected, [REGISTER])
    staged.night()
    assert staged.rows("select register_no from vault.identity.person_mention") == []


def test_the_record_of_a_sole_trader_is_the_persons_and_a_companys_is_not(staged: Staged) -> None:
    # Its name is the person's, its domicile a home: an erasure that left it would not have erased the person.
    licence, trader, company = "credit_office.administrative_licence", "92710000MA0000002T", "91710000MA0000001P"
    staged.holds({"P1": ANNA, "P2": BO})
    staged.stage(ENTITIES, "registration_code, entity_name, legal_representative", [
        (trader, "王小明小吃店", "王小明"), (company, "甲公司", "王小明"), ("92710000MA0000003N", "李雷商店", "李雷"),
    ])  # fmt: skip
    names = [column.name for column in find_contract(staged.settings.contracts, licence).columns]
    facts = {"subject_class_code": "个体工商户", "legal_representative": "王小明", "legal_representative_id_no": ANNA}
    row = {**dict.fromkeys(names), **facts, "legal_representative_id_type": "身份证"}
    rows = [{**row, "subject_uscc": code, "licence_no": code} for code in (trader, company)]
    staged.stage(licence, ", ".join(names), [tuple(one[name] for name in names) for one in rows])
    staged.night()
    sought = seek(staged.settings, staged.keys()["P1"])
    assert sought.traders == {ENTITIES: [trader]}
    delete(staged.settings, sought, lambda _: None)
    staged.night()
    forget_traders(staged.settings, sought)
    assert rows_left(staged.settings, sought) == {}
    left = staged.rows(f"select registration_code from vault.staging.stg_{ENTITIES.replace('.', '__')} order by all")
    assert left == [(company,), ("92710000MA0000003N",)]
    for table in ("entity_mention", "entity_record", "retired_record", "entity_profile"):
        assert not [
            one for one in staged.rows(f"from vault.identity.{table}") if trader in repr(one) or "小吃" in repr(one)
        ]
