"""What both clients share: the two verbs on prepared events, and the resources."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from typing import NoReturn

from ._answer import Answer, Outcome, read_answer
from ._backoff import Backoff
from ._errors import (
    AuditClosed,
    AuditConflict,
    AuditRejected,
    AuditSpoolFull,
    AuditUnavailable,
    describe,
)
from ._files import frame
from ._folder import Folder, adopt
from ._http import Endpoint, Transport, TransportError
from ._options import Options, Policy
from ._prepare import Prepared
from ._sender import ADOPT_EVERY, Sender
from ._spool import Spool, SpoolClosed, SpoolFull, SyncFailed
from ._stats import Counters, Stats

_log = logging.getLogger("audit_archiver")


class Core:
    """A client without its manners: no context, no async.

    The spool, its sub-folder and the threads come into being with the first
    event that is enqueued, or with the first orphan that is adopted.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.endpoint = Endpoint(options.url, options.token)
        self._begin()
        _cores.add(self)
        self._adopt()

    def _begin(self) -> None:
        """The state of a new client; also that of a forked child."""
        self.pid = os.getpid()
        self.counters = Counters()
        self.transport = Transport(self.endpoint)
        # Guards coming into being and closing; nothing waits for the network with it.
        self._mu = threading.Lock()
        self._spool: Spool | None = None
        self._sender: Sender | None = None
        self._adopt_at = 0.0
        self.closed = False

    def after_fork_in_child(self) -> None:
        """Begin anew: spool, connections and threads are the parent's.

        Only descriptors are closed. The parent's locks stay its own, and its
        events are delivered by it, not by us as well.
        """
        spool, sender, transport, closed = self._spool, self._sender, self.transport, self.closed
        self._begin()
        self.closed = closed
        transport.abandon_in_child()
        if sender is not None:
            sender.abandon_in_child()
        if spool is not None:
            spool.abandon_in_child()

    # record

    def record(self, event: Prepared, policy: Policy | None, deadline: float) -> None:
        """Return once the sidecar has the event on its disk, or as the policy says.

        ``deadline`` is a time of ``time.monotonic``.
        """
        self.check_open("record", event)
        chosen = self.options.policy(event.action, policy)
        self._adopt()
        try:
            self._record(event, deadline)
        except AuditUnavailable:
            if chosen != "fail_open_spooled":
                raise
            self.enqueue(event, time.monotonic() + self.options.enqueue_timeout)

    def _record(self, event: Prepared, deadline: float) -> None:
        backoff = Backoff()
        answer = Answer(Outcome.RETRY, 0, "no time was left to send it")
        cause: Exception | None = None
        unknown = False
        body = event.json + b"\n"
        while (left := deadline - time.monotonic()) > 0:
            cause = None
            try:
                response = self.transport.post(body, min(left, self.options.request_timeout))
            except TransportError as e:
                answer, cause = Answer(Outcome.RETRY, 0, str(e), unknown=e.sent), e
            else:
                answer = read_answer(response.status, response.headers, response.body, 1)
            if answer.outcome is Outcome.DELIVERED:
                self.counters.add(recorded=1)
                return
            if answer.outcome is Outcome.REFUSED:
                _refuse(event, answer)
            unknown = unknown or answer.unknown
            self.counters.failed(f"record: {answer.text}")
            if answer.outcome is Outcome.KEEP:
                break
            pause = backoff.next(answer.retry_after)
            if time.monotonic() + pause >= deadline:
                break
            self.counters.add(retries=1)
            time.sleep(pause)
        raise AuditUnavailable(
            f"record event {event.id} ({event.action}): {answer.text}",
            events=[event.event],
            status=answer.status or None,
            outcome_unknown=unknown,
        ) from cause

    # enqueue

    def try_enqueue(self, event: Prepared) -> bool:
        """Write an event to the spool if that takes one write and no waiting."""
        spool, sender = self._spool, self._sender
        if spool is None or sender is None:
            return False  # making the files takes its time
        try:
            written = spool.try_append(frame(event.json))
        except SpoolClosed:
            self._raise_closed("enqueue", event)
        except OSError as e:
            self._raise_not_written(event, e)
        if spool.pending_events >= sender.wants:
            sender.wake()
        return written

    def enqueue(self, event: Prepared, deadline: float) -> None:
        """Write an event to the spool; wait for room until the monotonic time deadline."""
        self.check_open("enqueue", event)
        try:
            spool, sender = self._open_spool()
            spool.append(frame(event.json), deadline)
        except SpoolClosed:
            self._raise_closed("enqueue", event)
        except SpoolFull:
            raise AuditSpoolFull(
                f"enqueue event {event.id} ({event.action}): the spool in {self.options.spool_dir}"
                f" held {self.options.spool_max_bytes} bytes for {self.options.enqueue_timeout} s",
                events=[event.event],
            ) from None
        except (OSError, SyncFailed) as e:
            self._raise_not_written(event, e)
        if spool.pending_events >= sender.wants:
            sender.wake()

    # the rest

    def flush(self, timeout: float) -> None:
        """Return once everything that is in the spool now is settled."""
        self.check_open("flush")
        self._flush(time.monotonic() + timeout, timeout)

    def close(self, timeout: float) -> None:
        """Take no more events, flush for at most timeout seconds, give the spool back."""
        deadline = time.monotonic() + timeout
        with self._mu:
            if self.closed:
                return
            self.closed = True
            sender = self._sender
        try:
            self._flush(deadline, timeout)
        except AuditUnavailable as e:
            _log.warning("close: %s; the next process that uses the spool delivers it", e)
        if self._spool is not None:
            self._spool.stop()
        # A request that is cut off ends at once, one that still connects in
        # request_timeout: then the thread gives the spool back itself.
        if sender is not None:
            sender.stop(max(deadline, time.monotonic() + 1.0))
        self.transport.close()

    def stats(self) -> Stats:
        c, spool, sender = self.counters, self._spool, self._sender
        events, size = sender.pending() if sender else (0, 0)
        return Stats(
            recorded=c.recorded,
            enqueued=spool.enqueued if spool else 0,
            delivered=c.delivered,
            dead_lettered=c.dead_lettered,
            spool_bytes=size + (spool.pending_bytes if spool else 0),
            spool_events=events + (spool.pending_events if spool else 0),
            retries=c.retries,
            last_error=c.last_error,
            last_delivered_at=c.last_delivered_at,
        )

    def _flush(self, deadline: float, timeout: float) -> None:
        spool, sender = self._spool, self._sender
        if spool is None or sender is None:
            return
        target = spool.written
        sender.hurry(target)
        if not spool.wait_delivered(target, deadline):
            raise AuditUnavailable(
                f"flush: {spool.pending_events} events are still in {spool.folder.path}"
                f" after {timeout} s; last error: {self.counters.last_error}"
            )

    def _open_spool(self) -> tuple[Spool, Sender]:
        with self._mu:
            if self.closed:
                raise SpoolClosed
            if self._spool is None:
                o = self.options
                spool = Spool(
                    o.spool_dir,
                    bytes_most=o.spool_max_bytes,
                    sync_always=o.spool_sync == "always",
                    sync_interval=o.spool_sync_interval,
                    report=self.report,
                )
                # The sender knows it before anybody can write to it.
                self._start_sender([]).spool = spool
                self._spool = spool
            return self._spool, self._start_sender([])

    def _start_sender(self, folders: list[Folder]) -> Sender:
        if self._sender is None:
            sender = Sender(
                self.options,
                Transport(self.endpoint),
                self.counters,
                self.report,
                on_exit=self._release,
            )
            sender.start(folders)
            self._sender = sender
        return self._sender

    def _adopt(self) -> None:
        """Look for orphans, as long as there is no sender that does it."""
        now = time.monotonic()
        if self._sender is not None or now < self._adopt_at:
            return
        with self._mu:
            if self._sender is not None or self.closed or now < self._adopt_at:
                return
            self._adopt_at = now + ADOPT_EVERY
            try:
                folders = adopt(self.options.spool_dir)
            except OSError as e:
                self.report("adopt spools", e)
                return
            if folders:
                self._start_sender(folders)

    def _release(self) -> None:
        """The sender has ended: nobody reads the spool any more."""
        if self._spool is not None:
            self._spool.stop()
            try:
                self._spool.release()
            except OSError as e:
                self.report(f"give back {self._spool.folder.path}", e)

    def report(self, what: str, error: Exception) -> None:
        """Note a failure that no caller can be told of."""
        self.counters.failed(f"{what}: {error}")
        _log.error("%s: %s", what, error, exc_info=not isinstance(error, OSError))

    def check_open(self, verb: str, event: Prepared | None = None) -> None:
        """Raise AuditClosed if the client is closed."""
        if self.closed:
            self._raise_closed(verb, event)

    def _raise_closed(self, verb: str, event: Prepared | None) -> NoReturn:
        what = f"{verb} event {event.id} ({event.action})" if event else verb
        raise AuditClosed(
            f"{what}: the client is closed", events=[event.event] if event else []
        ) from None

    def _raise_not_written(self, event: Prepared, error: Exception) -> NoReturn:
        self.counters.failed(f"enqueue: {error.__cause__ or error}")
        raise AuditUnavailable(
            f"enqueue event {event.id} ({event.action}) to {self.options.spool_dir}:"
            f" {error.__cause__ or error}",
            events=[event.event],
            outcome_unknown=isinstance(error, SyncFailed),
        ) from error


def _refuse(event: Prepared, answer: Answer) -> NoReturn:
    errors = answer.blamed[0]
    message = f"record event {event.id} ({event.action}): {answer.text}: {describe(errors)}"
    if answer.conflict:
        raise AuditConflict(message, events=[event.event], errors=errors)
    raise AuditRejected(message, events=[event.event], errors=errors, status=answer.status)


# Clients that are alive, for the hook below. One hook for all of them: hooks
# cannot be taken back.
_cores: weakref.WeakSet[Core] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for core in list(_cores):
        core.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
