"""Mail and passwords are encrypted where they must be, and an address that cannot say so stops the start."""

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from flowops import errors
from flowops.gateways.mail import SmtpMail
from tests import mailing
from tests.mailing import MailServer


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is known as hooks.example.com, too."""
    look_up = socket.getaddrinfo

    def known(host: str | None, *more: Any, **options: Any) -> Any:
        return look_up("127.0.0.1" if host == "hooks.example.com" else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", known)


def test_a_password_is_sent_after_starttls(
    tls: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with mailing.mail_server(login=("flow", "secret"), starttls=tls, login_needs_tls=True) as server:
        address = server.url.replace("://", "://flow:secret@") + "?starttls=required"
        SmtpMail(address, "support@example.org").send("ada@example.com", "Hello", "Hello", "eff_1")
        assert (len(server.inbox), server.encrypted, server.signed_in) == (1, [True], ["flow"])


def test_signing_in_takes_the_password_of_the_address() -> None:
    with mailing.mail_server(login=("flow@ops", "pa/ss:word")) as server:
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
    with mailing.mail_server(starttls=tls) as server:
        for query in ["", "?starttls=required"]:
            mailing.gateway(server, query).send("ada@example.com", "Hello", "Hello", "eff_1")
        assert len(server.inbox) == 2
        assert server.encrypted == [True, True]


def test_tls_from_the_first_byte(
    tls: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with mailing.mail_server(tls=tls) as server:
        mailing.gateway(server).send("ada@example.com", "Hello", "Hello", "eff_1")
        assert len(server.inbox) == 1


def test_a_certificate_nobody_trusts_gets_no_mail(tls: ssl.SSLContext) -> None:
    with mailing.mail_server(starttls=tls) as server:
        with pytest.raises(errors.Unavailable) as distrust:
            mailing.gateway(server).send("ada@example.com", "Hello", "Hello", "eff_1")
        assert distrust.value.facts["sent"] is False
        assert server.inbox == []


def test_required_encryption_that_is_not_offered_gets_no_mail(mail_server: MailServer) -> None:
    with pytest.raises(errors.Unavailable):
        mailing.gateway(mail_server, "?starttls=required").send("ada@example.com", "Hello", "Hello", "eff_1")
    assert mail_server.inbox == []


def test_off_this_machine_a_password_is_not_sent_in_the_clear(named: None) -> None:
    with mailing.mail_server(login=("flow", "s3cret")) as server:
        address = server.url.replace("127.0.0.1", "flow:s3cret@hooks.example.com")
        with pytest.raises(errors.Unavailable, match="encryption") as refused:
            SmtpMail(address, "support@example.org").send("ada@example.com", "Hello", "Hello", "eff_1")
        assert refused.value.facts["sent"] is False
        assert (server.signed_in, server.inbox) == ([], [])


def test_off_this_machine_a_password_is_sent_over_tls(
    named: None, tls: ssl.SSLContext, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with mailing.mail_server(login=("flow", "s3cret"), starttls=tls) as server:
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
