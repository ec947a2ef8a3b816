"""The table: for each kind of job, who answers for it and the function that does the part outside the database."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from flowops import errors, killpoints
from flowops.actions import artifacts, execution, notices, webhooks
from flowops.ai import context, generator
from flowops.app import App
from flowops.domain import access, effects, events, jobs
from flowops.domain.effects import AccountSuspend, PayoutRelease, Refund, Reply, Status
from flowops.domain.notices import About
from flowops.domain.sla import Clock
from flowops.gateways.receipts import Receipt
from flowops.queries import effects as effect_queries
from flowops.queries import handoffs
from flowops.queries import webhooks as webhook_queries

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

# How a provider refuses the refund itself. Any other refusal, a rotated token's for instance, says nothing about what
# became of an earlier call. Two give no HTTP status: the sandbox, which knows the key and means what it says, and a
# mail server, which would say the same again whatever it did with the mail when it had it before.
_MEANT = {None, 400, 422}

LIMIT = timedelta(minutes=3)  # every call of a gateway ends long before

J = TypeVar("J", bound=jobs.Job)
Settle = Callable[["Unit"], object]
Fence = Callable[["Unit"], None]


class Answered(NamedTuple):
    """The receipt of the other side, and what it has to say to the database."""

    receipt: str
    settle: Settle


@dataclass(frozen=True)
class Handler(Generic[J]):
    """How one kind of job is done.

    `run` works with no transaction open. What it has to say to the database it returns as a function of the unit that
    also finishes the job; that unit's actor is `actor`. With nothing to say it returns the receipt of the other side,
    if there is one, and with both to give, `Answered`. A handler that must commit something before calls the fence in
    that unit, as its last step. What a job leaves undone when it is buried, `give_up` says in the unit that buries it.

    So many `threads` of a process run such jobs, and one that takes longer than `limit` has failed.
    """

    job: type[J]
    actor: access.Actor
    run: Callable[[App, J, Fence], Settle | Answered | str | None]
    give_up: Callable[["Unit", J, str], None] | None = None
    threads: int = 2
    limit: timedelta = LIMIT


def generate_artifact(app: App, job: jobs.GenerateArtifact, fence: Fence) -> Settle:
    """Show the generators the case and keep all they answered; the last of it is what a person sees."""
    with app.view() as view:
        parts = handoffs.parts(view, job.handoff_id)
    shown = context.build(parts)
    attempts = generator.write(job.kind, shown, app.generators)
    return lambda unit: artifacts.keep(unit, job.handoff_id, job.kind, attempts, shown)


def copy_signals(app: App, job: jobs.CopySignals, fence: Fence) -> Settle:
    """Note on the case what the assistant last said of its risk."""
    return lambda unit: artifacts.copy_signals(unit, job.handoff_id)


def execute_effect(app: App, job: jobs.ExecuteEffect, fence: Fence) -> Settle | None:
    """Verify the effect once more, commit that it is executing, and only then have the provider do it.

    An effect found executing may have been done by a worker that was lost: it is neither verified again nor put back,
    the call is repeated under the same key until the provider answers. A call without an answer leaves it unknown.
    """
    with app.view() as view:
        proposal = effect_queries.get(view, job.effect_id)
    first = proposal.effect.status is Status.APPROVED
    records = app.fetch(proposal.facts.asked) if first else None
    with app.unit(access.SYSTEM) as unit:
        may_call = execution.start(unit, job.effect_id, records, app.policy, app.settings)
        fence(unit)
        killpoints.reach("executing.uncommitted")
    if not may_call:
        return None
    killpoints.reach("executing.committed")
    try:
        receipt = _call(app, proposal)
        killpoints.reach("provider.answered")
    except errors.Refused as refusal:
        if not first and refusal.facts.get("status") not in _MEANT:
            why = f"it may have done it when it was asked before, and now: {refusal}"
            _lose(app, job, why, fence)
            raise errors.Unavailable(what="The provider", reason=why) from refusal
        why = str(refusal)
        if not first and proposal.effect.kind == "reply":
            why = f"{why} It was tried before without an answer, so it may have been sent all the same."
        return lambda unit: execution.fail(unit, job.effect_id, why)
    except errors.Unavailable as silence:
        if first and silence.facts.get("sent") is False:
            with app.unit(access.SYSTEM) as unit:
                execution.put_back(unit, job.effect_id, str(silence))
                fence(unit)
        else:
            _lose(app, job, str(silence), fence)
        raise
    return lambda unit: execution.finish(unit, job.effect_id, receipt.reference, receipt.at)


def _lose(app: App, job: jobs.ExecuteEffect, why: str, fence: Fence) -> None:
    """Have it shown that nobody knows what became of the effect, while it waits to be asked for again."""
    with app.unit(access.SYSTEM) as unit:
        execution.lose(unit, job.effect_id, why)
        fence(unit)


def give_up_effect(unit: "Unit", job: jobs.ExecuteEffect, why: str) -> None:
    """Nobody will try again unasked, so a person must know."""
    execution.strand(unit, job.effect_id, why)


def escalate_sla(app: App, job: jobs.EscalateSla, fence: Fence) -> Settle:
    """Have everybody told of the broken promise who can still help."""
    clock = Clock(job.clock)
    return lambda unit: notices.escalate(unit, job.handoff_id, clock)


def notify_operator(app: App, job: jobs.NotifyOperator, fence: Fence) -> Settle:
    """Tell one person about a case by the way they chose."""
    about = About(job.about)
    return lambda unit: notices.notify(unit, job.user_id, job.handoff_id, about, app.settings.origin)


def send_mail(app: App, job: jobs.SendMail, fence: Fence) -> Settle:
    """Hand one mail to the mail server, under the same key whenever it is tried."""
    receipt = app.mail.send(job.recipient, job.mail_subject, job.body, key=job.idempotency_key)
    return lambda unit: unit.record(events.MailSent(reference=receipt.reference))


def deliver_webhook(app: App, job: jobs.DeliverWebhook, fence: Fence) -> Answered | str:
    """Post one event to one endpoint, signed; one that is disabled or removed by now is not called.

    The same event has the same id however often it is sent, so that its receiver can tell a repeat. Raises TurnedAway
    when half of the threads are with that endpoint already, for others must not wait for one that keeps silent.
    """
    threads = app.settings.workers.get(job.topic, TABLE[job.topic].threads)
    with app.turns.taking(job.webhook_id, max(1, threads // 2)):
        return _deliver(app, job)


def _deliver(app: App, job: jobs.DeliverWebhook) -> Answered | str:
    with app.view() as view:
        target = webhook_queries.target(view, job.webhook_id)
    if target is None:
        return "not sent: the webhook is disabled or removed"
    body = json.dumps(job.event | {"source": app.settings.origin}, ensure_ascii=False).encode()
    secrets, url = app.seal.open(target.sealed), target.url
    status = app.webhooks.deliver(url, job.event["id"], body, target.at, secrets)
    receipt = f"HTTP {status}"
    if status == HTTPStatus.GONE:
        return Answered(receipt, lambda unit: webhooks.give_up(unit, job.webhook_id, url))
    return receipt


def _call(app: App, proposal: effect_queries.Proposal) -> Receipt:
    """Ask the provider; the effect's id is the key, so that a repeat is recognised as one."""
    effect = proposal.effect
    match effects.parse(effect.kind, effect.params):
        case Refund() as refund:
            return app.billing.refund(refund.invoice_id, refund.money, refund.reason, key=effect.id)
        case Reply() as reply:
            assert proposal.recipient is not None, "a reply is approved on the records of an account"
            return app.mail.send(proposal.recipient, proposal.subject, reply.body, key=effect.id)
        case AccountSuspend() as suspension:
            return app.accounts.suspend(proposal.facts.asked.customer_id, suspension.reason, key=effect.id)
        case PayoutRelease() as release:
            return app.billing.release(release.payout_id, release.money, key=effect.id)
        case other:
            raise errors.Invalid(reason=f"Nobody carries out a {type(other).__name__}. Nothing was sent.")


TABLE: dict[str, Handler[Any]] = {
    handler.job.topic: handler
    for handler in (
        Handler(jobs.GenerateArtifact, access.ASSISTANT, generate_artifact, limit=timedelta(minutes=15)),
        Handler(jobs.CopySignals, access.SYSTEM, copy_signals),
        Handler(jobs.ExecuteEffect, access.SYSTEM, execute_effect, give_up_effect, threads=4),
        Handler(jobs.EscalateSla, access.SYSTEM, escalate_sla),
        Handler(jobs.NotifyOperator, access.SYSTEM, notify_operator),
        Handler(jobs.SendMail, access.SYSTEM, send_mail, threads=4),
        Handler(jobs.DeliverWebhook, access.SYSTEM, deliver_webhook, threads=4),
    )
}
