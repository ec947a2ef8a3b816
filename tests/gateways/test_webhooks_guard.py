"""No address that anybody may write or any name may stand for leads a delivery into our own network."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from flowops import errors
from flowops.gateways.webhooks import Webhooks
from tests import servers
from tests.domain.test_addresses import NOT_PUBLIC

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

# Ways to write this machine, or what is near it; PORT is where canaries listen on 127.0.0.1 and ::1.
_WRITTEN = r"""
    127.0.0.1 127.1 127.0.1 127.0.0.2 127.255.255.254 127.0.0.1. 127.0.0.01 127.00.0.1 127.000.000.001
    0127.0.0.1 0177.0.0.1 0177.1 0177.0.0.01 017700000001 00000177.0.0.1 2130706433 02130706433 2130706433.
    0x7f000001 0X7F000001 0x7f.0.0.1 0x7f.0x0.0x0.0x1 0x7f.1 0x7f.0.1 0x7F.0X1 127.0x1 0x07f.1 0 0.0.0.0 00 0x0
    0.0 0.0.0 0x 127.0.0.0x1 4294967295 4294967296 6425673729 127.0.0.1.0x 1.127.0.0.1 256.127.0.0.1 -127.0.0.1
    +127.0.0.1 127.0.0.-1 localhost LOCALHOST localhost. LocalHost.localdomain ip6-localhost ip6-loopback
    localhost%00 localhost%2e [::1] [::] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0:1]
    [::01] [0::1] [::1]. [::1 ::1 0:0:0:0:0:0:0:1 [[::1]] [::1]] [127.0.0.1] [::127.0.0.1] [::7f00:1]
    [::ffff:127.0.0.1] [::FFFF:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:0001] [::ffff:0:127.0.0.1]
    [::ffff:0:7f00:1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:0:0::7f00:1] [64:ff9b:1::7f00:1]
    [64:ff9b:1:7f00:1::] [2002:7f00:1::] [2002:7f00:1::1] [2001:0:7f00:1::] [2001::ffff:80ff:fffe]
    [2001:0:0:0:0:0:80ff:fffe] [fe80::1] [fe80::1%lo] [fe80::1%25lo] [::1%lo] [::1%25lo] [::1%1] [::1%]
    [fe80::7f00:1] [fec0::1] [fc00::1] [fd00::1] [ff01::1] [ff02::1] [v1.::1] [vF.127.0.0.1]
    １２７.０.０.１ 127。0。0。1 127．0．0．1 ①②⑦.⓪.⓪.① ⓛⓞⓒⓐⓛⓗⓞⓢⓣ ｌｏｃａｌｈｏｓｔ ٠.٠.٠.٠ ١٢٧.٠.٠.١ locⅼhost
    user@127.0.0.1 user:password@127.0.0.1 :@127.0.0.1 @127.0.0.1
    example.com@127.0.0.1 example.com%40127.0.0.1 example.com:443@127.0.0.1
    127.0.0.1:80@127.0.0.1 example.com\@127.0.0.1 127.0.0.1\@example.com example.com#@127.0.0.1
    127.0.0.1#@example.com 127.0.0.1%2f 127.0.0.1%00 127.0.0.1%0d%0aX 127.0.0.1%20 %31%32%37.0.0.1 127.0.0.1%23
    127.0.0.1:80:80 127.0.0.1: 127.0.0.1:-1 127.0.0.1:0x50 127.0.0.1:８０ .127.0.0.1 ..127.0.0.1 127..0.0.1
    127.0.0.1.. . * 127.0.0.1,example.com {127,0}
