"""While effects are paused none starts, neither for the first time nor again, and no start slips past a pause."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import delete, select

from flowops import app as application
from flowops import errors
from flowops import settings as configuration
from flowops.actions import effects, execution
from flowops.actions import switch as actions
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor
from flowops.domain.effects import Status
from flowops.queries import audit, switch
from flowops.queries import effects as queries
from flowops.storage import tables
from flowops.storage.unit import Unit
from tests import delivery, world
from tests.conftest import NOW, Clock

# SQLite has one writer at a time, so there two units cannot meet.
meeting = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def pause(app: App, by: Actor = SYSTEM, reason: str = "refunds go out twice") -> None:
    with app.unit(by) as unit:
        actions.pause(unit, reason)


def resume(app: App, by: Actor = SYSTEM, reason: str | None = None) -> None:
    with app.unit(by) as unit:
        actions.resume(unit, reason)


def state(app: App) -> tuple[bool, str | None, str | None, str | None]:
    with app.view() as view:
        row = switch.read(view)
        return row.is_paused, row.reason, row.by_id, row.by_name


def recorded(app: App) -> list[tuple[str, str | None, object]]:
    """What was recorded of the switch: the event, whose it was, and why."""
    with app.view() as view:
        row = tables.AuditEntry
        found = audit.entries(view, select(row).where(row.event.startswith("effects.")).order_by(row.seq))
        return [(each.row.event, each.row.actor_id, each.personal.get("reason", (None,))[0]) for each in found]


def test_a_new_database_is_not_paused(app: App) -> None:
    assert state(app) == (False, None, None, None)
    with app.view() as view:
        assert switch.paused_topics(view) == frozenset()


def test_no_effect_starts_while_they_are_paused_neither_the_first_time_nor_again(app: App, bot: Actor) -> None:
    approved, executing = (world.effect_of(app, world.receive(app, bot)) for _ in range(2))
    assert world.start(app, executing.id)
    pause(app)
    for effect, status in ((approved, Status.APPROVED), (executing, Status.EXECUTING)):
        with pytest.raises(errors.EffectsPaused):
            world.start(app, effect.id)
        assert world.now(app, effect).status is status
    resume(app)
    assert world.start(app, approved.id)
    assert world.start(app, executing.id)


def test_what_was_begun_before_may_end(app: App, bot: Actor) -> None:
    done, refused, unheard = (world.effect_of(app, world.receive(app, bot)) for _ in range(3))
    for effect in (done, refused, unheard):
        assert world.start(app, effect.id)
    pause(app)
    with app.unit(SYSTEM) as unit:
        execution.finish(unit, done.id, "rf_1", NOW)
        execution.fail(unit, refused.id, "no")
        execution.put_back(unit, unheard.id, "no connection")
    assert [world.now(app, each).status for each in (done, refused, unheard)] == ["done", "failed", "approved"]


def test_everything_else_goes_on(app: App, bot: Actor, ada: Actor, clock: Clock) -> None:
    pause(app)
    assert world.effect_of(app, world.receive(app, bot)).status is Status.APPROVED
    called_back, late = (world.proposed(app, bot) for _ in range(2))
    for effect in (called_back, late):
        world.approve(app, ada, effect)
    assert world.cancel(app, ada, called_back).status is Status.CANCELLED
    clock.forward(hours=25)  # an approval is good for a day, paused or not
    with app.unit(SYSTEM) as unit:
        effects.expire_due(unit, 10)
    assert world.now(app, late).status is Status.EXPIRED


def test_it_is_recorded_who_paused_and_resumed_and_why(app: App, boss: Actor) -> None:
    pause(app, boss)
    assert state(app) == (True, "refunds go out twice", boss.id, boss.name)
    resume(app, boss, "mended")
    assert state(app) == (False, "mended", boss.id, boss.name)
    assert recorded(app) == [
        ("effects.paused", boss.id, "refunds go out twice"),
        ("effects.resumed", boss.id, "mended"),
    ]


def test_to_pause_or_resume_again_changes_nothing(app: App, ada: Actor, boss: Actor) -> None:
    resume(app, boss)
    assert state(app) == (False, None, None, None)
    pause(app, boss)
    pause(app, ada, "me too")
    assert state(app) == (True, "refunds go out twice", boss.id, boss.name)
    assert len(recorded(app)) == 1


def test_a_pause_needs_a_reason(app: App) -> None:
    with pytest.raises(errors.Invalid, match="Say why"):
        pause(app, reason=" ")
    assert state(app)[0] is False


def test_without_its_row_nothing_starts(app: App, bot: Actor) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    with app.database.writing() as connection:
        connection.execute(delete(tables.EffectSwitch))
    with pytest.raises(Exception, match="No row"):
        world.start(app, effect.id)
    assert world.now(app, effect).status is Status.APPROVED


def test_it_outlives_a_restart(app: App, settings: configuration.Settings, bot: Actor, clock: Clock) -> None:
    pause(app)
    again = application.build(settings, clock)
    assert state(again)[0] is True
    again.close()


class Threads:
    """What several threads do with units of their own; each tells how it ended."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.ended: list[str] = []
        self._running: list[threading.Thread] = []

    def run(self, name: str, work: Callable[[], object]) -> None:
        def told() -> None:
            try:
                work()
                self.ended.append(f"{name} was done")
            except errors.EffectsPaused:
                self.ended.append(f"{name} met the pause")

        self._running.append(threading.Thread(target=told))
        self._running[-1].start()

    def wait_for_waiting(self, number: int) -> None:
        """Until so many of them wait for a lock that somebody holds."""
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
        mine = "(SELECT oid FROM pg_database WHERE datname = current_database())"

        def count() -> bool:
            with self._app.database.reading() as connection:
                return bool(connection.exec_driver_sql(waiting + mine).scalar_one() == number)

        delivery.wait_until(count)

    def join(self) -> None:
        for thread in self._running:
            thread.join(30)
            assert not thread.is_alive()


