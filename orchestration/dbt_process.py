"""dbt in a process that never outlives the one who started it: ``python -m orchestration.dbt_process PID …``.

The writer's lock is the starter's. If the starter is killed, the kernel frees the lock, and kills dbt as well.
Nothing but the standard library and dbt is imported here: the time to start is paid several times a night.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; leave at once when it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(f"Whoever started dbt (pid {parent}) has ended; nothing was written.")


def main() -> None:
    """Run dbt's own command line with the arguments after the parent's process id."""
    die_with(int(sys.argv[1]))
    from dbt.cli.main import cli  # noqa: PLC0415  # dbt takes seconds to import: first make sure it may live

    sys.argv = ["dbt", *sys.argv[2:]]
    cli()


if __name__ == "__main__":
    main()
