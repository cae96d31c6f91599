"""HTTP framing: answers as other servers and proxies send them, and broken ones."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from audit_archiver import AuditClient, AuditUnavailable
from audit_archiver._wire import Connection, ProtocolError
from audit_archiver.testing import FakeSidecar

from .conftest import EVENT


def exchange(*pieces: bytes, close: bool = True, timeout: float = 10) -> tuple[object, Connection]:
    """Answer with these pieces, each in a send of its own."""
    ours, theirs = socket.socketpair()
    connection = Connection(ours)

    def serve() -> None:
        theirs.recv(1 << 16)
        for piece in pieces:
            theirs.sendall(piece)
        if close:
            theirs.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        return connection.exchange(b"POST", time.monotonic() + timeout), connection
    finally:
        server.join()
        theirs.close()
        connection.close()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("pieces", "body", "reusable"),
    [
        ([OK + b"Content-Length: 3\r\n\r\nabc"], b"abc", True),
        ([OK, b"content-LENGTH:3", b"\r\n", b"\r\na", b"bc"], b"abc", True),
        ([OK + b"Content-Length: 0\r\n\r\n"], b"", True),
        ([OK + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc"], b"abc", False),
        ([b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"], b"abc", False),
        ([OK + b"\r\nabc"], b"abc", False),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na"], b"a", True),
        ([OK + b"Content-Length: 1\r\n\r\nab"], b"a", False),
        ([OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"], b"abc", True),
        (
            [OK + b"Transfer-Encoding: chunked\r\n\r\n3;x=1\r\na", b"bc\r\nA\r\n", b"0123456789",
             b"\r", b"\n0\r\nTrailer: 1\r\n\r\n"],
            b"abc0123456789",
            True,
        ),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b"", True),
        ([b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"], b"", True),
    ],
)
def test_answers(pieces: list[bytes], body: bytes, reusable: bool) -> None:
    response, connection = exchange(*pieces)
    assert response.body == body  # type: ignore[attr-defined]
    assert connection.reusable == reusable


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        OK + b"Content-Length: 10\r\n\r\nabc",
        OK + b"Content-Length: x\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 99999999999\r\n\r\n",
        OK + b"Transfer-Encoding: gzip\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"x" * 100_000,
    ],
)
def test_broken_answers(answer: bytes) -> None:
    with pytest.raises(ProtocolError):
        exchange(answer)


def test_an_answer_that_drips_has_one_deadline() -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.02):
            theirs.sendall(b"H")

    server = threading.Thread(target=drip)
    server.start()
    try:
        with pytest.raises(TimeoutError):
            connection.exchange(b"POST", time.monotonic() + 0.2)
    finally:
        stop.set()
        server.join()
        theirs.close()
        connection.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", path, "-out", tmp_path / "cert.pem", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-days", "2"],
        check=True, capture_output=True,
    )
    path.write_text(path.read_text() + (tmp_path / "cert.pem").read_text())
    return path


def test_https(
    certificate: Path, sidecar: FakeSidecar, spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = sidecar._server
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = sidecar.url.replace("http://127.0.0.1", "https://localhost")
    with AuditClient(url=url, spool_dir=spool_dir, record_timeout=0.2) as client:
        with pytest.raises(AuditUnavailable, match="CERTIFICATE_VERIFY_FAILED|SSL"):
            client.record(EVENT)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with AuditClient(url=url, spool_dir=spool_dir) as client:
        client.record(EVENT)
        client.record(EVENT)
        client.enqueue(EVENT)
        client.flush()
    assert len(sidecar.events) == 3
