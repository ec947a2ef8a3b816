"""Cases: opened, found and locked, given a priority, resolved and opened again; and what the rules of ownership are.

Every function that takes a `ref` (an id or a number such as H-12) locks the case first and, where `version` is given,
refuses with StaleVersion when the caller has seen another one.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import selectinload

from flowops import errors
from flowops.actions import duplicates, sla
from flowops.domain import effects, events, jobs, times
from flowops.domain.access import Permission
from flowops.domain.handoffs import Outcome, Priority, Reason, Status, Tier, Verb, strictest
from flowops.domain.handoffs import move as moved
from flowops.domain.sla import Clock
from flowops.storage import tables
from flowops.storage.unit import Unit

LOOK = timedelta(minutes=15)  # how long the owner of a case that waited has for what it needs them for now


def open(  # noqa: A001 - the verb of the domain, always called qualified
    unit: Unit,
    request: tables.Request,
    *,
    title: str,
    reason: Reason,
    issues: list[Reason],
    priority: Priority,
    queue: str,
    channel: str,
    sla_due_at: datetime | None = None,
    promise: bool = True,
    tier: Tier = Tier.OPERATOR,
) -> tables.Handoff:
    """Make a request a case that a person must own, and have the assistant summarise it.

    `sla_due_at` is the caller's own promise: the case is to be resolved by then and a claim does not change it.
    Without one we promise a response, unless `promise` is False. The request comes with its customer.
    """
    handoff = tables.Handoff(
        request_id=request.id,
        request=request,
        customer_id=request.customer_id,
        customer=request.customer,
        owner=None,
        resolver=None,
        created_by=request.caller_id,
        queue=queue,
        channel=channel,
        title=title,
        status=Status.PENDING,
        priority=priority,
        reason=reason,
        issues=list(issues),
        tier=tier,
        created_at=unit.now,
        updated_at=unit.now,
    )
    if sla_due_at is not None:
        sla.start(unit, handoff, Clock.RESOLUTION, sla_due_at)
    elif promise:
        sla.start(unit, handoff, Clock.RESPONSE)
    request.handoff_id = handoff.id
    unit.session.add(handoff)
    unit.session.flush()
    unit.record(
        events.HandoffCreated(
            handoff_id=handoff.id,
            request_id=request.id,
            customer_id=request.customer_id,
            reason=reason,
            issues=tuple(issues),
            priority=priority,
            queue=queue,
            sla_due_at=times.rfc3339(handoff.sla_due_at),
        )
    )
    unit.enqueue(jobs.GenerateArtifact(handoff_id=handoff.id, kind="handoff_summary.v1"))
    return handoff


def find(unit: Unit, ref: str, version: int | None = None, *, of: tuple[str, str] = ("handoff", "")) -> tables.Handoff:
    """The case, locked, with its owner, resolver and customer; NotFound also when the actor may not see it.

    `of` is the kind and id of what the caller named instead: it is what is not found, and its case stays untold.
    """
    handoff = lock(unit, tables.Handoff.named(ref))
    if handoff is None or not unit.actor.sees(handoff.queue, handoff.created_by):
        kind, named = of
        raise errors.NotFound(kind=kind, id=named or ref)
    refuse_stale(handoff, version)
    return handoff


def refuse_stale(handoff: tables.Handoff, version: int | None) -> None:
    """Raise StaleVersion when the caller says which version they have seen and it was another one."""
    if version is not None and version != handoff.version:
        raise errors.StaleVersion(current=handoff.version, sent=version)


def unresolved(unit: Unit, ref: str, version: int | None = None) -> tables.Handoff:
    """The case as `find` gives it; AlreadyResolved when it is finished."""
    handoff = find(unit, ref, version)
    if handoff.status is Status.RESOLVED:
        raise _already_resolved(handoff)
    return handoff


def owned(unit: Unit, ref: str, *, lease: timedelta, version: int | None = None) -> tables.Handoff:
    """The case, as long as the actor owns it: their claim is extended, as by everything an owner does.

    Raises AlreadyResolved, NotClaimed, NotOwner or ClaimExpired otherwise.
    """
    handoff = unresolved(unit, ref, version)
    refuse_others(unit, handoff)
    extend(unit, handoff, lease)
    return handoff


def joined(unit: Unit, ref: str, *, lease: timedelta, version: int | None = None) -> tables.Handoff:
    """The case, for whoever adds something to it, the owner or not: as `find` gives it, after `stay`."""
    handoff = find(unit, ref, version)
    stay(unit, handoff, lease=lease)
    return handoff


def stay(unit: Unit, handoff: tables.Handoff, *, lease: timedelta) -> bool:
    """Extend the claim of an owner who acts on their case, and say whether it lasts longer now.

    Everybody else's acts leave it as it is. A late owner is refused with ClaimExpired: they may still believe that the
    case is theirs. Whoever records nothing else records the extension.
    """
    refuse_late(unit, handoff)
    before = handoff.claim_expires_at
    if handoff.status is Status.CLAIMED and handoff.claimed_by == unit.actor.id:
        extend(unit, handoff, lease)
    return handoff.claim_expires_at != before


def resolve(
    unit: Unit,
    ref: str,
    outcome: Outcome,
    notes: str,
    duplicate_of: str | None = None,
    *,
    version: int | None = None,
    last_message_id: str | None = None,
) -> tables.Handoff:
    """Finish a case: its owner may, and a supervisor. `duplicate_of` names the other case of a duplicate.

    `last_message_id` is the last message they had read, empty when there was none, and NewMessage is raised for a
    later one. Raises OpenEffects while an effect waits for a decision, and Invalid when a duplicate names no other
    case or another outcome names one.
    """
    unit.actor.require(Permission.HANDOFFS_RESOLVE)
    handoff = unresolved(unit, ref, version)
    refuse_others(unit, handoff, supervisor_may=True)
    refuse_unread(unit, handoff, last_message_id)
    _refuse_open_effects(unit, handoff)
    handoff.duplicate_of = duplicates.original(unit, handoff, outcome, duplicate_of)
    sla.stop(unit, handoff)
    move(handoff, Verb.RESOLVE)
    handoff.resolver = unit.session.get_one(tables.User, unit.actor.id)
    handoff.resolved_by, handoff.resolved_at = handoff.resolver.id, unit.now
    handoff.outcome, handoff.outcome_notes = outcome, notes
    handoff.claim_expires_at = handoff.claim_left = handoff.waiting_for = handoff.wait_until = None
    touch(unit, handoff)
    unit.record(
        events.HandoffResolved(
            handoff_id=handoff.id, outcome=outcome, duplicate_of=handoff.duplicate_of, notes=notes or None
        )
    )
    return handoff


def reopen(unit: Unit, ref: str, reason: str, *, version: int | None = None) -> tables.Handoff:
    """Take up a resolved case again, for anybody to claim; whoever works on cases may. Raises NotResolved."""
    unit.actor.require(Permission.HANDOFFS_WORK)
    handoff = find(unit, ref, version)
    refuse_late(unit, handoff)
    if handoff.status is not Status.RESOLVED:
        raise errors.NotResolved(status=handoff.status)
    open_again(unit, handoff, "by_hand", reason)
    touch(unit, handoff)
    return handoff


def set_priority(
    unit: Unit, ref: str, priority: Priority, reason: str, *, lease: timedelta, version: int | None = None
) -> tables.Handoff:
    """Make a case more or less urgent, and move our deadline with it; a supervisor may.

    The priority it has already changes nothing but the owner's claim, which is extended.
    """
    unit.actor.require(Permission.HANDOFFS_SUPERVISE)
    handoff = unresolved(unit, ref, version)
    is_extended = stay(unit, handoff, lease=lease)
    if priority is not handoff.priority:
        prioritise(unit, handoff, priority, reason)
        touch(unit, handoff)
    elif is_extended:
        record_extension(unit, handoff)
    return handoff


def prioritise(unit: Unit, handoff: tables.Handoff, priority: Priority, reason: str) -> None:
    """Give a case another priority and the deadline that goes with it; both deadlines are recorded."""
    before, due_before = handoff.priority, handoff.sla_due_at
    sla.aim(unit, handoff, priority)
    unit.record(
        events.PriorityChanged(
            handoff_id=handoff.id,
            before=before,
            after=priority,
            sla_due_before=times.rfc3339(due_before),
            sla_due_at=times.rfc3339(handoff.sla_due_at),
            reason=reason,
        )
    )


def need_person(unit: Unit, handoff_id: str, issue: Reason, why: str) -> tables.Handoff:
    """Give a case one more reason for a person to look.

    A resolved one is opened again and promised a response; a waiting one waits no longer, or nobody would see it. It
    heads the case when it is stricter than what did, unless the caller who opened the case said why.
    """
    handoff = lock(unit, tables.Handoff.id == handoff_id)
    if handoff is None:
        raise errors.NotFound(kind="handoff", id=handoff_id)
    if issue not in handoff.issues:
        handoff.issues = [reason for reason in Reason if reason in {*handoff.issues, issue}]
    if unit.session.get_one(tables.Request, handoff.request_id).endpoint == "requests":
        handoff.reason = strictest({handoff.reason, issue})
    unit.record(events.IssueFound(handoff_id=handoff.id, issue=issue, why=why))
    if handoff.status is Status.RESOLVED:
        open_again(unit, handoff, issue)
    end_wait(unit, handoff, issue, LOOK)
    touch(unit, handoff)
    return handoff


def open_again(unit: Unit, handoff: tables.Handoff, reason: str, why: str | None = None) -> None:
    """Put a resolved case back into the queue, with a promise that runs; `why` is in somebody's own words."""
    sla.restart(unit, handoff)  # first: that it was resolved tells it whether the deadline was kept
    move(handoff, Verb.REOPEN)
    disown(handoff)
    handoff.resolver = handoff.resolved_by = handoff.resolved_at = None
    handoff.outcome = handoff.outcome_notes = handoff.duplicate_of = None
    unit.record(events.HandoffReopened(handoff_id=handoff.id, reason=reason, why=why))


