"""The service with a recorder in the place of its client: how an application tests its auditing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

import main
from audit_archiver import AuditUnavailable
from audit_archiver.testing import AsyncRecorder


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> AsyncRecorder:
    recorder = AsyncRecorder()
    monkeypatch.setattr(main, "audit", recorder)
    monkeypatch.setattr(main, "orders", {"order-456": 12.5})
    return recorder


@pytest.fixture
def http(audit: AsyncRecorder) -> Iterator[TestClient]:
    # Without a with block: the lifespan, which closes the client, does not run.
    yield TestClient(main.app, client=("203.0.113.7", 1234), headers={"x-user": "user-123"})


def test_login(http: TestClient, audit: AsyncRecorder) -> None:
    good = http.post("/login", json={"user": "u", "password": "correct"})
    assert (good.status_code, good.json()) == (200, {"user": "u"})
    assert http.post("/login", json={"user": "u", "password": "x"}).status_code == 401
    audit.expect("user.login", outcome="success", actor={"id": "u"})
    failure = audit.expect("user.login", outcome="failure", actor={"id": "u"})
    assert failure["reason"] == "wrong password"


def test_read(http: TestClient, audit: AsyncRecorder) -> None:
    response = http.get("/orders/order-456")
    assert response.json() == {"id": "order-456", "total": 12.5}
    event = audit.expect("order.read", resource={"type": "order", "id": "order-456"})
    assert event["actor"] == {"id": "user-123", "type": "user"}
    assert event["request_id"] == response.headers["x-request-id"]
    assert event["ip"] == "203.0.113.7"
    assert event["user_agent"]


def test_change(http: TestClient, audit: AsyncRecorder) -> None:
    assert http.put("/orders/order-456", json={"total": 7}).json()["total"] == 7
    event = audit.expect("order.update", actor={"id": "user-123"})
    assert event["details"] == {"before": {"total": 12.5}, "after": {"total": 7.0}}


def test_export(http: TestClient, audit: AsyncRecorder) -> None:
    assert http.get("/orders/export").text == "id,total\norder-456,12.5\n"
    assert audit.expect("order.export")["resource"] == {"type": "order"}


def test_no_event_for_what_does_not_happen(http: TestClient, audit: AsyncRecorder) -> None:
    assert http.get("/orders/nothing").status_code == 404
    assert http.get("/orders/order-456", headers={"x-user": ""}).status_code == 401
    assert http.get("/orders/export", headers={"x-user": ""}).status_code == 401
    assert audit.events == []


def test_what_cannot_be_audited_is_not_done(
    http: TestClient, audit: AsyncRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*args: object, **more: object) -> str:
        raise AuditUnavailable("away")

    monkeypatch.setattr(audit, "record", away)
    assert http.put("/orders/order-456", json={"total": 7}).status_code == 503
    assert main.orders == {"order-456": 12.5}
    assert http.get("/orders/export").status_code == 503
    assert http.post("/login", json={"user": "u", "password": "correct"}).status_code == 503
    assert http.get("/orders/order-456").status_code == 200
