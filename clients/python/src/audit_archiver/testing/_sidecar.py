"""A sidecar in a thread, for tests: it takes events as the real one, and fails on demand."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Literal

from .._errors import FieldError
from .._event import EVENT_BYTES
from .._ids import ids
from .._kinds import is_dict
from .._validate import check_fields, check_json

_LISTED = 100  # errors in one answer, at most
_REQUEST_EVENTS = 10_000


@dataclass
class Fault:
    """What happens to one request instead of the usual.

    ``cut_before`` closes the connection without storing, ``cut_after`` stores
    and closes it without an answer, ``stall`` stores nothing and says nothing
    until the sidecar is told to :meth:`FakeSidecar.resume` or closed.
    """

    kind: Literal["answer", "cut_before", "cut_after", "stall"]
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    at: float
    """``time.monotonic()`` when it was there as a whole."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.split(b"\n") if line]


class FakeSidecar:
    """Listens on a loopback port, or on a unix socket, from the start until ``close``.

    A context manager. Events whose id is there already with the same content
    are recognised; with other content they are refused with 409. ``token``, if
    given, must be sent.
    """

    def __init__(self, *, port: int = 0, unix_path: str | None = None, token: str | None = None):
        self._changed = threading.Condition()
        self._events: list[dict[str, Any]] = []
        self._by_id: dict[str, tuple[int, dict[str, Any]]] = {}  # with its seq
        self._requests: list[Request] = []
        self._faults: deque[Fault] = deque()
        self._connections = 0
        self._open: set[socket.socket] = set()
        self._stalled = 0
        self._epoch = 0  # of stalls; resume begins the next
        self._token = token
        self._server: socketserver.BaseServer
        if unix_path is not None:
            self._server = _UnixServer(unix_path, self._handler())
            self.url = f"unix:{unix_path}"
        else:
            server = _TCPServer(("127.0.0.1", port), self._handler())
            self._server = server
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), name="fake-sidecar", daemon=True
        )
        self._thread.start()

    # What it holds.

    @property
    def events(self) -> list[dict[str, Any]]:
        """What is stored, each event once, in the order of arrival."""
        with self._changed:
            return list(self._events)

    @property
    def requests(self) -> list[Request]:
        """All requests, answered or not."""
        with self._changed:
            return list(self._requests)

    @property
    def connections(self) -> int:
        """How many connections were made to it."""
        with self._changed:
            return self._connections

    def wait_events(self, count: int, timeout: float = 10.0) -> list[dict[str, Any]]:
        """Return the events once there are so many; raise TimeoutError after timeout seconds."""
        self._wait(lambda: len(self._events) >= count, timeout, f"{count} events")
        return self.events

    def wait_requests(self, count: int, timeout: float = 10.0) -> list[Request]:
        """Return the requests once so many have come."""
        self._wait(lambda: len(self._requests) >= count, timeout, f"{count} requests")
        return self.requests

    def wait_stalled(self, timeout: float = 10.0) -> None:
        """Return once a request stalls."""
        self._wait(lambda: self._stalled > 0, timeout, "a request that stalls")

    def _wait(self, reached: Any, timeout: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(reached, timeout):
                raise TimeoutError(
                    f"want {what} within {timeout} s, have {len(self._events)} events"
                    f" of {len(self._requests)} requests"
                )

    # What it is told to do.

    def fail_next(self, *faults: Fault) -> None:
        """Do this to the next requests, one fault each."""
        with self._changed:
            self._faults.extend(faults)

    def answer_next(
        self,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, Any] = b"",
        times: int = 1,
    ) -> None:
        """Answer the next requests with this, storing nothing."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.fail_next(*[Fault("answer", status, headers or {}, raw)] * times)

    def cut_next(self, *, stored: bool, times: int = 1) -> None:
        """Cut the connection of the next requests, before or after storing."""
        self.fail_next(*[Fault("cut_after" if stored else "cut_before")] * times)

    def stall_next(self, times: int = 1) -> None:
        """Leave the next requests without an answer."""
        self.fail_next(*[Fault("stall")] * times)

    def resume(self) -> None:
        """Let requests that stall fail, and forget the faults that are to come."""
        with self._changed:
            self._faults.clear()
            self._epoch += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Stop listening and cut all connections. What it holds can still be read."""
        self.resume()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        with self._changed:
            for connection in self._open:
                with suppress(OSError):  # the other end may have closed it
                    connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> FakeSidecar:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # What runs in the threads of connections.

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sidecar = self

        class Handler(_Handler):
            owner = sidecar

        return Handler

    def connected(self, connection: socket.socket) -> None:
        with self._changed:
            self._connections += 1
            self._open.add(connection)

    def disconnected(self, connection: socket.socket) -> None:
        with self._changed:
            self._open.discard(connection)

    def arrived(self, request: Request) -> Fault | None:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
            return self._faults.popleft() if self._faults else None

    def stall(self) -> None:
        with self._changed:
            self._stalled += 1
            epoch = self._epoch
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._epoch != epoch)
            self._stalled -= 1

    def store(self, request: Request) -> tuple[int, dict[str, Any]]:
        """Take the events of a request, all or none; return status and document."""
        if self._token and request.headers.get("authorization") != f"Bearer {self._token}":
            return _problem(401, "unauthorized", "A token is required")
        lines = [line for line in request.body.split(b"\n") if line]
        if not lines:
            return _problem(400, "invalid-request", "The request has no events")
        if len(lines) > _REQUEST_EVENTS:
            return _problem(413, "too-large", "The request is too large")
        events: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        large = True
        for index, line in enumerate(lines):
            event, faults = _decode(line)
            errors += [{"index": index, **fault._asdict()} for fault in faults]
            large = large and (not faults or len(line) > EVENT_BYTES)
            events.append(event)
        if errors:
            kind = (413, "too-large") if large else (400, "invalid-event")
            return _problem(*kind, "There are invalid events", errors)
        return self._keep(events)

    def _keep(self, events: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        given = [event["id"].lower() for event in events if "id" in event]
        if len(set(given)) != len(given):
            double = [i for i, id in enumerate(given) if id in given[:i]]
            errors = [{"index": i, "field": "id", "reason": "is also another's"} for i in double]
            return _problem(400, "invalid-event", "There are invalid events", errors)
        with self._changed:
            conflicts = [
                {"index": i, "field": "id", "reason": "another event with this id is stored"}
                for i, event in enumerate(events)
                if (known := self._by_id.get(event.get("id", "").lower())) and known[1] != event
            ]
            if conflicts:
                return _problem(409, "conflict", "Another event is stored", conflicts)
            stored: list[dict[str, Any]] = []
            for event in events:
                id = str(event.get("id") or ids.new()).lower()
                if id not in self._by_id:
                    self._by_id[id] = (len(self._events), event)
                    self._events.append(event)
                stored.append({"id": id, "seq": self._by_id[id][0]})
            self._changed.notify_all()
        return 200, {"stream": "00000000-0000-7000-8000-000000000000", "events": stored}


class _Handler(BaseHTTPRequestHandler):
    owner: FakeSidecar
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece

    def setup(self) -> None:
        super().setup()
        if self.request.family != socket.AF_UNIX:
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.owner.connected(self.request)

    def finish(self) -> None:
        self.owner.disconnected(self.request)
        super().finish()

    def address_string(self) -> str:
        return "client"

    def log_message(self, format: str, *args: Any) -> None:
        """Be silent."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(time.monotonic(), headers, body)
        fault = self.owner.arrived(request)
        if fault is None and self.path != "/v1/events":
            status, document = _problem(404, "not-found", "There is nothing here")
            self._answer(status, {}, json.dumps(document).encode())
        elif fault is None:
            status, document = self.owner.store(request)
            self._answer(status, {}, json.dumps(document).encode())
        elif fault.kind == "answer":
            self._answer(fault.status, fault.headers, fault.body)
        else:
            if fault.kind == "stall":
                self.owner.stall()
            elif fault.kind == "cut_after":
                self.owner.store(request)
            self.close_connection = True

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class _TCPServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is what tests are about."""


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is what tests are about."""


def _decode(line: bytes) -> tuple[dict[str, Any], list[FieldError]]:
    if len(line) > EVENT_BYTES:
        return {}, [FieldError("", f"the event has {len(line)} bytes")]
    try:
        text = line.decode()
        event = json.loads(text)
    except ValueError as e:
        return {}, [FieldError("", f"not valid JSON: {e}")]
    if not is_dict(event):
        return {}, [FieldError("", "an event must be a JSON object")]
    whole = {name: value for name, value in event.items() if value is not None}
    return whole, check_fields(whole) or check_json(whole, text, len(line), 0)


def _problem(
    status: int, kind: str, title: str, errors: list[dict[str, Any]] | None = None
) -> tuple[int, dict[str, Any]]:
    document: dict[str, Any] = {
        "type": f"urn:archiver:problem:{kind}",
        "title": title,
        "status": status,
    }
    if errors:
        document["errors"] = errors[:_LISTED]
    return status, document
