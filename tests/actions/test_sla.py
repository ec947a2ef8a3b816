"""The clocks of a case run as promised: broken once, warned of once, paused, moved by priority, and kept when met."""

import contextlib
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sqlalchemy import select

from flowops import app as application
from flowops import settings as configuration
from flowops.actions import deadlines, handoffs, sla
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor
from flowops.domain.handoffs import Priority
from flowops.domain.sla import Clock, Kind
from flowops.queries import sla as promises
from flowops.storage import tables
from flowops.storage.unit import Unit
from tests import cases, verbs
from tests.conftest import NOW
from tests.conftest import Clock as Hands
from tests.domain import make

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def marks(app: App, case: str) -> list[Kind]:
    with app.view() as view:
        query = select(tables.SlaMark.kind).where(tables.SlaMark.handoff_id == case)
        return list(view.session.scalars(query.order_by(tables.SlaMark.position)))


def escalations(app: App) -> list[tuple[str, str]]:
    """The case and the clock of each escalation that waits for a worker."""
    with app.view() as view:
        found = view.session.scalars(select(tables.Job).where(tables.Job.topic == "sla.escalate").order_by("seq"))
        return [(job.payload["handoff_id"], job.payload["clock"]) for job in found]


def sweep(app: App) -> tuple[int, int]:
    """How many promises were found broken, and how many nearly so."""
    with app.unit(SYSTEM) as unit:
        return deadlines.breach_due(unit, 10), deadlines.warn_due(unit, 10)


def test_a_breach_is_marked_once_for_each_clock_and_everybody_sees_it(
    app: App, clock: Hands, ada: Actor, case: str
) -> None:
    clock.forward(hours=1)
    assert sweep(app) == (0, 1), "what ends at the deadline is on time"
    clock.forward(seconds=1)
    assert [sweep(app), sweep(app)] == [(1, 0), (0, 0)]
    handoff = verbs.read(app, case)
    assert (handoff.sla_breached_at, handoff.version, handoff.priority) == (clock.now, 3, Priority.HIGH)
    last = verbs.entries(app, case)[-1]
    assert (last.row.event, last.row.actor_kind) == ("sla.breached", "system")
    assert (last.data["clock"], last.data["sla_due_at"]) == ("response", "2026-11-22T13:00:00Z")
    verbs.claim(app, ada, case)
    assert verbs.read(app, case).sla_breached_at is None, "the clock of the resolution is another promise"
    clock.forward(hours=5)
    sweep(app)
    assert escalations(app) == [(case, "response"), (case, "resolution")]
    assert verbs.happened(app, case).count("sla.breached") == 2


def test_a_claim_at_the_deadline_is_on_time_and_a_later_one_finds_the_breach_before_the_sweep_does(
    app: App, clock: Hands, ada: Actor
) -> None:
    punctual, late = cases.case(app, ada).id, cases.case(app, ada).id
    clock.forward(hours=1)
    verbs.claim(app, ada, punctual)
    clock.forward(microseconds=1)
    verbs.claim(app, ada, late)
    assert sweep(app)[0] == 0
    assert escalations(app) == [(late, "response")]
    assert marks(app, punctual) == [Kind.STARTED, Kind.STARTED]
    assert marks(app, late) == [Kind.STARTED, Kind.BREACHED, Kind.STARTED]
    assert verbs.read(app, late).sla_due_at == clock.now + 4 * HOUR


