"""The client for threads."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from . import _calls
from ._calls import NOT_GIVEN, ChangeAction
from ._core import Core
from ._event import Event
from ._options import DeadLetterHook, Options, Policy, SpoolSync, default_spool_dir
from ._prepare import prepare
from ._stats import Stats

DEFAULT_URL = "http://127.0.0.1:8420"


class BaseClient:
    """What AuditClient and AsyncAuditClient share: options and counters.

    Times are in seconds. Raises ValueError that names every option that is wrong.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        token: str | None = None,
        record_timeout: float = 10.0,
        request_timeout: float = 5.0,
        spool_dir: str | os.PathLike[str] | None = None,
        spool_max_bytes: int = 256 << 20,
        spool_sync: SpoolSync = "interval",
        spool_sync_interval: float = 0.05,
        enqueue_timeout: float = 5.0,
        batch_events: int = 500,
        batch_bytes: int = 1 << 20,
        linger: float = 0.02,
        policies: Mapping[str, Policy] | None = None,
        on_dead_letter: DeadLetterHook | None = None,
    ) -> None:
        env = os.environ
        self._core = Core(
            Options(
                url=url or env.get("ARCHIVER_URL") or DEFAULT_URL,
                token=token or env.get("ARCHIVER_TOKEN"),
                record_timeout=record_timeout,
                request_timeout=request_timeout,
                # Absolute: the process may change its working directory.
                spool_dir=Path(spool_dir or default_spool_dir(env)).absolute(),
                spool_max_bytes=spool_max_bytes,
                spool_sync=spool_sync,
                spool_sync_interval=spool_sync_interval,
                enqueue_timeout=enqueue_timeout,
                batch_events=batch_events,
                batch_bytes=batch_bytes,
                linger=linger,
                policies=dict(policies or {}),
                on_dead_letter=on_dead_letter,
            )
        )

    def stats(self) -> Stats:
        """Return the counters of this client in this process."""
        return self._core.stats()


class AuditClient(BaseClient):
    """Sends audit events from threads. Safe for concurrent use; make one per process.

    A forked child uses the client that it inherits: it gets a spool of its own.
    """

    def record(self, event: Event | Mapping[str, Any], *, policy: Policy | None = None) -> str:
        """Return the event's id once the sidecar has it on its disk.

        If that cannot be had within ``record_timeout``, the action's policy
        decides: ``fail_closed`` raises AuditUnavailable, ``fail_open_spooled``
        spools the event as :meth:`enqueue` does and returns. Raises
        AuditRejected, AuditConflict or AuditClosed as well; all carry the event.
        """
        deadline = time.monotonic() + self._core.options.record_timeout
        prepared = prepare(event)
        self._core.record(prepared, policy, deadline)
        return prepared.id

    def enqueue(self, event: Event | Mapping[str, Any]) -> str:
        """Return the event's id once it is in the spool on the local disk.

        It is delivered in the background, by the next process if need be. Waits
        for room for at most ``enqueue_timeout``, then raises AuditSpoolFull.
        Raises AuditUnavailable if the disk does not take it, AuditRejected or
        AuditClosed as well.
        """
        deadline = time.monotonic() + self._core.options.enqueue_timeout
        prepared = prepare(event)
        if not self._core.try_enqueue(prepared):
            self._core.enqueue(prepared, deadline)
        return prepared.id

    def flush(self, timeout: float = 5.0) -> None:
        """Return once all that was enqueued before is stored or dead-lettered.

        Raises AuditUnavailable when the time is up; nothing is lost then.
        """
        self._core.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Take no more events, flush for at most timeout seconds, end the threads.

        What is left stays in the spool for the next process that uses it.
        """
        self._core.close(timeout)

    def log_login(
        self, user_id: str, success: bool, details: Mapping[str, Any] | None = None
    ) -> str:
        """Record ``user.login`` on a ``session``."""
        return self.record(_calls.login(user_id, success, details))

    def log_data_access(self, actor_id: str, resource_type: str, resource_id: str) -> str:
        """Record ``<resource_type>.read``."""
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
        """Record ``<resource_type>.<action>`` with before and after as far as given."""
        return self.record(
            _calls.data_change(actor_id, resource_type, resource_id, action, before, after)
        )

    def __enter__(self) -> AuditClient:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
