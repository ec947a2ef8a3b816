"""The other side of the mail gateway, for real: an SMTP server on loopback, with switchable faults."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from flowops.gateways.mail import SmtpMail


class MailServer(MessageHandler):
    """An SMTP server's inbox. `sender_reply` and `reply` replace its answers to a sender and to a recipient,
    `after_data` the one to a whole mail, which it otherwise takes and confirms after `delay` seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.url = ""
        self.inbox: list[Message] = []
        self.raw: list[bytes] = []  # the mail of the same index as it came over the wire
        self.encrypted: list[bool] = []  # was the mail of the same index sent over TLS?
        self.signed_in: list[str] = []  # or tried to
        self.sender_reply: str | None = None
        self.reply: str | None = None
        self.after_data: str | None = None
        self.delay = 0.0
        self.hangs_up = False  # instead of answering the goodbye
        self.is_lost = False  # with the mail taken and not confirmed

    def handle_message(self, message: Message) -> None:
        self.inbox.append(message)

    async def handle_MAIL(  # noqa: N802  # aiosmtpd finds its hooks by these names
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.sender_reply:
            return self.sender_reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802  # as above
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.reply:
            return self.reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # as above
        await asyncio.sleep(self.delay)
        if self.after_data is None:
            self.encrypted.append(session.ssl is not None)
            self.raw.append(envelope.content)
            await super().handle_DATA(server, session, envelope)
        if self.is_lost:
            server.transport.abort()
        return self.after_data or "250 OK"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # as above
        if self.hangs_up:
            server.transport.abort()
        return "221 Bye"


class _OnFreePort(Controller):
    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has no types here


@contextmanager
def mail_server(
    login: tuple[str, str] | None = None,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    login_needs_tls: bool = False,
) -> Iterator[MailServer]:
    """An SMTP server for as long as the block lasts; a `login` is the only one that works."""

    def check(server: SMTP, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        wanted = login and LoginPassword(*(word.encode() for word in login))
        mails.signed_in.append(given.login.decode())
        return AuthResult(success=given == wanted, handled=False)

    mails = MailServer()
    controller = _OnFreePort(
        mails,
        hostname="127.0.0.1",
        port=0,
        ssl_context=tls,
        tls_context=starttls,
        auth_require_tls=login_needs_tls,
        authenticator=check,
    )
    controller.start()
    mails.url = f"{'smtps' if tls else 'smtp'}://127.0.0.1:{controller.port}"
    try:
        yield mails
    finally:
        controller.stop()


def gateway(server: MailServer, query: str = "", sender: str = "FlowOps Süd <support@example.org>") -> SmtpMail:
    """The way to that server, with more of an address behind it and another sender if need be."""
    return SmtpMail(server.url + query, sender, timeout=5)
