"""Who may approve an effect, and whose approvals count."""

from sqlalchemy import func, select

from flowops import errors
from flowops.domain.access import PERMISSIONS, Permission
from flowops.domain.effects import Approvals
from flowops.storage import tables
from flowops.storage.unit import Unit


def refuse_limit(unit: Unit, effect: tables.Effect) -> None:
    """Raise AboveLimit when the actor's role may not decide on an effect of this size."""
    if not unit.actor.may(Permission(effect.approval_permission)):
        raise errors.AboveLimit(permission=effect.approval_permission)


def refuse_approver(unit: Unit, effect: tables.Effect) -> None:
    """Raise AboveLimit, or SelfApproval when it needs others than its proposer."""
    refuse_limit(unit, effect)
    if effect.proposed_by == unit.actor.id and not effect.proposer_may_approve:
        raise errors.SelfApproval()


def demanded(effect: tables.Effect) -> Approvals:
    """Whose approval the effect waits for, as it was last decided."""
    return Approvals(effect.approvals_needed, Permission(effect.approval_permission), effect.proposer_may_approve)


def find(unit: Unit, effect: tables.Effect) -> tables.Approval | None:
    """What the actor said to the effect as it is now."""
    return unit.session.get(tables.Approval, (effect.id, unit.actor.id, effect.revision))


def add(unit: Unit, effect: tables.Effect) -> None:
    """Write down the actor's yes to the effect as it is now; AlreadyDecided when they said it before."""
    if find(unit, effect) is not None:
        raise errors.AlreadyDecided(status="approved by you")
    approval = tables.Approval(
        effect_id=effect.id,
        user_id=unit.actor.id,
        revision=effect.revision,
        content_sha256=effect.content_sha256,
        at=unit.now,
    )
    unit.session.add(approval)
    unit.session.flush()


def count(unit: Unit, effect: tables.Effect) -> int:
    """Approvals of the effect as it is now, of people who may still give them.

    Those of earlier revisions are void, be the content the same again; so are those of who is disabled since or has
    another role.
    """
    user, row = tables.User, tables.Approval
    approvers = select(func.count()).select_from(row).join(user, user.id == row.user_id)
    given = approvers.where(row.effect_id == effect.id, row.revision == effect.revision)
    permission = Permission(effect.approval_permission)
    able = [role for role, held in PERMISSIONS.items() if permission in held]
    return unit.session.scalar(given.where(user.role.in_(able), user.disabled_at.is_(None))) or 0
