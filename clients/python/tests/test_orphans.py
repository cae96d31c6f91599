"""Processes that end, that fork, and that find what others left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from audit_archiver import AsyncAuditClient, AuditClient, _core, _sender
from audit_archiver._files import frame
from audit_archiver._folder import adopt, claim, create
from audit_archiver._ids import ids
from audit_archiver.testing import FakeSidecar

from .conftest import EVENT, make, numbers, spool_names

SRC = Path(__file__).parents[1] / "src"


def leave_orphan(spool_dir: Path, *ns: int) -> Path:
    """A sub-folder as a killed process leaves it."""
    folder = create(spool_dir)
    lines = [frame(b'{"id":"%b","details":{"n":%d},%b' % (ids.new().encode(), n, REST)) for n in ns]
    (folder.path / "00000000000000000001.spool").write_bytes(b"".join(lines))
    folder.release()
    return folder.path


def drain(client: AuditClient) -> None:
    """Wait until all that was adopted is delivered."""
    sender = client._core._sender
    assert sender is None or sender.wait_orphans(30)


REST = (
    b'"timestamp":"2026-01-01T00:00:00Z","action":"order.update","outcome":"success",'
    b'"actor":{"id":"u","type":"user"},"resource":{"type":"order"}}'
)


def test_adopts_at_the_start_oldest_first(sidecar: FakeSidecar, spool_dir: Path) -> None:
    one, three = leave_orphan(spool_dir, 1, 2), leave_orphan(spool_dir, 3)
    with AuditClient(url=sidecar.url, spool_dir=spool_dir, batch_events=1) as client:
        drain(client)
    # Their names tell their age to the millisecond.
    assert numbers(sidecar.events)[0] == (1 if one < three else 3)
    assert [n for n in numbers(sidecar.events) if n != 3] == [1, 2]
    assert len(sidecar.events) == 3
    assert spool_names(spool_dir) == []


def test_counts_what_it_adopted(sidecar: FakeSidecar, spool_dir: Path) -> None:
    sidecar.stall_next()
    leave_orphan(spool_dir, 1, 2)
    with AuditClient(url=sidecar.url, spool_dir=spool_dir, linger=0) as client:
        sidecar.wait_stalled()
        stats = client.stats()
        assert stats.spool_events == 2
        assert stats.spool_bytes > 300
        sidecar.resume()
        sidecar.wait_events(2)


def test_a_torn_line_ends_an_orphan(sidecar: FakeSidecar, spool_dir: Path) -> None:
    path = leave_orphan(spool_dir, 1, 2) / "00000000000000000001.spool"
    os.truncate(path, path.stat().st_size - 5)
    with AuditClient(url=sidecar.url, spool_dir=spool_dir) as client:
        drain(client)
    assert numbers(sidecar.events) == [1]
    assert spool_names(spool_dir) == []


def test_leaves_the_living_alone(sidecar: FakeSidecar, spool_dir: Path) -> None:
    sidecar.answer_next(503, times=3)
    living = create(spool_dir)
    others = spool_dir / "go-01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"
    others.mkdir()
    with AuditClient(url=sidecar.url, spool_dir=spool_dir) as client:
        assert claim(living.path) is None
        assert client._core._sender is None
    assert others.exists() and living.path.exists()
    living.remove()


def test_of_two_adopters_one_wins(spool_dir: Path) -> None:
    for n in range(20):
        leave_orphan(spool_dir, n)
    # Who comes while an owner removes a folder may own it once more, but empty.
    claimed: list[Path] = []
    begin = threading.Barrier(8)

    def run() -> None:
        begin.wait()
        mine = adopt(spool_dir)
        claimed.extend(f.path for f in mine if list(f.path.glob("*.spool")))
        for folder in mine:
            folder.remove()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 20
    assert spool_names(spool_dir) == []


def test_adopts_again_after_a_while(
    sidecar: FakeSidecar, spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sender, "ADOPT_EVERY", 0.05)
    with AuditClient(url=sidecar.url, spool_dir=spool_dir) as client:
        client.enqueue(make(0))
        sidecar.wait_events(1)
        leave_orphan(spool_dir, 1)
        sidecar.wait_events(2)


def test_a_client_that_only_records_adopts_too(
    sidecar: FakeSidecar, spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_core, "ADOPT_EVERY", 0.0)
    with AuditClient(url=sidecar.url, spool_dir=spool_dir) as client:
        client.record(make(0))
        leave_orphan(spool_dir, 1)
        client.record(make(2))
        drain(client)
    assert sorted(numbers(sidecar.events)) == [0, 1, 2]


def test_what_close_leaves_is_for_the_next(spool_dir: Path, sidecar: FakeSidecar) -> None:
    with FakeSidecar() as gone:
        pass
    with AuditClient(url=gone.url, spool_dir=spool_dir) as first:
        for n in range(3):
            first.enqueue(make(n))
        first.close(timeout=0.05)
    assert len(spool_names(spool_dir)) == 1
    with AuditClient(url=sidecar.url, spool_dir=spool_dir) as client:
        drain(client)
    assert numbers(sidecar.events) == [0, 1, 2]
    assert spool_names(spool_dir) == []


def test_close_cuts_off_a_request_under_way(spool_dir: Path, sidecar: FakeSidecar) -> None:
    sidecar.stall_next()
    client = AuditClient(url=sidecar.url, spool_dir=spool_dir, request_timeout=60, linger=0)
    client.enqueue(make(0))
    sidecar.wait_stalled()
    client.close(timeout=0.05)
    assert not [t for t in threading.enumerate() if t.name.startswith("audit-archiver")]
    (name,) = spool_names(spool_dir)
    folder = claim(spool_dir / name)
    assert folder is not None
    folder.release()


@pytest.mark.parametrize("seed", range(5))
def test_kill(sidecar: FakeSidecar, spool_dir: Path, seed: int) -> None:
    """kill -9 under load, several times; nothing that was accepted is lost or out of order."""
    chance = random.Random(seed)
    accepted: dict[str, int] = {}
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SRC),
        "ARCHIVER_URL": sidecar.url,
        "ARCHIVER_SPOOL_DIR": str(spool_dir),
    }
    for life in range(3):
        name = f"life-{life}"
        command = [sys.executable, str(Path(__file__).with_name("child.py")), name]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            if chance.random() < 0.5:
                sidecar.cut_next(stored=chance.random() < 0.5, times=3)
            wanted = chance.randrange(1, 400)
            lines = 0
            for line in child.stdout:
                lines += line.endswith(b"\n")
                if lines == wanted:
                    os.kill(child.pid, signal.SIGKILL)
        assert child.returncode == -signal.SIGKILL
        accepted[name] = lines
    with AuditClient(url=sidecar.url, spool_dir=spool_dir) as client:
        drain(client)
    for name, count in accepted.items():
        got = [e["details"]["n"] for e in sidecar.events if e["actor"]["id"] == name]
        # One more may have been accepted and not told of before the kill.
        assert got in (list(range(count)), list(range(count + 1))), (name, count, len(got))
    assert spool_names(spool_dir) == []


def in_child(work: object) -> int:
    """Fork, run work in the child, return its exit status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()  # type: ignore[operator]
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_fork(sidecar: FakeSidecar, spool_dir: Path) -> None:
    sidecar.stall_next()
    with AuditClient(url=sidecar.url, spool_dir=spool_dir, linger=0) as client:
        client.enqueue(make(0))
        sidecar.wait_stalled()  # the sender is in the middle of a request
        before = spool_names(spool_dir)

        def work() -> None:
            assert client.stats().enqueued == 0
            client.enqueue(make(1))
            mine = [name for name in spool_names(spool_dir) if name not in before]
            assert len(mine) == 1, mine
            client.flush()
            client.close()
            assert spool_names(spool_dir) == before

        assert in_child(work) == 0
        assert numbers(sidecar.events) == [1]
        sidecar.resume()
        client.flush()
    assert sorted(numbers(sidecar.events)) == [0, 1]
    assert spool_names(spool_dir) == []


