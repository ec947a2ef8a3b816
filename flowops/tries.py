"""How often an address may fail before it must wait; kept in memory, so each process counts for itself."""

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, IPv6Network, ip_address

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from flowops import errors

TOKENS = RateLimitItemPerMinute(30, namespace="tokens")
SIGN_INS = RateLimitItemPerMinute(10, namespace="sign-ins")

# Who comes from there has the IPv4 address in the last four bytes: a socket for both kinds says so (RFC 4291), and a
# NAT64 (RFC 6052).
_HOLD_IPV4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


class Tries:
    """The failed tries of the last minute, by address.

    An IPv6 address counts as its /64, which one household has, or as the IPv4 address in it.
    """

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._running: Counter[tuple[RateLimitItem, str]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def trying(self, limit: RateLimitItem, address: str) -> Iterator[None]:
        """Count a try before it is made, and give it back unless it ends with NotAuthenticated.

        So of many at once no more are made than may fail; the others raise TooManyTries.
        """
        key, has_failed = (limit, _who(address)), False
        with self._lock:
            window = self._windows.get_window_stats(*key)
            if window.remaining <= self._running[key]:
                raise _too_many(window.reset_time)
            self._running[key] += 1
        try:
            yield
        except errors.NotAuthenticated:
            has_failed = True
            raise
        finally:
            with self._lock:
                if has_failed:
                    self._windows.hit(*key)
                self._running[key] -= 1
                self._running += Counter()  # forgets those at zero

    def check(self, limit: RateLimitItem, address: str) -> None:
        """Raise TooManyTries when the address has no try left; asking costs none."""
        if not self._windows.test(limit, _who(address)):
            raise _too_many(self._windows.get_window_stats(limit, _who(address)).reset_time)

    def failed(self, limit: RateLimitItem, address: str) -> None:
        """Count one failed try."""
        self._windows.hit(limit, _who(address))


def _too_many(until: float) -> errors.TooManyTries:
    return errors.TooManyTries(seconds=max(1, math.ceil(until - time.time())))


def _who(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return address
    if any(known in network for network in _HOLD_IPV4):
        return str(ip_address(known.packed[-4:]))
    return known.packed[:8].hex()
