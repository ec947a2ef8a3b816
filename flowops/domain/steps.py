"""Counts the steps a rule takes, so that one that would never end fails the same way whenever it is asked.

A limit of time would stop a rule here and not there, and nobody could take the decision again. The loops and helpers
of a rule that is loaded from its source count (`flowops.domain.purity`); a thread decides one thing at a time.
"""

import threading

MOST = 100_000


class Overrun(BaseException):
    """A rule took too many steps; not an Exception, so that it cannot be caught by the rule itself."""


class _Count(threading.local):
    left = MOST


_count = _Count()


def begin() -> None:
    """A rule is asked: it may take `MOST` steps from here."""
    _count.left = MOST


def step() -> bool:
    """One more step; always True, so that it can stand in a condition. Raises Overrun after too many."""
    _count.left -= 1
    if _count.left < 0:
        raise Overrun
    return True


def bounded_range(*bounds: int) -> range:
    """A range no longer than a rule may take steps; Overrun for a longer one."""
    found = range(*bounds)
    if len(found) > MOST:
        raise Overrun
    return found
