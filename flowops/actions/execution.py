"""Carries approved effects out: verified once more, started once, and nothing runs on other facts."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from flowops import errors
from flowops.actions import approvals, decisions, effects, handoffs, switch
from flowops.domain import effects as kinds
from flowops.domain import events
from flowops.domain.effects import Status
from flowops.domain.facts import Facts, Records, difference
from flowops.domain.handoffs import Reason
from flowops.domain.policy import Outcome, Policy, Verdict
from flowops.settings import Settings
from flowops.storage import tables
from flowops.storage.unit import Unit


def start(unit: Unit, effect_id: str, records: Records | None, policy: Policy, settings: Settings) -> bool:
    """May the provider be called now? Commit `executing` before the first call.

    An effect that is already executing is called again under the same key without asking the records: the provider may
    have done it. `records` are what they say now, None only for such an effect. Changed records hold the effect and
    give its case to a person, and so does an approver who may approve no more; an approval too old is void. False means
    there is nothing to call for.

    Raises EffectsPaused, be it for the first call or for a repeat, and Unavailable when the records cannot be had and
    while the effect can still be called back.
    """
    switch.refuse_paused(unit)
    effect, handoff = effects.lock(unit, effect_id)
    if effect.status is Status.EXECUTING:
        return True
    if effect.status is not Status.APPROVED or records is None:
        return False
    if effects.is_in_undo_window(unit, effect) and effect.execute_after is not None:  # it was approved again since,
        left = (effect.execute_after - unit.now).total_seconds()  # or the clock went back
        raise errors.Unavailable(what="The effect", reason="it can still be called back", retry_after=left)
    if effect.expires_at <= unit.now:
        effects.expire(unit, effect, handoff)
        return False
    if records.errors:
        what, why = next(iter(records.errors.items()))
        raise errors.Unavailable(what=f"The {what} gateway", reason=why)
    before = Facts.model_validate(effect.decision.facts)
    history = decisions.history(unit, effect, before.history)
    facts, verdict = decisions.decide(unit, before.asked, records, policy, settings, history, case=effect.handoff_id)
    same = kinds.content_sha256(effect.kind, effect.params, records) == effect.content_sha256
    lacks_approval = len(approvals.counting(unit, effect)) < effect.approvals_needed
    if not effect.approvals_needed:  # policy alone approved it, and must still
        lacks_approval = same and not facts.failed and not decisions.needs_nobody(verdict)
    if facts.failed or not same or verdict.outcome is Outcome.DENY or lacks_approval:
        changed = difference(before.records, records)
        handoff = effects.need_person(
            unit,
            effect,
            handoff,
            Reason.VERIFICATION_FAILED,
            "is held: something changed since it was approved",
            _explain(changed, facts, verdict, effect, lacks_approval),
        )
        effects.rebind(unit, effect, facts, verdict, policy, stage="execution")
        effects.set_status(unit, effect, Status.HELD)
        effect.execute_after, effect.expires_at = None, unit.now + settings.proposal_expiry
        fields = tuple(change["field"] for change in changed) or tuple(check.name for check in facts.failed)
        if lacks_approval:
            fields += ("approvals",)
        unit.record(
            events.EffectHeld(
                effect_id=effect.id,
                handoff_id=handoff.id,
                content_sha256=effect.content_sha256,
                changed=fields,
                difference=changed,
            )
        )
        return False
    effects.set_status(unit, effect, Status.EXECUTING)
    unit.record(
        events.EffectStarted(effect_id=effect.id, handoff_id=effect.handoff_id, content_sha256=effect.content_sha256)
    )
    if handoff is not None:
        handoffs.touch(unit, handoff)
    return True


def lose(unit: Unit, effect_id: str, why: str) -> None:
    """A call ended without an answer: until there is one, nobody knows whether the provider did it.

    It is recorded once, however often the provider is asked again in vain; the first time is the one that counts.
    """
    effect, handoff = effects.lock(unit, effect_id)
    _lose(unit, effect, handoff, why)


def _lose(unit: Unit, effect: tables.Effect, handoff: tables.Handoff | None, why: str) -> None:
    if effect.status is not Status.EXECUTING or effect.unknown_since is not None:
        return
    effect.unknown_since = effect.updated_at = unit.now
    unit.record(events.EffectUnknown(effect_id=effect.id, handoff_id=effect.handoff_id, kind=effect.kind, reason=why))
    if handoff is not None:
        handoffs.touch(unit, handoff)


def put_back(unit: Unit, effect_id: str, why: str) -> None:
    """The provider certainly received nothing, so the effect waits as approved and will be verified again."""
    effect, handoff = effects.lock(unit, effect_id)
    if effect.status is not Status.EXECUTING:
        return
    effects.set_status(unit, effect, Status.APPROVED)
    effect.unknown_since = None
    unit.record(events.EffectPutBack(effect_id=effect.id, handoff_id=effect.handoff_id, reason=why))
    if handoff is not None:
        handoffs.touch(unit, handoff)


def finish(unit: Unit, effect_id: str, reference: str, at: datetime) -> None:
    """Keep the provider's receipt; a reply that was sent joins the conversation."""
    effect, handoff = effects.lock(unit, effect_id)
    if effect.status is not Status.EXECUTING:
        return
    effects.set_status(unit, effect, Status.DONE)
    effect.receipt_reference, effect.receipt_at, effect.unknown_since = reference, at, None
    if effect.kind == "reply" and handoff is not None:
        unit.session.add(
            tables.Message(
                request_id=effect.request_id,
                handoff_id=handoff.id,
                role="operator",
                text=effect.params["body"],
                at=at,
                created_at=unit.now,
            )
        )
    unit.record(
        events.EffectDone(effect_id=effect.id, handoff_id=effect.handoff_id, kind=effect.kind, reference=reference)
    )
    if handoff is not None:
        handoffs.touch(unit, handoff)


