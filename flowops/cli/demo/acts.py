"""What people do in the demonstration: the actions behind the API, each in a unit of its own."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from flowops.actions import artifacts, conversation, effects, handoffs, ownership
from flowops.app import App
from flowops.cli.demo import cases
from flowops.domain.access import Actor
from flowops.domain.artifacts import DRAFT, NAMED, Judgement
from flowops.domain.effects import OPEN, Status
from flowops.domain.facts import Message
from flowops.domain.handoffs import Outcome, Priority, WaitingFor
from flowops.domain.money import Money
from flowops.queries import artifacts as written
from flowops.queries import effects as effect_queries
from flowops.queries import handoffs as handoff_queries

if TYPE_CHECKING:
    from flowops.storage import tables


def claim(app: App, who: Actor, ref: str) -> "tables.Handoff":
    """Make the case their own."""
    with app.unit(who) as unit:
        return ownership.claim(unit, ref, lease=app.settings.claim_lease)


def release(app: App, who: Actor, ref: str) -> None:
    """Give the case back to the queue."""
    with app.unit(who) as unit:
        ownership.release(unit, ref)


def assign(app: App, who: Actor, ref: str, user_id: str, reason: str) -> None:
    """Give the case to a colleague."""
    with app.unit(who) as unit:
        ownership.assign(unit, ref, user_id, reason)


def wait(app: App, who: Actor, ref: str, waiting_for: str, until: str | None = None) -> None:
    """Let the case wait for somebody's answer, at most so long."""
    with app.unit(who) as unit:
        moment = unit.now + cases.span(until) if until else None
        ownership.wait(unit, ref, WaitingFor(waiting_for), moment, lease=app.settings.claim_lease)


def escalate(app: App, who: Actor, ref: str, reason: str) -> None:
    """Put the case into the hands of supervisors."""
    with app.unit(who) as unit:
        ownership.escalate(unit, ref, reason)


def priority(app: App, who: Actor, ref: str, wanted: str, reason: str) -> None:
    """Make the case more or less urgent."""
    with app.unit(who) as unit:
        handoffs.set_priority(unit, ref, Priority(wanted), reason, lease=app.settings.claim_lease)


def note(app: App, who: Actor, ref: str, text: str) -> None:
    """Write something down for their colleagues."""
    with app.unit(who) as unit:
        conversation.note(unit, ref, text, lease=app.settings.claim_lease)


def write(app: App, who: Actor, ref: str, role: str, text: str) -> None:
    """Hand on what the customer or a third party wrote later."""
    with app.unit(who) as unit:
        message = Message.model_validate({"role": role, "text": text, "at": unit.now})
        conversation.receive(unit, ref, message, lease=app.settings.claim_lease)


def draft(app: App, who: Actor, ref: str, subject: str, body: str) -> None:
    """Leave an answer half written."""
    with app.unit(who) as unit:
        conversation.save_draft(unit, ref, subject, body, 0, lease=app.settings.claim_lease)


def ask(app: App, who: Actor, ref: str, *kinds: str) -> None:
    """Have the assistant write something."""
    for kind in kinds:
        with app.unit(who) as unit:
            artifacts.request(unit, ref, NAMED[kind], lease=app.settings.claim_lease)


def review(app: App, who: Actor, ref: str, kind: str, verdict: str, reason: str | None = None) -> None:
    """Judge what the assistant wrote last."""
    artifact = _written(app, who, ref, NAMED[kind])
    with app.unit(who) as unit:
        artifacts.review(unit, artifact.id, Judgement(verdict), reason, lease=app.settings.claim_lease)


def propose(app: App, who: Actor, ref: str, kind: str, params: dict[str, Any]) -> None:
    """Put up an effect of their own."""
    with app.view(who) as view:
        asked = effect_queries.proposal(handoff_queries.get(view, ref).handoff, kind, params)
    records = app.fetch(asked)
    with app.unit(who) as unit:
        effects.propose(unit, ref, asked, records, app.policy, app.settings)


def refund(app: App, who: Actor, ref: str, *wanted: Any) -> None:
    """Put up a refund of their own."""
    propose(app, who, ref, "refund", cases.Refund(*wanted).params)


def reply(app: App, who: Actor, ref: str, subject: str, body: str) -> None:
    """Put up an answer to the customer in words of their own."""
    propose(app, who, ref, "reply", {"subject": subject, "body": body})


def edit_draft(app: App, who: Actor, ref: str, subject: str, body: str) -> None:
    """Put up what they made of the assistant's draft."""
    artifact = _written(app, who, ref, DRAFT)
    propose(app, who, ref, "reply", {"subject": subject, "body": body, "artifactId": artifact.id})


def send_draft(app: App, who: Actor, ref: str) -> None:
    """Put up the assistant's draft as it is, and approve it."""
    content = _written(app, who, ref, DRAFT).content or {}
    edit_draft(app, who, ref, content["subject"], content["body"])
    approve(app, who, ref)


def approve(app: App, who: Actor, ref: str) -> "tables.Effect":
    """Approve the effect that waits, as it is."""
    waiting = open_effect(app, who, ref)
    records = app.fetch(waiting.facts.asked)
    with app.unit(who) as unit:
        answer = effects.Answer(waiting.effect.content_sha256)
        return effects.approve(unit, waiting.effect.id, answer, records, app.policy, app.settings)


def decline(app: App, who: Actor, ref: str, reason: str) -> None:
    """Say no to the effect that waits."""
    waiting = open_effect(app, who, ref)
    with app.unit(who) as unit:
        effects.decline(unit, waiting.effect.id, reason, app.settings)


def cancel(app: App, who: Actor, ref: str) -> None:
    """Call an approved effect back before it is carried out."""
    approved = _effect(app, who, ref, {Status.APPROVED})
    with app.unit(who) as unit:
        effects.cancel(unit, approved.effect.id, app.settings)


def refunded_elsewhere(app: App, who: Actor, ref: str, amount: int, currency: str, invoice: str) -> None:
    """What happened outside of FlowOps: somebody in billing gave a part of the invoice back by hand."""
    app.billing.refund(invoice, Money(amount=amount, currency=currency), "by hand", key=f"by-hand-{invoice}")


def resolve(
    app: App, who: Actor, ref: str, outcome: str, notes: str, duplicate_of: str | None = None
) -> "tables.Handoff":
    """Finish the case."""
    with app.unit(who) as unit:
        return handoffs.resolve(unit, ref, Outcome(outcome), notes, duplicate_of)


def reopen(app: App, who: Actor, ref: str, reason: str) -> None:
    """Take up the case again."""
    with app.unit(who) as unit:
        handoffs.reopen(unit, ref, reason)


def open_effect(app: App, who: Actor, ref: str) -> effect_queries.Proposal:
    """The effect of the case that waits for somebody's decision."""
    return _effect(app, who, ref, OPEN)


def _effect(app: App, who: Actor, ref: str, statuses: Collection[Status]) -> effect_queries.Proposal:
    with app.view(who) as view:
        handoff = handoff_queries.get(view, ref).handoff
        found = effect_queries.search(view, handoff_id=handoff.id).items
    return next(proposal for proposal in found if proposal.effect.status in statuses)


def _written(app: App, who: Actor, ref: str, kind: str) -> "tables.Artifact":
    with app.view(who) as view:
        return written.latest(view, handoff_queries.get(view, ref).handoff, kind)
