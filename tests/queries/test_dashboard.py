"""What people and the machine do shows in the figures of the dashboard, and only to those who may see the queue."""

from datetime import timedelta
from typing import Any

import pytest

from flowops import errors
from flowops.actions import deadlines, handoffs, outbox, ownership
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.artifacts import Judgement
from flowops.domain.handoffs import Outcome, Priority, Reason
from flowops.queries import dashboard, figures, spans
from flowops.queries.dashboard import Dashboard, Operator
from flowops.queries.figures import Promises
from flowops.queries.spans import Pair, Range
from flowops.storage import tables
from tests import cases, delivery, world
from tests.conftest import NOW, Clock
from tests.delivery import Ring

LEASE = timedelta(hours=9)


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada")


def look(app: App, viewer: Actor, length: Range = Range.DAY, queue: str | None = None) -> Dashboard:
    with app.view(viewer) as view:
        return dashboard.read(view, spans.last(view, length, queue))


def claim(app: App, who: Actor, handoff: tables.Handoff) -> None:
    with app.unit(who) as unit:
        ownership.claim(unit, handoff.id, lease=LEASE)


def resolve(app: App, who: Actor, handoff: tables.Handoff) -> None:
    with app.unit(who) as unit:
        handoffs.resolve(unit, handoff.id, Outcome.ANSWERED, "Done.")


def minutes(number: float) -> Any:
    return pytest.approx(timedelta(minutes=number), abs=timedelta(milliseconds=1))


def test_a_case_is_followed_from_its_arrival_to_its_resolution(app: App, ada: Actor, clock: Clock) -> None:
    first = cases.case(app, ada)
    clock.forward(minutes=10)
    second = cases.case(app, ada, reason=Reason.LOW_CONFIDENCE)
    claim(app, ada, first)
    clock.forward(minutes=20)
    resolve(app, ada, first)
    claim(app, ada, second)
    found = look(app, ada, Range.HOUR)
    assert found.waiting == Pair(1, 0)
    assert found.response == Pair(minutes(15), None)  # one waited 10 minutes and one 20
    assert found.promises == Pair(Promises(kept=3, broken=0), Promises(0, 0))  # two responses and a resolution
    assert found.operators == [Operator("Ada", 1, 1, minutes(20))]
    assert found.reasons == {Reason.ESCALATED: 1, Reason.LOW_CONFIDENCE: 1}
    assert found.ages == [0, 1, 0, 0, 0]
    assert [(step.arrived, step.resolved) for step in found.flow if step.arrived or step.resolved] == [
        (1, 0),
        (1, 0),
        (0, 1),
    ]


def test_the_span_before_is_what_the_span_is_compared_with(app: App, ada: Actor, clock: Clock) -> None:
    early, late = cases.case(app, ada), cases.case(app, ada)
    clock.forward(minutes=5)
    claim(app, ada, early)
    resolve(app, ada, early)
    clock.forward(minutes=60)
    claim(app, ada, late)
    found = look(app, ada, Range.HOUR)
    assert found.response == Pair(minutes(65), minutes(5))
    assert found.waiting == Pair(1, 1)
    assert found.promises == Pair(Promises(0, 1), Promises(2, 0))


def test_a_callers_deadline_that_did_not_hold_after_all_is_broken_and_not_kept(
    app: App, ada: Actor, clock: Clock
) -> None:
    handoff = cases.case(app, ada, sla_due_at=clock.now + timedelta(minutes=40))
    claim(app, ada, handoff)
    resolve(app, ada, handoff)
    assert look(app, ada).promises.now == Promises(kept=1, broken=0)
    with app.unit(ada) as unit:
        handoffs.reopen(unit, handoff.id, "It came again.")
    clock.forward(minutes=41)
    with app.unit(SYSTEM) as unit:
        assert deadlines.breach_due(unit, 10) == 1
    assert look(app, ada).promises.now == Promises(kept=0, broken=1)


def test_a_promise_is_broken_once_and_the_next_one_can_be_kept(app: App, ada: Actor, clock: Clock) -> None:
    handoff = cases.case(app, ada, priority=Priority.URGENT)  # a response in half an hour, a resolution in two
    clock.forward(minutes=31)
    claim(app, ada, handoff)
    clock.forward(minutes=31)
    resolve(app, ada, handoff)
    assert look(app, ada).promises.now == Promises(kept=1, broken=1)


