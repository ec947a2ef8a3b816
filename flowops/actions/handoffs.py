"""Cases and who owns them: opened, claimed for a while, noted upon, released, resolved, and in need of a person again.

Every function that takes a `ref` (an id or a number such as H-12) locks the case first and, where `version` is given,
refuses with StaleVersion when the caller has seen another one.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import selectinload

from flowops import errors
from flowops.actions import sla
from flowops.domain import effects, events, jobs, times
from flowops.domain.access import ActorKind, Permission
from flowops.domain.handoffs import Outcome, Priority, Reason, Status, Tier, Verb, move
from flowops.domain.sla import Clock
from flowops.storage import tables
from flowops.storage.unit import Unit


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
) -> tables.Handoff:
    """Make a request a case that a person must own, and have the assistant summarise it.

    `sla_due_at` is the caller's own promise: the case is to be resolved by then and a claim does not change it.
    Without one we promise a response, unless `promise` is False.
    """
    handoff = tables.Handoff(
        request_id=request.id,
        customer_id=request.customer_id,
        created_by=request.caller_id,
        queue=queue,
        channel=channel,
        title=title,
        status=Status.PENDING,
        priority=priority,
        reason=reason,
        issues=list(issues),
        tier=Tier.OPERATOR,
        created_at=unit.now,
        updated_at=unit.now,
    )
    unit.session.add(handoff)
    unit.session.flush()
    if sla_due_at is not None:
        sla.start(unit, handoff, Clock.RESOLUTION, sla_due_at)
    elif promise:
        sla.start(unit, handoff, Clock.RESPONSE)
    request.handoff_id = handoff.id
    unit.session.execute(
        update(tables.Message).where(tables.Message.request_id == request.id).values(handoff_id=handoff.id)
    )
    unit.record(
        events.HandoffCreated(
            handoff_id=handoff.id,
            request_id=request.id,
            customer_id=request.customer_id,
            reason=reason,
            issues=tuple(issues),
            priority=priority,
            queue=queue,
            sla_due_at=times.rfc3339(handoff.sla_due_at) if handoff.sla_due_at else None,
        )
    )
    unit.enqueue(jobs.GenerateArtifact(handoff_id=handoff.id, kind="handoff_summary.v1"))
    return handoff


def find(unit: Unit, ref: str, version: int | None = None) -> tables.Handoff:
    """The case, locked, with its owner, resolver and customer; NotFound also when the actor may not see it."""
    handoff = _lock(unit, tables.Handoff.named(ref))
    if handoff is None or not unit.actor.sees(handoff.queue, handoff.created_by):
        raise errors.NotFound(kind="handoff", id=ref)
    if version is not None and version != handoff.version:
        raise errors.StaleVersion(current=handoff.version, sent=version)
    return handoff


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
    _refuse_others(unit, handoff)
    _extend(unit, handoff, lease)
    return handoff


def claim(unit: Unit, ref: str, *, lease: timedelta, version: int | None = None) -> tables.Handoff:
    """Make a case the actor's own for the length of the lease; the owner's second claim extends it.

    A claim that has run out can be taken by anyone. The first claim keeps the promise of a response and starts the
    clock of the resolution. Raises AlreadyClaimed, AlreadyResolved, or CannotOwn when the case needs another role.
    """
    handoff = unresolved(unit, ref, version)
    _refuse_unfit(unit, handoff)
    if handoff.status is Status.CLAIMED and not _is_late(handoff, unit.now):
        if handoff.claimed_by != unit.actor.id:
            raise errors.AlreadyClaimed(**_owner(handoff))
        expires_at = _extend(unit, handoff, lease)
        unit.record(events.ClaimExtended(handoff_id=handoff.id, claim_expires_at=times.rfc3339(expires_at)))
        return handoff
    late_owner = handoff.claimed_by
    _move(handoff, Verb.CLAIM)
    handoff.owner = unit.session.get_one(tables.User, unit.actor.id)
    handoff.claimed_by, handoff.claimed_at = handoff.owner.id, unit.now
    handoff.claim_expires_at = unit.now + lease
    if handoff.sla_clock == Clock.RESPONSE:
        sla.start(unit, handoff, Clock.RESOLUTION)
    touch(unit, handoff)
    unit.record(
        events.HandoffClaimed(
            handoff_id=handoff.id,
            claim_expires_at=times.rfc3339(handoff.claim_expires_at),
            expired_claim_of=late_owner,
        )
    )
    return handoff


def stay(unit: Unit, handoff: tables.Handoff, *, lease: timedelta) -> None:
    """Extend the claim of an owner who acts on what belongs to their case; everybody else's acts leave it as it is."""
    if handoff.claimed_by == unit.actor.id and not _is_late(handoff, unit.now):
        _extend(unit, handoff, lease)