def end_wait(unit: Unit, handoff: tables.Handoff, because: str, lease: timedelta | None = None) -> None:
    """Let the clock of a waiting case run again; a case that does not wait is left as it is.

    With `lease` its owner's claim lasts as long from now, or longer if more was left of it when the waiting began.
    """
    if handoff.waiting_for is None:
        return
    sla.resume(unit, handoff)
    handoff.claim_expires_at = unit.now + max(lease, handoff.claim_left or lease) if lease else None
    handoff.waiting_for = handoff.wait_until = handoff.claim_left = None
    unit.record(
        events.HandoffResumed(handoff_id=handoff.id, because=because, sla_due_at=times.rfc3339(handoff.sla_due_at))
    )


def touch(unit: Unit, handoff: tables.Handoff) -> None:
    """Say that something an operator sees has changed."""
    handoff.version += 1
    handoff.updated_at = unit.now


def lock(unit: Unit, which: ColumnElement[bool]) -> tables.Handoff | None:
    """The case this condition finds, locked, with its people, whatever the actor sees; None when there is none."""
    # The people are read by queries of their own: whoever waited for the lock would be shown them as they were before.
    return unit.session.scalar(
        select(tables.Handoff)
        .where(which)
        .options(*map(selectinload, (tables.Handoff.owner, tables.Handoff.resolver, tables.Handoff.customer)))
        # No stronger than an update of it, or whoever stores something about the case would wait or be waited for.
        .with_for_update(of=tables.Handoff, key_share=True)
        .execution_options(populate_existing=True)
    )


