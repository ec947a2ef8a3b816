"""Nothing runs on other facts than were approved; a receipt or a person ends every effect."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from flowops import errors
from flowops.actions import execution, operators, outbox
from flowops.app import App
from flowops.domain import policy
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.effects import Status
from flowops.domain.facts import Facts
from flowops.domain.handoffs import Outcome, Reason
from flowops.domain.handoffs import Status as CaseStatus
from flowops.queries import audit
from flowops.queries import effects as queries
from flowops.queries import handoffs as cases
from flowops.storage import tables
from tests import delivery, verbs, world
from tests.cases import person
from tests.conftest import NOW, Clock


def issue(app: App, effect: tables.Effect) -> str:
    """What was last said about why the effect's case needs a person."""
    with app.view() as view:
        handoff = cases.get(view, str(effect.handoff_id)).handoff
        return str(audit.issues_found(view, handoff)[-1].data["why"])


def test_an_effect_starts_once_and_keeps_its_receipt(app: App, bot: Actor) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    assert world.start(app, effect.id)
    assert world.start(app, effect.id), "an executing effect is called again under its key"
    assert world.events_of(app, effect).count("effect.started") == 1
    for _ in range(2):
        with app.unit(SYSTEM) as unit:
            execution.finish(unit, effect.id, "rf_1", NOW)
    done = world.now(app, effect)
    assert (done.status, done.receipt_reference, done.receipt_at) == (Status.DONE, "rf_1", NOW)
    assert world.events_of(app, effect).count("effect.done") == 1
    assert not world.start(app, effect.id)


def test_records_that_changed_after_the_approval_hold_the_effect_and_open_a_case(app: App, bot: Actor) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    world.change_invoice(app, refundable=4800)
    assert not world.start(app, effect.id)
    with app.view() as view:
        found = queries.get(view, effect.id)
        [entry] = audit.search(view, event="effect.held").items
    handoff = verbs.read(app, str(found.effect.handoff_id))
    held = found.effect
    assert (held.status, held.approvals_needed) == (Status.HELD, 1)
    assert held.content_sha256 != effect.content_sha256
    changed = [{"field": "invoice.refundable", "before": "49.00 EUR", "after": "48.00 EUR"}]
    assert found.difference == changed
    assert entry.row.data["changed"] == ["invoice.refundable"]
    assert "commitment" in entry.row.data["difference"], "what the records say can be erased"
    assert handoff.reason == Reason.VERIFICATION_FAILED
    assert handoff.title == "The refund is held: something changed since it was approved"
    assert "invoice.refundable was 49.00 EUR and is 48.00 EUR" in issue(app, found.effect)


