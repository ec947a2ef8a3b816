"""Links people to customers they have to do with: their own company's, a relative's, a former employer's."""

from sqlalchemy import select

from flowops import errors
from flowops.actions import ownership
from flowops.domain import events, interests
from flowops.domain.access import ActorKind
from flowops.domain.interests import Link
from flowops.storage import tables
from flowops.storage.unit import Unit


def add(unit: Unit, user_id: str, kind: Link, value: str) -> tables.PersonLink:
    """Link a person to a customer, at once: cases of theirs go back to the queue and approvals count no more.

    A repeat changes nothing. Raises Invalid for a service, or for what is no id, address or domain.
    """
    user, value = _person(unit, user_id), interests.normal(kind, value)
    if found := _find(unit, user_id, kind, value):
        return found
    link = tables.PersonLink(user_id=user_id, kind=kind, value=value, created_at=unit.now)
    unit.session.add(link)
    unit.session.flush()
    unit.record(events.PersonLinked(user_id=user_id, kind=kind, value=value))
    ownership.return_unfit(unit, user)
    return link


def remove(unit: Unit, user_id: str, kind: Link, value: str) -> None:
    """End such a link; raises NotFound when there is none."""
    _person(unit, user_id)
    link = _find(unit, user_id, kind, interests.normal(kind, value))
    if link is None:
        raise errors.NotFound(kind="link to the", id=f"{kind} {value}")
    unit.session.delete(link)
    unit.session.flush()
    unit.record(events.PersonUnlinked(user_id=user_id, kind=kind, value=link.value))


def _person(unit: Unit, user_id: str) -> tables.User:
    """The person, locked, so that the same link is not added twice at once."""
    user = unit.session.get(tables.User, user_id, with_for_update={"key_share": True})
    if user is None:
        raise errors.NotFound(kind="user", id=user_id)
    if user.kind is not ActorKind.PERSON:
        raise errors.Invalid(reason="A service owns and approves nothing. Nothing was changed; name a person.")
    return user


def _find(unit: Unit, user_id: str, kind: Link, value: str) -> tables.PersonLink | None:
    row = tables.PersonLink
    return unit.session.scalar(select(row).where(row.user_id == user_id, row.kind == kind, row.value == value))