def fail(unit: Unit, effect_id: str, why: str) -> None:
    """The provider said no for good: the case, a new one if there was none, goes to a person."""
    effect, handoff = effects.lock(unit, effect_id)
    if effect.status is not Status.EXECUTING:
        return
    _fail(unit, effect, handoff, why)


def strand(unit: Unit, effect_id: str, why: str) -> None:
    """Its job was given up: give the case, a new one if there was none, to a person.

    The effect stays as it is, for the provider may have done it; retrying the dead job repeats the call under its key.
    """
    effect, handoff = effects.lock(unit, effect_id)
    _lose(unit, effect, handoff, why)  # for one whose workers were lost
    if effect.status in {Status.APPROVED, Status.EXECUTING}:
        effects.need_person(unit, effect, handoff, Reason.EFFECT_FAILED, f"is {effect.status} and stuck", why)


def abandon(unit: Unit, effect_id: str, why: str) -> None:
    """Its job was discarded, so nobody carries it out any more: it failed, and its case goes to a person."""
    effect, handoff = effects.hold(unit, effect_id)
    if effect.status is Status.EXECUTING:
        _fail(unit, effect, handoff, f"its job was discarded ({why}); the provider may have done it: look there")
    elif effect.status is Status.APPROVED:
        _fail(unit, effect, handoff, f"its job was discarded ({why}) before the provider was asked")


def _fail(unit: Unit, effect: tables.Effect, handoff: tables.Handoff | None, why: str) -> None:
    handoff = effects.need_person(unit, effect, handoff, Reason.EFFECT_FAILED, "failed", why)
    effects.set_status(unit, effect, Status.FAILED)
    effect.error, effect.unknown_since = why, None
    unit.record(events.EffectFailed(effect_id=effect.id, handoff_id=handoff.id, kind=effect.kind, error=why))


def _explain(
    changed: Sequence[Mapping[str, str]], facts: Facts, verdict: Verdict, effect: tables.Effect, lacks_approval: bool
) -> str:
    """What keeps an approved effect from being carried out, field by field, for whoever has to decide again."""
    said = [f"{change['field']} was {change['before']} and is {change['after']}" for change in changed]
    said += [f"{check.name} expects {check.expected} and finds {check.actual}" for check in facts.failed]
    if verdict.outcome is Outcome.DENY:
        said.append(f"policy denies it: {verdict.reason}")
    elif lacks_approval and not effect.approvals_needed:
        said.append(f"policy had approved it and leaves it to a person now: {verdict.reason}")
    elif lacks_approval:
        said.append("somebody who approved it may approve it no more")
    return "; ".join(said)
