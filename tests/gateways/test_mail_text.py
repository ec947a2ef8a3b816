"""What is written in a mail is read as it was written, and no text becomes anything else on its way."""

import email.header
import email.policy
import email.utils
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage, Message

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowops.gateways import mail
from flowops.gateways.mail import SmtpMail
from tests import mailing
from tests.mailing import MailServer

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


@pytest.fixture(scope="module")
def postbox() -> Iterator[MailServer]:
    """A mail server for many examples of one test."""
    with mailing.mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def sender(postbox: MailServer) -> SmtpMail:
    return mailing.gateway(postbox)


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
    receipt = mailing.gateway(mail_server).send("ada@example.com", "Ihre Rückerstattung – 茶", text, "eff_1")
    [message] = mail_server.inbox
    assert (message["To"], message["X-RcptTo"]) == ("ada@example.com", "ada@example.com")
    assert message["X-MailFrom"] == "support@example.org"
    assert subject(message) == "Ihre Rückerstattung – 茶"
    assert body(message).rstrip("\n") == text.rstrip("\n")
    assert message["Message-ID"] == receipt.reference
    assert abs(email.utils.parsedate_to_datetime(message["Date"]) - receipt.at) < timedelta(seconds=60)


def test_a_subject_cannot_begin_another_header(mail_server: MailServer) -> None:
    forged = "Hello\r\nBcc: eve@example.com\u2028X-A: 1\x0bX-B: 2\x85X-C: 3"
    mailing.gateway(mail_server).send("ada@example.com", forged, "Bcc: eve@example.com", "eff_1")
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
    mailing.gateway(mail_server).send("ada@example.com", ENCODED, "Hello", "eff_1")
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
    mailing.gateway(postbox, sender=f'"{quoted}" <support@example.org>').send(
        "ada@example.com", "Hello", "Hello", "eff_1"
    )
    read = arrived(postbox)
    assert sorted(read.keys()) == sorted(HEADERS)
    assert [author.addr_spec for author in read["From"].addresses] == ["support@example.org"]
    # Of a name that takes several encoded words Python 3.11 shows the spaces between them, against RFC 2047, 6.2.
    assert " ".join(decoded(postbox.inbox[-1], "From").split()) == f"{name} <support@example.org>"


@pytest.mark.parametrize(
    "address", ["x=?utf-8?q?y?=@example.com", f"{'long.' * 12}x@example.com", '"a  b"@example.com']
)
def test_an_address_is_written_as_it_was_given(mail_server: MailServer, address: str) -> None:
    mailing.gateway(mail_server).send(address, "Hello", "Hello", "eff_1")
    assert arrived(mail_server)["To"] == address


@given(st.text())
def test_any_subject_becomes_one_line(text: str) -> None:
    assert len(mail.in_one_line(text).splitlines()) <= 1


def test_a_line_break_in_the_senders_name_begins_nothing(mail_server: MailServer) -> None:
    mailing.gateway(mail_server, sender='"Flow\nBcc: Ops" <support@example.org>').send(
        "ada@example.com", "Hi", "Hi", "eff_1"
    )
    read = arrived(mail_server)
    assert (sorted(read.keys()), read["From"].addresses[0].display_name) == (sorted(HEADERS), "Flow Bcc: Ops")