def starting(app: App, effect: tables.Effect) -> Callable[[Unit], bool]:
    """The part of a start that is a transaction."""
    with app.view() as view:
        asked = queries.get(view, effect.id).facts.asked
    records = app.fetch(asked)
    return lambda unit: execution.start(unit, effect.id, records, app.policy, app.settings)


@meeting
def test_a_pause_waits_for_the_start_that_came_before_and_not_for_those_that_come_after(app: App, bot: Actor) -> None:
    first, second = (world.effect_of(app, world.receive(app, bot)) for _ in range(2))
    start = starting(app, first)
    threads = Threads(app)
    with app.unit(SYSTEM) as unit:
        assert start(unit)
        threads.run("the pause", lambda: pause(app))
        threads.wait_for_waiting(1)
        threads.run("the second start", lambda: world.start(app, second.id))
        threads.wait_for_waiting(2)  # it may not pass the pause, though it could share the lock with the first one
        assert state(app)[0] is False
        assert threads.ended == []
    threads.join()
    assert threads.ended == ["the pause was done", "the second start met the pause"]
    assert world.now(app, first).status is Status.EXECUTING
    assert world.now(app, second).status is Status.APPROVED
    with app.view() as view:
        row = tables.AuditEntry
        told = select(row.event).where(row.event.in_(["effect.started", "effects.paused"])).order_by(row.seq)
        assert list(view.session.scalars(told)) == ["effect.started", "effects.paused"]


@meeting
@pytest.mark.parametrize("is_executing", [False, True])
def test_a_start_waits_for_the_pause_that_came_before_and_meets_it(app: App, bot: Actor, is_executing: bool) -> None:
    effect = world.effect_of(app, world.receive(app, bot))
    if is_executing:
        assert world.start(app, effect.id)
    threads = Threads(app)
    with app.unit(SYSTEM) as unit:
        actions.pause(unit, "stop")
        unit.session.flush()
        threads.run("the start", lambda: world.start(app, effect.id))
        threads.wait_for_waiting(1)
        assert threads.ended == []
    threads.join()
    assert threads.ended == ["the start met the pause"]
    assert world.now(app, effect).status is (Status.EXECUTING if is_executing else Status.APPROVED)


@meeting
def test_starts_do_not_wait_for_each_other(app: App, bot: Actor) -> None:
    first, second = (world.effect_of(app, world.receive(app, bot)) for _ in range(2))
    start = starting(app, first)
    with app.unit(SYSTEM) as unit:
        assert start(unit)
        assert world.start(app, second.id)
