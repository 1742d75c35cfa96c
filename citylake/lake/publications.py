"""The publication ledger: what became current, when, by whom, and whether publication is held.

One small numbered file an event, under ``ledger/publications/``, never changed once written. It outlives the releases
themselves. Folders, catalogs and the pointer are :mod:`citylake.lake.releases`'s.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from citylake.lake.errors import UsageError
from citylake.lake.files import write_atomically
from citylake.lake.zones import Zones

Kind = Literal["publication", "rollback", "resume"]


class Event(BaseModel):
    """One entry of the ledger."""

    model_config = ConfigDict(frozen=True)

    sequence: int
    kind: Kind
    release_id: str
    """What is current after it."""
    from_release_id: str | None = None
    """What a rollback went away from."""
    by: str
    reason: str | None = None
    at: datetime


def events(zones: Zones) -> list[Event]:
    """All events, oldest first."""
    return [Event.model_validate_json(path.read_bytes()) for path in sorted(_folder(zones).glob("[0-9]*.json"))]


def record(zones: Zones, kind: Kind, release_id: str, *, by: str, reason: str | None = None) -> Event:
    """Append an event; the caller holds the writer's lock."""
    past = events(zones)
    event = Event(
        sequence=past[-1].sequence + 1 if past else 1,
        kind=kind,
        release_id=release_id,
        from_release_id=past[-1].release_id if past and kind == "rollback" else None,
        by=by,
        reason=reason,
        at=datetime.now(UTC),
    )
    folder = _folder(zones)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(folder / f"{event.sequence:06d}-{kind}.json", event.model_dump_json(indent=2))
    return event


def held(zones: Zones) -> Event | None:
    """The rollback that holds publication, with its reason and author; None when the way is free.

    Nothing is published while publication is held, so the newest event decides.
    """
    past = events(zones)
    return past[-1] if past and past[-1].kind == "rollback" else None


def resume(zones: Zones, by: str) -> Event:
    """Let the next night publish again; the caller holds the writer's lock. Raises UsageError when nothing is held."""
    hold = held(zones)
    if hold is None:
        raise UsageError("Publication is not held: there is nothing to resume. 发布未被暂停, 无需恢复。")
    return record(zones, "resume", hold.release_id, by=by)


def recorded_ids(zones: Zones) -> set[str]:
    """The ids of the publications in the ledger."""
    return {event.release_id for event in events(zones) if event.kind == "publication"}


def _folder(zones: Zones) -> Path:
    return zones.ledger / "publications"
