"""What is known of the request in which an event is made.

A context lives in a :class:`contextvars.ContextVar`: every task and every
thread-pool call of a request sees the one of its request and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any

from ._event import Actor
from ._kinds import is_dict

ActorHook = Callable[[], "Actor | None"]


@dataclass(slots=True)
class AuditContext:
    """Values for the fields that an event does not have itself.

    One object is shared by everything that runs for a request, so a value that
    a dependency sets (``current_context().actor = …``) is there afterwards,
    even if it ran in another thread.

    ``actor`` may be a function; it is called when an event is made.
    ``traceparent`` goes to ``details.traceparent``.
    """

    request_id: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    actor: Actor | ActorHook | None = None
    organization_id: str | None = None
    traceparent: str | None = None

    def fill(self, event: dict[str, Any]) -> None:
        """Give the event what it does not have; None and absent are the same."""
        get = event.get
        if self.request_id is not None and get("request_id") is None:
            event["request_id"] = self.request_id
        if self.ip is not None and get("ip") is None:
            event["ip"] = self.ip
        if self.user_agent is not None and get("user_agent") is None:
            event["user_agent"] = self.user_agent
        if self.organization_id is not None and get("organization_id") is None:
            event["organization_id"] = self.organization_id
        if self.actor is not None and get("actor") is None:
            actor = self.actor() if callable(self.actor) else self.actor
            if actor is not None:
                event["actor"] = actor
        if self.traceparent is not None:
            details = get("details")
            if details is None:
                event["details"] = {"traceparent": self.traceparent}
            elif is_dict(details) and "traceparent" not in details:
                event["details"] = {**details, "traceparent": self.traceparent}


_current: ContextVar[AuditContext | None] = ContextVar("audit_archiver", default=None)


def current_context() -> AuditContext | None:
    """Return the context of this task or thread, if it has one."""
    return _current.get()


def set_context(context: AuditContext) -> Token[AuditContext | None]:
    """Make context the current one, for the middlewares; see audit_context."""
    return _current.set(context)


def reset_context(token: Token[AuditContext | None]) -> None:
    """Undo set_context, in the same task."""
    _current.reset(token)


@contextmanager
def audit_context(context: AuditContext) -> Generator[AuditContext, None, None]:
    """Make context the current one within a ``with`` block.

    The middlewares do this for a request. Do it yourself for a job or a message:

        with audit_context(AuditContext(request_id=job.id, actor=worker)):
            ...
    """
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)
