"""Cases that find their owner: the next one, those a supervisor gives away, and those that go up to supervisors."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from flowops import errors
from flowops.actions import handoffs, operators, ownership, sla
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.handoffs import Priority, Status, Tier
from flowops.storage import tables
from tests import cases, plans, verbs
from tests.conftest import Clock
from tests.plans import Index

HOURS = timedelta(hours=1)


def taken(app: App, who: Actor) -> Iterator[str]:
    """The numbers of the cases somebody gets, one after another."""
    while handoff := verbs.take_next(app, who):
        yield handoff.label


def told(app: App) -> list[tuple[str, str]]:
    """Who is to be told about what."""
    with app.view() as view:
        found = view.session.scalars(select(tables.Job).where(tables.Job.topic == "notify.operator"))
        return [(job.payload["user_id"], job.payload["about"]) for job in found]


def test_the_next_case_is_the_most_urgent_one_and_then_the_one_due_first(app: App, clock: Clock, ada: Actor) -> None:
    def opened(priority: Priority, promise: bool = True) -> str:
        return cases.case(app, ada, priority=priority, promise=promise).label

    broken = opened(Priority.MEDIUM)
    clock.forward(hours=8, seconds=1)
    with app.unit(SYSTEM) as unit:
        sla.settle(unit, handoffs.find(unit, broken))
    low, no_promise = opened(Priority.LOW), opened(Priority.HIGH, promise=False)
    high = opened(Priority.HIGH)
    clock.forward(seconds=1)
    later, urgent = opened(Priority.HIGH), opened(Priority.URGENT)
    assert list(taken(app, ada)) == [urgent, broken, high, later, no_promise, low]


def test_nobody_gets_a_case_they_may_not_own(app: App, clock: Clock, ada: Actor, bob: Actor, boss: Actor) -> None:
    late, held, legal, hard, done, waiting = (
        cases.case(app, cases.person(app, "Opener", queues=[queue]), queue=queue).label
        for queue in ("default", "default", "legal", "default", "default", "default")
    )
    for case in (late, done, waiting):
        verbs.claim(app, bob, case)
    verbs.resolve(app, bob, done)
    verbs.wait(app, bob, waiting)
    verbs.escalate(app, bob, hard)
    clock.forward(minutes=15)
    verbs.claim(app, bob, held)
    assert list(taken(app, ada)) == [late]
    assert list(taken(app, boss)) == [hard]
    both = cases.person(app, "Lou", queues=["default", "legal"])
    assert verbs.take_next(app, both, queue="default") is None
    assert verbs.take_next(app, ada, queue="legal") is None
    assert [found.label for found in [verbs.take_next(app, both, queue="legal")] if found] == [legal]
    for role in (Role.VIEWER, Role.ADMIN, Role.SERVICE):
        with pytest.raises(errors.NotPermitted):
            verbs.take_next(app, cases.person(app, role.title(), role))


def test_the_next_case_of_a_queue_is_found_by_an_index_whatever_waits_elsewhere(app: App, ada: Actor) -> None:
    mine = cases.case(app, ada).id
    with app.unit(ada) as unit, plans.noted(unit.session, Index.USED, count=2) as asked:
        found = ownership.take_next(unit, lease=HOURS)
    assert found
    assert found.id == mine
    assert "ix_handoffs_free" in asked[1], "after whom the person has to do with"
    if app.settings.is_sqlite:  # PostgreSQL takes any index that is as small as this one
        assert "ix_handoffs_to_expire" in asked[1]


def test_more_cases_than_are_chosen_from_at_first_may_be_taken_in_this_moment(app: App, ada: Actor, bob: Actor) -> None:
    if app.settings.is_sqlite:
        return  # it has one writer, so nobody can be taking another one
    ids = [cases.case(app, ada).id for _ in range(22)]
    with app.unit(ada) as unit:
        for id in ids[:21]:
            handoffs.find(unit, id)
        found = verbs.take_next(app, bob)
    assert found
    assert found.id == ids[21]


def test_eight_people_who_ask_at_once_get_eight_cases(app: App, ada: Actor) -> None:
    people = [cases.person(app, f"Person {number}") for number in range(8)]
    opened = {cases.case(app, ada).label for _ in range(8)}
    ready = Barrier(8)

    def ask(who: Actor) -> tuple[str, str | None]:
        ready.wait()
        found = verbs.take_next(app, who)
        assert found is not None
        return found.label, found.claimed_by

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(ask, people))
    assert {label for label, _ in given} == opened
    assert [owner for _, owner in given] == [person.id for person in people]


def test_a_supervisor_gives_a_case_to_somebody_for_eight_hours(
    app: App, clock: Clock, ada: Actor, bob: Actor, boss: Actor, case: str
) -> None:
    handoff = verbs.assign(app, boss, case, ada)
    assert (handoff.status, handoff.claimed_by, handoff.version) == (Status.CLAIMED, ada.id, 2)
    assert handoff.claim_expires_at == clock.now + 8 * HOURS
    assert (handoff.sla_clock, handoff.sla_due_at) == ("resolution", clock.now + 4 * HOURS)
    clock.forward(hours=1)
    handoff = verbs.assign(app, boss, case, bob)
    assert (handoff.claimed_by, handoff.claimed_at) == (bob.id, clock.now)
    assert handoff.sla_due_at == clock.now + 3 * HOURS
    last = verbs.entries(app, case)[-1]
    assert (last.row.event, last.row.actor_id) == ("handoff.assigned", boss.id)
    assert (last.data["owner_id"], last.data["former_owner_id"]) == (bob.id, ada.id)
    assert last.data["reason"] == "You know them."
    assert told(app) == [(ada.id, "assigned"), (bob.id, "assigned")]
    with pytest.raises(errors.NotOwner):
        verbs.release(app, ada, case)


def test_who_takes_a_case_over_is_not_told_of_it(app: App, ada: Actor, boss: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    assert verbs.assign(app, boss, case, boss).claimed_by == boss.id
    assert told(app) == []


def test_a_case_is_given_only_to_who_may_own_it(app: App, ada: Actor, bob: Actor, boss: Actor, case: str) -> None:
    gone, stranger = cases.person(app, "Gone"), cases.person(app, "Lou", queues=["legal"])
    with app.unit(SYSTEM) as unit:
        operators.disable(unit, str(gone.id))
    viewer, bot = cases.person(app, "Vic", Role.VIEWER), cases.person(app, "bot", Role.SERVICE)
    for who, why in (
        (gone, "Gone cannot own this case: their account is disabled"),
        (stranger, "no member of the queue default"),
        (viewer, "permission handoffs.work"),
        (bot, "permission handoffs.work"),
    ):
        with pytest.raises(errors.CannotOwn, match=why):
            verbs.assign(app, boss, case, who)
    with pytest.raises(errors.NotFound, match="no person usr_0"), app.unit(boss) as unit:
        ownership.assign(unit, case, "usr_0")
    with pytest.raises(errors.NotPermitted):
        verbs.assign(app, ada, case, ada)
    verbs.escalate(app, ada, case)
    with pytest.raises(errors.CannotOwn, match=r"permission handoffs\.supervise"):
        verbs.assign(app, boss, case, ada)
    verbs.assign(app, boss, case, boss)
    verbs.resolve(app, boss, case)
    with pytest.raises(errors.AlreadyResolved):
        verbs.assign(app, boss, case, bob)


def test_an_escalated_case_goes_back_to_the_queue_for_supervisors_who_are_told(
    app: App, clock: Clock, ada: Actor, boss: Actor, case: str
) -> None:
    elsewhere = cases.person(app, "Eve", Role.SUPERVISOR, queues=["legal"])
    verbs.claim(app, ada, case)
    handoff = verbs.escalate(app, ada, case)
    assert (handoff.status, handoff.claimed_by, handoff.tier) == (Status.PENDING, None, Tier.SUPERVISOR)
    assert (handoff.priority, handoff.version) == (Priority.URGENT, 3)
    assert (handoff.sla_clock, handoff.sla_due_at) == ("resolution", clock.now + 2 * HOURS)
    assert told(app) == [(boss.id, "escalated")]
    assert elsewhere.id not in dict(told(app))
    escalated, changed = verbs.entries(app, case)[-2:]
    assert (escalated.row.event, escalated.data["former_owner_id"]) == ("handoff.escalated", ada.id)
    assert (changed.row.event, changed.data["before"], changed.data["after"]) == (
        "handoff.priority_changed",
        "high",
        "urgent",
    )
    with pytest.raises(errors.NotPermitted):
        verbs.claim(app, ada, case)


def test_whoever_works_on_cases_escalates_what_somebody_else_owns_and_they_are_told(
    app: App, ada: Actor, bob: Actor, boss: Actor, case: str
) -> None:
    verbs.claim(app, ada, case)
    verbs.wait(app, ada, case)
    handoff = verbs.escalate(app, bob, case)
    assert (handoff.status, handoff.claimed_by, handoff.tier) == (Status.PENDING, None, Tier.SUPERVISOR)
    assert told(app) == [(boss.id, "escalated"), (ada.id, "taken")]
    escalated = next(entry for entry in verbs.entries(app, case) if entry.row.event == "handoff.escalated")
    assert (escalated.row.actor_id, escalated.data["former_owner_id"]) == (bob.id, ada.id)
    verbs.claim(app, boss, case)
    verbs.escalate(app, ada, case)
    assert told(app)[2:] == [(boss.id, "taken")], "once, and why it is theirs no more"


def test_only_the_first_escalation_makes_a_case_more_urgent(app: App, ada: Actor, boss: Actor) -> None:
    case = cases.case(app, ada, priority=Priority.LOW).id
    assert verbs.escalate(app, ada, case).priority is Priority.MEDIUM
    verbs.claim(app, boss, case)
    handoff = verbs.escalate(app, boss, case)
    assert (handoff.priority, handoff.status, handoff.claimed_by) == (Priority.MEDIUM, Status.PENDING, None)
    assert verbs.happened(app, case)[-1] == "handoff.escalated"
    assert len(told(app)) == 1, "who escalates knows it already"


def test_nobody_escalates_what_is_resolved(app: App, ada: Actor, boss: Actor) -> None:
    case = cases.case(app, ada, priority=Priority.URGENT).id
    verbs.claim(app, ada, case)
    assert verbs.escalate(app, boss, case).priority is Priority.URGENT
    verbs.claim(app, boss, case)
    verbs.resolve(app, boss, case)
    with pytest.raises(errors.AlreadyResolved):
        verbs.escalate(app, ada, case)
    with pytest.raises(errors.NotPermitted):
        verbs.escalate(app, cases.person(app, "Vic", Role.VIEWER), case)
