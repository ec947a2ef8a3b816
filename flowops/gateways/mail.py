"""Sends one mail to one person, a customer or one of ours; it neither writes the text nor chooses to whom."""

import contextlib
import email.errors
import email.policy
import email.utils
import hashlib
import re
import smtplib
import socket
import ssl
import threading
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import Policy
from typing import Protocol, Self
from urllib.parse import SplitResult, unquote, urlsplit

from flowops import errors, settings
from flowops.gateways import names, receipts
from flowops.gateways.receipts import Receipt
from flowops.gateways.sandbox import SandboxStore

STARTTLS = "starttls=required"
NO_SIGN_IN = 530  # the answer to any word before a sign-in or an encryption the server insists on (RFC 4954, RFC 3207)
LONGEST_LINE = 78  # characters of a header's line (RFC 5322, 2.1.1)
WORDS = 6  # how many times as long as one exchange all of a conversation may take

# What every reader of mail takes as it stands: in a text, and in a name before an address (RFC 5322, 3.2.5).
_TEXT = re.compile(r"((?!=\?)[ -~])*")
_NAME = re.compile(r"[A-Za-z0-9 -]*")


class Mail(Protocol):
    """Whoever delivers mail."""

    def send(self, to: str, subject: str, body: str, key: str) -> Receipt:
        """Hand over a plain-text mail to the one address `to`, with a subject that arrives as the text it is.

        Only line breaks in it become spaces. What is spelled like an encoded word (RFC 2047) is shown as it is spelled.

        A repeat with the same `key` is recognisable as one. Raises `errors.Refused` (nobody can be reached there) or
        `errors.Unavailable`, with the facts `sent` (False: it was not accepted this time) and `retry_after` (None).
        """
        ...


def parse_address(text: str) -> Address:
    """One bare e-mail address, `ada@example.com`: no name, no list, no line break; raises `errors.Refused`.

    >>> parse_address("ada@example.com").domain
    'example.com'
    """
    try:
        address = Address(addr_spec=text)
        if address.addr_spec != text or not address.domain or not text.isprintable():
            raise ValueError
    except (ValueError, IndexError, email.errors.MessageError):
        raise errors.Refused(what="mail", reason="the recipient is not an e-mail address") from None
    return address


def in_one_line(subject: str) -> str:
    """Text without line breaks; those that are spelled as an encoded word are text here, and `as_words` keeps them so.

    >>> in_one_line("Your refund\\r\\nBcc: everybody@example.com")
    'Your refund Bcc: everybody@example.com'
    """
    return " ".join(subject.split())


def as_words(header: str, text: str, plain: re.Pattern[str] = _TEXT) -> str:
    """One line of text as a header holds it, so that a reader sees this text: encoded words (RFC 2047) if not `plain`.

    Not only what is not ASCII needs them. A reader decodes whatever is spelled like an encoded word, and a line break
    may hide there, with a header of somebody else behind it.

    >>> as_words("Subject", "Your refund"), as_words("Subject", "=?utf-8?q?=0D=0A?=")
    ('Your refund', '=?utf-8?b?PT91dGYtOD9xPz0wRD0wQT89?=')
    """
    if plain.fullmatch(text) and len(f"{header}: {text}") <= LONGEST_LINE:
        return text
    return Header(text, "utf-8", LONGEST_LINE, header).encode(linesep="\r\n")


class _Verbatim(str):
    """The value of a header as it goes over the wire.

    A plain string is first parsed by the email package, which decodes encoded words, and written as what came of that.
    It leaves a value alone that knows its own `name`.
    """

    name: str

    def __new__(cls, name: str, value: str) -> Self:
        self = super().__new__(cls, value)
        self.name = name
        return self

    def fold(self, *, policy: Policy) -> str:
        """The whole header; its value has line breaks already where it needs them."""
        return f"{self.name}: {self}{policy.linesep}"


