"""Pages of a list by keyset: a cursor is the place of the last item shown, never a count, so nothing is shown twice."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from flowops import errors

T = TypeVar("T")
# Our times are UTC; others could overflow on the way there.
_PLACE = re.compile(r"(\S+) ([0-9]{1,2}) ([0-9]{1,15}) (\S+\+00:00)?")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items of a list and where the next page begins; None after the last."""

    items: Sequence[T]
    next_cursor: str | None


@dataclass(frozen=True)
class Place:
    """Where an item stands in a list of this order: after a rank, among equals after a moment, then after a number."""

    order: str
    at: datetime | None
    number: int
    rank: int = 0

    def encode(self) -> str:
        """The place as clients carry it around, without looking inside.

        >>> Place.decode(Place("due", None, 12).encode(), "due")
        Place(order='due', at=None, number=12, rank=0)
        """
        text = f"{self.order} {self.rank} {self.number} {self.at.isoformat() if self.at else ''}"
        return base64.urlsafe_b64encode(text.encode()).decode()

    @staticmethod
    def decode(cursor: str, order: str, *, timed: bool = False) -> "Place":
        """The place a cursor holds; `errors.Invalid` when this list in this order did not give it.

        In a `timed` order every item has a moment, so a cursor without one was not given.
        """
        try:
            found = _PLACE.fullmatch(base64.urlsafe_b64decode(cursor.encode()).decode())
            at = datetime.fromisoformat(found[4]) if found and found[4] else None
        except ValueError:
            found = at = None
        if found is None or found[1] != order or (timed and at is None):
            raise errors.Invalid(reason="The cursor is not one this list gave in this order. Start again without it.")
        return Place(order, at, int(found[3]), int(found[2]))


def cut(items: Sequence[T], limit: int, place: Callable[[T], Place]) -> Page[T]:
    """A page of `limit` items from a query that asked for one more."""
    shown = items[:limit]
    return Page(shown, place(shown[-1]).encode() if len(items) > limit else None)
