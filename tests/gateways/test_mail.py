"""Mail reaches one person, says what was written, and a repeat can be recognised."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops import errors
from flowops.gateways import mail
from flowops.gateways.mail import SandboxMail, SmtpMail
from flowops.storage.engine import Database
from flowops.storage.sandbox import Sandbox
from tests import mailing, servers
from tests.conftest import Clock
from tests.gateways.conftest import SlowNames
from tests.mailing import MailServer

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
def store(database_url: str, clock: Clock) -> Iterator[Sandbox]:
    database = Database(database_url, clock)
    yield Sandbox(database)
    database.close()


def test_a_repeat_has_the_same_message_id_and_another_mail_another(mail_server: MailServer) -> None:
    for key in ["eff_1", "eff_1", "eff_2"]:
        mailing.gateway(mail_server).send("ada@example.com", "Hello", "Hello", key)
    first, repeat, other = [message["Message-ID"] for message in mail_server.inbox]
    assert first == repeat != other


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_not_one_address_is_refused_before_anything_is_sent(mail_server: MailServer, address: str) -> None:
    with pytest.raises(errors.Refused):
        mailing.gateway(mail_server).send(address, "Hello", "Hello", "eff_1")
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


@pytest.mark.parametrize("stage", ["reply", "after_data"])
def test_a_permanent_no_is_refused_and_a_transient_one_is_tried_again(mail_server: MailServer, stage: str) -> None:
    setattr(mail_server, stage, "550 5.1.1 No such user")
    with pytest.raises(errors.Refused, match="550"):
        mailing.gateway(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1")
    setattr(mail_server, stage, "451 4.7.1 Greylisted")
    with pytest.raises(errors.Unavailable) as later:
        mailing.gateway(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1")
    assert (later.value.facts["sent"], later.value.facts["reason"]) == (False, "the server answered 451")


@pytest.mark.parametrize("code", [450, 530, 550, 553])
def test_a_no_to_our_own_address_is_for_an_administrator_to_mend(mail_server: MailServer, code: int) -> None:
    mail_server.sender_reply = f"{code} Not you"
    with pytest.raises(errors.Unavailable) as trouble:
        mailing.gateway(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1")
    assert (trouble.value.facts["sent"], trouble.value.facts["reason"]) == (False, f"the server answered {code}")


@pytest.mark.parametrize("stage", ["reply", "after_data"])
def test_a_sign_in_that_is_asked_for_late_is_for_an_administrator_to_mend(mail_server: MailServer, stage: str) -> None:
    setattr(mail_server, stage, "530 5.7.0 Authentication required")
    with pytest.raises(errors.Unavailable) as trouble:
        mailing.gateway(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1")
    assert (trouble.value.facts["sent"], trouble.value.facts["reason"]) == (False, "the server answered 530")


def test_a_server_that_is_lost_with_the_mail_may_have_it(mail_server: MailServer) -> None:
    mail_server.is_lost = True
    with pytest.raises(errors.Unavailable) as silence:
        mailing.gateway(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1")
    assert silence.value.facts["sent"] is True


def test_a_server_that_falls_silent_may_have_the_mail(mail_server: MailServer) -> None:
    mail_server.delay = 1
    with pytest.raises(errors.Unavailable) as silence:
        SmtpMail(mail_server.url, "support@example.org", timeout=0.3).send("ada@example.com", "Hi", "Hi", "eff_1")
    assert silence.value.facts["sent"] is True


def test_an_accepted_mail_is_sent_however_the_goodbye_goes(mail_server: MailServer) -> None:
    mail_server.hangs_up = True
    assert mailing.gateway(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1").reference
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


def test_nobody_waits_for_a_slow_resolver_beyond_the_timeout(mail_server: MailServer, slow_names: SlowNames) -> None:
    address = mail_server.url.replace("127.0.0.1", "mail.example.com")
    with pytest.raises(errors.Unavailable, match="too long") as silence:
        SmtpMail(address, "support@example.org", timeout=0.3).send("ada@example.com", "Hello", "Hello", "eff_1")
    assert silence.value.facts["sent"] is False
    assert slow_names.found == []  # and the call is over
    slow_names.free.set()
    SmtpMail(address, "support@example.org", timeout=60).send("ada@example.com", "Hello", "Hello", "eff_1")
    assert len(mail_server.inbox) == 1


def test_the_next_address_of_a_server_is_asked_when_the_first_does_not_answer(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def two(host: str | None, *more: Any, **options: Any) -> Any:
        hosts = ["127.0.0.9", "127.0.0.1"] if host == "mail.example.com" else [host]
        return [found for one in hosts for found in look_up(one, *more, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    address = mail_server.url.replace("127.0.0.1", "mail.example.com")
    SmtpMail(address, "support@example.org").send("ada@example.com", "Hello", "Hello", "eff_1")
    assert len(mail_server.inbox) == 1


def test_a_host_that_can_be_no_name_is_out_of_reach() -> None:
    nowhere = SmtpMail(f"smtp://{'x' * 70}.example.com", "support@example.org")
    with pytest.raises(errors.Unavailable, match="connection"):
        nowhere.send("ada@example.com", "Hello", "Hello", "eff_1")


@pytest.mark.parametrize("behave", RUDE.values(), ids=RUDE)
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_does_not_speak_as_agreed_has_nothing(
    scheme: str, behave: Callable[[socket.socket], None]
) -> None:
    with servers.rude_server(behave) as port:
        rude = SmtpMail(f"{scheme}://127.0.0.1:{port}", "support@example.org", timeout=0.2)
        began = time.monotonic()
        with pytest.raises(errors.Unavailable) as trouble:
            rude.send("ada@example.com", "Hello", "Hello", "eff_1")
        assert trouble.value.facts["sent"] is False
        assert time.monotonic() - began < 10  # dripped to its end it would take minutes


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
