"""How long a case may wait: targets, deadlines, pauses and warnings on a calendar that is always open.

What happens to the clocks of a case is written down as marks. The marks alone explain a deadline: which stretches of
time counted, which were paused, and when the target changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from flowops.domain.handoffs import Priority


class Clock(StrEnum):
    """What a promise is about: until somebody owns the case, and until it is resolved."""

    RESPONSE = "response"
    RESOLUTION = "resolution"


class Kind(StrEnum):
    """What happened to a clock."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    RETARGETED = "retargeted"  # the priority changed, and the deadline with it
    WARNED = "warned"
    BREACHED = "breached"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Mark:
    """One thing that happened to a clock, and the deadline that held from then on; a pause keeps the one it met."""

    at: datetime
    kind: Kind
    clock: Clock
    priority: Priority
    due_at: datetime


@dataclass(frozen=True)
class Interval:
    """A stretch of time of one clock: it counted, or it was paused. `ended_at` is None while it lasts."""

    clock: Clock
    counted: bool
    started_at: datetime
    ended_at: datetime | None


TARGETS: dict[Priority, dict[Clock, timedelta]] = {
    Priority.URGENT: {Clock.RESPONSE: timedelta(minutes=30), Clock.RESOLUTION: timedelta(hours=2)},
    Priority.HIGH: {Clock.RESPONSE: timedelta(hours=1), Clock.RESOLUTION: timedelta(hours=4)},
    Priority.MEDIUM: {Clock.RESPONSE: timedelta(hours=8), Clock.RESOLUTION: timedelta(hours=24)},
    Priority.LOW: {Clock.RESPONSE: timedelta(hours=24), Clock.RESOLUTION: timedelta(hours=72)},
}
LAST_WARNING = timedelta(minutes=30)


def due_at(priority: Priority, clock: Clock, started_at: datetime, paused: timedelta = timedelta(0)) -> datetime:
    """When the promise of this clock must be kept; time that was paused is not held against it.

    >>> from datetime import UTC
    >>> due_at(Priority.HIGH, Clock.RESOLUTION, datetime(2026, 1, 1, 12, tzinfo=UTC)).hour
    16
    """
    return started_at + TARGETS[priority][clock] + paused


def warn_at(due_at: datetime, allowed: timedelta) -> datetime:
    """When to warn: after 75 % of the time allowed or 30 minutes before the deadline, whichever is later.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> warn_at(noon, timedelta(hours=8)).strftime("%H:%M")
    '11:30'
    >>> warn_at(noon, timedelta(minutes=30)).strftime("%H:%M:%S")
    '11:52:30'
    """
    return due_at - min(allowed / 4, LAST_WARNING)


def is_breached(due_at: datetime | None, now: datetime) -> bool:
    """Is the promise broken now? What ends at the deadline itself is on time; no deadline, no promise.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> is_breached(noon, noon), is_breached(noon, noon + timedelta(seconds=1)), is_breached(None, noon)
    (False, True, False)
    """
    return due_at is not None and now > due_at


def running(marks: Sequence[Mark]) -> Sequence[Mark]:
    """The marks of the clock that started last."""
    starts = [index for index, mark in enumerate(marks) if mark.kind is Kind.STARTED]
    return marks[starts[-1] :] if starts else ()


def intervals(marks: Sequence[Mark]) -> Iterator[Interval]:
    """The stretches of time behind the deadlines, oldest first; what no clock covers is left out.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> def mark(minute, kind):
    ...     return Mark(noon + timedelta(minutes=minute), kind, Clock.RESOLUTION, Priority.LOW, noon)
    >>> marks = [mark(0, Kind.STARTED), mark(5, Kind.PAUSED), mark(9, Kind.RESUMED)]
    >>> [(i.counted, i.started_at.minute, i.ended_at and i.ended_at.minute) for i in intervals(marks)]
    [(True, 0, 5), (False, 5, 9), (True, 9, None)]
    """
    begins = {Kind.STARTED: True, Kind.RESUMED: True, Kind.PAUSED: False}
    ends = [mark for mark in marks if mark.kind in begins or mark.kind is Kind.STOPPED]
    for mark, after in zip(ends, [*ends[1:], None], strict=True):
        if mark.kind in begins and (after is None or after.at > mark.at):
            yield Interval(mark.clock, begins[mark.kind], mark.at, after.at if after else None)


def spent(marks: Sequence[Mark], now: datetime, *, counted: bool = True) -> timedelta:
    """How much time of the last clock counted until `now`, or with `counted=False` was paused."""
    found = (i for i in intervals(running(marks)) if i.counted is counted)
    return sum(((i.ended_at or now) - i.started_at for i in found), timedelta(0))


def left(marks: Sequence[Mark], now: datetime) -> timedelta:
    """How much time is left before the last clock's deadline; less than nothing once it is broken.

    Of a clock that is paused or has stopped, what was left in that moment.
    """
    last = running(marks)
    stands = next(m for m in reversed(last) if m.kind in {Kind.PAUSED, Kind.STOPPED, Kind.STARTED, Kind.RESUMED})
    until = stands.at if stands.kind in {Kind.PAUSED, Kind.STOPPED} else now
    return last[-1].due_at - until
