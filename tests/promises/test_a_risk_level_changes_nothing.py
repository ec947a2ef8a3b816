"""A risk level sorts and filters: with it or without it, the same people may do the same things to the same end."""

from collections import Counter

from sqlalchemy import select

from flowops.actions import effects, handoffs, ownership
from flowops.app import App
from flowops.domain import events, jobs
from flowops.domain.access import Actor
from flowops.domain.artifacts import RISK
from flowops.domain.handoffs import Outcome
from flowops.queries import effects as proposals
from flowops.queries import handoffs as cases
from flowops.storage import tables
from tests import assistant, delivery, world
from tests.cases import person
from tests.conftest import Clock

Told = list[tuple[str, str]]


def work(app: App, clock: Clock, case: tables.Handoff, operator: Actor) -> tuple[Told, Counter[str]]:
    """What is recorded when a person takes a case, approves its refund and resolves it, and all jobs of the case."""
    with app.unit(operator) as unit:
        ownership.claim(unit, case.id, lease=app.settings.claim_lease)
    with app.view() as view:
        (proposal,) = proposals.search(view, handoff_id=case.id).items
    answer = effects.Answer(proposal.effect.content_sha256)
    records = app.fetch(proposal.facts.asked)
    with app.unit(operator) as unit:
        effects.approve(unit, proposal.effect.id, answer, records, app.policy, app.settings)
    clock.forward(seconds=app.settings.undo_seconds)
    delivery.deliver(app)
    with app.unit(operator) as unit:
        handoffs.resolve(unit, case.id, Outcome.APPROVED, "")
    with app.view() as view:
        entry = tables.AuditEntry
        told = view.session.scalars(select(entry).where(entry.handoff_id == case.id).order_by(entry.seq)).all()
        made = view.session.scalars(
            select(tables.FinishedJob.topic).where(tables.FinishedJob.key.contains(case.id))
        ).all()
    said = [(entry.event, str(entry.actor_kind)) for entry in told]
    return said[said.index((events.HandoffClaimed.name, "person")) :], Counter(made)


def test_a_high_risk_blocks_nothing_and_triggers_nothing(app: App, clock: Clock) -> None:
    app.sandbox.seed(clock.now)
    bot, priya = world.service(app), person(app, "Priya")
    plain, risky = (
        world.receive(app, bot, params=world.REFUND | {"invoiceId": invoice}, escalate=True)
        for invoice in ("inv_122", "inv_123")
    )
    with app.view(priya) as view:
        first, second = (cases.get(view, str(request.handoff_id)).handoff for request in (plain, risky))
        order = [listed.handoff.id for listed in cases.search(view).items]
    assistant.write(app, second, RISK, content={"level": "high", "reasons": [], "flags": ["legal_threat"]})
    delivery.deliver(app)
    with app.view(priya) as view:
        assert [cases.get(view, case.id).handoff.risk_level for case in (first, second)] == [None, "high"]
        assert [listed.handoff.id for listed in cases.search(view).items] == order
    (told, made), (told_of_risky, made_of_risky) = (work(app, clock, case, priya) for case in (first, second))
    assert told_of_risky == told
    assert made_of_risky - made == Counter([jobs.CopySignals.topic])
