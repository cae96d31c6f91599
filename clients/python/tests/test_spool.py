"""The spool: what is in the files, what damage does, what happens when it is full."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
import threading
import time
import zlib
from pathlib import Path

import pytest

from audit_archiver import (
    AsyncAuditClient,
    AuditClient,
    AuditClosed,
    AuditSpoolFull,
    AuditUnavailable,
)
from audit_archiver import _spool as spool_module
from audit_archiver._files import frame, read_cursor
from audit_archiver.testing import FakeSidecar

from .conftest import EVENT, make, numbers, own_folder, segments, spool_names


@pytest.fixture
def stalled(sidecar: FakeSidecar) -> FakeSidecar:
    """A sidecar that leaves the first request without an answer until told to resume."""
    sidecar.stall_next(1000)
    return sidecar


def test_files(stalled: FakeSidecar, spool_dir: Path) -> None:
    old = os.umask(0)
    try:
        with AuditClient(url=stalled.url, spool_dir=spool_dir, linger=60) as client:
            ids = [client.enqueue(make(n)) for n in range(3)]
            folder = own_folder(spool_dir)
            assert sorted(os.listdir(folder)) == ["00000000000000000001.spool", "lock"]
            lines = segments(folder)[0].read_bytes().splitlines(keepends=True)
            for line, id in zip(lines, ids, strict=True):
                crc, data = line[:8], line[9:-1]
                assert line == crc + b" " + data + b"\n"
                assert crc == b"%08x" % zlib.crc32(data)
                assert json.loads(data)["id"] == id
            for path in (spool_dir, folder):
                assert stat.S_IMODE(path.stat().st_mode) == 0o700
            for name in os.listdir(folder):
                assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
            stats = client.stats()
            assert stats.spool_events == 3
            assert stats.spool_bytes == sum(map(len, lines))
            stalled.resume()
            client.flush()
    finally:
        os.umask(old)
    assert spool_names(spool_dir) == []


def test_the_cursor_that_close_leaves(sidecar: FakeSidecar, spool_dir: Path) -> None:
    client = AuditClient(url=sidecar.url, spool_dir=spool_dir, linger=60)
    client.enqueue(make(0))
    client.enqueue(make(1))
    client.flush()
    assert client._core._spool is not None
    end = client._core._spool.written
    sidecar.answer_next(503, times=1000)
    client.enqueue(make(2))
    client.close(timeout=0)
    folder = own_folder(spool_dir)
    assert read_cursor(folder) == end
    assert json.loads((folder / "cursor").read_text()) == {"segment": 1, "offset": end.offset}
    sidecar.resume()
    with AuditClient(url=sidecar.url, spool_dir=spool_dir) as heir:
        assert heir._core._sender is not None and heir._core._sender.wait_orphans(30)
    assert numbers(sidecar.events) == [0, 1, 2]
    assert all(len(r.events) < 3 for r in sidecar.requests)


def test_segments_roll_and_are_deleted(
    sidecar: FakeSidecar, spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 4096)
    with AuditClient(url=sidecar.url, spool_dir=spool_dir, linger=60) as client:
        for n in range(100):
            client.enqueue(make(n))
        folder = own_folder(spool_dir)
        assert len(segments(folder)) > 5
        assert all(s.stat().st_size <= 4096 for s in segments(folder))
        client.flush()
        assert numbers(sidecar.events) == list(range(100))
        assert len(segments(folder)) == 1


def test_a_segment_is_at_most_8_mib() -> None:
    assert spool_module.SEGMENT_BYTES == 8 * 1024 * 1024


def test_full(stalled: FakeSidecar, spool_dir: Path) -> None:
    with AuditClient(
        url=stalled.url, spool_dir=spool_dir, spool_max_bytes=1000, enqueue_timeout=0.1
    ) as client:
        accepted = 0
        start = time.monotonic()
        with pytest.raises(AuditSpoolFull, match="held 1000 bytes for 0.1 s") as caught:
            while True:
                client.enqueue(make(accepted))
                accepted += 1
        assert time.monotonic() - start >= 0.1
        assert caught.value.event is not None
        assert caught.value.event["details"] == {"n": accepted}
        assert client.stats().spool_events == accepted
        stalled.resume()
        client.flush()
        client.enqueue(make(accepted))  # there is room again
        client.flush()
        assert numbers(stalled.events) == list(range(accepted + 1))


def test_who_waits_for_room_gets_it(stalled: FakeSidecar, spool_dir: Path) -> None:
    with AuditClient(
        url=stalled.url, spool_dir=spool_dir, spool_max_bytes=1, enqueue_timeout=30
    ) as client:
        client.enqueue(make(0))  # a single one always fits
        stalled.wait_stalled()
        waiting = threading.Thread(target=client.enqueue, args=(make(1),))
        waiting.start()
        stalled.resume()
        waiting.join(10)
        assert not waiting.is_alive()
        client.flush()
        assert numbers(stalled.events) == [0, 1]


def test_full_does_not_hold_the_loop(stalled: FakeSidecar, spool_dir: Path) -> None:
    async def main() -> None:
        async with AsyncAuditClient(
            url=stalled.url, spool_dir=spool_dir, spool_max_bytes=1, enqueue_timeout=30
        ) as client:
            await client.enqueue(make(0))
            waiting = [asyncio.create_task(client.enqueue(make(1))) for _ in range(20)]
            await asyncio.sleep(0)
            assert not any(task.done() for task in waiting)
            stalled.resume()
            await asyncio.gather(*waiting)
            await client.flush()

    asyncio.run(main())
    assert len(stalled.events) == 21


def test_close_wakes_who_waits(stalled: FakeSidecar, spool_dir: Path) -> None:
    client = AuditClient(
        url=stalled.url, spool_dir=spool_dir, spool_max_bytes=1, enqueue_timeout=60
    )
    client.enqueue(make(0))
    stalled.wait_stalled()
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            client.enqueue(make(1))
        except AuditClosed as e:
            outcome.append(e)

    waiting = threading.Thread(target=wait)
    waiting.start()
    client.close(timeout=0.1)
    waiting.join(10)
    assert len(outcome) == 1
    # What was accepted is left for the next.
    assert len(segments(own_folder(spool_dir))) == 1


def test_a_spool_that_cannot_be_made(sidecar: FakeSidecar, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with AuditClient(url=sidecar.url, spool_dir=tmp_path / "file" / "spool") as client:
        with pytest.raises(AuditUnavailable, match="enqueue event .* Not a directory"):
            client.enqueue(EVENT)
        client.record(EVENT)


def test_files_that_vanish_are_told_of(
    stalled: FakeSidecar, spool_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with AuditClient(url=stalled.url, spool_dir=spool_dir, linger=60) as client:
        client.enqueue(make(0))
        os.truncate(segments(own_folder(spool_dir))[0], 0)
        client.flush()
        assert "1 events were there and are gone" in (client.stats().last_error or "")


def test_damage_in_our_own_spool(
    sidecar: FakeSidecar, spool_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with AuditClient(url=sidecar.url, spool_dir=spool_dir, linger=60) as client:
        for n in range(3):
            client.enqueue(make(n))
        path = segments(own_folder(spool_dir))[0]
        data = path.read_bytes()
        with open(path, "r+b") as f:
            f.seek(data.index(b'"n":1') + 4)
            f.write(b"7")
        client.flush()
        stats = client.stats()
        assert (stats.dead_lettered, stats.delivered, stats.spool_events) == (1, 2, 0)
    assert numbers(sidecar.events) == [0, 2]
    (line,) = (spool_dir / "dead-letter.ndjson").read_text().splitlines()
    letter = json.loads(line)
    assert (letter["reason"], letter["event"]) == ("damaged", None)
    assert b'"n":7' in base64.b64decode(letter["line"])
    assert "damaged" in caplog.text


def test_frame() -> None:
    # The check value of CRC-32/ISO-HDLC.
    assert frame(b"123456789") == b"cbf43926 123456789\n"
