"""Answers about promises: how the clocks of a case stand, and everything that explains its deadline."""

from datetime import timedelta

import pytest

from flowops.actions import deadlines
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.handoffs import Priority
from flowops.domain.sla import Clock, State
from flowops.queries import handoffs, sla
from flowops.storage import tables
from tests import cases, verbs
from tests.conftest import NOW
from tests.conftest import Clock as Hands

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada")


@pytest.fixture
def boss(app: App) -> Actor:
    return cases.person(app, "Sue", Role.SUPERVISOR)


def explain(app: App, case: tables.Handoff) -> sla.Explanation:
    with app.view() as view:
        return sla.explain(view, handoffs.get(view, case.id).handoff)


def standing(app: App, case: tables.Handoff) -> tuple[timedelta, timedelta]:
    """What is spent and what is left, as the case shows it and as the list does."""
    with app.view() as view:
        shown = handoffs.get(view, case.id).sla
        (listed,) = (item.sla for item in handoffs.search(view).items if item.handoff.id == case.id)
    assert shown is not None
    assert listed == shown
    return shown.elapsed, shown.remaining


def test_only_time_that_counts_is_spent_and_it_stands_still_in_pauses_and_after_the_end(
    app: App, clock: Hands, ada: Actor
) -> None:
    case = cases.case(app, ada)
    clock.forward(hours=2)
    assert standing(app, case) == (2 * HOUR, -HOUR)
    verbs.claim(app, ada, case.id)
    clock.forward(minutes=10)
    verbs.wait(app, ada, case.id)
    for _ in range(2):
        assert standing(app, case) == (10 * MINUTE, 230 * MINUTE)
        clock.forward(days=1)
    verbs.resume(app, ada, case.id)
    clock.forward(minutes=5)
    verbs.resolve(app, ada, case.id)
    for _ in range(2):
        assert standing(app, case) == (15 * MINUTE, 225 * MINUTE)
        clock.forward(days=1)


def test_a_deadline_is_explained_by_its_clocks_its_intervals_and_its_changes(
    app: App, clock: Hands, ada: Actor, boss: Actor
) -> None:
    case = cases.case(app, ada)
    clock.forward(minutes=90)
    with app.unit(SYSTEM) as unit:
        deadlines.breach_due(unit, 10)
    claimed_at = clock.now
    verbs.claim(app, ada, case.id)
    clock.forward(minutes=10)
    verbs.wait(app, ada, case.id)
    clock.forward(minutes=60)
    verbs.resume(app, ada, case.id)
    verbs.prioritise(app, boss, case.id, Priority.URGENT)
    clock.forward(minutes=5)
    found = explain(app, case)
    due_at = claimed_at + 3 * HOUR  # two that are promised, one that was paused
    assert [(run.clock, run.target, run.started_at, run.ended_at, run.due_at) for run in found.runs] == [
        (Clock.RESPONSE, HOUR, NOW, claimed_at, NOW + HOUR),
        (Clock.RESOLUTION, 2 * HOUR, claimed_at, None, due_at),
    ]
    assert [(run.breached_at, run.counted, run.paused) for run in found.runs] == [
        (claimed_at, 90 * MINUTE, 0 * MINUTE),
        (None, 15 * MINUTE, HOUR),
    ]
    assert [(i.clock, i.state, i.length(clock.now)) for i in found.intervals] == [
        (Clock.RESPONSE, State.COUNTED, 90 * MINUTE),
        (Clock.RESOLUTION, State.COUNTED, 10 * MINUTE),
        (Clock.RESOLUTION, State.PAUSED, 60 * MINUTE),
        (Clock.RESOLUTION, State.COUNTED, 5 * MINUTE),
    ]
    before = claimed_at + 4 * HOUR
    assert [(change.mark.kind, change.due_before, change.mark.due_at) for change in found.changes] == [
        ("started", None, NOW + HOUR),
        ("breached", NOW + HOUR, NOW + HOUR),
        ("started", None, before),
        ("paused", before, before),
        ("resumed", before, before + HOUR),
        ("retargeted", before + HOUR, due_at),
    ]
    assert found.standing is not None
    assert (found.standing.due_at, found.standing.remaining) == (due_at, 105 * MINUTE)


def test_the_callers_deadline_is_explained_by_what_they_gave(app: App, clock: Hands, ada: Actor) -> None:
    case = cases.case(app, ada, sla_due_at=NOW + 5 * HOUR)
    clock.forward(hours=1)
    (run,) = explain(app, case).runs
    assert (run.target, run.due_at) == (5 * HOUR, NOW + 5 * HOUR)


def test_a_case_that_was_promised_nothing_has_nothing_to_explain(app: App, ada: Actor) -> None:
    case = cases.case(app, ada, promise=False)
    assert explain(app, case) == sla.Explanation(None, [], [], [])
    with app.view() as view:
        assert handoffs.get(view, case.id).sla is None


def test_a_deadline_that_nobody_marks_is_missed(app: App, clock: Hands, ada: Actor) -> None:
    def missed() -> timedelta:
        with app.view() as view:
            return sla.unmarked(view)

    cases.case(app, ada)
    clock.forward(hours=1)
    assert missed() == timedelta(0)
    clock.forward(seconds=7)
    assert missed() == timedelta(seconds=7)
    with app.unit(SYSTEM) as unit:
        deadlines.breach_due(unit, 10)
    assert missed() == timedelta(0)
