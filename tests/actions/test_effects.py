"""An approval means exactly what was seen, by people who may; what is called back or too old never happens."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import select

from flowops import app as application
from flowops import errors
from flowops.actions import effects, handoffs, switch
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.effects import Status
from flowops.domain.handoffs import Outcome
from flowops.queries import audit
from flowops.queries import effects as effect_queries
from flowops.storage import tables
from tests import verbs, world
from tests.cases import person
from tests.conftest import NOW, Clock


def test_one_operator_approves_a_small_refund_and_it_waits_out_the_undo_window(
    app: App, bot: Actor, ada: Actor
) -> None:
    effect = world.proposed(app, bot)
    approved = world.approve(app, ada, effect)
    assert (approved.status, approved.execute_after) == (Status.APPROVED, NOW + timedelta(seconds=10))
    with app.view() as view:
        job = view.session.scalars(select(tables.Job).where(tables.Job.topic == "effect.execute")).one()
    assert (job.run_at, job.payload["effect_id"]) == (approved.execute_after, effect.id)
    assert world.events_of(app, effect) == ["effect.proposed", "effect.approved"]


def test_deciding_on_an_effect_extends_the_owners_claim_and_nobody_elses(
    app: App, bot: Actor, ada: Actor, boss: Actor, clock: Clock
) -> None:
    effect, other = world.proposed(app, bot), world.proposed(app, bot)
    for case_id in (str(effect.handoff_id), str(other.handoff_id)):
        verbs.claim(app, ada, case_id)

    def left() -> list[timedelta]:
        ends = [verbs.read(app, str(e.handoff_id)).claim_expires_at for e in (effect, other)]
        return [end - clock.now for end in ends if end]

    clock.forward(minutes=10)
    world.approve(app, ada, effect)
    world.decline(app, boss, other)
    assert left() == [timedelta(minutes=15), timedelta(minutes=5)]
    clock.forward(seconds=9)
    world.cancel(app, ada, effect)
    assert left() == [timedelta(minutes=15), timedelta(minutes=4, seconds=51)]


def test_a_late_owner_decides_on_no_effect(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    effect = world.proposed(app, bot)
    case = str(effect.handoff_id)
    verbs.claim(app, ada, case)
    clock.forward(minutes=15)
    for is_swept in (False, True):
        assert not is_swept or verbs.sweep(app) == 1
        for decide in (world.approve, world.decline, world.cancel):
            with pytest.raises(errors.ClaimExpired):
                decide(app, ada, effect)
        assert world.now(app, effect).status is Status.PROPOSED
    verbs.claim(app, ada, case)
    assert world.approve(app, ada, effect).status is Status.APPROVED


def test_an_approval_of_other_content_than_the_effects_is_refused(app: App, bot: Actor, ada: Actor) -> None:
    effect = world.proposed(app, bot)
    with pytest.raises(errors.ContentChanged) as refused:
        world.approve(app, ada, effect, sha256="sha256:" + "0" * 64)
    assert refused.value.facts["content_sha256"] == effect.content_sha256
    assert world.now(app, effect).status is Status.PROPOSED


def test_records_that_changed_since_the_proposal_are_shown_before_anybody_can_approve(
    app: App, bot: Actor, ada: Actor
) -> None:
    effect = world.proposed(app, bot)
    world.change_invoice(app, total=5000)
    with pytest.raises(errors.ContentChanged) as refused:
        world.approve(app, ada, effect)
    [change] = refused.value.facts["difference"]
    assert change["field"] == "invoice.total"
    approved = world.approve(app, ada, effect, sha256=refused.value.facts["content_sha256"])
    assert (approved.status, approved.content_sha256) == (Status.APPROVED, refused.value.facts["content_sha256"])


def test_a_check_that_still_fails_blocks_the_approval(app: App, bot: Actor, ada: Actor) -> None:
    effect = world.proposed(app, bot, email="somebody.else@example.com")
    with pytest.raises(errors.VerificationFailed, match="email_matches_account"):
        world.approve(app, ada, effect)


def test_a_denied_effect_can_be_approved_by_nobody(app: App, bot: Actor, boss: Actor) -> None:
    case = world.receive(app, bot, kind=None, params={}, escalate=True)
    world.change_invoice(app, refundable=0)
    verbs.claim(app, boss, str(case.handoff_id))
    effect = world.propose(app, boss, str(case.handoff_id), "refund", world.REFUND)
    with pytest.raises(errors.DeniedByPolicy):
        world.approve(app, boss, effect)
    assert world.now(app, effect).status is Status.PROPOSED


def test_a_reply_is_kept_and_hashed_as_it_will_be_sent(app: App, bot: Actor, ada: Actor) -> None:
    case = str(world.receive(app, bot, kind=None, params={}, escalate=True).handoff_id)
    said = {"body": "We are\nlooking into it.", "subject": "Your\r\nBcc: all"}
    effect = world.propose(app, bot, case, "reply", said)
    assert effect.params == {**said, "subject": "Your Bcc: all"}
    assert world.approve(app, ada, effect).status is Status.APPROVED
    with pytest.raises(errors.Invalid, match="body"):
        world.propose(app, bot, case, "reply", {"body": " \n "})
    blank = world.receive(app, bot, kind="reply", params={"body": " "})
    assert blank.outcome == "handed_off"
    with app.view() as view:
        assert effect_queries.request(view, blank.id).effect is None


def test_nobody_proposes_in_a_resolved_case(app: App, bot: Actor, boss: Actor) -> None:
    case_id = str(world.receive(app, bot, kind=None, params={}, escalate=True).handoff_id)
    verbs.claim(app, boss, case_id)
    verbs.resolve(app, boss, case_id)
    with pytest.raises(errors.AlreadyResolved):
        world.propose(app, bot, case_id, "refund", world.REFUND)


def test_an_effect_without_a_case_is_nobodys_of_another_queue(app: App, bot: Actor) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    stranger = person(app, "Zoe", Role.SUPERVISOR, ("elsewhere",))
    with pytest.raises(errors.NotFound, match=f"no effect {effect.id}"):
        world.decline(app, stranger, effect)


def test_who_may_not_see_an_effect_is_not_told_its_case(app: App, bot: Actor) -> None:
    effect = world.proposed(app, bot)
    stranger = person(app, "Zoe", Role.SUPERVISOR, ("elsewhere",))
    for decide in (world.approve, world.decline, world.cancel):
        with pytest.raises(errors.NotFound, match=f"no effect {effect.id}"):
            decide(app, stranger, effect)


def test_a_decision_takes_the_version_of_the_case_that_was_seen(app: App, bot: Actor, ada: Actor) -> None:
    effect = world.proposed(app, bot)
    with pytest.raises(errors.StaleVersion, match="at version 1, you sent 7"), app.unit(ada) as unit:
        effects.decline(unit, effect.id, "no", app.settings, version=7)
    with app.unit(ada) as unit:
        assert effects.decline(unit, effect.id, "no", app.settings, version=1).status is Status.DECLINED
    alone = world.effect_of(app, world.receive(app, bot))
    with pytest.raises(errors.Invalid, match="If-Match"), app.unit(ada) as unit:
        effects.cancel(unit, alone.id, app.settings, version=1)


def test_a_message_that_came_after_the_one_read_stops_the_approval(app: App, bot: Actor, ada: Actor) -> None:
    effect = world.proposed(app, bot)
    with app.view() as view:
        last = view.session.scalars(select(tables.Message)).one().id
    with pytest.raises(errors.NewMessage):
        world.approve(app, ada, effect, read="msg_before")
    with pytest.raises(errors.NewMessage):
        world.approve(app, ada, effect, read="")
    assert world.approve(app, ada, effect, read=last).status is Status.APPROVED


def test_a_proposal_expires(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    effect = world.proposed(app, bot)
    clock.forward(days=7)
    with pytest.raises(errors.Expired):
        world.approve(app, ada, effect)


def test_a_declined_effect_stays_declined(app: App, bot: Actor, ada: Actor) -> None:
    effect = world.proposed(app, bot)
    world.decline(app, ada, effect)
    with pytest.raises(errors.AlreadyDecided):
        world.approve(app, ada, effect)
    assert world.events_of(app, effect)[-1] == "effect.declined"


def test_only_the_owner_or_the_service_that_opened_the_case_proposes(app: App, bot: Actor, ada: Actor) -> None:
    case_id = str(world.receive(app, bot, kind=None, params={}, escalate=True).handoff_id)
    with pytest.raises(errors.NotClaimed):
        world.propose(app, ada, case_id, "refund", world.REFUND)
    assert world.propose(app, bot, case_id, "refund", world.REFUND).status is Status.PROPOSED
    with pytest.raises(errors.NotFound):
        world.propose(app, world.service(app, "other"), case_id, "refund", world.REFUND)
    verbs.claim(app, ada, case_id)
    with pytest.raises(errors.Invalid, match="no effect kind 'teleport'"):
        world.propose(app, ada, case_id, "teleport", {})


def test_an_approved_effect_is_called_back_while_its_undo_window_lasts(
    app: App, bot: Actor, ada: Actor, bob: Actor, boss: Actor, clock: Clock
) -> None:
    """By the proposer, an approver or a supervisor, and by nobody else."""
    mine = world.proposed(app, bot, customer_id="cust_133", params=world.MIDDLE)
    verbs.claim(app, ada, str(mine.handoff_id))
    made = world.propose(app, ada, str(mine.handoff_id), "reply", {"body": "Wait."})
    for effect, by in ((mine, bob), (made, bob), (world.proposed(app, bot), ada)):
        world.approve(app, by, effect)
        clock.forward(seconds=9)
        stranger = person(app, "Zoe")
        with pytest.raises(errors.NotPermitted, match=r"handoffs\.supervise"):
            world.cancel(app, stranger, effect)
        who = {mine.id: bob, made.id: ada}.get(effect.id, boss)
        version = verbs.read(app, str(effect.handoff_id)).version
        cancelled = world.cancel(app, who, effect)
        assert (cancelled.status, cancelled.execute_after) == (Status.CANCELLED, None)
        assert verbs.read(app, str(effect.handoff_id)).version == version + 1
        assert world.events_of(app, effect)[-1] == "effect.cancelled"
        clock.forward(seconds=1)
        assert not world.start(app, effect.id)
        with pytest.raises(errors.TooLate, match="is cancelled"):
            world.cancel(app, who, effect)


def test_after_the_undo_window_nobody_calls_an_effect_back(
    app: App, bot: Actor, ada: Actor, boss: Actor, clock: Clock
) -> None:
    automatic = world.effect_of(app, world.receive(app, bot))
    effect, declined = world.proposed(app, bot), world.proposed(app, bot)
    world.approve(app, ada, effect)
    world.decline(app, ada, declined)
    clock.forward(seconds=10)
    assert world.start(app, automatic.id)
    for each, status in ((effect, "approved"), (declined, "declined"), (automatic, "executing")):
        with pytest.raises(errors.TooLate, match=f"is {status}"):
            world.cancel(app, boss, each)
        assert world.now(app, each).status == status


def test_as_long_as_effects_are_paused_one_that_has_not_begun_is_called_back(
    app: App, bot: Actor, ada: Actor, boss: Actor, clock: Clock
) -> None:
    automatic, asked_for = (world.effect_of(app, world.receive(app, bot)) for _ in range(2))
    effect = world.proposed(app, bot)
    world.approve(app, ada, effect)
    clock.forward(seconds=10)
    assert world.start(app, asked_for.id)
    with app.unit(SYSTEM) as unit:
        switch.pause(unit, "refunds go out twice")
    with pytest.raises(errors.TooLate, match="is executing"):  # nobody knows what became of it
        world.cancel(app, boss, asked_for)
    for who, each in ((ada, effect), (boss, automatic)):
        assert world.cancel(app, who, each).status is Status.CANCELLED
    with app.unit(SYSTEM) as unit:
        switch.resume(unit)
    assert not world.start(app, effect.id)
    assert not world.start(app, automatic.id)


def test_an_effect_that_policy_approved_has_no_undo_window(app: App, bot: Actor, boss: Actor) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    with pytest.raises(errors.TooLate):
        world.cancel(app, boss, effect)


def test_a_proposal_is_withdrawn_by_who_made_it_and_no_longer_keeps_the_case_open(
    app: App, bot: Actor, ada: Actor
) -> None:
    effect = world.proposed(app, bot, customer_id="cust_132", params=world.BIG)
    case_id = str(effect.handoff_id)
    verbs.claim(app, ada, case_id)
    above_my_limit = world.propose(app, ada, case_id, "refund", world.BIG)
    with pytest.raises(errors.AboveLimit):
        world.decline(app, ada, above_my_limit)
    with pytest.raises(errors.NotPermitted):
        world.cancel(app, ada, effect)
    with pytest.raises(errors.NotFound):
        world.cancel(app, world.service(app, "other"), effect)
    world.cancel(app, ada, above_my_limit)
    with pytest.raises(errors.OpenEffects):
        verbs.resolve(app, ada, case_id)
    world.cancel(app, bot, effect)
    verbs.resolve(app, ada, case_id)


def test_whoever_approved_what_an_effect_no_longer_is_cannot_call_it_back(
    app: App, bot: Actor, ada: Actor, clock: Clock
) -> None:
    effect = world.proposed(app, bot)
    world.approve(app, ada, effect)
    clock.forward(seconds=10)
    world.change_invoice(app, total=5000)
    assert not world.start(app, effect.id)
    with pytest.raises(errors.NotPermitted):
        world.cancel(app, ada, effect)


def test_a_case_that_was_resolved_on_an_effect_needs_a_person_when_it_is_called_back(
    app: App, bot: Actor, ada: Actor
) -> None:
    effect = world.proposed(app, bot)
    verbs.claim(app, ada, str(effect.handoff_id))
    world.approve(app, ada, effect)
    verbs.resolve(app, ada, str(effect.handoff_id), Outcome.APPROVED)
    world.cancel(app, ada, effect)
    case = verbs.read(app, str(effect.handoff_id))
    assert (case.status, case.outcome, case.issues[-1]) == ("pending", None, "other")


def expire_due(app: App, limit: int = 100) -> int:
    with app.unit(SYSTEM) as unit:
        return effects.expire_due(unit, limit)


def test_what_waited_too_long_for_a_decision_expires_and_its_case_can_be_resolved(
    app: App, bot: Actor, ada: Actor, clock: Clock
) -> None:
    held = world.effect_of(app, world.receive(app, bot))
    world.change_invoice(app, total=5000)
    assert not world.start(app, held.id)
    proposed = world.proposed(app, bot)
    clock.forward(days=7, seconds=-1)
    assert expire_due(app) == 0
    verbs.claim(app, ada, str(proposed.handoff_id))
    clock.forward(seconds=1)
    with pytest.raises(errors.OpenEffects):
        verbs.resolve(app, ada, str(proposed.handoff_id))
    version = verbs.read(app, str(proposed.handoff_id)).version
    assert [expire_due(app, limit=1) for _ in range(3)] == [1, 1, 0]
    for effect, was in ((held, "held"), (proposed, "proposed")):
        assert world.now(app, effect).status is Status.EXPIRED
        with app.view() as view:
            [entry] = audit.search(view, event="effect.expired", handoff=str(world.now(app, effect).handoff_id)).items
        assert (entry.row.actor_kind, entry.data["was"]) == ("system", was)
    assert verbs.read(app, str(proposed.handoff_id)).version == version + 1
    verbs.resolve(app, ada, str(proposed.handoff_id))


def test_an_approval_that_nobody_carried_out_expires_and_a_person_is_told(
    app: App, bot: Actor, ada: Actor, clock: Clock
) -> None:
    alone, resolved = world.effect_of(app, world.receive(app, bot)), world.proposed(app, bot)
    world.approve(app, ada, resolved)
    verbs.claim(app, ada, str(resolved.handoff_id))
    verbs.resolve(app, ada, str(resolved.handoff_id))
    clock.forward(hours=24, seconds=10)
    assert (expire_due(app), expire_due(app)) == (2, 0)
    for effect in (alone, resolved):
        case = verbs.read(app, str(world.now(app, effect).handoff_id))
        assert (case.status, "effect_failed" in case.issues) == ("pending", True)
        assert not world.start(app, effect.id)


def test_what_began_or_ended_never_expires(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    executing = world.effect_of(app, world.receive(app, bot))
    world.start(app, executing.id)
    declined = world.proposed(app, bot)
    world.decline(app, ada, declined)
    clock.forward(days=30)
    assert expire_due(app) == 0


def test_a_case_that_somebody_works_on_is_left_for_the_next_sweep(
    app: App, bot: Actor, ada: Actor, clock: Clock
) -> None:
    effect = world.proposed(app, bot)
    clock.forward(days=7)
    with ThreadPoolExecutor(1) as threads:
        with app.unit(ada) as unit:
            handoffs.find(unit, str(effect.handoff_id))
            swept = threads.submit(expire_due, app)
            if not app.database.is_sqlite:  # which has one writer, so the sweep waits
                assert swept.result() == 0
        assert swept.result() + expire_due(app) == 1


def test_of_calling_back_and_starting_at_once_exactly_one_wins(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    """Two processes whose moments lie on either side of the end of the undo window."""
    waiting = [world.proposed(app, bot) for _ in range(10)]
    for effect in waiting:
        world.approve(app, ada, effect)
    later = Clock()
    later.forward(seconds=10)
    worker = application.build(app.settings, later)
    clock.forward(seconds=9)
    ready = threading.Barrier(2)

    def call_back(effect: tables.Effect) -> bool:
        ready.wait()
        with suppress(errors.TooLate):
            return world.cancel(app, ada, effect).status is Status.CANCELLED
        return False

    def start(effect: tables.Effect) -> bool:
        ready.wait()
        return world.start(worker, effect.id)

    with ThreadPoolExecutor(2) as threads:
        for effect in waiting:
            back, begun = threads.submit(call_back, effect), threads.submit(start, effect)
            assert {back.result(), begun.result()} == {True, False}
            assert world.now(app, effect).status is (Status.CANCELLED if back.result() else Status.EXECUTING)
    worker.close()
