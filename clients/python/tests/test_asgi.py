"""The ASGI middleware, on FastAPI, Starlette and bare."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.testclient import TestClient

from audit_archiver import AuditContext, current_context
from audit_archiver.asgi import AuditMiddleware, install
from audit_archiver.testing import AsyncRecorder, Recorder

EVENT = {"action": "order.read", "resource": {"type": "order"}, "outcome": "success"}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def user_of(scope: Any) -> Any:
    user = scope.get("state", {}).get("user")
    return {"id": user, "type": "user"} if user else None


def make_app(audit: AsyncRecorder, **options: Any) -> FastAPI:
    app = FastAPI()
    install(app, audit, actor=user_of, **options)

    def login(request: Request) -> None:  # FastAPI runs it in a thread
        request.state.user = request.headers.get("x-user")

    @app.get("/orders/{id}")
    async def read(id: str, user: None = Depends(login)) -> Any:
        await audit.record({**EVENT, "resource": {"type": "order", "id": id}})
        return {"id": id}

    @app.get("/sync/{id}")
    def read_sync(id: str, user: None = Depends(login)) -> Any:
        context = current_context()
        return {"seen": context.request_id if context else None}

    @app.get("/stream")
    async def stream(tasks: BackgroundTasks, user: None = Depends(login)) -> Any:
        async def later() -> None:
            await audit.record({**EVENT, "action": "order.mail"})

        async def parts() -> AsyncIterator[bytes]:
            for n in range(3):
                await asyncio.sleep(0)
                await audit.record({**EVENT, "action": f"order.part{n}"})
                yield b"x"

        tasks.add_task(later)
        return StreamingResponse(parts(), background=tasks)

    @app.get("/fail")
    async def fail() -> Any:
        raise RuntimeError("a bug")

    @app.get("/status/{code}")
    async def status(code: int) -> Any:
        return JSONResponse({}, status_code=code, headers={"X-Request-ID": "forged"})

    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        context = current_context()
        await socket.send_json({"request_id": context.request_id if context else None})
        await audit.record({**EVENT, "actor": {"id": "ws", "type": "user"}})
        await socket.close()

    return app


def client(app: Any, peer: str = "10.0.0.1", **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(peer, 1234), **options)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def get(app: Any, path: str, **headers: str) -> httpx.Response:
    async def main() -> httpx.Response:
        async with client(app, raise_app_exceptions=False) as http:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            return await http.get(path, headers=names)

    return asyncio.run(main())


def test_context_of_a_request() -> None:
    audit = AsyncRecorder()
    app = make_app(audit, trusted_proxies=["10.0.0.0/8"])
    response = get(
        app,
        "/orders/7",
        x_request_id="req-1",
        x_user="u-1",
        user_agent="test/1",
        traceparent=TRACE,
        x_forwarded_for="1.1.1.1, 203.0.113.7",
    )
    assert response.headers.get_list("x-request-id") == ["req-1"]
    event = audit.expect(
        "order.read",
        request_id="req-1",
        ip="203.0.113.7",
        user_agent="test/1",
        actor={"id": "u-1", "type": "user"},
    )
    assert event["details"] == {"traceparent": TRACE}


def test_a_new_request_id_if_none_or_a_bad_one_came() -> None:
    audit = AsyncRecorder()
    app = make_app(audit)
    ids = [get(app, "/orders/7", x_user="u").headers["x-request-id"] for _ in range(2)]
    ids.append(get(app, "/orders/7", x_user="u", x_request_id="<script>").headers["x-request-id"])
    assert len(set(ids)) == 3 and all(len(id) == 36 for id in ids)
    assert [e["request_id"] for e in audit.events] == ids


def test_streaming_and_background_tasks_have_the_context() -> None:
    audit = AsyncRecorder()
    get(make_app(audit), "/stream", x_request_id="r", x_user="u")
    actions = [e["action"] for e in audit.events]
    assert actions == ["order.part0", "order.part1", "order.part2", "order.mail"]
    assert {e["request_id"] for e in audit.events} == {"r"}
    assert {e["actor"]["id"] for e in audit.events} == {"u"}


def test_handlers_in_threads_have_the_context() -> None:
    assert get(make_app(AsyncRecorder()), "/sync/1", x_request_id="r").json() == {"seen": "r"}


def test_the_id_is_on_the_response_to_a_failure() -> None:
    response = get(make_app(AsyncRecorder()), "/fail", x_request_id="r")
    assert response.status_code == 500
    assert response.headers["x-request-id"] == "r"


def test_an_id_that_the_application_set_gives_way() -> None:
    response = get(make_app(AsyncRecorder()), "/status/200", x_request_id="r")
    assert response.headers.get_list("x-request-id") == ["r"]


def test_websockets() -> None:
    audit = AsyncRecorder()
    with TestClient(make_app(audit, automatic=True)) as http:
        with http.websocket_connect("/ws", headers={"x-request-id": "r"}) as ws:
            assert ws.receive_json() == {"request_id": "r"}
            assert (b"x-request-id", b"r") in ws.extra_headers
    assert [e["request_id"] for e in audit.find(action="order.read")] == ["r"]


@pytest.mark.parametrize(
    ("path", "status", "outcome"),
    [
        ("/status/200", 200, "success"),
        ("/status/302", 302, "success"),
        ("/status/399", 399, "success"),
        ("/status/400", 400, "failure"),
        ("/status/503", 503, "failure"),
        ("/nowhere", 404, "failure"),
        ("/fail", 500, "failure"),
    ],
)
@pytest.mark.parametrize("kind", [AsyncRecorder, Recorder])
def test_automatic_event(kind: Any, path: str, status: int, outcome: str) -> None:
    audit = kind()
    get(make_app(audit, automatic=True), path, x_request_id="r")
    event = audit.expect("http.get")
    assert event["outcome"] == outcome
    assert event["resource"] == {"type": "http", "id": path}
    assert event["details"] == {"status": status}
    assert event["actor"] == {"id": "anonymous", "type": "user"}
    assert event["request_id"] == "r"
    assert event["ip"] == "10.0.0.1"


def test_automatic_event_knows_the_actor() -> None:
    audit = AsyncRecorder()
    get(make_app(audit, automatic=True), "/orders/1", x_user="u-7")
    assert audit.expect("http.get")["actor"] == {"id": "u-7", "type": "user"}


def test_event_hook() -> None:
    audit = AsyncRecorder()

    def event(scope: Any, status: int | None) -> Any:
        if scope["path"] == "/status/200":
            return None
        return {"action": "page.view", "resource": {"type": "page", "id": scope["path"]}}

    app = make_app(audit, event=event)
    get(app, "/status/200")
    get(app, "/status/404")
    assert audit.expect("page.view")["outcome"] == "failure"
    assert len(audit.events) == 1


def test_an_automatic_event_that_fails_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    audit = AsyncRecorder()
    app = make_app(audit, event=lambda scope, status: {"action": "incomplete"})
    assert get(app, "/status/200").status_code == 200
    assert "automatic event of GET /status/200 failed" in caplog.text
    assert "resource is required" in caplog.text


def test_what_a_client_sends_refuses_no_event() -> None:
    audit = AsyncRecorder()
    app = make_app(audit, automatic=True)
    get(app, "/" + "é" * 600, user_agent="x" * 9000)
    event = audit.expect("http.get")
    assert len(event["user_agent"]) == 4096
    assert len(event["resource"]["id"].encode()) <= 255


def test_a_peer_without_an_address() -> None:
    seen: list[AuditContext | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(current_context())

    async def main() -> None:
        for peer in (None, ("", 0), ("testclient", 50000), ("fe80::1%eth0", 1)):
            scope = {"type": "http", "headers": [], "client": peer, "method": "GET", "path": "/"}
            await AuditMiddleware(app)(scope, None, None)  # type: ignore[arg-type]

    asyncio.run(main())
    assert [c.ip for c in seen if c] == [None, None, None, "fe80::1"]
    assert current_context() is None


def test_lifespan_is_let_through() -> None:
    scopes: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope["type"])
        assert current_context() is None

    asyncio.run(AuditMiddleware(app)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert scopes == ["lifespan"]


def test_wrong_options_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="trusted_proxies.*nonsense"):
        install(FastAPI(), trusted_proxies=["nonsense"])
    with pytest.raises(ValueError, match="need a client"):
        install(FastAPI(), automatic=True)
    app = FastAPI()
    with TestClient(app) as http:
        http.get("/")
    with pytest.raises(RuntimeError, match="begun to serve"):
        install(app)


def test_thousands_of_requests_never_see_each_other() -> None:
    """Interleaved at random: handlers, threads, streams, background tasks, child tasks."""
    audit = AsyncRecorder()
    app = FastAPI()
    install(app, audit, actor=user_of, trusted_proxies=["10.0.0.1"])
    chance = random.Random(7)
    wrong: list[Any] = []

    async def step(n: str, where: str) -> None:
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        await audit.enqueue({**EVENT, "action": f"step.{where}", "details": {"n": n}})

    def in_thread(n: str) -> None:
        context = current_context()
        if context is None or context.request_id != f"r-{n}":
            wrong.append((n, context))

    @app.get("/{n}")
    async def handler(n: str, request: Request, tasks: BackgroundTasks) -> Any:
        await step_before_login(n)
        request.state.user = f"u-{n}"
        await step(n, "handler")
        child = asyncio.create_task(step(n, "child"))
        if int(n) % 10 == 0:
            await asyncio.to_thread(in_thread, n)

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(2):
                await step(n, "stream")
                yield b"."

        tasks.add_task(step, n, "background")
        await child
        return StreamingResponse(parts(), background=tasks)

    async def step_before_login(n: str) -> None:
        await audit.enqueue({**EVENT, "action": "step.early", "details": {"n": n},
                             "actor": {"id": f"u-{n}", "type": "user"}})

    async def main() -> None:
        async with client(app) as http:
            async def one(n: int) -> None:
                headers = {"x-request-id": f"r-{n}", "x-forwarded-for": address(n)}
                response = await http.get(f"/{n}", headers=headers)
                if response.headers["x-request-id"] != f"r-{n}":
                    wrong.append((n, response.headers))

            for start in range(0, 2000, 500):
                await asyncio.gather(*(one(n) for n in range(start, start + 500)))

    def address(n: int) -> str:
        return f"203.0.{n // 250}.{n % 250}"

    asyncio.run(main())
    assert wrong == []
    assert len(audit.events) == 2000 * 6
    for event in audit.events:
        n = event["details"]["n"]
        assert event["request_id"] == f"r-{n}", event
        assert event["actor"]["id"] == f"u-{n}", event
        assert event["ip"] == address(int(n)), event
