"""What changed lately: the log's entries about cases, read once for everybody in this process who wants to know.

An entry gets its number when it is written and is seen when its transaction commits, so one may come to light after
others with higher numbers. A number that is missing is therefore asked for again, until many more have come.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from operator import attrgetter
from threading import Lock

from sqlalchemy import and_, func, or_, select

from flowops.domain import events
from flowops.storage import tables
from flowops.storage.unit import View

KEPT = 10_000  # the newest entries, among which somebody who was away can find what they missed
FRESH = 1.0  # seconds in which nobody has to read again


@dataclass(frozen=True)
class Change:
    """That something happened to a case, and who may know."""

    seq: int
    kind: str
    handoff_id: str
    number: str
    queue: str
    created_by: str | None


_number = attrgetter("seq")
Entry = tuple[int, Change | None]  # its number in the log; without a change when it is about no case


@dataclass(frozen=True)
class Recent:
    """The changes among the newest entries, in the order they came to light.

    `read_to` is the highest number seen, and `floor` the one up to which changes are no longer known; `gone` counts the
    changes that were dropped.
    """

    floor: int
    read_to: int
    missing: frozenset[int] = frozenset()
    gone: int = 0
    changes: tuple[Change, ...] = ()

    @property
    def end(self) -> int:
        """Where somebody stands who has seen all changes."""
        return self.gone + len(self.changes)

    def since(self, place: int) -> Sequence[Change] | None:
        """The changes after this place by their numbers; None when some of them are no longer known."""
        return sorted(self.changes[place - self.gone :], key=_number) if place >= self.gone else None

    def after(self, seq: int) -> Sequence[Change] | None:
        """The changes somebody missed who was told everything up to this number; None when that cannot be said."""
        missed = sorted((each for each in self.changes if each.seq > seq), key=_number)
        return missed if self.floor <= seq <= self.read_to else None

    def told(self, change: Change) -> int:
        """The number up to which everything is told with this change and those before it; more may come to light."""
        return min(change.seq, min(self.missing, default=change.seq + 1) - 1)

    def extended(self, found: Sequence[Entry]) -> "Recent":
        """The same with entries that came to light since.

        >>> Recent(0, 3).extended([(5, None)]).missing
        frozenset({4})
        """
        seqs = {seq for seq, _ in found}
        read_to = max(self.read_to, *seqs, 0)
        missing = self.missing.union(range(self.read_to + 1, read_to + 1)) - seqs
        changes = (*self.changes, *(change for _, change in found if change))
        dropped = changes[: max(0, len(changes) - KEPT)]
        return Recent(
            floor=max(self.floor, *(change.seq for change in dropped), 0),
            read_to=read_to,
            missing=frozenset(seq for seq in missing if seq > read_to - KEPT),
            gone=self.gone + len(dropped),
            changes=changes[len(dropped) :],
        )


class Watch:
    """The recent changes as this process knows them."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._recent: Recent | None = None
        self._read_at = 0.0

    def recent(self, view: Callable[[], AbstractContextManager[View]]) -> Recent:
        """The changes as they were less than a second ago; while somebody else reads, as they were before that."""
        if self._turn.acquire(blocking=self._recent is None):
            try:
                if self._recent is None or time.monotonic() - self._read_at >= FRESH:
                    with view() as opened:
                        self._recent = read(opened, self._recent)
                    self._read_at = time.monotonic()
            finally:
                self._turn.release()
        assert self._recent, "nobody goes on before the first reading"
        return self._recent


def read(view: View, known: Recent | None) -> Recent:
    """What is known and what came to light since; a new beginning when that is more than is kept."""
    newest = view.session.scalar(select(func.max(tables.AuditEntry.seq))) or 0
    floor = max(0, newest - KEPT)
    if known is None or known.read_to < floor:
        known = Recent(floor, floor, gone=known.end + 1 if known else 0)
    return known.extended(_entries(view, known))


def _entries(view: View, known: Recent) -> list[Entry]:
    entry, case = tables.AuditEntry, tables.Handoff
    query = (
        select(entry.seq, entry.event, case.id, case.number, case.queue, case.created_by)
        .outerjoin(case, and_(case.id == entry.handoff_id, entry.event != events.ContextRead.name))
        .where(or_(entry.seq > known.read_to, entry.seq.in_(known.missing)))
        .order_by(entry.seq)
    )
    return [
        (seq, Change(seq, kind, id, f"H-{number}", queue, by) if id else None)
        for seq, kind, id, number, queue, by in view.session.execute(query)
    ]