def test_what_was_resolved_in_time_is_never_late(app: App, clock: Hands, ada: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    clock.forward(minutes=5)
    verbs.resolve(app, ada, case)
    clock.forward(days=30)
    assert sweep(app) == (0, 0)
    assert (verbs.read(app, case).sla_breached_at, marks(app, case)[-1]) == (None, Kind.STOPPED)


def test_what_is_resolved_late_is_marked_then(app: App, clock: Hands, ada: Actor) -> None:
    case = cases.case(app, ada, sla_due_at=NOW + MINUTE).id
    verbs.claim(app, ada, case)
    clock.forward(minutes=2)
    verbs.resolve(app, ada, case)
    assert verbs.read(app, case).sla_breached_at == clock.now
    assert marks(app, case)[-2:] == [Kind.BREACHED, Kind.STOPPED]


def test_a_deadline_is_warned_of_once_and_again_when_it_moved(
    app: App, clock: Hands, ada: Actor, boss: Actor, case: str
) -> None:
    clock.forward(minutes=44, seconds=59)
    assert sweep(app) == (0, 0)
    clock.forward(seconds=1)
    assert [sweep(app), sweep(app)] == [(0, 1), (0, 0)]
    handoff = verbs.read(app, case)
    assert (handoff.issues[-1], handoff.version) == ("sla_risk", 2)
    assert verbs.happened(app, case)[-1] == "sla.warned"
    verbs.prioritise(app, boss, case, Priority.MEDIUM)
    assert sweep(app) == (0, 0)
    clock.now = NOW + 7.5 * HOUR
    assert sweep(app) == (0, 1)
    assert verbs.read(app, case).issues.count("sla_risk") == 1


def test_a_promise_that_was_broken_stays_broken_whatever_its_priority(
    app: App, clock: Hands, boss: Actor, case: str
) -> None:
    clock.forward(hours=2)
    sweep(app)
    broken_at = clock.now
    verbs.prioritise(app, boss, case, Priority.LOW)
    handoff = verbs.read(app, case)
    assert (handoff.sla_due_at, handoff.sla_breached_at) == (NOW + 24 * HOUR, broken_at)
    clock.forward(days=2)
    assert sweep(app) == (0, 0)
    assert len(escalations(app)) == 1


def test_a_priority_that_would_have_been_late_before_is_due_at_the_moment_of_the_change(
    app: App, clock: Hands, boss: Actor, ada: Actor
) -> None:
    case = cases.case(app, ada, priority=Priority.LOW).id
    clock.forward(hours=3)
    verbs.prioritise(app, boss, case, Priority.URGENT)
    assert verbs.read(app, case).sla_due_at == clock.now
    clock.forward(seconds=1)
    assert sweep(app)[0] == 1


def test_a_paused_clock_has_no_deadline_and_goes_on_with_what_was_left(
    app: App, clock: Hands, ada: Actor, boss: Actor, case: str
) -> None:
    verbs.claim(app, ada, case)
    clock.forward(hours=1)
    verbs.claim(app, ada, case)
    verbs.wait(app, ada, case)
    waiting = verbs.read(app, case)
    assert (waiting.sla_due_at, waiting.sla_warn_at, waiting.sla_paused_at) == (None, None, clock.now)
    clock.forward(days=7)
    assert sweep(app) == (0, 0)
    verbs.prioritise(app, boss, case, Priority.MEDIUM)  # 24 hours, of which one is spent
    assert verbs.read(app, case).sla_due_at is None
    resumed = verbs.resume(app, ada, case)
    assert (resumed.sla_due_at, resumed.sla_warn_at) == (clock.now + 23 * HOUR, clock.now + 22.5 * HOUR)


def test_the_callers_own_deadline_is_moved_by_pauses_alone(app: App, clock: Hands, ada: Actor, boss: Actor) -> None:
    case = cases.case(app, ada, sla_due_at=NOW + 8 * HOUR).id
    verbs.claim(app, ada, case)
    clock.forward(hours=1)
    verbs.prioritise(app, boss, case, Priority.URGENT)
    assert verbs.claim(app, ada, case).sla_due_at == NOW + 8 * HOUR
    verbs.wait(app, ada, case)
    clock.forward(hours=2)
    verbs.resume(app, ada, case)
    assert verbs.read(app, case).sla_due_at == NOW + 10 * HOUR
    verbs.resolve(app, ada, case)
    clock.forward(hours=6)
    verbs.reopen(app, ada, case)
    clock.forward(hours=3)
    assert sweep(app)[0] == 1, "the caller still expects it by then"
    assert marks(app, case)[-3:] == [Kind.STOPPED, Kind.RESUMED, Kind.BREACHED]


def test_a_callers_deadline_that_was_kept_stays_kept_and_a_response_is_promised(
    app: App, clock: Hands, ada: Actor
) -> None:
    case = cases.case(app, ada, sla_due_at=NOW + 8 * HOUR).id
    verbs.claim(app, ada, case)
    verbs.resolve(app, ada, case)
    clock.forward(hours=9)
    handoff = verbs.reopen(app, ada, case)
    assert sweep(app)[0] == 0
    assert (handoff.sla_policy, handoff.sla_clock, handoff.sla_due_at) == ("default", Clock.RESPONSE, clock.now + HOUR)
    assert (handoff.sla_breached_at, marks(app, case)[-2:]) == (None, [Kind.STOPPED, Kind.STARTED])
    with app.view() as view:
        assert [run.target for run in promises.explain(view, handoff).runs] == [8 * HOUR, HOUR]


def test_a_callers_deadline_that_was_broken_is_broken_once(app: App, clock: Hands, ada: Actor) -> None:
    case = cases.case(app, ada, sla_due_at=NOW + 8 * HOUR).id
    clock.forward(hours=9)
    assert sweep(app)[0] == 1
    verbs.claim(app, ada, case)
    verbs.resolve(app, ada, case)
    verbs.reopen(app, ada, case)
    assert (sweep(app)[0], marks(app, case).count(Kind.BREACHED)) == (0, 1)


def test_a_deadline_that_was_past_when_it_was_set_warns_of_nothing_later(app: App, clock: Hands, ada: Actor) -> None:
    handoff = cases.case(app, ada, sla_due_at=NOW - HOUR)
    assert handoff.sla_warn_at == handoff.sla_due_at == NOW - HOUR


def test_a_case_that_was_promised_nothing_has_no_clock(app: App, clock: Hands, ada: Actor, boss: Actor) -> None:
    case = cases.case(app, ada, promise=False).id
    verbs.claim(app, ada, case)
    verbs.prioritise(app, boss, case, Priority.URGENT)
    verbs.wait(app, ada, case)
    verbs.resume(app, ada, case)
    verbs.resolve(app, ada, case)
    verbs.reopen(app, ada, case)
    clock.forward(days=30)
    assert (sweep(app), marks(app, case)) == ((0, 0), [])


class Undo(Exception):
    """Leaves a unit without a trace."""


@pytest.fixture(scope="module")
def one_case(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, str]]:
    """An app on SQLite and a case that nothing was promised about."""
    path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("clocks") / "flowops.db")
    app = application.build(configuration.load(database_url=f"sqlite:///{path}"), Hands())
    yield app, cases.case(app, cases.person(app, "Ada"), promise=False).id
    app.close()