class SandboxMail:
    """A mailbox kept in our own database; nothing leaves it."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    def send(self, to: str, subject: str, body: str, key: str) -> Receipt:
        return Receipt(key, self._store.keep_mail(parse_address(to).addr_spec, in_one_line(subject), body, key))


class _Session(smtplib.SMTP):
    """A conversation with an SMTP server that is cut off after `longest` seconds, however lively it is.

    `timeout` seconds bound looking up its name and each word of it, and a server could say one letter at a time.
    """

    def __init__(self, host: str, port: int, timeout: float, longest: float, tls: ssl.SSLContext | None) -> None:
        self._longest, self._from_the_first_byte = longest, tls
        self._cut = contextlib.ExitStack()
        super().__init__(host, port, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened = _connect(host, port, timeout)
        handle = self._cut.enter_context(opened.dup())  # TLS takes the first one over
        timer = threading.Timer(self._longest, _shut, [handle])
        timer.daemon = True
        self._cut.callback(timer.cancel)
        timer.start()
        tls = self._from_the_first_byte
        try:
            return tls.wrap_socket(opened, server_hostname=host) if tls else opened
        except BaseException:
            self._cut.close()
            raise

    def close(self) -> None:
        """End it, whatever state it is in."""
        self._cut.close()
        super().close()


def _connect(host: str, port: int, timeout: float) -> socket.socket:
    """A connection to the first address of a host that takes one."""
    trouble: OSError = OSError("the host has no address")
    for address in names.aside(lambda: names.look_up(host)).result(timeout):
        try:
            return socket.create_connection((address, port), timeout)
        except OSError as refused:
            trouble = refused
    raise trouble


def _shut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended in this moment
        handle.shutdown(socket.SHUT_RDWR)


class SmtpMail:
    """An SMTP server: `smtp://user:password@host:587?starttls=required`, or `smtps://` for TLS from the first byte.

    Without `starttls=required` the mail is encrypted when the server offers it, and a password is sent to no other
    machine unless it does. Certificates are always checked, against what the host trusts. `sender` is the From address,
    with or without a name; `timeout` seconds bound each exchange with the server, and six times as many all of them
    together.

    Raises `errors.WrongSetting` for an address or a sender that no mail could be sent with.
    """

    def __init__(self, url: str, sender: str, timeout: float = 10) -> None:
        server = _parse_server(url)
        self._host, self._is_tls = server.hostname or "", server.scheme == "smtps"
        self._port = server.port or (smtplib.SMTP_SSL_PORT if self._is_tls else smtplib.SMTP_PORT)
        self._user, self._password = unquote(server.username or ""), unquote(server.password or "")
        is_away = not settings.is_loopback(self._host)
        self._must_encrypt = server.query == STARTTLS or (bool(self._user) and is_away)
        name, address = email.utils.parseaddr(sender)
        try:
            self._sender = Address(in_one_line(name), addr_spec=parse_address(address).addr_spec)
        except errors.Refused:
            reason = "FLOWOPS_MAIL_FROM is wrong: it must be an e-mail address, with or without a name before it."
            raise errors.WrongSetting(reason=reason) from None
        self._timeout = timeout
        self._tls = ssl.create_default_context()

    def send(self, to: str, subject: str, body: str, key: str) -> Receipt:
        recipient = parse_address(to)
        message = self._compose(recipient, in_one_line(subject), body, key)
        try:
            session = self._open()
        except (OSError, smtplib.SMTPException) as fault:
            # Nothing was said about this mail yet: a wrong password is for an administrator to mend.
            raise _unavailable(fault, sent=False) from None
        with contextlib.closing(session):
            try:
                session.send_message(message, self._sender.addr_spec, [recipient.addr_spec])
            except smtplib.SMTPRecipientsRefused as refusal:
                [(code, _)] = refusal.recipients.values()
                raise _judged(code) from None
            except smtplib.SMTPSenderRefused as refusal:
                # That is about us and not about this mail, so it too is for an administrator to mend.
                raise _unavailable(refusal, sent=False) from None
            except smtplib.SMTPResponseException as refusal:
                raise _judged(refusal.smtp_code) from None
            except smtplib.SMTPNotSupportedError:
                raise errors.Refused(what="mail", reason="the server cannot write to such an address") from None
            except (OSError, smtplib.SMTPException) as fault:
                raise _unavailable(fault, sent=True) from None
            # The server has accepted the mail; how the goodbye goes changes nothing.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                session.quit()
        return receipts.issue(message["Message-ID"])

    def greet(self) -> None:
        """Connect, encrypt and sign in as for a mail, and send none; raises `errors.Unavailable` when that fails."""
        try:
            with contextlib.closing(self._open()) as session:
                session.noop()
        except (OSError, smtplib.SMTPException) as fault:
            raise _unavailable(fault, sent=False) from None

    def _open(self) -> smtplib.SMTP:
        tls = self._tls if self._is_tls else None
        session = _Session(self._host, self._port, self._timeout, WORDS * self._timeout, tls)
        try:
            session.ehlo_or_helo_if_needed()
            if not self._is_tls and (self._must_encrypt or session.has_extn("starttls")):
                session.starttls(context=self._tls)
            if self._user:
                session.login(self._user, self._password)
        except BaseException:
            session.close()
            raise
        return session

    def _compose(self, to: Address, subject: str, body: str, key: str) -> EmailMessage:
        message = EmailMessage(policy=email.policy.SMTP)
        written = {"From": _mailbox(self._sender), "To": to.addr_spec, "Subject": as_words("Subject", subject)}
        for name, value in written.items():
            message[name] = _Verbatim(name, value)
        message["Date"] = email.utils.formatdate(usegmt=True)
        # Made from the key alone, so that mail systems and people can tell a repeat from a second mail.
        message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()}@{self._sender.domain}>"
        message.set_content(body)
        return message


def _mailbox(address: Address) -> str:
    """The value of `From`: an address and, before it, its name, if it has one."""
    if not address.display_name:
        return address.addr_spec
    return f"{as_words('From', address.display_name, _NAME)}\r\n <{address.addr_spec}>"


def _parse_server(url: str) -> SplitResult:
    try:
        server = urlsplit(url)
        names_a_server = server.scheme in {"smtp", "smtps"} and server.hostname and server.port != 0
        # What stands behind it may be a requirement that would not be met, or all of a password from its # on.
        says_no_more = server.path in {"", "/"} and server.query in {"", STARTTLS} and not server.fragment
        sign_in = unquote(f"{server.username or ''}{server.password or ''}")
        if names_a_server and says_no_more and sign_in.isascii():
            return server
    except ValueError:  # brackets that do not match, a port that is no number
        pass
    # The address may hold a password, so it is not repeated.
    form = f"smtp://user:password@host:587, with nothing behind it but ?{STARTTLS}"
    signs = "user and password are ASCII, with %2F %3F %23 %40 for / ? # @ in them"
    raise errors.WrongSetting(reason=f"FLOWOPS_SMTP_URL is wrong: it reads like {form}; {signs}.")


def _judged(code: int) -> errors.FlowOpsError:
    """RFC 5321, 4.2.1: 5yz is a permanent no, 4yz a transient one; after either the mail was not accepted.

    One that misses our sign-in says nothing about the mail, and lasts until an administrator mends it.
    """
    reason = f"the server answered {code}"
    if code >= 500 and code != NO_SIGN_IN:
        return errors.Refused(what="mail", reason=reason)
    return errors.Unavailable(what="mail", reason=reason, sent=False, retry_after=None)


def _unavailable(fault: Exception, sent: bool) -> errors.Unavailable:
    reason = "the connection failed"
    if isinstance(fault, smtplib.SMTPResponseException):
        reason = f"the server answered {fault.smtp_code}"
    elif isinstance(fault, TimeoutError):
        reason = "it took too long"
    elif isinstance(fault, ssl.SSLError | smtplib.SMTPNotSupportedError):
        reason = "it cannot be reached the way it must (encryption, sign-in)"
    return errors.Unavailable(what="mail", reason=reason, sent=sent, retry_after=None)
