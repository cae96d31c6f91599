"""A client that keeps its events in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from types import TracebackType
from typing import Any

from .. import _calls
from .._calls import NOT_GIVEN, ChangeAction
from .._errors import AuditClosed
from .._event import Event
from .._kinds import is_object
from .._options import Policy
from .._prepare import prepare
from .._stats import Stats


class BaseRecorder:
    """The memory, and the questions that a test asks it. Safe for concurrent use."""

    def __init__(self) -> None:
        self._mu = threading.Lock()
        self._events: list[dict[str, Any]] = []
        self._recorded = 0
        self._closed = False

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events, complete as they would be sent, in their order."""
        with self._mu:
            return list(self._events)

    def find(self, **fields: Any) -> list[dict[str, Any]]:
        """Return the events that have these values.

        A mapping matches if its members do: ``find(action="user.login",
        actor={"id": "u-1"})``.
        """
        return [event for event in self.events if _matches(event, fields)]

    def expect(self, action: str, **fields: Any) -> dict[str, Any]:
        """Return the one event with this action and these values.

        Raises AssertionError that tells what was recorded instead, if there is
        none or more than one.
        """
        wanted = {"action": action, **fields}
        found = self.find(**wanted)
        if len(found) == 1:
            return found[0]
        lines = [_line(event) for event in self.events] or ["nothing"]
        raise AssertionError(
            f"want one event with {wanted}, have {len(found)}; recorded:\n  " + "\n  ".join(lines)
        )

    def clear(self) -> None:
        """Forget all events."""
        with self._mu:
            self._events.clear()

    def stats(self) -> Stats:
        with self._mu:
            enqueued = len(self._events) - self._recorded
            return Stats(
                recorded=self._recorded,
                enqueued=max(0, enqueued),
                delivered=max(0, enqueued),
                dead_lettered=0,
                spool_bytes=0,
                spool_events=0,
                retries=0,
                last_error=None,
                last_delivered_at=datetime.now(timezone.utc) if self._events else None,
            )

    def _keep(self, event: Event | Mapping[str, Any], *, recorded: bool) -> str:
        prepared = prepare(event)
        with self._mu:
            if self._closed:
                raise AuditClosed(
                    f"keep event {prepared.id} ({prepared.action}): the recorder is closed",
                    events=[prepared.event],
                )
            self._events.append(prepared.event)
            self._recorded += recorded
        return prepared.id

    def _close(self) -> None:
        with self._mu:
            self._closed = True


class Recorder(BaseRecorder):
    """Takes the place of an AuditClient. Events are completed and checked as there."""

    def record(self, event: Event | Mapping[str, Any], *, policy: Policy | None = None) -> str:
        return self._keep(event, recorded=True)

    def enqueue(self, event: Event | Mapping[str, Any]) -> str:
        return self._keep(event, recorded=False)

    def flush(self, timeout: float = 5.0) -> None:
        """Do nothing: what is kept is delivered."""

    def close(self, timeout: float = 5.0) -> None:
        self._close()

    def log_login(
        self, user_id: str, success: bool, details: Mapping[str, Any] | None = None
    ) -> str:
        return self.record(_calls.login(user_id, success, details))

    def log_data_access(self, actor_id: str, resource_type: str, resource_id: str) -> str:
        return self.record(_calls.data_access(actor_id, resource_type, resource_id))

    def log_data_change(
        self,
        actor_id: str,
        resource_type: str,
        resource_id: str,
        action: ChangeAction,
        before: Any = NOT_GIVEN,
        after: Any = NOT_GIVEN,
    ) -> str:
        return self.record(
            _calls.data_change(actor_id, resource_type, resource_id, action, before, after)
        )

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncRecorder(BaseRecorder):
    """Takes the place of an AsyncAuditClient."""

    async def record(
        self, event: Event | Mapping[str, Any], *, policy: Policy | None = None
    ) -> str:
        return self._keep(event, recorded=True)

    async def enqueue(self, event: Event | Mapping[str, Any]) -> str:
        return self._keep(event, recorded=False)

    async def flush(self, timeout: float = 5.0) -> None:
        """Do nothing: what is kept is delivered."""

    async def close(self, timeout: float = 5.0) -> None:
        self._close()

    async def log_login(
        self, user_id: str, success: bool, details: Mapping[str, Any] | None = None
    ) -> str:
        return await self.record(_calls.login(user_id, success, details))

    async def log_data_access(self, actor_id: str, resource_type: str, resource_id: str) -> str:
        return await self.record(_calls.data_access(actor_id, resource_type, resource_id))

    async def log_data_change(
        self,
        actor_id: str,
        resource_type: str,
        resource_id: str,
        action: ChangeAction,
        before: Any = NOT_GIVEN,
        after: Any = NOT_GIVEN,
    ) -> str:
        return await self.record(
            _calls.data_change(actor_id, resource_type, resource_id, action, before, after)
        )

    async def __aenter__(self) -> AsyncRecorder:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


def _matches(value: Any, wanted: Any) -> bool:
    if is_object(wanted) and is_object(value):
        return all(_matches(value.get(name), inner) for name, inner in wanted.items())
    return bool(value == wanted)


def _line(event: Mapping[str, Any]) -> str:
    actor, resource = event["actor"]["id"], event["resource"]
    return (
        f"{event['action']} by {actor} on {resource['type']}/{resource.get('id', '')}:"
        f" {event['outcome']}"
    )