def test_the_child_does_not_hold_the_parents_lock(sidecar: FakeSidecar, spool_dir: Path) -> None:
    """The parent gives its spool back while a child lives on."""
    sidecar.answer_next(503, times=1000)
    client = AuditClient(url=sidecar.url, spool_dir=spool_dir)
    client.enqueue(make(0))
    ready, go = os.pipe(), os.pipe()

    def work() -> None:
        os.write(ready[1], b"x")
        os.read(go[0], 1)

    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.read(ready[0], 1)
    client.close(timeout=0)
    try:
        (name,) = spool_names(spool_dir)
        folder = claim(spool_dir / name)
        assert folder is not None, "the lock is still held"
        folder.release()
    finally:
        os.write(go[1], b"x")
        os.waitpid(pid, 0)
        for fd in (*ready, *go):
            os.close(fd)


def test_the_child_uses_no_connection_of_the_parent(
    sidecar: FakeSidecar, spool_dir: Path
) -> None:
    with AuditClient(url=sidecar.url, spool_dir=spool_dir) as client:
        client.record(make(0))
        assert in_child(lambda: client.record(make(1))) == 0
        client.record(make(2))
        assert numbers(sidecar.events) == [0, 1, 2]
        assert sidecar.connections == 2


def test_the_child_makes_other_ids() -> None:
    ids.new()
    read, write = os.pipe()
    assert in_child(lambda: os.write(write, ids.new().encode())) == 0
    child = os.read(read, 100).decode()
    os.close(read)
    os.close(write)
    assert child[15:] != ids.new()[15:]


def test_the_async_client_survives_a_fork(sidecar: FakeSidecar, spool_dir: Path) -> None:
    import asyncio

    client = AsyncAuditClient(url=sidecar.url, spool_dir=spool_dir)
    asyncio.run(client.record(make(0)))

    def work() -> None:
        asyncio.run(client.record(make(1)))
        asyncio.run(client.close())

    assert in_child(work) == 0
    asyncio.run(client.close())
    assert numbers(sidecar.events) == [0, 1]


def test_a_fork_of_a_closed_client_stays_closed(sidecar: FakeSidecar, spool_dir: Path) -> None:
    client = AuditClient(url=sidecar.url, spool_dir=spool_dir)
    client.close()

    def work() -> None:
        from audit_archiver import AuditClosed

        with pytest.raises(AuditClosed):
            client.enqueue(EVENT)

    assert in_child(work) == 0


def test_an_orphan_that_cannot_be_read_does_not_hold_us_up(
    sidecar: FakeSidecar, spool_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    orphan = leave_orphan(spool_dir, 1)
    (orphan / "00000000000000000001.spool").unlink()
    (orphan / "00000000000000000001.spool").mkdir()
    with AuditClient(url=sidecar.url, spool_dir=spool_dir) as client:
        client.enqueue(make(0))
        sidecar.wait_events(1)
    assert orphan.exists()
    assert str(orphan) in caplog.text
