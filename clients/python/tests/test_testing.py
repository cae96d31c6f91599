"""The test kit is held to what it stands for."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from audit_archiver import (
    AsyncAuditClient,
    AuditClient,
    AuditClosed,
    AuditContext,
    AuditRejected,
    audit_context,
)
from audit_archiver.testing import AsyncRecorder, FakeSidecar, Recorder

from .conftest import EVENT, make


@pytest.mark.parametrize(
    ("real", "double"), [(AuditClient, Recorder), (AsyncAuditClient, AsyncRecorder)]
)
def test_the_recorder_has_the_clients_interface(real: type, double: type) -> None:
    for name, member in inspect.getmembers(real, inspect.isfunction):
        if name.startswith("_") and name not in ("__enter__", "__aenter__"):
            continue
        other = getattr(double, name)
        assert inspect.signature(other).parameters == inspect.signature(member).parameters, name
        assert inspect.iscoroutinefunction(other) == inspect.iscoroutinefunction(member), name


def test_recorder() -> None:
    with Recorder() as audit:
        with audit_context(AuditContext(request_id="r")):
            audit.record(EVENT)
        audit.enqueue({**EVENT, "action": "order.read", "actor": {"id": "x", "type": "system"}})
        audit.log_login("u", False, {"why": "password"})
        audit.flush()
        assert audit.expect("order.update")["request_id"] == "r"
        assert audit.expect("user.login", outcome="failure")["resource"] == {"type": "session"}
        assert len(audit.find(outcome="success")) == 2
        assert len(audit.find(actor={"type": "system"})) == 1
        with pytest.raises(AssertionError) as caught:
            audit.expect("user.login", outcome="success")
        assert "user.login by u on session/: failure" in str(caught.value)
        assert "order.read by x on order/order-1: success" in str(caught.value)
        with pytest.raises(AuditRejected):
            audit.record({**EVENT, "outcome": "maybe"})
        stats = audit.stats()
        assert (stats.recorded, stats.enqueued) == (2, 1)
        audit.clear()
        assert audit.events == []
    with pytest.raises(AuditClosed):
        audit.record(EVENT)


def test_async_recorder() -> None:
    async def main() -> None:
        async with AsyncRecorder() as audit:
            await audit.record(EVENT)
            await audit.enqueue(EVENT)
            await audit.log_data_access("u", "order", "7")
            await audit.log_data_change("u", "order", "7", "delete", before={"n": 1})
            await audit.log_login("u", True)
            await audit.flush()
            assert len(audit.find(action="order.update")) == 2
            assert audit.expect("order.delete")["details"] == {"before": {"n": 1}}
        with pytest.raises(AuditClosed):
            await audit.enqueue(EVENT)

    asyncio.run(main())


def test_convenience_calls(client: AuditClient, sidecar: FakeSidecar) -> None:
    client.log_login("u-1", True)
    client.log_login("u-1", False, {"why": "password"})
    client.log_data_access("u-1", "order", "7")
    client.log_data_change("u-1", "order", "7", "update", before=None, after={"total": 2})
    client.log_data_change("u-1", "order", "7", "create")
    with pytest.raises(ValueError, match="upsert"):
        client.log_data_change("u-1", "order", "7", "upsert")  # type: ignore[arg-type]
    got = [
        (e["action"], e["resource"], e["outcome"], e.get("details")) for e in sidecar.events
    ]
    order = {"type": "order", "id": "7"}
    assert got == [
        ("user.login", {"type": "session"}, "success", None),
        ("user.login", {"type": "session"}, "failure", {"why": "password"}),
        ("order.read", order, "success", None),
        ("order.update", order, "success", {"before": None, "after": {"total": 2}}),
        ("order.create", order, "success", None),
    ]
    assert all(e["actor"] == {"id": "u-1", "type": "user"} for e in sidecar.events)
    assert client.stats().recorded == 5


def test_the_async_client(sidecar: FakeSidecar) -> None:
    async def main() -> None:
        async with AsyncAuditClient(url=sidecar.url) as client:
            with audit_context(AuditContext(request_id="r")):
                ids = await asyncio.gather(*(client.record(make(n)) for n in range(100)))
                more = [await client.enqueue(make(n)) for n in range(100)]
            await client.flush()
            assert {e["id"] for e in sidecar.events} == {*ids, *more}
            assert {e["request_id"] for e in sidecar.events} == {"r"}
            await client.log_login("u", True)
            await client.log_data_access("u", "order", "7")
            await client.log_data_change("u", "order", "7", "update", after=1)
            stats = client.stats()
            assert (stats.recorded, stats.enqueued, stats.delivered) == (103, 100, 100)
            assert sidecar.connections <= 33
        with pytest.raises(AuditClosed):
            await client.enqueue(EVENT)
        with pytest.raises(AuditClosed):
            await client.record(EVENT)
        with pytest.raises(AuditClosed):
            await client.flush()

    asyncio.run(main())


def test_the_sidecar_refuses_what_the_real_one_does(sidecar: FakeSidecar) -> None:
    import http.client
    import json

    def post(body: bytes) -> tuple[int, dict[str, object]]:
        host = sidecar.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request("POST", "/v1/events", body)
        response = connection.getresponse()
        document = json.loads(response.read())
        connection.close()
        return response.status, document

    good = json.dumps(EVENT).encode()
    bad = json.dumps({**EVENT, "outcome": "maybe"}).encode()
    status, document = post(good + b"\n" + bad)
    assert status == 400
    (error,) = document["errors"]  # type: ignore[misc]
    assert (error["index"], error["field"]) == (1, "outcome")  # type: ignore[index]
    assert post(b"")[0] == 400
    assert post(b"{")[0] == 400
    assert post(b"[]")[0] == 400
    assert post(good + b"\n" + b"x" * 70_000)[0] == 413
    assert sidecar.events == []
    status, document = post(good + b"\n" + good)
    assert status == 200 and len(document["events"]) == 2  # type: ignore[arg-type]
    with pytest.raises(TimeoutError, match="want 3 events"):
        sidecar.wait_events(3, timeout=0.01)
