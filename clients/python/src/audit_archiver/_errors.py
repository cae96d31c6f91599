"""What can go wrong, as types.

Every error says what was attempted, and carries the event or events that it
is about, completed and with their ids: sending one of them again is safe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class FieldError(NamedTuple):
    """What is wrong with one field of an event."""

    field: str
    """Path such as ``actor.id``; empty: the event as a whole."""
    reason: str
    """For a human who has to mend the sender."""


class AuditError(Exception):
    """Any failure of this package.

    ``events`` are the events that it is about, in wire form; ``event`` is the
    first of them, or ``None``.
    """

    def __init__(self, message: str, *, events: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.events: tuple[Mapping[str, Any], ...] = tuple(events)

    @property
    def event(self) -> Mapping[str, Any] | None:
        return self.events[0] if self.events else None


class AuditRejected(AuditError):
    """The event can never be stored as it is. Do not retry: mend the event.

    ``errors`` says what is wrong, field by field. ``status`` is the HTTP status
    of the refusal, or ``None`` if the event was not even sent.
    """

    def __init__(
        self,
        message: str,
        *,
        events: Sequence[Mapping[str, Any]] = (),
        errors: Sequence[FieldError] = (),
        status: int | None = None,
    ) -> None:
        super().__init__(message, events=events)
        self.errors: tuple[FieldError, ...] = tuple(errors)
        self.status = status


class AuditConflict(AuditError):
    """Another event with this id, but other content, is stored already.

    Do not retry: an id was used twice. ``errors`` is the sidecar's explanation.
    """

    def __init__(
        self,
        message: str,
        *,
        events: Sequence[Mapping[str, Any]] = (),
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(message, events=events)
        self.errors: tuple[FieldError, ...] = tuple(errors)
        self.status = 409


class AuditUnavailable(AuditError):
    """Not stored, or not known to be stored, in the time that there was.

    Retry with the same event, which has its id: that settles what is unknown.
    ``status`` is that of the last answer, or ``None`` if there was none;
    ``outcome_unknown`` says whether the event may be stored nevertheless;
    ``__cause__`` is the last failure below.
    """

    def __init__(
        self,
        message: str,
        *,
        events: Sequence[Mapping[str, Any]] = (),
        status: int | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message, events=events)
        self.status = status
        self.outcome_unknown = outcome_unknown


class AuditSpoolFull(AuditError):
    """The spool had no room for the whole ``enqueue_timeout``. Retry later."""


class AuditClosed(AuditError):
    """The client is closed."""


def describe(errors: Sequence[FieldError]) -> str:
    """Put field errors into one line, cut after the third."""
    text = "; ".join(f"{e.field or 'event'} {e.reason}" for e in errors[:3])
    return text if len(errors) <= 3 else f"{text}; and {len(errors) - 3} more"
