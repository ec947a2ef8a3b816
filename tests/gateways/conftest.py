"""The demo world, reached directly and over HTTP, and a certificate that nobody trusts unasked."""

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import conftest, mailing, servers


@pytest.fixture
def provider(clock: conftest.Clock) -> Iterator[servers.Provider]:
    with servers.http_provider(clock, seeded_at=clock.now) as running:
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and hooks.example.com that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=loopback"
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:hooks.example.com"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """What a server with that certificate speaks."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


BROKEN: dict[str, bytes | None] = {
    "plain bytes": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a record nobody can decrypt": b"\x17\x03\x03\x00\x20" + bytes(32),
    "a wish for our certificate": None,
}


@pytest.fixture(params=list(BROKEN.values()), ids=list(BROKEN))
def broken_tls(
    request: pytest.FixtureRequest,
    tls: ssl.SSLContext,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The address of somebody who is trusted, and with whom TLS breaks only after the handshake."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    if request.param is None:  # with TLS 1.3 a client learns only from the answer that this was not met
        tls.verify_mode = ssl.CERT_REQUIRED

    def behave(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secure:
            with suppress(ssl.SSLError):
                secure.do_handshake()
                secure.recv(1 << 16)
                os.write(secure.fileno(), request.param)
            while os.read(secure.fileno(), 1 << 16):
                pass  # a connection closed with something unread is reset, and what was said last may be lost

    with servers.rude_server(behave) as port:
        yield f"https://127.0.0.1:{port}"


@dataclass
class SlowNames:
    """A resolver that has no answer for a name below example.com before it is `free`, or for half a minute."""

    free: threading.Event = field(default_factory=threading.Event)
    found: list[str] = field(default_factory=list)


@pytest.fixture
def slow_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowNames]:
    look_up, slow = socket.getaddrinfo, SlowNames()

    def wait(host: Any, *more: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name.endswith("example.com"):
            slow.free.wait(30)
            slow.found.append(name)
            name = "127.0.0.1"
        return look_up(name, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield slow
    slow.free.set()


@pytest.fixture
def mail_server() -> Iterator[mailing.MailServer]:
    with mailing.mail_server() as running:
        yield running
