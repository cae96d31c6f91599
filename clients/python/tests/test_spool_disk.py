"""The spool on a disk that fails: writes that are cut short, syncs, and who waits for them."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from audit_archiver import AuditClient, AuditUnavailable
from audit_archiver.testing import FakeSidecar

from .conftest import EVENT, make, numbers, own_folder, segments


@pytest.mark.parametrize("kind", ["error", "short"])
def test_a_write_that_fails(
    sidecar: FakeSidecar, spool_dir: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    real = os.write
    fail = [False]

    def write(fd: int, data: bytes) -> int:
        if fail[0] and data.endswith(b"}\n"):
            fail[0] = False
            if kind == "error":
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(fd, data[:20])
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    with AuditClient(url=sidecar.url, spool_dir=spool_dir, linger=60) as client:
        client.enqueue(make(0))
        fail[0] = True
        with pytest.raises(AuditUnavailable, match="No space left|only 20 of") as caught:
            client.enqueue(make(1))
        assert not caught.value.outcome_unknown
        assert caught.value.event is not None
        client.enqueue(caught.value.event)
        client.enqueue(make(2))
        assert len(segments(own_folder(spool_dir))) == 2
        client.flush()
        assert client.stats().spool_events == 0
    assert numbers(sidecar.events) == [0, 1, 2]


def test_a_disk_that_stays_full_leaves_no_heap_of_files(
    sidecar: FakeSidecar, spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def write(fd: int, data: bytes) -> int:
        if full[0] and data.endswith(b"}\n"):
            real(fd, data[:7])  # a piece of it gets there
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data)

    full = [False]
    monkeypatch.setattr(os, "write", write)
    with AuditClient(url=sidecar.url, spool_dir=spool_dir, linger=60) as client:
        client.enqueue(make(0))
        full[0] = True
        for _ in range(20):
            with pytest.raises(AuditUnavailable):
                client.enqueue(make(1))
        assert len(segments(own_folder(spool_dir))) == 2
        full[0] = False
        client.enqueue(make(2))
        client.flush()
    assert numbers(sidecar.events) == [0, 2]


def test_an_interrupt_in_a_write(
    sidecar: FakeSidecar, spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C after the write: whether the line counts is open, what follows is not harmed."""
    real = os.write

    def write(fd: int, data: bytes) -> int:
        count = real(fd, data)
        if b'"n":1' in data:
            raise KeyboardInterrupt
        return count

    monkeypatch.setattr(os, "write", write)
    with AuditClient(url=sidecar.url, spool_dir=spool_dir, linger=60) as client:
        client.enqueue(make(0))
        with pytest.raises(KeyboardInterrupt):
            client.enqueue(make(1))
        client.enqueue(make(2))
        client.flush()
        assert client.stats().spool_events == 0
    assert numbers(sidecar.events) == [0, 1, 2]


@pytest.mark.parametrize("mode", ["always", "interval"])
def test_a_sync_that_fails(
    sidecar: FakeSidecar,
    spool_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mode: Any,
) -> None:
    real = os.fdatasync
    fail = [False]
    failed = threading.Event()

    def fdatasync(fd: int) -> None:
        if fail[0]:
            fail[0] = False
            failed.set()
            raise OSError(errno.EIO, "Input/output error")
        real(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with AuditClient(
        url=sidecar.url, spool_dir=spool_dir, spool_sync=mode, spool_sync_interval=0.01, linger=60
    ) as client:
        client.enqueue(make(0))
        fail[0] = True
        if mode == "always":
            with pytest.raises(AuditUnavailable, match="Input/output error") as caught:
                client.enqueue(make(1))
            assert caught.value.outcome_unknown
            assert caught.value.event is not None
            client.enqueue(caught.value.event)  # the retry has the same id
        else:
            client.enqueue(make(1))
            assert failed.wait(10)
        client.flush()
        client.enqueue(make(2))
        client.flush()
    assert numbers(sidecar.events) == [0, 1, 2]
    if mode == "interval":
        assert "Input/output error" in caplog.text


def test_always_syncs_before_it_returns_and_shares(
    sidecar: FakeSidecar, spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fdatasync
    synced: list[int] = []  # sizes
    waiting = threading.Semaphore(0)
    go = threading.Event()
    hold = [False]

    def fdatasync(fd: int) -> None:
        if hold[0]:
            waiting.release()
            go.wait(10)
        size = os.fstat(fd).st_size
        real(fd)
        synced.append(size)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with AuditClient(
        url=sidecar.url, spool_dir=spool_dir, spool_sync="always", linger=60
    ) as client:
        client.enqueue(make(0))
        assert synced == [client._core._spool.written.offset]  # type: ignore[union-attr]
        hold[0] = True
        threads = [threading.Thread(target=client.enqueue, args=(make(n),)) for n in range(1, 9)]
        threads[0].start()
        waiting.acquire(timeout=10)
        for thread in threads[1:]:
            thread.start()
        spool = client._core._spool
        assert spool is not None
        while spool.enqueued < 9:  # all have written, and wait for one more sync
            os.sched_yield()
        hold[0] = False
        go.set()
        for thread in threads:
            thread.join(10)
        assert len(synced) == 3
        assert synced[-1] == spool.written.offset


def test_interval_syncs_soon(
    sidecar: FakeSidecar, spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fdatasync
    synced = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda fd: (real(fd), synced.set()))
    with AuditClient(
        url=sidecar.url, spool_dir=spool_dir, linger=60, spool_sync_interval=0.01
    ) as client:
        client.enqueue(EVENT)
        assert synced.wait(10)
