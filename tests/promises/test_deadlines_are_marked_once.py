"""However many processes watch, a deadline that passes is marked once, and once escalated."""

from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from flowops import app as application
from flowops import settings as configuration
from flowops.domain import events, jobs
from flowops.domain.sla import Kind
from flowops.storage import tables
from tests import delivery, promising

CASES = 300


@pytest.fixture
def app(database_url: str) -> Iterator[application.App]:
    """The app on the real clock."""
    app = application.build(configuration.load(database_url=database_url, secret_key="k" * 32))
    yield app
    app.close()


def breaches(app: application.App) -> int:
    with app.view() as view:
        return view.session.scalar(select(func.count()).where(tables.SlaMark.kind == Kind.BREACHED)) or 0


def test_300_deadlines_that_pass_at_once_are_each_marked_once_by_two_processes(app: application.App) -> None:
    with delivery.process(app.settings, "sweeps") as one, delivery.process(app.settings, "sweeps") as other:
        promising.open_many(app, 1, app.now())
        delivery.wait_until(lambda: breaches(app) == 1, seconds=60)  # so that somebody is seen to watch
        promising.open_many(app, CASES, app.now())
        delivery.wait_until(lambda: breaches(app) == 1 + CASES, seconds=60)
        for process in (one, other):
            process.terminate()
            assert process.wait(10) == 0
    with app.view() as view:
        marks = view.session.scalars(select(tables.SlaMark.handoff_id).where(tables.SlaMark.kind == Kind.BREACHED))
        recorded = view.session.scalars(
            select(tables.AuditEntry.handoff_id).where(tables.AuditEntry.event == events.SlaBreached.name)
        )
        told = view.session.scalars(select(tables.Job.payload).where(tables.Job.topic == jobs.EscalateSla.topic))
        promised = view.session.scalars(select(tables.Handoff).where(tables.Handoff.sla_policy.is_not(None))).all()
        each_once = Counter(handoff.id for handoff in promised)
        assert len(promised) == CASES + 1
        assert Counter(marks) == each_once
        assert Counter(recorded) == each_once
        assert Counter(payload["handoff_id"] for payload in told) == each_once
        assert {handoff.version for handoff in promised} == {2}
