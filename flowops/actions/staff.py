"""Who looks after a queue: the people to be told of its cases."""

from sqlalchemy import select

from flowops.domain.access import Role
from flowops.storage import tables
from flowops.storage.unit import Unit


def supervisors(unit: Unit, queue: str) -> list[str]:
    """The ids of those who supervise a queue and can act, in a fixed order."""
    return _members(unit, queue, Role.SUPERVISOR)


def operators(unit: Unit, queue: str) -> list[str]:
    """The ids of those who work on the cases of a queue and can act, in a fixed order."""
    return _members(unit, queue, Role.OPERATOR)


def _members(unit: Unit, queue: str, role: Role) -> list[str]:
    user, member = tables.User, tables.QueueMember
    query = select(user.id).join(member, member.user_id == user.id).order_by(user.id)
    return list(unit.session.scalars(query.where(member.queue == queue, user.role == role, user.disabled_at.is_(None))))
