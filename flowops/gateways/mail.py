"""Sends one mail to one person, a customer or one of ours; it neither writes the text nor chooses to whom."""

import contextlib
import email.errors
import email.policy
import email.utils
import hashlib
import smtplib
import socket
import ssl
import threading
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from flowops import errors
from flowops.gateways import receipts
from flowops.gateways.receipts import Receipt
from flowops.gateways.sandbox import SandboxStore

WORDS = 6  # how many times as long as one exchange all of a conversation may take


class Mail(Protocol):
    """Whoever delivers mail."""

    def send(self, to: str, subject: str, body: str, key: str) -> Receipt:
        """Hand over a plain-text mail to the one address `to`; line breaks in the subject become spaces.

        A repeat with the same `key` is recognisable as one. Raises `errors.Refused` (nobody can be reached there) or
        `errors.Unavailable`, with the facts `sent` (False: it was not accepted) and `retry_after` (None).
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
    """A subject that cannot begin another header.

    >>> in_one_line("Your refund\\r\\nBcc: everybody@example.com")
    'Your refund Bcc: everybody@example.com'
    """
    return " ".join(subject.split())


class SandboxMail:
    """A mailbox kept in our own database; nothing leaves it."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    def send(self, to: str, subject: str, body: str, key: str) -> Receipt:
        return Receipt(key, self._store.keep_mail(parse_address(to).addr_spec, in_one_line(subject), body, key))


class _Session(smtplib.SMTP):
    """A conversation with an SMTP server that is cut off after `longest` seconds, however lively it is.

    `timeout` seconds bound each word of it, and a server could say one letter at a time.
    """

    def __init__(self, host: str, port: int, timeout: float, longest: float, tls: ssl.SSLContext | None) -> None:
        self._longest, self._from_the_first_byte = longest, tls
        self._cut = contextlib.ExitStack()
        super().__init__(host, port, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened = socket.create_connection((host, port), timeout)
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


def _shut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended in this moment
        handle.shutdown(socket.SHUT_RDWR)


class SmtpMail:
    """An SMTP server: `smtp://user:password@host:587?starttls=required`, or `smtps://` for TLS from the first byte.

    Without `starttls=required` the mail is encrypted when the server offers it. Certificates are always checked,
    against what the host trusts. `sender` is the From address, with or without a name; `timeout` seconds bound each
    exchange with the server, and six times as many all of them together.

    Raises `errors.WrongSetting` for an address or a sender that no mail could be sent with.
    """

    def __init__(self, url: str, sender: str, timeout: float = 10) -> None:
        server = _parse_server(url)
        self._host, self._is_tls = server.hostname or "", server.scheme == "smtps"
        self._port = server.port or (smtplib.SMTP_SSL_PORT if self._is_tls else smtplib.SMTP_PORT)
        self._user, self._password = unquote(server.username or ""), unquote(server.password or "")
        self._must_encrypt = parse_qs(server.query).get("starttls") == ["required"]
        name, address = email.utils.parseaddr(sender)
        try:
            self._sender = Address(name, addr_spec=parse_address(address).addr_spec)
        except errors.Refused:
            reason = "FLOWOPS_MAIL_FROM is wrong: it must be an e-mail address, with or without a name before it."
            raise errors.WrongSetting(reason=reason) from None
        self._timeout = timeout
        self._tls = ssl.create_default_context()

    def send(self, to: str, subject: str, body: str, key: str) -> Receipt:
        message = self._compose(parse_address(to), in_one_line(subject), body, key)
        try:
            session = self._open()
        except (OSError, smtplib.SMTPException) as fault:
            # Nothing was said about this mail yet: a wrong password is for an administrator to mend.
            raise _unavailable(fault, sent=False) from None
        with contextlib.closing(session):
            try:
                session.send_message(message)
            except smtplib.SMTPRecipientsRefused as refusal:
                [(code, _)] = refusal.recipients.values()
                raise _judged(code) from None
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
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = email.utils.formatdate(usegmt=True)
        # Made from the key alone, so that mail systems and people can tell a repeat from a second mail.
        message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()}@{self._sender.domain}>"
        message.set_content(body)
        return message


def _parse_server(url: str) -> SplitResult:
    try:
        server = urlsplit(url)
        if server.scheme in {"smtp", "smtps"} and server.hostname and server.port != 0:
            return server
    except ValueError:  # brackets that do not match, a port that is no number
        pass
    # The address may hold a password, so it is not repeated.
    raise errors.WrongSetting(reason="FLOWOPS_SMTP_URL is wrong: it reads like smtp://user:password@host:587.")


def _judged(code: int) -> errors.FlowOpsError:
    """RFC 5321, 4.2.1: 5yz is a permanent no, 4yz a transient one; after either the mail was not accepted."""
    reason = f"the server answered {code}"
    if code >= 500:
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
