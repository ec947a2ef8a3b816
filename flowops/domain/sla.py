"""How long a case may wait: targets, deadlines, pauses and warnings on a calendar that is always open.

What happens to the clocks of a case is written down as marks. The marks alone explain a deadline: which stretches of
time counted, which were paused, and when the target changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise, zip_longest

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


class State(StrEnum):
    """Whether a stretch of time is held against a promise."""

    COUNTED = "counted"
    PAUSED = "paused"


@dataclass(frozen=True)
class Interval:
    """A stretch of time of one clock; `ended_at` is None while it lasts."""

    clock: Clock
    state: State
    started_at: datetime
    ended_at: datetime | None

    def length(self, now: datetime) -> timedelta:
        """How long it lasted, until now if it still does."""
        return (self.ended_at or now) - self.started_at


TARGETS: dict[Priority, dict[Clock, timedelta]] = {
    Priority.URGENT: {Clock.RESPONSE: timedelta(minutes=30), Clock.RESOLUTION: timedelta(hours=2)},
    Priority.HIGH: {Clock.RESPONSE: timedelta(hours=1), Clock.RESOLUTION: timedelta(hours=4)},
    Priority.MEDIUM: {Clock.RESPONSE: timedelta(hours=8), Clock.RESOLUTION: timedelta(hours=24)},
    Priority.LOW: {Clock.RESPONSE: timedelta(hours=24), Clock.RESOLUTION: timedelta(hours=72)},
}
LAST_WARNING = timedelta(minutes=30)
OURS, CALLERS = "default", "caller"  # whose promise it is; the caller's names a moment, so no priority moves it


def due_at(priority: Priority, clock: Clock, started_at: datetime) -> datetime:
    """When the promise of a clock that starts must be kept.

    >>> from datetime import UTC
    >>> due_at(Priority.HIGH, Clock.RESOLUTION, datetime(2026, 1, 1, 12, tzinfo=UTC)).hour
    16
    """
    return started_at + TARGETS[priority][clock]


def warn_at(due_at: datetime, allowed: timedelta) -> datetime:
    """When to warn: after 75 % of the time allowed or 30 minutes before the deadline, whichever is later.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> warn_at(noon, timedelta(hours=8)).strftime("%H:%M")
    '11:30'
    >>> warn_at(noon, timedelta(minutes=30)).strftime("%H:%M:%S")
    '11:52:30'

    Of a deadline that was past when it was set, at the deadline.

    >>> warn_at(noon, timedelta(hours=-8)) == noon
    True
    """
    return due_at - max(min(allowed / 4, LAST_WARNING), timedelta(0))


def is_breached(due_at: datetime | None, now: datetime) -> bool:
    """Is the promise broken now? What ends at the deadline itself is on time; no deadline, no promise.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> is_breached(noon, noon), is_breached(noon, noon + timedelta(seconds=1)), is_breached(None, noon)
    (False, True, False)
    """
    return due_at is not None and now > due_at


def runs(marks: Sequence[Mark]) -> Iterator[Sequence[Mark]]:
    """The marks clock by clock, oldest first: each begins with its start."""
    starts = [index for index, mark in enumerate(marks) if mark.kind is Kind.STARTED]
    return (marks[start:end] for start, end in pairwise([*starts, len(marks)]))


def intervals(marks: Sequence[Mark]) -> Iterator[Interval]:
    """The stretches of time behind the deadlines, oldest first; what no clock covers is left out.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> def mark(minute, kind):
    ...     return Mark(noon + timedelta(minutes=minute), kind, Clock.RESOLUTION, Priority.LOW, noon)
    >>> marks = [mark(0, Kind.STARTED), mark(5, Kind.PAUSED), mark(9, Kind.RESUMED)]
    >>> [(i.state.value, i.started_at.minute, i.ended_at and i.ended_at.minute) for i in intervals(marks)]
    [('counted', 0, 5), ('paused', 5, 9), ('counted', 9, None)]
    """
    begins = {Kind.STARTED: State.COUNTED, Kind.RESUMED: State.COUNTED, Kind.PAUSED: State.PAUSED}
    ends = [mark for mark in marks if mark.kind in begins or mark.kind is Kind.STOPPED]
    for mark, after in zip_longest(ends, ends[1:]):
        if mark.kind in begins and (after is None or after.at > mark.at):
            yield Interval(mark.clock, begins[mark.kind], mark.at, after.at if after else None)


def spent(run: Sequence[Mark], now: datetime, state: State = State.COUNTED) -> timedelta:
    """How much time of a clock counted until `now`, or was paused."""
    return sum((i.length(now) for i in intervals(run) if i.state is state), timedelta(0))


def reached(run: Sequence[Mark], now: datetime) -> datetime:
    """How far a clock has come: to now while it counts, else to the moment in which it was paused or stopped."""
    turned = next(m for m in reversed(run) if m.kind in {Kind.STARTED, Kind.PAUSED, Kind.RESUMED, Kind.STOPPED})
    return turned.at if turned.kind in {Kind.PAUSED, Kind.STOPPED} else now


def left(run: Sequence[Mark], now: datetime) -> timedelta:
    """How much time is left before a clock's deadline, as far as it has come; less than nothing once it is broken."""
    return run[-1].due_at - reached(run, now)


def left_under(run: Sequence[Mark], priority: Priority, now: datetime) -> timedelta:
    """How much time another priority would leave: its target from the same start, and never less than nothing."""
    return max(timedelta(0), TARGETS[priority][run[0].clock] - spent(run, now))
