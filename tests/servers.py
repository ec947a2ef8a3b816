"""The other side of the gateways, for real: HTTP servers on loopback with switchable faults, and strangers."""

import atexit
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from flowops import errors
from flowops.domain.money import Money
from flowops.storage import tables
from flowops.storage.engine import Database
from flowops.storage.sandbox import Sandbox


@dataclass(frozen=True)
class Seen:
    """One request as the provider received it; `path` as it was on the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes = b""

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key")


@dataclass(frozen=True)
class Answer:
    """What an honest provider says."""

    status: int
    body: Any


R = TypeVar("R", bound="Receiver")
Fault = Callable[["Exchange", Callable[[], Answer]], None]


@dataclass
class Receiver:
    """Somebody who takes whatever is sent and says so; `fault` replaces the honest answer."""

    url: str
    requests: list[Seen] = field(default_factory=list)
    fault: Fault | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    def answer(self, seen: Seen) -> Answer:
        return Answer(200, {})


@dataclass
class Provider(Receiver):
    """Accounts and billing over the sandbox's rows in a database of its own; `references` are of refunds, as they were
    answered."""

    sandbox: Sandbox = field(kw_only=True)
    references: list[str] = field(default_factory=list)

    def seed(self, now: datetime) -> None:
        self.sandbox.seed(now)

    @property
    def keys(self) -> list[str | None]:
        """The idempotency keys of what was to be done, repeats included."""
        return [seen.key for seen in self.requests if seen.method == "POST"]

    def answer(self, seen: Seen) -> Answer:
        match seen.method, [unquote(part) for part in seen.path.split("/")[1:]]:
            case "GET", ["accounts", customer_id]:
                found: Any = self.sandbox.account(customer_id)
            case "GET", ["invoices", invoice_id]:
                found = self.sandbox.invoice(invoice_id)
            case "GET", ["payouts", payout_id]:
                found = self.sandbox.payout(payout_id)
            case "GET", ["customers", customer_id, "invoices"]:
                return Answer(200, {"items": [invoice.dump() for invoice in self.sandbox.invoices(customer_id)]})
            case "POST", ["refunds"]:
                money, told = Money.model_validate(seen.body["money"]), (seen.body["invoiceId"], seen.body["reason"])
                return self._do(seen, "succeeded", lambda key: self.sandbox.refund(told[0], money, told[1], key))
            case "POST", ["payouts", payout_id, "release"]:
                money = Money.model_validate(seen.body["money"])
                return self._do(seen, "succeeded", lambda key: self.sandbox.release(payout_id, money, key))
            case "POST", ["accounts", customer_id, "suspend"]:
                reason = seen.body["reason"]
                return self._do(seen, "suspended", lambda key: self.sandbox.suspend(customer_id, reason, key))
            case _:
                found = None
        return Answer(200, found.dump()) if found else Answer(404, {"error": "there is no such thing"})

    def _do(self, seen: Seen, status: str, deed: Callable[[str], tuple[str, datetime]]) -> Answer:
        if seen.key is None:
            return Answer(400, {"error": "it needs an Idempotency-Key"})
        try:
            reference, _ = deed(seen.key)
        except errors.Refused as no:
            return Answer(422, {"error": str(no)})
        self.references.append(reference)
        return Answer(200, {"id": reference, "status": status})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: Receiver

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a client that ended the connection, or never began one in TLS."""


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer; the connection ends with it."""

    server: _Server

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, json.loads(body) if body else None, body)
        provider = self.provider
        provider.requests.append(seen)
        with suppress(ConnectionError):  # a client that had enough
            (provider.fault or honestly)(self, lambda: provider.answer(seen))

    do_GET = do_POST = serve  # noqa: N815  # http.server finds them by these names

    @property
    def provider(self) -> Receiver:
        return self.server.provider

    def say(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, data: bytes) -> None:
        """Send a byte at a time, each well within any timeout of a single read."""
        for byte in data:
            if self.provider.stopping.wait(0.02):
                return
            self.wfile.write(bytes([byte]))

    def log_message(self, *_: Any) -> None:
        """Say nothing on the terminal."""


def honestly(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    answer = honest()
    exchange.say(answer.status, json.dumps(answer.body).encode())


def hanging(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    """Take the request and say nothing."""
    exchange.provider.stopping.wait(60)


def dripping_headers(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    exchange.drip(b"HTTP/1.0 200 OK\r\n" + b"X-Slow: 1\r\n" * 1000)


def dripping_body(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    exchange.send_response(200)
    exchange.send_header("Content-Type", "application/json")
    exchange.end_headers()
    exchange.drip(b" " * 10_000)


def hanging_up(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    """Do what was asked, and end the connection without a word."""
    honest()


def truncating(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    """Do what was asked, and end the connection in the middle of the answer."""
    body = json.dumps(honest().body).encode()
    exchange.send_response(200)
    exchange.send_header("Content-Type", "application/json")
    exchange.send_header("Content-Length", str(len(body)))
    exchange.end_headers()
    exchange.wfile.write(body[:-5])


def speaking_html(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    """Do what was asked, and answer with a page for people."""
    honest()
    exchange.say(200, b"<html>It worked!</html>", "text/html; charset=utf-8")


def mislabelling(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    """Do what was asked, and answer honestly, but call it a page."""
    exchange.say(200, json.dumps(honest().body).encode(), "text/html")


def huge(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    """Do what was asked, and answer honestly with 10 MB of something else beside it."""
    exchange.say(200, json.dumps(honest().body | {"padding": "x" * 10_000_000}).encode())


def endless(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    """Do what was asked, say so, and send 100 MB after it."""
    honest()
    exchange.send_response(200)
    exchange.send_header("Content-Type", "application/json")
    exchange.send_header("Content-Length", str(100 << 20))
    exchange.end_headers()
    for _ in range(100):
        exchange.wfile.write(b"x" * (1 << 20))


def endless_headers(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    """Do what was asked, and answer with 100 MB of headers."""
    honest()
    exchange.send_response(200)
    for _ in range(100):
        exchange.wfile.write((b"X-More: " + b"x" * 1000 + b"\r\n") * 1000)


def babbling(exchange: Exchange, honest: Callable[[], Answer]) -> None:
    """Do what was asked, and answer with bytes of no protocol."""
    honest()
    exchange.wfile.write(bytes(range(256)) * 16)


def saying(body: str) -> Fault:
    """Answer 200 with this text as JSON, whatever was asked."""
    return lambda exchange, honest: exchange.say(200, body.encode())


def answering(status: int, **headers: str) -> Fault:
    """Answer with this status and do nothing; `Retry_After="7"` adds a header."""
    return lambda exchange, honest: exchange.say(status, b'{"secret": "of the other side"}', **headers)


def changing(**fields: Any) -> Fault:
    """Do what was asked, and answer honestly but for these fields."""
    return lambda exchange, honest: exchange.say(200, json.dumps(honest().body | fields).encode())


@contextmanager
def http_provider(clock: Callable[[], datetime] | None = None, seeded_at: datetime | None = None) -> Iterator[Provider]:
    """An HTTP provider for as long as the block lasts, seeded as of `seeded_at` (else empty until `seed`)."""
    with tempfile.TemporaryDirectory(prefix="flowops-provider-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'provider.db'}", clock)
        known = (tables.SandboxAccount, tables.SandboxInvoice, tables.SandboxPayout)
        rows = (*known, tables.SandboxRefund, tables.SandboxDeed)
        tables.Base.metadata.create_all(
            database.engine, [tables.Base.metadata.tables[row.__tablename__] for row in rows]
        )
        try:
            with _serving(lambda url: Provider(url, sandbox=Sandbox(database))) as provider:
                if seeded_at:
                    provider.seed(seeded_at)
                yield provider
        finally:
            database.close()


@contextmanager
def receiver(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """Somebody who is told of things, for as long as the block lasts."""
    with _serving(Receiver, tls, host) as running:
        yield running


@contextmanager
def _serving(make: Callable[[str], R], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[R]:
    kind = type("_Server6", (_Server,), {"address_family": socket.AF_INET6}) if ":" in host else _Server
    server = kind((host, 0), Exchange)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    name = f"[{host}]" if ":" in host else host
    made = server.provider = make(f"{'https' if tls else 'http'}://{name}:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        made.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def rude_server(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that does this with each connection, and then ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        behave(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a connection


@contextmanager
def silent_server() -> Iterator[int]:
    """The port of a server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def closed_port() -> int:
    """A port of loopback on which nobody listens, nor will as long as this process lives: it is taken."""
    taken = socket.socket()
    atexit.register(taken.close)
    taken.bind(("127.0.0.1", 0))
    port: int = taken.getsockname()[1]
    return port
