"""Which account acts, for locks and ledgers."""

import os
import pwd


def whoami() -> str:
    """The account of this process as the system knows it; its number where it has no name (in some containers).

    Not from the environment, which anybody can set: these names stand in ledgers.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
