"""Rolling caps: how much of one kind of effect may be approved within a window, for a customer or by a person.

What was approved counts from its last approval on, for as long as the window is; at that moment it counts no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from flowops.domain.effects import KINDS, Status
from flowops.domain.facts import Fact
from flowops.domain.money import MAX_INTEGER, Money

COUNTS = frozenset({Status.APPROVED, Status.EXECUTING, Status.DONE})  # what may still happen, or has
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class Per(StrEnum):
    CUSTOMER = "customer"
    OPERATOR = "operator"


class Cap(Fact):
    """At most so many effects of a kind, and so much money of one currency, within any time as long as the window."""

    kind: str
    per: Per
    window: timedelta
    count: int | None = Field(default=None, ge=0)
    money: Money | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind not in KINDS:
            msg = f"there is no effect kind {self.kind!r}, only {', '.join(sorted(KINDS))}"
            raise ValueError(msg)
        if self.money is not None and "money" not in KINDS[self.kind].params.model_fields:
            msg = f"a {self.kind} moves no money that could be capped; give it a count"
            raise ValueError(msg)
        if self.count is None and self.money is None:
            msg = f"the cap on {self.kind} caps nothing; give it a count, money or both"
            raise ValueError(msg)
        return self


@dataclass(frozen=True)
class Use:
    """One effect that counts: when it was approved, and what it moves."""

    at: datetime
    money: Money | None


@dataclass(frozen=True)
class Used:
    """What a window holds: effects, and minor units in the currency of the cap."""

    count: int = 0
    amount: int = 0


def used(cap: Cap, uses: Sequence[Use]) -> Used:
    """What these come to; money in other currencies than the cap's has caps of its own."""
    amounts = [use.money.amount for use in uses if cap.money and use.money and use.money.currency == cap.money.currency]
    return Used(len(uses), sum(amounts))


def excess(cap: Cap, used: Used, money: Money | None) -> int | Money | None:
    """What it would come to with one more effect that moves `money`, if that is more than the cap; None when it fits.

    Exactly the cap is not more than the cap.

    >>> most = Money(amount=50_000, currency="EUR")
    >>> cap = Cap(kind="refund", per=Per.CUSTOMER, window=timedelta(days=30), money=most)
    >>> excess(cap, Used(1, 40_000), Money(amount=10_000, currency="EUR"))
    >>> str(excess(cap, Used(1, 40_000), Money(amount=10_001, currency="EUR")))
    '500.01 EUR'
    """
    if cap.count is not None and used.count + 1 > cap.count:
        return used.count + 1
    if cap.money is not None and money is not None and money.currency == cap.money.currency:
        total = used.amount + money.amount
        if total > cap.money.amount:
            return Money(amount=min(total, MAX_INTEGER), currency=money.currency)
    return None


def room_at(cap: Cap, uses: Sequence[Use], money: Money | None) -> datetime | None:
    """When one more would fit if nothing else is approved until then; None when it is too much for an empty window.

    `uses` are those within the window now.
    """
    waiting = sorted(uses, key=lambda use: use.at)
    for number, use in enumerate(waiting, start=1):
        if excess(cap, used(cap, waiting[number:]), money) is None:
            return use.at + cap.window
    return None


def told(cap: Cap, comes_to: int | Money, whose: str) -> str:
    """Why the cap is reached, in a sentence without its end; `whose` follows the effects.

    >>> cap = Cap(kind="reply", per=Per.OPERATOR, window=timedelta(hours=24), count=3)
    >>> told(cap, 4, "approved by Ada")
    'Replies approved by Ada in the last day would come to 4, the cap is 3'
    """
    limit = cap.money if isinstance(comes_to, Money) else cap.count
    return f"{_many(cap.kind)} {whose} in the last {in_words(cap.window)} would come to {comes_to}, the cap is {limit}"


def in_words(window: timedelta) -> str:
    """A length of time as it follows "the last".

    >>> in_words(timedelta(days=30)), in_words(timedelta(minutes=90)), in_words(timedelta(hours=1))
    ('30 days', '90 minutes', 'hour')
    """
    seconds = int(window.total_seconds())
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return unit if seconds == size else f"{seconds // size} {unit}s"


def _many(kind: str) -> str:
    word = kind.replace("_", " ").capitalize()
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
