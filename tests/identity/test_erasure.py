"""What is sought of a person who is to be erased."""

from citylake.identity.erasure import seek
from tests.identity.staged import ANNA, BO, REGISTER, Staged


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
