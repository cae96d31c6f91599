"""Middleware for WSGI applications: Flask and any other.

    app.wsgi_app = AuditMiddleware(app.wsgi_app, audit)   # Flask
    application = AuditMiddleware(application, audit)     # any WSGI application
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import Context, copy_context
from typing import Any, Protocol

from ._context import AuditContext, set_context
from ._event import Actor
from ._middleware import Automatic, default_event, give_outcome
from ._web import TrustedProxies, request_id, traceparent, user_agent

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]

ActorHook = Callable[[Environ], "Actor | None"]
"""Called with the environ when an event is made; None if nobody is known."""

EventHook = Callable[[Environ, "int | None"], Automatic]
"""Called after the response with the environ and the status, None if there was no
response. Returns the event, without what the middleware fills in, or None."""

_log = logging.getLogger("audit_archiver")


class Client(Protocol):
    """An AuditClient, or a recorder."""

    @property
    def enqueue(self) -> Callable[[Mapping[str, Any]], object]: ...


class AuditMiddleware:
    """Gives every request its context and its ``x-request-id``.

    The application, and later the iteration over its response, run in a copy of
    the thread's :mod:`contextvars` context: what is streamed has the request's
    context, and nothing of it stays behind in the server's thread.

    With ``automatic``, ``http.<method>`` is enqueued after the response is
    sent, or what the hook ``event`` returns. An application that raises
    before it starts a response leaves the response, and so ``x-request-id``, to
    the server; Flask and Django do not.
    """

    def __init__(
        self,
        app: WSGIApp,
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

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        context = self._context(environ)
        status: int | None = None

        def start_with_id(
            line: str, headers: list[tuple[str, str]], *exc_info: Any
        ) -> Callable[[bytes], object]:
            nonlocal status
            status = int(line[:3])
            headers = [h for h in headers if h[0].lower() != "x-request-id"]
            headers.append(("x-request-id", context.request_id or ""))
            return start_response(line, headers, *exc_info)

        def call() -> Iterable[bytes]:
            set_context(context)  # of the copy, which nobody else uses
            return self._app(environ, start_with_id)

        def after(failed: bool) -> None:
            if self._automatic:
                self._after(environ, status, failed)

        copy = copy_context()
        try:
            parts = copy.run(call)
        except BaseException:
            copy.run(after, True)
            raise
        # Servers know the length of a response that has one part.
        kind = _SizedResponse if hasattr(parts, "__len__") else _Response
        return kind(parts, copy, after)

    def _context(self, environ: Environ) -> AuditContext:
        hook = self._actor
        # WSGI decodes headers as Latin-1 (PEP 3333), and joins lines with a comma.
        agent = environ.get("HTTP_USER_AGENT")
        if agent is not None:
            agent = agent.encode("latin-1", "replace").decode("utf-8", "replace")
        forwarded = environ.get("HTTP_X_FORWARDED_FOR")
        return AuditContext(
            request_id=request_id(environ.get("HTTP_X_REQUEST_ID")),
            ip=self._proxies.client(
                environ.get("REMOTE_ADDR"), [forwarded] if forwarded is not None else []
            ),
            user_agent=user_agent(agent),
            actor=(lambda: hook(environ)) if hook is not None else None,
            traceparent=traceparent(environ.get("HTTP_TRACEPARENT")),
        )

    def _after(self, environ: Environ, status: int | None, failed: bool) -> None:
        """Enqueue the automatic event. The response is out: all that is left is to tell."""
        method = environ.get("REQUEST_METHOD", "")
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
        try:
            if self._event is not None:
                event = self._event(environ, status)
            else:
                event = default_event(method, path, status)
            if event is not None and self._client is not None:
                self._client.enqueue(give_outcome(event, status, failed))
        except Exception:
            _log.exception("automatic event of %s %s failed", method, path)


class _Response:
    """The parts of a response, made in the context of its request."""

    def __init__(
        self, parts: Iterable[bytes], context: Context, after: Callable[[bool], None]
    ) -> None:
        self._parts = parts
        self._iterator: Iterator[bytes] | None = None
        self._context = context
        self._after = after
        self._failed = False
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._context.run(self._next)

    def close(self) -> None:
        """Called by the server at the end, whether it sent everything or not."""
        if not self._closed:
            self._closed = True
            self._context.run(self._close)

    def _next(self) -> bytes:
        try:
            if self._iterator is None:
                self._iterator = iter(self._parts)
            return next(self._iterator)
        except StopIteration:
            raise
        except BaseException:
            self._failed = True
            raise

    def _close(self) -> None:
        try:
            close = getattr(self._parts, "close", None)
            if close is not None:
                close()
        finally:
            self._after(self._failed)


class _SizedResponse(_Response):
    def __len__(self) -> int:
        return len(self._parts)  # type: ignore[arg-type]
