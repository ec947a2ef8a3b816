"""An approval means exactly what was seen; nothing runs on other facts; a receipt or a person ends every effect."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from flowops import errors
from flowops.actions import effects, execution, handoffs
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.effects import Status
from flowops.domain.handoffs import Outcome, Reason
from flowops.domain.handoffs import Status as CaseStatus
from flowops.queries import effects as queries
from flowops.queries import handoffs as cases
from flowops.storage import tables
from tests import world
from tests.cases import person
from tests.conftest import NOW, Clock

BIG = {"money": {"amount": 60_000, "currency": "EUR"}, "invoiceId": "inv_320"}
MIDDLE = {"money": {"amount": 25_000, "currency": "EUR"}, "invoiceId": "inv_330"}


@pytest.fixture
def bot(app: App) -> Actor:
    app.sandbox.seed(NOW)
    return world.service(app)


@pytest.fixture
def ops(app: App) -> Actor:
    return person(app, "Priya")


@pytest.fixture
def boss(app: App) -> Actor:
    return person(app, "Sam", Role.SUPERVISOR)


def effect_of(app: App, request: tables.Request) -> tables.Effect:
    with app.view() as view:
        found = queries.request(view, request.id).effect
    assert found is not None
    return found


def proposed(app: App, bot: Actor, **other: Any) -> tables.Effect:
    """An effect that waits for a person: the caller asked to escalate."""
    return effect_of(app, world.receive(app, bot, **{"escalate": True, **other}))


def approve(app: App, by: Actor, effect: tables.Effect, sha256: str | None = None, read: str | None = None) -> Any:
    with app.view() as view:
        asked = queries.asked(view, effect.id)
    records = app.fetch(asked)
    answer = effects.Answer(sha256 or effect.content_sha256, read)
    with app.unit(by) as unit:
        return effects.approve(unit, effect.id, answer, records, app.policy, app.settings)


def propose(app: App, by: Actor, case_id: str, kind: str, params: dict[str, Any]) -> tables.Effect:
    with app.view(by) as view:
        asked = queries.proposal(cases.get(view, case_id).handoff, kind, params)
    records = app.fetch(asked)
    with app.unit(by) as unit:
        return effects.propose(unit, case_id, asked, records, app.policy, app.settings)


def change_invoice(app: App, invoice_id: str = "inv_123", **values: Any) -> None:
    rows = tables.SandboxInvoice
    with app.database.writing() as connection:
        connection.execute(update(rows).where(rows.id == invoice_id).values(**values))


def now(app: App, effect: tables.Effect) -> tables.Effect:
    with app.view() as view:
        return queries.get(view, effect.id).effect


def events_of(app: App, effect: tables.Effect) -> list[str]:
    with app.view() as view:
        entries = select(tables.AuditEntry.event).where(tables.AuditEntry.effect_id == effect.id)
        return list(view.session.scalars(entries.order_by(tables.AuditEntry.seq)))


def test_one_operator_approves_a_small_refund_and_it_waits_out_the_undo_window(
    app: App, bot: Actor, ops: Actor
) -> None:
    effect = proposed(app, bot)
    approved = approve(app, ops, effect)
    assert (approved.status, (approved.execute_after - NOW).total_seconds()) == (Status.APPROVED, 10)
    with app.view() as view:
        job = view.session.scalars(select(tables.Job).where(tables.Job.topic == "effect.execute")).one()
    assert (job.run_at, job.payload["effect_id"]) == (approved.execute_after, effect.id)
    assert events_of(app, effect) == ["effect.proposed", "effect.approved"]


def test_deciding_on_an_effect_extends_the_owners_claim_and_nobody_elses(
    app: App, bot: Actor, ops: Actor, boss: Actor, clock: Clock
) -> None:
    effect, other = proposed(app, bot), proposed(app, bot)
    for case_id in (str(effect.handoff_id), str(other.handoff_id)):
        with app.unit(ops) as unit:
            handoffs.claim(unit, case_id, lease=app.settings.claim_lease)
    clock.forward(minutes=10)
    approve(app, ops, effect)
    with app.unit(boss) as unit:
        effects.decline(unit, other.id, "not ours", app.settings)
    with app.view() as view:
        ends = [cases.get(view, str(e.handoff_id)).handoff.claim_expires_at for e in (effect, other)]
    assert [end - clock.now for end in ends if end] == [timedelta(minutes=15), timedelta(minutes=5)]


def test_an_approval_of_other_content_than_the_effects_is_refused(app: App, bot: Actor, ops: Actor) -> None:
    effect = proposed(app, bot)
    with pytest.raises(errors.ContentChanged) as refused:
        approve(app, ops, effect, sha256="sha256:" + "0" * 64)
    assert refused.value.facts["content_sha256"] == effect.content_sha256
    assert now(app, effect).status is Status.PROPOSED


def test_records_that_changed_since_the_proposal_are_shown_before_anybody_can_approve(
    app: App, bot: Actor, ops: Actor
) -> None:
    effect = proposed(app, bot)
    change_invoice(app, total=5000)
    with pytest.raises(errors.ContentChanged) as refused:
        approve(app, ops, effect)
    [change] = refused.value.facts["difference"]
    assert change["field"] == "invoice.total"
    approved = approve(app, ops, effect, sha256=refused.value.facts["content_sha256"])
    assert (approved.status, approved.content_sha256) == (Status.APPROVED, refused.value.facts["content_sha256"])


def test_a_check_that_still_fails_blocks_the_approval(app: App, bot: Actor, ops: Actor) -> None:
    effect = proposed(app, bot, email="somebody.else@example.com")
    with pytest.raises(errors.VerificationFailed, match="email_matches_account"):
        approve(app, ops, effect)


def test_a_denied_effect_can_be_approved_by_nobody(app: App, bot: Actor, boss: Actor) -> None:
    case = world.receive(app, bot, kind=None, params={}, escalate=True)
    change_invoice(app, refundable=0)
    with app.unit(boss) as unit:
        handoffs.claim(unit, str(case.handoff_id), lease=app.settings.claim_lease)
    effect = propose(app, boss, str(case.handoff_id), "refund", world.REFUND)
    with pytest.raises(errors.DeniedByPolicy):
        approve(app, boss, effect)
    assert now(app, effect).status is Status.PROPOSED


def test_an_amount_above_the_operators_limit_needs_a_supervisor(app: App, bot: Actor, ops: Actor, boss: Actor) -> None:
    effect = proposed(
        app, bot, customer_id="cust_133", params={**MIDDLE, "money": {"amount": 25_000, "currency": "EUR"}}
    )
    assert effect.approval_permission == "effects.approve"
    big = proposed(app, bot, customer_id="cust_132", params={**BIG, "money": {"amount": 25_001, "currency": "EUR"}})
    with pytest.raises(errors.AboveLimit):
        approve(app, ops, big)
    with pytest.raises(errors.AboveLimit), app.unit(ops) as unit:
        effects.decline(unit, big.id, "no", app.settings)
    assert approve(app, boss, big).status is Status.APPROVED


def test_from_five_hundred_on_two_people_who_are_not_the_proposer(app: App, bot: Actor, boss: Actor) -> None:
    case = world.receive(app, bot, customer_id="cust_132", kind=None, params={}, escalate=True)
    with app.unit(boss) as unit:
        handoffs.claim(unit, str(case.handoff_id), lease=app.settings.claim_lease)
    effect = propose(app, boss, str(case.handoff_id), "refund", BIG)
    assert effect.approvals_needed == 2
    with pytest.raises(errors.SelfApproval):
        approve(app, boss, effect)
    first, second = (person(app, name, Role.SUPERVISOR) for name in ("Tom", "Una"))
    assert approve(app, first, effect).status is Status.PROPOSED
    with pytest.raises(errors.AlreadyDecided, match="approved by you"):
        approve(app, first, effect)
    assert approve(app, second, effect).status is Status.APPROVED
    with pytest.raises(errors.AlreadyDecided):
        approve(app, second, effect)


def test_an_approval_of_changed_content_voids_those_before(app: App, bot: Actor) -> None:
    effect = proposed(app, bot, customer_id="cust_132", params=BIG)
    first, second, third = (person(app, name, Role.SUPERVISOR) for name in ("Tom", "Una", "Vic"))
    approve(app, first, effect)
    change_invoice(app, "inv_320", total=60_001)
    with pytest.raises(errors.ContentChanged) as refused:
        approve(app, second, effect)
    new = refused.value.facts["content_sha256"]
    assert approve(app, second, effect, sha256=new).status is Status.PROPOSED
    assert approve(app, third, effect, sha256=new).status is Status.APPROVED


def test_a_void_approval_stays_void_when_the_records_are_as_they_were(app: App, bot: Actor) -> None:
    effect = proposed(app, bot, customer_id="cust_132", params=BIG)
    people = [person(app, name, Role.SUPERVISOR) for name in ("Tom", "Una", "Vic")]
    approve(app, people[0], effect)
    approve(app, people[1], effect)
    change_invoice(app, "inv_320", total=60_001)
    assert not world.start(app, effect.id)
    change_invoice(app, "inv_320", total=60_000)
    held = now(app, effect)
    with pytest.raises(errors.ContentChanged) as refused:
        approve(app, people[2], held)
    assert refused.value.facts["content_sha256"] == effect.content_sha256
    assert approve(app, people[2], effect).status is Status.HELD, "one of two, whatever was approved before"
    assert approve(app, people[0], effect).status is Status.APPROVED


def test_whoever_approved_what_was_held_can_approve_it_again(app: App, bot: Actor, ops: Actor) -> None:
    effect = proposed(app, bot)
    approve(app, ops, effect)
    change_invoice(app, status="open")
    assert not world.start(app, effect.id)
    change_invoice(app, status="paid")
    assert approve(app, ops, effect).status is Status.APPROVED


def test_a_held_effect_waits_as_long_as_a_proposal(app: App, bot: Actor, clock: Clock) -> None:
    effect = effect_of(app, world.receive(app, bot))
    clock.forward(hours=23)
    change_invoice(app, total=5000)
    assert not world.start(app, effect.id)
    held = now(app, effect)
    assert (held.expires_at - clock.now, held.execute_after) == (timedelta(days=7), None)


def test_nobody_proposes_in_a_resolved_case(app: App, bot: Actor, boss: Actor) -> None:
    case_id = str(world.receive(app, bot, kind=None, params={}, escalate=True).handoff_id)
    with app.unit(boss) as unit:
        handoffs.claim(unit, case_id, lease=app.settings.claim_lease)
        handoffs.resolve(unit, case_id, Outcome.ANSWERED, "")
    with pytest.raises(errors.AlreadyResolved):
        propose(app, bot, case_id, "refund", world.REFUND)


def test_an_effect_without_a_case_is_nobodys_of_another_queue(app: App, bot: Actor) -> None:
    effect = effect_of(app, world.receive(app, bot))
    stranger = person(app, "Zoe", Role.SUPERVISOR, ("elsewhere",))
    with pytest.raises(errors.NotFound), app.unit(stranger) as unit:
        effects.decline(unit, effect.id, "no", app.settings)


def test_a_message_that_came_after_the_one_read_stops_the_approval(app: App, bot: Actor, ops: Actor) -> None:
    effect = proposed(app, bot)
    with app.view() as view:
        last = view.session.scalars(select(tables.Message)).one().id
    with pytest.raises(errors.NewMessage):
        approve(app, ops, effect, read="msg_before")
    assert approve(app, ops, effect, read=last).status is Status.APPROVED


def test_a_proposal_expires(app: App, bot: Actor, ops: Actor, clock: Clock) -> None:
    effect = proposed(app, bot)
    clock.forward(days=7)
    with pytest.raises(errors.Expired):
        approve(app, ops, effect)


def test_a_declined_effect_stays_declined(app: App, bot: Actor, ops: Actor) -> None:
    effect = proposed(app, bot)
    with app.unit(ops) as unit:
        effects.decline(unit, effect.id, "not ours", app.settings)
    with pytest.raises(errors.AlreadyDecided):
        approve(app, ops, effect)
    assert events_of(app, effect)[-1] == "effect.declined"


def test_only_the_owner_or_the_service_that_opened_the_case_proposes(app: App, bot: Actor, ops: Actor) -> None:
    case_id = str(world.receive(app, bot, kind=None, params={}, escalate=True).handoff_id)
    with pytest.raises(errors.NotClaimed):
        propose(app, ops, case_id, "refund", world.REFUND)
    assert propose(app, bot, case_id, "refund", world.REFUND).status is Status.PROPOSED
    with pytest.raises(errors.NotFound):
        propose(app, world.service(app, "other"), case_id, "refund", world.REFUND)
    with app.unit(ops) as unit:
        handoffs.claim(unit, case_id, lease=app.settings.claim_lease)
    with pytest.raises(errors.Invalid, match="no effect kind 'teleport'"):
        propose(app, ops, case_id, "teleport", {})


def test_an_effect_starts_once_and_keeps_its_receipt(app: App, bot: Actor) -> None:
    effect = effect_of(app, world.receive(app, bot))
    assert world.start(app, effect.id)
    assert world.start(app, effect.id), "an executing effect is called again under its key"
    assert events_of(app, effect).count("effect.started") == 1
    for _ in range(2):
        with app.unit(SYSTEM) as unit:
            execution.finish(unit, effect.id, "rf_1", NOW)
    done = now(app, effect)
    assert (done.status, done.receipt_reference, done.receipt_at) == (Status.DONE, "rf_1", NOW)
    assert events_of(app, effect).count("effect.done") == 1
    assert not world.start(app, effect.id)


def test_records_that_changed_after_the_approval_hold_the_effect_and_open_a_case(app: App, bot: Actor) -> None:
    request = world.receive(app, bot)
    effect = effect_of(app, request)
    change_invoice(app, refundable=4800)
    assert not world.start(app, effect.id)
    held = now(app, effect)
    assert (held.status, held.approvals_needed) == (Status.HELD, 1)
    assert held.content_sha256 != effect.content_sha256
    with app.view() as view:
        handoff = cases.get(view, str(held.handoff_id)).handoff
        entry = view.session.scalars(select(tables.AuditEntry).where(tables.AuditEntry.event == "effect.held")).one()
    assert handoff.reason == Reason.VERIFICATION_FAILED
    assert entry.data["changed"] == ["invoice.refundable"]


def test_a_held_effect_reopens_its_resolved_case(app: App, bot: Actor, ops: Actor) -> None:
    effect = proposed(app, bot)
    approve(app, ops, effect)
    lease = app.settings.claim_lease
    with app.unit(ops) as unit:
        handoffs.claim(unit, str(effect.handoff_id), lease=lease)
        handoffs.resolve(unit, str(effect.handoff_id), Outcome.APPROVED, "done")
    change_invoice(app, status="void")
    assert not world.start(app, effect.id)
    with app.view() as view:
        assert cases.get(view, str(effect.handoff_id)).handoff.status is CaseStatus.PENDING


def test_an_approval_too_old_is_void_and_a_person_is_told(app: App, bot: Actor, clock: Clock) -> None:
    effect = effect_of(app, world.receive(app, bot))
    clock.forward(hours=24)
    assert not world.start(app, effect.id)
    expired = now(app, effect)
    assert expired.status is Status.EXPIRED
    with app.view() as view:
        assert cases.get(view, str(expired.handoff_id)).handoff.reason == Reason.EFFECT_FAILED


def test_a_refusal_for_good_fails_the_effect_and_opens_a_case(app: App, bot: Actor) -> None:
    effect = effect_of(app, world.receive(app, bot))
    world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        execution.fail(unit, effect.id, "the card is closed")
    failed = now(app, effect)
    assert (failed.status, failed.error) == (Status.FAILED, "the card is closed")
    with app.view() as view:
        assert cases.get(view, str(failed.handoff_id)).handoff.reason == Reason.EFFECT_FAILED


def test_an_effect_that_certainly_did_not_leave_is_verified_again(app: App, bot: Actor) -> None:
    effect = effect_of(app, world.receive(app, bot))
    world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        execution.put_back(unit, effect.id, "connection refused")
    assert now(app, effect).status is Status.APPROVED
    change_invoice(app, refundable=0)
    assert not world.start(app, effect.id)
    assert now(app, effect).status is Status.HELD


def test_a_sent_reply_joins_the_conversation(app: App, bot: Actor, ops: Actor) -> None:
    case_id = str(world.receive(app, bot, kind=None, params={}, escalate=True).handoff_id)
    with app.unit(ops) as unit:
        handoffs.claim(unit, case_id, lease=app.settings.claim_lease)
    effect = propose(app, ops, case_id, "reply", {"body": "Dear Ada, we are looking into it."})
    approve(app, ops, effect)
    world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        execution.finish(unit, effect.id, "mail-1", NOW)
    with app.view() as view:
        messages = cases.get(view, case_id).messages
    assert [m.role for m in messages] == ["customer", "operator"]
