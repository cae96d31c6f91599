"""Middleware for Django, under WSGI and ASGI.

    MIDDLEWARE = ["audit_archiver.django.AuditMiddleware", ...]    # first
    AUDIT_ARCHIVER = {
        "client": "shop.audit.client",         # an AuditClient or AsyncAuditClient, by name
        "trusted_proxies": ["10.0.0.0/8"],
        "actor": "shop.audit.actor",           # called with the request; by name or itself
        "automatic": True,
        "event": None,                         # called with request and response
    }

All keys are optional; ``client`` is needed for automatic events only. Put it
first, so that the other middlewares have the context too.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false
# Django has no types of its own, and ours must not depend on others' stubs for it.

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from ._context import AuditContext, audit_context
from ._middleware import default_event, give_outcome
from ._web import TrustedProxies, request_id, traceparent, user_agent

HttpRequest = Any
HttpResponse = Any
GetResponse = Callable[[HttpRequest], Any]

_KEYS = frozenset(("client", "trusted_proxies", "actor", "automatic", "event"))
_log = logging.getLogger("audit_archiver")


class AuditMiddleware:
    """Gives every request its context and its ``x-request-id``.

    The automatic event is enqueued when the response is made, that of a
    streaming response when the stream has ended.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response
        self._async = iscoroutinefunction(get_response)
        if self._async:
            markcoroutinefunction(self)
        options: Mapping[str, Any] = getattr(settings, "AUDIT_ARCHIVER", {})
        if unknown := sorted(set(options) - _KEYS):
            raise ImproperlyConfigured(f"AUDIT_ARCHIVER: unknown keys {', '.join(unknown)}")
        self._client = _load(options.get("client"))
        self._actor = _load(options.get("actor"))
        self._event = _load(options.get("event"))
        self._automatic = bool(options.get("automatic")) or self._event is not None
        try:
            self._proxies = TrustedProxies(options.get("trusted_proxies", ()))
        except ValueError as e:
            raise ImproperlyConfigured(f"AUDIT_ARCHIVER: {e}") from None
        if self._automatic and self._client is None:
            raise ImproperlyConfigured("AUDIT_ARCHIVER: automatic events need a client")
        self._awaits = self._client is not None and iscoroutinefunction(self._client.enqueue)
        if self._automatic and self._awaits and not self._async:
            raise ImproperlyConfigured("AUDIT_ARCHIVER: under WSGI the client must be an AuditClient")

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if self._async:
            return self._acall(request)
        context = self._context(request)
        with audit_context(context):
            try:
                response: HttpResponse = self._get_response(request)
            except Exception:
                self._after(request, None)
                raise
            response["x-request-id"] = context.request_id or ""
            if not response.streaming:
                self._after(request, response)
            elif not response.is_async:
                self._stream(request, response, context)
            return response

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        context = self._context(request)
        with audit_context(context):
            try:
                response: HttpResponse = await self._get_response(request)
            except Exception:
                await self._aafter(request, None)
                raise
            response["x-request-id"] = context.request_id or ""
            if not response.streaming:
                await self._aafter(request, response)
            else:
                self._stream(request, response, context)
            return response

    def _context(self, request: HttpRequest) -> AuditContext:
        meta = request.META
        hook = self._actor
        agent = meta.get("HTTP_USER_AGENT")
        if agent is not None:
            agent = agent.encode("latin-1", "replace").decode("utf-8", "replace")
        forwarded = meta.get("HTTP_X_FORWARDED_FOR")
        return AuditContext(
            request_id=request_id(meta.get("HTTP_X_REQUEST_ID")),
            ip=self._proxies.client(
                meta.get("REMOTE_ADDR"), [forwarded] if forwarded is not None else []
            ),
            user_agent=user_agent(agent),
            actor=(lambda: hook(request)) if hook is not None else None,
            traceparent=traceparent(meta.get("HTTP_TRACEPARENT")),
        )

    def _stream(self, request: HttpRequest, response: HttpResponse, context: AuditContext) -> None:
        """Make what is streamed see the context: it runs when we have returned."""

        def parts() -> Iterator[bytes]:
            iterator = iter(inner)
            failed = True
            try:
                while True:
                    # Not across the yield: there, other code runs in this thread.
                    with audit_context(context):
                        try:
                            part = next(iterator)
                        except StopIteration:
                            break
                    yield part
                failed = False
            finally:
                with audit_context(context):
                    self._after(request, response, failed)

        async def aparts() -> AsyncIterator[bytes]:
            iterator = aiter(inner)
            failed = True
            try:
                while True:
                    with audit_context(context):
                        try:
                            part = await anext(iterator)
                        except StopAsyncIteration:
                            break
                    yield part
                failed = False
            finally:
                with audit_context(context):
                    await self._aafter(request, response, failed)

        inner = response.streaming_content
        response.streaming_content = aparts() if response.is_async else parts()

    def _after(self, request: HttpRequest, response: HttpResponse, failed: bool = False) -> None:
        """Enqueue the automatic event; the response stands: all that is left is to tell."""
        if not self._automatic:
            return
        try:
            event = self._automatic_event(request, response, failed)
            if event is not None:
                self._client.enqueue(event)
        except Exception:
            _log.exception("automatic event of %s %s failed", request.method, request.path)

    async def _aafter(self, request: HttpRequest, response: HttpResponse, failed: bool = False) -> None:
        if not self._automatic:
            return
        try:
            event = self._automatic_event(request, response, failed)
            if event is None:
                return
            if self._awaits:
                await self._client.enqueue(event)
            else:  # it may wait for room, and the loop must not
                await sync_to_async(self._client.enqueue, thread_sensitive=False)(event)
        except Exception:
            _log.exception("automatic event of %s %s failed", request.method, request.path)

    def _automatic_event(
        self, request: HttpRequest, response: HttpResponse, failed: bool
    ) -> dict[str, Any] | None:
        status = response.status_code if response is not None else None
        if self._event is not None:
            event = self._event(request, response)
        else:
            event = default_event(request.method or "", request.path, status)
        return None if event is None else give_outcome(event, status, failed or response is None)


def _load(value: Any) -> Any:
    return import_string(value) if isinstance(value, str) else value
