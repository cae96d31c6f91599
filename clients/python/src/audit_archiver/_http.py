"""HTTP to the sidecar: keep-alive connections, deadlines, unix sockets."""

from __future__ import annotations

import http.client
import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

_ANSWER_BYTES = 4 << 20  # more is no answer of the sidecar
_IDLE_CONNECTIONS = 8


class TransportError(Exception):
    """There was no answer. ``sent`` tells whether the request may have arrived."""

    def __init__(self, message: str, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(slots=True)
class Response:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self._path)
        except BaseException:
            sock.close()
            raise
        self.sock = sock


class Endpoint:
    """Where the sidecar listens.

    ``url`` is ``http://…``, ``https://…`` or ``unix:/path``; raises ValueError
    for anything else.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self.headers = {"Content-Type": "application/x-ndjson"}
        if token:
            if not token.isascii() or not token.isprintable() or " " in token:
                raise ValueError("token: has characters that a header cannot have")
            self.headers["Authorization"] = f"Bearer {token}"
        self.path = "/v1/events"
        self._unix = ""
        self._tls: ssl.SSLContext | None = None
        if url.startswith("unix:"):
            self._unix = url[len("unix:") :]
            if not self._unix.startswith("/"):
                raise ValueError(f"url {url!r}: want unix:/path/to/socket")
            return
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url {url!r}: want http://host:port, https://host:port or unix:/path")
        if parts.query or parts.fragment or parts.username is not None:
            raise ValueError(f"url {url!r}: has more than scheme, host, port and path")
        self._host, self._port = parts.hostname, parts.port
        self.path = parts.path.rstrip("/") + self.path
        if parts.scheme == "https":
            import ssl  # only who needs it pays for it

            self._tls = ssl.create_default_context()

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        if self._unix:
            return _UnixConnection(self._unix, timeout)
        if self._tls is not None:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=timeout, context=self._tls
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout)


class Transport:
    """Posts bodies to an endpoint. Safe for concurrent use; redirects are not followed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        # Lists and sets whose single operations are atomic; nothing iterates
        # over them but abort and close.
        self._idle: list[http.client.HTTPConnection] = []
        self._busy: set[http.client.HTTPConnection] = set()
        self._closed = False

    def post(self, body: bytes, timeout: float) -> Response:
        """Send a request and read its answer within timeout seconds.

        Raises TransportError if there is none.
        """
        deadline = time.monotonic() + timeout
        stale = False
        try:
            connection = self._idle.pop()
        except IndexError:
            pass
        else:
            try:
                return self._exchange(connection, body, deadline)
            except _Stale:
                stale = True  # it had been closed at the other end, as idle ones are
        connection = self._endpoint.connection(timeout)
        try:
            connection.connect()
        except OSError as e:
            connection.close()
            raise TransportError(f"connect to {self._endpoint.url}: {_reason(e)}", stale) from e
        return self._exchange(connection, body, deadline, fresh=True)

    def abort(self) -> None:
        """End all requests that are under way, from another thread."""
        self._closed = True
        for connection in list(self._busy):
            sock = connection.sock
            if sock is not None:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it is closed already

    def close(self) -> None:
        """Close idle connections; those in use are closed by their users."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def abandon_in_child(self) -> None:
        """Close the descriptors in a forked child; the parent keeps the connections."""
        for connection in (*self._idle, *self._busy):
            if connection.sock is not None:
                # Not shutdown, and for TLS no close_notify: those reach the peer.
                fd = connection.sock.detach()
                if fd >= 0:
                    os.close(fd)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        body: bytes,
        deadline: float,
        fresh: bool = False,
    ) -> Response:
        self._busy.add(connection)
        try:
            response = self._roundtrip(connection, body, deadline)
        except (OSError, http.client.HTTPException) as e:
            connection.close()
            if not (fresh or self._closed or isinstance(e, TimeoutError)):
                raise _Stale from e
            raise TransportError(f"post to {self._endpoint.url}: {_reason(e)}", True) from e
        except BaseException:
            connection.close()
            raise
        finally:
            self._busy.discard(connection)
        if connection.sock is not None:
            if self._closed or len(self._idle) >= _IDLE_CONNECTIONS:
                connection.close()
            else:
                self._idle.append(connection)
        return response

    def _roundtrip(
        self, connection: http.client.HTTPConnection, body: bytes, deadline: float
    ) -> Response:
        sock = connection.sock
        sock.settimeout(_left(deadline))
        connection.request("POST", self._endpoint.path, body, self._endpoint.headers)
        response = connection.getresponse()
        parts: list[bytes] = []
        size = 0
        while True:
            if sock.fileno() >= 0:
                sock.settimeout(_left(deadline))
            part = response.read1(65536)
            if not part:
                break
            parts.append(part)
            size += len(part)
            if size > _ANSWER_BYTES:
                raise http.client.HTTPException("the answer is too long")
        if response.length:  # read1 does not complain about a body that is cut short
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # else the connection thinks that there is more to read
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, headers, b"".join(parts))


def _reason(e: Exception) -> str:
    if isinstance(e, TimeoutError):
        return "no answer in time"
    return f"{type(e).__name__}: {e}"


class _Stale(Exception):
    """A kept connection turned out to be closed."""


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
