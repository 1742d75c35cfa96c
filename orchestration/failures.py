"""What a failed run says of itself: the typed error behind Dagster's events, and the notice that goes out.

A notice leaves the machine, so it carries only what citylake's own errors say (no identifiers, by their charter); of an
unexpected error it names the type and nothing else. What else somebody must hear goes out the same way.
"""

import smtplib
import socket
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Literal

import httpx
from dagster import DagsterEvent, DagsterEventType
from dagster_shared.error import SerializableErrorInfo

from citylake.lake.errors import CitylakeError, LockHeld, UsageError
from citylake.lake.settings import Settings

_WEBHOOK_ATTEMPTS = 3
_TIMEOUT_SECONDS = 10.0
Event = Literal["nightly_refresh_failed", "new_columns"]
_SUBJECTS: dict[Event, str] = {
    "nightly_refresh_failed": "夜间刷新失败 the nightly refresh failed",
    "new_columns": "数据出现新列 a dataset has new columns",
}
_NOBODY_TO_WAKE = (LockHeld, UsageError)
"""What the one who started the run learns at once, and nothing is wrong with the lake."""


class NightFailed(CitylakeError):
    """A stage failed for a reason that citylake did not foresee; readers keep the last release."""


class NightKilled(CitylakeError):
    """A night was killed before its end; the next one notices."""

    def __init__(self) -> None:
        super().__init__(
            "夜间刷新未结束即被终止 (断电、内存不足或人为终止); 读者仍看到上一次发布, 本次刷新正在重新计算。 "
            "The night was killed before its end (power, memory, or somebody's kill); readers keep the last release, "
            "and the night that noticed it computes everything again."
        )


@dataclass(frozen=True)
class Notice:
    """That a night failed, or (``event``) something else that somebody has to hear."""

    run_id: str
    error: str
    message: str
    host: str
    at: str
    event: Event = "nightly_refresh_failed"

    @classmethod
    def of(cls, run_id: str, error: CitylakeError, event: Event = "nightly_refresh_failed") -> "Notice":
        now = datetime.now(UTC).isoformat()
        return cls(run_id, type(error).__name__, str(error), socket.gethostname(), now, event)


def notify(settings: Settings, notice: Notice) -> list[str]:
    """Send the notice wherever the settings say; returns what could not be sent, for the log. Raises nothing."""
    problems: list[str] = []
    if settings.notify_webhook is not None:
        try:
            _post(settings.notify_webhook.get_secret_value(), notice)
        except httpx.HTTPError as problem:
            # The address may hold a token: it is not repeated.
            problems.append(f"The webhook did not take the notice ({type(problem).__name__}).")
    if settings.notify_mail_to is not None:
        try:
            _mail(settings, notice)
        except OSError as problem:
            problems.append(f"The mail server {settings.smtp_host} did not take the notice ({type(problem).__name__}).")
    return problems


def is_worth_a_notice(error: CitylakeError) -> bool:
    """Whether somebody who did not start the run has to know."""
    return not isinstance(error, _NOBODY_TO_WAKE)


def _post(address: str, notice: Notice) -> None:
    transport = httpx.HTTPTransport(retries=_WEBHOOK_ATTEMPTS - 1)
    with httpx.Client(transport=transport, timeout=_TIMEOUT_SECONDS) as client:
        client.post(address, json=asdict(notice)).raise_for_status()


def _mail(settings: Settings, notice: Notice) -> None:
    mail = EmailMessage()
    mail["Subject"] = f"citylake: {_SUBJECTS[notice.event]} ({notice.run_id})"
    mail["From"], mail["To"] = settings.notify_mail_from, settings.notify_mail_to
    mail.set_content("\n".join(f"{name}: {value}" for name, value in asdict(notice).items()))
    with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=_TIMEOUT_SECONDS) as server:
        server.send_message(mail)


def error_of(events: Iterable[DagsterEvent]) -> CitylakeError | None:
    """The error that failed a run, as its own type again; None when no event tells of a failure.

    What Dagster keeps of an exception is its type's name and its text, so that it can be read from any process.
    """
    for event in events:
        info = _info(event)
        if info is not None:
            return _typed(info)
    return None


def trace_of(events: Iterable[DagsterEvent]) -> str:
    """Everything Dagster knows of the failures, with tracebacks: for an owner-only file, never for the screen."""
    return "\n\n".join(info.to_string() for event in events if (info := _info(event)) is not None)


def _info(event: DagsterEvent) -> SerializableErrorInfo | None:
    match event.event_type:
        case DagsterEventType.STEP_FAILURE:
            return event.step_failure_data.error
        case DagsterEventType.RUN_FAILURE:
            return event.job_failure_data.error
        case DagsterEventType.RESOURCE_INIT_FAILURE:
            return event.engine_event_data.error
        case _:
            return None


def _typed(info: SerializableErrorInfo) -> CitylakeError:
    known = {kind.__name__: kind for kind in _kinds(CitylakeError)}
    links = list(_chain(info))
    for link in links:
        kind = known.get((link.cls_name or "").rsplit(".", 1)[-1])
        if kind is not None:
            return kind(link.message.split(": ", 1)[-1].strip())
    return NightFailed(
        f"The night stopped at an error that was not foreseen ({links[-1].cls_name}); nothing was published, readers "
        "keep the last release, and the next night repairs what was left."
    )


def _chain(info: SerializableErrorInfo) -> Iterator[SerializableErrorInfo]:
    link: SerializableErrorInfo | None = info
    while link is not None:
        yield link
        link = link.cause or link.context


def _kinds(kind: type[CitylakeError]) -> Iterator[type[CitylakeError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)
