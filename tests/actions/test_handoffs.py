"""A case is opened, given a priority, resolved and taken up again; and what each step leaves behind."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from flowops import errors
from flowops.actions import handoffs, ownership
from flowops.app import App
from flowops.domain import events
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.filters import Filters
from flowops.domain.handoffs import Outcome, Priority, Reason, Status
from flowops.queries import handoffs as answers
from flowops.storage import tables
from tests import cases, verbs, world
from tests.conftest import Clock
from tests.verbs import LEASE


def need_person(app: App, ref: str) -> tables.Handoff:
    with app.unit(SYSTEM) as unit:
        return handoffs.need_person(unit, ref, Reason.EFFECT_FAILED, "The refund failed: no money.")


def test_a_new_case_is_pending_promised_a_response_and_will_be_summarised(app: App, clock: Clock, case: str) -> None:
    handoff = verbs.read(app, case)
    assert (handoff.status, handoff.version, handoff.label) == (Status.PENDING, 1, f"H-{handoff.number}")
    assert (handoff.sla_clock, handoff.sla_due_at) == ("response", clock.now + timedelta(hours=1))
    assert handoff.sla_warn_at == clock.now + timedelta(minutes=45)
    with app.view() as view:
        assert view.session.scalars(select(tables.Job.key)).all() == [f"ai.generate:{case}:handoff_summary.v1"]
        assert [m.text for m in answers.get(view, case).messages] == ["I was charged twice."]
        request = view.session.scalars(select(tables.Request)).one()
    assert request.handoff_id == case
    assert verbs.happened(app, case) == ["request.received", "handoff.created"]


def test_a_case_answers_to_its_number_too(app: App, ada: Actor, case: str) -> None:
    assert verbs.claim(app, ada, verbs.read(app, case).label).id == case


@pytest.mark.parametrize("ref", ["H-0", "H-99", "H-" + "9" * 30, "hnd_", "hnd_\0", "hnd_%", "\ud800", "", "1"])
def test_what_names_no_case_is_not_found(app: App, ada: Actor, case: str, ref: str) -> None:
    with pytest.raises(errors.NotFound):
        verbs.claim(app, ada, ref)
    with app.view(ada) as view, pytest.raises(errors.NotFound):
        answers.get(view, ref)


def test_a_case_of_another_queue_is_not_found(app: App, ada: Actor) -> None:
    legal = cases.person(app, "Lou", queues=["legal"])
    case = cases.case(app, legal, queue="legal").id
    with pytest.raises(errors.NotFound):
        verbs.claim(app, ada, case)
    assert verbs.claim(app, legal, case).claimed_by == legal.id


def test_a_resolved_case_says_who_when_and_what(app: App, clock: Clock, ada: Actor, bob: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    handoff = verbs.resolve(app, ada, case)
    assert (handoff.status, handoff.resolved_by, handoff.resolved_at) == (Status.RESOLVED, ada.id, clock.now)
    assert (handoff.outcome, handoff.outcome_notes) == (Outcome.ANSWERED, "Explained the charge.")
    clock.forward(hours=1)
    for late in (verbs.claim, verbs.resolve):
        with pytest.raises(errors.AlreadyResolved, match="resolved by Ada at 2026-11-22 12:00 UTC") as e:
            late(app, bob, case)
        assert e.value.facts["resolved_by"] == {"id": ada.id, "name": "Ada"}
    with app.unit(ada) as unit, pytest.raises(errors.AlreadyResolved):
        handoffs.owned(unit, case, lease=LEASE)


def test_only_the_owner_or_a_supervisor_resolves(app: App, ada: Actor, bob: Actor, boss: Actor, case: str) -> None:
    with pytest.raises(errors.NotClaimed):
        verbs.resolve(app, bob, case)
    verbs.claim(app, ada, case)
    with pytest.raises(errors.NotOwner):
        verbs.resolve(app, bob, case)
    handoff = verbs.resolve(app, boss, case)
    assert (handoff.claimed_by, handoff.resolved_by) == (ada.id, boss.id)


def test_a_case_is_resolved_by_who_has_read_its_last_message(app: App, ada: Actor, case: str) -> None:
    silent = cases.case(app, ada, messages=()).id
    with app.view() as view:
        last = answers.get(view, case).messages[-1].id
    for each in (case, silent):
        verbs.claim(app, ada, each)
    for read in ("", "msg_before"):
        with app.unit(ada) as unit, pytest.raises(errors.NewMessage):
            handoffs.resolve(unit, case, Outcome.ANSWERED, "", last_message_id=read)
    with app.unit(ada) as unit:
        handoffs.resolve(unit, case, Outcome.ANSWERED, "", last_message_id=last)
        handoffs.resolve(unit, silent, Outcome.ANSWERED, "", last_message_id="")


def test_a_case_with_an_undecided_effect_cannot_be_resolved(app: App, ada: Actor) -> None:
    case = cases.case(app, ada, kind="refund", params=cases.refund()).id
    verbs.claim(app, ada, case)
    with pytest.raises(errors.OpenEffects, match="1 effects of"):
        verbs.resolve(app, ada, case)
    assert verbs.read(app, case).status is Status.CLAIMED


def test_two_cases_are_no_duplicates_of_each_other(app: App, ada: Actor, bob: Actor, case: str) -> None:
    other = cases.case(app, ada).id
    for who, mine in ((ada, case), (bob, other)):
        verbs.claim(app, who, mine)
    ready = Barrier(2)

    def resolve(who: Actor, mine: str, original: str) -> None:
        ready.wait()
        with app.unit(who) as unit:
            handoffs.resolve(unit, mine, Outcome.DUPLICATE, "", original)

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(resolve, ada, case, other), pool.submit(resolve, bob, other, case)]
    [refused] = [error for done in both if (error := done.exception())]
    assert isinstance(refused, errors.Invalid)
    assert "is itself a duplicate of this case" in str(refused)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite locks no rows
def test_a_case_is_taken_while_something_about_it_is_being_stored(app: App, ada: Actor, case: str) -> None:
    with app.unit(SYSTEM) as storing:
        storing.session.add(tables.Note(handoff_id=case, author_id=ada.id, text="a", created_at=storing.now))
        storing.session.flush()
        storing.record(events.NoteAdded(handoff_id=case, note_id="not_1", text="a"))
        with ThreadPoolExecutor(1) as pool:
            taken = pool.submit(verbs.take_next, app, ada).result(timeout=5)
    assert taken is not None
    assert taken.id == case


def test_a_duplicate_names_the_other_case(app: App, ada: Actor, case: str) -> None:
    original = verbs.read(app, cases.case(app, ada).id)
    verbs.claim(app, ada, case)
    with app.unit(ada) as unit:
        assert handoffs.resolve(unit, case, Outcome.DUPLICATE, "", original.label).duplicate_of == original.id


@pytest.mark.parametrize(
    ("outcome", "other", "error"),
    [
        (Outcome.DUPLICATE, None, errors.Invalid),
        (Outcome.DUPLICATE, "itself", errors.Invalid),
        (Outcome.DUPLICATE, "H-99", errors.NotFound),
        (Outcome.ANSWERED, "H-99", errors.Invalid),
    ],
)
def test_a_duplicate_of_nothing_is_refused(
    app: App, ada: Actor, case: str, outcome: Outcome, other: str | None, error: type[Exception]
) -> None:
    verbs.claim(app, ada, case)
    ref = verbs.read(app, case).label if other == "itself" else other
    with app.unit(ada) as unit, pytest.raises(error):
        handoffs.resolve(unit, case, outcome, "", ref)
    assert verbs.read(app, case).status is Status.CLAIMED


def test_a_write_that_saw_another_version_is_refused(app: App, ada: Actor, case: str) -> None:
    with app.unit(ada) as unit, pytest.raises(errors.StaleVersion, match="at version 1, you sent 7"):
        ownership.claim(unit, case, lease=LEASE, version=7)
    with app.unit(ada) as unit:
        assert ownership.claim(unit, case, lease=LEASE, version=1).version == 2


def test_a_new_finding_joins_the_issues_and_the_claim_goes_on(app: App, ada: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    handoff = need_person(app, case)
    assert handoff.issues == [Reason.VERIFICATION_FAILED, Reason.EFFECT_FAILED, Reason.ESCALATED]
    assert (handoff.status, handoff.claimed_by, handoff.version) == (Status.CLAIMED, ada.id, 3)
    with app.view() as view:
        issues = {i["code"]: i["detail"] for i in answers.parts(view, case)["handoff"]["issues"]}
    assert issues["effect_failed"] == "The refund failed: no money."


def test_a_finding_heads_a_case_from_a_request_and_not_one_whose_caller_said_why(
    app: App, ada: Actor, bot: Actor
) -> None:
    asked = str(world.receive(app, bot, kind=None, params={}, escalate=True).handoff_id)
    opened = cases.case(app, ada, reason=Reason.OTHER).id
    for issue, heads in ((Reason.OTHER, Reason.ESCALATED), (Reason.EFFECT_FAILED, Reason.EFFECT_FAILED)):
        with app.unit(SYSTEM) as unit:
            assert handoffs.need_person(unit, asked, issue, "No.").reason is heads
            assert handoffs.need_person(unit, opened, issue, "No.").reason is Reason.OTHER
    cases.case(app, ada)

    def found(reason: Reason) -> set[str]:
        with app.view() as view:
            return {item.handoff.id for item in answers.search(view, Filters(reason=reason)).items}

    assert (found(Reason.EFFECT_FAILED), found(Reason.OTHER)) == ({asked, opened}, {asked, opened})
    assert found(Reason.LOW_CONFIDENCE) == set()


def test_a_resolved_case_that_needs_a_person_is_open_again(app: App, clock: Clock, ada: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    verbs.resolve(app, ada, case)
    clock.forward(hours=1)
    handoff = need_person(app, case)
    assert (handoff.status, handoff.claimed_by, handoff.resolved_by) == (Status.PENDING, None, None)
    assert (handoff.outcome, handoff.resolved_at) == (None, None)
    assert (handoff.sla_clock, handoff.sla_due_at) == ("response", clock.now + timedelta(hours=1))
    assert verbs.happened(app, case)[-2:] == ["handoff.issue_found", "handoff.reopened"]
    assert verbs.claim(app, ada, case).status is Status.CLAIMED


def test_a_case_is_taken_up_again_with_a_new_promise(app: App, clock: Clock, ada: Actor, bob: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    for _ in range(2):
        with pytest.raises(errors.NotResolved, match="The case is claimed"):
            verbs.reopen(app, bob, case)
        verbs.resolve(app, ada, case)
        clock.forward(hours=1)
        handoff = verbs.reopen(app, bob, case)
        assert (handoff.status, handoff.claimed_by, handoff.outcome) == (Status.PENDING, None, None)
        assert (handoff.sla_clock, handoff.sla_due_at) == ("response", clock.now + timedelta(hours=1))
        verbs.claim(app, ada, case)
    reopened = next(entry for entry in verbs.entries(app, case) if entry.row.event == "handoff.reopened")
    assert (reopened.row.actor_id, reopened.data["reason"]) == (bob.id, "by_hand")
    assert reopened.data["why"] == "It was charged again."
    with pytest.raises(errors.NotPermitted):
        verbs.reopen(app, cases.person(app, "Vic", Role.VIEWER), case)


def test_a_callers_deadline_outlives_the_resolution(app: App, clock: Clock, ada: Actor) -> None:
    due_at = clock.now + timedelta(days=2)
    case = cases.case(app, ada, sla_due_at=due_at).id
    verbs.claim(app, ada, case)
    verbs.resolve(app, ada, case)
    clock.forward(hours=1)
    handoff = verbs.reopen(app, ada, case)
    assert (handoff.sla_policy, handoff.sla_clock, handoff.sla_due_at) == ("caller", "resolution", due_at)
    verbs.claim(app, ada, case)
    verbs.wait(app, ada, case)
    clock.forward(hours=1)
    assert verbs.resume(app, ada, case).sla_due_at == due_at + timedelta(hours=1)


def test_a_supervisor_changes_the_priority_and_the_deadline_with_it(
    app: App, clock: Clock, ada: Actor, boss: Actor, case: str
) -> None:
    with pytest.raises(errors.NotPermitted):
        verbs.prioritise(app, ada, case, Priority.URGENT)
    verbs.claim(app, ada, case)
    clock.forward(minutes=10)
    handoff = verbs.prioritise(app, boss, case, Priority.URGENT)
    assert (handoff.priority, handoff.claimed_by, handoff.version) == (Priority.URGENT, ada.id, 3)
    assert handoff.sla_due_at == clock.now + timedelta(hours=1, minutes=50)
    assert verbs.entries(app, case)[-1].data == {
        "handoff_id": case,
        "before": "high",
        "after": "urgent",
        "sla_due_before": "2026-11-22T16:00:00Z",
        "sla_due_at": "2026-11-22T14:00:00Z",
        "reason": "A big customer.",
    }
    assert verbs.prioritise(app, boss, case, Priority.URGENT).version == 3, "nothing changed"
    assert verbs.happened(app, case).count("handoff.priority_changed") == 1
    verbs.resolve(app, ada, case)
    with pytest.raises(errors.AlreadyResolved):
        verbs.prioritise(app, boss, case, Priority.LOW)
