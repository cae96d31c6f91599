"""Middleware for ASGI applications: FastAPI, Starlette, and any other.

It is plain ASGI: the context is set around the whole application call, in the
task that runs it, so that streaming responses and background tasks have it.

    install(app, audit)                 # FastAPI, Starlette
    app = AuditMiddleware(app, audit)   # any ASGI application
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import partial
from typing import Any, Protocol

from ._context import AuditContext, reset_context, set_context
from ._event import Actor
from ._middleware import Automatic, default_event, give_outcome
from ._web import TrustedProxies, request_id, traceparent, user_agent

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

ActorHook = Callable[[Scope], "Actor | None"]
"""Called with the scope when an event is made; None if nobody is known."""

EventHook = Callable[[Scope, "int | None"], Automatic]
"""Called after the response with the scope and the status, None if there was no
response. Returns the event, without what the middleware fills in, or None."""

_log = logging.getLogger("audit_archiver")


class Client(Protocol):
    """An AsyncAuditClient, an AuditClient, or a recorder."""

    @property
    def enqueue(self) -> Callable[[Mapping[str, Any]], Any]: ...


class AuditMiddleware:
    """Gives every request its context and its ``x-request-id``.

    With ``automatic``, ``http.<method>`` is enqueued after each response, or
    what the hook ``event`` returns. Requests of websockets get a context, but
    no automatic event.

    Inside of a framework that makes the response to a failing handler outside
    of its middlewares, as Starlette does, that one response has no
    ``x-request-id``: use :func:`install` there.
    """

    def __init__(
        self,
        app: ASGIApp,
        client: Client | None = None,
        *,
        trusted_proxies: Iterable[str] = (),
        actor: ActorHook | None = None,
        automatic: bool = False,
        event: EventHook | None = None,
    ) -> None:
        automatic = automatic or event is not None
        if automatic and client is None:
            raise ValueError("AuditMiddleware: automatic events need a client")
        self._app = app
        self._client = client
        self._proxies = TrustedProxies(trusted_proxies)
        self._actor = actor
        self._automatic = automatic
        self._event = event
        self._async = client is not None and inspect.iscoroutinefunction(client.enqueue)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        context = self._context(scope)
        id = (context.request_id or "").encode()
        status: int | None = None

        def send_with_id(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] in _RESPONSE_STARTS:
                status = message.get("status", status)
                headers = [h for h in message.get("headers", ()) if h[0].lower() != _REQUEST_ID]
                message["headers"] = [*headers, (_REQUEST_ID, id)]
            return send(message)

        token = set_context(context)
        try:
            if not self._automatic or scope["type"] != "http":
                await self._app(scope, receive, send_with_id)
                return
            failed = True
            try:
                await self._app(scope, receive, send_with_id)
                failed = False
            finally:
                await self._after(scope, status, failed)
        finally:
            reset_context(token)

    def _context(self, scope: Scope) -> AuditContext:
        # Of several lines with one name the last counts, but for X-Forwarded-For.
        headers = dict(scope["headers"])
        id = headers.get(_REQUEST_ID)
        agent = headers.get(b"user-agent")
        trace = headers.get(b"traceparent")
        forwarded: list[str] = []
        if b"x-forwarded-for" in headers:
            lines = (value for name, value in scope["headers"] if name == b"x-forwarded-for")
            forwarded = [line.decode("latin-1") for line in lines]
        peer = scope.get("client")
        return AuditContext(
            request_id=request_id(id and id.decode("latin-1")),
            ip=self._proxies.client(peer[0] if peer else None, forwarded),
            user_agent=user_agent(agent and agent.decode("utf-8", "replace")),
            actor=partial(self._actor, scope) if self._actor is not None else None,
            traceparent=traceparent(trace and trace.decode("latin-1")),
        )

    async def _after(self, scope: Scope, status: int | None, failed: bool) -> None:
        """Enqueue the automatic event. The response is out: all that is left is to tell."""
        try:
            if self._event is not None:
                event = self._event(scope, status)
            else:
                event = default_event(scope["method"], scope["path"], status)
            if event is None or self._client is None:
                return
            whole = give_outcome(event, status, failed)
            if self._async:
                await self._client.enqueue(whole)
            else:  # it may wait for room, and the loop must not
                await asyncio.to_thread(self._client.enqueue, whole)
        except Exception:
            _log.exception("automatic event of %s %s failed", scope["method"], scope["path"])


def install(app: Any, client: Client | None = None, **options: Any) -> None:
    """Put an AuditMiddleware around a FastAPI or Starlette application, outermost.

    There it sees the response to a failing handler as well, which ``add_middleware``
    does not. Call it before the application serves; ``options`` are those of
    :class:`AuditMiddleware`.
    """
    if getattr(app, "middleware_stack", None) is not None:
        raise RuntimeError("install: the application has begun to serve")
    AuditMiddleware(app, client, **options)  # wrong options are told here, not later
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: AuditMiddleware(build(), client, **options)


_REQUEST_ID = b"x-request-id"
_RESPONSE_STARTS = frozenset(
    ("http.response.start", "websocket.accept", "websocket.http.response.start")
)