STEPS = st.lists(
    st.tuples(st.integers(0, 3000), st.sampled_from([*Priority, Kind.PAUSED, Kind.RESUMED, None])), max_size=6
)


@limits(max_examples=50)
@given(st.sampled_from(Priority), st.sampled_from(Clock), STEPS)
def test_deadlines_are_those_of_a_counter_of_minutes(
    one_case: tuple[App, str], priority: Priority, clock: Clock, steps: list[tuple[int, Priority | Kind | None]]
) -> None:
    app, ref = one_case
    with contextlib.suppress(Undo), app.unit(SYSTEM) as unit:
        handoff = handoffs.find(unit, ref)
        handoff.priority = priority
        sla.start(unit, handoff, clock)
        slow = make.MinuteCounter(priority, clock)
        for minutes, step in steps:
            unit.now += minutes * MINUTE
            slow.wait(minutes)
            take(unit, handoff, slow, step)
            agree(unit, handoff, slow)
        raise Undo


def take(unit: Unit, handoff: tables.Handoff, slow: make.MinuteCounter, step: Priority | Kind | None) -> None:
    """Do the same to the clock and to the counter."""
    match step:
        case Priority():
            sla.aim(unit, handoff, step)
            slow.aim(step)
        case Kind.PAUSED:
            sla.pause(unit, handoff)
            slow.is_paused = True
        case Kind.RESUMED:
            sla.resume(unit, handoff)
            slow.is_paused = False
    sla.settle(unit, handoff)


def agree(unit: Unit, handoff: tables.Handoff, slow: make.MinuteCounter) -> None:
    """Compare everything that is shown of the clock with the counter."""
    standing = promises.standings(unit.view, [handoff])[handoff.id]
    assert (standing.elapsed, standing.remaining) == (slow.counted * MINUTE, slow.left * MINUTE)
    assert standing.due_at == (None if slow.is_paused else unit.now + slow.left * MINUTE)
    assert (standing.breached_at is not None) is slow.is_broken
    explained = promises.explain(unit.view, handoff)
    (run,) = explained.runs
    assert (run.counted, run.paused) == (slow.counted * MINUTE, slow.paused * MINUTE)
    assert [change.mark.kind for change in explained.changes].count(Kind.BREACHED) == slow.is_broken