def is_late(handoff: tables.Handoff, now: datetime) -> bool:
    """Has the claim run out? That of a waiting case does not."""
    return handoff.claim_expires_at is not None and handoff.claim_expires_at <= now


def refuse_others(unit: Unit, handoff: tables.Handoff, *, supervisor_may: bool = False) -> None:
    """Let nobody pass but the owner in time, and where that is meant a supervisor for somebody else's claim.

    Raises NotClaimed, NotOwner or ClaimExpired.
    """
    refuse_late(unit, handoff)
    if handoff.status is not Status.CLAIMED:
        raise errors.NotClaimed()
    if handoff.claimed_by != unit.actor.id and not (supervisor_may and unit.actor.may(Permission.HANDOFFS_SUPERVISE)):
        raise errors.NotOwner(**owner(handoff))


def refuse_unread(unit: Unit, handoff: tables.Handoff, read: str | None) -> None:
    """Let nobody decide who read `read` last and not the last message (NewMessage); None asks for nothing."""
    message = tables.Message
    query = select(message).where(message.handoff_id == handoff.id).order_by(message.position.desc()).limit(1)
    last = None if read is None else unit.session.scalar(query)
    if last is not None and last.id != read:
        raise errors.NewMessage(last_message_id=last.id, at=last.created_at)