"""
HOSTS = _WRITTEN.split()
HOSTS += ["127.0.0.1\t", "\t127.0.0.1", "127.0.0.1\n", "127.0.\n0.1", "127.0.0.1\r\n", " 127.0.0.1", "127.0.0.1 "]
HOSTS += ["127.0.0.1\0", "127.0.0.1\u200b", "local\u00adhost", ""]
WHOLE = [
    "//127.0.0.1:PORT/", "127.0.0.1:PORT", "http:127.0.0.1:PORT", "http:/127.0.0.1:PORT/", "http:///127.0.0.1:PORT/",
    "https:////127.0.0.1:PORT", "http:\\\\127.0.0.1:PORT", "http:/\\127.0.0.1:PORT", "HTTP://127.0.0.1:PORT/",
    "Https://localhost:PORT", " http://127.0.0.1:PORT/", "\nhttp://127.0.0.1:PORT/", "ht\ntp://127.0.0.1:PORT/",
    "ftp://127.0.0.1:PORT/", "gopher://127.0.0.1:PORT/_x", "dict://127.0.0.1:PORT/", "file:/secret",
    "ldap://127.0.0.1:PORT/", "ws://127.0.0.1:PORT/", "unix:///run/x.sock", "http+unix://%2frun%2fx.sock/",
    "javascript:alert(1)", "data:text/plain,x", "url:http://127.0.0.1:PORT/", "view-source:http://127.0.0.1:PORT/",
    "https://example.com:PORT#@127.0.0.1:PORT/", "https://127.0.0.1:PORT#.example.com",
    "https://127.0.0.1:PORT?@example.com",
    "https://127.0.0.1:PORT;.example.com/", "", "/", "https://", "https:", "h",
]  # fmt: skip


@dataclass
class Canaries:
    """Listeners on this machine that nobody may reach, and how many did."""

    port: int
    hits: list[str] = field(default_factory=list)


@contextmanager
def canaries() -> Iterator[Canaries]:
    with ExitStack() as open_sockets:
        first = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
        watched = Canaries(first.getsockname()[1])
        listeners = [first]
        with suppress(OSError):  # this machine has no IPv6
            second = socket.create_server(("::1", watched.port), family=socket.AF_INET6)
            listeners.append(open_sockets.enter_context(second))
        for listener in listeners:
            threading.Thread(target=_count, args=(listener, watched), daemon=True).start()
        yield watched
        for listener in listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a connection


def _count(listener: socket.socket, watched: Canaries) -> None:
    with suppress(OSError):
        while True:
            connection, (host, *_) = listener.accept()
            watched.hits.append(str(host))
            connection.close()


def deliver(webhooks: Webhooks, url: str) -> None:
    webhooks.deliver(url, "aud_1", b"{}", datetime.now(UTC), [SECRET])


def answering(addresses: list[str]) -> Callable[[str], list[str]]:
    """A resolver that knows these addresses for every name."""
    return lambda host: addresses


def test_no_way_to_write_an_address_leads_inside() -> None:
    webhooks = Webhooks(timeout=1)
    with canaries() as watched:
        port = watched.port
        schemes = ("http", "https")
        forms = [f"{scheme}://{host}:{port}/" for scheme, host in itertools.product(schemes, HOSTS)]
        forms += [f"https://{host}" for host in HOSTS]
        forms += [form.replace("PORT", str(port)) for form in WHOLE]
        reached = []
        for form in forms:
            before = len(watched.hits)
            with pytest.raises(errors.Unavailable) as refused:
                deliver(webhooks, form)
            assert "nothing was sent" in str(refused.value) or "was not found" in str(refused.value), form
            reached += [form] * (len(watched.hits) - before)
        assert reached == []
        assert len(set(forms)) >= 200
        with suppress(errors.Unavailable):  # the canary speaks no HTTP
            deliver(Webhooks([ip_network("127.0.0.0/8")], timeout=1), f"http://127.0.0.1:{port}/")
        assert watched.hits, "the canary lives"


def test_no_name_that_stands_for_an_address_inside_leads_there() -> None:
    with canaries() as watched:
        for address in NOT_PUBLIC:
            for answer in ([address], ["8.8.8.8", address], [address, "2606:4700::1"]):
                webhooks = Webhooks(timeout=1, resolver=answering(answer))
                with pytest.raises(errors.Unavailable, match="not on the public internet"):
                    deliver(webhooks, f"https://hooks.example.com:{watched.port}/")
        assert watched.hits == []


def test_a_name_that_means_something_else_a_moment_later_is_called_where_it_was_judged() -> None:
    with canaries() as watched, servers.receiver(host="127.0.0.2") as receiver:
        answers = iter([["127.0.0.2"], ["127.0.0.1"]])
        asked: list[str] = []

        def rebinding(host: str) -> list[str]:
            asked.append(host)
            return next(answers)

        webhooks = Webhooks([ip_network("127.0.0.2/32")], timeout=1, resolver=rebinding)
        deliver(webhooks, receiver.url.replace("127.0.0.2", "hooks.example.com"))
        assert (len(receiver.requests), asked) == (1, ["hooks.example.com"])
        with pytest.raises(errors.Unavailable, match="not on the public internet"):
            deliver(webhooks, f"http://hooks.example.com:{watched.port}/")
        assert watched.hits == []


def test_one_answer_that_may_not_be_called_is_enough_to_call_none() -> None:
    with canaries() as watched, servers.receiver(host="127.0.0.2") as receiver:
        for answer in (["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]):
            webhooks = Webhooks([ip_network("127.0.0.2/32")], timeout=1, resolver=answering(answer))
            with pytest.raises(errors.Unavailable, match="nothing was sent"):
                deliver(webhooks, receiver.url.replace("127.0.0.2", "hooks.example.com"))
        assert (watched.hits, receiver.requests) == ([], [])


def test_an_answer_that_sends_elsewhere_leads_nowhere() -> None:
    with canaries() as watched, servers.receiver(host="127.0.0.2") as receiver:
        for status in (301, 302, 303, 307, 308):
            receiver.fault = servers.answering(status, Location=f"http://127.0.0.1:{watched.port}/")
            with pytest.raises(errors.Unavailable, match=f"HTTP {status}"):
                deliver(Webhooks([ip_network("127.0.0.0/8")], timeout=1), receiver.url)
        assert watched.hits == []


def test_off_the_allowed_networks_nothing_goes_out_in_the_clear() -> None:
    webhooks = Webhooks([ip_network("127.0.0.0/8")], timeout=1, resolver=lambda host: ["8.8.8.8"])
    with pytest.raises(errors.Unavailable, match="must be https"):
        deliver(webhooks, "http://hooks.example.com/")
