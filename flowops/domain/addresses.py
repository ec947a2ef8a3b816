"""Where a call to an address that others chose may go: to the public internet over TLS, and nowhere else unasked.

An address is judged three times: as it is written, when it is registered and before each call; and by what its host's
name stands for, whenever somebody is about to connect to it. It looks up no name itself.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from flowops import errors

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST = 2000  # characters of an address
LONGEST_HOST = 253
PORTS = {"http": 80, "https": 443}
LOWEST_PORT = 1024  # the well-known ones belong to other protocols than HTTP, but for its own two

# Printable ASCII that needs no second reading: no space, quotes, brackets, backslash or control character, and no @,
# behind which the true host would stand.
_URL = re.compile(r"(https?)://([^/?#@]+)(/[!-~]*|\?[!-~]*)?")
_UNCLEAR = re.compile(r"[\\\"<>^`{|}#]")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_LABEL_OF_A_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

# What some Python calls global and is no host of the public internet all the same, mostly by the IANA registries of
# special-purpose addresses; each version of Python knows another state of them.
_SPECIAL = (
    IPv4Network("0.0.0.0/8"),  # this network
    IPv4Network("168.63.129.16/32"),  # by which a cloud talks to its own hosts
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.31.196.0/24"),  # AS112
    IPv4Network("192.52.193.0/24"),  # AMT
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network("192.175.48.0/24"),  # AS112
    IPv4Network("224.0.0.0/3"),  # multicast and reserved
    IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4, which holds an IPv4 address
    IPv6Network("2620:4f:8000::/48"),  # AS112
    IPv6Network("3fff::/20"),  # documentation
)
_UNICAST = IPv6Network("2000::/3")  # every IPv6 address that anybody on the internet has
_NAT64 = IPv6Network("64:ff9b::/96")  # how a host without IPv4 reaches the address in the last four bytes (RFC 6052)


@dataclass(frozen=True)
class Target:
    """An address as it is to be called: its host is a name or, in `literal`, an IP address."""

    url: str
    scheme: str
    host: str
    port: int
    literal: Address | None


def parse(url: str) -> Target:
    """What an address names, when there is one way alone to read it; raises ForbiddenTarget.

    >>> parse("https://example.com/hook?a=b").port
    443
    >>> parse("https://2130706433/")
    Traceback (most recent call last):
    flowops.errors.ForbiddenTarget: The address is refused: its host is a number. Nothing was sent to it.
    """
    match = _URL.fullmatch(url)
    if len(url) > LONGEST or match is None or _UNCLEAR.search(url):
        raise _forbidden("it must read like https://example.com/path, in ASCII and without user or password")
    scheme, (host, port) = match[1], _split(match[2])
    literal = _literal(host)
    bare = host.strip("[]")
    if (urlsplit(url).hostname, urlsplit(url).port or PORTS[scheme]) != (bare, port or PORTS[scheme]):
        raise _forbidden("it can be read in more than one way")
    return Target(url, scheme, bare, port or PORTS[scheme], literal)


def check(url: str, allowed: Sequence[Network] = ()) -> Target:
    """Refuse an address for how it is written; what its name stands for is judged by `check_reached`.

    Raises ForbiddenTarget.
    """
    target = parse(url)
    if target.literal is not None:
        check_reached(target, [target.literal], allowed)
    elif target.scheme == "http" and not allowed:
        raise _forbidden("off the allowed networks it must be https")
    if target.port not in PORTS.values() and target.port < LOWEST_PORT:
        raise _forbidden(f"the port must be 80, 443, or {LOWEST_PORT} and above")
    return target


def check_reached(target: Target, found: Iterable[Address], allowed: Sequence[Network] = ()) -> None:
    """Refuse a target unless everything its host stands for may be called; raises ForbiddenTarget.

    One answer that may not is enough, for nobody says which of them a later look would give.
    """
    for address in found:
        if any(address in network for network in allowed):
            continue
        if not is_public(address):
            raise _forbidden("its host is not on the public internet; FLOWOPS_OUTBOUND_ALLOW names exceptions")
        if target.scheme != "https":
            raise _forbidden("off the allowed networks it must be https")


def is_public(address: Address) -> bool:
    """Is this a host of the public internet, and not also the name of another one?

    >>> is_public(IPv4Address("8.8.8.8")), is_public(IPv4Address("10.0.0.1")), is_public(IPv6Address("::ffff:8.8.8.8"))
    (True, False, False)
    """
    if isinstance(address, IPv6Address) and address in _NAT64:
        return is_public(IPv4Address(address.packed[-4:]))
    if isinstance(address, IPv6Address) and (address not in _UNICAST or address.scope_id is not None):
        return False
    return address.is_global and not any(address in network for network in _SPECIAL)


def _split(authority: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(\[[^\[\]]*\]|[^\[\]:]*)(?::([0-9]{1,5}))?", authority)
    port = int(match[2]) if match and match[2] else None
    if match is None or not match[1] or (port is not None and not 0 < port <= 65535):
        raise _forbidden("it names no host, or no port that there is")
    return match[1].lower(), port


def _literal(host: str) -> Address | None:
    """The IP address a host is written as; None for a name."""
    try:
        if host.startswith("["):
            if "%" in host:
                raise _forbidden("its host has a zone")
            return IPv6Address(host[1:-1])
        # Four decimal numbers without leading zeros; every other spelling, which resolvers know, is a number below.
        return IPv4Address(host)
    except ValueError:
        pass
    last = host.rpartition(".")[2]
    if _LABEL_OF_A_NUMBER.fullmatch(last):
        raise _forbidden("its host is a number")
    if len(host) > LONGEST_HOST or not _NAME.fullmatch(host):
        raise _forbidden("its host is no name")
    return None


def _forbidden(reason: str) -> errors.ForbiddenTarget:
    return errors.ForbiddenTarget(reason=reason)
