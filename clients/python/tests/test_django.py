"""The Django middleware, under WSGI and ASGI."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from audit_archiver import current_context
from audit_archiver.django import AuditMiddleware
from audit_archiver.testing import AsyncRecorder, Recorder

EVENT = {"action": "order.read", "resource": {"type": "order"}, "outcome": "success"}

audit = Recorder()
async_audit = AsyncRecorder()


def user_of(request: Any) -> Any:
    user = request.headers.get("x-user")
    return {"id": user, "type": "user"} if user else None


def read(request: Any, id: str) -> HttpResponse:
    audit.record({**EVENT, "resource": {"type": "order", "id": id}})
    return HttpResponse(id)


async def aread(request: Any, id: str) -> HttpResponse:
    await asyncio.sleep(0)
    await async_audit.record({**EVENT, "resource": {"type": "order", "id": id}})
    return HttpResponse(id)


def stream(request: Any) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        for n in range(3):
            audit.record({**EVENT, "action": f"order.part{n}"})
            yield b"x"

    return StreamingHttpResponse(parts())


async def astream(request: Any) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        for n in range(3):
            await asyncio.sleep(0)
            await async_audit.record({**EVENT, "action": f"order.part{n}"})
            yield b"x"

    return StreamingHttpResponse(parts())


def fail(request: Any) -> HttpResponse:
    raise RuntimeError("a bug")


def status(request: Any, code: int) -> HttpResponse:
    return HttpResponse(status=code, headers={"X-Request-Id": "forged"})


urlpatterns = [
    path("orders/<id>", read),
    path("aorders/<id>", aread),
    path("stream", stream),
    path("astream", astream),
    path("fail", fail),
    path("status/<int:code>", status),
]

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["audit_archiver.django.AuditMiddleware"],
        SECRET_KEY="tests",
        LOGGING_CONFIG=None,
    )
    django.setup()


@pytest.fixture(autouse=True)
def _clear() -> None:
    audit.clear()
    async_audit.clear()


def options(**more: Any) -> Any:
    return override_settings(AUDIT_ARCHIVER={"actor": user_of, **more})


def test_context_of_a_request() -> None:
    with options(trusted_proxies=["127.0.0.1"]):
        response = Client().get(
            "/orders/7",
            headers={
                "x-request-id": "req-1",
                "x-user": "u-1",
                "user-agent": "test/1",
                "x-forwarded-for": "1.1.1.1, 203.0.113.7",
            },
        )
    assert response["x-request-id"] == "req-1"
    audit.expect("order.read", request_id="req-1", ip="203.0.113.7", user_agent="test/1",
                 actor={"id": "u-1"})
    assert current_context() is None


def test_streams_have_the_context_and_leave_none_behind() -> None:
    with options(client=audit, automatic=True):
        response = Client().get("/stream", headers={"x-request-id": "r", "x-user": "u"})
        parts = iter(response)
        next(parts)
        assert current_context() is None
        assert not audit.find(action="http.get")
        list(parts)
    assert [e["action"] for e in audit.events][-1] == "http.get"
    assert len(audit.events) == 4
    assert {(e["request_id"], e["actor"]["id"]) for e in audit.events} == {("r", "u")}


def test_async_requests_and_streams() -> None:
    async def main() -> None:
        http = AsyncClient()
        headers = {"x-request-id": "r", "x-user": "u"}
        response = await http.get("/aorders/7", headers=headers)
        assert response["x-request-id"] == "r"
        response = await http.get("/astream", headers=headers)
        async for _ in response:
            assert current_context() is None

    with options(client=async_audit, automatic=True):
        asyncio.run(main())
    actions = [e["action"] for e in async_audit.events]
    assert actions == [
        "order.read", "http.get", "order.part0", "order.part1", "order.part2", "http.get",
    ]
    assert {(e["request_id"], e["actor"]["id"]) for e in async_audit.events} == {("r", "u")}


def test_a_sync_client_under_asgi() -> None:
    async def main() -> None:
        await AsyncClient().get("/aorders/7", headers={"x-user": "u"})

    with options(client="tests.test_django.audit", automatic=True):
        asyncio.run(main())
    assert sys.modules["tests.test_django"].audit.expect("http.get")["outcome"] == "success"


@pytest.mark.parametrize(
    ("path", "status", "outcome"),
    [("/status/200", 200, "success"), ("/status/404", 404, "failure"), ("/fail", 500, "failure"),
     ("/nowhere", 404, "failure")],
)
def test_automatic_event(path: str, status: int, outcome: str) -> None:
    with options(client=audit, automatic=True):
        http = Client(raise_request_exception=False)
        response = http.get(path, headers={"x-request-id": "r"})
    assert response.status_code == status
    assert response["x-request-id"] == "r"
    event = audit.expect("http.get")
    assert (event["outcome"], event["details"]) == (outcome, {"status": status})
    assert event["actor"]["id"] == "anonymous"


def test_event_hook() -> None:
    def event(request: Any, response: Any) -> Any:
        if response.status_code == 200:
            return None
        return {"action": "page.view", "resource": {"type": "page", "id": request.path}}

    with options(client=audit, event=event):
        Client().get("/status/200")
        Client().get("/status/404")
    assert audit.expect("page.view")["outcome"] == "failure"
    assert len(audit.events) == 1


def test_wrong_settings() -> None:
    for wrong, text in (
        ({"clients": audit}, "unknown keys clients"),
        ({"automatic": True}, "need a client"),
        ({"trusted_proxies": ["x"]}, "trusted_proxies"),
        ({"client": async_audit, "automatic": True}, "must be an AuditClient"),
    ):
        with override_settings(AUDIT_ARCHIVER=wrong), pytest.raises(ImproperlyConfigured, match=text):
            AuditMiddleware(lambda request: None)


def test_requests_never_see_each_other() -> None:
    async def main() -> None:
        http = AsyncClient()

        async def one(n: int) -> None:
            headers = {"x-request-id": f"r-{n}", "x-user": f"u-{n}"}
            response = await http.get(f"/aorders/{n}" if n % 3 else "/astream", headers=headers)
            if response.streaming:
                async for _ in response:
                    pass

        await asyncio.gather(*(one(n) for n in range(500)))

    with options():
        asyncio.run(main())
    assert len(async_audit.events) == 167 * 3 + 333
    for event in async_audit.events:
        assert event["actor"]["id"][2:] == event["request_id"][2:]
