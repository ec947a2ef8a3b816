"""Mail reaches one person, says what was written, and a repeat can be recognised."""

import email.header
import email.utils
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops import errors
from flowops.gateways import mail
from flowops.gateways.mail import SandboxMail, SmtpMail
from flowops.storage.engine import Database
from flowops.storage.sandbox import Sandbox
from tests import servers
from tests.conftest import Clock
from tests.servers import MailServer

NO_ADDRESSES = [
    "",
    "ada",
    "@example.com",
    "ada@",
    "ada@example.com, eve@example.com",
    "ada@example.com\r\nBcc: eve@example.com",
    "Ada <ada@example.com>",
    "ada@example.com (home)",
    "ada lovelace@example.com",
    "ada@exa mple.com",
    "ada@example.com\0",
    "ada@example.com\x80",
]


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with servers.mail_server() as running:
        yield running


@pytest.fixture
def store(database_url: str, clock: Clock) -> Iterator[Sandbox]:
    database = Database(database_url, clock)
    yield Sandbox(database)
    database.close()


def smtp(server: MailServer, query: str = "", sender: str = "FlowOps Süd <support@example.org>") -> SmtpMail:
    return SmtpMail(server.url + query, sender, timeout=5)


def subject(message: Message) -> str:
    return str(email.header.make_header(email.header.decode_header(message["Subject"])))


def body(message: Message) -> str:
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8").replace("\r\n", "\n")


def test_a_mail_arrives_as_it_was_written(mail_server: MailServer) -> None:
    text = "Grüße, Ada! 49,00 € kommen zurück. 🎉\n.\n.. a line of dots stays\n" + "long " * 400
    receipt = smtp(mail_server).send("ada@example.com", "Ihre Rückerstattung – 茶", text, "eff_1")
    [message] = mail_server.inbox
    assert (message["To"], message["X-RcptTo"]) == ("ada@example.com", "ada@example.com")
    assert message["X-MailFrom"] == "support@example.org"
    assert subject(message) == "Ihre Rückerstattung – 茶"
    assert body(message).rstrip("\n") == text.rstrip("\n")
    assert message["Message-ID"] == receipt.reference
    assert abs(email.utils.parsedate_to_datetime(message["Date"]) - receipt.at) < timedelta(seconds=60)


def test_a_repeat_has_the_same_message_id_and_another_mail_another(mail_server: MailServer) -> None:
    for key in ["eff_1", "eff_1", "eff_2"]:
        smtp(mail_server).send("ada@example.com", "Hello", "Hello", key)
    first, repeat, other = [message["Message-ID"] for message in mail_server.inbox]
    assert first == repeat != other


def test_a_subject_cannot_begin_another_header(mail_server: MailServer) -> None:
    forged = "Hello\r\nBcc: eve@example.com\u2028X-A: 1\x0bX-B: 2\x85X-C: 3"
    smtp(mail_server).send("ada@example.com", forged, "Bcc: eve@example.com", "eff_1")
    [message] = mail_server.inbox
    assert message["X-RcptTo"] == "ada@example.com"
    assert not {"Bcc", "X-A", "X-B", "X-C"} & set(message.keys())
    assert subject(message) == "Hello Bcc: eve@example.com X-A: 1 X-B: 2 X-C: 3"


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_not_one_address_is_refused_before_anything_is_sent(mail_server: MailServer, address: str) -> None:
    with pytest.raises(errors.Refused):
        smtp(mail_server).send(address, "Hello", "Hello", "eff_1")
    assert mail_server.inbox == []


@given(st.text())
def test_any_text_is_one_address_or_refused(text: str) -> None:
    try:
        address = mail.parse_address(text)
    except errors.Refused:
        return
    assert address.addr_spec == text
    assert "@" in text
    assert text.isprintable()


@given(st.text())
def test_any_subject_becomes_one_line(text: str) -> None:
    assert len(mail.in_one_line(text).splitlines()) <= 1


