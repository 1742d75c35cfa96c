import pwd

import pytest

from citylake.lake.account import whoami


def test_the_account_in_a_ledger_is_not_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    # Would catch getpass.getuser(): anybody could withdraw a delivery in the mayor's name.
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "mayor")
    assert whoami() != "mayor"


def test_an_account_without_a_name_is_known_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    # In a container an account often has no entry; it must be able to write all the same.
    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert whoami().isdigit()
