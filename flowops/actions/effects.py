"""Side effects until they are carried out: proposed, approved, declined, called back, expired.

An approval means exactly what was seen.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import joinedload, selectinload

from flowops import errors
from flowops.actions import (
    approvals,
    artifacts,
    caps,
    conversation,
    decisions,
    handoffs,
    interests,
    sweeping,
    switch,
)
from flowops.domain import effects as kinds
from flowops.domain import events, jobs, times
from flowops.domain.access import POLICY, SYSTEM, ActorKind, Permission
from flowops.domain.effects import Status
from flowops.domain.facts import Asked, Facts, History, Records, difference
from flowops.domain.handoffs import Reason
from flowops.domain.handoffs import Status as CaseStatus
from flowops.domain.policy import Outcome, Policy, Verdict
from flowops.settings import Settings
from flowops.storage import tables
from flowops.storage.unit import Unit


def create(
    unit: Unit,
    request: tables.Request,
    handoff_id: str | None,
    facts: Facts,
    verdict: Verdict,
    settings: Settings,
    *,
    automatic: bool,
    decision: tables.Decision | None = None,
) -> tables.Effect:
    """Write down an effect; `automatic` means policy alone approved it, so it is queued at once."""
    kind = facts.asked.kind or ""
    params = kinds.kept(kind, facts.asked.params)
    wanted, money = decisions.approvals(facts, verdict), kinds.money(kind, params)
    effect = tables.Effect(
        request_id=request.id,
        customer_id=request.customer_id,
        handoff_id=handoff_id,
        kind=kind,
        params=params,
        amount=money.amount if money else None,
        currency=money.currency if money else None,
        status=Status.PROPOSED,
        decision_id=(decision or request.decision).id,
        content_sha256=kinds.content_sha256(kind, params, facts.records),
        approvals_needed=0 if automatic else wanted.needed,
        approval_permission=wanted.permission,
        proposer_may_approve=wanted.proposer_may,
        proposed_by=unit.actor.id,
        expires_at=unit.now + settings.proposal_expiry,
        created_at=unit.now,
        updated_at=unit.now,
    )
    unit.session.add(effect)
    unit.record(
        events.EffectProposed(
            effect_id=effect.id,
            handoff_id=handoff_id,
            request_id=request.id,
            kind=kind,
            content_sha256=effect.content_sha256,
            verdict=verdict.outcome,
            approvals_needed=effect.approvals_needed,
        )
    )
    if automatic:
        _approve(unit, effect, set(), settings, undo=timedelta(0))
    return effect


def propose(
    unit: Unit,
    ref: str,
    asked: Asked,
    records: Records,
    policy: Policy,
    settings: Settings,
    version: int | None = None,
) -> tables.Effect:
    """Put up a side effect for a case; the owner may, or the service that opened it.

    `asked` is the proposer's word alone: what the first caller claimed about the customer is not held against it.
    A reply that names the draft it was made of is its writer's judgement of that draft. Raises `errors.Invalid` for an
    unknown kind, wrong parameters, or a draft that is none of this case.
    """
    if unit.actor.kind is ActorKind.SERVICE:
        handoff = handoffs.unresolved(unit, ref, version)
    else:
        handoff = handoffs.owned(unit, ref, lease=settings.claim_lease, version=version)
    params = kinds.parse(asked.kind or "", asked.params)
    if isinstance(params, kinds.Reply) and params.artifact_id is not None:
        artifacts.take_draft(unit, handoff, params.artifact_id, params.subject, params.body)
    request = unit.session.get_one(tables.Request, handoff.request_id, options=[joinedload(tables.Request.decision)])
    lately = decisions.cases_lately(unit, handoff)
    history = History(cases_in_7_days=lately, effects=decisions.tallies(unit, handoff.customer_id))
    facts, verdict = decisions.decide(unit, asked, records, policy, settings, history, case=handoff.id)
    decision = decisions.keep(unit, "proposal", handoff.id, facts, verdict, policy)
    unit.session.flush()
    effect = create(unit, request, handoff.id, facts, verdict, settings, automatic=False, decision=decision)
    if isinstance(params, kinds.Reply):
        conversation.use_draft(unit, handoff, params.subject or "", params.body)
    handoffs.touch(unit, handoff)
    return effect


@dataclass(frozen=True)
class Answer:
    """A person's yes: the hash of what they saw, and the last message they had read.

    An empty id means that there was none to read; None that they do not say, so that nothing is compared.
    """

    content_sha256: str
    last_message_id: str | None = None


def approve(
    unit: Unit,
    effect_id: str,
    answer: Answer,
    records: Records,
    policy: Policy,
    settings: Settings,
    version: int | None = None,
) -> tables.Effect:
    """Approve exactly the content that was seen, on records fetched just now.

    The last approval needed queues the effect behind its undo window. Raises ContentChanged (with the new hash and the
    difference), VerificationFailed, NewMessage, SelfApproval, AlreadyDecided, DeniedByPolicy, Expired, AboveLimit,
    ConflictOfInterest, CapReached, and like every decision ClaimExpired for a late owner and StaleVersion for another
    `version` of the case.
    """
    effect, handoff = _lock_to_decide(unit, effect_id, version, settings)
    caps.lock(unit, settings, effect.kind, effect.customer_id, approvals.given(unit, effect) | {unit.actor.id or ""})
    _refuse_closed(unit, effect)
    approvals.refuse_approver(unit, effect)
    if handoff is not None:
        handoffs.refuse_unread(unit, handoff, answer.last_message_id)
    before = Facts.model_validate(effect.decision.facts)
    history = decisions.history(unit, effect, before.history)
    facts, verdict = decisions.decide(unit, before.asked, records, policy, settings, history, case=effect.handoff_id)
    for ruled in (Verdict.load(effect.decision.verdict), verdict):
        if ruled.outcome is Outcome.DENY:
            raise errors.DeniedByPolicy(reason=ruled.reason)
    fresh = kinds.content_sha256(effect.kind, effect.params, records)
    if answer.content_sha256 != fresh and not records.errors:
        raise errors.ContentChanged(content_sha256=fresh, difference=difference(before.records, records))
    if facts.failed:
        names = ", ".join(check.name for check in facts.failed)
        raise errors.VerificationFailed(failed=names, checks=[check.dump() for check in facts.failed])
    wanted = decisions.approvals(facts, verdict)
    if fresh != effect.content_sha256 or wanted.is_stricter_than(approvals.demanded(effect)):
        rebind(unit, effect, facts, verdict, policy, stage="approval")
        approvals.refuse_approver(unit, effect)  # other facts or limits may ask for another approver
    approvals.add(unit, effect)
    approvers = approvals.counting(unit, effect)
    caps.refuse_reached(unit, effect, approvers, settings)
    missing = effect.approvals_needed - len(approvers)
    if missing <= 0:
        _approve(unit, effect, approvers, settings, undo=timedelta(seconds=settings.undo_seconds))
    else:
        effect.updated_at = unit.now
        unit.record(_approved(effect, missing))
    if handoff is not None:
        handoffs.touch(unit, handoff)
    return effect


def decline(unit: Unit, effect_id: str, reason: str, settings: Settings, version: int | None = None) -> tables.Effect:
    """Say no to an effect that waits for a decision; whoever could approve it can decline it."""
    effect, handoff = _lock_to_decide(unit, effect_id, version, settings)
    if effect.status not in kinds.OPEN:
        raise errors.AlreadyDecided(status=effect.status)
    approvals.refuse_decider(unit, effect)
    set_status(unit, effect, Status.DECLINED)
    unit.record(events.EffectDeclined(effect_id=effect.id, handoff_id=effect.handoff_id, reason=reason))
    if handoff is not None:
        handoffs.touch(unit, handoff)
    return effect


def cancel(unit: Unit, effect_id: str, settings: Settings, version: int | None = None) -> tables.Effect:
    """Withdraw a proposal, or call an approved effect back within its undo window, or as long as effects are paused.

    Whoever proposed it, approved it as it is now, or supervises may (NotPermitted, ConflictOfInterest). A case that was
    resolved on the strength of it needs a person again. Raises TooLate once the window or the effect is over.
    """
    effect, handoff = _lock_to_decide(unit, effect_id, version, settings)
    if effect.proposed_by != unit.actor.id and approvals.find(unit, effect) is None:
        unit.actor.require(Permission.HANDOFFS_SUPERVISE)
        interests.refuse_to_decide(unit, effect)
    if effect.status not in kinds.OPEN and not _can_be_called_back(unit, effect):
        raise errors.TooLate(status=effect.status)
    set_status(unit, effect, Status.CANCELLED)
    effect.execute_after = None
    unit.record(events.EffectCancelled(effect_id=effect.id, handoff_id=effect.handoff_id))
    if handoff is not None:
        if handoff.status is CaseStatus.RESOLVED:
            handoffs.need_person(unit, handoff.id, Reason.OTHER, f"The approved {effect.kind} was called back.")
        handoffs.touch(unit, handoff)
    return effect


def expire_due(unit: Unit, limit: int) -> int:
    """Let effects that waited too long for a decision or their execution expire, at most `limit`; gives how many.

    Those whose case or row somebody works on just now are left for the next time.
    """
    row = tables.Effect
    due = and_(row.status.in_([*kinds.OPEN, Status.APPROVED]), row.expires_at <= unit.now)
    found = unit.session.execute(select(row.id, row.handoff_id).where(due).order_by(row.expires_at).limit(limit)).all()
    free = select(tables.Handoff).where(tables.Handoff.id.in_([each.handoff_id for each in found]))
    locked = unit.session.scalars(free.with_for_update(skip_locked=True, key_share=True))
    cases = {handoff.id: handoff for handoff in locked}
    still = select(row).where(
        row.id.in_([each.id for each in found]), due, or_(row.handoff_id.is_(None), row.handoff_id.in_(cases))
    )
    expired = unit.session.scalars(still.with_for_update(skip_locked=True, key_share=True)).all()
    return sweeping.each(unit, expired, lambda effect: expire(unit, effect, cases.get(effect.handoff_id or "")))


def expire(unit: Unit, effect: tables.Effect, handoff: tables.Handoff | None) -> None:
    """An effect that waited too long can no longer happen; a person is told when it had been approved."""
    if effect.status is Status.APPROVED:
        handoff = need_person(unit, effect, handoff, Reason.EFFECT_FAILED, "was approved but not carried out in time")
    elif handoff is not None:
        handoffs.touch(unit, handoff)
    unit.record(events.EffectExpired(effect_id=effect.id, handoff_id=effect.handoff_id, was=effect.status), by=SYSTEM)
    set_status(unit, effect, Status.EXPIRED)


def need_person(
    unit: Unit, effect: tables.Effect, handoff: tables.Handoff | None, issue: Reason, what: str, why: str = ""
) -> tables.Handoff:
    """Give the effect's case to a person, a new one if there was none.

    `what` heads that one, with the effect as its subject; `why` may hold personal data.
    """
    title = f"The {effect.kind} {what}"
    told = f"{title}: {why}" if why else f"{title}."
    if handoff is not None:
        return handoffs.need_person(unit, handoff.id, issue, told)
    known = [joinedload(tables.Request.decision), joinedload(tables.Request.customer)]
    request = unit.session.get_one(tables.Request, effect.request_id, options=known)
    handoff = handoffs.open(
        unit,
        request,
        title=title,
        reason=issue,
        issues=[issue],
        priority=Verdict.load(request.decision.verdict).priority,
        queue=request.queue,
        channel=request.channel,
    )
    message = tables.Message
    unit.session.execute(update(message).where(message.request_id == request.id).values(handoff_id=handoff.id))
    unit.record(events.IssueFound(handoff_id=handoff.id, issue=issue, why=told))
    effect.handoff_id = handoff.id
    return handoff


def is_in_undo_window(unit: Unit, effect: tables.Effect) -> bool:
    """Was this effect approved so lately that nobody may carry it out yet?"""
    return effect.status is Status.APPROVED and effect.execute_after is not None and unit.now < effect.execute_after


def _can_be_called_back(unit: Unit, effect: tables.Effect) -> bool:
    """Has it certainly not begun, and will it not for some time? Its row is locked, so nobody begins it meanwhile."""
    return effect.status is Status.APPROVED and (is_in_undo_window(unit, effect) or switch.is_paused(unit))


def lock(unit: Unit, effect_id: str, version: int | None = None) -> tuple[tables.Effect, tables.Handoff | None]:
    """The effect and its case, both locked, the case first; NotFound when the actor may not see them.

    Raises StaleVersion when the caller has seen another `version` of the case, and Invalid when there is no case.
    """
    effect, handoff = hold(unit, effect_id)
    request = unit.session.get_one(tables.Request, effect.request_id)
    if not unit.actor.sees(request.queue, request.caller_id):
        raise errors.NotFound(kind="effect", id=effect_id)
    if handoff is not None:
        handoffs.refuse_stale(handoff, version)
    elif version is not None:
        reason = "If-Match names the version of a case, and this effect has none. Nothing was changed; leave it out."
        raise errors.Invalid(reason=reason)
    return effect, handoff


def hold(unit: Unit, effect_id: str) -> tuple[tables.Effect, tables.Handoff | None]:
    """Both as `lock` gives them, whatever the actor sees: for what becomes of an effect when something else is done."""
    handoff_id = unit.session.scalar(select(tables.Effect.handoff_id).where(tables.Effect.id == effect_id))
    handoff = handoffs.lock(unit, tables.Handoff.id == handoff_id) if handoff_id else None
    effect = unit.session.scalar(
        select(tables.Effect)
        .where(tables.Effect.id == effect_id)
        # By a query of its own: whoever waited for the lock would be given the decision as it was before.
        .options(selectinload(tables.Effect.decision))
        .with_for_update(of=tables.Effect, key_share=True)
        .execution_options(populate_existing=True)
    )
    if effect is None:
        raise errors.NotFound(kind="effect", id=effect_id)
    if effect.handoff_id != handoff_id:
        raise errors.Unavailable(what="The effect", reason="its case was opened in this moment")
    return effect, handoff


def _lock_to_decide(
    unit: Unit, effect_id: str, version: int | None, settings: Settings
) -> tuple[tables.Effect, tables.Handoff | None]:
    """Both as `lock` gives them; deciding is a write, so an owner's claim is extended and a late one refused."""
    effect, handoff = lock(unit, effect_id, version)
    if handoff is not None:
        handoffs.stay(unit, handoff, lease=settings.claim_lease)
    return effect, handoff


