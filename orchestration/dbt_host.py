"""The process in which a night's dbt commands run: started once, beside the night's first steps.

What the other end does is in ``orchestration.dbt_process``; what is asked of dbt, in ``orchestration.dbt``.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from citylake.lake.errors import CitylakeError
from orchestration.dbt_process import SERVE

_LEAVING_SECONDS = 10.0


class DbtFailed(CitylakeError):
    """dbt itself failed: a model's SQL, the project's YAML or the machine; readers keep the last release."""


class DbtHost:
    """dbt, imported and with its project loaded once; every command runs in a fork of that, and dies with it.

    A context manager: at its end the process leaves by itself, or is killed with the command that still runs.
    """

    def __init__(self, parsed: Path) -> None:
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "orchestration.dbt_process", str(os.getpid())),
                    *(SERVE, str(theirs.fileno()), str(parsed)),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        try:
            self._process.wait(_LEAVING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Of the process that waits for commands."""
        return self._process.pid

    def run(
        self, arguments: Sequence[str], *, results: Path, environment: Mapping[str, str], folder: Path
    ) -> "DbtCommand":
        """Start one command; the one before it must have ended. Raises DbtFailed."""
        wanted = {
            "host": self.pid,
            "arguments": list(arguments),
            "results": str(results),
            "environment": dict(environment),
            "folder": str(folder),
        }
        reading, writing = os.pipe()
        output = os.fdopen(reading, "rb")
        try:
            pid = self._ask(json.dumps(wanted).encode() + b"\n", writing)
        except OSError:
            pid = None
        finally:
            os.close(writing)
        if pid is None:
            output.close()
            raise DbtFailed(
                "The process that runs dbt has ended by itself, as it does when memory runs out, so nothing was "
                "published and readers keep the last release."
            )
        return DbtCommand(self, pid, ["dbt", *arguments], output)

    def _ask(self, message: bytes, output: int) -> int | None:
        sent = socket.send_fds(self._connection, [message], [output])
        self._connection.sendall(message[sent:])
        return self.answer()

    def answer(self, timeout: float | None = None) -> int | None:
        """The next number that the process says, None when it has gone. Raises TimeoutError."""
        self._connection.settimeout(timeout)
        said = b""
        while not said.endswith(b"\n"):
            more = self._connection.recv(1)
            if not more:
                return None
            said += more
        return int(said)


class DbtCommand:
    """A command that runs, with what dagster-dbt uses of ``subprocess.Popen``."""

    def __init__(self, host: DbtHost, pid: int, args: list[str], stdout: BinaryIO) -> None:
        self.args = args
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._host = host

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for a signal, as Popen gives it. Raises TimeoutExpired."""
        if self.returncode is None:
            try:
                status = self._host.answer(timeout)
            except TimeoutError as problem:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from problem
            self.returncode = -signal.SIGKILL if status is None else os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Interrupt it."""
        if self.returncode is None:
            os.kill(self.pid, number)
