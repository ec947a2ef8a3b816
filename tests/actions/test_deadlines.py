"""Sweeps do what is due, the longest due first, a batch at a time, and look at nothing else."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, event, select, text

from flowops.actions import deadlines, handoffs
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor
from flowops.domain.sla import Kind
from flowops.storage import tables
from tests import cases, promising, verbs
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
    statements: list[tuple[str, Any]] = []

    def keep(connection: Connection, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "handoffs" in statement:
            statements.append((statement, parameters))

    event.listen(app.database.engine, "before_cursor_execute", keep)
    with app.unit(SYSTEM) as unit:
        assert deadlines.breach_due(unit, 10) == deadlines.warn_due(unit, 10) == 0
    event.remove(app.database.engine, "before_cursor_execute", keep)
    with app.database.writing() as connection:
        if not app.settings.is_sqlite:
            connection.execute(text("ANALYZE handoffs"))
        plans = [
            str(connection.exec_driver_sql(f"{_EXPLAIN[app.settings.is_sqlite]} {statement}", parameters).all())
            for statement, parameters in statements
        ]
    assert ["ix_handoffs_to_breach" in plans[0], "ix_handoffs_to_warn" in plans[1]] == [True, True], plans


_EXPLAIN = {True: "EXPLAIN QUERY PLAN", False: "EXPLAIN"}
