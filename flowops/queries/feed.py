"""What changed lately: the log's entries about cases, read once for everybody in this process who wants to know.

An entry gets its number when it is written and is seen when its transaction commits, so one may come to light after
others with higher numbers. A number that is missing is therefore asked for again, until no transaction can have it.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from threading import Lock

from sqlalchemy import and_, func, or_, select

from flowops import errors
from flowops.domain import events
from flowops.storage import tables
from flowops.storage.unit import View

KEPT = 10_000  # the newest entries, among which somebody who was away can find what they missed
FRESH = 1.0  # seconds in which nobody has to read again
# On PostgreSQL a number that was rolled back never comes. A transaction of ours calls nobody outside and waits at most
# seconds for a lock, so none is still open after this long.
LOST = timedelta(minutes=10)
_SWITCHED = {events.EffectsPaused.name, events.EffectsResumed.name}
NAMED = 50  # missing numbers in a position; they must fit into a header

STREAMS = 200  # of one process; what they tell is read once for all of them
OWN_STREAMS = 10  # of them for one person or service


Open = Callable[[], AbstractContextManager[View]]


@dataclass(frozen=True)
class Change:
    """That something happened to a case, and who may know; or, without a case, to the switch that everybody sees."""

    seq: int
    kind: str
    handoff_id: str | None
    number: str
    queue: str
    created_by: str | None


_number = attrgetter("seq")
# Its number in the log, when it was written, and the change; none when nobody is told.
Entry = tuple[int, datetime, Change | None]


@dataclass(frozen=True)
class Position:
    """How far somebody has been told: everything up to a number, without those that had not come to light."""

    read_to: int
    missing: frozenset[int] = frozenset()

    @staticmethod
    def read(text: str) -> "Position | None":
        """The position that was written so; None for anything else."""
        if not re.fullmatch(f"[0-9]{{1,18}}(-[0-9]{{1,18}}){{0,{NAMED}}}", text):
            return None
        read_to, *missing = map(int, text.split("-"))
        return Position(read_to, frozenset(missing))

    def __str__(self) -> str:
        """As clients keep it; where too much is missing, an earlier position, so that some is told twice.

        >>> str(Position(120)), str(Position(120, frozenset({117, 119}))), Position.read("120-117-119").told
        ('120', '120-117-119', 116)
        """
        return (
            "-".join(map(str, (self.read_to, *sorted(self.missing)))) if len(self.missing) <= NAMED else str(self.told)
        )

    @property
    def told(self) -> int:
        """The number up to which nothing is missing."""
        return min(self.missing, default=self.read_to + 1) - 1


@dataclass(frozen=True)
class Recent:
    """The changes among the newest entries, in the order they came to light.

    `read_to` is the highest number seen, and `floor` the one up to which changes are no longer known; `gone` counts the
    changes that were dropped. `missing` are the numbers below that may still come to light, each with a time by which
    it had been given away.
    """

    floor: int
    read_to: int
    missing: Mapping[int, datetime] = field(default_factory=dict)
    gone: int = 0
    changes: tuple[Change, ...] = ()

    @property
    def end(self) -> int:
        """Where somebody stands who has seen all changes."""
        return self.gone + len(self.changes)

    def since(self, place: int) -> Sequence[Change] | None:
        """The changes after this place by their numbers; None when some of them are no longer known."""
        return sorted(self.changes[place - self.gone :], key=_number) if place >= self.gone else None

    @property
    def position(self) -> Position:
        """The same for somebody who may come back to another process."""
        return Position(self.read_to, frozenset(self.missing))

    def after(self, told: Position) -> Sequence[Change] | None:
        """The changes somebody missed who was told this much; None when that cannot be said."""
        missed = (each for each in self.changes if each.seq > told.read_to or each.seq in told.missing)
        return sorted(missed, key=_number) if self.floor <= told.told and told.read_to <= self.read_to else None

    def told(self, change: Change) -> int:
        """The number up to which everything is told with this change and those before it; more may come to light."""
        return min(change.seq, min(self.missing, default=change.seq + 1) - 1)

    def extended(self, found: Sequence[Entry], now: datetime) -> "Recent":
        """The same with entries that came to light since, in the order of their numbers.

        >>> noon = datetime(2026, 1, 1, 12)
        >>> recent = Recent(0, 3).extended([(5, noon, None)], noon)
        >>> set(recent.missing), set(recent.extended([], noon + LOST).missing)
        ({4}, set())
        """
        missing, read_to = dict(self.missing), self.read_to
        for seq, at, _ in found:
            missing |= dict.fromkeys(range(read_to + 1, seq), at)
            missing.pop(seq, None)
            read_to = max(read_to, seq)
        changes = (*self.changes, *(change for _, _, change in found if change))
        dropped = changes[: max(0, len(changes) - KEPT)]
        return Recent(
            floor=max(self.floor, *(change.seq for change in dropped), 0),
            read_to=read_to,
            missing={seq: at for seq, at in missing.items() if seq > read_to - KEPT and now - at < LOST},
            gone=self.gone + len(dropped),
            changes=changes[len(dropped) :],
        )


class Watch:
    """The recent changes as this process knows them."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._recent: Recent | None = None
        self._asked_at = 0.0

    def recent(self, view: Open) -> Recent:
        """The changes as they were less than a second ago; while somebody else reads, as they were before that."""
        if self._turn.acquire(blocking=self._recent is None):
            try:
                if self._recent is None or time.monotonic() - self._asked_at >= FRESH:
                    self._read(view)
            finally:
                self._turn.release()
        assert self._recent, "nobody goes on before the first reading"
        return self._recent

    def now(self, view: Open) -> Recent:
        """The changes with all that was committed before this was called; one reading serves those who wait for it."""
        called_at = time.monotonic()
        with self._turn:
            if self._recent is None or self._asked_at <= called_at:
                return self._read(view)
            return self._recent

    def _read(self, view: Open) -> Recent:
        asked_at = time.monotonic()
        with view() as opened:
            self._recent = read(opened, self._recent)
        self._asked_at = asked_at
        return self._recent


