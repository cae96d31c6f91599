"""This process's own spool: what ``enqueue`` writes and the sender reads.

The promise: once :meth:`Spool.append` returns, the line is in a file, and
survives the end of this process however it ends. With ``sync_always`` it
survives a power failure too; else it does so after ``sync_interval``.

What is on disk if we die: in the middle of a write, a line without a line feed,
which readers take for the end of its segment; after it, the whole line. A
write that fails or is cut short ends its segment as well: the next line goes
to a new one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ._files import SEGMENT_BYTES, Position, segment_path, sync_folder
from ._folder import Folder, create
from ._reader import Chunk, Reader


class SpoolClosed(Exception):
    """The spool takes no more lines."""


class SpoolFull(Exception):
    """There was no room in time."""


class SyncFailed(Exception):
    """A line was written, but whether it is on the disk is unknown."""


class _Round:
    """What everybody who waits for one sync shares."""

    def __init__(self) -> None:
        self.done = False
        self.error: OSError | None = None


class Spool:
    """A sub-folder with segments that this process appends to."""

    def __init__(
        self,
        spool_dir: Path,
        *,
        bytes_most: int,
        sync_always: bool,
        sync_interval: float,
        report: Callable[[str, Exception], None],
    ) -> None:
        self._dir = spool_dir
        self._bytes_most = bytes_most
        self._sync_always = sync_always
        self._sync_interval = sync_interval
        self._report = report
        self.folder: Folder = create(spool_dir)

        # mu guards what follows. An append holds it for one write(2), so that
        # lines do not mix; nothing holds it for an fsync.
        self._mu = threading.Lock()
        self._progress = threading.Condition(self._mu)  # room, delivered, synced
        self._dirty = threading.Condition(self._mu)  # for the syncer
        self._closed = False
        self._fd = -1  # of the segment that is appended to
        self.written = Position(0, 0)
        self._retired: list[int] = []  # segments that are complete, not yet synced
        self._names_dirty = True  # folder entries are not yet synced
        self._unsynced = False
        self._syncing = False
        self._round = _Round()
        self.enqueued = 0
        self.pending_events = 0  # written and not delivered
        self.pending_bytes = 0

        self.reader = Reader(self.folder.path, lambda: self.written)
        self._syncer: threading.Thread | None = None
        if not sync_always:
            self._syncer = threading.Thread(
                target=self._sync_often, name="audit-archiver-sync", daemon=True
            )
            self._syncer.start()

    def try_append(self, line: bytes) -> bool:
        """Append a line if that does not have to wait; else return False."""
        with self._mu:
            if self._closed:
                raise SpoolClosed
            if self._sync_always or not self._has_room(line):
                return False
            self._write(line)
        return True

    def append(self, line: bytes, deadline: float) -> None:
        """Append a line, waiting for room until the monotonic time deadline.

        Raises SpoolFull, SpoolClosed, SyncFailed, and OSError if the write
        failed: then the line is not in the spool.
        """
        with self._mu:
            while True:
                if self._closed:
                    raise SpoolClosed
                if self._has_room(line):
                    break
                left = deadline - time.monotonic()
                if left <= 0:
                    raise SpoolFull
                self._progress.wait(left)
            self._write(line)
            if not self._sync_always:
                return
            mine = self._round
        self._sync(mine)
        if mine.error is not None:
            raise SyncFailed from mine.error

    def advance(self, chunk: Chunk) -> None:
        """Note that a chunk is delivered or dead-lettered."""
        try:
            self.reader.advance(chunk)
        finally:
            with self._mu:
                # What is left is told by positions; the counts may be off by what
                # was written and not counted. While they are not 0, the sender reads.
                self.pending_events = max(1, self.pending_events - chunk.count)
                self.pending_bytes = max(0, self.pending_bytes - chunk.size)
                self._caught_up()

    def settle(self) -> None:
        """Bring the count in order when the reader finds nothing more to read."""
        lost = 0
        with self._mu:
            if self.reader.position < self.written:
                lost = self.pending_events
                self.reader.close()
                self.reader.position = self.written
            self._caught_up()
        if lost:  # somebody has deleted or cut our files
            error = OSError(f"{lost} events were there and are gone")
            self._report(f"read {self.folder.path}", error)

    def wait_delivered(self, target: Position, deadline: float) -> bool:
        """Wait until everything before target is dealt with; False if time is up."""
        with self._mu:
            while self.reader.position < target:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._progress.wait(left)
        return True

    def stop(self) -> None:
        """Take no more lines; make what there is durable."""
        with self._mu:
            if self._closed:
                return
            self._closed = True
            self._progress.notify_all()
            self._dirty.notify_all()
            mine = self._round
        if self._syncer is not None:
            self._syncer.join()
        if self._unsynced:
            self._sync(mine)
            if mine.error is not None:
                self._report(f"sync {self.folder.path}", mine.error)

    def release(self) -> None:
        """Give the folder back, after :meth:`stop`; remove it if it is all delivered."""
        try:
            if self.reader.position < self.written:
                self.reader.save()
        finally:
            self._close_files()
        if self.reader.position < self.written:
            self.folder.release()
        else:
            self.folder.remove()

    def abandon_in_child(self) -> None:
        """Close the descriptors in a forked child. The spool stays the parent's."""
        self._close_files()
        self.folder.release()

    def _close_files(self) -> None:
        self.reader.close()
        self._retire()
        while self._retired:
            os.close(self._retired.pop())

    # What follows is called with mu held, up to the next comment.

    def _has_room(self, line: bytes) -> bool:
        # A single line always fits, else it never would.
        return self.pending_bytes + len(line) <= self._bytes_most or self.pending_bytes == 0

    def _write(self, line: bytes) -> None:
        if self._fd < 0 or self.written.offset + len(line) > SEGMENT_BYTES:
            self._open_next()
        try:
            count = os.write(self._fd, line)
            if count != len(line):
                raise OSError(f"only {count} of {len(line)} bytes were written")
            self.written = Position(self.written.segment, self.written.offset + count)
        except BaseException:  # KeyboardInterrupt too: the line may be there, uncounted
            self._end_segment()
            raise
        self.enqueued += 1
        self.pending_events += 1
        self.pending_bytes += count
        if not self._unsynced:
            self._unsynced = True
            self._dirty.notify()

    def _open_next(self) -> None:
        number = self.written.segment + 1
        path = segment_path(self.folder.path, number)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
        self._retire()
        self._fd = fd
        self.written = Position(number, 0)
        self._names_dirty = True

    def _end_segment(self) -> None:
        """After a failed write: what follows goes to a new segment.

        An empty one is used again if it can be emptied, or a full disk would
        fill up with empty files.
        """
        if self.written.offset == 0:
            try:
                os.ftruncate(self._fd, 0)
                return
            except OSError:
                pass  # then a new one after all
        self._retire()

    def _retire(self) -> None:
        """Append no more to the segment. A sync that runs may still need its descriptor."""
        if self._fd >= 0:
            self._retired.append(self._fd)
            self._fd = -1

    def _caught_up(self) -> None:
        if self.reader.position >= self.written:
            self.pending_events = self.pending_bytes = 0
        self._progress.notify_all()

    # What follows takes mu itself.

    def _sync(self, mine: _Round) -> None:
        """Return once the round is done, doing it if nobody else is."""
        with self._mu:
            while not mine.done:
                if self._syncing:
                    self._progress.wait()
                    continue
                # mine is the open round: closed ones are done or being done.
                self._syncing = True
                self._unsynced = False
                self._round = _Round()
                names, self._names_dirty = self._names_dirty, False
                retired = list(self._retired)
                current = self._fd
                self._mu.release()
                try:
                    error = self._sync_files(names, [*retired, current])
                finally:
                    self._mu.acquire()
                    self._syncing = False
                for fd in retired:
                    self._retired.remove(fd)
                    os.close(fd)
                if error is not None:
                    # Asking again proves nothing: the kernel may have dropped the
                    # pages. What follows goes to a new segment.
                    self._names_dirty = self._names_dirty or names
                    if self._fd == current:
                        self._retire()
                mine.error = error
                mine.done = True
                self._progress.notify_all()

    def _sync_files(self, names: bool, fds: list[int]) -> OSError | None:
        try:
            for fd in fds:
                if fd >= 0:
                    os.fdatasync(fd)
            if names:
                sync_folder(self.folder.path)
                sync_folder(self._dir)
        except OSError as e:
            return e
        return None

    def _sync_often(self) -> None:
        """The syncer: a sync after each interval in which something was written."""
        while True:
            with self._mu:
                while not (self._unsynced or self._closed):
                    self._dirty.wait()
                if self._closed:
                    return
                self._dirty.wait_for(lambda: self._closed, self._sync_interval)
                mine = self._round
            self._sync(mine)
            if mine.error is not None:
                self._report(f"sync {self.folder.path}", mine.error)
