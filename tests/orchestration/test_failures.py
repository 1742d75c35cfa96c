import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from citylake.lake.errors import AuditFailed, CitylakeError, LockHeld
from citylake.lake.settings import Settings
from orchestration.failures import NightFailed, Notice, error_of, is_worth_a_notice, notify, trace_of

CITIZEN_ID = "99999919800101001X"


class _Webhook(BaseHTTPRequestHandler):
    """Keeps what is posted to it, and answers as it was told to."""

    received: list[dict[str, Any]]
    answer: int

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def webhook() -> Iterator[tuple[str, type[_Webhook]]]:
    handler = type("Handler", (_Webhook,), {"received": [], "answer": 200})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook?token=secret-token", handler
        server.shutdown()


def _events_of(error: Exception) -> list[dg.DagsterEvent]:
    @dg.op
    def stage() -> None:
        raise error

    @dg.job
    def night() -> None:
        stage()

    return list(night.execute_in_process(raise_on_error=False).all_events)


def test_a_failure_is_posted_to_the_webhook_with_run_and_reason(
    tmp_path: Path, webhook: tuple[str, type[_Webhook]]
) -> None:
    # A notice that does not say which run failed and why wakes somebody for nothing.
    address, handler = webhook
    settings = Settings(home=tmp_path, notify_webhook=SecretStr(address))
    assert notify(settings, Notice.of("20261121T180000Z-1f3a", AuditFailed("roll-up of G01 is not exact"))) == []
    (posted,) = handler.received
    assert posted["event"] == "nightly_refresh_failed"
    assert posted["run_id"] == "20261121T180000Z-1f3a"
    assert (posted["error"], posted["message"]) == ("AuditFailed", "roll-up of G01 is not exact")


def test_an_unforeseen_error_tells_the_webhook_no_value_of_any_record(
    tmp_path: Path, webhook: tuple[str, type[_Webhook]]
) -> None:
    # Libraries quote the value they stumbled over: a citizen id would leave the machine.
    address, handler = webhook
    events = _events_of(ValueError(f"cannot cast {CITIZEN_ID}"))
    error = error_of(events)
    assert isinstance(error, NightFailed)
    notify(Settings(home=tmp_path, notify_webhook=SecretStr(address)), Notice.of("r1", error))
    assert CITIZEN_ID not in json.dumps(handler.received)
    assert CITIZEN_ID in trace_of(events)


def test_a_webhook_that_refuses_is_reported_without_its_token(
    tmp_path: Path, webhook: tuple[str, type[_Webhook]]
) -> None:
    # The address is a secret; the failure to reach it must neither raise nor print it.
    address, handler = webhook
    handler.answer = 500
    problems = notify(Settings(home=tmp_path, notify_webhook=SecretStr(address)), Notice.of("r1", AuditFailed("x")))
    assert len(problems) == 1
    assert "secret-token" not in problems[0]


def test_a_failure_is_mailed_when_the_settings_name_somebody(tmp_path: Path) -> None:
    # A city without a webhook would otherwise learn of a failed night from its leaders.
    with _MailServer() as (port, mails):
        settings = Settings(home=tmp_path, notify_mail_to="duty@city.example", smtp_host="127.0.0.1", smtp_port=port)
        assert notify(settings, Notice.of("r1", AuditFailed("roll-up of G01 is not exact"))) == []
    assert "duty@city.example" in mails[0]
    assert "roll-up of G01 is not exact" in mails[0]


def test_the_type_of_an_error_survives_dagster() -> None:
    # The exit code of the command is the error's: a failed audit (5) must not become a generic failure (1).
    error = error_of(_events_of(AuditFailed("2 checks failed")))
    assert type(error) is AuditFailed
    assert str(error) == "2 checks failed"


def test_nobody_is_woken_for_a_lock_that_is_held() -> None:
    # Two schedulers that meet are no failure of the lake.
    assert not is_worth_a_notice(LockHeld("nightly refresh has been writing"))
    assert is_worth_a_notice(AuditFailed("x"))
    assert is_worth_a_notice(CitylakeError("x"))


class _MailServer:
    """The least of an SMTP server: takes one mail and keeps its text."""

    def __enter__(self) -> tuple[int, list[str]]:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._mails: list[str] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self._socket.getsockname()[1], self._mails

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=30)
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection, connection.makefile("rw", newline="\r\n", encoding="utf-8") as line:
            self._say(line, "220 ready")
            lines: list[str] = []
            for text in line:
                command = text.strip().upper()
                if command == "DATA":
                    self._say(line, "354 go on")
                    for part in line:
                        if part.strip() == ".":
                            break
                        lines.append(part)
                    self._mails.append("".join(lines))
                    self._say(line, "250 taken")
                elif command == "QUIT":
                    self._say(line, "221 bye")
                    return
                else:
                    self._say(line, "250 fine")

    @staticmethod
    def _say(line: Any, text: str) -> None:
        line.write(f"{text}\n")
        line.flush()