def release(unit: Unit, ref: str, *, version: int | None = None) -> tables.Handoff:
    """Give a case back to the queue: its owner may, and a supervisor; its clock goes on."""
    handoff = find(unit, ref, version)
    _refuse_others(unit, handoff, supervisor_may=True)
    owner_id = handoff.claimed_by or ""
    _move(handoff, Verb.RELEASE)
    _disown(handoff)
    touch(unit, handoff)
    unit.record(events.HandoffReleased(handoff_id=handoff.id, owner_id=owner_id))
    return handoff


def resolve(
    unit: Unit, ref: str, outcome: Outcome, notes: str, duplicate_of: str | None = None, *, version: int | None = None
) -> tables.Handoff:
    """Finish a case: its owner may, and a supervisor. `duplicate_of` names the other case of a duplicate.

    Raises OpenEffects while an effect waits for a decision, and Invalid when a duplicate names no other case or
    another outcome names one.
    """
    unit.actor.require(Permission.HANDOFFS_RESOLVE)
    handoff = unresolved(unit, ref, version)
    _refuse_others(unit, handoff, supervisor_may=True)
    _refuse_open_effects(unit, handoff)
    handoff.duplicate_of = _original(unit, handoff, outcome, duplicate_of)
    sla.stop(unit, handoff)
    _move(handoff, Verb.RESOLVE)
    handoff.resolver = unit.session.get_one(tables.User, unit.actor.id)
    handoff.resolved_by, handoff.resolved_at = handoff.resolver.id, unit.now
    handoff.outcome, handoff.outcome_notes = outcome, notes
    handoff.claim_expires_at = None
    touch(unit, handoff)
    unit.record(
        events.HandoffResolved(
            handoff_id=handoff.id, outcome=outcome, duplicate_of=handoff.duplicate_of, notes=notes or None
        )
    )
    return handoff


def note(unit: Unit, ref: str, text: str, *, lease: timedelta, version: int | None = None) -> tables.Handoff:
    """Write an internal note on a case; whoever works on cases may, and the owner's claim is extended by it."""
    unit.actor.require(Permission.HANDOFFS_WORK)
    handoff = find(unit, ref, version)
    if handoff.status is Status.CLAIMED and handoff.claimed_by == unit.actor.id:
        _refuse_late(unit, handoff)
        _extend(unit, handoff, lease)
    row = tables.Note(handoff_id=handoff.id, author_id=unit.actor.id, text=text, created_at=unit.now)
    unit.session.add(row)
    touch(unit, handoff)
    unit.record(events.NoteAdded(handoff_id=handoff.id, note_id=row.id, text=text))
    return handoff


def need_person(unit: Unit, handoff_id: str, issue: Reason, why: str) -> tables.Handoff:
    """Give a case one more reason for a person to look; a resolved one is opened again and promised a response."""
    handoff = _lock(unit, tables.Handoff.id == handoff_id)
    if handoff is None:
        raise errors.NotFound(kind="handoff", id=handoff_id)
    if issue not in handoff.issues:
        handoff.issues = [reason for reason in Reason if reason in {*handoff.issues, issue}]
    unit.record(events.IssueFound(handoff_id=handoff.id, issue=issue, why=why))
    if handoff.status is Status.RESOLVED:
        _move(handoff, Verb.REOPEN)
        _disown(handoff)
        if handoff.sla_policy == sla.OURS:
            sla.start(unit, handoff, Clock.RESPONSE)
        handoff.resolver = handoff.resolved_by = handoff.resolved_at = None
        handoff.outcome = handoff.outcome_notes = handoff.duplicate_of = None
        unit.record(events.HandoffReopened(handoff_id=handoff.id, reason=issue))
    touch(unit, handoff)
    return handoff


