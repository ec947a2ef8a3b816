"""Mail reaches one person, says what was written, and a repeat can be recognised."""

import email.header
import email.policy
import email.utils
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
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


# What a title may hold that a reader of mail could take for something else than text.
ENCODED = "=?utf-8?q?Sign_in_again=0D=0AReply-To:_evil@evil.example=0D=0A=0D=0AOpen_https://evil.example?="
NASTY = st.lists(
    st.one_of(
        st.text(),
        st.text(st.characters(codec="ascii")),
        st.sampled_from(
            [ENCODED, "=?utf-8?b?DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGU=?=", "=?utf-8?q?a?=", "=?iso-8859-1?q?=E4?="]
        ),
        st.sampled_from(["=?", "?=", "?q?", "=", "?", "=0D=0A", "\r\n", "\r\nBcc: eve@evil.example", " ", "\t", "\0"]),
        st.sampled_from(["word " * 40, "x" * 200, "ü" * 100, "🎉" * 30, '"', "<eve@evil.example>", ",", ";", "\\"]),
    ),
    max_size=6,
).map("".join)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is known as hooks.example.com, too."""
    look_up = socket.getaddrinfo

    def known(host: str | None, *more: Any, **options: Any) -> Any:
        return look_up("127.0.0.1" if host == "hooks.example.com" else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", known)


@pytest.fixture(scope="module")
def postbox() -> Iterator[MailServer]:
    """A mail server for many examples of one test."""
    with servers.mail_server() as running:
        yield running


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


@pytest.fixture(scope="module")
def sender(postbox: MailServer) -> SmtpMail:
    return smtp(postbox)


def decoded(message: Message, header: str) -> str:
    return str(email.header.make_header(email.header.decode_header(message[header])))


def subject(message: Message) -> str:
    return decoded(message, "Subject")


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


def arrived(server: MailServer) -> EmailMessage:
    """The mail that came last, as whoever reads the bytes of it understands it."""
    read = email.message_from_bytes(server.raw[-1], _class=EmailMessage, policy=email.policy.default)
    assert isinstance(read, EmailMessage)
    assert read.defects == []
    return read


HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"]


def test_an_encoded_word_in_a_subject_stays_the_text_that_was_written(mail_server: MailServer) -> None:
    smtp(mail_server).send("ada@example.com", ENCODED, "Hello", "eff_1")
    read = arrived(mail_server)
    assert sorted(read.keys()) == sorted(HEADERS)
    assert read["Subject"] == ENCODED
    assert read.get_content() == "Hello\r\n"


@given(NASTY)
@example(ENCODED)
@example(f"H-1 is late: {ENCODED}")
@example("=?utf-8?q?=0D=0AX:_1?=")
def test_any_subject_is_read_as_it_was_written_and_changes_nothing_else(
    postbox: MailServer, sender: SmtpMail, written: str
) -> None:
    sender.send("ada@example.com", written, "Grüße\n", "eff_1")
    read = arrived(postbox)
    assert sorted(read.keys()) == sorted(HEADERS)
    assert (read["Subject"], read["To"]) == (" ".join(written.split()), "ada@example.com")
    [author] = read["From"].addresses
    assert (author.display_name, author.addr_spec) == ("FlowOps Süd", "support@example.org")
    assert read.get_content() == "Grüße\r\n"


@settings(max_examples=25)
@given(NASTY.map(lambda text: " ".join(text.split())).filter(bool))
@example(ENCODED)
@example("FlowOps, Inc.")
def test_any_name_of_a_sender_is_read_as_it_was_set(postbox: MailServer, name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    smtp(postbox, sender=f'"{quoted}" <support@example.org>').send("ada@example.com", "Hello", "Hello", "eff_1")
    read = arrived(postbox)
    assert sorted(read.keys()) == sorted(HEADERS)
    assert [author.addr_spec for author in read["From"].addresses] == ["support@example.org"]
    # Of a name that takes several encoded words Python 3.11 shows the spaces between them, against RFC 2047, 6.2.
    assert " ".join(decoded(postbox.inbox[-1], "From").split()) == f"{name} <support@example.org>"


@pytest.mark.parametrize(
    "address", ["x=?utf-8?q?y?=@example.com", f"{'long.' * 12}x@example.com", '"a  b"@example.com']
)
def test_an_address_is_written_as_it_was_given(mail_server: MailServer, address: str) -> None:
    smtp(mail_server).send(address, "Hello", "Hello", "eff_1")
    assert arrived(mail_server)["To"] == address


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


@pytest.mark.parametrize("code", [450, 530, 550, 553])
def test_a_no_to_our_own_address_is_for_an_administrator_to_mend(mail_server: MailServer, code: int) -> None:
    mail_server.sender_reply = f"{code} Not you"
    with pytest.raises(errors.Unavailable) as trouble:
        smtp(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1")
    assert (trouble.value.facts["sent"], trouble.value.facts["reason"]) == (False, f"the server answered {code}")


@pytest.mark.parametrize("stage", ["reply", "after_data"])
def test_a_sign_in_that_is_asked_for_late_is_for_an_administrator_to_mend(mail_server: MailServer, stage: str) -> None:
    setattr(mail_server, stage, "530 5.7.0 Authentication required")
    with pytest.raises(errors.Unavailable) as trouble:
        smtp(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1")
    assert (trouble.value.facts["sent"], trouble.value.facts["reason"]) == (False, "the server answered 530")


def test_a_server_that_is_lost_with_the_mail_may_have_it(mail_server: MailServer) -> None:
    mail_server.is_lost = True
    with pytest.raises(errors.Unavailable) as silence:
        smtp(mail_server).send("ada@example.com", "Hello", "Hello", "eff_1")
    assert silence.value.facts["sent"] is True


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


def test_nobody_waits_for_a_slow_resolver_beyond_the_timeout(mail_server: MailServer, slow_names: list[str]) -> None:
    address = mail_server.url.replace("127.0.0.1", "mail.example.com")
    with pytest.raises(errors.Unavailable, match="too long") as silence:
        SmtpMail(address, "support@example.org", timeout=0.3).send("ada@example.com", "Hello", "Hello", "eff_1")
    assert silence.value.facts["sent"] is False
    assert slow_names == []  # and the call is over
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


def test_off_this_machine_a_password_is_not_sent_in_the_clear(named: None) -> None:
    with servers.mail_server(login=("flow", "s3cret")) as server:
        address = server.url.replace("127.0.0.1", "flow:s3cret@hooks.example.com")
        with pytest.raises(errors.Unavailable, match="encryption") as refused:
            SmtpMail(address, "support@example.org").send("ada@example.com", "Hello", "Hello", "eff_1")
        assert refused.value.facts["sent"] is False
        assert (server.signed_in, server.inbox) == ([], [])


def test_off_this_machine_a_password_is_sent_over_tls(
    named: None, tls: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with servers.mail_server(login=("flow", "s3cret"), starttls=tls) as server:
        address = server.url.replace("127.0.0.1", "flow:s3cret@hooks.example.com")
        SmtpMail(address, "support@example.org").send("ada@example.com", "Hello", "Hello", "eff_1")
        assert (len(server.inbox), server.encrypted, server.signed_in) == (1, [True], ["flow"])


def test_off_this_machine_mail_without_a_password_needs_no_encryption(named: None, mail_server: MailServer) -> None:
    address = mail_server.url.replace("127.0.0.1", "hooks.example.com")
    SmtpMail(address, "support@example.org").send("ada@example.com", "Hello", "Hello", "eff_1")
    assert mail_server.encrypted == [False]


NO_SERVERS = [
    "",
    "smtp://",
    "http://mail.example.com",
    "smtp://h:port",
    "smtp://[::1",
    "smtp://h:0",
    "smtp://h:587/starttls=required",
    "smtp://h?starttls=require",
    "smtp://h?starttls=REQUIRED",
    "smtp://h?tls=required",
    "smtp://h?starttls=required&starttls=no",
    "smtp://h#starttls=required",
    "smtp://u:12#s3cret@h",
    "smtp://u:12?s3cret@h",
    "smtp://u:12/s3cret@h",
    "smtp://u:s3cr%C3%A9t@h",
    "smtp://ü:s3cret@h",
]


@pytest.mark.parametrize("url", NO_SERVERS)
def test_an_address_that_is_no_mail_server_stops_the_start(url: str) -> None:
    with pytest.raises(errors.WrongSetting, match=r"^FLOWOPS_SMTP_URL is wrong: .+\.$") as wrong:
        SmtpMail(url, "support@example.org")
    assert "s3cr" not in str(wrong.value)


@pytest.mark.parametrize("url", ["smtp://h", "smtp://h/", "smtps://u:p%23@h:465/?starttls=required"])
def test_an_address_that_is_one_does_not(url: str) -> None:
    assert SmtpMail(url, "support@example.org")


def test_a_line_break_in_the_senders_name_begins_nothing(mail_server: MailServer) -> None:
    smtp(mail_server, sender='"Flow\nBcc: Ops" <support@example.org>').send("ada@example.com", "Hi", "Hi", "eff_1")
    read = arrived(mail_server)
    assert (sorted(read.keys()), read["From"].addresses[0].display_name) == (sorted(HEADERS), "Flow Bcc: Ops")


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
