"""Whoever leaves, their role or a queue: the cases they own go back to the queue, and nobody else's do."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from flowops.actions import operators
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.handoffs import Status, Tier
from flowops.storage import tables
from flowops.storage.unit import Unit
from tests import cases, verbs
from tests.conftest import Clock

Leave = Callable[[Unit, str], object]


def disable(unit: Unit, user_id: str) -> object:
    return operators.disable(unit, user_id)


def only_watch(unit: Unit, user_id: str) -> object:
    return operators.change_role(unit, user_id, Role.VIEWER)


def leave_the_queue(unit: Unit, user_id: str) -> object:
    return operators.set_queues(unit, user_id, ["legal"])


def told(app: App) -> list[tuple[str, str]]:
    with app.view() as view:
        found = view.session.scalars(select(tables.Job).where(tables.Job.topic == "notify.operator"))
        return [(job.payload["user_id"], job.payload["about"]) for job in found]


@pytest.mark.parametrize("leave", [disable, only_watch, leave_the_queue])
def test_the_cases_of_who_can_own_them_no_more_go_back_to_the_queue(
    app: App, clock: Clock, ada: Actor, bob: Actor, boss: Actor, leave: Leave
) -> None:
    waiting, claimed, done, bobs = (cases.case(app, ada).id for _ in range(4))
    for case, owner in ((waiting, ada), (claimed, ada), (done, ada), (bobs, bob)):
        verbs.claim(app, owner, case)
    verbs.wait(app, ada, waiting)
    verbs.resolve(app, ada, done)
    clock.forward(minutes=5)
    with app.unit(SYSTEM) as unit:
        leave(unit, str(ada.id))
    for case in (waiting, claimed):
        handoff = verbs.read(app, case)
        assert (handoff.status, handoff.claimed_by, handoff.waiting_for) == (Status.PENDING, None, None)
        assert handoff.sla_due_at is not None
    assert verbs.happened(app, waiting)[-2:] == ["handoff.released", "handoff.resumed"]
    assert verbs.read(app, done).status is Status.RESOLVED
    assert verbs.read(app, bobs).claimed_by == bob.id
    assert told(app) == [(boss.id, "returned")] * 2
    with app.unit(SYSTEM) as unit:
        leave(unit, str(ada.id))
    assert len(told(app)) == 2


def test_who_supervises_no_more_keeps_what_an_operator_may_own(app: App, ada: Actor, boss: Actor) -> None:
    plain, hard = (cases.case(app, ada).id for _ in range(2))
    verbs.escalate(app, ada, hard)
    for case in (plain, hard):
        verbs.claim(app, boss, case)
    with app.unit(SYSTEM) as unit:
        operators.change_role(unit, str(boss.id), Role.OPERATOR)
    assert verbs.read(app, plain).claimed_by == boss.id
    handoff = verbs.read(app, hard)
    assert (handoff.status, handoff.tier) == (Status.PENDING, Tier.SUPERVISOR)