def test_what_is_late_or_soon_due_is_counted_apart(app: App, ada: Actor, clock: Clock) -> None:
    cases.case(app, ada, priority=Priority.URGENT)
    cases.case(app, ada, priority=Priority.HIGH)
    cases.case(app, ada, promise=False)
    clock.forward(minutes=40)
    found = look(app, ada)
    assert (found.overdue, found.due_soon, found.ages) == (1, 1, [0, 2, 0, 0, 0])


def test_an_assigned_case_has_its_first_owner(app: App, ada: Actor, clock: Clock) -> None:
    handoff, sue = cases.case(app, ada), cases.person(app, "Sue", Role.SUPERVISOR)
    clock.forward(minutes=3)
    assert ada.id
    with app.unit(sue) as unit:
        ownership.assign(unit, handoff.id, ada.id)
    assert look(app, ada).response.now == minutes(3)


def test_effects_are_counted_by_what_became_of_them(app: App, ada: Actor) -> None:
    app.sandbox.seed(NOW)
    bot = world.service(app)
    world.receive(app, bot)
    world.receive(app, bot, kind="reply", params={"body": "Hello"})
    found = look(app, ada)
    assert found.outcomes == dict.fromkeys(dashboard.OUTCOMES, 0) | {"policy": 1, "undecided": 1}
    assert look(app, cases.person(app, "Eve", queues=("other",))).outcomes == dict.fromkeys(dashboard.OUTCOMES, 0)


def test_what_the_assistant_wrote_is_counted_by_kind(app: App, ada: Actor) -> None:
    cases.case(app, ada)
    delivery.deliver(app)
    (written,) = look(app, ada).assistant
    assert (written.kind, written.usable, written.unusable) == ("handoff_summary.v1", 1, 0)
    assert (written.input_tokens, written.output_tokens) == (0, 0)
    assert written.took is not None


def test_a_dead_letter_is_everybodys_until_it_is_retried(app: App, clock: Clock) -> None:
    delivery.enqueue(app, Ring(bell="a"), Ring(bell="b"))
    first, second = delivery.claim(app)
    delivery.bury(app, first)
    clock.forward(minutes=61)
    delivery.bury(app, second)
    eve = cases.person(app, "Eve", queues=("other",))
    clock.forward(minutes=1)
    assert look(app, eve, Range.HOUR).dead == dashboard.Dead(2, timedelta(minutes=62), Pair(1, 1))
    with app.unit(SYSTEM) as unit:
        outbox.retry_dead(unit, first.id)
    assert look(app, eve, Range.HOUR).dead == dashboard.Dead(1, timedelta(minutes=1), Pair(1, 1))


def test_nobody_sees_the_numbers_of_a_queue_that_is_not_theirs(app: App, ada: Actor) -> None:
    eve = cases.person(app, "Eve", queues=("default", "other"))
    for queue in ("default", "other"):
        handoff = cases.case(app, eve, queue=queue)
        claim(app, eve, handoff)
    asked: list[tuple[Actor, str | None, int]] = [(ada, None, 1), (eve, None, 2), (eve, "other", 1), (SYSTEM, None, 2)]
    for viewer, wanted, number in asked:
        found = look(app, viewer, queue=wanted)
        assert found.waiting.now == sum(step.arrived for step in found.flow) == found.promises.now.kept == number
        assert [operator.open for operator in found.operators] == [number]
    with pytest.raises(errors.NotFound):
        look(app, ada, queue="other")


def test_an_empty_database_has_a_dashboard_too(app: App, ada: Actor) -> None:
    for length in Range:
        found = look(app, ada, length)
        assert found.waiting == Pair(0, 0)
        assert found.response == Pair(None, None)
        assert found.drafts.now == dict.fromkeys(Judgement, 0)
        assert found.dead == dashboard.Dead(0, None, Pair(0, 0))
        assert not any((*found.operators, *found.reasons, *found.assistant))


def test_there_is_nothing_behind_an_unknown_figure(app: App, ada: Actor) -> None:
    with app.view(ada) as view, pytest.raises(errors.NotFound):
        figures.behind(view, spans.last(view, Range.DAY), "luck", 10)
