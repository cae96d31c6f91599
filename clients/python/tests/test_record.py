"""record: what it does with every answer, and how long it tries."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from audit_archiver import (
    AuditClient,
    AuditClosed,
    AuditConflict,
    AuditRejected,
    AuditUnavailable,
)
from audit_archiver.testing import FakeSidecar

from .conftest import EVENT, make, spool_names

ID = "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"


def test_returns_when_it_is_stored(client: AuditClient, sidecar: FakeSidecar) -> None:
    id = client.record(EVENT)
    assert [e["id"] for e in sidecar.events] == [id]
    assert sidecar.events[0]["timestamp"].endswith("Z")
    stats = client.stats()
    assert (stats.recorded, stats.enqueued, stats.retries) == (1, 0, 0)
    assert stats.last_delivered_at is not None


def test_makes_no_files_and_no_threads(
    client: AuditClient, sidecar: FakeSidecar, spool_dir: Path
) -> None:
    client.record(EVENT)
    assert spool_names(spool_dir) == []
    assert client._core._sender is None


def test_keeps_its_connection(client: AuditClient, sidecar: FakeSidecar) -> None:
    for n in range(5):
        client.record(make(n))
    assert len(sidecar.requests) == 5
    assert sidecar.connections == 1


def test_a_kept_connection_that_was_closed_is_no_failure(spool_dir: Path) -> None:
    with FakeSidecar() as first:
        client = AuditClient(url=first.url, spool_dir=spool_dir)
        client.record(EVENT)
        port = int(first.url.rsplit(":", 1)[1])
    with FakeSidecar(port=port) as second, client:
        client.record(EVENT)
        assert len(second.events) == 1
        assert client.stats().retries == 0


@pytest.mark.parametrize("stored", [False, True], ids=["before", "after"])
def test_a_cut_connection_is_tried_again_with_the_same_bytes(
    client: AuditClient, sidecar: FakeSidecar, stored: bool
) -> None:
    sidecar.cut_next(stored=stored)
    client.record(EVENT)
    first, second = sidecar.requests
    assert first.body == second.body
    assert len(sidecar.events) == 1
    assert client.stats().retries == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 204, 302])
def test_tries_again(client: AuditClient, sidecar: FakeSidecar, status: int) -> None:
    sidecar.answer_next(status, headers={"Location": "/elsewhere"})
    client.record(EVENT)
    assert len(sidecar.requests) == 2
    assert len(sidecar.events) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"events": []}', b'{"events": 7}'])
def test_a_success_that_is_none_is_tried_again(
    client: AuditClient, sidecar: FakeSidecar, body: bytes
) -> None:
    sidecar.answer_next(200, body=body)
    client.record(EVENT)
    assert len(sidecar.requests) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 405, 415, 418])
def test_fails_at_once(client: AuditClient, sidecar: FakeSidecar, status: int) -> None:
    sidecar.answer_next(status, body={"title": "No", "detail": "not you"})
    with pytest.raises(AuditUnavailable, match=f"{status} No: not you") as caught:
        client.record(EVENT)
    assert caught.value.status == status
    assert not caught.value.outcome_unknown
    assert caught.value.event is not None and caught.value.event["action"] == "order.update"
    assert len(sidecar.requests) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_rejected(client: AuditClient, sidecar: FakeSidecar, status: int) -> None:
    errors = [{"index": 0, "field": "timestamp", "reason": "is in the future"}]
    sidecar.answer_next(status, body={"title": "No", "errors": errors})
    with pytest.raises(AuditRejected, match="timestamp is in the future") as caught:
        client.record(EVENT)
    assert caught.value.errors == (("timestamp", "is in the future"),)
    assert caught.value.status == status
    assert len(caught.value.events) == 1


def test_conflict(client: AuditClient, sidecar: FakeSidecar) -> None:
    client.record(make(1, id=ID, timestamp="2026-01-01T00:00:00Z"))
    client.record(make(1, id=ID, timestamp="2026-01-01T00:00:00Z"))  # the very same
    with pytest.raises(AuditConflict) as caught:
        client.record(make(2, id=ID, timestamp="2026-01-01T00:00:00Z"))
    assert caught.value.event is not None and caught.value.event["id"] == ID
    assert caught.value.errors[0].field == "id"
    assert len(sidecar.events) == 1


def test_waits_as_long_as_retry_after_says(client: AuditClient, sidecar: FakeSidecar) -> None:
    sidecar.answer_next(503, headers={"Retry-After": "1"})
    client.record(EVENT)
    first, second = sidecar.requests
    assert second.at - first.at >= 1.0


def test_does_not_wait_for_what_comes_after_the_deadline(
    client: AuditClient, sidecar: FakeSidecar
) -> None:
    sidecar.answer_next(503, headers={"Retry-After": "59"})
    start = time.monotonic()
    with pytest.raises(AuditUnavailable) as caught:
        client.record(EVENT)
    assert time.monotonic() - start < 5
    assert caught.value.status == 503
    assert caught.value.outcome_unknown


def test_nothing_stored_is_known_if_the_sidecar_says_so(
    client: AuditClient, sidecar: FakeSidecar
) -> None:
    sidecar.answer_next(
        503, headers={"Retry-After": "59"}, body={"type": "urn:archiver:problem:full"}
    )
    with pytest.raises(AuditUnavailable) as caught:
        client.record(EVENT)
    assert not caught.value.outcome_unknown


def test_a_stall_ends_with_the_request_timeout(sidecar: FakeSidecar, spool_dir: Path) -> None:
    with AuditClient(url=sidecar.url, spool_dir=spool_dir, request_timeout=0.1) as client:
        sidecar.stall_next()
        client.record(EVENT)
    assert len(sidecar.requests) == 2
    assert len(sidecar.events) == 1


def test_a_stall_until_the_deadline(sidecar: FakeSidecar, spool_dir: Path) -> None:
    with AuditClient(
        url=sidecar.url, spool_dir=spool_dir, request_timeout=0.1, record_timeout=0.1
    ) as client:
        sidecar.stall_next()
        with pytest.raises(AuditUnavailable, match="no answer in time") as caught:
            client.record(EVENT)
    assert caught.value.outcome_unknown
    assert caught.value.status is None
    assert caught.value.__cause__ is not None


def test_nobody_listens(spool_dir: Path) -> None:
    with FakeSidecar() as gone:
        pass
    with AuditClient(url=gone.url, spool_dir=spool_dir, record_timeout=0.3) as client:
        with pytest.raises(AuditUnavailable, match="connect to http://127") as caught:
            client.record(EVENT)
    assert not caught.value.outcome_unknown


@pytest.mark.parametrize("status", [None, 401])
def test_fail_open_goes_to_the_spool(
    sidecar: FakeSidecar, spool_dir: Path, status: int | None
) -> None:
    policies = {"order.": "fail_open_spooled", "order.delete": "fail_closed"}
    with AuditClient(
        url=sidecar.url, spool_dir=spool_dir, record_timeout=0.2, policies=policies  # type: ignore
    ) as client:
        if status:
            sidecar.answer_next(status)
        else:
            sidecar.cut_next(stored=True, times=50)
        id = client.record(EVENT)
        sidecar.resume()
        client.flush()
        assert [e["id"] for e in sidecar.events] == [id]
        assert client.stats().enqueued == 1
        assert client.stats().recorded == 0

        sidecar.answer_next(401, times=2)
        with pytest.raises(AuditUnavailable):
            client.record({**EVENT, "action": "order.delete"})
        with pytest.raises(AuditUnavailable):
            client.record(EVENT, policy="fail_closed")
        sidecar.answer_next(401)
        client.record({**EVENT, "action": "user.login"}, policy="fail_open_spooled")


def test_what_is_rejected_is_not_spooled(client: AuditClient, sidecar: FakeSidecar) -> None:
    sidecar.answer_next(400)
    with pytest.raises(AuditRejected):
        client.record(EVENT, policy="fail_open_spooled")
    assert client.stats().enqueued == 0


def test_closed(sidecar: FakeSidecar, spool_dir: Path) -> None:
    client = AuditClient(url=sidecar.url, spool_dir=spool_dir)
    client.close()
    client.close()
    for call in (client.record, client.enqueue):
        with pytest.raises(AuditClosed) as caught:
            call(EVENT)
        assert caught.value.event is not None and caught.value.event["id"]
    with pytest.raises(AuditClosed):
        client.flush()
    assert sidecar.requests == []


def test_token(spool_dir: Path) -> None:
    with FakeSidecar(token="s3cret") as sidecar:
        with AuditClient(url=sidecar.url, spool_dir=spool_dir, token="s3cret") as client:
            client.record(EVENT)
        with AuditClient(url=sidecar.url, spool_dir=spool_dir, token="wrong") as client:
            with pytest.raises(AuditUnavailable, match="401"):
                client.record(EVENT)
        assert len(sidecar.events) == 1


def test_unix_socket(tmp_path: Path, spool_dir: Path) -> None:
    with FakeSidecar(unix_path=str(tmp_path / "s")) as sidecar:
        with AuditClient(url=sidecar.url, spool_dir=spool_dir) as client:
            client.record(EVENT)
            client.enqueue(EVENT)
            client.flush()
        assert len(sidecar.events) == 2
        assert sidecar.requests[0].headers["host"] == "localhost"


def test_environment(
    sidecar: FakeSidecar, spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHIVER_URL", sidecar.url)
    monkeypatch.setenv("ARCHIVER_TOKEN", "t")
    with AuditClient() as client:
        client.enqueue(EVENT)
        assert len(spool_names(spool_dir)) == 1
    assert sidecar.requests[0].headers["authorization"] == "Bearer t"


def test_an_answer_in_pieces_and_one_cut_short(client: AuditClient, sidecar: FakeSidecar) -> None:
    sidecar.answer_next(200, headers={"Content-Length": "1000"}, body=b'{"events": [{}]}')
    sidecar.cut_next(stored=False)
    # The first answer never comes to its end: the second request is another one.
    with pytest.raises(AuditUnavailable):
        AuditClient(
            url=sidecar.url, spool_dir=client._core.options.spool_dir, request_timeout=0.1,
            record_timeout=0.1,
        ).record(EVENT)
    assert sidecar.events == []
