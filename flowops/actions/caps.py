"""Holds what is about to be approved against the rolling caps, one approval at a time for each cap."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import InstrumentedAttribute

from flowops import errors
from flowops.domain import caps, times
from flowops.domain import effects as kinds
from flowops.domain.caps import Cap, Per
from flowops.domain.facts import Asked
from flowops.domain.money import Money
from flowops.settings import Settings
from flowops.storage import tables
from flowops.storage.unit import Unit


@dataclass(frozen=True)
class Reached:
    """A cap that one more effect would exceed: what it would come to, and when there is room for it again, if ever."""

    cap: Cap
    comes_to: int | Money
    room_at: datetime | None
    whose: str  # in words

    @property
    def reason(self) -> str:
        """The cap with its numbers, without the end of the sentence."""
        return caps.told(self.cap, self.comes_to, self.whose)


def lock(unit: Unit, settings: Settings, kind: str, customer_id: str | None, user_ids: Iterable[str] = ()) -> None:
    """Let nobody else approve an effect of this kind for this customer or by these people until the unit ends.

    Before anything is counted. After the rows of the case and the effect and before every other lock, as everywhere.
    """
    capped = {cap.per for cap in _caps(settings, kind)}
    names = [f"cap:customer:{kind}:{customer_id}"] if Per.CUSTOMER in capped and customer_id else []
    if Per.OPERATOR in capped:
        names += sorted(f"cap:operator:{kind}:{user_id}" for user_id in set(user_ids))
    for name in names:
        unit.lock(name)


def at_intake(unit: Unit, asked: Asked, customer: tables.Customer | None, settings: Settings) -> Reached | None:
    """The cap of this customer that what policy would approve alone exceeds, if there is one."""
    kind, customer_id = asked.kind or "", customer.id if customer else None
    lock(unit, settings, kind, customer_id)
    return _of_customer(unit, settings, kind, customer_id, kinds.money(kind, asked.params))


def refuse_reached(unit: Unit, effect: tables.Effect, user_ids: Iterable[str], settings: Settings) -> None:
    """Raise CapReached when the effect, approved by these people, would exceed a cap of its customer or one of theirs.

    Every approval is held against the caps, not only the last one needed.
    """
    money = kinds.money(effect.kind, effect.params)
    reached = _of_customer(unit, settings, effect.kind, effect.customer_id, money)
    for user_id in sorted(user_ids):
        reached = reached or _of_person(unit, settings, effect.kind, user_id, money)
    if reached is not None:
        raise _error(reached)


def _of_customer(
    unit: Unit, settings: Settings, kind: str, customer_id: str | None, money: Money | None
) -> Reached | None:
    effect = tables.Effect
    theirs = select(effect).where(effect.customer_id == customer_id)
    return _first(unit, _caps(settings, kind, Per.CUSTOMER), theirs, effect.approved_at, money, "to this customer")


def _of_person(unit: Unit, settings: Settings, kind: str, user_id: str, money: Money | None) -> Reached | None:
    found = _caps(settings, kind, Per.OPERATOR)
    if not found:
        return None
    effect, yes = tables.Effect, tables.Approval
    same = and_(yes.effect_id == effect.id, yes.revision == effect.revision)
    theirs = select(effect).join(yes, same).where(yes.user_id == user_id)
    whose = f"approved by {unit.session.get_one(tables.User, user_id).name}"
    return _first(unit, found, theirs, yes.counted_at, money, whose)


def _first(
    unit: Unit,
    found: list[Cap],
    theirs: Select[Any],
    at: InstrumentedAttribute[datetime | None],
    money: Money | None,
    whose: str,
) -> Reached | None:
    """The first of these caps that one more effect would exceed; `at` is when each of `theirs` was approved."""
    effect = tables.Effect
    for cap in found:
        inside = theirs.where(at > unit.now - cap.window, effect.kind == cap.kind, effect.status.in_(caps.COUNTS))
        amount = case((effect.currency == (cap.money.currency if cap.money else ""), effect.amount), else_=0)
        sums = inside.with_only_columns(func.count(), func.coalesce(func.sum(amount), 0))
        count, total = unit.session.execute(sums).one()
        comes_to = caps.excess(cap, caps.Used(count, int(total)), money)
        if comes_to is not None:
            rows = inside.with_only_columns(at, effect.amount, effect.currency)
            uses = [_use(*row) for row in unit.session.execute(rows)]
            return Reached(cap, comes_to, caps.room_at(cap, uses, money), whose)
    return None


def _use(at: datetime | None, amount: int | None, currency: str | None) -> caps.Use:
    assert at is not None, "what is within a window has its time"
    return caps.Use(at, Money(amount=amount, currency=currency) if amount is not None and currency else None)


def _caps(settings: Settings, kind: str, *per: Per) -> list[Cap]:
    """The caps on a kind of effect, of these sorts or of all."""
    found = (Cap.model_validate(each.model_dump()) for each in settings.caps if each.kind == kind)
    return [cap for cap in found if not per or cap.per in per]


def _error(reached: Reached) -> errors.CapReached:
    cap, room_at = reached.cap, reached.room_at
    limits = {"count": cap.count, "money": cap.money.model_dump() if cap.money else None}
    said = {name: value for name, value in limits.items() if value is not None}
    return errors.CapReached(
        reason=reached.reason,
        hope=f"there is room again from {times.in_words(room_at)} on" if room_at else "waiting makes no room for it",
        cap={"kind": cap.kind, "per": cap.per, "windowSeconds": int(cap.window.total_seconds()), **said},
        comes_to=reached.comes_to.model_dump() if isinstance(reached.comes_to, Money) else reached.comes_to,
        room_at=room_at,
    )