def touch(unit: Unit, handoff: tables.Handoff) -> None:
    """Say that something an operator sees has changed."""
    handoff.version += 1
    handoff.updated_at = unit.now


def _lock(unit: Unit, which: ColumnElement[bool]) -> tables.Handoff | None:
    # The people are read by queries of their own: whoever waited for the lock would be shown them as they were before.
    return unit.session.scalar(
        select(tables.Handoff)
        .where(which)
        .options(*map(selectinload, (tables.Handoff.owner, tables.Handoff.resolver, tables.Handoff.customer)))
        .with_for_update(of=tables.Handoff)
        .execution_options(populate_existing=True)
    )


def _is_late(handoff: tables.Handoff, now: datetime) -> bool:
    return handoff.claim_expires_at is not None and handoff.claim_expires_at <= now


def _refuse_unfit(unit: Unit, handoff: tables.Handoff) -> None:
    needed = Permission.HANDOFFS_SUPERVISE if handoff.tier is Tier.SUPERVISOR else Permission.HANDOFFS_WORK
    if unit.actor.kind is not ActorKind.PERSON or not unit.actor.may(needed):
        raise errors.CannotOwn(name=unit.actor.name, permission=needed)


def _refuse_others(unit: Unit, handoff: tables.Handoff, *, supervisor_may: bool = False) -> None:
    """Let nobody pass but the owner in time, and where that is meant a supervisor for somebody else's claim."""
    if handoff.status is not Status.CLAIMED:
        raise errors.NotClaimed()
    if handoff.claimed_by == unit.actor.id:
        _refuse_late(unit, handoff)
    elif not (supervisor_may and unit.actor.may(Permission.HANDOFFS_SUPERVISE)):
        raise errors.NotOwner(**_owner(handoff))


def _refuse_late(unit: Unit, handoff: tables.Handoff) -> None:
    at = handoff.claim_expires_at
    if at is not None and _is_late(handoff, unit.now):
        raise errors.ClaimExpired(at=times.in_words(at), claim_expires_at=at)


def _refuse_open_effects(unit: Unit, handoff: tables.Handoff) -> None:
    waiting = unit.session.scalars(
        select(tables.Effect.id)
        .where(tables.Effect.handoff_id == handoff.id, tables.Effect.status.in_(effects.OPEN))
        .order_by(tables.Effect.id)
    ).all()
    if waiting:
        raise errors.OpenEffects(count=len(waiting), effect_ids=list(waiting))


def _original(unit: Unit, handoff: tables.Handoff, outcome: Outcome, ref: str | None) -> str | None:
    """The id of the case this one repeats."""
    if (outcome is Outcome.DUPLICATE) is (ref is None):
        raise errors.Invalid(
            reason="The outcome duplicate, and no other, names the other case in duplicateOf. Nothing was changed."
        )
    if ref is None:
        return None
    # Not locked: it is only named, and two locks taken in no fixed order could wait for each other.
    other = unit.session.scalar(select(tables.Handoff).where(tables.Handoff.named(ref)))
    if other is None or not unit.actor.sees(other.queue, other.created_by):
        raise errors.NotFound(kind="handoff", id=ref)
    if other.id == handoff.id:
        raise errors.Invalid(reason="A case is no duplicate of itself. Nothing was changed; name the other case.")
    return other.id


def _move(handoff: tables.Handoff, verb: Verb) -> None:
    status = move(handoff.status, verb)
    if status is None:
        raise errors.Conflict(kind="handoff")
    handoff.status = status


def _extend(unit: Unit, handoff: tables.Handoff, lease: timedelta) -> datetime:
    expires_at = max(handoff.claim_expires_at or unit.now, unit.now + lease)
    handoff.claim_expires_at = expires_at
    return expires_at


def _disown(handoff: tables.Handoff) -> None:
    handoff.owner = handoff.claimed_by = handoff.claimed_at = handoff.claim_expires_at = None


def _owner(handoff: tables.Handoff) -> dict[str, Any]:
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