def refuse_late(unit: Unit, handoff: tables.Handoff) -> None:
    """Tell a late owner that their claim ended (ClaimExpired), also once the case was returned to the queue.

    Whether the sweep has come by then shall make no difference to them; a claim, by whomever, ends the matter.
    """
    if handoff.claim_expires_at is not None and handoff.claimed_by == unit.actor.id and is_late(handoff, unit.now):
        raise _expired(handoff.claim_expires_at)
    if handoff.status is not Status.PENDING:
        return
    entry = tables.AuditEntry
    back = (events.HandoffReleased, events.HandoffEscalated, events.HandoffReopened, events.ClaimExpired)
    ended = select(entry).where(entry.handoff_id == handoff.id, entry.event.in_([event.name for event in back]))
    last = unit.session.scalar(ended.order_by(entry.seq.desc()).limit(1))
    if last and last.event == events.ClaimExpired.name and last.data["owner_id"] == unit.actor.id:
        raise _expired(datetime.fromisoformat(last.data["claim_expires_at"]))


def extend(unit: Unit, handoff: tables.Handoff, lease: timedelta) -> None:
    """Let the claim last for the lease from now, if it would end earlier; no claim runs while a case waits."""
    if handoff.waiting_for is None:
        handoff.claim_expires_at = max(handoff.claim_expires_at or unit.now, unit.now + lease)


def record_extension(unit: Unit, handoff: tables.Handoff) -> None:
    """Put on record that the claim lasts longer, where nothing else tells that its owner was there."""
    ends = times.rfc3339(handoff.claim_expires_at)
    unit.record(events.ClaimExtended(handoff_id=handoff.id, claim_expires_at=ends))


def move(handoff: tables.Handoff, verb: Verb) -> None:
    """Change the status as the table of moves says; Conflict where it does not."""
    status = moved(handoff.status, verb)
    if status is None:
        raise errors.Conflict(kind="handoff")
    handoff.status = status


def disown(handoff: tables.Handoff) -> None:
    """Take the case from its owner."""
    handoff.owner = handoff.claimed_by = handoff.claimed_at = handoff.claim_expires_at = None


def owner(handoff: tables.Handoff) -> dict[str, Any]:
    """Who owns the case since when, as the facts of an error."""
    owner, since = handoff.owner, handoff.claimed_at
    assert owner is not None
    assert since is not None
    return {
        "name": owner.name,
        "at": times.in_words(since),
        "claimed_by": {"id": owner.id, "name": owner.name},
        "claimed_at": since,
        "claim_expires_at": handoff.claim_expires_at,
    }


def _expired(at: datetime) -> errors.ClaimExpired:
    return errors.ClaimExpired(at=times.in_words(at), claim_expires_at=at)


def _refuse_open_effects(unit: Unit, handoff: tables.Handoff) -> None:
    waiting = unit.session.scalars(
        select(tables.Effect.id)
        .where(tables.Effect.handoff_id == handoff.id, tables.Effect.status.in_(effects.OPEN))
        .order_by(tables.Effect.id)
    ).all()
    if waiting:
        raise errors.OpenEffects(count=len(waiting), effect_ids=list(waiting))


def _already_resolved(handoff: tables.Handoff) -> errors.AlreadyResolved:
    resolver, at = handoff.resolver, handoff.resolved_at
    assert resolver is not None
    assert at is not None
    return errors.AlreadyResolved(
        name=resolver.name,
        at=times.in_words(at),
        resolved_by={"id": resolver.id, "name": resolver.name},
        resolved_at=at,
        outcome=handoff.outcome,
    )
