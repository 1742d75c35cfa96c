"""dbt in a process that never outlives the one who started it: ``python -m orchestration.dbt_process PID …``.

The writer's lock is the starter's. If the starter is killed, the kernel frees the lock, and kills dbt as well.
Nothing but the standard library and dbt is imported here: dbt takes seconds to import and to load its project, so a
night has it done once, beside its first steps, and each command runs in a fork of that.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

_PR_SET_PDEATHSIG = 1
SERVE = "--serve"
"""Instead of dbt's own arguments: ``--serve FD PARSED`` runs one command after the other, as ``orchestration.dbt_host``
asks for them over the socket, on the project that was parsed into this file before."""
_IMPORTED_ONCE = ("dbt.cli.main", "dbt.task.build")
"""All of dbt but its adapter: DuckDB starts threads, and a process with threads must not fork."""
_MESSAGE_BYTES = 1 << 16
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""dbt makes a thousand macros for every node and lets go of them: looked for every 700 objects, as Python does by
itself, what can be freed takes a thirtieth of its time."""


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
        case [option, connection, parsed] if option == SERVE:
            # Ctrl-C reaches everybody at the terminal: whoever started the command decides what becomes of it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            serve(socket.socket(fileno=int(connection)), Project(Path(parsed)))
        case arguments:
            from dbt.cli.main import cli  # noqa: PLC0415  # dbt takes seconds to import: first make sure it may live

            sys.argv = ["dbt", *arguments]
            cli()


class Project:
    """The project as it was parsed once, whatever home that was for; loaded anew when it was parsed anew."""

    def __init__(self, parsed: Path) -> None:
        self._parsed = parsed
        self._loaded: tuple[int, int] | None = None
        self._manifest: Manifest | None = None

    def load(self) -> "Manifest":
        """Raises FileNotFoundError before the project was ever parsed."""
        from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415  # see main

        status = self._parsed.stat()
        if self._manifest is None or self._loaded != (status.st_ino, status.st_mtime_ns):
            self._manifest = Manifest.from_msgpack(self._parsed.read_bytes())
            self._manifest.build_flat_graph()
            self._loaded = (status.st_ino, status.st_mtime_ns)
        return self._manifest


def serve(connection: socket.socket, project: Project) -> None:
    """Run what is asked for, one command at a time, each in a fork of this process; until nobody is there to ask.

    A command is a line of JSON with the file that it is to write to; the answers are its process id, then how it ended,
    as ``os.waitpid`` gives it. This process never opens a database and has no thread but its first: what a command did
    leaves nothing behind for the next one.
    """
    for module in _IMPORTED_ONCE:
        importlib.import_module(module)
    with suppress(FileNotFoundError):
        project.load()
    while asked := _receive(connection):
        wanted, output = asked
        project.load()
        child = os.fork()
        if child == 0:
            connection.close()
            _become(wanted, output)
            sys.exit(run_parsed(project.load(), Path(wanted["results"]), wanted["arguments"]))
        os.close(output)
        _answer(connection, child)
        _, status = os.waitpid(child, 0)
        _answer(connection, status)


def _receive(connection: socket.socket) -> tuple[dict[str, Any], int] | None:
    try:
        text, files, _, _ = socket.recv_fds(connection, _MESSAGE_BYTES, 1)
        while text and not text.endswith(b"\n"):
            text += connection.recv(_MESSAGE_BYTES)
    except ConnectionError:
        return None
    return (json.loads(text), files[0]) if text else None


def _answer(connection: socket.socket, number: int) -> None:
    connection.sendall(f"{number}\n".encode())


def _become(wanted: dict[str, Any], output: int) -> None:
    """Be the process of the command that is wanted: its parent's child, with its output, environment and folder."""
    die_with(wanted["host"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    os.close(output)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["folder"])


def run_parsed(manifest: "Manifest", results: Path, arguments: list[str]) -> int:
    """Run one command on a parsed project, writing its results only; dbt's exit code.

    Left to itself, dbt would look through the project again and write the whole manifest twice: as long as all else
    that it does before the first model.
    """
    from dbt.artifacts.schemas.run import RunExecutionResult  # noqa: PLC0415  # see main
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    outcome = dbtRunner(manifest=manifest, callbacks=[SpareDebugLines()]).invoke(["--no-write-json", *arguments])
    if isinstance(outcome.result, RunExecutionResult):
        outcome.result.write(str(results))
    if outcome.success:
        return 0
    if outcome.exception is not None:
        sys.stderr.write(f"{outcome.exception}\n")
    return 1 if outcome.exception is None else 2


class SpareDebugLines:
    """A callback of dbt's events: at the first, have the logs that show no debug line turn it away unmade.

    dbt makes every event's line for every log, four thousand of them for a small city's marts, and throws away what is
    below the log's level: nine of ten, and a tenth of its time.
    """

    def __init__(self) -> None:
        self._is_done = False

    def __call__(self, _: object) -> None:
        if self._is_done:
            return
        self._is_done = True
        from dbt_common.events.base_types import EventLevel  # noqa: PLC0415  # see main
        from dbt_common.events.event_manager_client import get_event_manager  # noqa: PLC0415

        for log in get_event_manager().loggers:
            if log.level is not EventLevel.DEBUG:
                log.filter = partial(_is_told, log.filter)


def _is_told(is_wanted: "Callable[[EventMsg], bool]", event: "EventMsg") -> bool:
    return event.info.level != "debug" and is_wanted(event)


if __name__ == "__main__":
    main()
