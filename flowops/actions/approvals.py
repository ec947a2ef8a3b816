"""Who may approve an effect, and whose approvals count."""

from sqlalchemy import select, update

from flowops import errors
from flowops.actions import interests
from flowops.domain.access import PERMISSIONS, Permission
from flowops.domain.effects import Approvals
from flowops.storage import tables
from flowops.storage.unit import Unit


def refuse_decider(unit: Unit, effect: tables.Effect) -> None:
    """Raise AboveLimit when the actor's role may not decide on an effect of this size.

    Raises ConflictOfInterest when they have to do with its customer.
    """
    if not unit.actor.may(Permission(effect.approval_permission)):
        raise errors.AboveLimit(permission=effect.approval_permission)
    interests.refuse_to_decide(unit, effect)


def refuse_approver(unit: Unit, effect: tables.Effect) -> None:
    """Raise AboveLimit, ConflictOfInterest, or SelfApproval when it needs others than its proposer."""
    refuse_decider(unit, effect)
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


def given(unit: Unit, effect: tables.Effect) -> set[str]:
    """The ids of those who approved the effect as it is now, whether they may still or not."""
    row = tables.Approval
    mine = select(row.user_id).where(row.effect_id == effect.id, row.revision == effect.revision)
    return set(unit.session.scalars(mine))


def counting(unit: Unit, effect: tables.Effect) -> set[str]:
    """The ids of those whose approval of the effect as it is now counts: people who may still give it.

    Those of earlier revisions are void, be the content the same again; so are those of who is disabled since, has
    another role, or has to do with the customer.
    """
    user, row = tables.User, tables.Approval
    if not effect.approvals_needed:
        return set()
    permission = Permission(effect.approval_permission)
    able = [role for role, held in PERMISSIONS.items() if permission in held]
    customer = interests.customer(unit, effect)
    conflict = user.has_interest(customer.external_id, customer.email, interests.email(effect))
    approvers = select(user.id).join(row, row.user_id == user.id)
    these = approvers.where(row.effect_id == effect.id, row.revision == effect.revision)
    return set(unit.session.scalars(these.where(user.role.in_(able), user.disabled_at.is_(None), ~conflict)))


def settle(unit: Unit, effect: tables.Effect, user_ids: set[str]) -> None:
    """Note when the effect was approved, and that it was by these people; it counts against caps from now on."""
    effect.approved_at, row = unit.now, tables.Approval
    if user_ids:
        theirs = (row.effect_id == effect.id, row.revision == effect.revision, row.user_id.in_(user_ids))
        unit.session.execute(update(row).where(*theirs).values(counted_at=unit.now))