def _refuse_closed(unit: Unit, effect: tables.Effect) -> None:
    if effect.status not in kinds.OPEN:
        raise errors.AlreadyDecided(status=effect.status)
    if effect.expires_at <= unit.now:
        raise errors.Expired(at=f"{effect.expires_at:%Y-%m-%d %H:%M} UTC", expires_at=effect.expires_at)


def _approve(unit: Unit, effect: tables.Effect, by: set[str], settings: Settings, undo: timedelta) -> None:
    """`by` are those whose approvals did it, nobody when policy alone did."""
    set_status(unit, effect, Status.APPROVED)
    approvals.settle(unit, effect, by)
    effect.execute_after = unit.now + undo
    effect.expires_at = unit.now + settings.approval_expiry
    job = jobs.ExecuteEffect(effect_id=effect.id, case_id=effect.handoff_id or effect.request_id)
    unit.enqueue(job, run_at=effect.execute_after)
    unit.record(_approved(effect, 0), by=None if effect.approvals_needed else POLICY)


def _approved(effect: tables.Effect, missing: int) -> events.EffectApproved:
    return events.EffectApproved(
        effect_id=effect.id,
        handoff_id=effect.handoff_id,
        content_sha256=effect.content_sha256,
        missing=missing,
        execute_after=times.rfc3339(effect.execute_after) if effect.execute_after and not missing else None,
    )


def rebind(unit: Unit, effect: tables.Effect, facts: Facts, verdict: Verdict, policy: Policy, *, stage: str) -> None:
    """Bind the effect to what the records say now: earlier approvals are void and its demands are made anew."""
    decision = decisions.keep(unit, stage, effect.id, facts, verdict, policy)
    unit.session.flush()
    wanted = decisions.approvals(facts, verdict)
    fresh = kinds.content_sha256(effect.kind, effect.params, facts.records)
    if fresh == effect.content_sha256:  # it is the same that somebody asked more for before
        wanted = wanted.and_as(approvals.demanded(effect))
    effect.revision += 1
    effect.decision_id, effect.decision = decision.id, decision
    effect.content_sha256 = fresh
    effect.approvals_needed = wanted.needed
    effect.approval_permission, effect.proposer_may_approve = wanted.permission, wanted.proposer_may


def set_status(unit: Unit, effect: tables.Effect, status: Status) -> None:
    """Move the effect on; its event is the caller's to record."""
    effect.status, effect.updated_at = status, unit.now
