"""The thread that delivers what is in the spools.

It sends one batch at a time from each spool, in order, and goes on only when a
batch is settled: every event of it is stored, or in the dead-letter file. It
never gives up. If the process dies, the cursor has not passed the batch; the next
owner sends it again, and the sidecar recognises what it has.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ._answer import Answer, Outcome, read_answer
from ._backoff import Backoff
from ._cut import cut
from ._files import DeadLetter, Position, bury
from ._folder import Folder, adopt
from ._http import Transport, TransportError
from ._options import DeadLetterHook, Options
from ._reader import Chunk, Reader
from ._spool import Spool
from ._stats import Counters

ADOPT_EVERY = 30.0  # seconds

_NEVER = 1 << 62
_log = logging.getLogger("audit_archiver")


class _Orphan:
    """An adopted sub-folder."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.reader = Reader(folder.path)
        self.events, self.bytes = self.reader.measure()

    def advance(self, chunk: Chunk) -> None:
        self.events -= chunk.count
        self.bytes -= chunk.size
        self.reader.advance(chunk)


class Sender:
    """Owns its thread and the adopted sub-folders; reads the process's own spool."""

    def __init__(
        self,
        options: Options,
        transport: Transport,
        counters: Counters,
        report: Callable[[str, Exception], None],
        on_exit: Callable[[], None],
    ) -> None:
        self._options = options
        self._transport = transport
        self._counters = counters
        self._report = report
        self._on_exit = on_exit
        self._backoff = Backoff()
        self._adopt_at = 0.0
        self.spool: Spool | None = None  # set once, by the client
        self.orphans: list[_Orphan] = []
        self._unclaimed: list[Folder] = []

        self._wake = threading.Condition()
        # The number of waiting events from which on the thread wants to be woken.
        # Read without the lock by everybody who enqueues.
        self.wants = _NEVER
        self._hurry_to = Position(0, 0)  # somebody waits in flush for us to get there
        self._kick = False  # and wants one try now
        self._stopping = False
        self._thread = threading.Thread(
            target=self._run, name="audit-archiver-sender", daemon=True
        )

    def start(self, folders: list[Folder]) -> None:
        """Begin, with sub-folders that were adopted already."""
        self._unclaimed = folders
        self._thread.start()

    def hurry(self, target: Position) -> None:
        """Do not linger until the spool is delivered up to target.

        A pause ends now as well, except for what Retry-After asks for.
        """
        with self._wake:
            self._hurry_to = max(self._hurry_to, target)
            self._kick = True
            self._wake.notify()

    def wake(self) -> None:
        with self._wake:
            self.wants = _NEVER
            self._wake.notify()

    def stop(self, deadline: float) -> bool:
        """End the thread, cutting off a request under way; False if it still runs then."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._transport.abort()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def wait_orphans(self, timeout: float) -> bool:
        """Wait until no adopted spool is left; False if time is up."""
        with self._wake:
            return self._wake.wait_for(lambda: not (self.orphans or self._unclaimed), timeout)

    def pending(self) -> tuple[int, int]:
        """Return how many events and bytes of adopted spools are not delivered yet."""
        orphans = list(self.orphans)
        return sum(o.events for o in orphans), sum(o.bytes for o in orphans)

    def abandon_in_child(self) -> None:
        self._transport.abandon_in_child()
        for folder in self._unclaimed:
            folder.release()
        for orphan in self.orphans:
            orphan.reader.close()
            orphan.folder.release()

    # What follows runs in the thread.

    def _run(self) -> None:
        try:
            while not self._stopping:
                try:
                    self._cycle()
                except Exception as e:  # of the disk, or a bug: never a silent end
                    self._report("deliver", e)
                    self._pause(0.0)
        finally:
            self._transport.close()
            for orphan in list(self.orphans):
                self._give_back(orphan)
            for folder in self._unclaimed:
                folder.release()
            self._on_exit()

    def _cycle(self) -> None:
        """Send one batch of each spool; wait if there is none."""
        self._adopt()
        busy = False
        for orphan in list(self.orphans):
            try:
                more = self._serve(orphan)
            except OSError as e:
                # It must not hold up our own events; in 30 s it is adopted again.
                self._report(f"deliver {orphan.folder.path}", e)
                self._give_back(orphan)
                continue
            if self._stopping:
                return
            busy = busy or more
        spool = self.spool
        if spool is not None and spool.pending_events:
            if not busy:
                self._linger(spool)
            chunk = self._next(spool.reader)
            if chunk is None:
                spool.settle()
            else:
                self._deliver(spool, chunk)
        elif not busy:
            if spool is not None:
                spool.reader.save()
            self._idle()

    def _serve(self, orphan: _Orphan) -> bool:
        """Send one batch of an orphan; remove it and return False if there is none."""
        chunk = self._next(orphan.reader)
        if chunk is not None:
            self._deliver(orphan, chunk)
            return True
        orphan.reader.close()
        orphan.folder.remove()
        with self._wake:
            self.orphans.remove(orphan)
            self._wake.notify_all()
        return False

    def _give_back(self, orphan: _Orphan) -> None:
        if orphan in self.orphans:
            self.orphans.remove(orphan)
            try:
                orphan.reader.save()
            except OSError as e:
                self._report(f"give back {orphan.folder.path}", e)
            orphan.reader.close()
            orphan.folder.release()

    def _next(self, reader: Reader) -> Chunk | None:
        return reader.next(self._options.batch_events, self._options.batch_bytes)

    def _adopt(self) -> None:
        if time.monotonic() >= self._adopt_at:
            self._unclaimed.extend(adopt(self._options.spool_dir))
            self._adopt_at = time.monotonic() + ADOPT_EVERY
        while self._unclaimed:
            folder = self._unclaimed[0]
            try:
                self.orphans.append(_Orphan(folder))
            except OSError as e:
                self._report(f"adopt {folder.path}", e)
                folder.release()
            del self._unclaimed[0]

    def _idle(self) -> None:
        """Wait for the first event, or until it is time to look for orphans."""
        with self._wake:
            # In this order: who enqueues counts first and then looks at wants, so
            # one of us sees the other.
            self.wants = 1
            while not (self._stopping or (self.spool and self.spool.pending_events)):
                left = self._adopt_at - time.monotonic()
                if left <= 0:
                    break
                self._wake.wait(left)
            self.wants = _NEVER

    def _linger(self, spool: Spool) -> None:
        """Wait a little for a batch to fill."""
        until = time.monotonic() + self._options.linger
        full = self._options.batch_events
        with self._wake:
            self.wants = full
            while not (self._stopping or spool.pending_events >= full):
                if spool.reader.position < self._hurry_to:
                    break
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._wake.wait(left)
            self.wants = _NEVER
            self._kick = False

    def _pause(self, at_least: float) -> bool:
        """Back off. Returns False if the thread is to end."""
        start = time.monotonic()
        until = start + self._backoff.next(at_least)
        with self._wake:
            while not self._stopping:
                due = start + at_least if self._kick else until
                left = due - time.monotonic()
                if left > 0:
                    self._wake.wait(left)
                    continue
                if self._kick:  # one more try now, then we back off anew
                    self._kick = False
                    self._backoff.reset()
                break
        return not self._stopping

    def _deliver(self, source: Spool | _Orphan, chunk: Chunk) -> bool:
        """Settle a chunk. Returns False if the thread is to end before it is settled."""
        before = self._counters.dead_lettered
        if chunk.damaged:
            letters = [DeadLetter("damaged", line) for line in chunk.damaged]
            while not self._bury(letters):
                if not self._pause(0.0):
                    return False
        todo = cut(chunk.events)
        todo.reverse()
        while todo:
            batch = todo.pop()
            answer = self._post(batch)
            if answer.outcome is Outcome.DELIVERED:
                self._backoff.reset()
                self._counters.add(delivered=len(batch))
                continue
            if answer.outcome is Outcome.HALVE:
                half = len(batch) // 2
                todo += [batch[half:], batch[:half]]
                continue
            if answer.outcome is Outcome.REFUSED and self._bury(_letters(batch, answer)):
                if rest := [e for i, e in enumerate(batch) if i not in answer.blamed]:
                    todo.append(rest)
                continue
            todo.append(batch)
            if not self._pause(answer.retry_after):
                return False
        source.advance(chunk)
        if self._counters.dead_lettered != before:
            source.reader.save()  # a dead letter twice would puzzle people
        return True

    def _post(self, batch: list[bytes]) -> Answer:
        try:
            response = self._transport.post(
                b"\n".join(batch) + b"\n", self._options.request_timeout
            )
        except TransportError as e:
            answer = Answer(Outcome.RETRY, 0, str(e))
        else:
            answer = read_answer(response.status, response.headers, response.body, len(batch))
        if answer.outcome in (Outcome.RETRY, Outcome.KEEP) and not self._stopping:
            self._counters.add(retries=1)
            self._counters.failed(f"deliver {len(batch)} events: {answer.text}")
        return answer

    def _bury(self, letters: list[DeadLetter]) -> bool:
        """Write dead letters and tell of them. Returns False if the disk did not take them."""
        try:
            path = bury(self._options.spool_dir, letters)
        except OSError as e:
            self._report("write dead letters", e)
            return False
        self._counters.add(dead_lettered=len(letters))
        for letter in letters:
            self._counters.failed(f"dead letter: {letter.reason}")
            tell(self._options.on_dead_letter, letter, path)
        return True


def tell(hook: DeadLetterHook | None, letter: DeadLetter, path: Path) -> None:
    """Call the hook of dead letters, or log a line without the event's content.

    Never fails: the letter is written, and must not be written again.
    """
    try:
        event = None if letter.reason == "damaged" else json.loads(letter.data)
        if hook is not None:
            hook(event, letter.reason, path)
            return
        faults = "; ".join(f"{e.field or 'event'} {e.reason}" for e in letter.errors[:3])
        id = event["id"] if event else "unknown"
        why = f"{letter.reason}; {faults}" if faults else letter.reason
        _log.error("audit event put into %s: id %s: %s", path, id, why)
    except Exception:
        _log.exception("on_dead_letter failed; the event is in %s", path)


def _letters(batch: list[bytes], answer: Answer) -> list[DeadLetter]:
    reason = "conflict" if answer.conflict else "rejected"
    return [
        DeadLetter(reason, batch[index], answer.status, errors)
        for index, errors in sorted(answer.blamed.items())
    ]


