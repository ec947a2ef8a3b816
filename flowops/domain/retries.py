"""How long to wait before trying again, and when to give up."""

from datetime import timedelta

MAX_CLAIMS = 5
# 10 s, 50 s, 4 min, 21 min: five claims outlast a deployment or a greylisting mail server, not only a hiccup.
FIRST_WAIT = timedelta(seconds=10)
GROWTH = 5
LONGEST_WAIT = timedelta(minutes=30)


def wait(claims: int, dice: float, retry_after: timedelta | None = None) -> timedelta:
    """How long a job waits after its n-th failed claim: exponential, capped, with full jitter.

    `dice` is uniform in [0, 1), so a thousand jobs that failed together do not return together
    (Brooker, "Exponential Backoff And Jitter", AWS 2015). What the other side asked for is a lower bound.

    >>> wait(1, 0.5), wait(3, 0.5), wait(40, 0.999) < LONGEST_WAIT
    (datetime.timedelta(seconds=5), datetime.timedelta(seconds=125), True)
    >>> wait(1, 0.5, retry_after=timedelta(seconds=30))
    datetime.timedelta(seconds=35)
    """
    ceiling = min(LONGEST_WAIT, FIRST_WAIT * float(GROWTH) ** min(claims - 1, 9))
    return (retry_after or timedelta(0)) + ceiling * dice


def is_spent(claims: int) -> bool:
    """Has this job been claimed as often as it may be?

    Claims count, not failures: a job that kills its worker never reports a failure.

    >>> is_spent(4), is_spent(5)
    (False, True)
    """
    return claims >= MAX_CLAIMS