def test_a_held_effect_reopens_its_resolved_case(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    effect = world.proposed(app, bot)
    world.approve(app, ada, effect)
    verbs.claim(app, ada, str(effect.handoff_id))
    verbs.resolve(app, ada, str(effect.handoff_id), Outcome.APPROVED)
    clock.forward(seconds=10)
    world.change_invoice(app, status="void")
    assert not world.start(app, effect.id)
    assert verbs.read(app, str(effect.handoff_id)).status is CaseStatus.PENDING


def test_what_is_no_longer_held_has_no_difference(app: App, bot: Actor, ada: Actor) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    world.change_invoice(app, total=5000)
    assert not world.start(app, effect.id)
    world.approve(app, ada, world.now(app, effect))
    with app.view() as view:
        assert queries.get(view, effect.id).difference is None


def test_an_effect_that_policy_denies_by_now_is_held_and_can_be_approved_by_nobody(
    app: App, bot: Actor, boss: Actor
) -> None:
    effect = world.effect_of(app, world.receive(app, bot))

    @policy.rule("refund")
    def freeze(facts: Facts) -> policy.Ruling:
        """Deny everything."""
        return policy.deny("refunds are frozen")

    frozen = replace(app, policy=policy.Policy("sha256:frozen", (freeze,)))
    assert not world.start(frozen, effect.id)
    held = world.now(app, effect)
    assert held.status is Status.HELD
    assert "policy denies it: refunds are frozen" in issue(app, held)
    with pytest.raises(errors.DeniedByPolicy):
        world.approve(app, boss, held)


def test_nothing_starts_while_it_can_be_called_back(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    effect = world.proposed(app, bot)
    world.approve(app, ada, effect)
    clock.forward(seconds=8)
    with pytest.raises(errors.Unavailable, match="can still be called back") as put_off:
        world.start(app, effect.id)
    assert put_off.value.facts["retry_after"] == 2
    clock.forward(seconds=1)
    assert world.now(app, effect).status is Status.APPROVED
    clock.forward(seconds=1)
    assert world.start(app, effect.id)


def test_what_somebody_approved_who_may_no_more_is_held(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    def goes(app: App, ada: Actor) -> None:
        with app.unit(SYSTEM) as unit:
            operators.disable(unit, str(ada.id))

    def watches(app: App, ada: Actor) -> None:
        with app.unit(SYSTEM) as unit:
            operators.change_role(unit, str(ada.id), Role.VIEWER)

    for changes, approver in ((watches, ada), (goes, person(app, "Gil"))):
        effect = world.proposed(app, bot)
        world.approve(app, approver, effect)
        changes(app, approver)
        clock.forward(seconds=10)
        assert not world.start(app, effect.id)
        held = world.now(app, effect)
        assert (held.status, held.approvals_needed) == (Status.HELD, 1)
        assert "somebody who approved it may approve it no more" in issue(app, held)
        with app.view() as view:
            newest, *_ = audit.search(view, event="effect.held").items
        assert newest.row.data["changed"] == ["approvals"]


def test_an_effect_whose_job_is_discarded_has_failed_and_needs_a_person(app: App, bot: Actor) -> None:
    elsewhere = person(app, "Sue", Role.SUPERVISOR, ("legal",))  # who manages jobs manages all of them
    for is_executing, said in ((True, "the provider may have done it: look there"), (False, "before the provider was")):
        effect = world.effect_of(app, world.receive(app, bot))
        [job] = [job for job in delivery.claim(app) if json.loads(job.payload).get("effect_id") == effect.id]
        assert not is_executing or world.start(app, effect.id)
        delivery.bury(app, job)
        with app.unit(elsewhere) as unit:
            outbox.discard(unit, job.id, "paid by hand")
        failed = world.now(app, effect)
        assert failed.status is Status.FAILED
        assert said in str(failed.error)
        case = verbs.read(app, str(failed.handoff_id))
        assert (case.status, case.reason) == (CaseStatus.PENDING, Reason.EFFECT_FAILED)
        assert "paid by hand" in issue(app, failed)


def test_a_discarded_job_leaves_an_effect_alone_that_is_over(app: App, bot: Actor) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    [job] = delivery.claim(app)
    delivery.bury(app, job)
    world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        execution.finish(unit, effect.id, "rf_1", NOW)
    with app.unit(SYSTEM) as unit:
        outbox.discard(unit, job.id, "done")
    assert world.now(app, effect).status is Status.DONE


def test_an_approval_too_old_is_void_and_a_person_is_told(app: App, bot: Actor, clock: Clock) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    clock.forward(hours=24)
    assert not world.start(app, effect.id)
    expired = world.now(app, effect)
    assert expired.status is Status.EXPIRED
    assert verbs.read(app, str(expired.handoff_id)).reason == Reason.EFFECT_FAILED


def test_a_refusal_for_good_fails_the_effect_and_opens_a_case(app: App, bot: Actor) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        execution.fail(unit, effect.id, "the card is closed")
    failed = world.now(app, effect)
    assert (failed.status, failed.error) == (Status.FAILED, "the card is closed")
    assert verbs.read(app, str(failed.handoff_id)).reason == Reason.EFFECT_FAILED
    assert issue(app, failed) == "The refund failed: the card is closed"


def test_a_waiting_case_waits_no_longer_when_its_effect_fails(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    effect = world.proposed(app, bot)
    verbs.claim(app, ada, str(effect.handoff_id))
    world.approve(app, ada, effect)
    verbs.wait(app, ada, str(effect.handoff_id))
    clock.forward(hours=1)
    assert world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        execution.fail(unit, effect.id, "the card is closed")
    case = verbs.read(app, str(effect.handoff_id))
    assert (case.status, case.claimed_by, case.waiting_for) == (CaseStatus.CLAIMED, ada.id, None)
    assert case.claim_expires_at == clock.now + timedelta(minutes=15)


def test_an_effect_that_certainly_did_not_leave_is_verified_again(app: App, bot: Actor) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        execution.put_back(unit, effect.id, "connection refused")
    assert world.now(app, effect).status is Status.APPROVED
    world.change_invoice(app, refundable=0)
    assert not world.start(app, effect.id)
    assert world.now(app, effect).status is Status.HELD


def test_a_sent_reply_joins_the_conversation(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    case_id = str(world.receive(app, bot, kind=None, params={}, escalate=True).handoff_id)
    verbs.claim(app, ada, case_id)
    effect = world.propose(app, ada, case_id, "reply", {"body": "Dear Ada, we are looking into it."})
    world.approve(app, ada, effect)
    clock.forward(seconds=10)
    assert world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        execution.finish(unit, effect.id, "mail-1", NOW)
    with app.view() as view:
        messages = cases.get(view, case_id).messages
    assert [m.role for m in messages] == ["customer", "operator"]


def test_a_void_approval_stays_void_when_the_records_are_as_they_were(app: App, bot: Actor, clock: Clock) -> None:
    effect = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    people = [person(app, name, Role.SUPERVISOR) for name in ("Tom", "Una", "Vic")]
    world.approve(app, people[0], effect)
    world.approve(app, people[1], effect)
    clock.forward(seconds=10)
    world.change_invoice(app, "inv_320", total=60_001)
    assert not world.start(app, effect.id)
    world.change_invoice(app, "inv_320", total=60_000)
    held = world.now(app, effect)
    with pytest.raises(errors.ContentChanged) as refused:
        world.approve(app, people[2], held)
    assert refused.value.facts["content_sha256"] == effect.content_sha256
    assert world.approve(app, people[2], effect).status is Status.HELD, "one of two, whatever was approved before"
    assert world.approve(app, people[0], effect).status is Status.APPROVED


def test_whoever_approved_what_was_held_can_approve_it_again(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    effect = world.proposed(app, bot)
    world.approve(app, ada, effect)
    clock.forward(seconds=10)
    world.change_invoice(app, status="open")
    assert not world.start(app, effect.id)
    world.change_invoice(app, status="paid")
    assert world.approve(app, ada, effect).status is Status.APPROVED


def test_a_held_effect_waits_as_long_as_a_proposal(app: App, bot: Actor, clock: Clock) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    clock.forward(hours=23)
    world.change_invoice(app, total=5000)
    assert not world.start(app, effect.id)
    held = world.now(app, effect)
    assert (held.expires_at - clock.now, held.execute_after) == (timedelta(days=7), None)