@pytest.mark.parametrize("stage", ["reply", "after_data"])
def test_a_permanent_no_is_refused_and_a_transient_one_is_tried_again(mail_server: MailServer, stage: str) -> None:
    setattr(mail_server, stage, "550 5.1.1 No such user")
    with pytest.raises(errors.Refused, match="550"):
        smtp(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1")
    setattr(mail_server, stage, "451 4.7.1 Greylisted")
    with pytest.raises(errors.Unavailable) as later:
        smtp(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1")
    assert (later.value.facts["sent"], later.value.facts["reason"]) == (False, "the server answered 451")


def test_a_server_that_falls_silent_may_have_the_mail(mail_server: MailServer) -> None:
    mail_server.delay = 1
    with pytest.raises(errors.Unavailable) as silence:
        SmtpMail(mail_server.url, "support@example.org", timeout=0.3).send("ada@example.com", "Hi", "Hi", "eff_1")
    assert silence.value.facts["sent"] is True


def test_an_accepted_mail_is_sent_however_the_goodbye_goes(mail_server: MailServer) -> None:
    mail_server.hangs_up = True
    assert smtp(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1").reference
    assert len(mail_server.inbox) == 1


def test_a_server_out_of_reach_has_nothing() -> None:
    unreachable = SmtpMail(f"smtp://127.0.0.1:{servers.closed_port()}", "support@example.org")
    with pytest.raises(errors.Unavailable) as refused:
        unreachable.send("ada@example.com", "Hello", "Hello", "eff_1")
    assert refused.value.facts["sent"] is False
    with servers.silent_server() as port:
        silent = SmtpMail(f"smtp://127.0.0.1:{port}", "support@example.org", timeout=0.3)
        with pytest.raises(errors.Unavailable) as silence:
            silent.send("ada@example.com", "Hello", "Hello", "eff_1")
    assert silence.value.facts["sent"] is False


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


def dripping(connection: socket.socket) -> None:
    """Say a letter at a time, each well within any timeout of a single read, and never come to an end."""
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


def greeting_and_dripping(connection: socket.socket) -> None:
    connection.sendall(b"220 hello\r\n")
    dripping(connection)


RUDE: dict[str, Callable[[socket.socket], None]] = {
    "hanging up": lambda connection: None,
    "hanging up after a greeting": lambda connection: connection.sendall(b"220 hello\r\n"),
    "garbage": lambda connection: connection.sendall(bytes(range(256)) * 64),
    "a web page": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n<html>"),
    "no": lambda connection: connection.sendall(b"554 no\r\n"),
    "100 MB in a line": lambda connection: connection.sendall(b"2" * (100 << 20)),
    "100 MB of lines": lambda connection: connection.sendall(b"220-more\r\n" * 10_000_000),
    "a letter at a time": dripping,
    "a letter at a time after a greeting": greeting_and_dripping,
}


@pytest.mark.parametrize("behave", RUDE.values(), ids=RUDE)
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_does_not_speak_as_agreed_has_nothing(
    scheme: str, behave: Callable[[socket.socket], None]
) -> None:
    with rude_server(behave) as port:
        rude = SmtpMail(f"{scheme}://127.0.0.1:{port}", "support@example.org", timeout=0.2)
        began = time.monotonic()
        with pytest.raises(errors.Unavailable) as trouble:
            rude.send("ada@example.com", "Hello", "Hello", "eff_1")
        assert trouble.value.facts["sent"] is False
        assert time.monotonic() - began < 10  # dripped to its end it would take minutes


def test_a_password_is_sent_after_starttls(
    tls: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with servers.mail_server(login=("flow", "secret"), starttls=tls, login_needs_tls=True) as server:
        address = server.url.replace("://", "://flow:secret@") + "?starttls=required"
        SmtpMail(address, "support@example.org").send("ada@example.com", "Hello", "Hello", "eff_1")
        assert (len(server.inbox), server.encrypted, server.signed_in) == (1, [True], ["flow"])


def test_signing_in_takes_the_password_of_the_address() -> None:
    with servers.mail_server(login=("flow@ops", "pa/ss:word")) as server:
        good = server.url.replace("://", "://flow%40ops:pa%2Fss%3Aword@")
        SmtpMail(good, "support@example.org").send("ada@example.com", "Hello", "Hello", "eff_1")
        assert len(server.inbox) == 1
        bad = server.url.replace("://", "://flow%40ops:wrong-one@")
        with pytest.raises(errors.Unavailable) as wrong:
            SmtpMail(bad, "support@example.org").send("ada@example.com", "Hello", "Hello", "eff_2")
        assert "wrong-one" not in str(wrong.value)
        assert len(server.inbox) == 1


def test_starttls_is_used_when_offered(
    tls: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))  # the host trusts it
    with servers.mail_server(starttls=tls) as server:
        for query in ["", "?starttls=required"]:
            smtp(server, query).send("ada@example.com", "Hello", "Hello", "eff_1")
        assert len(server.inbox) == 2
        assert server.encrypted == [True, True]


def test_tls_from_the_first_byte(
    tls: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with servers.mail_server(tls=tls) as server:
        smtp(server).send("ada@example.com", "Hello", "Hello", "eff_1")
        assert len(server.inbox) == 1


def test_a_certificate_nobody_trusts_gets_no_mail(tls: ssl.SSLContext) -> None:
    with servers.mail_server(starttls=tls) as server:
        with pytest.raises(errors.Unavailable) as distrust:
            smtp(server).send("ada@example.com", "Hello", "Hello", "eff_1")
        assert distrust.value.facts["sent"] is False
        assert server.inbox == []


def test_required_encryption_that_is_not_offered_gets_no_mail(mail_server: MailServer) -> None:
    with pytest.raises(errors.Unavailable):
        smtp(mail_server, "?starttls=required").send("ada@example.com", "Hello", "Hello", "eff_1")
    assert mail_server.inbox == []


@pytest.mark.parametrize(
    "url", ["", "smtp://", "http://mail.example.com", "smtp://h:port", "smtp://[::1", "smtp://h:0"]
)
def test_an_address_that_is_no_mail_server_stops_the_start(url: str) -> None:
    with pytest.raises(errors.WrongSetting, match="FLOWOPS_SMTP_URL"):
        SmtpMail(url, "support@example.org")


@pytest.mark.parametrize("sender", ["", "support", "Support <>"])
def test_a_sender_that_is_no_address_stops_the_start(sender: str) -> None:
    with pytest.raises(errors.WrongSetting, match="FLOWOPS_MAIL_FROM"):
        SmtpMail("smtp://127.0.0.1", sender)


def test_the_sandbox_keeps_one_mail_a_key_newest_first(store: Sandbox, clock: Clock) -> None:
    sandbox = SandboxMail(store)
    first = sandbox.send("ada@example.com", "Hello\r\nBcc: eve@example.com", "Grüße 🎉", "eff_1")
    clock.forward(minutes=1)
    assert sandbox.send("ada@example.com", "Hello", "again", "eff_1") == first
    second = sandbox.send("grace@example.com", "Second", "Hello", "eff_2")
    newest, oldest = store.mails()
    assert (newest.recipient, newest.at) == ("grace@example.com", second.at)
    assert (oldest.recipient, oldest.subject, oldest.body) == (
        "ada@example.com",
        "Hello Bcc: eve@example.com",
        "Grüße 🎉",
    )


def test_the_sandbox_refuses_what_a_mail_server_could_not_deliver(store: Sandbox) -> None:
    for address in NO_ADDRESSES:
        with pytest.raises(errors.Refused):
            SandboxMail(store).send(address, "Hello", "Hello", "eff_1")
    assert store.mails() == []
