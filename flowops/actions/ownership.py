"""Who owns a case: claimed or given for a while, waiting for somebody, handed back or up, and taken from the late."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, CompoundSelect, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute

from flowops import errors
from flowops.actions import handoffs, interests, sla, staff, sweeping
from flowops.domain import events, jobs, times
from flowops.domain.access import Actor, Permission
from flowops.domain.handoffs import Status, Tier, Verb, WaitingFor
from flowops.domain.notices import About
from flowops.domain.sla import Clock
from flowops.storage import tables
from flowops.storage.unit import Unit

ASSIGNED = timedelta(hours=8)  # how long a case that was given to somebody is theirs
_ENOUGH = (20, 1000)  # cases of a queue to choose from: more than people take one in the same moment


def claim(unit: Unit, ref: str, *, lease: timedelta, version: int | None = None) -> tables.Handoff:
    """Make a case the actor's own for the length of the lease; the owner's second claim extends it.

    A claim that has run out can be taken by anyone. The first claim keeps the promise of a response and starts the
    clock of the resolution. Raises AlreadyClaimed, AlreadyResolved, NotPermitted when the case needs another role, or
    ConflictOfInterest when it is of a customer the actor has to do with.
    """
    handoff = handoffs.unresolved(unit, ref, version)
    unit.actor.require(_needed(handoff))
    interests.refuse(unit, handoff.customer)
    if handoff.status is Status.CLAIMED and not handoffs.is_late(handoff, unit.now):
        if handoff.claimed_by != unit.actor.id:
            raise errors.AlreadyClaimed(**handoffs.owner(handoff))
        handoffs.extend(unit, handoff, lease)
        handoffs.record_extension(unit, handoff)
        return handoff
    late_owner = handoff.claimed_by
    handoffs.move(handoff, Verb.CLAIM)
    _give(unit, handoff, unit.session.get_one(tables.User, unit.actor.id), lease)
    unit.record(
        events.HandoffClaimed(
            handoff_id=handoff.id,
            claim_expires_at=times.rfc3339(unit.now + lease),
            expired_claim_of=late_owner,
        )
    )
    return handoff


def take_next(unit: Unit, *, lease: timedelta, queue: str | None = None) -> tables.Handoff | None:
    """Claim the most urgent case the actor may own, of one queue or all of theirs; None when there is none.

    A broken promise counts as one priority more; then the nearest deadline comes first. Cases that somebody else is
    taking in this moment are passed over, so that everybody who asks at once gets another one; and so are those of
    customers whom the actor has to do with.
    """
    unit.actor.require(Permission.HANDOFFS_WORK)
    queues = unit.actor.queues & {queue} if queue else unit.actor.queues
    conflict = interests.passed_over(unit)
    for many in _ENOUGH:
        found = _next(unit, queues, many, conflict)
        if found is not None:
            return claim(unit, found, lease=lease)
    return None


def release(unit: Unit, ref: str, *, version: int | None = None) -> tables.Handoff:
    """Give a case back to the queue: its owner may, and a supervisor; its clock goes on, also after a pause."""
    handoff = handoffs.find(unit, ref, version)
    handoffs.refuse_others(unit, handoff, supervisor_may=True)
    unit.record(events.HandoffReleased(handoff_id=handoff.id, owner_id=handoff.claimed_by or ""))
    _return(unit, handoff, Verb.RELEASE, "released")
    return handoff


def assign(
    unit: Unit, ref: str, user_id: str, reason: str | None = None, *, version: int | None = None
) -> tables.Handoff:
    """Give a case to somebody for eight hours, whoever owns it; a supervisor may, and also to themselves.

    A waiting case goes on waiting, for its new owner, whose eight hours begin when it waits no more. The new owner is
    told unless they did it. Raises CannotOwn for somebody who is disabled, no member of the queue or lacks the right,
    ConflictOfInterest for somebody who has to do with the customer, NotFound for nobody at all, and ClaimExpired for a
    late owner, who claims the case again before they give it away.
    """
    unit.actor.require(Permission.HANDOFFS_SUPERVISE)
    handoff = handoffs.unresolved(unit, ref, version)
    handoffs.refuse_late(unit, handoff)
    owner, former_owner_id = _fit(unit, handoff, user_id), handoff.claimed_by
    handoffs.move(handoff, Verb.ASSIGN)
    _give(unit, handoff, owner, ASSIGNED)
    unit.record(
        events.HandoffAssigned(
            handoff_id=handoff.id,
            owner_id=owner.id,
            former_owner_id=former_owner_id,
            claim_expires_at=times.rfc3339(handoff.claim_expires_at),
            reason=reason,
        )
    )
    _notify(unit, handoff, [owner.id], about=About.ASSIGNED)
    return handoff


def wait(
    unit: Unit,
    ref: str,
    waiting_for: WaitingFor,
    until: datetime | None = None,
    *,
    lease: timedelta,
    version: int | None = None,
) -> tables.Handoff:
    """Stop the clock while the owner waits for somebody's answer, at most `until`; their claim lasts as long.

    What is left of the claim is kept for the time after.
    Waiting again changes for whom and how long. Raises what `handoffs.owned` raises, and Invalid when `until` is past.
    """
    handoff = handoffs.owned(unit, ref, lease=lease, version=version)
    if until is not None and until <= unit.now:
        raise errors.Invalid(reason=f"{times.in_words(until)} is past. Nothing was changed; wait until a later time.")
    sla.pause(unit, handoff)
    if handoff.claim_expires_at is not None:
        handoff.claim_left, handoff.claim_expires_at = handoff.claim_expires_at - unit.now, None
    handoff.waiting_for, handoff.wait_until = waiting_for, until
    handoffs.touch(unit, handoff)
    unit.record(events.HandoffWaiting(handoff_id=handoff.id, waiting_for=waiting_for, until=times.rfc3339(until)))
    return handoff


def resume(unit: Unit, ref: str, *, lease: timedelta, version: int | None = None) -> tables.Handoff:
    """Wait no longer: the owner's clock and their claim run again, and that for the lease at least.

    Raises NotWaiting too.
    """
    handoff = handoffs.owned(unit, ref, lease=lease, version=version)
    if handoff.waiting_for is None:
        raise errors.NotWaiting()
    handoffs.end_wait(unit, handoff, "by_hand", lease)
    handoffs.touch(unit, handoff)
    return handoff


def escalate(unit: Unit, ref: str, reason: str, *, version: int | None = None) -> tables.Handoff:
    """Put a case into the hands of supervisors: back to the queue, one priority more, and they are told.

    Whoever works on cases may, whoever owns it: a former owner who did not do it themselves is told. A case that needs
    a supervisor already keeps its priority, or repeating this would make anything urgent.
    """
    unit.actor.require(Permission.HANDOFFS_WORK)
    handoff = handoffs.unresolved(unit, ref, version)
    handoffs.refuse_late(unit, handoff)
    former_owner_id = handoff.claimed_by
    unit.record(events.HandoffEscalated(handoff_id=handoff.id, former_owner_id=former_owner_id, reason=reason))
    _return(unit, handoff, Verb.ESCALATE, "escalated")
    if handoff.tier is not Tier.SUPERVISOR:
        handoff.tier = Tier.SUPERVISOR
        if handoff.priority.raised is not handoff.priority:
            handoffs.prioritise(unit, handoff, handoff.priority.raised, reason)
    supervisors = [id for id in staff.supervisors(unit, handoff.queue) if id != former_owner_id]
    _notify(unit, handoff, supervisors, about=About.ESCALATED)
    if former_owner_id is not None:
        _notify(unit, handoff, [former_owner_id], about=About.TAKEN)
    return handoff


def expire_due(unit: Unit, limit: int) -> int:
    """Return cases whose claim has run out to the queue, at most `limit`; gives how many. Their clocks go on."""

    def expire(handoff: tables.Handoff) -> None:
        unit.record(
            events.ClaimExpired(
                handoff_id=handoff.id,
                owner_id=handoff.claimed_by or "",
                claim_expires_at=times.rfc3339(handoff.claim_expires_at) or "",
            )
        )
        _return(unit, handoff, Verb.EXPIRE, "expired")

    return sweeping.each(unit, _due(unit, tables.Handoff.claim_expires_at, limit), expire)


def resume_due(unit: Unit, limit: int, *, lease: timedelta) -> int:
    """End the waiting of cases that waited until now, at most `limit`; gives how many. Their owners have the lease."""

    def end_wait(handoff: tables.Handoff) -> None:
        handoffs.end_wait(unit, handoff, "time_is_up", lease)
        handoffs.touch(unit, handoff)

    return sweeping.each(unit, _due(unit, tables.Handoff.wait_until, limit), end_wait)


def _next(unit: Unit, queues: Iterable[str], many: int, conflict: ColumnElement[bool] | None) -> str | None:
    """The most urgent case nobody else is taking, of the first so many of each queue: an index has each in order."""
    row = tables.Handoff
    tiers = set(Tier) if unit.actor.may(Permission.HANDOFFS_SUPERVISE) else {Tier.OPERATOR}
    order = (row.turn, *row.nearest_first())
    can_own = select(row.id).where(row.is_open(), row.tier.in_(tiers))
    late = can_own.where(row.claim_expires_at <= unit.now, row.queue.in_(queues))  # the sweep leaves few of them
    waiting = can_own.where(row.claimed_at.is_(None)).order_by(*order).limit(many)
    first = (select(waiting.where(row.queue == queue).subquery().c.id) for queue in sorted(queues))
    found: CompoundSelect[str] = union_all(late, *first)
    is_free = or_(row.claimed_at.is_(None), row.claim_expires_at <= unit.now)  # still, whoever took it meanwhile
    query = select(row.id).where(row.id.in_(found), row.is_open(), is_free).order_by(*order).limit(1)
    query = query if conflict is None else query.where(~conflict)
    return unit.session.scalar(query.with_for_update(skip_locked=True, key_share=True))


def return_unfit(unit: Unit, user: tables.User) -> None:
    """Return the cases that somebody can own no more to the queue, whose supervisors are told; their clocks go on.

    Those of others are left alone. A claim would run out anyway, but that of a waiting case has no end.
    """
    owned = select(tables.Handoff).where(tables.Handoff.claimed_by == user.id, tables.Handoff.is_open())
    locked = owned.order_by(tables.Handoff.number).with_for_update(key_share=True)
    for handoff in unit.session.scalars(locked).all():
        if _unfit(unit, handoff, user) is not None:
            unit.record(events.HandoffReleased(handoff_id=handoff.id, owner_id=user.id))
            _return(unit, handoff, Verb.RELEASE, "owner_left")
            _notify(unit, handoff, staff.supervisors(unit, handoff.queue), about=About.RETURNED)


def _due(unit: Unit, moment: InstrumentedAttribute[datetime | None], limit: int) -> Sequence[tables.Handoff]:
    """The cases whose moment has come, locked; those that somebody works on just now are left for the next time."""
    query = select(tables.Handoff).where(moment <= unit.now).order_by(moment).limit(limit)
    return unit.session.scalars(query.with_for_update(skip_locked=True, key_share=True)).all()


def _give(unit: Unit, handoff: tables.Handoff, owner: tables.User, lease: timedelta) -> None:
    handoff.owner, handoff.claimed_by, handoff.claimed_at = owner, owner.id, unit.now
    if handoff.waiting_for is None:
        handoff.claim_expires_at = unit.now + lease
    else:
        handoff.claim_left = lease
    if handoff.sla_clock == Clock.RESPONSE:
        sla.start(unit, handoff, Clock.RESOLUTION)
    handoffs.touch(unit, handoff)


def _return(unit: Unit, handoff: tables.Handoff, verb: Verb, why: str) -> None:
    handoffs.end_wait(unit, handoff, why)
    handoffs.move(handoff, verb)
    handoffs.disown(handoff)
    handoffs.touch(unit, handoff)


def _fit(unit: Unit, handoff: tables.Handoff, user_id: str) -> tables.User:
    """Somebody who may own the case."""
    user = unit.session.get(tables.User, user_id)
    if user is None:
        raise errors.NotFound(kind="person", id=user_id)
    if unfit := _unfit(unit, handoff, user):
        raise unfit
    return user


def _unfit(
    unit: Unit, handoff: tables.Handoff, user: tables.User
) -> errors.CannotOwn | errors.ConflictOfInterest | None:
    """Why somebody cannot own the case; None when they can."""
    if user.disabled_at is not None:
        return errors.CannotOwn(name=user.name, why="their account is disabled")
    if unit.session.get(tables.QueueMember, (user.id, handoff.queue)) is None:
        return errors.CannotOwn(name=user.name, why=f"they are no member of the queue {handoff.queue}")
    if not Actor(user.kind, user.name, user.id, user.role).may(needed := _needed(handoff)):
        return errors.CannotOwn(name=user.name, why=f"it needs the permission {needed}", permission=needed)
    if interests.has(unit, user.id, unit.session.get_one(tables.Customer, handoff.customer_id)):
        return errors.ConflictOfInterest(who="You" if user.id == unit.actor.id else user.name)
    return None


def _needed(handoff: tables.Handoff) -> Permission:
    """What only people may do whose role lets them own the case."""
    return Permission.HANDOFFS_SUPERVISE if handoff.tier is Tier.SUPERVISOR else Permission.HANDOFFS_WORK


def _notify(unit: Unit, handoff: tables.Handoff, user_ids: Sequence[str], about: About) -> None:
    for user_id in user_ids:
        if user_id != unit.actor.id:
            unit.enqueue(jobs.NotifyOperator(user_id=user_id, handoff_id=handoff.id, about=about))
