"""Keeps people out of the cases and effects of customers they have to do with themselves."""

from sqlalchemy import ColumnElement, func, or_, select

from flowops import errors
from flowops.domain.access import ActorKind
from flowops.domain.interests import Link
from flowops.storage import tables
from flowops.storage.unit import Unit


def has(unit: Unit, user_id: str, customer: tables.Customer, *emails: str | None) -> bool:
    """Has this person to do with the customer, who may have further addresses?"""
    return _has(unit, user_id, customer.external_id, customer.email, *emails)


def concerns(unit: Unit, customer: str, *emails: str | None) -> bool:
    """Has the actor, if it is a person, to do with the customer of this id, whom we may not know yet?"""
    return unit.actor.kind is ActorKind.PERSON and _has(unit, unit.actor.id or "", customer, *emails)


def _has(unit: Unit, user_id: str, customer: str, *emails: str | None) -> bool:
    user = tables.User
    who = select(user.id).where(user.id == user_id, user.has_interest(customer, *emails))
    return unit.session.scalar(who) is not None


def refuse(unit: Unit, customer: tables.Customer, *emails: str | None) -> None:
    """Raise ConflictOfInterest when the actor has to do with the customer."""
    if concerns(unit, customer.external_id, customer.email, *emails):
        raise errors.ConflictOfInterest(who="You")


def refuse_to_decide(unit: Unit, effect: tables.Effect) -> None:
    """Raise ConflictOfInterest when the actor has to do with whom an effect is for, as the records know them."""
    refuse(unit, customer(unit, effect), email(effect))


def customer(unit: Unit, effect: tables.Effect) -> tables.Customer:
    """Whom an effect is for."""
    return unit.session.get_one(tables.Customer, effect.customer_id)


def email(effect: tables.Effect) -> str | None:
    """The address the records had of the customer when the effect was last decided."""
    account = effect.decision.facts["records"]["account"]
    return account["email"] if account else None


def passed_over(unit: Unit) -> ColumnElement[bool] | None:
    """Which cases the actor has to keep out of, for a query of cases; None when they are linked to nobody."""
    user, link, customer = tables.User, tables.PersonLink, tables.Customer
    query = select(user.email, link.kind, link.value).outerjoin(link, link.user_id == user.id)
    rows = unit.session.execute(query.where(user.id == unit.actor.id)).all()
    address = func.rtrim(func.lower(func.trim(customer.email)), ".")  # as `interests.addresses` has it
    met: list[ColumnElement[bool]] = [address == own for own in {row.email for row in rows} if own]
    for _, kind, value in rows:
        match kind:
            case Link.CUSTOMER:
                met.append(customer.external_id == value)
            case Link.EMAIL:
                met.append(address == value)
            case Link.DOMAIN:
                met += [address.endswith(mark + value, autoescape=True) for mark in ("@", ".")]
    if not met:
        return None
    return select(customer.id).where(customer.id == tables.Handoff.customer_id, or_(*met)).exists()
