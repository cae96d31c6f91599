"""Requests to the sidecar: where it is, kept connections, deadlines."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ._wire import Connection, ProtocolError, Response

if TYPE_CHECKING:
    import ssl

_IDLE_CONNECTIONS = 8


class TransportError(Exception):
    """There was no answer. ``sent`` tells whether the request may have arrived."""

    def __init__(self, message: str, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Endpoint:
    """Where the sidecar listens.

    ``url`` is ``http://…``, ``https://…`` or ``unix:/path``; raises ValueError
    for anything else. Proxies of the environment are not used.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._unix = ""
        self._tls: ssl.SSLContext | None = None
        host, path = "localhost", ""
        if url.startswith("unix:"):
            self._unix = url[len("unix:") :]
            if not self._unix.startswith("/"):
                raise ValueError(f"url {url!r}: want unix:/path/to/socket")
        else:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(
                    f"url {url!r}: want http://host:port, https://host:port or unix:/path"
                )
            if parts.query or parts.fragment or parts.username is not None:
                raise ValueError(f"url {url!r}: has more than scheme, host, port and path")
            if not url.isascii() or not url.isprintable() or " " in url:
                raise ValueError(f"url {url!r}: has characters that a header cannot have")
            self._address = (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
            host, path = parts.netloc, parts.path.rstrip("/")
            if parts.scheme == "https":
                import ssl  # only who needs it pays for it

                self._tls = ssl.create_default_context()
        head = [
            f"POST {path}/v1/events HTTP/1.1",
            f"Host: {host}",
            "Content-Type: application/x-ndjson",
        ]
        if token:
            if not token.isascii() or not token.isprintable() or " " in token:
                raise ValueError("token: has characters that a header cannot have")
            head.append(f"Authorization: Bearer {token}")
        self._head = "\r\n".join([*head, "Content-Length: "]).encode()

    def request(self, body: bytes) -> bytes:
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)

    def connect(self, timeout: float) -> Connection:
        """Return a new connection; raises OSError."""
        if self._unix:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.settimeout(timeout)
                sock.connect(self._unix)
            except BaseException:
                sock.close()
                raise
            return Connection(sock)
        sock = socket.create_connection(self._address, timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_hostname=self._address[0])
        except BaseException:
            sock.close()
            raise
        return Connection(sock)


class Transport:
    """Posts bodies to an endpoint. Safe for concurrent use; redirects are not followed."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        # Their single operations are atomic.
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._closed = False

    def post(self, body: bytes, timeout: float) -> Response:
        """Send a request and read its answer within timeout seconds.

        Raises TransportError if there is none.
        """
        deadline = time.monotonic() + timeout
        request = self._endpoint.request(body)
        stale = False
        try:
            connection = self._idle.pop()
        except IndexError:
            pass
        else:
            try:
                return self._exchange(connection, request, deadline)
            except TimeoutError as e:
                raise TransportError(f"post to {self._endpoint.url}: {_reason(e)}", True) from e
            except (OSError, ProtocolError):
                stale = True  # it had been closed at the other end, as idle ones are
        try:
            connection = self._endpoint.connect(timeout)
        except OSError as e:
            raise TransportError(f"connect to {self._endpoint.url}: {_reason(e)}", stale) from e
        try:
            return self._exchange(connection, request, deadline)
        except (OSError, ProtocolError) as e:
            raise TransportError(f"post to {self._endpoint.url}: {_reason(e)}", True) from e

    def abort(self) -> None:
        """End all requests that are under way, from another thread, and take no more."""
        self._closed = True
        for connection in list(self._busy):
            connection.shutdown()

    def close(self) -> None:
        """Close idle connections; those in use are closed by their users."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def abandon_in_child(self) -> None:
        """Close the descriptors in a forked child; the parent keeps the connections."""
        for connection in (*self._idle, *self._busy):
            connection.abandon_in_child()

    def _exchange(self, connection: Connection, request: bytes, deadline: float) -> Response:
        self._busy.add(connection)
        try:
            if self._closed:
                raise ConnectionAbortedError("the client is closed")
            response = connection.exchange(request, deadline)
        except BaseException:
            connection.close()
            raise
        finally:
            self._busy.discard(connection)
        if connection.reusable and not self._closed and len(self._idle) < _IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()
        return response


def _reason(e: Exception) -> str:
    if isinstance(e, TimeoutError):
        return "no answer in time"
    return f"{type(e).__name__}: {e}"
