"""A total never falls, whatever becomes of what it counts: Prometheus would take a fall for a restart."""

from datetime import timedelta

import pytest

from flowops.actions import artifacts as reviews
from flowops.actions import effects as actions
from flowops.actions import execution, handoffs, leases, outbox, ownership
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.artifacts import Judgement
from flowops.domain.handoffs import Outcome, Priority
from flowops.queries import artifacts, metrics
from flowops.storage import tables
from tests import cases, delivery, world
from tests.conftest import NOW, Clock

LEASE = timedelta(minutes=15)


class Totals:
    """Every total of the product; asking anew makes sure that none has fallen."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._last: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}

    def look(self) -> None:
        with self._app.view() as view:
            kinds = [metric for metric in metrics.collect(view) if metric.type in {"counter", "histogram"}]
        found = {
            (sample.name, frozenset(sample.labels.items())): sample.value for kind in kinds for sample in kind.samples
        }
        assert {key: (last, found.get(key)) for key, last in self._last.items() if not found.get(key, -1) >= last} == {}
        self._last = found

    def effects(self, kind: str) -> dict[str, float]:
        """How often effects of this kind came into each status."""
        labels = {key[1]: value for key, value in self._last.items() if key[0] == "flowops_effects_total"}
        return {dict(key)["status"]: value for key, value in labels.items() if ("kind", kind) in key}


@pytest.fixture
def totals(app: App) -> Totals:
    app.sandbox.seed(NOW)
    return Totals(app)


def test_no_total_falls_in_the_life_of_an_effect(app: App, clock: Clock, totals: Totals) -> None:
    boss, chief = (cases.person(app, name, Role.SUPERVISOR) for name in ("Boss", "Chief"))
    bot = world.service(app)
    effect = world.proposed(app, bot, params=world.BIG, customer_id="cust_132")
    totals.look()
    for supervisor in (boss, chief):
        world.approve(app, supervisor, effect)
        totals.look()
    clock.forward(seconds=11)
    world.change_invoice(app, "inv_320", total=70_000)
    assert not world.start(app, effect.id)
    totals.look()
    for supervisor in (boss, chief):
        world.approve(app, supervisor, world.now(app, effect))
        totals.look()
    clock.forward(seconds=11)
    assert world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        execution.put_back(unit, effect.id, "the connection was refused")
    totals.look()
    assert world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        execution.finish(unit, effect.id, "rf_1", NOW)
    totals.look()
    assert totals.effects("refund") == {"proposed": 1, "approved": 2, "held": 1, "executing": 2, "done": 1}


def test_no_total_falls_however_an_effect_ends(app: App, clock: Clock, totals: Totals) -> None:
    ada, bot = cases.person(app, "Ada"), world.service(app)
    declined, cancelled, failed, late = (world.proposed(app, bot) for _ in range(4))
    totals.look()
    world.decline(app, ada, declined)
    world.cancel(app, bot, cancelled)
    totals.look()
    world.approve(app, ada, failed)
    clock.forward(seconds=11)
    assert world.start(app, failed.id)
    with app.unit(SYSTEM) as unit:
        execution.fail(unit, failed.id, "the invoice is locked")
    totals.look()
    clock.forward(days=8)
    with app.unit(SYSTEM) as unit:
        assert actions.expire_due(unit, 10) == 1
    totals.look()
    ends = {"declined": 1, "cancelled": 1, "failed": 1, "expired": 1}
    assert totals.effects("refund") == {"proposed": 4, "approved": 1, "executing": 1, **ends}
    assert world.now(app, late).status == "expired"


def test_no_total_falls_in_the_life_of_a_case(app: App, clock: Clock, totals: Totals) -> None:
    ada = cases.person(app, "Ada")
    handoff = cases.case(app, ada, priority=Priority.URGENT)
    delivery.deliver(app)
    totals.look()
    clock.forward(hours=3)
    with app.unit(ada) as unit:
        ownership.claim(unit, handoff.id, lease=LEASE)
    totals.look()
    _judge(app, ada, handoff, Judgement.REJECTED)
    totals.look()
    _judge(app, ada, handoff, Judgement.ACCEPTED)
    totals.look()
    with app.unit(ada) as unit:
        ownership.release(unit, handoff.id)
        ownership.claim(unit, handoff.id, lease=LEASE)
        handoffs.resolve(unit, handoff.id, Outcome.ANSWERED, "Done.")
    totals.look()
    with app.unit(ada) as unit:
        handoffs.reopen(unit, handoff.id, "They wrote again.")
    totals.look()


def test_no_total_falls_in_the_life_of_a_job(app: App, clock: Clock, totals: Totals) -> None:
    job_id, _ = delivery.enqueue(app, delivery.Ring(bell="a"), delivery.Ring(bell="b"))
    first, second = delivery.claim(app)
    totals.look()
    delivery.bury(app, first)
    with app.unit(SYSTEM) as unit:
        leases.give_back(unit, [second])
    totals.look()
    with app.unit(SYSTEM) as unit:
        outbox.retry_dead(unit, job_id)
    totals.look()
    delivery.claim(app)
    clock.forward(seconds=31)
    assert delivery.recover(app) == 2
    totals.look()
    for job in delivery.claim(app, limit=1):
        delivery.bury(app, job)
    with app.unit(SYSTEM) as unit:
        outbox.discard(unit, job_id, "nobody needs it")
    totals.look()


def _judge(app: App, by: Actor, handoff: tables.Handoff, verdict: Judgement) -> None:
    with app.view(by) as view:
        artifact = artifacts.latest(view, handoff, "handoff_summary.v1")
    with app.unit(by) as unit:
        reviews.review(unit, artifact.id, verdict, lease=LEASE)
