"""The sender: the Delivery table of the contract, row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit_archiver import AuditClient, AuditUnavailable
from audit_archiver._cut import cut
from audit_archiver._prepare import prepare
from audit_archiver.testing import FakeSidecar, Fault

from .conftest import EVENT, make, numbers, spool_names


def dead_letters(spool_dir: Path) -> list[dict[str, Any]]:
    text = (spool_dir / "dead-letter.ndjson").read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def named(*indexes: int, field: str = "ip", reason: str = "is wrong") -> dict[str, Any]:
    return {"errors": [{"index": i, "field": field, "reason": reason} for i in indexes]}


def together(client: AuditClient, sidecar: FakeSidecar, events: list[dict[str, Any]]) -> None:
    """Enqueue events so that the sender takes them as one batch, its next one."""
    held = client._core.options.linger
    assert held >= 1, "the linger must be long enough"
    for event in events:
        client.enqueue(event)


@pytest.fixture
def client(sidecar: FakeSidecar, spool_dir: Path) -> Any:
    # A long linger: what is enqueued before flush is one batch.
    with AuditClient(url=sidecar.url, spool_dir=spool_dir, linger=30.0) as audit:
        yield audit


def test_in_order_and_in_batches(sidecar: FakeSidecar, spool_dir: Path) -> None:
    with AuditClient(
        url=sidecar.url, spool_dir=spool_dir, linger=30.0, batch_events=100
    ) as client:
        ids = [client.enqueue(make(n)) for n in range(1000)]
        client.flush()
        assert [e["id"] for e in sidecar.events] == ids
        assert numbers(sidecar.events) == list(range(1000))
        assert max(len(r.events) for r in sidecar.requests) == 100
        assert len(sidecar.requests) == 10
        assert sidecar.connections == 1
        stats = client.stats()
        assert (stats.enqueued, stats.delivered) == (1000, 1000)
        assert (stats.spool_events, stats.spool_bytes) == (0, 0)
    assert spool_names(spool_dir) == []


def test_batches_have_so_many_bytes_at_most(sidecar: FakeSidecar, spool_dir: Path) -> None:
    with AuditClient(
        url=sidecar.url, spool_dir=spool_dir, linger=30.0, batch_bytes=2000
    ) as client:
        for n in range(20):
            client.enqueue(make(n))
        client.enqueue({**EVENT, "details": {"n": 20, "text": "x" * 5000}})
        client.enqueue(make(21))
        client.flush()
    assert numbers(sidecar.events) == list(range(22))
    assert all(len(r.body) <= 2000 or len(r.events) == 1 for r in sidecar.requests)


def test_without_flush(sidecar: FakeSidecar, spool_dir: Path) -> None:
    with AuditClient(url=sidecar.url, spool_dir=spool_dir) as client:
        client.enqueue(make(1))
        sidecar.wait_events(1)
        client.enqueue(make(2))  # the sender is idle now, or about to be
        sidecar.wait_events(2)


def test_a_full_batch_does_not_linger(sidecar: FakeSidecar, spool_dir: Path) -> None:
    with AuditClient(
        url=sidecar.url, spool_dir=spool_dir, linger=300.0, batch_events=10
    ) as client:
        for n in range(10):
            client.enqueue(make(n))
        sidecar.wait_events(10)


def test_the_bytes_are_those_of_enqueue(client: AuditClient, sidecar: FakeSidecar) -> None:
    client.enqueue({**EVENT, "details": {"text": 'é "\n\u2028 \\ 🔒', "n": 1.50}})
    client.flush()
    assert sidecar.requests[0].headers["content-type"] == "application/x-ndjson"
    body = sidecar.requests[0].body
    assert body.count(b"\n") == 1
    assert 'é \\"\\n\u2028 \\\\ 🔒'.encode() in body


@pytest.mark.parametrize("status", [400, 413, 422])
def test_the_named_go_to_the_dead_letters(
    client: AuditClient, sidecar: FakeSidecar, spool_dir: Path, status: int
) -> None:
    sidecar.answer_next(status, body=named(1, 3, 3))
    together(client, sidecar, [make(n) for n in range(5)])
    client.flush()
    assert numbers(sidecar.events) == [0, 2, 4]
    assert len(sidecar.requests) == 2
    one, three = dead_letters(spool_dir)
    assert one["event"]["details"]["n"] == 1
    assert (one["reason"], one["status"]) == ("rejected", status)
    assert one["errors"] == [{"field": "ip", "reason": "is wrong"}]
    assert three["event"]["details"]["n"] == 3
    assert len(three["errors"]) == 2
    stats = client.stats()
    assert (stats.dead_lettered, stats.delivered, stats.retries) == (2, 3, 0)
    assert stats.spool_events == 0


def test_all_of_a_batch_are_named(
    client: AuditClient, sidecar: FakeSidecar, spool_dir: Path
) -> None:
    sidecar.answer_next(400, body=named(0, 1))
    together(client, sidecar, [make(0), make(1)])
    client.flush()
    assert sidecar.events == []
    assert len(dead_letters(spool_dir)) == 2


def test_conflict(client: AuditClient, sidecar: FakeSidecar, spool_dir: Path) -> None:
    id = client.record(make(0))
    together(client, sidecar, [make(1), make(2, id=id), make(3)])
    client.flush()
    assert numbers(sidecar.events) == [0, 1, 3]
    (letter,) = dead_letters(spool_dir)
    assert (letter["reason"], letter["status"]) == ("conflict", 409)
    assert letter["event"]["details"] == {"n": 2}


def test_an_id_twice_in_one_batch(
    client: AuditClient, sidecar: FakeSidecar, spool_dir: Path
) -> None:
    """The same event again is recognised; another one with its id is a conflict."""
    event = make(1, id="01980C9E-6e1f-7c3a-9d55-0b7a1f1c2d3e", timestamp="2026-01-01T00:00:00Z")
    other = {**event, "details": {"n": 3}}
    together(client, sidecar, [event, make(2), event, make(4), other, make(5)])
    client.flush()
    assert numbers(sidecar.events) == [1, 2, 4, 5]
    (letter,) = dead_letters(spool_dir)
    assert (letter["reason"], letter["event"]["details"]) == ("conflict", {"n": 3})
    assert [len(r.events) for r in sidecar.requests] == [2, 2, 2, 1]


def test_a_request_has_few_days(client: AuditClient, sidecar: FakeSidecar) -> None:
    days = [f"2026-01-{day:02}T12:00:00Z" for day in range(1, 31)]
    together(client, sidecar, [make(n, timestamp=t) for n, t in enumerate(days)])
    client.flush()
    assert [len(r.events) for r in sidecar.requests] == [20, 10]
    assert numbers(sidecar.events) == list(range(30))


def test_days_are_those_of_utc() -> None:
    def line(n: int, timestamp: str) -> bytes:
        return prepare(make(n, timestamp=timestamp)).json

    # One day of UTC, in the evening of 26 zones; and the dates of others nearby.
    same = [line(n, f"2026-01-{2 if z < 0 else 3:02}T{(23 + z) % 24:02}:30:00{z:+03}:00")
            for n, z in enumerate([*range(-11, 0), *range(1, 13)])]
    assert cut(same) == [same]
    forty = [line(n, f"2026-03-{n // 2 + 1:02}T{12 * (n % 2):02}:00:00.123456789+08:00")
             for n in range(40)]
    # 00:00 of +08:00 is the day before; 12:00 is the day itself: 21 days.
    assert [len(request) for request in cut(forty)] == [39, 1]


def test_lines_of_another_order_are_cut_as_well() -> None:
    first = b'{"action":"a", "id":"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e","timestamp":"x"}'
    second = b'{"id":"01980C9E-6e1f-7c3a-9d55-0b7a1f1c2d3e"}'
    assert cut([first, second, b"no json", b"[]", b"no json"]) == [
        [first], [second, b"no json", b"[]"], [b"no json"],
    ]
    assert cut([]) == []


def test_a_usual_batch_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [prepare(make(n)).json for n in range(500)]
    monkeypatch.setattr(json, "loads", None)
    assert cut(events) == [events]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_halves_until_the_guilty_is_alone(
    client: AuditClient, sidecar: FakeSidecar, spool_dir: Path, status: int
) -> None:
    # Nobody is named. 8 -> 4 -> 2 -> 1: the first is refused alone, the rest is taken.
    sidecar.answer_next(status, body=b"<html>no", times=4)
    together(client, sidecar, [make(n) for n in range(8)])
    client.flush()
    assert [len(r.events) for r in sidecar.requests] == [8, 4, 2, 1, 1, 2, 4]
    assert numbers(sidecar.events) == list(range(1, 8))
    (letter,) = dead_letters(spool_dir)
    assert letter["event"]["details"] == {"n": 0}
    assert letter["status"] == status


def test_413_until_it_fits(client: AuditClient, sidecar: FakeSidecar, spool_dir: Path) -> None:
    sidecar.answer_next(413, body={"type": "urn:archiver:problem:too-large"})
    together(client, sidecar, [make(n) for n in range(9)])
    client.flush()
    assert [len(r.events) for r in sidecar.requests] == [9, 4, 5]
    assert numbers(sidecar.events) == list(range(9))
    assert "dead-letter.ndjson" not in spool_names(spool_dir)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 409, 415, 418, 408, 425, 429, 500, 503])
def test_keeps_everything_and_tries_again(
    client: AuditClient, sidecar: FakeSidecar, spool_dir: Path, status: int
) -> None:
    body = b"no" if status == 409 else json.dumps(named(0)).encode()
    sidecar.answer_next(status, body=body, times=2)
    together(client, sidecar, [make(0), make(1)])
    client.flush()
    assert numbers(sidecar.events) == [0, 1]
    bodies = {r.body for r in sidecar.requests}
    assert len(sidecar.requests) == 3 and len(bodies) == 1
    assert client.stats().retries == 2
    assert "dead-letter.ndjson" not in spool_names(spool_dir)
    assert str(status) in (client.stats().last_error or "")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("cut_before"),
        Fault("cut_after"),
        Fault("answer", 200, {}, b"<html>"),
        Fault("answer", 200, {}, b'{"events": [{"id": "x", "seq": 1}]}'),
        Fault("answer", 302, {"Location": "http://127.0.0.1:1/"}),
        Fault("answer", 204),
    ],
    ids=lambda f: f"{f.kind}-{f.status}-{len(f.body)}",
)
def test_what_is_unknown_is_sent_again(
    client: AuditClient, sidecar: FakeSidecar, fault: Fault
) -> None:
    sidecar.fail_next(fault, fault)
    together(client, sidecar, [make(0), make(1)])
    client.flush()
    assert numbers(sidecar.events) == [0, 1]
    assert len({r.body for r in sidecar.requests}) == 1
    assert len(sidecar.requests) == 3


def test_a_stall_ends_with_the_request_timeout(sidecar: FakeSidecar, spool_dir: Path) -> None:
    with AuditClient(url=sidecar.url, spool_dir=spool_dir, request_timeout=0.1) as client:
        sidecar.stall_next()
        client.enqueue(make(1))
        sidecar.wait_events(1)
    assert len(sidecar.requests) == 2


def test_retry_after_is_kept_even_in_a_hurry(client: AuditClient, sidecar: FakeSidecar) -> None:
    sidecar.answer_next(503, headers={"Retry-After": "1"})
    client.enqueue(make(1))
    client.flush()
    first, second = sidecar.requests
    assert second.at - first.at >= 1.0


def test_an_outage(spool_dir: Path) -> None:
    with FakeSidecar() as first:
        client = AuditClient(url=first.url, spool_dir=spool_dir)
        client.enqueue(make(0))
        client.flush()
        port = int(first.url.rsplit(":", 1)[1])
    for n in range(1, 50):
        client.enqueue(make(n))
    with pytest.raises(AuditUnavailable, match="49 events are still in .* last error: ") as caught:
        client.flush(0.2)
    assert caught.value.events == ()
    with FakeSidecar(port=port) as second, client:
        client.flush()
        assert numbers(second.events) == list(range(1, 50))


def test_the_dead_letter_hook(sidecar: FakeSidecar, spool_dir: Path) -> None:
    calls: list[Any] = []

    def hook(event: Any, reason: str, path: Path) -> None:
        calls.append((event["details"]["n"], reason, path))
        raise RuntimeError("a hook that fails must not stop the sender")

    with AuditClient(url=sidecar.url, spool_dir=spool_dir, on_dead_letter=hook) as client:
        sidecar.answer_next(400)
        client.enqueue(make(1))
        client.flush()
        client.enqueue(make(2))
        client.flush()
    assert calls == [(1, "rejected", spool_dir / "dead-letter.ndjson")]
    assert numbers(sidecar.events) == [2]


def test_the_log_has_no_content(
    client: AuditClient, sidecar: FakeSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar.answer_next(400, body=named(0))
    id = client.enqueue({**EVENT, "reason": "private"})
    client.flush()
    assert id in caplog.text and "is wrong" in caplog.text
    assert "private" not in caplog.text


def test_dead_letters_begin_a_new_line_after_a_torn_one(
    client: AuditClient, sidecar: FakeSidecar, spool_dir: Path
) -> None:
    spool_dir.mkdir(parents=True)
    (spool_dir / "dead-letter.ndjson").write_text('{"at": "torn')
    sidecar.answer_next(400)
    client.enqueue(make(1))
    client.flush()
    torn, whole = (spool_dir / "dead-letter.ndjson").read_text().splitlines()
    assert torn == '{"at": "torn'
    assert json.loads(whole)["event"]["details"] == {"n": 1}


def test_an_event_stays_until_its_dead_letter_is_written(
    client: AuditClient, sidecar: FakeSidecar, spool_dir: Path
) -> None:
    (spool_dir / "dead-letter.ndjson").mkdir(parents=True)  # so that it cannot be opened
    sidecar.answer_next(400, times=1000)
    client.enqueue(make(1))
    with pytest.raises(AuditUnavailable, match="dead letters"):
        client.flush(0.3)
    assert client.stats().spool_events == 1
    (spool_dir / "dead-letter.ndjson").rmdir()
    client.flush()
    assert client.stats().spool_events == 0
    assert len(dead_letters(spool_dir)) == 1
