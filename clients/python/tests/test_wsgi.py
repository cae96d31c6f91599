"""The WSGI middleware, on Flask and bare."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import flask
import pytest

from audit_archiver import current_context
from audit_archiver.testing import Recorder
from audit_archiver.wsgi import AuditMiddleware

EVENT = {"action": "order.read", "resource": {"type": "order"}, "outcome": "success"}


def user_of(environ: Any) -> Any:
    user = environ.get("app.user")
    return {"id": user, "type": "user"} if user else None


def make_app(audit: Recorder, **options: Any) -> flask.Flask:
    app = flask.Flask(__name__)
    app.wsgi_app = AuditMiddleware(app.wsgi_app, audit, actor=user_of, **options)  # type: ignore

    @app.before_request
    def login() -> None:
        flask.request.environ["app.user"] = flask.request.headers.get("x-user")

    @app.get("/orders/<id>")
    def read(id: str) -> Any:
        audit.record({**EVENT, "resource": {"type": "order", "id": id}})
        return {"id": id}

    @app.get("/stream")
    def stream() -> Any:
        def parts() -> Iterator[bytes]:
            for n in range(3):
                audit.record({**EVENT, "action": f"order.part{n}"})
                yield b"x"

        return flask.Response(parts())

    @app.get("/fail")
    def fail() -> Any:
        raise RuntimeError("a bug")

    @app.get("/status/<int:code>")
    def status(code: int) -> Any:
        return "", code, {"X-Request-Id": "forged"}

    return app


def test_context_of_a_request() -> None:
    audit = Recorder()
    http = make_app(audit, trusted_proxies=["127.0.0.1"]).test_client()
    response = http.get(
        "/orders/7",
        headers={
            "x-request-id": "req-1",
            "x-user": "u-1",
            "user-agent": "test/é",
            "x-forwarded-for": "1.1.1.1, 203.0.113.7",
        },
    )
    assert response.headers.getlist("x-request-id") == ["req-1"]
    audit.expect("order.read", request_id="req-1", ip="203.0.113.7", actor={"id": "u-1"})
    assert current_context() is None


def test_streams_have_the_context_and_leave_none_behind() -> None:
    audit = Recorder()
    response = make_app(audit, automatic=True).test_client().get(
        "/stream", headers={"x-request-id": "r", "x-user": "u"}, buffered=False
    )
    chunks = iter(response.response)
    next(chunks)
    assert current_context() is None  # between two parts the thread does other things
    assert not audit.find(action="http.get")
    list(chunks)
    response.close()
    assert [e["action"] for e in audit.events][-1] == "http.get"
    assert len(audit.events) == 4
    assert {(e["request_id"], e["actor"]["id"]) for e in audit.events} == {("r", "u")}


@pytest.mark.parametrize(
    ("path", "status", "outcome"),
    [("/status/200", 200, "success"), ("/status/404", 404, "failure"), ("/fail", 500, "failure")],
)
def test_automatic_event(path: str, status: int, outcome: str) -> None:
    audit = Recorder()
    http = make_app(audit, automatic=True).test_client()
    response = http.get(path, headers={"x-request-id": "r"})
    assert response.status_code == status
    assert response.headers.getlist("x-request-id") == ["r"]
    response.close()  # as servers do at the end
    event = audit.expect("http.get")
    assert (event["outcome"], event["details"]) == (outcome, {"status": status})
    assert event["resource"] == {"type": "http", "id": path}
    assert event["actor"]["id"] == "anonymous"


def call(app: Any, **environ: Any) -> list[bytes]:
    setup_testing_defaults(environ)
    parts = app(environ, lambda status, headers, exc_info=None: None)
    try:
        return list(parts)
    finally:
        getattr(parts, "close", lambda: None)()


def test_failures_of_bare_applications() -> None:
    audit = Recorder()

    def early(environ: Any, start_response: Any) -> Any:
        raise RuntimeError("early")

    def late(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        yield b"x"
        raise RuntimeError("late")

    for app, status in ((early, None), (late, 200)):
        audit.clear()
        with pytest.raises(RuntimeError):
            call(AuditMiddleware(app, audit, automatic=True))
        event = audit.expect("http.get")
        assert event["outcome"] == "failure"
        assert event["details"] == {"status": status}
    assert current_context() is None


def test_the_event_comes_once_and_only_when_closed() -> None:
    audit = Recorder()
    closed: list[bool] = []

    class Parts(list[bytes]):
        def close(self) -> None:
            closed.append(current_context() is not None)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Parts([b"a", b"b"])

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    parts: Any = AuditMiddleware(app, audit, automatic=True)(environ, lambda *a: None)
    assert len(parts) == 2
    assert list(parts) == [b"a", b"b"]
    assert audit.events == []
    parts.close()
    parts.close()
    assert len(audit.events) == 1
    assert closed == [True]


def test_event_hook_and_its_failure(caplog: pytest.LogCaptureFixture) -> None:
    audit = Recorder()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b""]

    def event(environ: Any, status: int | None) -> Any:
        return {"action": "x"} if environ["PATH_INFO"] == "/bad" else None

    call(AuditMiddleware(app, audit, event=event), PATH_INFO="/good")
    call(AuditMiddleware(app, audit, event=event), PATH_INFO="/bad")
    assert audit.events == []
    assert "automatic event of GET /bad failed" in caplog.text


def test_threads_never_see_each_other() -> None:
    audit = Recorder()
    app = make_app(audit, trusted_proxies=["127.0.0.1"])

    def run(worker: int) -> None:
        http = app.test_client()
        for n in range(worker * 1000, worker * 1000 + 150):
            path = "/stream" if n % 3 == 0 else f"/orders/{n}"
            headers = {"x-request-id": f"r-{n}", "x-user": f"u-{n}"}
            http.get(path, headers=headers).get_data()

    threads = [threading.Thread(target=run, args=(w,)) for w in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(audit.events) == 16 * (50 * 3 + 100)
    for event in audit.events:
        assert event["actor"]["id"][2:] == event["request_id"][2:]
        if event["action"] == "order.read":
            assert event["resource"]["id"] == event["request_id"][2:]