class Seats:
    """Who listens to this process; each takes a seat for every stream, and nobody may take them all."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._taken = Counter[str]()

    @property
    def taken(self) -> int:
        """How many streams are open."""
        return self._taken.total()

    def take(self, who: str) -> None:
        """Take a seat; TooManyStreams when they have enough, Unavailable when there is none."""
        with self._turn:
            if self._taken[who] >= OWN_STREAMS:
                raise errors.TooManyStreams(limit=OWN_STREAMS)
            if self.taken >= STREAMS:
                raise errors.Unavailable(what="The stream", reason=f"{STREAMS} are open already")
            self._taken[who] += 1

    def leave(self, who: str) -> None:
        """Give a seat back."""
        with self._turn:
            self._taken -= Counter([who])  # which forgets those who have none


def read(view: View, known: Recent | None) -> Recent:
    """What is known and what came to light since; a new beginning when that is more than is kept."""
    newest = view.session.scalar(select(func.max(tables.AuditEntry.seq))) or 0
    floor = max(0, newest - KEPT)
    if known is None or known.read_to < floor:
        known = Recent(floor, floor, gone=known.end + 1 if known else 0)
    return known.extended(_entries(view, known), view.now)


def _entries(view: View, known: Recent) -> list[Entry]:
    entry, case = tables.AuditEntry, tables.Handoff
    query = (
        select(entry.seq, entry.at, entry.event, case.id, case.number, case.queue, case.created_by)
        .outerjoin(case, and_(case.id == entry.handoff_id, entry.event != events.ContextRead.name))
        .where(or_(entry.seq > known.read_to, entry.seq.in_(list(known.missing))))
        .order_by(entry.seq)
    )
    return [
        (seq, at, _change(seq, kind, id, number, queue, by))
        for seq, at, kind, id, number, queue, by in view.session.execute(query)
    ]


def _change(seq: int, kind: str, id: str | None, number: int, queue: str, by: str | None) -> Change | None:
    if id is not None:
        return Change(seq, kind, id, f"H-{number}", queue, by)
    return Change(seq, kind, None, "", "", None) if kind in _SWITCHED else None
