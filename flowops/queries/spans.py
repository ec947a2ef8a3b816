"""A span of time in the queues somebody may see, and what counting in it needs on both databases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, select, true

from flowops import errors
from flowops.domain.access import ActorKind
from flowops.storage.unit import View

T = TypeVar("T")
Query = Select[*tuple[Any, ...]]


class Range(StrEnum):
    """How far somebody looks back."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


# How long each range is, and into how many steps it is divided.
_LENGTHS = {
    Range.HOUR: (timedelta(hours=1), 12),
    Range.DAY: (timedelta(hours=24), 24),
    Range.WEEK: (timedelta(days=7), 28),
    Range.MONTH: (timedelta(days=30), 30),
}


@dataclass(frozen=True)
class Span:
    """What is counted: what happened after `since` and until `until`, in these queues.

    No queues means all of them, which only the parts of the product see.
    """

    since: datetime
    until: datetime
    steps: int
    queues: frozenset[str] | None

    @property
    def before(self) -> "Span":
        """The span of the same length that ended when this one began."""
        return Span(self.since - (self.until - self.since), self.since, self.steps, self.queues)

    @property
    def edges(self) -> list[datetime]:
        """When each step begins, and when the last one ends."""
        step = (self.until - self.since) / self.steps
        return [*(self.since + number * step for number in range(self.steps)), self.until]

    def holds(self, at: Any) -> ColumnElement[bool]:
        """Is this moment inside the span?"""
        return and_(at > self.since, at <= self.until)

    def sees(self, queue: Any) -> ColumnElement[bool]:
        """Is this queue counted?"""
        return true() if self.queues is None else queue.in_(self.queues)


@dataclass(frozen=True)
class Pair(Generic[T]):
    """A figure of the span, and of the span before."""

    now: T
    before: T


def last(view: View, length: Range, queue: str | None = None) -> Span:
    """The span that ends now, in the viewer's queues or one of them; NotFound for a queue that is not theirs."""
    queues = view.viewer.queues if view.viewer.kind is ActorKind.PERSON else None
    if queue is not None:
        if queues is not None and queue not in queues:
            raise errors.NotFound(kind="queue", id=queue)
        queues = frozenset({queue})
    span, steps = _LENGTHS[length]
    return Span(view.now - span, view.now, steps, queues)


def count(view: View, query: Query) -> int:
    """How many rows a query has."""
    return view.session.scalar(select(func.count()).select_from(query.subquery())) or 0


def tally(view: View, keys: Query) -> dict[Any, int]:
    """How often each value of a query's only column is there."""
    (key,) = keys.subquery().c
    return dict(view.session.execute(select(key, func.count()).group_by(key)).all())


def per_step(view: View, span: Span, moments: Query) -> Sequence[int]:
    """How many moments, in the only column of a query, lie in each step of the span."""
    (at,) = moments.subquery().c
    steps = (func.count().filter(at > since, at <= until) for since, until in pairwise(span.edges))
    return view.session.execute(select(*steps).select_from(at.table)).one()


def medians(view: View, seconds: Query) -> dict[Any, tuple[int, timedelta]]:
    """How many values each key has, and the middle one (of an even number, halfway between the middle two).

    The query gives keys and seconds. SQLite knows no percentiles, so the place of each value is counted.
    """
    key, value = seconds.subquery().c
    place = func.row_number().over(partition_by=key, order_by=value)
    number = func.count().over(partition_by=key)
    ranked = select(key.label("key"), value.label("value"), place.label("place"), number.label("number")).subquery()
    middle = (2 * ranked.c.place).between(ranked.c.number, ranked.c.number + 2)
    found = select(ranked.c.key, func.max(ranked.c.number), func.avg(ranked.c.value)).where(middle)
    medians = view.session.execute(found.group_by(ranked.c.key))
    return {key: (number, timedelta(seconds=float(median))) for key, number, median in medians}
