"""Which account acts, for locks and ledgers."""

import os
import pwd


def whoami() -> str:
    """The account of this process as the system knows it; its number where it has no name (in some containers).

    Not from the environment, which anybody can set: these names stand in ledgers.
    """
    return account_name(os.getuid())


def account_name(number: int) -> str:
    """The name of the account with this number; the number where it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
