"""How long a case may wait: targets, deadlines and warnings on a calendar that is always open."""

from datetime import datetime, timedelta
from enum import StrEnum

from flowops.domain.handoffs import Priority


class Clock(StrEnum):
    """What a promise is about: until somebody owns the case, and until it is resolved."""

    RESPONSE = "response"
    RESOLUTION = "resolution"


TARGETS: dict[Priority, dict[Clock, timedelta]] = {
    Priority.URGENT: {Clock.RESPONSE: timedelta(minutes=30), Clock.RESOLUTION: timedelta(hours=2)},
    Priority.HIGH: {Clock.RESPONSE: timedelta(hours=1), Clock.RESOLUTION: timedelta(hours=4)},
    Priority.MEDIUM: {Clock.RESPONSE: timedelta(hours=8), Clock.RESOLUTION: timedelta(hours=24)},
    Priority.LOW: {Clock.RESPONSE: timedelta(hours=24), Clock.RESOLUTION: timedelta(hours=72)},
}
LAST_WARNING = timedelta(minutes=30)


def due_at(priority: Priority, clock: Clock, started_at: datetime) -> datetime:
    """When the promise of this clock must be kept.

    >>> from datetime import UTC
    >>> due_at(Priority.HIGH, Clock.RESOLUTION, datetime(2026, 1, 1, 12, tzinfo=UTC)).hour
    16
    """
    return started_at + TARGETS[priority][clock]


def warn_at(started_at: datetime, due_at: datetime) -> datetime:
    """When to warn: after 75 % of the time or 30 minutes before the deadline, whichever is later.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> warn_at(noon, due_at(Priority.MEDIUM, Clock.RESPONSE, noon)).strftime("%H:%M")
    '19:30'
    >>> warn_at(noon, due_at(Priority.URGENT, Clock.RESPONSE, noon)).strftime("%H:%M:%S")
    '12:22:30'
    """
    return max(started_at + (due_at - started_at) * 0.75, due_at - LAST_WARNING)


def is_breached(due_at: datetime | None, ended_at: datetime | None, now: datetime) -> bool:
    """Was the promise not kept, or is it being broken now?

    `ended_at` is when the clock stopped: the first claim for the response, the resolution for the resolution. What
    ended at the deadline itself was on time. A case without a deadline was promised nothing.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> later = noon + timedelta(seconds=1)
    >>> is_breached(noon, None, later), is_breached(noon, noon, later), is_breached(None, None, later)
    (True, False, False)
    """
    return due_at is not None and (ended_at or now) > due_at
