"""A delivery is signed so that its receiver knows us, and survives whatever the receiver does."""

import re
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from flowops import errors
from flowops.gateways.webhooks import Webhooks
from tests import servers
from tests.project import repository
from tests.servers import Fault, Receiver

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
SECRETS = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
BODY = '{"id": "aud_1", "type": "handoff.resolved", "subject": "hnd_1", "data": {"name": "Zoë"}}'.encode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with servers.receiver() as running:
        yield running
        running.fault = None


def deliver(url: str, at: datetime | None = None, timeout: float = 5, **more: Any) -> int:
    """Post a body as a worker does."""
    webhooks = Webhooks(LOOPBACK, timeout, **more)
    return webhooks.deliver(url, "aud_1", BODY, at or datetime.now(UTC), SECRETS[:1])


def test_a_delivery_is_verified_with_each_secret_it_is_signed_with_and_no_other(receiver: Receiver) -> None:
    Webhooks(LOOPBACK).deliver(f"{receiver.url}/hook?a=b", "aud_1", BODY, datetime.now(UTC), SECRETS)
    [seen] = receiver.requests
    assert (seen.method, seen.path, seen.raw) == ("POST", "/hook?a=b", BODY)
    assert seen.headers["content-type"] == "application/cloudevents+json"
    assert seen.headers["webhook-id"] == "aud_1"
    for secret in SECRETS:
        assert Webhook(secret).verify(seen.raw, seen.headers)["type"] == "handoff.resolved"
    with pytest.raises(WebhookVerificationError, match="No matching"):
        Webhook("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").verify(seen.raw, seen.headers)
    with pytest.raises(WebhookVerificationError, match="No matching"):
        Webhook(SECRETS[0]).verify(seen.raw.replace(b"resolved", b"reopened"), seen.headers)


def test_the_manuals_way_to_make_sure_that_it_is_us_works(receiver: Receiver) -> None:
    deliver(receiver.url)
    [seen] = receiver.requests
    manual = (repository.ROOT / "docs" / "webhooks.md").read_text()
    [example] = re.findall(r"```python\n(.+?)```", manual, flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(example.replace('"whsec_..."', f'"{SECRETS[0]}"'), names)  # noqa: S102 - the manual's own lines
    assert names["receive"](seen.headers, seen.raw) == ("handoff.resolved", "hnd_1", {"name": "Zoë"})
    with pytest.raises(names["WebhookVerificationError"]):
        names["receive"](seen.headers, seen.raw.replace(b"hnd_1", b"hnd_2"))


def test_the_signature_is_the_one_of_the_specification(receiver: Receiver) -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    Webhooks(LOOPBACK).deliver(receiver.url, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', at, SECRETS[:1])
    headers = receiver.requests[0].headers
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_delivery_recorded_and_played_again_later_is_refused(receiver: Receiver, minutes: int) -> None:
    deliver(receiver.url, datetime.now(UTC) + timedelta(minutes=minutes))
    [seen] = receiver.requests
    with pytest.raises(WebhookVerificationError, match="timestamp"):
        Webhook(SECRETS[0]).verify(seen.raw, seen.headers)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 410])
def test_success_and_gone_are_answers(receiver: Receiver, status: int) -> None:
    receiver.fault = servers.answering(status)
    assert deliver(receiver.url) == status


@pytest.mark.parametrize(
    "status", [300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 422, 429, 500, 503]
)
def test_anything_else_is_tried_again_and_no_redirect_is_followed(receiver: Receiver, status: int) -> None:
    receiver.fault = servers.answering(status, Location=receiver.url + "/elsewhere", Retry_After="7")
    with pytest.raises(errors.Unavailable, match=f"HTTP {status}") as trouble:
        deliver(receiver.url)
    assert trouble.value.facts["retry_after"] == 7
    assert len(receiver.requests) == 1
    assert "other side" not in str(trouble.value) + repr(trouble.value.facts)


FAULTS = {
    "hanging up": servers.hanging_up,
    "garbage": servers.babbling,
    "100 MB of headers": servers.endless_headers,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_receiver_that_speaks_no_http_is_tried_again(receiver: Receiver, fault: Fault) -> None:
    receiver.fault = fault
    with pytest.raises(errors.Unavailable, match="broke"):
        deliver(receiver.url)


def test_tls_that_breaks_after_the_handshake_is_tried_again(broken_tls: str) -> None:
    with pytest.raises(errors.Unavailable, match="broke"):
        deliver(broken_tls)


def test_100_megabytes_of_answer_are_not_read(receiver: Receiver) -> None:
    receiver.fault = servers.endless
    assert deliver(receiver.url) == 200


@pytest.mark.parametrize("fault", [servers.hanging, servers.dripping_headers])
def test_the_timeout_bounds_the_whole_call(receiver: Receiver, fault: Fault) -> None:
    receiver.fault = fault
    began = time.monotonic()
    with pytest.raises(errors.Unavailable, match=r"longer than 0\.3 s"):
        deliver(receiver.url, timeout=0.3)
    assert time.monotonic() - began < 3  # dripped to the end it would take minutes


def test_looking_up_a_name_is_part_of_the_call() -> None:
    def slow(host: str) -> list[str]:
        time.sleep(2)  # a resolver that hangs
        return ["127.0.0.1"]

    began = time.monotonic()
    with pytest.raises(errors.Unavailable, match=r"looking up its host took longer than 0\.2 s"):
        deliver("http://hooks.example.com", timeout=0.2, resolver=slow)
    assert time.monotonic() - began < 1.5


def test_a_name_nobody_knows_is_tried_again() -> None:
    def unknown(host: str) -> list[str]:
        raise OSError(host)

    with pytest.raises(errors.Unavailable, match="was not found"):
        deliver("http://hooks.example.com", resolver=unknown)
    with pytest.raises(errors.Unavailable, match="was not found"):
        deliver("http://hooks.example.com", resolver=lambda host: [])


def test_a_port_where_nobody_listens_is_tried_again() -> None:
    with pytest.raises(errors.Unavailable, match="no connection"):
        deliver(f"http://127.0.0.1:{servers.closed_port()}")


def test_the_next_address_of_a_host_is_asked_when_the_first_does_not_answer(receiver: Receiver) -> None:
    url = receiver.url.replace("127.0.0.1", "hooks.example.com")
    assert deliver(url, resolver=lambda host: ["127.0.0.9", "127.0.0.1"]) == 200


def test_a_proxy_in_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{servers.closed_port()}")
    assert deliver(receiver.url) == 200


def test_the_judged_address_is_called_under_the_name_that_was_given(
    tls: ssl.SSLContext, certificate: tuple[Path, Path]
) -> None:
    asked: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    with servers.receiver(tls) as receiver:
        url = receiver.url.replace("127.0.0.1", "hooks.example.com")
        assert deliver(url, resolver=lambda host: ["127.0.0.1"], trusted=trusted) == 200
        [seen] = receiver.requests
        assert f"https://{seen.headers['host']}" == url
        assert asked == ["hooks.example.com"]


def test_a_certificate_of_another_host_or_that_nobody_trusts_gets_no_delivery(
    tls: ssl.SSLContext, certificate: tuple[Path, Path]
) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    with servers.receiver(tls) as receiver:
        for name, context in (("other.example.com", trusted), ("hooks.example.com", None)):
            with pytest.raises(errors.Unavailable, match="prove to be that host"):
                deliver(receiver.url.replace("127.0.0.1", name), resolver=lambda host: ["127.0.0.1"], trusted=context)
        assert receiver.requests == []
