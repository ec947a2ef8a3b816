"""The sweep does everything that time alone makes due, goes on after an outage, and stops when told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import create_engine

from flowops import app as application
from flowops import settings as configuration
from flowops.actions import deadlines, ownership
from flowops.app import App
from flowops.domain.effects import Status
from flowops.queries import audit, effects
from flowops.queries import sla as promises
from flowops.storage.unit import Unit
from flowops.workers import loop, sla
from tests import cases, delivery, promising, verbs, world
from tests.conftest import NOW, Clock


@contextmanager
def sweeping(app: App) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=sla.run, args=(app, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def real(settings: configuration.Settings) -> Iterator[App]:
    """The app on the real clock."""
    app = application.build(settings)
    yield app
    app.close()


def test_everything_that_is_due_is_done_and_nothing_else(app: App, clock: Clock) -> None:
    app.sandbox.seed(NOW)
    ada = cases.person(app, "Ada")
    expired, waiting, breached, warned, quiet = (
        cases.case(app, ada, sla_due_at=clock.now + timedelta(days=days)).id for days in (30, 30, 1, 8, 30)
    )
    verbs.claim(app, ada, expired)
    verbs.claim(app, ada, waiting)
    verbs.wait(app, ada, waiting, until=clock.now + timedelta(days=1))
    held = world.receive(app, world.service(app), kind="reply", params={"body": "We look into it."}).handoff_id or ""
    clock.now += timedelta(days=8) - timedelta(minutes=1)
    sla.sweep(app)
    versions = [verbs.read(app, ref).version for ref in (expired, waiting, breached, warned, quiet)]
    sla.sweep(app)
    assert verbs.happened(app, expired)[-1] == "handoff.claim_expired"
    assert verbs.happened(app, waiting)[-1] == "handoff.resumed"
    assert verbs.happened(app, breached)[-1] == "sla.breached"
    assert verbs.happened(app, warned)[-1] == "sla.warned"
    assert verbs.happened(app, quiet)[-1] == "handoff.created"
    assert [verbs.read(app, ref).version for ref in (expired, waiting, breached, warned, quiet)] == versions
    with app.view() as view:
        [proposal] = effects.search(view, handoff_id=held).items
    assert proposal.effect.status is Status.EXPIRED


def test_more_than_a_batch_is_swept_at_once_and_a_stopping_sweep_ends_after_its_batch(app: App, clock: Clock) -> None:
    promising.open_many(app, sla.BATCH + 1, clock.now)
    clock.forward(seconds=1)
    stop = threading.Event()
    stop.set()
    sla.run(app, stop)
    with app.view() as view:
        assert promises.unmarked(view) == timedelta(seconds=1)
    sla.sweep(app)
    with app.view() as view:
        assert promises.unmarked(view) == timedelta(0)


def test_a_lost_database_is_waited_for_and_one_step_that_fails_keeps_no_other_from_being_done(
    real: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(unit: object, limit: int) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(deadlines, "warn_due", fail)
    ada = cases.person(real, "Ada")
    due = cases.case(real, ada, sla_due_at=real.now()).id
    late = cases.case(real, ada).id
    with real.unit(ada) as unit:
        ownership.claim(unit, late, lease=timedelta(0))
    there, nowhere = real.database.engine, create_engine("sqlite:////nowhere/flowops.db")
    failed = threading.Event()
    monkeypatch.setattr(loop.log, "warning", lambda *_, **__: failed.set(), raising=False)
    real.database.engine = nowhere
    with sweeping(real):
        assert failed.wait(30)
        real.database.engine = there
        delivery.wait_until(lambda: verbs.read(real, due).sla_breached_at)
        delivery.wait_until(lambda: verbs.read(real, late).claimed_by is None)
    nowhere.dispose()


def test_a_heap_of_expired_claims_makes_no_breach_late(app: App, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sla, "BATCH", 2)
    ada, expire_due = cases.person(app, "Ada"), ownership.expire_due
    for _ in range(6):
        verbs.claim(app, ada, cases.case(app, ada, sla_due_at=clock.now + timedelta(days=1)).id)
    clock.forward(minutes=30)
    cases.case(app, ada, sla_due_at=clock.now + timedelta(minutes=1))

    def expire_slowly(unit: Unit, limit: int) -> int:
        clock.forward(minutes=1)
        return expire_due(unit, limit)

    monkeypatch.setattr(ownership, "expire_due", expire_slowly)
    sla.sweep(app)
    with app.view() as view:
        entries = [entry.row.event for entry in audit.search(view, limit=200).items]
    happened = [event for event in reversed(entries) if event in {"handoff.claim_expired", "sla.breached"}]
    assert happened.index("sla.breached") == 4
    assert len(happened) == 7
