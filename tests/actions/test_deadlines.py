"""Sweeps do what is due, the longest due first, a batch at a time, and look at nothing else."""

from datetime import timedelta

from sqlalchemy import select, text

from flowops.actions import deadlines, handoffs
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor
from flowops.domain.sla import Kind
from flowops.storage import tables
from tests import cases, plans, promising, verbs
from tests.conftest import Clock


def breach(app: App, limit: int = 10) -> int:
    with app.unit(SYSTEM) as unit:
        return deadlines.breach_due(unit, limit)


def test_a_batch_takes_the_oldest_deadlines_and_leaves_the_rest(app: App, clock: Clock, ada: Actor) -> None:
    ids = [cases.case(app, ada, sla_due_at=clock.now + timedelta(minutes=minutes)).id for minutes in (3, 1, 2, 60)]
    clock.forward(minutes=5)
    assert [breach(app, 2), breach(app, 2), breach(app, 2)] == [2, 1, 0]
    with app.view() as view:
        marks = select(tables.SlaMark.handoff_id).where(tables.SlaMark.kind == Kind.BREACHED)
        assert list(view.session.scalars(marks.order_by(tables.SlaMark.position))) == [ids[1], ids[2], ids[0]]


def test_a_case_that_somebody_works_on_is_passed_over_and_marked_by_them_or_later(
    app: App, clock: Clock, ada: Actor
) -> None:
    if app.settings.is_sqlite:
        return  # it has one writer, so nobody can meet
    held, free = cases.case(app, ada).id, cases.case(app, ada).id
    clock.forward(hours=2)
    with app.unit(ada) as unit:
        handoffs.find(unit, held)
        assert breach(app) == 1
        assert verbs.read(app, free).sla_breached_at == clock.now
    assert breach(app) == 1


def test_what_is_due_is_found_by_an_index_of_open_promises_alone(app: App, clock: Clock) -> None:
    promising.open_many(app, 2000, clock.now + timedelta(days=1))
    if not app.settings.is_sqlite:
        with app.database.writing() as connection:
            connection.execute(text("ANALYZE handoffs"))
    with plans.written(app.database, "handoffs") as found, app.unit(SYSTEM) as unit:
        assert deadlines.breach_due(unit, 10) == deadlines.warn_due(unit, 10) == 0
    assert ["ix_handoffs_to_breach" in found[0], "ix_handoffs_to_warn" in found[1]] == [True, True], found
