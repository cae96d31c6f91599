"""The client for asyncio."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

from . import _calls
from ._calls import NOT_GIVEN, ChangeAction
from ._client import BaseClient
from ._event import Event
from ._options import Policy
from ._prepare import prepare

_T = TypeVar("_T")

RECORD_THREADS = 32
SPOOL_THREADS = 4
FLUSH_THREADS = 4


class AsyncAuditClient(BaseClient):
    """Sends audit events from asyncio: :class:`AuditClient`, to be awaited.

    ``enqueue`` writes right away, which takes microseconds, unless it has to
    wait. All that waits runs in threads of the client's own, so that it takes
    none from the application: ``record`` in at most 32, of which each has a
    connection, ``enqueue`` in at most 4.

    A task that is cancelled stops waiting; what it began goes on.
    """

    _pid = 0
    _pools: dict[str, ThreadPoolExecutor]

    async def record(
        self, event: Event | Mapping[str, Any], *, policy: Policy | None = None
    ) -> str:
        """See :meth:`AuditClient.record`."""
        deadline = time.monotonic() + self._core.options.record_timeout
        # Here and not in the thread: the context is that of this task.
        prepared = prepare(event)
        self._core.check_open("record", prepared)
        await self._run(
            "record", RECORD_THREADS, self._core.record, prepared, policy, deadline
        )
        return prepared.id

    async def enqueue(self, event: Event | Mapping[str, Any]) -> str:
        """See :meth:`AuditClient.enqueue`."""
        deadline = time.monotonic() + self._core.options.enqueue_timeout
        prepared = prepare(event)
        self._core.check_open("enqueue", prepared)
        if not self._core.try_enqueue(prepared):
            await self._run("enqueue", SPOOL_THREADS, self._core.enqueue, prepared, deadline)
        return prepared.id

    async def flush(self, timeout: float = 5.0) -> None:
        """See :meth:`AuditClient.flush`."""
        self._core.check_open("flush")
        await self._run("flush", FLUSH_THREADS, self._core.flush, timeout)

    async def close(self, timeout: float = 5.0) -> None:
        """See :meth:`AuditClient.close`. A ``record`` that is under way goes on to its end."""
        if self._core.closed:
            return
        await self._run("flush", FLUSH_THREADS, self._core.close, timeout)
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.shutdown(wait=False)

    async def log_login(
        self, user_id: str, success: bool, details: Mapping[str, Any] | None = None
    ) -> str:
        """See :meth:`AuditClient.log_login`."""
        return await self.record(_calls.login(user_id, success, details))

    async def log_data_access(self, actor_id: str, resource_type: str, resource_id: str) -> str:
        """See :meth:`AuditClient.log_data_access`."""
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
        """See :meth:`AuditClient.log_data_change`."""
        return await self.record(
            _calls.data_change(actor_id, resource_type, resource_id, action, before, after)
        )

    async def __aenter__(self) -> AsyncAuditClient:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, name: str, threads: int, call: Callable[..., _T], *args: Any) -> _T:
        """Run a call in the pool of this name."""
        if self._pid != os.getpid():  # the threads of the pools did not survive a fork
            self._pid, self._pools = os.getpid(), {}
        pool = self._pools.get(name)
        if pool is None:
            pool = ThreadPoolExecutor(threads, thread_name_prefix=f"audit-archiver-{name}")
            self._pools[name] = pool
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, functools.partial(call, *args))
