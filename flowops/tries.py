"""How often an address may fail before it must wait; kept in memory, so each process counts for itself."""

import math
import time
from ipaddress import IPv6Address, ip_address

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from flowops import errors

TOKENS = RateLimitItemPerMinute(30, namespace="tokens")
SIGN_INS = RateLimitItemPerMinute(10, namespace="sign-ins")


class Tries:
    """The failed tries of the last minute, by address; an IPv6 address counts as its /64, which one household has."""

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def check(self, limit: RateLimitItem, address: str) -> None:
        """Raise TooManyTries when the address has no try left; asking costs none."""
        if not self._windows.test(limit, _who(address)):
            reset_at = self._windows.get_window_stats(limit, _who(address)).reset_time
            raise errors.TooManyTries(seconds=max(1, math.ceil(reset_at - time.time())))

    def failed(self, limit: RateLimitItem, address: str) -> None:
        """Count one failed try."""
        self._windows.hit(limit, _who(address))


def _who(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(known.packed[:8].hex()) if isinstance(known, IPv6Address) else address
