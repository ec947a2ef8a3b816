"""A case that cannot be swept keeps no other from it, and leaves nothing of itself behind."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from flowops import errors
from flowops.actions import deadlines, ownership, sweeping
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor
from flowops.storage import tables
from flowops.storage.unit import Unit
from tests import cases, verbs
from tests.conftest import Clock

LEASE = timedelta(minutes=15)


def wait(app: App, by: Actor, ref: str) -> None:
    verbs.claim(app, by, ref)
    verbs.wait(app, by, ref, until=app.now() + LEASE)


# What makes a case due within 16 minutes, and the sweep that takes it then.
DUE: dict[str, tuple[timedelta, Callable[[App, Actor, str], object] | None, Callable[[Unit, int], int]]] = {
    "sla.breached": (timedelta(minutes=10), None, deadlines.breach_due),
    "sla.warned": (timedelta(minutes=20), None, deadlines.warn_due),
    "handoff.claim_expired": (timedelta(days=1), verbs.claim, ownership.expire_due),
    "handoff.resumed": (timedelta(days=1), wait, partial(ownership.resume_due, lease=LEASE)),
}


def refuse(app: App, handoff_id: str) -> None:
    """Let the database itself refuse whatever is recorded of this case from now on."""
    statement = f"ALTER TABLE audit_entries ADD CONSTRAINT refused CHECK (handoff_id <> '{handoff_id}') NOT VALID"
    if app.settings.is_sqlite:
        statement = (
            f"CREATE TRIGGER refused BEFORE INSERT ON audit_entries WHEN NEW.handoff_id = '{handoff_id}' "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    with app.database.writing() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize("event", DUE)
def test_a_case_that_cannot_be_swept_keeps_no_other_from_it(app: App, clock: Clock, ada: Actor, event: str) -> None:
    due, prepare, step = DUE[event]

    def sweep() -> int:
        with app.unit(SYSTEM) as unit:
            return step(unit, 10)

    first, wrong, last = (cases.case(app, ada, sla_due_at=clock.now + due).id for _ in range(3))
    for ref in (first, wrong, last):
        if prepare is not None:
            prepare(app, ada, ref)
    before = verbs.read(app, wrong)
    refuse(app, wrong)
    clock.forward(minutes=16)
    with capture_logs() as logged:
        assert sweep() == 3
    assert [entry["id"] for entry in logged] == [wrong]
    assert [verbs.happened(app, ref).count(event) for ref in (first, wrong, last)] == [1, 0, 1]
    after = verbs.read(app, wrong)
    assert (after.version, after.status, after.sla_warned_at) == (before.version, before.status, before.sla_warned_at)
    with capture_logs():
        assert sweep() == 0, "whoever asks again at once would ask for ever"


def test_a_lost_database_is_no_fault_of_a_case(app: App, ada: Actor) -> None:
    def lose(_: tables.Handoff) -> None:
        raise OperationalError("SELECT 1", {}, Exception("the server closed the connection"))

    handoff = cases.case(app, ada)
    with pytest.raises(errors.Unavailable), app.unit(SYSTEM) as unit:
        sweeping.each(unit, [unit.session.merge(handoff)], lose)
