"""dbt in a process that never outlives the one who started it: ``python -m orchestration.dbt_process PID …``.

The writer's lock is the starter's. If the starter is killed, the kernel frees the lock, and kills dbt as well.
Nothing but the standard library and dbt is imported here: the time to start is paid several times a night.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
PARSED = "--parsed"
"""Before dbt's own arguments: ``--parsed FILE RESULTS`` runs on a project parsed before, and writes results only."""


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; leave at once when it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(f"Whoever started dbt (pid {parent}) has ended; nothing was written.")


def main() -> None:
    """Run dbt's own command line with the arguments after the parent's process id."""
    die_with(int(sys.argv[1]))
    match sys.argv[2:]:
        case [option, parsed, results, *arguments] if option == PARSED:
            sys.exit(run_parsed(Path(parsed), Path(results), arguments))
        case arguments:
            from dbt.cli.main import cli  # noqa: PLC0415  # dbt takes seconds to import: first make sure it may live

            sys.argv = ["dbt", *arguments]
            cli()


def run_parsed(parsed: Path, results: Path, arguments: list[str]) -> int:
    """Run one command on the project as it was parsed once, whatever home that was for; dbt's exit code.

    Left to itself, dbt would look through the project again and write the whole manifest twice: as long as all else
    that it does before the first model.
    """
    from dbt.artifacts.schemas.run import RunExecutionResult  # noqa: PLC0415  # see main
    from dbt.cli.main import dbtRunner  # noqa: PLC0415
    from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415

    manifest = Manifest.from_msgpack(parsed.read_bytes())
    manifest.build_flat_graph()
    outcome = dbtRunner(manifest=manifest).invoke(["--no-write-json", *arguments])
    if isinstance(outcome.result, RunExecutionResult):
        outcome.result.write(str(results))
    if outcome.success:
        return 0
    return 1 if outcome.exception is None else 2


if __name__ == "__main__":
    main()
